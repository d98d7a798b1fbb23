"""Pooling of Tensors: sizes and values by slow loops, indices and unpooling, ties, and what is refused.

The array functions behind them have tests of their own; here are the arguments, the gradients and the round trips.
"""

from __future__ import annotations

import itertools

import numpy as np
import pytest

import minifcn.functional as F
from minifcn import Tensor
from minifcn.errors import ArgumentError, ArgumentTypeError
from tests.strategies import distinct, whole_numbers


def slow_pool(x, kernel, stride, padding, dilation):
    """(maxima, positions in the plane) where every window lies inside the padded image."""
    size = [(x.shape[2 + a] + 2 * padding[a] - dilation[a] * (kernel[a] - 1) - 1) // stride[a] + 1 for a in (0, 1)]
    y, places = np.empty((*x.shape[:2], *size)), np.empty((*x.shape[:2], *size), int)
    for n, c, i, j in np.ndindex(*y.shape):
        seen = []
        for k, l in itertools.product(range(kernel[0]), range(kernel[1])):
            row, column = i * stride[0] + k * dilation[0] - padding[0], j * stride[1] + l * dilation[1] - padding[1]
            if 0 <= row < x.shape[2] and 0 <= column < x.shape[3]:
                seen.append((-x[n, c, row, column], row * x.shape[3] + column))
        value, places[n, c, i, j] = min(seen)  # the largest; of equals the first in row-major order
        y[n, c, i, j] = -value
    return y, places


CASES = [
    ((3, 2), (2, 3), (1, 0), (1, 2)),
    ((2, 2), (2, 2), (0, 0), (1, 1)),
    ((3, 3), (1, 2), (1, 1), (1, 1)),
    ((6, 6), (1, 1), (3, 2), (1, 1)),  # 36 places: more than an array of choices may have
    ((2, 3), (1, 1), (0, 1), (2, 1)),
]


@pytest.mark.parametrize("kernel, stride, padding, dilation", CASES)
def test_max_pool_values_indices_and_gradient(kernel, stride, padding, dilation):
    source = np.random.default_rng(0)
    x = Tensor(whole_numbers(source, (2, 3, 6, 7)) - 20, requires_grad=True)  # negative: a padding of 0 would win
    y, indices = F.max_pool2d(x, kernel, stride, padding, dilation, return_indices=True)
    expected, places = slow_pool(x.data, kernel, stride, padding, dilation)
    np.testing.assert_array_equal(y.data, expected)
    np.testing.assert_array_equal(indices.data, places)
    assert indices.dtype == np.int64
    assert not indices.requires_grad
    v = whole_numbers(source, y.shape)
    y.backward(v)
    received = np.zeros(x.shape)
    for n, c, i, j in np.ndindex(*y.shape):
        received[n, c].ravel()[places[n, c, i, j]] += v[n, c, i, j]
    np.testing.assert_array_equal(x.grad.data, received)


def test_stride_defaults_to_the_kernel():
    x = Tensor(distinct(np.random.default_rng(1), (1, 2, 7, 9)))
    for pool in (F.max_pool2d, F.avg_pool2d):
        assert pool(x, (2, 3)).shape == (1, 2, 3, 3)
        np.testing.assert_array_equal(pool(x, (2, 3)).data, pool(x, (2, 3), (2, 3)).data)
        np.testing.assert_array_equal(pool(x, 3).data, pool(x, (3, 3), 3).data)


def test_ceil_mode_lets_the_last_window_hang_over():
    x = Tensor(np.arange(25.0).reshape(1, 1, 5, 5))
    np.testing.assert_array_equal(
        F.max_pool2d(x, 2, ceil_mode=True).data[0, 0], [[6, 8, 9], [16, 18, 19], [21, 23, 24]]
    )
    assert F.max_pool2d(x, 2).shape == (1, 1, 2, 2)
    assert F.max_pool2d(Tensor(np.ones((1, 1, 4, 4))), 1, 2, ceil_mode=True).shape == (1, 1, 2, 2)
    assert F.max_pool2d(Tensor(np.ones((1, 1, 4, 4))), 2, 2, 1, ceil_mode=True).shape == (1, 1, 3, 3)


def test_ties_have_one_winner_and_the_gradient_is_conserved():
    x = Tensor(np.zeros((1, 1, 4, 4)), requires_grad=True)
    y = F.max_pool2d(x, 3, 1)
    y.backward([[[[1.0, 10.0], [100.0, 1000.0]]]])
    expected = np.zeros((4, 4))
    expected[:2, :2] = [[1, 10], [100, 1000]]
    np.testing.assert_array_equal(x.grad.data[0, 0], expected)


def test_maxima_commute_with_increasing_functions():
    x = distinct(np.random.default_rng(2), (2, 2, 5, 6))
    there = F.max_pool2d(Tensor(np.tanh(x) * 3), (2, 3), (1, 2), (1, 1)).data
    np.testing.assert_array_equal(there, np.tanh(F.max_pool2d(Tensor(x), (2, 3), (1, 2), (1, 1)).data) * 3)


def test_nan_and_infinity():
    x = np.full((1, 1, 3, 4), -np.inf)
    x[0, 0, 0, 3] = np.nan
    t = Tensor(x, requires_grad=True)
    y = F.max_pool2d(t, 2, 1, (1, 0))
    np.testing.assert_array_equal(np.isnan(y.data[0, 0]), [[0, 0, 1], [0, 0, 1], [0, 0, 0], [0, 0, 0]])
    assert (y.data[0, 0, :, :2] == -np.inf).all()
    y.backward(np.ones(y.shape))
    assert t.grad.data.sum() == y.size  # also the windows of nothing but -inf give to a pixel of the image


def test_avg_pool_is_depthwise_convolution():
    source = np.random.default_rng(3)
    x = Tensor(whole_numbers(source, (2, 3, 5, 8)), requires_grad=True)
    kernel = Tensor(np.full((3, 1, 2, 4), 1 / 8))  # a power of two: exact
    y = F.avg_pool2d(x, (2, 4), (2, 1), (1, 2))
    same = F.conv2d(x, kernel, stride=(2, 1), padding=(1, 2), groups=3)
    np.testing.assert_array_equal(y.data, same.data)
    v = whole_numbers(source, y.shape) * 8
    y.backward(v)
    found, x.grad = x.grad, None
    same.backward(v)
    np.testing.assert_array_equal(found.data, x.grad.data)


def test_avg_pool_divisors():
    x = Tensor(np.arange(49.0).reshape(1, 1, 7, 7))
    np.testing.assert_array_equal(
        F.avg_pool2d(x, 2, 3, ceil_mode=True).data[0, 0], [[4, 7, 9.5], [25, 28, 30.5], [42.5, 45.5, 48]]
    )
    ones = Tensor(np.ones((1, 1, 3, 3)))
    np.testing.assert_array_equal(F.avg_pool2d(ones, 2, 2, 1).data[0, 0], [[0.25, 0.5], [0.5, 1]])
    np.testing.assert_array_equal(F.avg_pool2d(ones, 2, 2, 1, count_include_pad=False).data[0, 0], np.ones((2, 2)))
    np.testing.assert_array_equal(F.avg_pool2d(ones, 2, 1, divisor_override=8).data[0, 0], np.full((2, 2), 0.5))
    with pytest.raises(ArgumentError, match="avg_pool2d: divisor_override must be between 1"):
        F.avg_pool2d(ones, 2, divisor_override=0)


# --- unpooling ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "size, kernel, stride, padding", [((6, 8), (2, 4), None, 0), ((7, 5), 3, 2, 1), ((4, 6), 2, 2, 0)]
)
def test_unpooling_puts_back_what_pooling_took(size, kernel, stride, padding):
    x = Tensor(distinct(np.random.default_rng(4), (2, 3, *size)), requires_grad=True)
    y, indices = F.max_pool2d(x, kernel, stride, padding, return_indices=True)
    back = F.max_unpool2d(y, indices, kernel, stride, padding, output_size=size)
    assert back.shape == x.shape
    places = np.zeros(x.shape, int)
    for n, c, i, j in np.ndindex(*y.shape):
        places[n, c].ravel()[indices.data[n, c, i, j]] += 1
    np.testing.assert_array_equal(back.data, x.data * places)  # a pixel that won two windows comes twice
    v = whole_numbers(np.random.default_rng(5), back.shape)
    back.backward(v)
    np.testing.assert_array_equal(x.grad.data, v * places)


