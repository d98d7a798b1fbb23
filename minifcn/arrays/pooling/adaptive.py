"""Adaptive pooling on bare arrays: so many windows as are wanted, cut to the image (geometry/adaptive.py).

A mean is linear, so its gradient is its transpose. Of a maximum the position row·W + column in its plane is found here;
`unpooling.py` reads and writes there. Windows differ in size, so there is a step for each along an axis.
"""

from __future__ import annotations

import numpy as np

from minifcn.arguments import Pair
from minifcn.arrays.half import narrow, wide
from minifcn.arrays.sliding import along, resized
from minifcn.geometry.adaptive import adaptive_windows
from minifcn.machine.backend import Array, array_module
from minifcn.machine.memory import empty, zeros


def adaptive_avg_pool(x: Array, size: Pair) -> Array:
    """y[n, c, i, j] = the mean of the pixels in row window i and column window j: (N, C, H, W) -> (N, C, *size)."""
    sums = wide(x)
    for axis in (0, 1):
        parts = empty(resized(sums.shape, axis, size[axis]), sums.dtype, sums)
        for i, (first, end) in enumerate(adaptive_windows(x.shape[2 + axis], size[axis])):
            sums[along(axis, slice(first, end))].sum(
                axis=axis - 2, keepdims=True, out=parts[along(axis, slice(i, i + 1))]
            )
        sums = parts
    return narrow(sums / _counts(sums, x.shape[2:], size), x.dtype)


def adaptive_avg_pool_transposed(y: Array, size: Pair) -> Array:
    """Every value spread evenly over its window: y (N, C, OH, OW) -> (N, C, *size), the transpose of the mean."""
    shares = wide(y) / _counts(wide(y), size, y.shape[2:])
    for axis in (1, 0):
        wider = zeros(resized(shares.shape, axis, size[axis]), shares.dtype, shares)
        for i, (first, end) in enumerate(adaptive_windows(size[axis], y.shape[2 + axis])):
            wider[along(axis, slice(first, end))] += shares[along(axis, slice(i, i + 1))]
        shares = wider
    return narrow(shares, y.dtype)


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


def _counts(like: Array, size: Pair, wanted: Pair) -> Array:
    """(OH, OW): how many pixels each window sees."""
    rows, columns = ([end - first for first, end in adaptive_windows(size[axis], wanted[axis])] for axis in (0, 1))
    return array_module(like).asarray(np.outer(rows, columns), dtype=like.dtype)
