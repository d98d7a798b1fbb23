"""How the work of rows is cut: into strips of output rows whose lines stay in the cache.

A strip is some output rows of one image or, where a single row is little work, of several images side by side.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import gcd

import numpy as np

from minifcn.arrays.convolution import turned
from minifcn.geometry import Geometry
from minifcn.machine.backend import Array
from minifcn.machine.limits import require_memory, threads_for, working_bytes
from minifcn.machine.threads import even_parts

# Multiplications of one product, and its columns, from which it need not be joined with those of other images: calling
# for it no longer takes longer than computing it.
ENOUGH, ENOUGH_COLUMNS = 2 * 10**5, 128

# With so many times more channels of y than of x, the convolution of y that is turned round would lay out more columns
# than its products, of few rows, are worth.
MOST_TURNED = 4


@dataclass(frozen=True)
class Strip:
    """Some output rows of an image, or of several side by side, and the lines that they see.

    outputs   every one of them, or with dilated rows every few: those whose windows see the same remainder
    lines     the rows of the image, or of its padding, that are laid out, one behind the other
    """

    images: slice
    outputs: range
    lines: range


def strips(x: Array, C: int, O: int, geometry: Geometry, threads: int, for_each_row: int = 0) -> Iterator[Strip]:
    """Cut all images into strips whose lines fit `working_bytes`, and at least as many as there are threads.

    x: as many images as there are, of any channels. for_each_row: so many bytes are made of each output row, which are
    to fit as well. AllocationError if even one line is more than all memory can hold.
    """
    N, OH, joined = len(x), geometry.output_size[0], images_together(geometry, len(x), C, O)
    line = (C, geometry.kernel_size[1], joined, geometry.output_size[1])
    require_memory("rows: one line of columns", line, x, "reduce padding or cut the image into narrower pieces")
    rows = rows_of_strip(C, geometry, joined, x.dtype.itemsize, working_bytes(x), for_each_row)
    stride, dilation, padding, step = geometry.stride[0], geometry.dilation[0], geometry.padding[0], _apart(geometry)
    for n in range(0, N, joined):
        for first in range(min(step, OH)):
            outputs = range(first, OH, step)
            parts = max(-(-len(outputs) // rows), -(-threads * joined // (N * step)))
            for part in even_parts(len(outputs), parts):
                some = outputs[part]
                top, last = (i * stride - padding for i in (some[0], some[-1]))
                yield Strip(slice(n, min(n + joined, N)), some, range(top, last + geometry.reach[0], dilation))


def images_together(geometry: Geometry, N: int, C: int, O: int) -> int:
    """How many of N images lie side by side in a strip."""
    lacking = -(-ENOUGH // max(1, products_of_row(geometry, C, O)))
    return max(1, min(N, lacking, ENOUGH_COLUMNS // geometry.output_size[1]))


def products_of_row(geometry: Geometry, C: int, O: int) -> int:
    """How many multiplications one output row of one image takes, in one group."""
    return geometry.output_size[1] * geometry.taps * (C // geometry.groups) * (O // geometry.groups)


def rows_of_strip(C: int, geometry: Geometry, joined: int, itemsize: int, room: int, for_each_row: int = 0) -> int:
    """How many output rows a strip has at most, if its lines should fit `room` bytes."""
    line = max(1, C * geometry.kernel_size[1] * joined * geometry.output_size[1] * itemsize)
    rows = (room // line - geometry.kernel_size[0]) // lines_between(geometry) + 1
    return max(1, min(rows, room // for_each_row) if for_each_row else rows)


def _apart(geometry: Geometry) -> int:
    """From one output row of a strip to the next: those between see rows of the image of another remainder.

    With stride 2 and dilation 3 output row i sees the rows 2·i + 3·k: i and i + 3 see the same remainder by 3.
    """
    return geometry.dilation[0] // gcd(geometry.stride[0], geometry.dilation[0])


def lines_between(geometry: Geometry) -> int:
    """How many lines the window of one output row begins after that of the row before it in the strip.

    With stride 2 and dilation 3 that of i + 3 begins 6 rows of the image after that of i: of every third row, 2 lines.
    """
    return geometry.stride[0] // gcd(geometry.stride[0], geometry.dilation[0])


def threads_worth(x: Array, C: int, O: int, geometry: Geometry) -> int:
    """How many threads are worth while."""
    lines = len(x) * geometry.output_pixels * C * geometry.kernel_size[1]
    return threads_for(x, lines, lines * geometry.kernel_size[0] * O // geometry.groups)


def workspace(geometry: Geometry, N: int, C: int, O: int, itemsize: int, threads: int) -> int:
    """How many bytes a contraction takes at most on a CPU, beside its operands and its result.

    The weight in the order of the lines; for each thread the lines of a strip and what is multiplied with them or made
    of them; for the weight's gradient a weight of its own and the products of the output rows.
    """
    room, weight = working_bytes(np.empty(0)), O * (C // geometry.groups) * geometry.taps * itemsize

    def strip(C: int, O: int, geometry: Geometry, for_each_row: int = 0) -> int:
        joined, OW = images_together(geometry, N, C, O), geometry.output_size[1]
        fitting = rows_of_strip(C, geometry, joined, itemsize, room, for_each_row)
        rows = min(-(-geometry.output_size[0] // _apart(geometry)), fitting)
        count = (rows - 1) * lines_between(geometry) + geometry.kernel_size[0]
        lines = count * C * geometry.kernel_size[1] * joined * OW
        side_by_side = rows * O * joined * OW if joined > 1 else 0
        return (lines + side_by_side) * itemsize + rows * for_each_row

    received = threads * (strip(C, O, geometry, weight) + 2 * weight)
    if O <= MOST_TURNED * C and turned.fits(geometry):
        back = threads * strip(O, C, turned.turned_geometry(geometry)) + 2 * weight
    else:
        row = C * geometry.taps * images_together(geometry, N, C, O) * geometry.output_size[1] * itemsize
        back = threads * (strip(C, O, geometry, row) + 2 * weight)  # the part of a share, in two orders
    return max(threads * strip(C, O, geometry) + weight, received, back)
