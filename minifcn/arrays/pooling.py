"""Pooling on bare arrays: windows that keep their largest value, or their mean, and the transposes of both.

    max:      y[n, c, i, j] = max over (k, l) of x[n, c, i·s + k·d − p, j·s + l·d − p]
    average:  y[n, c, i, j] = (sum over (k, l) of the same pixels) / divisor[i, j]

Padding is never a pixel: it counts as −∞ for the maximum and as nothing for the sum. Every function walks over the
taps of the window, not over the pixels: one tap is one slice of the whole batch, and `Geometry.tap` says which.

Max pooling is not linear, but once it is known which tap won each window, the rest is: `scatter_taps` sends values to
the winners (the gradient of max pooling) and `gather_taps` reads there (the gradient of that gradient). Average pooling
is linear, so its gradient is its transpose. Sums run in one fixed order, on a CPU and on a GPU: same input, same bits.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from minifcn.arrays.precision import narrow, sum_dtype, wide
from minifcn.arrays.scatter import add_at
from minifcn.arrays.spread import spread
from minifcn.backend import Array, array_module
from minifcn.errors import ArgumentError, ArgumentTypeError
from minifcn.geometry import Geometry, Pair, integer
from minifcn.memory import empty, zeros

# --- max pooling --------------------------------------------------------------------------------------------------


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
    _require(x, geometry.input_size, "max_pool2d: x")
    lowest = _lowest(x.dtype)
    y = empty((*x.shape[:2], *geometry.output_size), x.dtype, x)
    taps = empty(y.shape, np.min_scalar_type(geometry.taps - 1), x)

    met = _taps(geometry)
    first = xp.empty(geometry.output_size, taps.dtype)  # the first tap of each window that lies in the image
    for number, _, there in reversed(met):
        first[there] = number

    def pool(y: Array, x: Array, taps: Array) -> None:
        y[...], taps[...] = lowest, first
        for number, here, there in met:
            pixels, maximum, winner = xp.ascontiguousarray(x[here]), y[there], taps[there]
            # Numbers grow from tap to tap, so the largest that was better than all before it is the winner's.
            xp.maximum(winner, (pixels > maximum) * taps.dtype.type(number), out=winner)
            xp.maximum(maximum, pixels, out=maximum)
        if bool((y != y).any()):  # a NaN is not greater than anything, but becomes the maximum
            for number, here, there in reversed(met):
                taps[there][x[here] != x[here]] = number

    spread(pool, y, x, taps, axes=2, in_cache=True)  # which fills the taps, too: they are contiguous as y is
    return y, taps


def maxima(x: Array, geometry: Geometry) -> Array:
    """The y of `max_pool` alone, where nobody asks who won: first along the columns of each window, then its row.

    Bit for bit the same, but for the sign of a 0 and the payload of a NaN.
    """
    _require(x, geometry.input_size, "max_pool2d: x")
    lowest, maximum = _lowest(x.dtype), array_module(x).maximum

    def pool(y: Array, x: Array) -> None:
        y[...] = _slide(_slide(x, geometry, 0, maximum, lowest), geometry, 1, maximum, lowest)

    return spread(pool, empty((*x.shape[:2], *geometry.output_size), x.dtype, x), x, axes=2, in_cache=True)


def scatter_taps(y: Array, taps: Array, geometry: Geometry) -> Array:
    """x[n, c, i·s + k·d − p, j·s + l·d − p] += y[n, c, i, j] with (k, l) = taps[n, c, i, j]: values to the winners.

    y       (N, C, OH, OW)
    taps    (N, C, OH, OW)   from `max_pool`
    returns (N, C, H, W)     zero where nothing won; where windows overlap, a pixel that won several receives the sum

    It is the gradient of max pooling and the exact transpose of `gather_taps`. A y of NaN or infinity reaches its
    winner and no other pixel.
    """
    xp = array_module(y, taps)
    _require(y, geometry.output_size, "max_pool2d: y")
    _require_same(y, taps, "taps", "max_pool2d")
    apart = all(geometry.stride[axis] >= geometry.reach[axis] for axis in (0, 1))
    y, dtype = xp.ascontiguousarray(wide(y)), y.dtype
    x = zeros(y.shape[:2] + geometry.input_size, y.dtype, y)
    bits = np.dtype(f"i{y.dtype.itemsize}")

    def scatter(x: Array, y: Array, taps: Array) -> None:
        for number, here, there in _taps(geometry):
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
    _require(x, geometry.input_size, "max_pool2d: x")
    _require(taps, geometry.output_size, "max_pool2d: taps")
    if x.shape[:2] != taps.shape[:2]:
        raise ArgumentError(f"max_pool2d: x {x.shape} and taps {taps.shape} differ in batch or channels; pass a pair.")
    bits = np.dtype(f"i{x.dtype.itemsize}")

    def gather(y: Array, taps: Array, x: Array) -> None:
        for number, here, there in _taps(geometry):
            y.view(bits)[there] += x.view(bits)[here] * (taps[there] == number)  # as integers: see `scatter_taps`

    return spread(gather, zeros(taps.shape, x.dtype, x), taps, x, axes=2, in_cache=True)


def flat_indices(taps: Array, geometry: Geometry) -> Array:
    """index[n, c, i, j] = row · W + column of the winning pixel: PyTorch's `return_indices`.

    taps    (N, C, OH, OW)   from `max_pool`
    returns (N, C, OH, OW)   int64, in the plane without padding
    """
    xp = array_module(taps)
    _require(taps, geometry.output_size, "max_pool2d: taps")
    k, l = xp.divmod(taps.astype(np.int64), geometry.kernel_size[1])
    rows, columns = (
        xp.arange(geometry.output_size[axis]) * geometry.stride[axis] - geometry.padding[axis] for axis in (0, 1)
    )
    return (rows[:, None] + k * geometry.dilation[0]) * geometry.input_size[1] + columns + l * geometry.dilation[1]


# --- max unpooling ------------------------------------------------------------------------------------------------


def unpool(y: Array, indices: Array, output_size: Pair) -> Array:
    """x[n, c, indices[n, c, i, j]] += y[n, c, i, j], each plane (H, W) of x taken flat; zero elsewhere.

    y           (N, C, OH, OW)
    indices     (N, C, OH, OW)   integers row · W + column in [0, H·W), as `flat_indices` gives them
    output_size (H, W)
    returns     (N, C, H, W)

    Where an index occurs more than once in a plane (overlapping windows), the values add up. PyTorch leaves this case
    undefined; with the sum, `gather_flat` is the exact transpose, always.
    Raises ArgumentError for an index outside [0, H·W), ArgumentTypeError for indices that are not integers.
    """
    xp = array_module(y, indices)
    _require_same(y, indices, "indices", "max_unpool2d")
    indices = _checked_indices(indices, output_size)
    batch, channels = y.shape[:2]
    plane = output_size[0] * output_size[1]
    x = xp.zeros((batch, channels, *output_size), dtype=y.dtype)
    add_at(x, indices + xp.arange(batch * channels).reshape(batch, channels, 1, 1) * plane, y)
    return x


def gather_flat(x: Array, indices: Array) -> Array:
    """y[n, c, i, j] = x[n, c, indices[n, c, i, j]], each plane (H, W) of x taken flat: the transpose of `unpool`.

    x       (N, C, H, W)
    indices (N, C, OH, OW)   integers in [0, H·W)
    returns (N, C, OH, OW)
    """
    xp = array_module(x, indices)
    if x.ndim != 4 or indices.ndim != 4 or x.shape[:2] != indices.shape[:2]:
        raise ArgumentError(
            f"max_unpool2d: x {x.shape} and indices {indices.shape} must be (N, C, H, W) and (N, C, OH, OW) with "
            f"equal N and C; pass the indices that belong to x."
        )
    places = _flat_planes(_checked_indices(indices, x.shape[2:]))
    return xp.take_along_axis(_flat_planes(x), places, axis=2).reshape(indices.shape)


# --- average pooling ----------------------------------------------------------------------------------------------


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
    _require(x, geometry.input_size, "avg_pool2d: x")
    divisor = _divisor(x, geometry, count_include_pad, divisor_override)
    sums = wide(x)
    for axis in (0, 1):
        sums = _slide(sums, geometry, axis, xp.add, 0)
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
    _require(y, geometry.output_size, "avg_pool2d: y")
    sums = wide(y) / _divisor(y, geometry, count_include_pad, divisor_override)
    for axis in (1, 0):
        wider = xp.zeros(_resized(sums.shape, axis, geometry.input_size[axis]), dtype=sums.dtype)
        for k in range(geometry.kernel_size[axis]):
            here, there = geometry.tap(axis, k)
            wider[_along(axis, here)] += sums[_along(axis, there)]
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


# --- shared -------------------------------------------------------------------------------------------------------


def _taps(geometry: Geometry) -> list[tuple[int, tuple[Any, ...], tuple[Any, ...]]]:
    """For every tap in row-major order: its number k·KW + l, where it reads in x, and which part of y it meets."""
    met = []
    for k in range(geometry.kernel_size[0]):
        for l in range(geometry.kernel_size[1]):
            (rows, out_rows), (columns, out_columns) = geometry.tap(0, k), geometry.tap(1, l)
            here, there = (..., rows, columns), (..., out_rows, out_columns)
            met.append((k * geometry.kernel_size[1] + l, here, there))
    return met


def _slide(x: Array, geometry: Geometry, axis: int, combine: Any, neutral: Any) -> Array:
    """`combine` over the window along one axis (0 rows, 1 columns), starting at `neutral`: (…H…) -> (…OH…)."""
    y = empty(_resized(x.shape, axis, geometry.output_size[axis]), x.dtype, x)
    y.fill(neutral)
    for k in range(geometry.kernel_size[axis]):
        here, there = geometry.tap(axis, k)
        met = y[_along(axis, there)]
        combine(met, x[_along(axis, here)], out=met)
    return y


def _along(axis: int, part: slice) -> tuple[Any, ...]:
    return (..., part, slice(None)) if axis == 0 else (..., part)


def _resized(shape: tuple[int, ...], axis: int, size: int) -> tuple[int, ...]:
    return (*shape[:-2], size, shape[-1]) if axis == 0 else (*shape[:-1], size)


def _lowest(dtype: np.dtype) -> Any:
    """What no pixel is below: −∞, or the smallest integer."""
    if dtype.kind not in "fiu":
        raise ArgumentTypeError(f"max_pool2d: x must hold real numbers, got {dtype}; convert with .astype.")
    return -np.inf if dtype.kind == "f" else np.iinfo(dtype).min


def _require(x: Array, size: Pair, what: str) -> None:
    if x.ndim != 4 or x.shape[2:] != size:
        raise ArgumentError(
            f"{what} must be (N, C, {size[0]}, {size[1]}), got {x.shape}; "
            f"pass an array of that size or build the geometry from the array's."
        )


def _require_same(y: Array, other: Array, what: str, name: str) -> None:
    if y.ndim != 4 or y.shape != other.shape:
        raise ArgumentError(f"{name}: y {y.shape} and {what} {other.shape} must both be (N, C, OH, OW); pass a pair.")


def _checked_indices(indices: Array, size: Pair) -> Array:
    """`indices` as int64, after looking at every one: NumPy and CuPy would let −1 count from the end."""
    if indices.dtype.kind not in "iu":
        raise ArgumentTypeError(f"max_unpool2d: indices must be integers, got {indices.dtype}; use max_pool2d's.")
    limit = size[0] * size[1]
    low, high = (int(indices.min()), int(indices.max())) if indices.size else (0, -1)
    if low < 0 or high >= limit:
        raise ArgumentError(
            f"max_unpool2d: found an invalid max index {low if low < 0 else high}: indices must lie in [0, {limit}) "
            f"for an output of {size[0]}x{size[1]}; give the size of the input of the max_pool2d that made them."
        )
    return indices.astype(np.int64, copy=False)


def _flat_planes(x: Array) -> Array:
    """(N, C, H, W) -> (N, C, H·W); written out because −1 is ambiguous for an empty batch."""
    return x.reshape(*x.shape[:2], x.shape[2] * x.shape[3])
