"""Max pooling on bare arrays: windows that keep their largest value, and what follows from who won.

    y[n, c, i, j] = max over (k, l) of x[n, c, i·s + k·d − p, j·s + l·d − p]

Padding is never a pixel: it counts as −∞. On a CPU every function walks over the taps of the window, not over the
pixels: one tap is one slice of the whole batch. On a GPU each window, or each pixel, is one thread.

Max pooling is not linear, but once it is known which tap won each window, the rest is: `scatter_taps` sends values to
the winners (the gradient of max pooling) and `gather_taps` reads there (the gradient of that gradient). Sums run in one
fixed order, on a CPU and on a GPU: same input, same bits.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from minifcn.arrays.half import narrow, wide
from minifcn.arrays.sliding import SIZES, over_taps, over_windows, require, require_same, sizes, slide, taps_of
from minifcn.errors import ArgumentError, ArgumentTypeError
from minifcn.geometry import Geometry
from minifcn.machine.backend import Array, array_module, is_cupy
from minifcn.machine.kernels import Kernel, contiguous
from minifcn.machine.memory import empty
from minifcn.machine.spread import spread


def max_pool(x: Array, geometry: Geometry) -> tuple[Array, Array]:
    """y[n, c, i, j] = max over (k, l) of x[n, c, i·s + k·d − p, j·s + l·d − p], and which tap won.

    x            (N, C, H, W)     real numbers
    returns y    (N, C, OH, OW)   a NaN in a window makes its maximum NaN
            taps (N, C, OH, OW)   k·KW + l of the winner, in the smallest unsigned dtype that holds KH·KW − 1

    Of equal pixels the first in row-major order wins; of several NaN the first. The winner is always a pixel of the
    image, never padding, even in a window of nothing but −∞.
    Raises ArgumentError if x is not (N, C, H, W) of the geometry's size, ArgumentTypeError if its dtype has no order.
    """
    xp = array_module(x)
    require(x, geometry.input_size, "max_pool2d: x")
    lowest = _lowest(x.dtype)
    y = empty((*x.shape[:2], *geometry.output_size), x.dtype, x)
    taps = empty(y.shape, np.min_scalar_type(geometry.taps - 1), x)
    if is_cupy(x):
        largest, (pixels,) = wide(y), contiguous(wide(x))
        _MAX_POOL(y.size, largest, taps, pixels, *sizes(geometry))
        return narrow(largest, x.dtype), taps

    met = taps_of(geometry)
    first = xp.empty(geometry.output_size, taps.dtype)  # the first tap of each window that lies in the image
    for number, _, there in reversed(met):
        first[there] = number

    def pool(y: Array, x: Array, taps: Array) -> None:
        y[...], taps[...] = lowest, first
        (_, here, there), *others = met
        y[there] = x[here]
        for number, here, there in others:
            pixels, maximum, winner = xp.ascontiguousarray(x[here]), y[there], taps[there]
            # Numbers grow from tap to tap, so the largest that was better than all before it is the winner's.
            better = (pixels > maximum).astype(taps.dtype)
            better *= taps.dtype.type(number)
            xp.maximum(winner, better, out=winner)
            xp.maximum(maximum, pixels, out=maximum)
        largest = y.max(initial=lowest)
        if largest != largest:  # a NaN is not greater than anything, but becomes the maximum
            for number, here, there in reversed(met):
                taps[there][x[here] != x[here]] = number

    spread(pool, y, x, taps, axes=2, in_cache=True)  # which fills the taps, too: they are contiguous as y is
    return y, taps


def maxima(x: Array, geometry: Geometry) -> Array:
    """The y of `max_pool` alone, where nobody asks who won: first along the columns of each window, then its row.

    Bit for bit the same, but for the sign of a 0 and the payload of a NaN.
    """
    require(x, geometry.input_size, "max_pool2d: x")
    lowest, maximum = _lowest(x.dtype), array_module(x).maximum
    y = empty((*x.shape[:2], *geometry.output_size), x.dtype, x)
    if is_cupy(x):
        largest, (pixels,) = wide(y), contiguous(wide(x))
        _MAXIMA(y.size, largest, pixels, *sizes(geometry))
        return narrow(largest, x.dtype)

    def pool(y: Array, x: Array) -> None:
        y[...] = slide(slide(x, geometry, 0, maximum, lowest), geometry, 1, maximum, lowest)

    return spread(pool, y, x, axes=2, in_cache=True)


def scatter_taps(y: Array, taps: Array, geometry: Geometry) -> Array:
    """x[n, c, i·s + k·d − p, j·s + l·d − p] += y[n, c, i, j] with (k, l) = taps[n, c, i, j]: values to the winners.

    y       (N, C, OH, OW)
    taps    (N, C, OH, OW)   from `max_pool`
    returns (N, C, H, W)     zero where nothing won; where windows overlap, a pixel that won several receives the sum

    It is the gradient of max pooling and the exact transpose of `gather_taps`. A y of NaN or infinity reaches its
    winner and no other pixel.
    """
    xp = array_module(y, taps)
    require(y, geometry.output_size, "max_pool2d: y")
    require_same(y, taps, "taps", "max_pool2d")
    apart = all(geometry.stride[axis] >= geometry.reach[axis] for axis in (0, 1))
    y, dtype = xp.ascontiguousarray(wide(y)), y.dtype
    if is_cupy(y):
        x = empty(y.shape[:2] + geometry.input_size, y.dtype, y)
        _SCATTER_TAPS(x.size, x, y, *contiguous(taps), *sizes(geometry))
        return narrow(x, dtype)
    x = empty(y.shape[:2] + geometry.input_size, y.dtype, y)
    bits = np.dtype(f"i{y.dtype.itemsize}")

    def scatter(x: Array, y: Array, taps: Array) -> None:
        x.fill(0)
        for number, here, there in taps_of(geometry):
            # As integers: NaN times 0 is NaN, but its bits times 0 are 0; and many times faster than `where`.
            won, values, place = taps[there] == number, y.view(bits)[there], x.view(bits)[here]
            if apart:  # no pixel lies in two windows
                xp.multiply(values, won, out=place)
            else:
                x[here] += (values * won).view(y.dtype)

    return narrow(spread(scatter, x, y, taps, axes=2, in_cache=True), dtype)


def gather_taps(x: Array, taps: Array, geometry: Geometry) -> Array:
    """y[n, c, i, j] = x[n, c, i·s + k·d − p, j·s + l·d − p] with (k, l) = taps[n, c, i, j]: what stands at the winners.

    x       (N, C, H, W)
    taps    (N, C, OH, OW)   from `max_pool`, perhaps of another array of the same size
    returns (N, C, OH, OW)   `gather_taps(x, taps)` is y itself if taps came from x

    It is the exact transpose of `scatter_taps`.
    """
    array_module(x, taps)  # one device
    require(x, geometry.input_size, "max_pool2d: x")
    require(taps, geometry.output_size, "max_pool2d: taps")
    if x.shape[:2] != taps.shape[:2]:
        raise ArgumentError(f"max_pool2d: x {x.shape} and taps {taps.shape} differ in batch or channels; pass a pair.")
    if is_cupy(x):
        y = empty(taps.shape, wide(x).dtype, x)
        _GATHER_TAPS(y.size, y, *contiguous(wide(x), taps), *sizes(geometry))
        return narrow(y, x.dtype)
    bits = np.dtype(f"i{x.dtype.itemsize}")

    def gather(y: Array, taps: Array, x: Array) -> None:
        y.fill(0)
        for number, here, there in taps_of(geometry):
            y.view(bits)[there] += x.view(bits)[here] * (taps[there] == number)  # as integers: see `scatter_taps`

    return spread(gather, empty(taps.shape, x.dtype, x), taps, x, axes=2, in_cache=True)


def flat_indices(taps: Array, geometry: Geometry) -> Array:
    """index[n, c, i, j] = row · W + column of the winning pixel: PyTorch's `return_indices`.

    taps    (N, C, OH, OW)   from `max_pool`
    returns (N, C, OH, OW)   int64, in the plane without padding
    """
    xp = array_module(taps)
    require(taps, geometry.output_size, "max_pool2d: taps")
    k, l = xp.divmod(taps.astype(np.int64), geometry.kernel_size[1])
    rows, columns = (
        xp.arange(geometry.output_size[axis]) * geometry.stride[axis] - geometry.padding[axis] for axis in (0, 1)
    )
    return (rows[:, None] + k * geometry.dilation[0]) * geometry.input_size[1] + columns + l * geometry.dilation[1]


def _lowest(dtype: np.dtype) -> Any:
    """What no pixel is below: −∞, or the smallest integer."""
    if dtype.kind not in "fiu":
        raise ArgumentTypeError(f"max_pool2d: x must hold real numbers, got {dtype}; convert with .astype.")
    return -np.inf if dtype.kind == "f" else np.iinfo(dtype).min


# --- on a GPU -----------------------------------------------------------------------------------------------------

_LARGEST = (
    """
    // One thread for each window; neighbours are neighbouring windows: they read what overlaps or lies side by side,
    // and write side by side. A NaN is not greater than anything, but becomes the maximum.
    T largest = 0;
    Index winner = -1;"""
    + over_taps("""
            const T value = pixels[place];
            if (winner < 0 || value > largest || (value != value && largest == largest)) {
                largest = value;
                winner = k * KW + l;
            }""")
    + """
    y[i] = largest;"""
)

_MAX_POOL = Kernel("max_pool", f"T* y, L* taps, const T* x, {SIZES}", _LARGEST + "\n    taps[i] = L(winner);")

_MAXIMA = Kernel("maxima", f"T* y, const T* x, {SIZES}", _LARGEST)

_SCATTER_TAPS = Kernel(
    "scatter_taps",
    f"T* x, const T* y, const L* taps, {SIZES}",
    """
    // One thread for each pixel: it asks the windows over it whether it won there. So nobody else writes to it, and
    // where windows overlap the order of the sum is fixed. Neighbours are neighbouring pixels and ask the same windows.
    T sum = 0;"""
    + over_windows("""
            const Index window = (plane * OH + row) * OW + column;
            if (Index(taps[window]) == k * KW + l) sum += y[window];""")
    + """
    x[i] = sum;""",
)

_GATHER_TAPS = Kernel(
    "gather_taps",
    f"T* y, const T* x, const L* taps, {SIZES}",
    """
    // One thread for each window; the pixels of neighbours lie close to one another.
    const Index plane = i / OW / OH, tap = taps[i];
    const Index h = i / OW % OH * sh - ph + tap / KW * dh, w = i % OW * sw - pw + tap % KW * dw;
    y[i] = x[(plane * H + h) * W + w];""",
)
