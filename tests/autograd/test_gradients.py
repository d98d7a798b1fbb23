"""What a user hands in and is handed: every refusal the whole sentence, no copy where none is needed."""

from __future__ import annotations

from collections.abc import Callable
from unittest import mock

import numpy as np
import pytest

import minifcn.functional as F
from minifcn import Tensor, grad
from minifcn.autograd import Operation, backward, gradients
from minifcn.autograd.variable import array_of
from minifcn.errors import ArgumentError, ArgumentTypeError, GraphError


def leaf(*shape: int) -> Tensor:
    return Tensor(np.ones(shape), requires_grad=True)


@pytest.mark.parametrize(
    ("given", "kind", "sentence"),
    [
        (
            None,
            GraphError,
            "backward: without a gradient the output must be a single number, it has shape (2, 3); pass gradient of that "
            "shape or reduce the output with .sum() or .mean().",
        ),
        (np.ones((3, 2)), ArgumentError, "backward: gradient has shape (3, 2) but the output has (2, 3)."),
        (
            np.ones((2, 3), np.float32),
            ArgumentTypeError,
            "backward: gradient is float32 but the output is float64; convert it.",
        ),
    ],
)
def test_a_gradient_that_does_not_fit_is_refused(given: object, kind: type[Exception], sentence: str) -> None:
    with pytest.raises(kind) as caught:
        (leaf(2, 3) * 2).backward(given)
    assert str(caught.value) == sentence


def test_without_a_graph_there_is_nothing_to_walk() -> None:
    with pytest.raises(GraphError) as caught:
        Tensor([1.0]).backward()
    assert str(caught.value) == "backward: the output does not depend on any tensor that requires grad."


def test_a_gradient_of_another_card_is_refused(played) -> None:
    x = Tensor(played.ones((2,)), requires_grad=True)
    with pytest.raises(ArgumentTypeError) as caught:
        (x * 2).backward(Tensor(np.ones(2)))
    assert str(caught.value) == (
        "backward: the output and gradient live on different devices, cuda:0 (shape (2,)) and cpu (shape (2,)); move one "
        "with .to(...)."
    )


def test_lists_that_differ_in_length_are_refused() -> None:
    x = leaf(2)
    with pytest.raises(ArgumentError) as caught:
        grad([x.sum(), x.sum()], x, [None])
    assert str(caught.value) == "grad: 2 outputs but 1 grad_outputs; pass one for each."
    with pytest.raises(GraphError) as refused:
        grad(x.sum(), [x, Tensor([1.0])])
    assert str(refused.value) == "grad: input 1 does not require grad; set requires_grad=True before using it."


def test_gradients_have_no_graph_unless_asked_for() -> None:
    x = leaf(2)
    (x * x).sum().backward()
    assert x.grad is not None and not x.grad.requires_grad
    x.grad = None
    backward((x * x).sum())
    assert x.grad is not None and not x.grad.requires_grad
    (found,) = grad((x * x).sum(), x)
    assert not found.requires_grad


def test_a_gradient_that_is_nobody_elses_is_not_copied() -> None:
    x, y = leaf(3), leaf(3)
    with mock.patch.object(gradients, "Copy", side_effect=AssertionError("copied")):
        F.multiply(x, y).sum().backward()
    np.testing.assert_array_equal(x.grad.data, y.data)


def test_an_array_that_was_freed_on_the_way_causes_no_copy() -> None:
    """The gradients of the vectors are views, copied and freed: no id of theirs may speak for an array made later."""
    vectors, matrices = [leaf(3) for _ in range(20)], [leaf(1, 3) for _ in range(20)]
    y = F.cat([F.multiply(v.reshape(1, 3), m) for v, m in zip(vectors, matrices, strict=True)])
    with mock.patch.object(gradients, "Copy", wraps=gradients.Copy) as copies:
        y.sum().backward()
    assert copies.call_count == len(vectors)
    held = [x.grad._array for x in vectors + matrices if x.grad is not None]
    assert len(held) == 40 and not any(np.shares_memory(a, b) for i, a in enumerate(held) for b in held[:i])


class Answers(Operation):
    """x + constant, with a backward that answers with what is there already, instead of with a gradient."""

    keeps_output = True

    def __init__(self, answer: Callable[[Operation], Tensor]) -> None:
        self.answer = answer

    def forward(self, x: np.ndarray, constant: np.ndarray) -> np.ndarray:
        return x + constant

    def backward(self, grad: Tensor) -> tuple[Tensor, None]:
        return self.answer(self), None


@pytest.mark.parametrize("create_graph", [False, True])
@pytest.mark.parametrize(
    "answer",
    [
        lambda operation: operation.operands[0],
        lambda operation: operation.operands[0].reshape(1, 3).reshape(3),
        lambda operation: operation.operands[0].detach(),
        lambda operation: operation.operands[1],
        lambda operation: operation.output,
    ],
)
def test_a_gradient_is_never_what_an_operation_saved(answer: Callable[[Operation], Tensor], create_graph: bool) -> None:
    """PyTorch copies it, too. Else x.grad would be x, and zero_grad would set the weights to zero."""
    x, constant = leaf(3), Tensor(np.full(3, 2.0))
    y = Answers(answer)(x, constant)
    y.backward(np.ones(3), create_graph=create_graph)
    (found,) = grad(Answers(answer)(x, constant), x, np.ones(3), create_graph=create_graph)
    arrays = [each._array for each in (x, constant, y, x.grad, found) if each is not None]
    assert len(arrays) == 5 and x.grad is not x
    assert not any(np.shares_memory(a, b) for i, a in enumerate(arrays) for b in arrays[:i])


def test_what_is_beside_a_tensor_keeps_its_own_dtype_if_it_has_one() -> None:
    x = Tensor(np.ones(2, np.float32))
    assert x.beside(np.ones(2)).dtype == np.float64
    assert x.beside(Tensor(np.ones(2))).dtype == np.float64
    assert x.beside([1.0, 2.0]).dtype == x.beside(3.0).dtype == np.float32


def test_what_cannot_be_held_is_told_with_what_it_was_to_be() -> None:
    with pytest.raises(ArgumentTypeError) as caught:
        array_of(np.ma.masked_array([1.0], [True]), name="an index")
    assert str(caught.value) == "a masked array cannot become an index; fill it first with .filled(value)."


def test_a_tensor_of_a_card_says_so(played) -> None:
    assert repr(Tensor(played.ones((1,), dtype="f4"))) == 'Tensor([1.], device="cuda:0")'
