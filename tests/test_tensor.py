"""Tensor as Python sees it: operators with numbers and arrays on either side, methods, comparisons, NumPy's protocols.

What a tensor can be made of, and who owns the memory, is in autograd/test_variable.py.
"""

from __future__ import annotations

import operator

import numpy as np
import pytest

import minifcn.functional as F
from minifcn import Tensor, no_grad
from minifcn.errors import ArgumentError, ArgumentTypeError, GraphError
from minifcn.tensor import Buffer, Parameter
from tests.onto import equal, get, on

A = np.array([[1.0, 2.0, 4.0], [0.5, 8.0, 0.25]])
B = np.array([2.0, 4.0, 0.5])

ARITHMETIC = [operator.add, operator.sub, operator.mul, operator.truediv]
COMPARISONS = [operator.eq, operator.ne, operator.lt, operator.le, operator.gt, operator.ge]


@pytest.mark.parametrize("operation", ARITHMETIC + COMPARISONS)
def test_operators_with_tensors_arrays_and_numbers_on_both_sides(operation, xp):
    x = on(xp, A)
    for other in (on(xp, B), xp.asarray(B), 2, 0.5, np.float64(2.0), np.float32(0.5), np.int64(4), True):
        plain = get(other) if isinstance(other, Tensor | xp.ndarray) else other
        for found, expected in ((operation(x, other), operation(A, plain)), (operation(other, x), operation(plain, A))):
            assert type(found) is Tensor
            equal(found, expected)
            assert found.dtype == expected.dtype


def test_the_remaining_operators(xp):
    x = on(xp, A, requires_grad=True)
    equal((-x).data, -A)
    equal((x**2).data, A**2)
    equal(x @ xp.asarray(B), A @ B)
    equal(xp.asarray(B[:2]) @ x, B[:2] @ A)
    equal((x @ on(xp, A.T)).data, A @ A.T)
    y = 3.0 - 2.0 / x
    y.sum().backward()
    equal(x.grad, 2 / A**2)


@pytest.mark.parametrize("operation", ARITHMETIC + COMPARISONS)
def test_operators_refuse_what_they_do_not_know(operation, xp):
    x = on(xp, A)
    unknown = ["2", [1.0, 2.0, 3.0], 1j]
    unknown += [] if operation.__name__ in ("eq", "ne") else [None]  # nothing is equal to None, and that is known
    for other in unknown:
        with pytest.raises(ArgumentTypeError, match="cannot combine a Tensor with"):
            operation(x, other)
    with pytest.raises(ArgumentTypeError, match="different dtypes, float64 and float32"):
        operation(x, B.astype(np.float32))


def test_masks_are_joined(xp):
    a, b = on(xp, [True, True, False, False]), on(xp, [True, False, True, False])
    equal(a & b, [True, False, False, False])
    equal(a | b, [True, True, True, False])
    equal(a ^ b, [False, True, True, False])
    equal(~a, [False, False, True, True])
    equal(a & True, a)
    equal(~on(xp, [0, 5]), [-1, -6])
    equal(on(xp, [6, 5]) & 3, [2, 1])
    assert (a & b).dtype == np.bool_ and (~a).dtype == np.bool_
    equal(~on(xp, np.array([0, 255], np.int16)), [-1, -256])
    for wrong in (lambda: on(xp, [1.0]) & on(xp, [2.0]), lambda: ~on(xp, [1.0])):
        with pytest.raises(ArgumentTypeError, match="booleans or whole numbers are needed, got float32; compare first"):
            wrong()
    with pytest.raises(ArgumentTypeError, match="different dtypes, bool and int64"):
        a & on(xp, [1, 2, 3, 4])


def test_comparisons_of_shapes_that_do_not_fit(xp):
    with pytest.raises(ValueError, match="broadcast"):
        on(xp, A) == on(xp, np.ones(2))  # noqa: B015


def test_comparisons_have_no_gradient_and_tensors_are_found_by_identity(xp):
    x = on(xp, A, requires_grad=True)
    assert not (x > 1.0).requires_grad
    assert (x > 1.0).dtype == np.bool_
    y = on(xp, A)
    assert {x: "x", y: "y"}[x] == "x"
    assert len({x, y}) == 2


