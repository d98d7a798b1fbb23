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

from minifcn.arrays.product import product
from minifcn.arrays.turned import fits, turned_geometry, turned_weight
from minifcn.arrays.windows import over_windows
from minifcn.backend import Array, array_module, is_cupy, require_memory, threads_for, working_bytes
from minifcn.geometry import Geometry
from minifcn.kernels import Kernel, contiguous
from minifcn.memory import empty, scratch, zeros
from minifcn.threads import even_parts, for_each

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
    """x (N, C, H, W) -> columns (C, KH, KW, n, rows, OW) of the n images and output rows of `block`: scratch memory.

    A window is the image seen from another corner, so all columns together are a view of the padded image, in which
    pixels repeat: one copy makes them. (As many copies as taps take twice as long, and threads wait for one another
    between them.) Where padding the image would take more memory than its columns, or there are more taps than windows,
    they are met one by one.
    """
    images, first, last = block
    (sh, sw), (dh, dw), (ph, pw) = geometry.stride, geometry.dilation, geometry.padding
    n, (C, H, W), OW = images.stop - images.start, x.shape[1:], geometry.output_size[1]
    columns = scratch("im2col: columns", (C, *geometry.kernel_size, n, last - first, OW), x)
    if is_cupy(x):
        (pixels,) = contiguous(x[images])
        _IM2COL(columns.size // max(1, geometry.kernel_size[1]), columns, pixels, *_sizes(columns, x, geometry, first))
        return columns
    rows, width = (last - first - 1) * sh + geometry.reach[0], (OW - 1) * sw + geometry.reach[1]
    if geometry.taps > (last - first) * OW or rows * width > geometry.taps * (last - first) * OW:
        columns.fill(0)
        for part, pixels in meetings(columns, x, geometry, block):
            part[...] = pixels
        return columns
    above = first * sh - ph  # the row of the image where the block begins
    top, right = max(0, above), max(0, min(W, width - pw))
    bottom = max(top, min(H, above + rows))
    padded = scratch("im2col: padded", (n, C, rows, width), x)
    padded.fill(0)
    padded[:, :, top - above : bottom - above, pw : pw + right] = x[images, :, top:bottom, :right]
    by_image, by_channel, by_row, by_column = padded.strides
    columns[...] = array_module(x).lib.stride_tricks.as_strided(
        padded, columns.shape, (by_channel, dh * by_row, dw * by_column, by_image, sh * by_row, sw * by_column)
    )
    return columns


def col2im(columns: Array, x: Array, geometry: Geometry, block: Block) -> None:
    """Add columns (C, KH, KW, n, rows, OW) back to the pixels of x (N, C, H, W) they came from, in place.

    Slices can be added without losing an update, and always in the same order: the result is the same to the last bit
    on every run. On a GPU every pixel asks for its sum.
    """
    if is_cupy(x):
        pixels = x[block[0]]
        _COL2IM(pixels.size, pixels, *contiguous(columns), *_sizes(columns, x, geometry, block[1]))
        return
    for part, pixels in meetings(columns, x, geometry, block):
        pixels += part


def _sizes(columns: Array, x: Array, geometry: Geometry, first: int) -> tuple[int, ...]:
    """What the kernels below call C to first."""
    _, KH, KW, *size = columns.shape
    return *x.shape[1:], KH, KW, *size, *geometry.stride, *geometry.dilation, *geometry.padding, first


_SIZES = """Index C, Index H, Index W, Index KH, Index KW, Index N, Index rows, Index OW,
    Index sh, Index sw, Index dh, Index dw, Index ph, Index pw, Index first"""

_IM2COL = Kernel(
    "im2col",
    f"T* columns, const T* x, {_SIZES}",
    """
    // One thread for each window and row k of its taps. Neighbours are neighbouring windows: for each tap they write
    // side by side, and read with the steps of the stride from a row of the image that the cache has by then.
    const Index windows = N * rows * OW, window = i % windows, ck = i / windows;
    const Index row = window / OW, n = row / rows, h = (first + row % rows) * sh - ph + ck % KH * dh;
    const Index left = window % OW * sw - pw;
    const bool inside = 0 <= h && h < H;
    const T* line = x + ((n * C + ck / KH) * H + (inside ? h : 0)) * W;
    for (Index l = 0; l < KW; l++) {
        const Index w = left + l * dw;
        columns[(ck * KW + l) * windows + window] = inside && 0 <= w && w < W ? line[w] : T(0);
    }""",
)

_COL2IM = Kernel(
    "col2im",
    f"T* x, const T* columns, {_SIZES}",
    """
    // One thread for each pixel: it adds up what the windows that saw it have for it, always in the same order, so none
    // need wait for another. Neighbours are neighbouring pixels; with stride 1 they read and write side by side.
    T sum = 0;"""
    + over_windows(
        """
            const Index c = plane % C, n = plane / C;
            sum += columns[((((c * KH + k) * KW + l) * N + n) * rows + row - first) * OW + column];""",
        first="first",
        last="first + rows - 1",
    )
    + """
    x[i] += sum;""",
)


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
    (N, C), O, G = x.shape[:2], w.shape[0], geometry.groups
    OH, OW = geometry.output_size
    y = empty((N, O, OH, OW), x.dtype, x)
    w = w.reshape(G, O // G, C // G * geometry.taps)  # (O, C/G, KH, KW) -> (G, O/G, C/G·KH·KW)

    def compute(block: Block) -> None:
        images, first, last = block
        made = product(w, _columns_of(x, geometry, block))
        made = made.reshape(O, images.stop - images.start, last - first, OW)  # (G, O/G, n·rows·OW) -> (O, n, rows, OW)
        y[images, :, first:last] = made.swapaxes(0, 1)

    for_each(compute, blocks(x, N, C, geometry, O // G, _threads(x, C, O, geometry)), alone=is_cupy(x))
    return y


def to_input(w: Array, y: Array, geometry: Geometry) -> Array:
    """Transposed convolution. w (O, C/groups, KH, KW), y (N, O, OH, OW) -> x (N, C, H, W).

    With stride 1 it can also be a convolution of y (turned.py), which writes every pixel once where col2im adds to it
    KH·KW times. That is taken where the columns of y are no larger than those of x.
    """
    C = w.shape[1] * geometry.groups
    if y.shape[1] <= C and fits(geometry):
        return to_output(y, turned_weight(w, geometry.groups), turned_geometry(geometry))
    x = zeros((len(y), C, *geometry.input_size), y.dtype, y)

    def compute(share: Share) -> None:
        part, of_x, of_y, of_w = share
        _add_stamps(w[of_y, of_w], y[:, of_y], x[:, of_x], part)

    for_each(compute, _shares(y, C, geometry))
    return x


def to_weight(x: Array, y: Array, geometry: Geometry) -> Array:
    """What the weight receives. x (N, C, H, W), y (N, O, OH, OW) -> w (O, C/groups, KH, KW)."""
    (N, C), O, G = x.shape[:2], y.shape[1], geometry.groups
    shape = (O, C // G, *geometry.kernel_size)
    # Each thread adds up a weight of its own. One too large for the cache is added up once, its products are cut.
    large = prod(shape) * x.dtype.itemsize > 2 * working_bytes(x)
    threads = 1 if large else _threads(x, C, O, geometry)
    pieces = blocks(x, N, C, geometry, O // G, threads)
    if not pieces:
        return zeros(shape, x.dtype, x)
    shares = even_parts(len(pieces), threads)
    w = empty(shape, x.dtype, x)
    by_group = (G, O // G, C // G * geometry.taps)
    sums = [w.reshape(by_group), *(empty(by_group, x.dtype, x) for _ in shares[1:])]

    def compute(number: int) -> None:
        mine = pieces[shares[number]]
        for block in mine:
            columns = _columns_of(x, geometry, block).swapaxes(1, 2)
            # (G, O/G, n·rows·OW) @ (G, n·rows·OW, C/G·KH·KW)
            product(_rows_of(y, geometry, block), columns, out=sums[number], add=block is not mine[0])

    for_each(compute, range(len(shares)))
    for other in sums[1:]:
        sums[0] += other
    return w


def _threads(x: Array, C: int, O: int, geometry: Geometry) -> int:
    """How many threads are worth while, for all columns and their product with the weight."""
    columns = len(x) * geometry.output_pixels * C * geometry.taps
    return threads_for(x, columns, columns * O // geometry.groups)


def _shares(y: Array, C: int, geometry: Geometry) -> list[Share]:
    """Cut the channels of x for the transposed convolution, one share for each thread: some groups, or some channels.

    Blocks would not do: the stamps of two blocks overlap. If there is but one block, there is one share: its product is
    what is cut.
    """
    G, O = geometry.groups, y.shape[1]
    threads = _threads(y, C, O, geometry) if len(blocks(y, len(y), C, geometry, O // G)) > 1 else 1
    found: list[Share] = []
    for part in even_parts(C if G == 1 else G, threads):
        first, last = part.start, part.stop
        if G == 1:
            found.append((geometry, part, slice(0, O), part))
        else:
            of_x, of_y = slice(first * C // G, last * C // G), slice(first * O // G, last * O // G)
            found.append((replace(geometry, groups=last - first), of_x, of_y, slice(0, C // G)))
    return found


def _add_stamps(w: Array, y: Array, x: Array, geometry: Geometry) -> None:
    """x += the transposed convolution of y, in place."""
    (N, O), C, G, (KH, KW) = y.shape[:2], x.shape[1], geometry.groups, geometry.kernel_size
    w = w.reshape(G, O // G, C // G * geometry.taps).swapaxes(1, 2)  # (O, C/G, KH, KW) -> (G, C/G·KH·KW, O/G)
    for block in blocks(y, N, C, geometry, O // G):
        images, first, last = block
        size = (images.stop - images.start, last - first, geometry.output_size[1])
        columns = scratch("im2col: columns", (C, KH, KW, *size), y)
        by_group = columns.reshape(G, C // G * geometry.taps, prod(size))
        product(w, _rows_of(y, geometry, block), out=by_group)
        col2im(columns, x, geometry, block)
