"""Lines and what is seen in them: the columns of output rows as views that overlap, and the way back to the pixels.

    lines[h, c, l, n, j] = x[n, c, h, j·s + l·d − p]        for the rows h of a strip, its images n side by side

G groups of channels come first, as each has a product of its own; c are the channels of a group.
"""

from __future__ import annotations

from collections.abc import Iterator

from minifcn.arrays.convolution.strips import Strip, lines_between
from minifcn.geometry import Geometry
from minifcn.geometry.window import meeting
from minifcn.machine.backend import Array, array_module
from minifcn.machine.memory import scratch
from minifcn.machine.product import multiply


def columns_of(x: Array, geometry: Geometry, strip: Strip) -> Array:
    """The columns of every output row: x (N, C, H, W) -> (G, rows, KH·c·KW, n·OW), a view of the strip's lines."""
    lines = lines_of(x, geometry, strip)
    G, _, c, KW, n, OW = lines.shape
    by_group, by_line, _, by_tap, _, by_column = lines.strides
    shape = (G, len(strip.outputs), geometry.kernel_size[0] * c * KW, n * OW)
    strides = (by_group, lines_between(geometry) * by_line, by_tap, by_column)
    columns: Array = array_module(lines).lib.stride_tricks.as_strided(lines, shape, strides)
    return columns


def lines_of(x: Array, geometry: Geometry, strip: Strip) -> Array:
    """The lines of a strip: x (N, C, H, W) -> (G, lines, c, KW, n, OW), in scratch memory."""
    some, G = x[strip.images], geometry.groups
    pixels = some.reshape(len(some), G, some.shape[1] // G, *some.shape[2:])
    lines = _empty_lines(pixels, geometry, strip)
    _, there = _in_the_image(geometry, strip)
    lines[:, : there.start] = 0
    lines[:, there.stop :] = 0
    for seen, shown, places in _meetings(lines, pixels, geometry, strip):
        seen[..., : places.start] = 0
        seen[..., places.stop :] = 0
        seen[..., places] = shown
    return lines


def add_stamps(w: Array, y: Array, pixels: Array, geometry: Geometry, strip: Strip) -> None:
    """pixels (n, G, c, H, W) += what rows of y (n, O, OH, OW) stamp: first where lines overlap, then where taps do.

    w (O, c, KH, KW): c may be some of the channels of a group.
    """
    KH, step, received = geometry.kernel_size[0], lines_between(geometry), as_matrix(output_rows(y, geometry, strip))
    lines, (G, rows, _, columns) = _empty_lines(pixels, geometry, strip), received.shape
    lines.fill(0)
    w = by_group(w, geometry).swapaxes(2, 3)  # (G, 1, KH·c·KW, O/G)
    stamps = scratch("rows: stamps", (G, rows, KH, *lines.shape[2:]), y)
    multiply(w, received, stamps.reshape(G, rows, w.shape[2], columns))
    for k in range(KH):
        lines[:, k : k + step * (rows - 1) + 1 : step] += stamps[:, :, k]
    for seen, shown, places in _meetings(lines, pixels, geometry, strip):
        shown += seen[..., places]


def output_rows(y: Array, geometry: Geometry, strip: Strip) -> Array:
    """The output rows of a strip: y (N, O, OH, OW) -> (G, rows, O/G, n, OW), a view."""
    G, outputs = geometry.groups, strip.outputs
    part = y[strip.images, :, outputs.start : outputs.stop : outputs.step]
    n, O, rows, OW = part.shape
    return part.reshape(n, G, O // G, rows, OW).transpose(1, 3, 2, 0, 4)


def as_matrix(rows: Array) -> Array:
    """Output rows side by side, to be multiplied: (G, rows, O/G, n, OW) -> (G, rows, O/G, n·OW)."""
    *size, n, OW = rows.shape
    return rows.reshape(*size, n * OW)


def by_group(w: Array, geometry: Geometry) -> Array:
    """The weight as a matrix per group, in the order of the lines: (O, c, KH, KW) -> (G, 1, O/G, KH·c·KW)."""
    G = geometry.groups
    return w.swapaxes(1, 2).reshape(G, 1, len(w) // G, w.shape[1] * geometry.taps)


def _empty_lines(pixels: Array, geometry: Geometry, strip: Strip) -> Array:
    """Scratch memory for the lines of pixels (n, G, c, H, W): (G, lines, c, KW, n, OW)."""
    (n, G, c), KW, OW = pixels.shape[:3], geometry.kernel_size[1], geometry.output_size[1]
    return scratch("rows: lines", (G, len(strip.lines), c, KW, n, OW), pixels)


def _meetings(lines: Array, pixels: Array, geometry: Geometry, strip: Strip) -> Iterator[tuple[Array, Array, slice]]:
    """For each tap l of a row: (its lines, the pixels that they show, at which j): the others of its lines are padding.

    (G, rows, c, n, OW), (G, rows, c, n, ...) and a slice of OW.
    """
    rows, there = _in_the_image(geometry, strip)
    for l in range(geometry.kernel_size[1]):
        columns, places = geometry.tap(1, l)
        # (n, G, c, rows, ...) -> (G, rows, c, n, ...)
        yield lines[:, there, :, l], pixels[:, :, :, rows, columns].transpose(1, 3, 2, 0, 4), places


def _in_the_image(geometry: Geometry, strip: Strip) -> tuple[slice, slice]:
    """The rows of the image that are laid out, and which of the lines show them. The others show padding."""
    return meeting(geometry.input_size[0], geometry.dilation[0], strip.lines[0], 0, len(strip.lines))
