"""Pooling computed in other ways than minifcn does."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from minifcn.geometry import Geometry
from minifcn.testing import ours
from minifcn.testing.unrolled import taps_inside
from minifcn.testing.version import variant


def _geometry(x: Any, kernel_size: Any, stride: Any = None, padding: Any = 0, dilation: Any = 1,
              ceil_mode: bool = False) -> Geometry:  # fmt: skip
    return Geometry.of_pooling(x.shape[2:], kernel_size, stride, padding, dilation, ceil_mode)


def _windows(g: Geometry) -> Iterator[tuple[int, int, list[int], list[int]]]:
    """(i, j, rows, columns): for each window the pixels of the image that it sees."""
    for i, j in np.ndindex(*g.output_size):
        places = []
        for axis, at in enumerate((i, j)):
            first = at * g.stride[axis] - g.padding[axis]
            reached = range(first, first + g.reach[axis], g.dilation[axis])
            places.append([place for place in reached if 0 <= place < g.input_size[axis]])
        yield i, j, places[0], places[1]


def _counted(g: Geometry, include: bool) -> np.ndarray:
    """(OH, OW): the places of each window that count."""
    return taps_inside(g, g.padding if include else (0, 0))


@variant("max_pool2d")
def window_by_window(x: Any, *options: Any, **named: Any) -> Any:
    """Each window is cut out and searched."""
    g = _geometry(x, *options, **named)
    y = np.empty((*x.shape[:2], *g.output_size), x.dtype)
    index = np.empty(y.shape, np.int64)
    for i, j, rows, columns in _windows(g):
        seen = x[:, :, rows][..., columns].reshape(*x.shape[:2], -1)
        best = seen.argmax(2)  # the first one, and NaN before all
        row, column = np.divmod(best, len(columns))
        index[:, :, i, j] = np.take(rows, row) * x.shape[3] + np.take(columns, column)
        y[:, :, i, j] = np.take_along_axis(seen, best[..., None], 2)[..., 0]
    return y, index


@variant("max_pool2d")
def record_holder_by_taps(x: Any, *options: Any, **named: Any) -> Any:
    """Tap by tap, a pixel takes the lead if it is larger than the one that holds it; nothing takes it from a NaN."""
    g = _geometry(x, *options, **named)
    y = np.full((*x.shape[:2], *g.output_size), -np.inf, x.dtype)
    index = np.full(y.shape, -1, np.int64)
    pixels = np.arange(x.shape[2] * x.shape[3]).reshape(x.shape[2:])
    for k, l in np.ndindex(*g.kernel_size):
        (rows, out_rows), (columns, out_columns) = g.tap(0, k), g.tap(1, l)
        holder, at = y[:, :, out_rows, out_columns], index[:, :, out_rows, out_columns]
        seen = x[:, :, rows, columns]
        takes = (at < 0) | (seen > holder) | (np.isnan(seen) & ~np.isnan(holder))
        holder[takes] = seen[takes]
        at[takes] = np.broadcast_to(pixels[rows, columns], at.shape)[takes]
    return y, index


@variant("max_pool2d")
def sorted_windows(x: Any, *options: Any, **named: Any) -> Any:
    """The pixels of each window are sorted, largest first, equal ones by position."""
    g = _geometry(x, *options, **named)
    y, index = np.empty((2, *x.shape[:2], *g.output_size))
    for i, j, rows, columns in _windows(g):
        at = np.add.outer(np.array(rows) * x.shape[3], columns).ravel()
        for n, c in np.ndindex(*x.shape[:2]):
            seen = x[n, c].ravel()[at]
            order = np.lexsort((at, np.where(np.isnan(seen), 0, -seen), ~np.isnan(seen)))
            y[n, c, i, j], index[n, c, i, j] = seen[order[0]], at[order[0]]
    return y.astype(x.dtype), index.astype(np.int64)


@variant("max_pool2d_backward")
def handed_back_window_by_window(grad_output: Any, x: Any, *options: Any, **named: Any) -> Any:
    """Each window adds what it receives at its first largest pixel."""
    made = np.zeros(x.shape, x.dtype)
    for i, j, rows, columns in _windows(_geometry(x, *options, **named)):
        for n, c in np.ndindex(*x.shape[:2]):
            row, column = divmod(int(x[n, c][np.ix_(rows, columns)].argmax()), len(columns))
            made[n, c, rows[row], columns[column]] += grad_output[n, c, i, j]
    return made


@variant("max_pool2d_backward")
def by_counting_indices(grad_output: Any, x: Any, *options: Any, **named: Any) -> Any:
    """A weighted histogram of the winners' indices."""
    _, index = record_holder_by_taps.function(x, *options, **named)
    made = np.empty(x.shape, x.dtype)
    for plane in np.ndindex(*x.shape[:2]):
        counted = np.bincount(index[plane].ravel(), grad_output[plane].ravel(), x[plane].size)
        made[plane] = counted.reshape(x.shape[2:])
    return made


