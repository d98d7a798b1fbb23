"""im2col: lay every window out as a column, and convolution becomes one matrix product.

    columns[c·KH·KW + k·KW + l,  (n, i, j)] = x[n, c, i·s + k·d − p, j·s + l·d − p]        (0 in the padding)
    y = weight (O, C·KH·KW) @ columns (C·KH·KW, N·OH·OW)

The columns repeat every pixel KH·KW times: for 64 channels at 224x224 that is 115 MB, written to memory once and read
back once. So they are made in blocks that stay in the cache, a few output rows (or a few small images) at a time, and
memory does not grow with the image. The two gradients use the same blocks: col2im adds the columns back where they
came from (it is the transpose of im2col), and the weight's gradient is a product with the columns.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from math import prod

from minifcn.arrays.turned import fits, turned
from minifcn.backend import Array, array_module, require_memory, threads_for, working_bytes
from minifcn.geometry import Geometry
from minifcn.threads import even_parts, for_each

# A block: images n0..n1 and output rows i0..i1.
Block = tuple[slice, int, int]
# A share of the channels: its geometry, its channels of x, those of y, and those of the weight's second axis.
Share = tuple[Geometry, slice, slice, slice]


def blocks(x: Array, N: int, C: int, geometry: Geometry) -> Iterator[Block]:
    """Cut the work into blocks whose columns fit `working_bytes`: several small images, or some rows of a large one.

    One row is the smallest block. AllocationError if even its columns are more than all memory can hold.
    """
    OH, OW = geometry.output_size
    row = (C, *geometry.kernel_size, 1, 1, OW)
    require_memory("im2col: one output row of columns", row, x, "reduce padding or cut the image into narrower pieces")
    bytes_per_row = max(1, C * geometry.taps * OW * x.dtype.itemsize)
    share = -(-N * OH // threads_for(x, N * OH * prod(row)))  # so that every thread has a block
    rows = max(1, min(working_bytes(x) // bytes_per_row, share))
    images = max(1, rows // OH)
    for n in range(0, N, images):
        for i in range(0, OH, rows):
            yield slice(n, min(n + images, N)), i, min(i + rows, OH)


def meetings(columns: Array, x: Array, geometry: Geometry, block: Block) -> Iterator[tuple[Array, Array]]:
    """Pairs of equal shape: a part of columns (C, KH, KW, n, rows, OW), and the pixels of x (N, C, H, W) it shows.

    Together the pairs cover every place of a column that is not padding. They go tap by tap, each one strided slice,
    or window by window where there are fewer of those: upsampling a 3x4 map by 32 has 4096 taps but 12 windows, and is
    more than ten times faster that way. No pixel occurs twice within a pair.
    """
    images, first, last = block
    (KH, KW), OW = geometry.kernel_size, geometry.output_size[1]
    windows = (last - first) * OW
    x = x[images].swapaxes(0, 1)  # (n, C, H, W) -> (C, n, H, W)
    if geometry.taps <= windows:
        for k in range(KH):
            rows, out_rows = geometry.tap(0, k, first, last)
            for l in range(KW):
                cols, out_cols = geometry.tap(1, l)
                yield columns[:, k, l, :, out_rows, out_cols], x[:, :, rows, cols]
    else:
        x = x.transpose(0, 2, 3, 1)  # (C, n, H, W) -> (C, H, W, n)
        for i in range(first, last):
            rows, k_taps = geometry.window(0, i)
            for j in range(OW):
                cols, l_taps = geometry.window(1, j)
                yield columns[:, k_taps, l_taps, :, i - first, j], x[:, rows, cols]


def im2col(x: Array, geometry: Geometry, block: Block) -> Array:
    """x (N, C, H, W) -> columns (C, KH, KW, n, rows, OW) of the n images and output rows of `block`."""
    images, first, last = block
    xp, n = array_module(x), images.stop - images.start
    shape = (x.shape[1], *geometry.kernel_size, n, last - first, geometry.output_size[1])
    columns = xp.zeros(shape, x.dtype) if any(geometry.padding) else xp.empty(shape, x.dtype)
    for part, pixels in meetings(columns, x, geometry, block):
        part[...] = pixels
    return columns


def col2im(columns: Array, x: Array, geometry: Geometry, block: Block) -> None:
    """Add columns (C, KH, KW, n, rows, OW) back to the pixels of x (N, C, H, W) they came from, in place.

    Slices can be added without losing an update, and always in the same order: the result is the same to the last bit
    on every run, on a GPU too.
    """
    for part, pixels in meetings(columns, x, geometry, block):
        pixels += part


def _columns_of(x: Array, geometry: Geometry, block: Block) -> Array:
    """im2col as a matrix per group: (C, KH, KW, n, rows, OW) -> (G, C/G·KH·KW, n·rows·OW)."""
    columns, G = im2col(x, geometry, block), geometry.groups
    return columns.reshape(G, x.shape[1] // G * geometry.taps, prod(columns.shape[3:]))


def _rows_of(y: Array, geometry: Geometry, block: Block) -> Array:
    """The block of y (N, O, OH, OW) as a matrix per group: (G, O/G, n·rows·OW)."""
    images, first, last = block
    part = y[images, :, first:last].swapaxes(0, 1)  # (n, O, rows, OW) -> (O, n, rows, OW)
    return part.reshape(geometry.groups, y.shape[1] // geometry.groups, prod(part.shape[1:]))


def to_output(x: Array, w: Array, geometry: Geometry) -> Array:
    """Convolution. x (N, C, H, W), w (O, C/groups, KH, KW) -> y (N, O, OH, OW)."""
    xp, (N, C), O, G = array_module(x, w), x.shape[:2], w.shape[0], geometry.groups
    OH, OW = geometry.output_size
    y = xp.empty((N, O, OH, OW), x.dtype)
    w = w.reshape(G, O // G, C // G * geometry.taps)  # (O, C/G, KH, KW) -> (G, O/G, C/G·KH·KW)

    def compute(block: Block) -> None:
        images, first, last = block
        made = w @ _columns_of(x, geometry, block)
        made = made.reshape(O, images.stop - images.start, last - first, OW)  # (G, O/G, n·rows·OW) -> (O, n, rows, OW)
        y[images, :, first:last] = made.swapaxes(0, 1)

    for_each(compute, blocks(x, N, C, geometry))
    return y


def to_input(w: Array, y: Array, geometry: Geometry) -> Array:
    """Transposed convolution. w (O, C/groups, KH, KW), y (N, O, OH, OW) -> x (N, C, H, W).

    With stride 1 it can also be a convolution of y (turned.py), which writes every pixel once where col2im adds to it
    KH·KW times. That is taken where the columns of y are no larger than those of x.
    """
    C = w.shape[1] * geometry.groups
    if y.shape[1] <= C and fits(geometry):
        return to_output(y, *turned(w, geometry))
    x = array_module(w, y).zeros((len(y), C, *geometry.input_size), y.dtype)

    def compute(share: Share) -> None:
        part, of_x, of_y, of_w = share
        _add_stamps(w[of_y, of_w], y[:, of_y], x[:, of_x], part)

    for_each(compute, shares(C, y.shape[1], geometry, threads_for(y, x.size * geometry.taps)))
    return x


def to_weight(x: Array, y: Array, geometry: Geometry) -> Array:
    """What the weight receives. x (N, C, H, W), y (N, O, OH, OW) -> w (O, C/groups, KH, KW)."""
    C, O = x.shape[1], y.shape[1]
    w = array_module(x, y).empty((O, C // geometry.groups, *geometry.kernel_size), x.dtype)

    def compute(share: Share) -> None:
        part, of_x, of_y, of_w = share
        w[of_y, of_w] = _correlated(x[:, of_x], y[:, of_y], part)

    for_each(compute, shares(C, O, geometry, threads_for(x, y.size * geometry.taps)))
    return w


def shares(C: int, O: int, geometry: Geometry, threads: int) -> Iterator[Share]:
    """Cut the channels for the two gradients, one share for each thread: some groups, or some channels of x.

    Blocks would not do: the stamps of two blocks overlap, and all blocks add to one weight.
    """
    G = geometry.groups
    for part in even_parts(C if G == 1 else G, threads):
        first, last = part.start, part.stop
        if G == 1:
            yield geometry, part, slice(0, O), part
        else:
            of_x, of_y = slice(first * C // G, last * C // G), slice(first * O // G, last * O // G)
            yield replace(geometry, groups=last - first), of_x, of_y, slice(0, C // G)


def _add_stamps(w: Array, y: Array, x: Array, geometry: Geometry) -> None:
    """x += the transposed convolution of y, in place."""
    (N, O), C, G, (KH, KW) = y.shape[:2], x.shape[1], geometry.groups, geometry.kernel_size
    w = w.reshape(G, O // G, C // G * geometry.taps).swapaxes(1, 2)  # (O, C/G, KH, KW) -> (G, C/G·KH·KW, O/G)
    for block in blocks(y, N, C, geometry):
        images, first, last = block
        columns = w @ _rows_of(y, geometry, block)  # (G, C/G·KH·KW, O/G) @ (G, O/G, n·rows·OW)
        columns = columns.reshape(C, KH, KW, images.stop - images.start, last - first, geometry.output_size[1])
        col2im(columns, x, geometry, block)


def _correlated(x: Array, y: Array, geometry: Geometry) -> Array:
    """The gradient of the weight, in one thread."""
    (N, C), O, G = x.shape[:2], y.shape[1], geometry.groups
    matrix = array_module(x, y).zeros((G, O // G, C // G * geometry.taps), x.dtype)
    for block in blocks(x, N, C, geometry):
        columns = _columns_of(x, geometry, block).swapaxes(1, 2)
        matrix += _rows_of(y, geometry, block) @ columns  # (G, O/G, n·rows·OW) @ (G, n·rows·OW, C/G·KH·KW)
    return matrix.reshape(O, C // G, *geometry.kernel_size)
