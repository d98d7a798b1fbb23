"""Tensors on "cuda:1" while card 0 is the current one: all happens on card 1, and the numbers are NumPy's.

The played CuPy refuses an array that is not on the current card; a real one would compute elsewhere, or copy.
"""

from __future__ import annotations

import operator
from types import ModuleType

import numpy as np
import pytest

import minifcn
from minifcn import Tensor, as_tensor, convolution_matrix, no_grad
from minifcn import functional as F
from minifcn.autograd import gradcheck
from minifcn.errors import GraphError
from minifcn.metrics import ConfusionMatrix, boundary_iu, upper_bound
from tests.functional.anywhere import CASES
from tests.hostile.arrays import arrays_of, differentiated, eighths
from tests.onto import equal, get, moved_to


@pytest.fixture(autouse=True)
def cupy(played):
    return played


def there(values, requires_grad=False):
    return Tensor(values, requires_grad, device="cuda:1")


def is_there(found, expected):
    assert found.device == "cuda:1"
    assert (found.dtype, found.shape) == (expected.dtype, expected.shape)
    equal(found, expected)


# The whole catalogue --------------------------------------------------------------------------------------------------


def reference(case, cupy):
    """Where the right answer is computed: by NumPy, but what a GPU draws by lot on card 0."""
    return cupy if case.name.startswith("dropout") else np


def given(case, xp, dtype):
    """Operands, labels, v and u of `differentiated` as arrays of a module or on a card."""
    operands, labels = arrays_of(case, np)
    shape = case(*(Tensor(x.astype(dtype)) for x in operands), *labels)
    v = eighths(shape.shape, 7).astype(shape.dtype)
    u = [eighths(x.shape, 8).astype(dtype) for x in operands]
    move = xp.asarray if isinstance(xp, ModuleType) else lambda x: moved_to(x, xp)
    return [move(x.astype(dtype)) for x in operands], list(map(move, labels)), move(v), list(map(move, u))


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("name", CASES)
def test_forward_backward_and_second_order(name, dtype, cupy):
    case, eps = CASES[name], np.finfo(dtype).eps
    terms = max(int(np.prod(shape)) for shape in case.shapes)
    found, expected = (differentiated(case, *given(case, xp, dtype)) for xp in ("cuda:1", reference(case, cupy)))
    for here, right in zip(found, expected, strict=True):
        assert here.device == "cuda:1"
        assert (here.dtype, here.shape) == (right.dtype, right.shape)
        largest = float(np.abs(get(right)).max(initial=0))
        exact = case.exact and dtype == np.float64
        np.testing.assert_allclose(get(here), get(right), rtol=0, atol=0 if exact else 4 * terms * eps * largest)


@pytest.mark.parametrize("name", CASES)
def test_backward_adds_up_in_grad(name, cupy):
    """As `differentiated`, but through .backward(), twice, and with a gradient that is a plain list."""
    case = CASES[name]
    operands, labels, _, _ = given(case, "cuda:1", np.float64)
    right, right_labels, v, _ = given(case, reference(case, cupy), np.float64)
    leaves, expected = [[as_tensor(x).requires_grad_() for x in arrays] for arrays in (operands, right)]
    for _ in range(2):
        case(*leaves, *labels).backward(v.tolist())
        case(*expected, *right_labels).backward(v.tolist())
    for leaf, other in zip(leaves, expected, strict=True):
        assert leaf.grad.device == "cuda:1"
        np.testing.assert_allclose(get(leaf.grad), get(other.grad), rtol=1e-10, atol=0 if case.exact else 1e-11)


def test_what_has_no_gradient(cupy):
    x, weight = eighths((2, 3, 4, 5)), eighths((6, 2, 3, 2))
    for dim in (None, 0, 1, -1):
        is_there(there(x).argmax(dim), np.asarray(x.argmax(dim)))
    values, places = F.max_pool2d(there(x), (2, 3), return_indices=True)
    right, right_places = F.max_pool2d(Tensor(x), (2, 3), return_indices=True)
    is_there(values, right._array)
    is_there(places, right_places._array)
    for sparse in (False, True):
        made = convolution_matrix(there(weight), (4, 3), 2, 1, 1, 2, sparse)
        right = convolution_matrix(weight, (4, 3), 2, 1, 1, 2, sparse)
        if sparse:
            images = eighths((right.shape[1], 2))
            equal(made @ moved_to(images, "cuda:1"), right @ images)
            made, right = made.T.toarray(), right.T.toarray()
        assert made.device.id == 1
        equal(made, right)


