"""Adaptive pooling by its windows, one after the other; beside avg_pool2d where these are equal."""

from __future__ import annotations

import numpy as np
import pytest

import minifcn.functional as F
from minifcn import Tensor
from minifcn.errors import AllocationError, ArgumentError, ArgumentTypeError
from minifcn.geometry.adaptive import adaptive_windows
from minifcn.machine import limits
from tests.onto import close, equal, get, on
from tests.strategies import whole_numbers

X = whole_numbers(np.random.default_rng(0), (2, 3, 5, 7))
SIZES = [(1, 1), (2, 3), (5, 7), (3, 7), (8, 4), (11, 13)]


def windows(x, size):
    """((i, j), pixels) for each window."""
    for i, (top, bottom) in enumerate(adaptive_windows(x.shape[2], size[0])):
        for j, (left, right) in enumerate(adaptive_windows(x.shape[3], size[1])):
            yield (i, j), (slice(None), slice(None), slice(top, bottom), slice(left, right))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("size", SIZES)
def test_a_mean_of_each_window_and_its_transpose(size, dtype, xp):
    """Exactly: a whole sum is divided once, and what the windows receive is chosen so that each share is whole."""
    expected, received = np.empty((2, 3, *size), dtype), np.zeros(X.shape)
    g = whole_numbers(np.random.default_rng(1), expected.shape)
    for (i, j), seen in windows(X, size):
        pixels = X[seen][0, 0].size
        expected[:, :, i, j] = X[seen].sum((2, 3)).astype(dtype) / dtype(pixels)
        received[seen] += g[:, :, i, j, None, None]
        g[:, :, i, j] *= pixels
    x = on(xp, X, requires_grad=True, dtype=dtype)
    y = F.adaptive_avg_pool2d(x, size)
    assert y.dtype == dtype
    equal(y, expected)
    y.backward(on(xp, g, dtype=dtype))
    equal(x.grad, received)


@pytest.mark.parametrize("size", SIZES)
def test_the_largest_of_each_window_the_first_of_equals(size, xp):
    tied = np.floor(X / 6)
    expected, places = np.empty((2, 3, *size)), np.empty((2, 3, *size), int)
    for (i, j), seen in windows(tied, size):
        for n, c in np.ndindex(2, 3):
            block = tied[seen][n, c]
            row, column = np.unravel_index(block.argmax(), block.shape)
            expected[n, c, i, j] = block[row, column]
            places[n, c, i, j] = (seen[2].start + row) * 7 + seen[3].start + column
    y, indices = F.adaptive_max_pool2d(on(xp, tied), size, return_indices=True)
    equal(y, expected)
    equal(indices, places)
    assert indices.dtype == np.int64
    equal(F.adaptive_max_pool2d(on(xp, tied), size), expected)


def test_windows_of_one_size_are_those_of_avg_pool2d(xp):
    x = on(xp, whole_numbers(np.random.default_rng(2), (2, 3, 6, 8)))
    close(F.adaptive_avg_pool2d(x, (3, 2)), F.avg_pool2d(x, (2, 4)), rtol=1e-15)
    equal(F.adaptive_max_pool2d(x, (3, 2)), F.max_pool2d(x, (2, 4)))


def test_none_keeps_a_size_and_one_integer_counts_for_both(xp):
    x = on(xp, X)
    for pool in (F.adaptive_avg_pool2d, F.adaptive_max_pool2d):
        for asked, size in ((2, (2, 2)), ((None, 3), (5, 3)), ([2, None], (2, 7)), (None, (5, 7))):
            equal(pool(x, asked), pool(x, size))
            assert pool(x, asked).shape == (2, 3, *size)
        equal(pool(x, None), X)


def test_a_nan_spoils_the_windows_that_see_it_and_no_other(xp):
    x = X.copy()
    x[0, 1, 2, 3] = np.nan
    for pool in (F.adaptive_avg_pool2d, F.adaptive_max_pool2d):
        expected = np.zeros((2, 3, 2, 3), bool)
        expected[0, 1, :, 1] = True  # rows 0..2 and 2..4, columns 2..4
        equal(np.isnan(get(pool(on(xp, x), (2, 3)))), expected)
    x = np.full((1, 1, 2, 2), -np.inf)
    y, indices = F.adaptive_max_pool2d(on(xp, x), 1, return_indices=True)
    assert get(y).item() == -np.inf and get(indices).item() == 0


@pytest.mark.parametrize("size", [(7, 9), (33, 40), (1, 30)])  # of 20x30 pixels, more than are multiplied one by one
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite_stays_in_its_windows_there_and_back(size, value, xp):
    image, g = whole_numbers(np.random.default_rng(3), (1, 2, 20, 30)), np.ones((1, 2, *size))
    image[0, 1, 11, 17] = g[0, 1, size[0] // 2, size[1] // 2] = value
    seen, reached = np.zeros(g.shape, bool), np.zeros(image.shape, bool)
    for (i, j), window in windows(image, size):
        seen[:, :, i, j] = ~np.isfinite(image[window]).all((2, 3))
        reached[window] |= ~np.isfinite(g[:, :, i, j, None, None])
    x = on(xp, image, requires_grad=True)
    y = F.adaptive_avg_pool2d(x, size)
    equal(~np.isfinite(get(y)), seen)
    y.backward(on(xp, g))
    equal(~np.isfinite(get(x.grad)), reached)


def test_half_precision_is_added_up_in_single_precision(xp):
    x = np.ones((1, 1, 64, 64), np.float16)
    assert get(F.adaptive_avg_pool2d(on(xp, 100 * x), 1)).tolist() == [[[[100.0]]]]  # the sum is beyond 65504
    received = on(xp, np.ones((1, 1, 1, 1), np.float16), requires_grad=True)
    F.adaptive_avg_pool2d(received, 64).backward(on(xp, x))
    assert get(received.grad).tolist() == [[[[4096.0]]]]


def test_errors(monkeypatch):
    for pool, name in ((F.adaptive_avg_pool2d, "adaptive_avg_pool2d"), (F.adaptive_max_pool2d, "adaptive_max_pool2d")):
        for size, error, said in (
            (0, ArgumentError, "output_size must be between 1 and .*, got 0"),
            ((2, -1), ArgumentError, "output_size must be between 1 and .*, got -1"),
            (
                (1, 2, 3),
                ArgumentError,
                r"output_size must be an integer or a pair of integers, got \(1, 2, 3\) of length",
            ),
            ((2, 2.5), ArgumentTypeError, "output_size must be an integer or a pair of integers, got 2.5"),
        ):
            with pytest.raises(error, match=f"^{name}: {said}"):
                pool(Tensor(X), size)
        with pytest.raises(ArgumentError, match=f"^{name}: x must have 4 dimensions"):
            pool(Tensor(X[0]), 1)
        with monkeypatch.context() as patch:
            patch.setattr(limits, "memory_of", lambda device: 1000)
            with pytest.raises(
                AllocationError, match=rf"^{name}: a result of shape \(2, 3, 9, 9\).*smaller output_size"
            ):
                pool(Tensor(X), 9)
