"""Interpolation and its kernel computed in other ways than minifcn does."""

from __future__ import annotations

from typing import Any

import numpy as np

from minifcn.arguments import pair
from minifcn.testing.version import variant


@variant("bilinear_kernel")
def boxes_convolved(kernel_size: Any) -> Any:
    """A tent is a box convolved with a box; for an even kernel two neighbours of it are averaged besides."""
    tents = []
    for k in pair(kernel_size, "kernel_size", 1):
        s = (k + 1) // 2
        tent = np.convolve(np.ones(s), np.ones(s)) / s
        tents.append(tent if k % 2 else np.convolve(tent, [0.5, 0.5]))
    return np.outer(*tents)


@variant("bilinear_kernel")
def line_up_and_down(kernel_size: Any) -> Any:
    """np.interp along the line from 0 up to 1 in the middle and down to 0 again."""
    tents = []
    for k in pair(kernel_size, "kernel_size", 1):
        s, middle = (k + 1) // 2, (k - 1) / 2
        tents.append(np.interp(np.arange(k), [middle - s, middle, middle + s], [0, 1, 0]))
    return np.outer(*tents)


def _neighbours(old: int, new: int, mode: str, align_corners: bool) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """For each new pixel the old one before it, the one after it, and the share of the latter."""
    if mode == "nearest":
        low = np.arange(new) * old // new
        return low, low, np.zeros(new)
    at = np.linspace(0, old - 1, new) if align_corners else (np.arange(new) + 0.5) * (old / new) - 0.5
    at = at.clip(0, old - 1)
    low = np.minimum(at.astype(int), max(0, old - 2))
    return low, np.minimum(low + 1, old - 1), at - low


@variant("interpolate")
def four_neighbours(x: Any, size: Any, mode: str = "nearest", align_corners: bool = False) -> Any:
    """Each new pixel mixes the four old ones around it."""
    (top, bottom, v), (left, right, h) = (
        _neighbours(x.shape[2 + a], size[a], mode, align_corners) for a in (0, 1)
    )  # fmt: skip
    upper = x[:, :, top][..., left] * (1 - h) + x[:, :, top][..., right] * h
    lower = x[:, :, bottom][..., left] * (1 - h) + x[:, :, bottom][..., right] * h
    return (upper * (1 - v[:, None]) + lower * v[:, None]).astype(x.dtype)


@variant("interpolate")
def line_by_line(x: Any, size: Any, mode: str = "nearest", align_corners: bool = False) -> Any:
    """np.interp for each row, then for each column; nearest by looking the pixels up."""
    if mode == "nearest":
        rows, columns = (np.arange(size[a]) * x.shape[2 + a] // size[a] for a in (0, 1))
        return x[:, :, rows][..., columns]
    for axis in (3, 2):
        old, new = x.shape[axis], size[axis - 2]
        at = np.linspace(0, old - 1, new) if align_corners else (np.arange(new) + 0.5) * old / new - 0.5
        x = np.apply_along_axis(lambda line, at=at, old=old: np.interp(at, np.arange(old), line), axis, x).astype(
            x.dtype
        )
    return x


@variant("interpolate_backward")
def to_four_neighbours(grad_output: Any, x: Any, size: Any, mode: str = "nearest", align_corners: bool = False) -> Any:
    """Each new pixel hands what it receives to the four old ones that it was mixed from, by their shares."""
    made = np.zeros(x.shape, x.dtype)
    vertical, horizontal = (_neighbours(x.shape[2 + a], size[a], mode, align_corners) for a in (0, 1))
    for i, (top, bottom, v) in enumerate(zip(*vertical, strict=True)):
        for j, (left, right, h) in enumerate(zip(*horizontal, strict=True)):
            for row, column, share in ((top, left, (1 - v) * (1 - h)), (top, right, (1 - v) * h),
                                       (bottom, left, v * (1 - h)), (bottom, right, v * h)):  # fmt: skip
                made[:, :, row, column] += share * grad_output[:, :, i, j]
    return made


@variant("interpolate_backward")
def one_bright_pixel_at_a_time(
    grad_output: Any, x: Any, size: Any, mode: str = "nearest", align_corners: bool = False
) -> Any:
    """What a pixel receives is how much of it is in the result: the image with a single 1 there is interpolated."""
    made = np.zeros(x.shape, x.dtype)
    for row, column in np.ndindex(*x.shape[2:]):
        unit = np.zeros((1, 1, *x.shape[2:]))
        unit[0, 0, row, column] = 1
        share = four_neighbours.function(unit, size, mode, align_corners)
        made[:, :, row, column] = (share * grad_output).sum((2, 3), where=share != 0)
    return made