# Tensors --------------------------------------------------------------------------------------------------------------

X = eighths((3, 4))


def test_a_tensor_is_made_there(cupy):
    for data in (X, X.tolist(), Tensor(X), cupy.asarray(X), moved_to(X, "cuda:1"), np.asfortranarray(X)[:, ::-2]):
        x = Tensor(data, True, dtype=np.float64, device="cuda:1")
        assert x.is_leaf and x.requires_grad
        is_there(x.detach(), get(data).astype(np.float64) if not isinstance(data, list) else X)
    alone = moved_to(X, "cuda:1")
    is_there(Tensor(alone), X)
    is_there(Tensor(alone, dtype=np.float32), X.astype(np.float32))
    is_there(Tensor.of(alone), X)
    assert Tensor.of(alone)._array is alone and Tensor(alone)._array is not alone
    is_there(as_tensor(alone, np.float32), X.astype(np.float32))
    is_there(as_tensor(X, device="cuda:1"), X)


def test_from_card_to_card_and_back():
    x = there(X, requires_grad=True)
    y = x.to("cuda:0")
    assert y.device == "cuda:0" and x.to("cuda:1") is x
    back = (y * 2).to("cuda:1")
    is_there(back, 2 * X)
    home = back.to("cpu")
    assert home.device == "cpu"
    (home * Tensor(X)).sum().backward()
    is_there(x.grad, 2 * X)
    with no_grad():
        y[0] = 7.0
    is_there(x.detach(), X)  # a copy: the other card's numbers are its own


def test_reading():
    x, one = there(X), there([[2.5]])
    np.testing.assert_array_equal(x.numpy(), X)
    assert repr(x) == repr(Tensor(X))[:-1] + ', device="cuda:1")'
    assert (one.item(), float(one), int(one), bool(one), bool(there([0]))) == (2.5, 2.5, 2, True, False)
    assert [get(row).tolist() for row in x] == X.tolist() and len(x) == 3
    assert x[1, 2].item() == X[1, 2] and x.sum().item() == X.sum()


KEYS = {
    "integer": 1,
    "slices": (slice(None, None, -2), slice(1, 3)),
    "new axis": (None, ..., 0),
    "list": [2, 0, -1],
    "two lists": ([0, 2], [3, -4]),
    "array": (slice(None), np.array([3, 0, 3])),
    "mask": X > 0,
    "row mask": (np.array([True, False, True]), 2),
}


def key_on(key, wrap):
    """The key with its arrays on the second card, wrapped."""
    parts = tuple(
        wrap(moved_to(part, "cuda:1")) if isinstance(part, np.ndarray) else part
        for part in (key if isinstance(key, tuple) else (key,))
    )
    return parts if isinstance(key, tuple) else parts[0]


@pytest.mark.parametrize("wrap", [lambda array: array, Tensor.of], ids=["array", "tensor"])
@pytest.mark.parametrize("name", KEYS)
def test_getitem_and_setitem(name, wrap):
    key, x = KEYS[name], there(X, requires_grad=True)
    y = x[key_on(key, wrap)]
    is_there(y, X[key])
    y.backward(there(eighths(y.shape, 3)))
    right = np.zeros_like(X)
    np.add.at(right, key, eighths(y.shape, 3))
    is_there(x.grad, right)
    value = eighths(X[key].shape[-1:], 5)
    for number in (7, 2.5, value, value.tolist(), there(value)):
        x, right = there(X), X.copy()
        right[key] = get(number) if isinstance(number, Tensor) else number
        x[key_on(key, wrap)] = moved_to(number, "cuda:1") if isinstance(number, np.ndarray) else number
        is_there(x, right)


@pytest.mark.parametrize("relation", ["eq", "ne", "lt", "le", "gt", "ge"])
def test_comparisons(relation):
    compare, other = getattr(operator, relation), np.sort(X, axis=0)
    for second, right in ((there(other), other), (moved_to(other, "cuda:1"), other), (X[1, 1], X[1, 1]), (1, 1)):
        is_there(compare(there(X), second), compare(X, right))
    assert (there(X) == None) is False  # noqa: E711


