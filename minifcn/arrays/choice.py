"""`auto`: which algorithm computes a convolution, by a short rule from sizes alone, which can be asked.

    1x1 kernel, stride 1, no padding                                     pointwise: one product, no columns
    3x3 kernel, stride 1, 48 channels or more on both sides,
        10⁸ multiplications or more, 36 tiles or more                    winograd: a quarter of the multiplications
    everything else                                                      im2col

Why 48 channels: a tile of 36 pixels is transformed once for each channel and used once for each channel of the other
side; with fewer the transforms cost more than the products they save. Why 10⁸: what is smaller is done before the many
small steps are. Why 36 tiles: each of the products multiplies an (O, C) matrix by as many columns as there are tiles,
and a product with few columns reads its matrix from memory for little work. The limits were tried out with two threads
on one processor, all three contractions together; another may put them elsewhere.

On a GPU, where products are fast and memory is what limits, numbers are counted. With C channels on one side and O on
the other, winograd moves 5.5 (C + O) numbers for each pixel of the result: x once, and 2.25 of each tile in its other
basis twice, and so for y. im2col moves 18 C + 3 O: nine columns twice, and y. So winograd is taken where neither side
has fewer than a fifth of the other's channels, and at least 8. This was counted, not measured.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from minifcn.arrays import im2col, pointwise, turned, winograd
from minifcn.arrays.turned import turned_geometry
from minifcn.backend import working_bytes
from minifcn.errors import ArgumentError
from minifcn.geometry import Geometry, integer
from minifcn.threads import get_num_threads

LEAST_CHANNELS = 48
LEAST_CHANNELS_ON_GPU, LEAST_SHARE_ON_GPU = 8, 5
LEAST_PRODUCTS = 10**8
LEAST_TILES = 36


def choose(geometry: Geometry, images: int, channels: int, outputs: int, on_gpu: bool = False) -> tuple[str, str]:
    """(name of the algorithm, why) for x (images, channels, H, W) and y (images, outputs, OH, OW)."""
    if pointwise.fits(geometry):
        return "pointwise", "a 1x1 kernel that moves pixel by pixel is one matrix product"
    if not winograd.fits(geometry):
        return "im2col", "winograd needs a 3x3 kernel, stride 1, dilation 1, padding of at most 2 and one group"
    least = LEAST_CHANNELS
    if on_gpu:
        least = max(LEAST_CHANNELS_ON_GPU, -(-max(channels, outputs) // LEAST_SHARE_ON_GPU))
    if min(channels, outputs) < least:
        return "im2col", f"with {min(channels, outputs)} channels winograd's transforms cost more than they save"
    products = images * outputs * channels * geometry.output_pixels * geometry.taps
    if products < LEAST_PRODUCTS:
        return "im2col", f"{products / 1e6:.0f} M multiplications are fewer than winograd's many small steps are worth"
    m, tiles = winograd.tile(geometry, images), winograd.tiles(geometry, images)
    if tiles < LEAST_TILES:
        return "im2col", f"{tiles} tiles of {m}x{m} are too few to fill winograd's matrix products"
    return "winograd", f"3x3, stride 1, {min(channels, outputs)} channels or more and {tiles} tiles of {m}x{m}"


def workspace(name: str, geometry: Geometry, sizes: tuple[int, int, int], itemsize: int, threads: int) -> int:
    """How many bytes a contraction of (N, C, O) = `sizes` takes at most on a CPU, beside its operands and its result.

    pointwise   for the weight's gradient of several images, that of one
    winograd    the transformed pixels of a block; for each thread the tiles of some channels before they are
                transformed, its part of the weight, and its products; all taps of the weight's gradient
    im2col      for each thread a block of padded pixels, their columns, and what these are multiplied by or make; the
                weight turned round or, for its gradient, one for each thread and the product to be added to it

    Most of it is scratch memory, which is kept for the next call (memory.py).
    """
    return _WORKSPACES[name](geometry, *sizes, itemsize, threads)


def _pointwise(geometry: Geometry, N: int, C: int, O: int, itemsize: int, threads: int) -> int:
    return O * (C // geometry.groups) * itemsize if N > 1 else 0


def _winograd(geometry: Geometry, N: int, C: int, O: int, itemsize: int, threads: int) -> int:
    room = working_bytes(np.empty(0))

    def held(channels: int, each: int, blocks: int) -> int:
        """By all threads: `each` bytes for a channel, of which a thread has few enough to fit so many blocks."""
        return min(threads * (blocks * room + each), (channels + threads) * each)

    def block(C: int, O: int, geometry: Geometry) -> int:
        m = winograd.tile(geometry, N)
        n_squared, (rows, columns) = (m + 2) ** 2, (-(-size // m) for size in geometry.output_size)
        row = n_squared * columns * itemsize  # of one channel
        tiles = row * min(winograd.rows_of_tiles(C, geometry, m, itemsize, room), N * rows)
        before = held(C, tiles, 2)
        by_remainder = before * m * (columns + 1) // ((m + 2) * columns)
        # Half of the weight and of the products together are below two blocks.
        weight, products = held(O, n_squared * C * itemsize, 4), held(O, tiles, 4)
        taps = weight * 9 // n_squared
        back = products * m * m // n_squared
        return C * tiles + by_remainder + before + weight + taps + products + back

    return max(block(C, O, geometry) + 9 * O * C * itemsize, block(O, C, turned_geometry(geometry)))


def _im2col(geometry: Geometry, N: int, C: int, O: int, itemsize: int, threads: int) -> int:
    G, room = geometry.groups, working_bytes(np.empty(0))
    weight = O * (C // G) * geometry.taps * itemsize

    def size(C: int, O: int, geometry: Geometry) -> tuple[int, int]:
        return im2col.block_size(N, C, geometry, O // G, itemsize, room)

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


_WORKSPACES = {"pointwise": _pointwise, "winograd": _winograd, "im2col": _im2col}


def explain(
    geometry: Geometry,
    channels: int,
    outputs: int,
    images: int = 1,
    dtype: Any = np.float32,
    threads: int | None = None,
    device: str = "cpu",
) -> str:
    """Which algorithm `auto` takes for a convolution, how many operations and bytes that is, and why, as text.

    channels, outputs: C of x (images, C, H, W) and O of y. Multiplications and additions count as one operation each.
    threads: for how many the workspace is told, default `get_num_threads()`.
    device: "cpu" or "cuda", where the rule is another and the workspace a part of the memory that is left.
    Raises ArgumentError if the groups do not divide the channels.

    >>> print(explain(Geometry.of_convolution((56, 56), 3, padding=1), channels=256, outputs=256, threads=1))
    winograd: 3x3, stride 1, 256 channels or more and 196 tiles of 4x4
    operations: 3.70 G as a sum over taps, 0.92 G in the products of winograd
    bytes: 3.2 MB of x, 2.4 MB of weight, 3.2 MB of y
    workspace: 37.8 MB at most, with 1 thread
    """
    N = integer(images, "explain: images", 0)
    C, O = integer(channels, "explain: channels", 0), integer(outputs, "explain: outputs", 0)
    crew = get_num_threads() if threads is None else integer(threads, "explain: threads", 1)
    if C % geometry.groups or O % geometry.groups:
        raise ArgumentError(
            f"explain: groups {geometry.groups} must divide the channels {C} and {O}; change groups or channels."
        )
    on_gpu = device != "cpu"
    name, reason = choose(geometry, N, C, O, on_gpu)
    taps = C // geometry.groups * geometry.taps
    direct = 2 * N * O * geometry.output_pixels * taps
    done = direct
    if name == "winograd":
        done = 2 * O * C * (winograd.tile(geometry, N) + 2) ** 2 * winograd.tiles(geometry, N)
    size = np.dtype(dtype).itemsize
    x, w, y = N * C * geometry.input_pixels, O * taps, N * O * geometry.output_pixels
    lines = [
        f"{name}: {reason}",
        f"operations: {_billions(direct)} as a sum over taps, {_billions(done)} in the products of {name}",
        f"bytes: {_megabytes(x * size)} of x, {_megabytes(w * size)} of weight, {_megabytes(y * size)} of y",
    ]
    if not on_gpu:
        needed = workspace(name, geometry, (N, C, O), size, crew)
        lines.append(f"workspace: {_megabytes(needed)} at most, with {crew} thread{'s' if crew > 1 else ''}")
    if name == "im2col":
        columns = N * geometry.output_pixels * C * geometry.taps
        lines.append(f"columns: {_megabytes(columns * size)} in all, made block by block")
    return "\n".join(lines)


def _billions(number: int) -> str:
    return f"{number / 1e9:.2f} G"


def _megabytes(number: int) -> str:
    return f"{number / 1e6:.1f} MB"
