"""Windows that slide over an image: what pooling of every kind shares, and im2col's way back.

A tap is one place of the window. One tap of all windows is one slice of the image: `Geometry.tap` says which.
"""

from __future__ import annotations

from typing import Any

from minifcn.arguments import Pair
from minifcn.errors import ArgumentError
from minifcn.geometry import Geometry
from minifcn.machine.backend import Array
from minifcn.machine.memory import empty


def taps_of(geometry: Geometry) -> list[tuple[int, tuple[Any, ...], tuple[Any, ...]]]:
    """For every tap in row-major order: its number k·KW + l, where it reads in x, and which part of y it meets."""
    met = []
    for k in range(geometry.kernel_size[0]):
        for l in range(geometry.kernel_size[1]):
            (rows, out_rows), (columns, out_columns) = geometry.tap(0, k), geometry.tap(1, l)
            here, there = (..., rows, columns), (..., out_rows, out_columns)
            met.append((k * geometry.kernel_size[1] + l, here, there))
    return met


def slide(x: Array, geometry: Geometry, axis: int, combine: Any, neutral: Any) -> Array:
    """`combine` over the window along one axis (0 rows, 1 columns), starting at `neutral`: (…H…) -> (…OH…)."""
    y = empty(resized(x.shape, axis, geometry.output_size[axis]), x.dtype, x)
    y.fill(neutral)
    for k in range(geometry.kernel_size[axis]):
        here, there = geometry.tap(axis, k)
        met = y[along(axis, there)]
        combine(met, x[along(axis, here)], out=met)
    return y


def along(axis: int, part: slice) -> tuple[Any, ...]:
    return (..., part, slice(None)) if axis == 0 else (..., part)


def resized(shape: tuple[int, ...], axis: int, size: int) -> tuple[int, ...]:
    return (*shape[:-2], size, shape[-1]) if axis == 0 else (*shape[:-1], size)


def require(x: Array, size: Pair, what: str) -> None:
    if x.ndim != 4 or x.shape[2:] != size:
        raise ArgumentError(
            f"{what} must be (N, C, {size[0]}, {size[1]}), got {x.shape}; "
            f"pass an array of that size or build the geometry from the array's."
        )


def require_same(y: Array, other: Array, what: str, name: str) -> None:
    if y.ndim != 4 or y.shape != other.shape:
        raise ArgumentError(f"{name}: y {y.shape} and {what} {other.shape} must both be (N, C, OH, OW); pass a pair.")


# --- in CUDA ------------------------------------------------------------------------------------------------------

SIZES = """Index H, Index W, Index OH, Index OW, Index KH, Index KW, Index sh, Index sw, Index dh, Index dw,
    Index ph, Index pw"""


def sizes(geometry: Geometry) -> tuple[int, ...]:
    """The arguments that a kernel calls SIZES."""
    g = geometry
    return *g.input_size, *g.output_size, *g.kernel_size, *g.stride, *g.dilation, *g.padding


def over_taps(body: str) -> str:
    """CUDA C of a thread that has window i: `body` for every pixel `pixels[place]` that lies under it, at tap k, l."""
    return f"""
    const Index plane = i / OW / OH, top = i / OW % OH * sh - ph, left = i % OW * sw - pw;
    const T* pixels = x + plane * H * W;
    for (Index k = 0; k < KH; k++) {{
        const Index h = top + k * dh;
        if (h < 0 || h >= H) continue;
        for (Index l = 0; l < KW; l++) {{
            const Index w = left + l * dw;
            if (w < 0 || w >= W) continue;
            const Index place = h * W + w;
{body}
        }}
    }}"""


def over_windows(body: str, first: str = "0", last: str = "OH - 1") -> str:
    """CUDA C of a thread that has pixel i: `body` for every window (row, column) over it, which it meets at tap k, l.

    Windows come in row-major order; first, last: the rows of windows to look at.
    """
    return f"""
    const Index w = i % W + pw, h = i / W % H + ph, plane = i / W / H, reach_h = (KH - 1) * dh, reach_w = (KW - 1) * dw;
    const Index top = max(Index({first}), h < reach_h ? Index(0) : (h - reach_h + sh - 1) / sh);
    const Index left = w < reach_w ? Index(0) : (w - reach_w + sw - 1) / sw;
    const Index bottom = min(Index({last}), h / sh), right = min(OW - 1, w / sw);
    for (Index row = top; row <= bottom; row++) {{
        if ((h - row * sh) % dh) continue;
        [[maybe_unused]] const Index k = (h - row * sh) / dh;
        for (Index column = left; column <= right; column++) {{
            if ((w - column * sw) % dw) continue;
            [[maybe_unused]] const Index l = (w - column * sw) / dw;
{body}
        }}
    }}"""
