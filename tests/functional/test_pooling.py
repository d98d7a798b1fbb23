"""Pooling of Tensors: sizes and values by slow loops, indices and unpooling, ties, and what is refused.

The array functions behind them have tests of their own; here are the arguments, the gradients and the round trips.
"""

from __future__ import annotations

import itertools

import numpy as np
import pytest

import minifcn.functional as F
from minifcn import Tensor, grad, no_grad
from minifcn.arrays import pooling
from minifcn.errors import ArgumentError, ArgumentTypeError
from tests.onto import equal, get, on
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
def test_max_pool_values_indices_and_gradient(kernel, stride, padding, dilation, xp):
    source = np.random.default_rng(0)
    x = on(xp, whole_numbers(source, (2, 3, 6, 7)) - 20, requires_grad=True)  # negative: a padding of 0 would win
    y, indices = F.max_pool2d(x, kernel, stride, padding, dilation, return_indices=True)
    expected, places = slow_pool(get(x), kernel, stride, padding, dilation)
    equal(y, expected)
    equal(indices, places)
    assert indices.dtype == np.int64
    assert not indices.requires_grad
    v = whole_numbers(source, y.shape)
    y.backward(on(xp, v))
    received = np.zeros(x.shape)
    for n, c, i, j in np.ndindex(*y.shape):
        received[n, c].ravel()[places[n, c, i, j]] += v[n, c, i, j]
    equal(x.grad, received)


@pytest.mark.parametrize("requires_grad", [True, False])
@pytest.mark.parametrize("recording", [True, False])
@pytest.mark.parametrize("return_indices", [True, False])
def test_winners_are_looked_for_only_if_somebody_will_ask(requires_grad, recording, return_indices, monkeypatch, xp):
    """Who won costs more than what: it takes a gradient that is recorded, or indices, to need it."""
    called = []

    def watched(name):
        function = getattr(pooling, name)
        monkeypatch.setattr(pooling, name, lambda *given: (called.append(name), function(*given))[1])

    watched("max_pool")
    watched("maxima")
    values = whole_numbers(np.random.default_rng(0), (2, 3, 6, 7)) - 20
    x = on(xp, values, requires_grad=requires_grad)
    if recording:
        y = F.max_pool2d(x, *CASES[0], return_indices=return_indices)
    else:
        with no_grad():
            y = F.max_pool2d(x, *CASES[0], return_indices=return_indices)
    wanted = return_indices or (recording and requires_grad)
    assert called == ["max_pool" if wanted else "maxima"]
    if return_indices:
        y, indices = y
        equal(indices, slow_pool(values, *CASES[0])[1])
    equal(y, slow_pool(values, *CASES[0])[0])
    assert y.requires_grad == (recording and requires_grad)


def test_the_gradient_of_a_pool_in_the_middle_is_there_although_its_input_is_no_leaf(xp):
    x = on(xp, distinct(np.random.default_rng(1), (1, 2, 4, 6)), requires_grad=True)
    frozen = on(xp, distinct(np.random.default_rng(2), (1, 2, 4, 6)))
    y = F.max_pool2d(x * frozen, 2) + F.max_pool2d(frozen, 2)
    (by_x,) = grad(y.sum(), x)
    _, places = slow_pool(get(x) * get(frozen), (2, 2), (2, 2), (0, 0), (1, 1))
    expected = np.zeros((2, 24))
    np.put_along_axis(expected, places.reshape(2, 6), 1, axis=1)
    equal(by_x, expected.reshape(x.shape) * get(frozen))


def test_stride_defaults_to_the_kernel(xp):
    x = on(xp, distinct(np.random.default_rng(1), (1, 2, 7, 9)))
    for pool in (F.max_pool2d, F.avg_pool2d):
        assert pool(x, (2, 3)).shape == (1, 2, 3, 3)
        equal(pool(x, (2, 3)).data, pool(x, (2, 3), (2, 3)).data)
        equal(pool(x, 3).data, pool(x, (3, 3), 3).data)


def test_maxima_commute_with_increasing_functions(xp):
    x = distinct(np.random.default_rng(2), (2, 2, 5, 6))
    there = get(F.max_pool2d(on(xp, np.tanh(x) * 3), (2, 3), (1, 2), (1, 1)))
    equal(there, np.tanh(get(F.max_pool2d(on(xp, x), (2, 3), (1, 2), (1, 1)))) * 3)


