"""What a convolution costs and who computes it, as text: `minifcn.explain`."""

from __future__ import annotations

from typing import Any

import numpy as np

from minifcn.arguments import integer
from minifcn.arrays.convolution import blocks, pointwise, strips, winograd
from minifcn.arrays.convolution.choice import choose
from minifcn.errors import ArgumentError
from minifcn.geometry import Geometry
from minifcn.machine.threads import get_num_threads

# How many bytes a contraction takes at most on a CPU, beside its operands and its result: of each algorithm that `auto`
# takes. Most of it is scratch memory, which is kept for the next call (machine/memory.py).
WORKSPACES = {
    "pointwise": pointwise.workspace,
    "winograd": winograd.workspace,
    "rows": strips.workspace,
    "im2col": blocks.workspace,
}


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

    Not to be confused with `FCN.explain` and the command `minifcn explain`, which derive the crops of a network.

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
        needed = WORKSPACES[name](geometry, N, C, O, size, crew)
        lines.append(f"workspace: {_megabytes(needed)} at most, with {crew} thread{'s' if crew > 1 else ''}")
    if name == "im2col":
        columns = N * geometry.output_pixels * C * geometry.taps
        lines.append(f"columns: {_megabytes(columns * size)} in all, made block by block")
    return "\n".join(lines)


def _billions(number: int) -> str:
    return f"{number / 1e9:.2f} G"


def _megabytes(number: int) -> str:
    return f"{number / 1e6:.1f} MB"