def test_methods_are_the_functions(xp):
    x = on(xp, A)
    pairs = [
        (x.sum(0, True), F.sum(x, 0, True)),
        (x.mean((0, 1)), F.mean(x)),
        (x.var(1, 0), F.var(x, 1, 0)),
        (x.std(1, 0), F.std(x, 1, 0)),
        (x.amax(1), F.amax(x, 1)),
        (x.amin(axis=0), F.amin(x, 0)),
        (x.max(), F.amax(x)),
        (x.max(0).values, F.amax(x, 0)),
        (x.min(1, True).indices, F.argmin(x, 1, True)),
        (x.argmin(), F.argmin(x)),
        ((x > 1).all(1), F.all(x > 1, 1)),
        ((x > 1).any(), F.any(x > 1)),
        (abs(-x), F.abs(x)),
        (2**x, F.power(2, x)),
        (x.view(3, -1), F.reshape(x, (3, 2))),
        (x.view((6,)), F.flatten(x)),
        (x.T.contiguous().view_as(x), F.reshape(x.T, (2, 3))),
        (x.t(), x.T),
        (x.eq(2.0), x == 2.0),
        (x.unsqueeze(0), F.unsqueeze(x, 0)),
        (x.unsqueeze(0).squeeze(), x),
        (x.expand(4, -1, 3), F.broadcast_to(x, (4, 2, 3))),
        (x.clone(), x),
        (x.T.contiguous(), x.T),
        (x.float(), F.astype(x, np.float32)),
        (x.double(), x),
        (x.half(), F.astype(x, np.float16)),
        (x.int(), F.astype(x, np.int32)),
        (x.long(), F.astype(x, np.int64)),
        (x.bool(), F.astype(x, np.bool_)),
        (x.argmax(1), F.argmax(x, 1)),
        (x.exp(), F.exp(x)),
        (x.log(), F.log(x)),
        (x.sqrt(), F.sqrt(x)),
        ((-x).abs(), F.abs(x)),
        (x.pow(3), F.power(x, 3)),
        (x.clamp(1, max=2), F.clamp(x, 1, 2)),
        (x.relu(), F.relu(x)),
        (x.sigmoid(), F.sigmoid(x)),
        (x.tanh(), F.tanh(x)),
        (x.softmax(1), F.softmax(x, 1)),
        (x.log_softmax(0), F.log_softmax(x, 0)),
        (x.reshape(3, 2), F.reshape(x, (3, 2))),
        (x.flatten(), F.flatten(x)),
        (x.permute(1, 0), F.permute(x, (1, 0))),
        (x.transpose(0, 1), F.transpose(x, 0, 1)),
        (x.astype(np.float32), F.astype(x, np.float32)),
    ]
    for found, expected in pairs:
        assert found.dtype == expected.dtype
        equal(found, expected)


def test_iteration_and_numbers(xp):
    rows = list(on(xp, A))
    assert len(rows) == 2
    equal(rows[1].data, A[1])
    assert float(on(xp, [2.5])) == 2.5
    assert int(on(xp, [[2.5]])) == 2
    with pytest.raises(ArgumentError, match=r"item\(\) needs exactly one element, this tensor has 6"):
        float(on(xp, A))


def test_numpy_sees_the_values():
    x = Tensor(A)
    assert np.shares_memory(np.asarray(x), x.data)
    np.testing.assert_array_equal(np.asarray(x), A)
    assert np.asarray(x, np.float32).dtype == np.float32
    with pytest.raises(GraphError, match=r"requires grad would lose its graph; use \.detach\(\)\.numpy\(\)"):
        np.asarray(Tensor(A, requires_grad=True))


def test_a_copy_for_numpy_is_a_copy():
    x = Tensor(A)
    for copied in (np.array(x), np.array(x, np.float64), np.array(x, copy=True), np.array(x, np.float32)):
        copied[0, 0] = 99
        np.testing.assert_array_equal(x.data, A)


def test_numpys_functions_leave_operators_to_the_tensor(xp):
    x = on(xp, B, requires_grad=True)
    array = xp.asarray(B)
    for found in (array * x, np.float64(2.0) * x, array + x, array - x, array / x):
        assert type(found) is Tensor
        assert found.requires_grad
    with pytest.raises(TypeError):
        np.exp(x)


def test_writing(xp):
    x = on(xp, A)
    x[0, 1:] = 7.0
    x[1] = on(xp, B)
    equal(x, [[1.0, 7.0, 7.0], B])
    x.requires_grad = True
    with pytest.raises(GraphError, match=r"not recorded.* write inside no_grad\(\) or on \.detach\(\)"):
        x[0] = 1.0
    with no_grad():
        x[0, 0] = 5.0
    assert get(x)[0, 0] == 5.0


def test_parameters_and_buffers(xp):
    p, b = Parameter(on(xp, [1.0, 2.0])), Buffer(on(xp, [1.0, 2.0]))
    assert p.requires_grad
    assert not b.requires_grad
    y = p * 2.0 + b
    assert type(y) is Tensor  # what is computed is neither
    assert type(p.detach()) is Tensor
    y.sum().backward()
    equal(p.grad, [2.0, 2.0])
    frozen = Parameter([1.0], requires_grad=False)
    assert not (frozen * 2.0).requires_grad


def test_the_gradient_of_a_parameter_is_an_ordinary_tensor(xp):
    p = Parameter(xp.ones(2))
    (p * xp.asarray([3.0, 4.0])).sum().backward()
    assert type(p.grad) is Tensor
    assert not p.grad.requires_grad


def test_none_is_equal_to_no_tensor():
    x = Tensor([1.0, 2.0])
    assert (x == None) is False and (x != None) is True  # noqa: E711
    assert None not in [x]
