"""Moving elements: NumPy's results, transposes that put everything back, and errors before NumPy's own."""

from __future__ import annotations

import numpy as np
import pytest

import minifcn.functional as F
from minifcn import Tensor
from minifcn.errors import ArgumentError, ArgumentTypeError
from tests.onto import equal, get, on
from tests.strategies import whole_numbers

X = np.arange(24.0).reshape(2, 3, 4)


def received(xp, function):
    """(value, cotangent, gradient) of `function` at X."""
    t = on(xp, X, requires_grad=True)
    y = function(t)
    v = whole_numbers(np.random.default_rng(0), y.shape)
    y.backward(on(xp, v))
    return get(y), v, get(t.grad)


def check(xp, function, rule):
    """`rule` on the array of positions says where each element of the result came from: value and gradient."""
    positions = np.arange(X.size).reshape(X.shape)
    y, v, gradient = received(xp, function)
    origin = rule(positions)
    np.testing.assert_array_equal(y, X.ravel()[origin])
    expected = np.zeros(X.size)
    for at, value in zip(origin.ravel(), v.ravel(), strict=True):
        expected[at] += value
    np.testing.assert_array_equal(gradient.ravel(), expected)


KEYS = [
    1,
    -1,
    np.int64(0),
    slice(None, None, -1),
    (slice(1, None), slice(None, None, 2), 0),
    (..., 1),
    (..., slice(-3, None)),
    (0, ..., 2),
    None,
    (None, 1, ..., None),
    [1, 1, 0],
    np.array([[0, 1], [1, 1]]),
    (slice(None), [2, 0, 2]),
    ([0, 1], [2, 2], slice(1, 3)),
    (1, [0, 0, -1]),
    np.array([False, True]),
    X % 5 > 2,
    (slice(None), np.array([True, False, True])),
    (0, X[0] % 2 == 0),
    ([0, 0], ..., [1, 1]),
    np.array([], int),
    slice(2, 2),
    (1, 2, 3),
]


@pytest.mark.parametrize("key", KEYS, ids=repr)
def test_getitem(key, xp):
    there = tuple(xp.asarray(part) if isinstance(part, np.ndarray) else part for part in np.index_exp[key])
    check(xp, lambda x: x[there], lambda positions: np.asarray(positions[key]))


def test_tensors_as_indices(xp):
    check(xp, lambda x: x[on(xp, np.array([1, 1, 0]))], lambda positions: positions[[1, 1, 0]])
    check(xp, lambda x: x[x > 5.0], lambda positions: positions[positions > 5])


def test_getitem_errors():
    x = Tensor(X)
    for key, index, dim, size in ((2, 2, 0, 2), (-3, -3, 0, 2), ((0, [0, 3]), 3, 1, 3), ((..., 4), 4, 2, 4)):
        message = f"getitem: index {index} is out of range for dimension {dim} of size {size}"
        with pytest.raises(ArgumentError, match=message):
            x[key]
    with pytest.raises(ArgumentError, match=r"getitem: too many indices for a tensor of shape \(2, 3, 4\)"):
        x[0, 0, 0, 0]
    for key in (1.0, "a", [0.5], np.array([1.0])):
        with pytest.raises(ArgumentTypeError, match="getitem: an index must be an integer, slice or mask, got"):
            x[key]
    with pytest.raises(
        ArgumentError, match=r"getitem: a mask of shape \(3,\) does not fit dimensions 0 to 0 of shape \(2, 3, 4\)"
    ):
        x[np.array([True, False, True])]
    with pytest.raises(ArgumentTypeError, match="getitem: x must be a Tensor, got ndarray"):
        F.getitem(X, 0)


@pytest.mark.parametrize("shape", [(6, 4), (24,), (-1,), (4, -1, 2), (2, 1, 3, 4), [3, 8], 24])
def test_reshape(shape, xp):
    target = np.arange(24).reshape(shape).shape
    check(xp, lambda x: F.reshape(x, shape), lambda positions: positions.reshape(target))
    check(xp, lambda x: x.reshape(shape), lambda positions: positions.reshape(target))
    if isinstance(shape, tuple):
        check(xp, lambda x: x.reshape(*shape), lambda positions: positions.reshape(target))


