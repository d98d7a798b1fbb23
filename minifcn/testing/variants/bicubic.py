"""Bicubic interpolation computed in other ways than minifcn does."""

from __future__ import annotations

from typing import Any

import numpy as np

from minifcn.testing.version import variant


def _curve(d: np.ndarray) -> np.ndarray:
    """Keys' weight of a pixel at distance d, with a = −3/4."""
    near, far = 1.25 * d**3 - 2.25 * d**2 + 1, -0.75 * d**3 + 3.75 * d**2 - 6 * d + 3
    return np.where(d <= 1, near, np.where(d < 2, far, 0))


def _places(old: int, new: int, align_corners: bool) -> np.ndarray:
    if align_corners:
        return np.arange(new) * ((old - 1) / max(1, new - 1))
    return (np.arange(new) + 0.5) * old / new - 0.5


@variant("interpolate_bicubic")
def every_pixel_of_a_wide_frame(x: Any, size: Any, align_corners: bool = False) -> Any:
    """The border is repeated three times, and every pixel of the frame weighed by its distance: most weigh nothing."""
    framed = np.pad(x, ((0, 0), (0, 0), (3, 3), (3, 3)), mode="edge")
    rows, columns = (
        _curve(np.abs(_places(x.shape[2 + a], size[a], align_corners)[:, None] + 3 - np.arange(x.shape[2 + a] + 6)))
        for a in (0, 1)
    )
    return np.einsum("ih,nchw,jw->ncij", rows, framed, columns).astype(x.dtype)


@variant("interpolate_bicubic")
def by_slopes(x: Any, size: Any, align_corners: bool = False) -> Any:
    """Between two pixels the cubic that has their values and, as slopes, 3/4 of the rise between their neighbours."""
    for axis in (2, 3):
        at = _places(x.shape[axis], size[axis - 2], align_corners)
        first = np.floor(at).astype(int)
        t = (at - first).reshape((-1, 1) if axis == 2 else (-1,))
        p, q, r, s = (np.take(x, np.clip(first + j, 0, x.shape[axis] - 1), axis) for j in (-1, 0, 1, 2))
        start, end = 0.75 * (r - p), 0.75 * (s - q)
        curve = q + t * start + t**2 * (3 * (r - q) - 2 * start - end) + t**3 * (2 * (q - r) + start + end)
        x = curve.astype(x.dtype)
    return x


@variant("interpolate_bicubic_backward")
def one_bright_pixel_in_a_cubic(grad_output: Any, x: Any, size: Any, align_corners: bool = False) -> Any:
    """What a pixel receives is how much of it is in the result: the image with a single 1 there is interpolated."""
    made = np.zeros(x.shape, x.dtype)
    for row, column in np.ndindex(*x.shape[2:]):
        unit = np.zeros((1, 1, *x.shape[2:]))
        unit[0, 0, row, column] = 1
        made[:, :, row, column] = (by_slopes.function(unit, size, align_corners) * grad_output).sum((2, 3))
    return made