def test_unpool_default_size_and_plain_arrays():
    y = Tensor(np.arange(1.0, 7).reshape(1, 1, 2, 3))
    indices = np.array([[[[0, 3, 5], [7, 15, 23]]]])
    found = F.max_unpool2d(y, indices, 2)
    assert found.shape == (1, 1, 4, 6)
    expected = np.zeros(24)
    expected[[0, 3, 5, 7, 15, 23]] = np.arange(1, 7)
    np.testing.assert_array_equal(found.data.ravel(), expected)


def test_unpool_errors():
    y, indices = Tensor(np.ones((1, 1, 2, 3))), np.zeros((1, 1, 2, 3), int)
    for wrong in (-1, 24):
        bad = indices.copy()
        bad[0, 0, 1, 2] = wrong
        with pytest.raises(
            ArgumentError, match=rf"found an invalid max index {wrong}: .* \[0, 24\) for an output of 4x6"
        ):
            F.max_unpool2d(y, bad, 2)
    with pytest.raises(ArgumentError, match=r"indices must have the shape of x, \(1, 1, 2, 3\), got \(1, 1, 3, 2\)"):
        F.max_unpool2d(y, indices.reshape(1, 1, 3, 2), 2)
    with pytest.raises(ArgumentTypeError, match="indices must be integers, got float64"):
        F.max_unpool2d(y, indices.astype(float), 2)
    with pytest.raises(
        ArgumentError, match=r"output_size \(6, 6\) must lie within less than the stride .* of \(4, 6\)"
    ):
        F.max_unpool2d(y, indices, 2, output_size=(6, 6))
    assert F.max_unpool2d(y, indices, 2, output_size=(5, 7)).shape == (1, 1, 5, 7)
    with pytest.raises(ArgumentError, match="the output would be 0x2 .*; reduce padding"):
        F.max_unpool2d(y, indices, 2, padding=2)