def test_reshape_errors():
    for shape in ((5, 5), (-1, 5), (-1, -1), (-2, 12), (0, -1)):
        with pytest.raises(ArgumentError, match=r"reshape: \(2, 3, 4\) has 24 elements, which do not fill"):
            F.reshape(Tensor(X), shape)
    for shape in ((2.0, 12), ("a",), None):
        with pytest.raises(ArgumentTypeError, match="reshape: the sizes must be integers, got"):
            F.reshape(Tensor(X), shape)
    assert F.reshape(Tensor(np.zeros((0, 3))), (3, 0)).shape == (3, 0)
    assert F.reshape(Tensor(np.zeros((0, 3))), (-1, 3)).shape == (0, 3)
    with pytest.raises(ArgumentTypeError, match="reshape: x must be a Tensor, got list"):
        F.reshape([1.0], (1,))


def test_flatten_permute_transpose(xp):
    check(xp, lambda x: F.flatten(x), np.ravel)
    check(xp, lambda x: F.flatten(x, 1), lambda positions: positions.reshape(2, 12))
    check(xp, lambda x: F.flatten(x, 0, -2), lambda positions: positions.reshape(6, 4))
    check(xp, lambda x: F.permute(x, (2, 0, 1)), lambda positions: positions.transpose(2, 0, 1))
    check(xp, lambda x: x.permute(-1, 1, 0), lambda positions: positions.transpose(2, 1, 0))
    check(xp, lambda x: F.transpose(x, 0, -1), lambda positions: positions.swapaxes(0, 2))
    check(xp, lambda x: x.T, lambda positions: positions.T)


def test_dimension_errors():
    x = Tensor(X)
    with pytest.raises(ArgumentError, match="flatten: dim 3 is out of range for 3 dimensions"):
        F.flatten(x, 3)
    with pytest.raises(ArgumentError, match="permute: 2 dims for a tensor of 3 dimensions; name each one once"):
        F.permute(x, (0, 1))
    with pytest.raises(ArgumentError, match="permute: dim .* names a dimension twice"):
        F.permute(x, (0, 1, 1))
    with pytest.raises(ArgumentError, match="transpose: dim -4 is out of range"):
        F.transpose(x, 0, -4)
    with pytest.raises(ArgumentTypeError, match="transpose: dim must be an integer, got 1.0"):
        F.transpose(x, 0, 1.0)


@pytest.mark.parametrize("dim", [0, 1, -1])
def test_cat_and_stack(dim, xp):
    source = np.random.default_rng(1)
    shapes = [tuple(n + (k if i == dim % 3 else 0) for i, n in enumerate((2, 3, 4))) for k in range(3)]
    for join, rule, sizes in ((F.cat, np.concatenate, shapes), (F.stack, np.stack, [(2, 3, 4)] * 2)):
        parts = [on(xp, whole_numbers(source, shape), requires_grad=True) for shape in sizes]
        y = join(parts, dim)
        equal(y, rule([get(part) for part in parts], axis=dim))
        v = whole_numbers(source, y.shape)
        y.backward(on(xp, v))
        positions = np.arange(v.size).reshape(v.shape)
        ends = np.cumsum([part.shape[dim] for part in parts])[:-1]
        split = np.split(positions, ends, dim) if join is F.cat else [np.take(positions, i, dim) for i in range(2)]
        for part, where in zip(parts, split, strict=True):
            equal(part.grad, v.ravel()[where])


def test_joining_one_tensor_and_the_default_dimension(xp):
    x = on(xp, X)
    equal(F.cat([x]).data, X)
    equal(F.cat([x, x]).data, np.concatenate([X, X]))
    equal(F.stack([x, x]).data, np.stack([X, X]))


def test_one_tensor_joined_with_itself(xp):
    x = on(xp, np.array([1.0, 2.0]), requires_grad=True)
    F.cat([x, x]).backward([1.0, 10.0, 100.0, 1000.0])
    equal(x.grad, [101.0, 1010.0])


