"""rows: a line of columns for every row of the image; the columns of an output row then lie in memory as they are.

    lines[h, c, l, j] = x[n, c, h, j·s + l·d − p]           0 in the padding; a line is a matrix (C·KW, OW)

                 ┌ line 0 ┐
                 │ line 1 │ ┐      y[n, :, 0] = w · lines 0, 1, 2
                 └ line 2 ┘ │ ┐    y[n, :, 1] = w ·    lines 1, 2, 3
                   line 3   ┘ │    y[n, :, 2] = w ·       lines 2, 3, 4
                   line 4     ┘

The KH rows under one output row are KH lines that follow one another: together the matrix (KH·C·KW, OW) of im2col, and
that of the next output row begins one line later (with a stride, s lines). So all of them are one view that overlaps
itself. Each pixel is laid out KW times instead of KH·KW, and a product writes its row of y where it belongs.

A kernel whose rows are dilated by d sees every d-th row: the lines are laid out remainder by remainder of h by d.

    x   the lines of the products wᵀ · y[n, :, i] are added where they overlap, and back to their pixels; with stride 1
        as a convolution of y instead (turned.py)
    w   the sum of the products of columns and y over all output rows

Source of the idea: Cho and Brand 2017, "MEC: memory-efficient convolution", which overlaps columns of another order.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import gcd

import numpy as np

from minifcn.arrays.convolution import turned
from minifcn.geometry import Geometry
from minifcn.geometry.window import meeting
from minifcn.machine.backend import Array, array_module
from minifcn.machine.limits import require_memory, threads_for, working_bytes
from minifcn.machine.memory import empty, scratch, zeros
from minifcn.machine.product import multiply
from minifcn.machine.spread import sum_into
from minifcn.machine.threads import even_parts, for_each

# Times as many channels of y as of x, and turned round its columns are more than a product of few rows is worth.
MOST_TURNED = 4


def to_output(x: Array, w: Array, geometry: Geometry) -> Array:
    """Convolution. x (N, C, H, W), w (O, C/groups, KH, KW) -> y (N, O, OH, OW)."""
    (N, C), O = x.shape[:2], w.shape[0]
    y = empty((N, O, *geometry.output_size), x.dtype, x)
    w, threads = _matrices(w, geometry), _threads(x, O, geometry)

    def compute(strip: Strip) -> None:
        columns = _columns(_lines(_image(x, geometry, strip.image), geometry, strip), geometry, strip)
        multiply(w, columns, _output_rows(y, geometry, strip))  # (O/G, K) @ (K, OW), K = KH·C/G·KW

    for_each(compute, strips(x, range(N), C, geometry, threads), alone=threads == 1)
    return y


def to_input(w: Array, y: Array, geometry: Geometry) -> Array:
    """Transposed convolution. w (O, C/groups, KH, KW), y (N, O, OH, OW) -> x (N, C, H, W)."""
    N, G, C = len(y), geometry.groups, w.shape[1] * geometry.groups
    if y.shape[1] <= MOST_TURNED * C and turned.fits(geometry):
        return to_output(y, turned.turned_weight(w, G), turned.turned_geometry(geometry))
    x, threads = zeros((N, C, *geometry.input_size), y.dtype, y), _threads(y, C, geometry)

    # One image, or some of its channels, at a time: the stamps of two strips overlap.
    def compute(piece: tuple[int, slice]) -> None:
        image, channels = piece
        part, pixels = w[:, channels], _image(x, geometry, image)[:, channels]
        stamped = part[:1].size * G * geometry.output_size[1] * y.itemsize
        for strip in strips(y, range(image, image + 1), G * part.shape[1], geometry, 1, stamped):
            _add_stamps(part, _output_rows(y, geometry, strip), pixels, geometry, strip)

    parts = even_parts(C // G, -(-threads // max(1, N)))
    for_each(compute, [(image, part) for image in range(N) for part in parts], alone=threads == 1)
    return x


def to_weight(x: Array, y: Array, geometry: Geometry) -> Array:
    """What the weight receives. x (N, C, H, W), y (N, O, OH, OW) -> w (O, C/groups, KH, KW)."""
    (N, C), O, (KH, KW), G = x.shape[:2], y.shape[1], geometry.kernel_size, geometry.groups
    total = empty((G, KH * C // G * KW, O // G), x.dtype, x)
    threads = 1 if total.nbytes > 2 * working_bytes(x) else _threads(x, O, geometry)

    def add(strip: Strip, total: Array, first: bool) -> None:
        columns = _columns(_lines(_image(x, geometry, strip.image), geometry, strip), geometry, strip)
        products = scratch("rows: products", (G, len(strip.outputs), *total.shape[1:]), x)
        multiply(columns, _output_rows(y, geometry, strip).swapaxes(2, 3), products)  # (K, OW) @ (OW, O/G)
        if first:
            products.sum(1, out=total)
        else:
            total += products.sum(1)

    sum_into(total, add, list(strips(x, range(N), C, geometry, threads, total.nbytes)), threads)
    w = empty((O, C // G, KH, KW), x.dtype, x)
    w.reshape(G, O // G, C // G, KH, KW)[...] = total.reshape(G, KH, C // G, KW, O // G).transpose(0, 4, 2, 1, 3)
    return w


# --- strips ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Strip:
    """Some output rows of one image, and the lines that they see.

    outputs   every one of them, or with dilated rows every few: those whose windows see the same remainder
    lines     the rows of the image, or of its padding, that are laid out, one behind the other
    """

    image: int
    outputs: range
    lines: range


def strips(x: Array, images: range, C: int, geometry: Geometry, threads: int, for_each_row: int = 0) -> Iterator[Strip]:
    """Cut the images into strips whose lines fit `working_bytes`, and at least as many as there are threads.

    for_each_row: so many bytes are made of each output row, which are to fit as well. AllocationError if even one line
    is more than all memory can hold.
    """
    OH, row = geometry.output_size[0], (C, geometry.kernel_size[1], geometry.output_size[1])
    require_memory("rows: one line of columns", row, x, "reduce padding or cut the image into narrower pieces")
    rows = rows_of_strip(C, geometry, x.dtype.itemsize, working_bytes(x), for_each_row)
    (stride, _), (dilation, _), (padding, _) = geometry.stride, geometry.dilation, geometry.padding
    apart = dilation // gcd(stride, dilation)
    for image in images:
        for first in range(min(apart, OH)):
            outputs = range(first, OH, apart)
            parts = max(-(-len(outputs) // rows), -(-threads // (len(images) * apart)))
            for part in even_parts(len(outputs), parts):
                some = outputs[part]
                top, last = (i * stride - padding for i in (some[0], some[-1]))
                yield Strip(image, some, range(top, last + geometry.reach[0], dilation))


def rows_of_strip(C: int, geometry: Geometry, itemsize: int, room: int, for_each_row: int = 0) -> int:
    """How many output rows a strip has at most, if its lines should fit `room` bytes."""
    line = max(1, C * geometry.kernel_size[1] * geometry.output_size[1] * itemsize)
    step = _step(geometry)
    rows = (room // line - geometry.kernel_size[0]) // step + 1
    return max(1, min(rows, room // for_each_row) if for_each_row else rows)


def _step(geometry: Geometry) -> int:
    """How many lines the windows of one output row begin after those of the one before in the same strip."""
    return geometry.stride[0] // gcd(geometry.stride[0], geometry.dilation[0])


def _threads(x: Array, O: int, geometry: Geometry) -> int:
    """How many threads are worth while."""
    lines = len(x) * geometry.output_pixels * x.shape[1] * geometry.kernel_size[1]
    return threads_for(x, lines, lines * geometry.kernel_size[0] * O // geometry.groups)


# --- lines, and what is seen in them --------------------------------------------------------------------------------


def _image(x: Array, geometry: Geometry, number: int) -> Array:
    """One image, by group: x (N, C, H, W) -> (G, C/G, H, W), a view."""
    G = geometry.groups
    return x[number].reshape(G, x.shape[1] // G, *x.shape[2:])


def _lines(pixels: Array, geometry: Geometry, strip: Strip) -> Array:
    """The lines of a strip: pixels (G, C/G, H, W) of an image -> (G, lines, C/G, KW, OW)."""
    lines = scratch("rows: lines", _lines_shape(pixels, geometry, strip), pixels)
    _, there = _in_the_image(geometry, strip)
    lines[:, : there.start] = 0
    lines[:, there.stop :] = 0
    for seen, shown, columns in _meetings(lines, pixels, geometry, strip):
        seen[..., : columns.start] = 0
        seen[..., columns.stop :] = 0
        seen[..., columns] = shown
    return lines


def _columns(lines: Array, geometry: Geometry, strip: Strip) -> Array:
    """The columns of every output row, as they lie: (G, lines, C/G, KW, OW) -> (G, rows, KH·C/G·KW, OW), a view."""
    G, _, C, KW, OW = lines.shape
    by_group, by_line, _, by_tap, by_column = lines.strides
    shape = (G, len(strip.outputs), geometry.kernel_size[0] * C * KW, OW)
    strides = (by_group, _step(geometry) * by_line, by_tap, by_column)
    view: Array = array_module(lines).lib.stride_tricks.as_strided(lines, shape, strides)
    return view


def _add_stamps(w: Array, y: Array, pixels: Array, geometry: Geometry, strip: Strip) -> None:
    """pixels (G, C/G, H, W) += what output rows y (G, rows, O/G, OW) stamp: where lines overlap, then where taps do.

    w (O, C/G, KH, KW), where C may be fewer channels than there are.
    """
    KH, rows, step = geometry.kernel_size[0], y.shape[1], _step(geometry)
    lines = scratch("rows: lines", _lines_shape(pixels, geometry, strip), pixels)
    lines.fill(0)
    G, _, *line = lines.shape
    stamps = scratch("rows: stamps", (G, rows, KH, *line), y)
    w = _matrices(w, geometry).swapaxes(2, 3)  # (G, 1, KH·C/G·KW, O/G)
    multiply(w, y, stamps.reshape(G, rows, w.shape[2], y.shape[3]))
    for k in range(KH):
        lines[:, k : k + step * (rows - 1) + 1 : step] += stamps[:, :, k]
    for seen, shown, columns in _meetings(lines, pixels, geometry, strip):
        shown += seen[..., columns]


def _meetings(lines: Array, pixels: Array, geometry: Geometry, strip: Strip) -> Iterator[tuple[Array, Array, slice]]:
    """For each tap l of a row: its lines (G, rows, C/G, OW), the pixels (G, rows, C/G, ...) in them, and at which j."""
    rows, there = _in_the_image(geometry, strip)
    for l in range(geometry.kernel_size[1]):
        columns, places = geometry.tap(1, l)
        yield lines[:, there, :, l], pixels[:, :, rows, columns].swapaxes(1, 2), places


def _lines_shape(pixels: Array, geometry: Geometry, strip: Strip) -> tuple[int, ...]:
    """(G, lines, C/G, KW, OW)"""
    return pixels.shape[0], len(strip.lines), pixels.shape[1], geometry.kernel_size[1], geometry.output_size[1]


def _in_the_image(geometry: Geometry, strip: Strip) -> tuple[slice, slice]:
    """The rows of the image that are laid out, and which of the lines show them. The others show padding."""
    return meeting(geometry.input_size[0], geometry.dilation[0], strip.lines[0], 0, len(strip.lines))


def _output_rows(y: Array, geometry: Geometry, strip: Strip) -> Array:
    """The output rows of a strip: y (N, O, OH, OW) -> (G, rows, O/G, OW), a view."""
    G, outputs = geometry.groups, strip.outputs
    part = y[strip.image, :, outputs.start : outputs.stop : outputs.step]
    return part.reshape(G, len(part) // G, *part.shape[1:]).swapaxes(1, 2)


def _matrices(w: Array, geometry: Geometry) -> Array:
    """The weight as a matrix per group, in the order of the lines: (O, C/G, KH, KW) -> (G, 1, O/G, KH·C/G·KW)."""
    G = geometry.groups
    return w.swapaxes(1, 2).reshape(G, 1, len(w) // G, w.shape[1] * geometry.taps)


def workspace(geometry: Geometry, N: int, C: int, O: int, itemsize: int, threads: int) -> int:
    """How many bytes a contraction takes at most on a CPU, beside its operands and its result.

    The weight in the order of the lines; for each thread the lines of a strip, and for the weight's gradient a weight
    of its own and the products of the output rows.
    """
    room = working_bytes(np.empty(0))
    weight = O * (C // geometry.groups) * geometry.taps * itemsize

    def lines(C: int, geometry: Geometry, for_each_row: int = 0) -> int:
        rows = min(geometry.output_size[0], rows_of_strip(C, geometry, itemsize, room, for_each_row))
        count = (rows - 1) * _step(geometry) + geometry.kernel_size[0]
        return count * C * geometry.kernel_size[1] * geometry.output_size[1] * itemsize + rows * for_each_row

    back = threads * (lines(C, geometry, weight) + 2 * weight)
    if turned.fits(geometry):
        stamps = threads * lines(O, turned.turned_geometry(geometry)) + 2 * weight
    else:
        stamps = threads * lines(C, geometry, C * geometry.taps * geometry.output_size[1] * itemsize) + weight
    return max(threads * lines(C, geometry) + weight, back, stamps)
