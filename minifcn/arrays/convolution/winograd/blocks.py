"""How winograd's work is cut: results into tiles, tiles into blocks, channels into parts that stay in the cache."""

from __future__ import annotations

from math import prod

import numpy as np

from minifcn.arrays.convolution.turned import turned_geometry
from minifcn.geometry import Geometry
from minifcn.machine.backend import Array, is_cupy
from minifcn.machine.limits import threads_for, working_bytes
from minifcn.machine.threads import even_parts

Block = tuple[slice, slice]  # images, and rows of tiles


def fits(geometry: Geometry) -> bool:
    """Whether this algorithm can compute it: 3x3 kernel, stride 1, dilation 1, one group, at most 2 rows of padding."""
    g = geometry
    plain = g.kernel_size == (3, 3) and g.stride == g.dilation == (1, 1) and g.groups == 1
    return plain and max(g.padding) <= 2 and min(g.input_size) > 0


def tile(geometry: Geometry, images: int) -> int:
    """m: 4, or 2 for results so small that 4 would leave fewer than 40 tiles, and these hang over the edges.

    Each of the n² products multiplies by as many columns as there are tiles, and a matrix must be read from memory for
    them, however few they are: with m = 2 there are more columns, and 16 products instead of 36.
    """
    return 4 if images * _tiles(geometry, 4) >= 40 else 2


def tiles(geometry: Geometry, images: int) -> int:
    """How many tiles cover the results of all images."""
    return images * _tiles(geometry, tile(geometry, images))


def _tiles(geometry: Geometry, m: int) -> int:
    return prod(-(-size // m) for size in geometry.output_size)


# Tiles in a block at least: the weight is transformed anew for each, so it should be multiplied by many.
LEAST_TILES = 256


def blocks(x: Array, geometry: Geometry, m: int) -> list[Block]:
    """Images and rows of tiles."""
    N, C = x.shape[:2]
    rows = -(-geometry.output_size[0] // m)
    fitting = rows_of_tiles(C, geometry, m, x.dtype.itemsize, working_bytes(x))
    images = max(1, fitting // rows)
    return [
        (slice(i, min(i + images, N)), slice(start, min(start + fitting, rows)))
        for i in range(0, N, images)
        for start in range(0, rows, fitting)
    ]


def rows_of_tiles(C: int, geometry: Geometry, m: int, itemsize: int, room: int) -> int:
    """How many rows a block has at most: their transformed pixels fit twice the room, or they are LEAST_TILES."""
    columns = -(-geometry.output_size[1] // m)
    bytes_per_row = max(1, (m + 2) ** 2 * C * columns * itemsize)
    return max(1, 2 * room // bytes_per_row, LEAST_TILES // columns)


def parts(channels: int, values: int, products: int, x: Array) -> list[slice]:
    """All channels cut so that every thread has work, and a part's `values` per channel are about `working_bytes`.

    products: how many multiplications each of the values takes part in. On a GPU they are one part.
    """
    if is_cupy(x):
        return [slice(0, channels)]
    total = channels * values
    threads = threads_for(x, total, total * products)
    return even_parts(channels, max(threads, total * x.dtype.itemsize // working_bytes(x)))


def workspace(geometry: Geometry, N: int, C: int, O: int, itemsize: int, threads: int) -> int:
    """How many bytes a contraction takes at most on a CPU, beside its operands and its result.

    The transformed pixels of a block; for each thread the tiles of some channels before they are transformed, its part
    of the weight, and its products; all taps of the weight's gradient.
    """
    room = working_bytes(np.empty(0))

    def held(channels: int, each: int, blocks: int) -> int:
        """By all threads: `each` bytes for a channel, of which a thread has few enough to fit so many blocks."""
        return min(threads * (blocks * room + each), (channels + threads) * each)

    def block(C: int, O: int, geometry: Geometry) -> int:
        m = tile(geometry, N)
        n_squared, (rows, columns) = (m + 2) ** 2, (-(-size // m) for size in geometry.output_size)
        row = n_squared * columns * itemsize  # of one channel
        tiles = row * min(rows_of_tiles(C, geometry, m, itemsize, room), N * rows)
        before = held(C, tiles, 2)
        by_remainder = before * m * (columns + 1) // ((m + 2) * columns)
        # Half of the weight and of the products together are below two blocks.
        weight, products = held(O, n_squared * C * itemsize, 4), held(O, tiles, 4)
        taps = weight * 9 // n_squared
        back = products * m * m // n_squared
        return C * tiles + by_remainder + before + weight + taps + products + back

    return max(block(C, O, geometry) + 9 * O * C * itemsize, block(O, C, turned_geometry(geometry)))
