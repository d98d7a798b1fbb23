"""How im2col's work is cut: into blocks of windows whose columns stay in the cache, and shares of channels for threads.

For 64 channels at 224x224 all columns of a 3x3 kernel together are 115 MB, written to memory once and read back once.
So they are made some output rows (or some small images) at a time, and memory does not grow with the image.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from minifcn.arrays.convolution import turned
from minifcn.arrays.convolution.turned import turned_geometry
from minifcn.geometry import Geometry
from minifcn.machine.backend import Array
from minifcn.machine.limits import require_memory, threads_for, working_bytes
from minifcn.machine.threads import even_parts

# A block: images n0..n1 and output rows i0..i1.
Block = tuple[slice, int, int]
# A share of the channels: its geometry, its channels of x, those of y, and those of the weight's second axis.
Share = tuple[Geometry, slice, slice, slice]

# Columns in a block at least, if the weight has as many rows. It is read anew for each block, and one that is too large
# for the cache (the 411 MB of FCN's fc6) comes from memory, so it should be used for many. One of fewer rows is smaller
# than so many columns would be, and these should stay in the cache.
LEAST_COLUMNS = 256


def blocks(x: Array, N: int, C: int, geometry: Geometry, outputs: int = 1, threads: int = 1) -> list[Block]:
    """Cut the work into blocks whose columns fit `working_bytes`: several small images, or some rows of a large one.

    outputs: the rows of a group's weight, which are to meet as many columns, see LEAST_COLUMNS, even if these do not
    fit. Several blocks are about as many for each thread. One row is the smallest. AllocationError if even its columns
    are more than all memory can hold.
    """
    OH, OW = geometry.output_size
    row = (C, *geometry.kernel_size, 1, 1, OW)
    require_memory("im2col: one output row of columns", row, x, "reduce padding or cut the image into narrower pieces")
    images, rows = block_size(N, C, geometry, outputs, x.dtype.itemsize, working_bytes(x), threads)
    return [
        (slice(n, min(n + images, N)), i, min(i + rows, OH)) for n in range(0, N, images) for i in range(0, OH, rows)
    ]


def block_size(
    N: int, C: int, geometry: Geometry, outputs: int, itemsize: int, room: int, threads: int = 1
) -> tuple[int, int]:
    """How many images and output rows a block has at most, if its columns should fit `room` bytes."""
    OH, OW = geometry.output_size
    bytes_per_row = max(1, C * geometry.taps * OW * itemsize)
    rows = max(1, room // bytes_per_row, min(outputs, LEAST_COLUMNS) // max(1, OW))
    if rows < N * OH:
        count = -(-N * OH // (rows * threads)) * threads
        rows = -(-N * OH // count)
    images = max(1, rows // max(1, OH))
    return min(images, max(1, N)), min(rows, max(1, OH))


def blocks_to_sum(x: Array, O: int, weight_bytes: int, geometry: Geometry) -> tuple[list[Block], int]:
    """The blocks whose products are added up to the gradient of the weight, and between how many threads.

    Each thread adds up a weight of its own. One too large for the cache is added up once: its products are cut instead.
    """
    N, C = x.shape[:2]
    large = weight_bytes > 2 * working_bytes(x)
    threads = 1 if large else threads_worth(x, C, O, geometry)
    return blocks(x, N, C, geometry, O // geometry.groups, threads), threads


def threads_worth(x: Array, C: int, O: int, geometry: Geometry) -> int:
    """How many threads are worth while, for all columns and their product with the weight."""
    columns = len(x) * geometry.output_pixels * C * geometry.taps
    return threads_for(x, columns, columns * O // geometry.groups)


def shares_of(y: Array, C: int, geometry: Geometry) -> list[Share]:
    """Cut the channels of x for the transposed convolution, one share for each thread: some groups, or some channels.

    Blocks would not do: the stamps of two blocks overlap. If there is but one block, there is one share: its product is
    what is cut.
    """
    G, O = geometry.groups, y.shape[1]
    threads = threads_worth(y, C, O, geometry) if len(blocks(y, len(y), C, geometry, O // G)) > 1 else 1
    found: list[Share] = []
    for part in even_parts(C if G == 1 else G, threads):
        first, last = part.start, part.stop
        if G == 1:
            found.append((geometry, part, slice(0, O), part))
        else:
            of_x, of_y = slice(first * C // G, last * C // G), slice(first * O // G, last * O // G)
            found.append((replace(geometry, groups=last - first), of_x, of_y, slice(0, C // G)))
    return found


def workspace(geometry: Geometry, N: int, C: int, O: int, itemsize: int, threads: int) -> int:
    """How many bytes a contraction takes at most on a CPU, beside its operands and its result.

    For each thread a block of padded pixels, their columns, and what these are multiplied by or make; the weight turned
    round or, for its gradient, one for each thread and the product to be added to it.
    """
    G, room = geometry.groups, working_bytes(np.empty(0))
    weight = O * (C // G) * geometry.taps * itemsize

    def size(C: int, O: int, geometry: Geometry) -> tuple[int, int]:
        return block_size(N, C, geometry, O // G, itemsize, room)

    def block(C: int, O: int, geometry: Geometry) -> int:
        (images, rows), OW = size(C, O, geometry), geometry.output_size[1]
        height, width = (
            (count - 1) * geometry.stride[axis] + geometry.reach[axis] for axis, count in enumerate((rows, OW))
        )
        columns = C * geometry.taps * images * rows * OW
        padded = min(columns, C * images * height * width)
        return threads * (padded + columns + O * images * rows * OW) * itemsize

    def stamps(channels: int) -> int:
        images, rows = size(channels, O, geometry)
        return threads * (channels * geometry.taps + O) * images * rows * geometry.output_size[1] * itemsize

    one = size(C, O, geometry) == (N, geometry.output_size[0])
    added, own = 0 if one else weight, 0 if weight > 2 * room else 2 * (threads - 1) * weight
    if O <= C and turned.fits(geometry):
        back = weight + block(O, C, turned_geometry(geometry))
    else:  # the channels are shared, and with fewer a block may be larger
        units, of_each = (C, 1) if G == 1 else (G, C // G)
        shares = {max(1, units // threads), -(-units // threads)}
        back = max(stamps(share * of_each) for share in shares) + (weight if threads > 1 else 0)
    return max(block(C, O, geometry) + added + own, back)