@pytest.mark.parametrize("name", ["add", "sub", "mul", "truediv", "matmul"])
def test_operators(name):
    plain, other = getattr(operator, name), eighths((4, 4), 1)[: None if name == "matmul" else 1]
    is_there(plain(there(X), there(other)), plain(X, other))
    is_there(plain(there(X), moved_to(other, "cuda:1")), plain(X, other))
    changed, before = there(X), there(X)
    kept = changed
    changed = getattr(operator, f"i{name}")(changed, there(other))
    is_there(changed, plain(X, other))
    is_there(kept, before._array if name == "matmul" else changed._array)  # all others change the tensor in place
    if name != "matmul":
        is_there(plain(there(X), 3), plain(X, 3))
        is_there(plain(3, there(X)), plain(3, X))
        is_there(plain(np.float32(0.5), there(X.astype(np.float32))), plain(np.float32(0.5), X.astype(np.float32)))
    is_there(-(there(X) ** 2), -(X**2))


def test_data_is_replaced_there():
    x = there(X)
    for values in (2 * X, (3 * X).tolist(), (4 * X).astype(np.float32)):
        x.data = values if isinstance(values, list) else moved_to(values, "cuda:1")
        is_there(x, np.asarray(values, np.float64))
    x.replace_(moved_to(X, "cuda:1"))
    is_there(x.astype(np.int64).astype(np.float32), X.astype(np.int64).astype(np.float32))
    (x.requires_grad_() * 2).sum().backward()
    assert x.grad.device == "cuda:1"
    y = x * 2
    saved = y * y
    with no_grad():
        y[0] = 1.0
    with pytest.raises(GraphError, match="was changed in place"):
        saved.sum().backward()


# Gradients ------------------------------------------------------------------------------------------------------------


def test_gradients_of_several_outputs_and_their_own():
    x, w = there(X, True), there(eighths((4, 2), 1), True)
    a, b = (Tensor(get(t), True) for t in (x, w))
    found, right = [], []
    for first, second, into in ((x, w, found), (a, b, right)):
        y, z = first @ second, (first * first).sum()
        gradients = minifcn.grad([y, z], [first, second], [y.detach(), None], create_graph=True)
        into += [*gradients, *minifcn.grad((gradients[0] * gradients[0]).sum(), [first, second])]
    for made, expected in zip(found, right, strict=True):
        is_there(made, expected._array)


def test_a_retained_gradient_is_there():
    x = there(X, requires_grad=True)
    y = (x * 2).retain_grad()
    (y * y).sum().backward()
    is_there(y.grad, 4 * X)
    assert x.grad._array is not y.grad._array


def test_gradcheck():
    x, w = there(eighths((1, 2, 4, 3)), True), there(eighths((3, 2, 2, 1), 1), True)
    assert gradcheck(lambda x, w: F.tanh(F.conv2d(x, w, stride=(2, 1)) * 0.1), [x, w], order=2)


def test_metrics():
    rng = np.random.default_rng(0)
    prediction, target = rng.integers(0, 3, (2, 4, 5)), rng.choice(np.array([0, 1, 2, 255], np.uint8), (2, 4, 5))
    found, right = ConfusionMatrix(3), ConfusionMatrix(3)
    found.update(moved_to(prediction, "cuda:1"), moved_to(target, "cuda:1"))
    right.update(prediction, target)
    np.testing.assert_array_equal(found.hist, right.hist)
    with pytest.raises(minifcn.errors.ArgumentError, match="target holds 3 but labels run from 0 to 2"):
        found.update(moved_to(prediction, "cuda:1"), moved_to(prediction + 1, "cuda:1"))
    np.testing.assert_array_equal(ConfusionMatrix.from_hist(moved_to(right.hist, "cuda:1")).hist, right.hist)
    there_too = moved_to(prediction, "cuda:1"), moved_to(target, "cuda:1")
    np.testing.assert_array_equal(boundary_iu(*there_too, 3, 1), boundary_iu(prediction, target, 3, 1))
    assert upper_bound(there_too[1], 2) == upper_bound(target, 2)