def test_cat_and_stack_errors():
    x = Tensor(X)
    for join in (F.cat, F.stack):
        with pytest.raises(ArgumentError, match=f"^{join.__name__}: nothing to join, the sequence of tensors is empty"):
            join([])
        with pytest.raises(ArgumentTypeError, match="got ndarray"):
            join([X])
    with pytest.raises(ArgumentError, match=r"cat: shapes \(2, 3, 4\) and \(2, 2, 4\) differ outside dim 0"):
        F.cat([x, x[:, :2]])
    with pytest.raises(ArgumentError, match=r"cat: shapes \(2, 3, 4\) and \(2, 3\) differ outside dim 0"):
        F.cat([x, x[..., 0]])
    with pytest.raises(ArgumentError, match=r"shapes .* differ outside dim 1"):
        F.stack([x, x[:, :2]], 1)
    with pytest.raises(ArgumentTypeError, match="cat: the operands have different dtypes, float64 and float32"):
        F.cat([x, x.astype(np.float32)])


@pytest.mark.parametrize("widths", [(1, 2), (0, 3, 2, 0), (-1, 2, 1, -2), (0, 0, -1, -1, 1, 1), (-2, -2), ()])
def test_pad_is_undone_by_its_negative(widths, xp):
    widths = list(widths)
    t = on(xp, X, requires_grad=True)
    y = F.pad(t, widths, value=-7.0)
    pairs = [(0, 0)] * (3 - len(widths) // 2) + [tuple(widths[i : i + 2]) for i in range(0, len(widths), 2)][::-1]
    cut = X[tuple(slice(max(-b, 0), n - max(-a, 0)) for n, (b, a) in zip(X.shape, pairs, strict=True))]
    expected = np.pad(cut, [(max(b, 0), max(a, 0)) for b, a in pairs], constant_values=-7.0)
    equal(y, expected)
    v = whole_numbers(np.random.default_rng(2), y.shape)
    y.backward(on(xp, v))
    back = get(F.pad(on(xp, v), [-width for width in widths]))
    equal(t.grad, back)
    assert (get(y) * v)[expected != -7.0].sum() == (X * get(t.grad)).sum()


def test_pad_errors():
    x = Tensor(X)
    with pytest.raises(ArgumentError, match="pad: mode 'reflect' is not available; use \"constant\""):
        F.pad(x, (1, 1), "reflect")
    for widths in ((1,), (1,) * 8):
        with pytest.raises(ArgumentError, match=rf"pad: {len(widths)} widths for 3 dimensions; give \(left, right\)"):
            F.pad(x, widths)
    for widths in ((-3, -2), (2, -5), (-5, 2)):  # what is added on one side cannot be cut from the other
        with pytest.raises(
            ArgumentError, match=rf"pad: widths \({widths[0]}, {widths[1]}\) cut more than the 4 of dimen"
        ):
            F.pad(x, widths)
    with pytest.raises(ArgumentError, match=f"pad must be between -{2**31} and .*, got -{2**31 + 1}"):
        F.pad(x, (-(2**31) - 1, 0))
    assert F.pad(Tensor(np.arange(100.0)), (-70, 0)).data[0] == 70
    with pytest.raises(ArgumentTypeError, match="pad must be an integer, got 1.5"):
        F.pad(x, (1.5, 0))


def test_crop(xp):
    check(xp, lambda x: F.crop(x, (2, 1), (1, 3)), lambda positions: positions[:, 1:3, 3:4])
    check(xp, lambda x: F.crop(x, (1, 2), (1, 1)), lambda positions: positions[:, 1:2, 1:3])
    check(xp, lambda x: F.crop(x, (3, 4)), lambda positions: positions)
    equal(F.crop(on(xp, X[0]), (2, 1), (1, 3)), X[0, 1:3, 3:4])
    assert F.crop(on(xp, X), (0, 2)).shape == (2, 0, 2)
    padded = F.pad(on(xp, X), (2, 3, 1, 0))
    equal(F.crop(padded, (3, 4), (1, 2)).data, X)


def test_crop_errors():
    x = Tensor(X)
    with pytest.raises(ArgumentError, match="crop: rows 1 to 4 and columns 0 to 2 leave the tensor of 3x4; reduce"):
        F.crop(x, (3, 2), (1, 0))
    with pytest.raises(ArgumentError, match="crop: rows 0 to 2 and columns 1 to 5 leave the tensor of 3x4; reduce"):
        F.crop(x, (2, 4), (0, 1))
    with pytest.raises(ArgumentError, match="crop: offset must be between 0"):
        F.crop(x, (3, 2), -1)
    with pytest.raises(ArgumentError, match=r"crop: x must be \(..., H, W\), got shape \(4,\)"):
        F.crop(x[0, 0], (1, 1))
