"""Average pooling on bare arrays: windows that keep the mean of their pixels, and its transpose.

    y[n, c, i, j] = (sum over (k, l) of x[n, c, i·s + k − p, j·s + l − p]) / divisor[i, j]

Padding counts as nothing for the sum; whether it counts for the divisor can be chosen. The mean is linear, so its
gradient is its transpose. On a CPU the sum goes first along the columns of each window, then along its row; on a GPU
each window, or each pixel, is one thread. Sums run in one fixed order: same input, same bits.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from minifcn.arguments import integer
from minifcn.arrays.half import narrow, sum_dtype, wide
from minifcn.arrays.sliding import SIZES, along, over_taps, over_windows, require, resized, sizes, slide
from minifcn.errors import ArgumentError, ArgumentTypeError
from minifcn.geometry import Geometry
from minifcn.machine.backend import Array, array_module, is_cupy
from minifcn.machine.kernels import Kernel, contiguous
from minifcn.machine.memory import empty


def avg_pool(
    x: Array, geometry: Geometry, count_include_pad: bool = True, divisor_override: int | None = None
) -> Array:
    """y[n, c, i, j] = (Σ over (k, l) of x[n, c, i·s + k − p, j·s + l − p]) / divisor[i, j].

    x       (N, C, H, W)     floating point
    returns (N, C, OH, OW)

    The divisor counts the pixels of the window, as in PyTorch: those of the padded image with `count_include_pad`,
    else those of the image itself; a window that `ceil_mode` lets hang beyond counts only what it covers. A
    `divisor_override` replaces all counts. No divisor is zero.
    """
    xp = array_module(x)
    require(x, geometry.input_size, "avg_pool2d: x")
    divisor = _divisor(x, geometry, count_include_pad, divisor_override)
    if is_cupy(x):
        y, (pixels,) = empty((*x.shape[:2], *geometry.output_size), divisor.dtype, x), contiguous(wide(x))
        _AVG_POOL(y.size, y, pixels, xp.full(geometry.output_size, divisor), *sizes(geometry))
        return narrow(y, x.dtype)
    sums = wide(x)
    for axis in (0, 1):
        sums = slide(sums, geometry, axis, xp.add, 0)
    return narrow(sums / divisor, x.dtype)


def avg_pool_transposed(
    y: Array, geometry: Geometry, count_include_pad: bool = True, divisor_override: int | None = None
) -> Array:
    """x[n, c, i·s + k − p, j·s + l − p] += y[n, c, i, j] / divisor[i, j] for all (k, l): each value spread evenly.

    y       (N, C, OH, OW)   floating point
    returns (N, C, H, W)

    The exact transpose of `avg_pool` with the same arguments, and so its gradient.
    """
    xp = array_module(y)
    require(y, geometry.output_size, "avg_pool2d: y")
    divisor = _divisor(y, geometry, count_include_pad, divisor_override)
    if is_cupy(y):
        x, (values,) = empty((*y.shape[:2], *geometry.input_size), divisor.dtype, y), contiguous(wide(y))
        _AVG_POOL_TRANSPOSED(x.size, x, values, xp.full(geometry.output_size, divisor), *sizes(geometry))
        return narrow(x, y.dtype)
    sums = wide(y) / divisor
    for axis in (1, 0):
        wider = xp.zeros(resized(sums.shape, axis, geometry.input_size[axis]), dtype=sums.dtype)
        for k in range(geometry.kernel_size[axis]):
            here, there = geometry.tap(axis, k)
            wider[along(axis, here)] += sums[along(axis, there)]
        sums = wider
    return narrow(sums, y.dtype)


def _divisor(like: Array, geometry: Geometry, count_include_pad: bool, divisor_override: int | None) -> Any:
    """(OH, OW), or one number: how many pixels each window covers, the product of the counts along the two axes."""
    if like.dtype.kind != "f":
        raise ArgumentTypeError(f"avg_pool2d: a mean needs floating point, got {like.dtype}; convert with .astype.")
    dtype = sum_dtype(like.dtype)
    if divisor_override is not None:
        return dtype.type(integer(divisor_override, "avg_pool2d: divisor_override", 1))
    if geometry.dilation != (1, 1):
        raise ArgumentError(f"avg_pool2d: dilation must be 1, got {geometry.dilation}; average windows have no holes.")
    counts = []
    for axis in (0, 1):
        size, kernel, padding = geometry.input_size[axis], geometry.kernel_size[axis], geometry.padding[axis]
        start = np.arange(geometry.output_size[axis]) * geometry.stride[axis] - padding
        low, high = (-padding, size + padding) if count_include_pad else (0, size)
        counts.append(np.minimum(start + kernel, high) - np.maximum(start, low))
    return array_module(like).asarray(np.outer(*counts), dtype=dtype)


_AVG_POOL = Kernel(
    "avg_pool",
    f"T* y, const T* x, const T* divisor, {SIZES}",
    """
    // One thread for each window; neighbours are neighbouring windows: they read what overlaps or lies side by side,
    // and write side by side.
    T sum = 0;"""
    + over_taps("            sum += pixels[place];")
    + """
    y[i] = sum / divisor[i % (OH * OW)];""",
)

_AVG_POOL_TRANSPOSED = Kernel(
    "avg_pool_transposed",
    f"T* x, const T* y, const T* divisor, {SIZES}",
    """
    // One thread for each pixel: it adds up the shares of the windows over it. Neighbours ask the same windows.
    T sum = 0;"""
    + over_windows("""
            const Index window = row * OW + column;
            sum += y[plane * OH * OW + window] / divisor[window];""")
    + """
    x[i] = sum;""",
)