def test_avg_pool_is_depthwise_convolution(xp):
    source = np.random.default_rng(3)
    x = on(xp, whole_numbers(source, (2, 3, 5, 8)), requires_grad=True)
    kernel = on(xp, np.full((3, 1, 2, 4), 1 / 8))  # a power of two: exact
    y = F.avg_pool2d(x, (2, 4), (2, 1), (1, 2))
    same = F.conv2d(x, kernel, stride=(2, 1), padding=(1, 2), groups=3)
    equal(y, same)
    v = whole_numbers(source, y.shape) * 8
    y.backward(on(xp, v))
    found, x.grad = x.grad, None
    same.backward(on(xp, v))
    equal(found, x.grad)


# --- unpooling ------------------------------------------------------------------------------------------------------


def test_a_mean_may_hang_over_the_edge_and_be_divided_by_any_number(xp):
    x = on(xp, np.array([[[[1.0, 2.0, 3.0], [4.0, 5.0, 6.0], [7.0, 8.0, 9.0]]]]))
    equal(F.avg_pool2d(x, 2), [[[[3.0]]]])
    equal(F.avg_pool2d(x, 2, ceil_mode=True), [[[[3.0, 4.5], [7.5, 9.0]]]])
    equal(F.avg_pool2d(x, 2, ceil_mode=True, divisor_override=2), [[[[6.0, 4.5], [7.5, 4.5]]]])


@pytest.mark.parametrize(
    "size, kernel, stride, padding", [((6, 8), (2, 4), None, 0), ((7, 5), 3, 2, 1), ((4, 6), 2, 2, 0)]
)
def test_unpooling_puts_back_what_pooling_took(size, kernel, stride, padding, xp):
    x = on(xp, distinct(np.random.default_rng(4), (2, 3, *size)), requires_grad=True)
    y, indices = F.max_pool2d(x, kernel, stride, padding, return_indices=True)
    back = F.max_unpool2d(y, indices, kernel, stride, padding, output_size=size)
    assert back.shape == x.shape
    places = np.zeros(x.shape, int)
    for n, c, i, j in np.ndindex(*y.shape):
        places[n, c].ravel()[get(indices)[n, c, i, j]] += 1
    equal(back, get(x) * places)  # a pixel that won two windows comes twice
    v = whole_numbers(np.random.default_rng(5), back.shape)
    back.backward(on(xp, v))
    equal(x.grad, v * places)


def test_unpool_default_size_and_plain_arrays(xp):
    y = on(xp, np.arange(1.0, 7).reshape(1, 1, 2, 3))
    indices = xp.asarray([[[[0, 3, 5], [7, 15, 23]]]])
    found = F.max_unpool2d(y, indices, 2)
    assert found.shape == (1, 1, 4, 6)
    expected = np.zeros(24)
    expected[[0, 3, 5, 7, 15, 23]] = np.arange(1, 7)
    equal(get(found).ravel(), expected)


def test_one_pixel_may_be_unpooled_to_one_pixel(xp):
    y = on(xp, np.array([[[[3.0]]]]))
    assert F.max_unpool2d(y, xp.zeros((1, 1, 1, 1), int), 1).data.tolist() == [[[[3.0]]]]
    assert F.max_unpool2d(y, xp.zeros((1, 1, 1, 1), int), 2, output_size=1).data.tolist() == [[[[3.0]]]]


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
    with pytest.raises(ArgumentError, match=r"indices must have the shape of x, \(1, 1, 2, 3\), got None"):
        F.max_unpool2d(y, [[0]], 2)
    with pytest.raises(ArgumentTypeError, match="indices must be integers, got float64"):
        F.max_unpool2d(y, indices.astype(float), 2)
    assert F.max_unpool2d(y, indices, 2, output_size=(5, 7)).shape == (1, 1, 5, 7)
    wide = r"output_size \(5, 9\) .* from \(2, 3\) with stride \(3, 5\); choose rows from 3 to 7 and columns from 10 to 18\.$"
    with pytest.raises(ArgumentError, match=wide):
        F.max_unpool2d(y, indices, (2, 4), (3, 5), output_size=(5, 9))
    for size in ((2, 14), (8, 14), (5, 9), (5, 19)):
        with pytest.raises(ArgumentError, match="output_size"):
            F.max_unpool2d(y, indices, (2, 4), (3, 5), output_size=size)
    with pytest.raises(ArgumentError, match=r"choose rows from 1 to 3 and columns from 1 to 4\.$"):
        F.max_unpool2d(y[..., :1, :1], indices[..., :1, :1], 1, (3, 4), output_size=9)
    with pytest.raises(ArgumentError, match=r"the output would be 0x2 \(input 2x3, .*; reduce padding"):
        F.max_unpool2d(y, indices, 2, padding=2)
