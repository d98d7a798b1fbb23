"""im2col and col2im: windows laid out as columns, and columns added back to the pixels they came from.

    columns[c·KH·KW + k·KW + l,  (n, i, j)] = x[n, c, i·s + k·d − p, j·s + l·d − p]        (0 in the padding)

Each is the transpose of the other. Both work on one block of windows at a time (`blocks.py`).
"""

from __future__ import annotations

from collections.abc import Iterator

from minifcn.arrays.convolution.blocks import Block
from minifcn.arrays.sliding import over_windows
from minifcn.geometry import Geometry
from minifcn.machine.backend import Array, array_module, is_cupy
from minifcn.machine.kernels import Kernel, contiguous
from minifcn.machine.memory import scratch


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


def im2col(x: Array, geometry: Geometry, block: Block, out: Array | None = None) -> Array:
    """x (N, C, H, W) -> columns (C, KH, KW, n, rows, OW) of the n images and output rows of `block`.

    They are written into `out`, by default scratch memory.

    A window is the image seen from another corner, so all columns together are a view of the padded image, in which
    pixels repeat: one copy makes them. (As many copies as taps take twice as long, and threads wait for one another
    between them.) Where padding the image would take more memory than its columns, or there are more taps than windows,
    they are met one by one.
    """
    images, first, last = block
    (sh, sw), (dh, dw), (ph, pw) = geometry.stride, geometry.dilation, geometry.padding
    n, (C, H, W), OW = images.stop - images.start, x.shape[1:], geometry.output_size[1]
    size = (C, *geometry.kernel_size, n, last - first, OW)
    columns = scratch("im2col: columns", size, x) if out is None else out
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
