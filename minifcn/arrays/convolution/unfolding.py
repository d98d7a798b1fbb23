"""The columns of whole images, and images of whole columns: what im2col does block by block, for all windows at once.

    y[n, c·KH·KW + k·KW + l, i·OW + j] = x[n, c, i·s + k·d − p, j·s + l·d − p]

The order is PyTorch's: an image is the first axis, so its columns are one piece of memory, and one block of im2col.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from minifcn.arrays.convolution.blocks import Block
from minifcn.arrays.convolution.columns import col2im, im2col
from minifcn.arrays.half import narrow, wide
from minifcn.geometry import Geometry
from minifcn.machine.backend import Array
from minifcn.machine.limits import threads_for
from minifcn.machine.memory import empty, zeros
from minifcn.machine.threads import even_parts, for_each

Work: TypeAlias = Callable[[tuple[Block, slice]], None]


def unfold(x: Array, geometry: Geometry) -> Array:
    """x (N, C, H, W) -> (N, C·KH·KW, OH·OW)."""
    (N, C), (OH, OW), given = x.shape[:2], geometry.output_size, wide(x)
    y = empty((N, C, *geometry.kernel_size, OH, OW), given.dtype, given)

    def copy(piece: tuple[Block, slice]) -> None:
        block, channels = piece
        columns = y[block[0], channels].transpose(1, 2, 3, 0, 4, 5)  # one image, so it stays contiguous
        im2col(given[:, channels], geometry, block, columns)

    _for_each_image(copy, y)
    return narrow(y.reshape(N, C * geometry.taps, OH * OW), x.dtype)


def fold(y: Array, geometry: Geometry) -> Array:
    """y (N, C·KH·KW, OH·OW) -> x (N, C, H, W): the transpose of `unfold`."""
    N, C, given = len(y), y.shape[1] // geometry.taps, wide(y)
    x = zeros((N, C, *geometry.input_size), given.dtype, given)
    given = given.reshape(N, C, *geometry.kernel_size, *geometry.output_size)

    def add(piece: tuple[Block, slice]) -> None:
        block, channels = piece
        col2im(given[block[0], channels].transpose(1, 2, 3, 0, 4, 5), x[:, channels], geometry, block)

    _for_each_image(add, given)
    return narrow(x, y.dtype)


def _for_each_image(work: Work, columns: Array) -> None:
    """`work` for each image of columns (N, C, KH, KW, OH, OW) and, where threads share it, some of its channels."""
    (N, C), OH, threads = columns.shape[:2], columns.shape[4], threads_for(columns, columns.size)
    parts = even_parts(C, -(-threads // max(1, N)))
    pieces = [((slice(n, n + 1), 0, OH), part) for n in range(N) for part in parts]
    for_each(work, pieces, alone=threads == 1)
