"""Reductions against NumPy, their gradients at ties, and the reduction of nothing."""

from __future__ import annotations

import numpy as np
import pytest

import minifcn.functional as F
from minifcn import Tensor
from minifcn.errors import ArgumentError, ArgumentTypeError
from tests.onto import close, equal, get, on
from tests.strategies import distinct, whole_numbers

DIMS = [None, 0, 1, -1, (0, 2), (-1, 1), (0, 1, 2), ()]
X = distinct(np.random.default_rng(0), (2, 3, 4))


@pytest.mark.parametrize("dim", DIMS)
@pytest.mark.parametrize("keepdim", [False, True])
def test_values_are_numpys(dim, keepdim, xp):
    x = on(xp, X)
    equal(F.sum(x, dim, keepdim).data, X.sum(axis=dim, keepdims=keepdim))
    close(F.mean(x, dim, keepdim).data, X.mean(axis=dim, keepdims=keepdim), rtol=1e-14)
    equal(F.amax(x, dim, keepdim).data, X.max(axis=dim, keepdims=keepdim))
    equal(F.amin(x, axis=dim, keepdim=keepdim).data, X.min(axis=dim, keepdims=keepdim))
    equal(F.all(x > 0, dim, keepdim).data, (X > 0).all(axis=dim, keepdims=keepdim))
    equal(F.any(x, axis=dim, keepdim=keepdim).data, X.any(axis=dim, keepdims=keepdim))
    if dim != ():
        for correction in (0, 1):
            found = get(F.var(x, dim, correction, keepdim))
            close(found, X.var(axis=dim, ddof=correction, keepdims=keepdim), rtol=1e-13)
            found = get(F.std(x, dim, correction, keepdim))
            close(found, X.std(axis=dim, ddof=correction, keepdims=keepdim), rtol=1e-13)
    if dim is None or isinstance(dim, int):
        equal(F.argmax(x, dim, keepdim).data, X.argmax(axis=dim, keepdims=keepdim))
        equal(F.argmin(x, axis=dim, keepdim=keepdim).data, X.argmin(axis=dim, keepdims=keepdim))


@pytest.mark.parametrize("dim", DIMS)
@pytest.mark.parametrize("keepdim", [False, True])
def test_the_gradient_of_a_sum_repeats(dim, keepdim, xp):
    x = on(xp, X, requires_grad=True)
    y = F.sum(x, dim, keepdim)
    v = whole_numbers(np.random.default_rng(1), y.shape)
    y.backward(on(xp, v))
    wide = v.reshape(X.sum(axis=dim, keepdims=True).shape)
    equal(x.grad, np.broadcast_to(wide, X.shape))


def test_the_gradient_of_a_maximum_goes_to_the_winners(xp):
    x = on(xp, np.array([[1.0, 5.0, 5.0, 2.0], [7.0, 7.0, 7.0, 7.0]]), requires_grad=True)
    F.amax(x, 1).backward([6.0, 8.0])
    equal(x.grad, [[0, 3, 3, 0], [2, 2, 2, 2]])  # equal winners share


def test_the_largest_along_a_dimension_comes_with_its_place(xp):
    x = on(xp, np.array([[1.0, 5.0, 5.0, np.inf], [7.0, -np.inf, np.nan, np.nan]]), requires_grad=True)
    values, indices = F.max(x, 1)
    equal(values, [np.inf, np.nan])
    equal(indices, [3, 2])  # the first NaN, as everywhere
    assert indices.dtype == np.int64 and not indices.requires_grad
    values.backward([2.0, 3.0])
    equal(x.grad, [[0, 0, 0, 2], [0, 0, 3, 0]])  # the element found, and it alone
    tied = on(xp, np.array([[2.0, 2.0, 3.0]]), requires_grad=True)
    smallest = F.min(tied, axis=-1, keepdim=True)
    assert smallest.values.shape == smallest.indices.shape == (1, 1)
    smallest.values.sum().backward()
    equal(tied.grad, [[1, 0, 0]])
    equal(F.max(on(xp, [[3, -4]])), 3)  # whole numbers, too
    equal(F.min(on(xp, np.array([3, 250], np.uint8), dtype=np.uint8)), 3)
    with pytest.raises(
        ArgumentTypeError, match=r"max: dim is a Tensor; for the max of two use F\.where\(a > b, a, b\)"
    ):
        F.max(x, x)
    for function in (F.max, F.argmin):  # of several dimensions the place would be no number
        with pytest.raises(ArgumentTypeError, match=r"(max|argmin): dim must be an integer, got \(0, 1\)"):
            function(x, (0, 1))
    with pytest.raises(ArgumentTypeError, match="std: correction must be an integer, got '1'"):
        F.std(x, correction="1")
    close(F.var(tied, 1, False), [2 / 9])  # PyTorch's unbiased=False


def test_the_deviation_of_equal_numbers_has_no_slope(xp):
    x = on(xp, np.array([[2.0, 2.0, 2.0], [1.0, 2.0, 3.0]]), requires_grad=True)
    y = F.std(x, 1)
    equal(y, [0, 1])
    y.sum().backward()
    equal(x.grad, [[0, 0, 0], [-0.5, 0, 0.5]])


def test_argmax(xp):
    x = on(xp, np.array([[1, 9, 9], [4, 2, 3]], np.uint8), requires_grad=False)
    y = F.argmax(x, 1)
    equal(y, [1, 0])
    assert y.dtype == np.int64
    assert not F.argmax(on(xp, X, requires_grad=True), 0).requires_grad


def test_sums_of_nothing_are_zero_but_means_are_errors():
    empty = Tensor(np.ones((0, 3)))
    np.testing.assert_array_equal(F.sum(empty, 0).data, [0, 0, 0])
    assert F.sum(empty).item() == 0
    assert F.mean(empty, 1).shape == (0,)
    for name in ("mean", "amax", "argmax", "var"):
        message = rf"{name}: nothing to reduce, x has shape \(0, 3\); check for an empty batch first"
        with pytest.raises(ArgumentError, match=message):
            getattr(F, name)(empty, 0)
        with pytest.raises(ArgumentError, match=message):
            getattr(F, name)(empty)


@pytest.mark.parametrize("name", ["sum", "mean", "var", "std", "amax", "amin", "argmax", "argmin", "all", "any"])
def test_errors(name):
    function = getattr(F, name)
    with pytest.raises(ArgumentError, match=f"{name}: dim 3 is out of range for 3 dimensions; use -3 to 2"):
        function(Tensor(X), 3)
    with pytest.raises(ArgumentTypeError, match=f"{name}: x must be a Tensor, got ndarray"):
        function(X)
    with pytest.raises(ArgumentTypeError, match=f"{name}: dim must be an integer, got 'H'"):
        function(Tensor(X), "H")
    with pytest.raises(ArgumentError, match=f"{name}: dim 1 and axis 0 mean the same; give one of them"):
        function(Tensor(X), 1, axis=0)
    if name in ("mean", "var", "std"):
        with pytest.raises(ArgumentTypeError, match=f"{name}: x must be floating point, got int64"):
            function(Tensor(np.arange(3)))


def test_variance_needs_more_values_than_its_correction(xp):
    with pytest.raises(ArgumentError, match="var: 1 elements with correction 1 leave nothing; use correction=0"):
        F.var(on(xp, np.ones((1, 3))), 0)
    equal(F.var(on(xp, np.ones((1, 3))), 0, correction=0).data, [0, 0, 0])