# --- what is refused ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("pool", [F.max_pool2d, F.avg_pool2d])
def test_pool_errors(pool):
    name, x = pool.__name__, Tensor(np.ones((1, 2, 4, 5)))
    with pytest.raises(ArgumentError, match=rf"{name}: padding must be at most half .* got padding \(2, 2\).*3x3; use"):
        pool(x, 3, padding=2)
    with pytest.raises(ArgumentError, match=f"{name}: the window does not fit: padded input 4x5, effective kernel 6x2"):
        pool(x, (6, 2))
    with pytest.raises(
        ArgumentTypeError, match=f"{name}: kernel_size must be an integer or a pair of integers, got 2.0"
    ):
        pool(x, 2.0)
    with pytest.raises(ArgumentError, match=f"{name}: stride must be between 1 and"):
        pool(x, 2, 0)
    with pytest.raises(ArgumentError, match=f"{name}: x must have 4 dimensions"):
        pool(x[0], 2)
    with pytest.raises(ArgumentTypeError, match=f"{name}: x must be floating point, got uint8"):
        pool(Tensor(np.ones((1, 2, 4, 5), np.uint8)), 2)


@pytest.mark.parametrize("shape", [(0, 2, 4, 5), (2, 0, 4, 5)])
def test_nothing_to_pool(shape):
    x = Tensor(np.ones(shape), requires_grad=True)
    for pool in (F.max_pool2d, F.avg_pool2d):
        y = pool(x, 2)
        assert y.shape == (*shape[:2], 2, 2)
        y.backward(np.ones(y.shape))
        assert x.grad.shape == shape