def _unpooled_size(x: Any, kernel_size: Any, stride: Any = None, padding: Any = 0, output_size: Any = None) -> Any:
    if output_size is not None:
        return tuple(output_size)
    three = [(a, a) if isinstance(a, int) else tuple(a) for a in (kernel_size, stride or kernel_size, padding)]
    return tuple((n - 1) * s - 2 * p + k for n, k, s, p in zip(x.shape[2:], *three, strict=True))


@variant("max_unpool2d")
def value_by_value(x: Any, indices: Any, *options: Any, **named: Any) -> Any:
    """One value after the other is added at its row and column."""
    H, W = _unpooled_size(x, *options, **named)
    made = np.zeros((*x.shape[:2], H, W), x.dtype)
    for at in np.ndindex(*x.shape):
        row, column = divmod(int(indices[at]), W)
        if not 0 <= row < H:
            raise IndexError(f"index {indices[at]} is outside {H}x{W}")
        made[at[0], at[1], row, column] += x[at]
    return made


@variant("max_unpool2d")
def by_a_weighted_histogram(x: Any, indices: Any, *options: Any, **named: Any) -> Any:
    """A weighted histogram of the indices, plane by plane."""
    size = _unpooled_size(x, *options, **named)
    planes = [
        np.bincount(indices[plane].ravel(), x[plane].ravel(), size[0] * size[1]).reshape(size)
        for plane in np.ndindex(*x.shape[:2])
    ]
    return np.array(planes, x.dtype).reshape(*x.shape[:2], *size)


@variant("avg_pool2d")
def mean_of_each_window(x: Any, kernel_size: Any, stride: Any = None, padding: Any = 0, ceil_mode: bool = False,
                        count_include_pad: bool = True) -> Any:  # fmt: skip
    """Each window is cut out, summed and divided by the places that count."""
    g = _geometry(x, kernel_size, stride, padding, 1, ceil_mode)
    y = np.empty((*x.shape[:2], *g.output_size), x.dtype)
    for i, j, rows, columns in _windows(g):
        y[:, :, i, j] = x[:, :, rows][..., columns].sum((2, 3))
    return (y / _counted(g, count_include_pad)).astype(x.dtype)


@variant("avg_pool2d")
def by_a_convolution_of_each_channel(x: Any, kernel_size: Any, stride: Any = None, padding: Any = 0,
                                     ceil_mode: bool = False, count_include_pad: bool = True) -> Any:  # fmt: skip
    """A convolution with ones, one group for each channel, of the image with enough zeros around it."""
    g, C = _geometry(x, kernel_size, stride, padding, 1, ceil_mode), x.shape[1]
    frame = [(0, 0), (0, 0)]
    for axis in (0, 1):
        end = (g.output_size[axis] - 1) * g.stride[axis] + g.reach[axis] - g.padding[axis]
        frame.append((g.padding[axis], max(0, end - g.input_size[axis])))
    sums = ours.conv2d(np.pad(x, frame), np.ones((C, 1, *g.kernel_size), x.dtype), None, g.stride, groups=C)
    OH, OW = g.output_size
    return (sums[:, :, :OH, :OW] / _counted(g, count_include_pad)).astype(x.dtype)


@variant("avg_pool2d_backward")
def shared_out_window_by_window(grad_output: Any, x: Any, kernel_size: Any, stride: Any = None, padding: Any = 0,
                                ceil_mode: bool = False, count_include_pad: bool = True) -> Any:  # fmt: skip
    """Each window adds an equal share of what it receives to each of its pixels."""
    g = _geometry(x, kernel_size, stride, padding, 1, ceil_mode)
    shares, made = grad_output / _counted(g, count_include_pad), np.zeros(x.shape, x.dtype)
    for i, j, rows, columns in _windows(g):
        made[:, :, rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1] += shares[:, :, i, j, None, None]
    return made


@variant("avg_pool2d_backward")
def by_a_transposed_convolution(grad_output: Any, x: Any, kernel_size: Any, stride: Any = None, padding: Any = 0,
                                ceil_mode: bool = False, count_include_pad: bool = True) -> Any:  # fmt: skip
    """A transposed convolution with ones of the shares, cut to the image."""
    g, C = _geometry(x, kernel_size, stride, padding, 1, ceil_mode), x.shape[1]
    shares = (grad_output / _counted(g, count_include_pad)).astype(x.dtype)
    made = ours.conv_transpose2d(shares, np.ones((C, 1, *g.kernel_size), x.dtype), None, g.stride, groups=C)
    (ph, pw), (H, W) = g.padding, g.input_size
    room = ((0, 0), (0, 0), (0, max(0, ph + H - made.shape[2])), (0, max(0, pw + W - made.shape[3])))
    return np.pad(made, room)[:, :, ph : ph + H, pw : pw + W]
