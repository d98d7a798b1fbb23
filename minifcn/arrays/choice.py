"""`auto`: which algorithm computes a convolution, by a short rule from sizes alone, which can be asked.

    1x1 kernel, stride 1, no padding                                     pointwise: one product, no columns
    3x3 kernel, stride 1, 32 channels or more, 36 tiles or more          winograd: a quarter of the multiplications
    everything else                                                      im2col

Why 32 channels: a tile of 36 pixels is transformed once for each channel and used once for each channel of the other
side; with fewer the transforms cost more than the products they save. Why 36 tiles: each of the 36 products multiplies
an (O, C) matrix by as many columns as there are tiles, and a product with few columns reads its matrix from memory for
little work. Both limits were tried out with one thread of ours, on one processor; another may put them elsewhere.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from minifcn.arrays import pointwise, winograd
from minifcn.backend import working_bytes
from minifcn.errors import ArgumentError
from minifcn.geometry import Geometry, integer
from minifcn.threads import get_num_threads

LEAST_CHANNELS = 32
LEAST_TILES = 36


def choose(geometry: Geometry, images: int, channels: int, outputs: int) -> tuple[str, str]:
    """(name of the algorithm, why) for x (images, channels, H, W) and y (images, outputs, OH, OW)."""
    if pointwise.fits(geometry):
        return "pointwise", "a 1x1 kernel that moves pixel by pixel is one matrix product"
    if not winograd.fits(geometry):
        return "im2col", "winograd needs a 3x3 kernel, stride 1, dilation 1, padding of at most 2 and one group"
    if min(channels, outputs) < LEAST_CHANNELS:
        return "im2col", f"with {min(channels, outputs)} channels winograd's transforms cost more than they save"
    m, tiles = winograd.tile(geometry), images * winograd.tiles(geometry)
    if tiles < LEAST_TILES:
        return "im2col", f"{tiles} tiles of {m}x{m} are too few to fill winograd's matrix products"
    return "winograd", f"3x3, stride 1, {min(channels, outputs)} channels or more and {tiles} tiles of {m}x{m}"


def workspace(name: str, geometry: Geometry, sizes: tuple[int, int, int], itemsize: int, threads: int) -> int:
    """How many bytes a contraction of (N, C, O) = `sizes` takes at most on a CPU, beside its operands and its result.

    pointwise   the weight's gradient of one image, and its sum
    winograd    for each thread three blocks of transformed tiles (those of the block before are still there when the
                next are made) and, for the weight's gradient, twice the transformed weight
    im2col      for each thread two blocks of columns and the results of a block; twice the weight
    """
    (N, C, O), (OH, OW), G = sizes, geometry.output_size, geometry.groups
    room, weight = working_bytes(np.empty(0)), O * (C // G) * geometry.taps * itemsize
    if name == "pointwise":
        return 2 * weight
    if name == "winograd":
        m = winograd.tile(geometry)
        row = (m + 2) ** 2 * (C + O) * -(-OW // m) * itemsize
        return threads * (3 * min(max(2 * room, row), row * N * -(-OH // m)) + 2 * (m + 2) ** 2 * O * C * itemsize)
    row = C * geometry.taps * OW * itemsize
    # A thread with few channels, its share or those of the other side, makes the columns of more windows at once.
    fewest = max(1, min(C // G * -(-G // threads) if G > 1 else -(-C // threads), O))
    windows = min(N * OH * OW, max(OW, room // (fewest * geometry.taps * itemsize)))
    return threads * (2 * min(max(room, row), row * N * OH) + windows * max(C, O) * itemsize) + 2 * weight


def explain(
    geometry: Geometry,
    channels: int,
    outputs: int,
    images: int = 1,
    dtype: Any = np.float32,
    threads: int | None = None,
) -> str:
    """Which algorithm `auto` takes for a convolution, how many operations and bytes that is, and why, as text.

    channels, outputs: C of x (images, C, H, W) and O of y. Multiplications and additions count as one operation each.
    threads: for how many the workspace is told, default `get_num_threads()`.
    Raises ArgumentError if the groups do not divide the channels.

    >>> print(explain(Geometry.of_convolution((56, 56), 3, padding=1), channels=256, outputs=256, threads=1))
    winograd: 3x3, stride 1, 256 channels or more and 196 tiles of 4x4
    operations: 3.70 G as a sum over taps, 0.92 G in the products of winograd
    bytes: 3.2 MB of x, 2.4 MB of weight, 3.2 MB of y
    workspace: 31.5 MB at most, with 1 thread
    """
    N = integer(images, "explain: images", 0)
    C, O = integer(channels, "explain: channels", 0), integer(outputs, "explain: outputs", 0)
    crew = get_num_threads() if threads is None else integer(threads, "explain: threads", 1)
    if C % geometry.groups or O % geometry.groups:
        raise ArgumentError(
            f"explain: groups {geometry.groups} must divide the channels {C} and {O}; change groups or channels."
        )
    name, reason = choose(geometry, N, C, O)
    taps = C // geometry.groups * geometry.taps
    direct = 2 * N * O * geometry.output_pixels * taps
    done = direct
    if name == "winograd":
        done = 2 * N * O * C * (winograd.tile(geometry) + 2) ** 2 * winograd.tiles(geometry)
    size = np.dtype(dtype).itemsize
    x, w, y = N * C * geometry.input_pixels, O * taps, N * O * geometry.output_pixels
    lines = [
        f"{name}: {reason}",
        f"operations: {_billions(direct)} as a sum over taps, {_billions(done)} in the products of {name}",
        f"bytes: {_megabytes(x * size)} of x, {_megabytes(w * size)} of weight, {_megabytes(y * size)} of y",
    ]
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
