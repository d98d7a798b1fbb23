"""Adaptive pooling on bare arrays: so many windows as are wanted, cut to the image (geometry/adaptive.py).

A mean is linear, so its gradient is its transpose. The sums are the product R · x · Cᵀ, where row i of R is 1 for the
pixels that window i sees and 0 elsewhere, a band (arrays/bands.py). Whole numbers are added up exactly, then divided
once.

Of a maximum the position row·W + column in its plane is found here; `unpooling.py` reads and writes there. Windows
differ in size, so there is a step for each.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np

from minifcn.arguments import Pair
from minifcn.arrays.bands import BandMatrix, down_and_across
from minifcn.arrays.half import narrow, sum_dtype, wide
from minifcn.geometry.adaptive import adaptive_windows
from minifcn.machine.backend import Array, array_module


def adaptive_avg_pool(x: Array, size: Pair) -> Array:
    """y[n, c, i, j] = the mean of the pixels in row window i and column window j: (N, C, H, W) -> (N, C, *size)."""
    rows, columns = _windows(x, x.shape[2:], size)
    sums = down_and_across(rows, columns, wide(x))
    return narrow(sums / _counts(rows, columns, sums), x.dtype)


def adaptive_avg_pool_transposed(y: Array, size: Pair) -> Array:
    """Every value spread evenly over its window: y (N, C, OH, OW) -> (N, C, *size), the transpose of the mean."""
    rows, columns = _windows(y, size, y.shape[2:])
    shares = wide(y) / _counts(rows, columns, wide(y))
    return narrow(down_and_across(rows.T, columns.T, shares), y.dtype)


def adaptive_maxima(x: Array, size: Pair) -> Array:
    """Where the largest pixel of each window stands, int64 (N, C, *size): the first of equals, and a NaN before all."""
    (H, W), xp = x.shape[2:], array_module(x)
    positions = xp.empty((*x.shape[:2], *size), np.int64)
    for i, (top, bottom) in enumerate(adaptive_windows(H, size[0])):
        for j, (left, right) in enumerate(adaptive_windows(W, size[1])):
            width = right - left
            seen = x[:, :, top:bottom, left:right].reshape(*x.shape[:2], (bottom - top) * width)
            best = seen.argmax(axis=2)
            positions[:, :, i, j] = (top + best // width) * W + left + best % width
    return positions


def _windows(like: Array, size: Pair, wanted: Pair) -> tuple[BandMatrix, BandMatrix]:
    """The windows of the rows and of the columns, to add up arrays like this one."""
    rows, columns = (_along(size[axis], wanted[axis], sum_dtype(like.dtype)) for axis in (0, 1))
    return rows, columns


@lru_cache(maxsize=64)
def _along(size: int, count: int, dtype: Any) -> BandMatrix:
    """(count, size): row i has a 1 for each pixel that window i sees."""
    firsts, ends = np.array(adaptive_windows(size, count)).T
    starts = np.concatenate(([0], np.cumsum(ends - firsts)))
    pixels = np.arange(starts[-1]) + np.repeat(firsts - starts[:-1], ends - firsts)
    return BandMatrix(size, starts, pixels, np.ones(len(pixels), dtype))


def _counts(rows: BandMatrix, columns: BandMatrix, like: Array) -> Array:
    """(OH, OW): how many pixels each window sees."""
    seen = np.outer(np.diff(rows.starts), np.diff(columns.starts))
    return array_module(like).asarray(seen, dtype=like.dtype)
