"""im2col: lay every window out as a column, and convolution becomes one matrix product.

    columns[c·KH·KW + k·KW + l,  (n, i, j)] = x[n, c, i·s + k·d − p, j·s + l·d − p]        (0 in the padding)

    y = weight (O, C·KH·KW) @ columns (C·KH·KW, N·OH·OW)

The two gradients use the same columns: x is the transposed weight times y, added back by col2im, the transpose of
im2col; the weight's gradient is a product of y with the columns. How columns are made is in `columns.py`. They repeat
every pixel KH·KW times, so they are made in blocks that stay in the cache (`blocks.py`).
"""

from __future__ import annotations

from math import prod

from minifcn.arrays.convolution.blocks import Block, Share, blocks, blocks_to_sum, shares_of, threads_worth
from minifcn.arrays.convolution.columns import col2im, im2col
from minifcn.arrays.convolution.turned import fits, turned_geometry, turned_weight
from minifcn.geometry import Geometry
from minifcn.machine.backend import Array, is_cupy
from minifcn.machine.memory import empty, scratch, zeros
from minifcn.machine.product import product
from minifcn.machine.spread import sum_into
from minifcn.machine.threads import for_each


def to_output(x: Array, w: Array, geometry: Geometry) -> Array:
    """Convolution: y = w · columns. x (N, C, H, W), w (O, C/groups, KH, KW) -> y (N, O, OH, OW)."""
    (N, C), O, G = x.shape[:2], w.shape[0], geometry.groups
    OH, OW = geometry.output_size
    y = empty((N, O, OH, OW), x.dtype, x)
    w = _by_group(w, G)

    def compute(block: Block) -> None:
        images, first, last = block
        made = product(w, _columns_of(x, geometry, block))
        made = made.reshape(O, images.stop - images.start, last - first, OW)  # (G, O/G, n·rows·OW) -> (O, n, rows, OW)
        y[images, :, first:last] = made.swapaxes(0, 1)

    for_each(compute, blocks(x, N, C, geometry, O // G, threads_worth(x, C, O, geometry)), alone=is_cupy(x))
    return y


def to_input(w: Array, y: Array, geometry: Geometry) -> Array:
    """Transposed convolution: x = col2im(wᵀ · y). w (O, C/groups, KH, KW), y (N, O, OH, OW) -> x (N, C, H, W).

    With stride 1 it can also be a convolution of y (turned.py), which writes every pixel once where col2im adds to it
    KH·KW times. That is taken where the columns of y are no larger than those of x.
    """
    C = w.shape[1] * geometry.groups
    if y.shape[1] <= C and fits(geometry):
        return to_output(y, turned_weight(w, geometry.groups), turned_geometry(geometry))
    x = zeros((len(y), C, *geometry.input_size), y.dtype, y)

    # Some channels of x at a time: the stamps of two blocks overlap, those of two channels do not.
    def compute(share: Share) -> None:
        part, of_x, of_y, of_w = share
        _add_stamps(w[of_y, of_w], y[:, of_y], x[:, of_x], part)

    for_each(compute, shares_of(y, C, geometry))
    return x


def to_weight(x: Array, y: Array, geometry: Geometry) -> Array:
    """What the weight receives: w = y · columnsᵀ. x (N, C, H, W), y (N, O, OH, OW) -> w (O, C/groups, KH, KW)."""
    C, O, G = x.shape[1], y.shape[1], geometry.groups
    w = empty((O, C // G, *geometry.kernel_size), x.dtype, x)

    def add(block: Block, total: Array, first: bool) -> None:
        columns = _columns_of(x, geometry, block).swapaxes(1, 2)
        # (G, O/G, n·rows·OW) @ (G, n·rows·OW, C/G·KH·KW)
        product(_rows_of(y, geometry, block), columns, out=total, add=not first)

    sum_into(_by_group(w, G), add, *blocks_to_sum(x, O, w.nbytes, geometry))
    return w


def _add_stamps(w: Array, y: Array, x: Array, geometry: Geometry) -> None:
    """x += the transposed convolution of y, in place: every y stamps the kernel."""
    (N, O), C, G, (KH, KW) = y.shape[:2], x.shape[1], geometry.groups, geometry.kernel_size
    w = _by_group(w, G).swapaxes(1, 2)  # (G, O/G, C/G·KH·KW) -> (G, C/G·KH·KW, O/G)
    for block in blocks(y, N, C, geometry, O // G):
        images, first, last = block
        size = (images.stop - images.start, last - first, geometry.output_size[1])
        columns = scratch("im2col: columns", (C, KH, KW, *size), y)
        product(w, _rows_of(y, geometry, block), out=columns.reshape(G, C // G * geometry.taps, prod(size)))
        col2im(columns, x, geometry, block)


def _by_group(w: Array, G: int) -> Array:
    """The weight as a matrix per group: (O, C/G, KH, KW) -> (G, O/G, C/G·KH·KW)."""
    O, channels, KH, KW = w.shape
    return w.reshape(G, O // G, channels * KH * KW)


def _columns_of(x: Array, geometry: Geometry, block: Block) -> Array:
    """im2col as a matrix per group: (C, KH, KW, n, rows, OW) -> (G, C/G·KH·KW, n·rows·OW)."""
    columns, G = im2col(x, geometry, block), geometry.groups
    return columns.reshape(G, x.shape[1] // G * geometry.taps, prod(columns.shape[3:]))


def _rows_of(y: Array, geometry: Geometry, block: Block) -> Array:
    """The block of y (N, O, OH, OW) as a matrix per group: (G, O/G, n·rows·OW)."""
    images, first, last = block
    part = y[images, :, first:last].swapaxes(0, 1)  # (n, O, rows, OW) -> (O, n, rows, OW)
    return part.reshape(geometry.groups, y.shape[1] // geometry.groups, prod(part.shape[1:]))
