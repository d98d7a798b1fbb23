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
    if dim != ():
        for correction in (0, 1):
            found = get(F.var(x, dim, correction, keepdim))
            close(found, X.var(axis=dim, ddof=correction, keepdims=keepdim), rtol=1e-13)
    if dim is None or isinstance(dim, int):
        equal(F.argmax(x, dim, keepdim).data, X.argmax(axis=dim, keepdims=keepdim))


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


@pytest.mark.parametrize("name", ["sum", "mean", "var", "amax", "argmax"])
def test_errors(name):
    function = getattr(F, name)
    with pytest.raises(ArgumentError, match=f"{name}: dim 3 is out of range for 3 dimensions; use -3 to 2"):
        function(Tensor(X), 3)
    with pytest.raises(ArgumentTypeError, match=f"{name}: x must be a Tensor, got ndarray"):
        function(X)
    with pytest.raises(ArgumentTypeError, match=f"{name}: dim must be an integer, got 'H'"):
        function(Tensor(X), "H")
    if name not in ("sum", "argmax"):
        with pytest.raises(ArgumentTypeError, match=f"{name}: x must be floating point, got int64"):
            function(Tensor(np.arange(3)))


def test_variance_needs_more_values_than_its_correction(xp):
    with pytest.raises(ArgumentError, match="var: 1 elements with correction 1 leave nothing; use correction=0"):
        F.var(on(xp, np.ones((1, 3))), 0)
    equal(F.var(on(xp, np.ones((1, 3))), 0, correction=0).data, [0, 0, 0])
