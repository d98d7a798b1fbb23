"""Bicubic interpolations with one mistake each."""

from __future__ import annotations

from typing import Any

import numpy as np

from minifcn.testing import ours
from minifcn.testing.version import changes, mutant, spoils


def _places(old: int, new: int, aligned: bool) -> np.ndarray:
    """Where the new pixels lie among the old ones."""
    return np.arange(new) * ((old - 1) / max(1, new - 1)) if aligned else (np.arange(new) + 0.5) * old / new - 0.5


def _repeated(places: np.ndarray, n: int) -> np.ndarray:
    return np.clip(places, 0, n - 1)


def cubic(x: Any, size: Any, align_corners: bool = False, *, a: float = -0.75, places: Any = _places,
          clamped: Any = lambda at, n: at, border: Any = _repeated,
          inside: Any = lambda taps, n: 1.0) -> Any:  # fmt: skip
    """Four pixels along each axis, weighed by Keys' curve: where new pixels lie, and what stands for those outside."""
    for axis in (2, 3):
        n = x.shape[axis]
        at = clamped(places(n, size[axis - 2], align_corners), n)
        before = np.floor(at + 1e-9).astype(int)
        total: Any = 0
        for j in (-1, 0, 1, 2):
            d = np.abs(at - before - j)
            near, far = ((a + 2) * d - (a + 3)) * d * d + 1, a * (((d - 5) * d + 8) * d - 4)
            weight = np.where(d <= 1, near, far) * inside(before + j, n)
            total = total + np.take(x, border(before + j, n), axis) * weight.reshape((-1, 1) if axis == 2 else -1)
        x = np.asarray(total).astype(x.dtype)
    return x


@changes("interpolate_bicubic", cubic)
def curve_of_keys() -> Any:
    """a = −1/2, as in Keys' paper and in Pillow, where PyTorch has −3/4."""
    return {"a": -0.5}


@changes("interpolate_bicubic", cubic)
def place_clamped_before_it_is_taken_apart() -> Any:
    """Places beyond the first centre are clamped to it, as for bilinear, instead of the four pixels."""
    return {"clamped": lambda at, n: np.clip(at, 0, n - 1)}


@changes("interpolate_bicubic", cubic)
def bicubic_border_reflected() -> Any:
    """Pixels outside the image are those of its mirror image."""
    return {"border": lambda at, n: np.clip(np.where(at < 0, -at, np.where(at >= n, 2 * n - 2 - at, at)), 0, n - 1)}


@changes("interpolate_bicubic", cubic)
def bicubic_zeros_beyond_the_border() -> Any:
    """Pixels outside the image count as 0: the image has a dark frame."""
    return {"inside": lambda taps, n: (taps >= 0) & (taps < n)}


@changes("interpolate_bicubic", cubic)
def bicubic_half_a_pixel_missing() -> Any:
    """Left edges are aligned instead of centres, u = I·H/OH: the image moves by up to half a pixel."""
    return {"places": lambda old, new, aligned: _places(old, new, True) if aligned else np.arange(new) * (old / new)}


@changes("interpolate_bicubic")
def bicubic_corners_never_aligned() -> Any:
    """align_corners is not looked at."""
    return {"align_corners": False}


@changes("interpolate_bicubic")
def bicubic_corners_always_aligned() -> Any:
    """Corners are always aligned."""
    return {"align_corners": True}


@spoils("interpolate_bicubic")
def bicubic_kept_within_the_image(y: Any, /, x: Any) -> Any:
    """Results beyond the brightest and the darkest pixel are cut off."""
    return np.clip(y, x.min((2, 3), keepdims=True), x.max((2, 3), keepdims=True))


@spoils("interpolate_bicubic")
def linear_for_cubic(x: Any, size: Any, align_corners: Any) -> Any:
    """Straight lines between pixels: two of them instead of four."""
    return ours.interpolate(x, size, "bilinear", align_corners)


@spoils("interpolate_bicubic")
def bicubic_smaller_by_averaging(y: Any, /, x: Any, size: Any, align_corners: Any, again: Any) -> Any:
    """Made smaller, the image is smoothed first (antialiasing), as image programs do."""
    if align_corners or not any(new < old for old, new in zip(x.shape[2:], size, strict=True)):
        return y
    return ours.avg_pool2d(again(size=(4 * size[0], 4 * size[1])), 4)


@spoils("interpolate_bicubic")
def bicubic_size_exchanged(x: Any, size: Any, again: Any) -> Any:
    """The first number of the size is taken for the columns."""
    return again(size=size[::-1])


@spoils("interpolate_bicubic")
def bicubic_always_double(y: Any, /) -> Any:
    """The result is float64 whatever was given."""
    return y.astype(np.float64)


@spoils("interpolate_bicubic")
def bicubic_of_its_size_is_the_image_itself(y: Any, /, x: Any) -> Any:
    """If the size does not change the caller's array is returned instead of a copy."""
    return x if y.shape == x.shape else y


@mutant("interpolate_bicubic_backward")
def gradient_of_linear(grad_output: Any, x: Any, size: Any, align_corners: bool = False) -> Any:
    """The gradient of bilinear interpolation, which two pixels receive along an axis instead of four."""
    return ours.interpolate_backward(grad_output, x, size, "bilinear", align_corners)


@mutant("interpolate_bicubic_backward")
def bicubic_gradient_interpolated_back(grad_output: Any, x: Any, size: Any, align_corners: bool = False) -> Any:
    """The gradient is resized to the size of the image: the inverse is taken for the transpose."""
    return ours.interpolate_bicubic(grad_output, x.shape[2:], align_corners)


@changes("interpolate_bicubic_backward")
def bicubic_gradient_with_the_corners_aligned() -> Any:
    """The backward pass always aligns the corners, whatever the forward pass did."""
    return {"align_corners": True}


@changes("interpolate_bicubic_backward")
def bicubic_border_gradient_lost(grad_output: Any) -> Any:
    """What the first row of the result receives is skipped, as if it had come from outside."""
    kept = grad_output.copy()
    kept[:, :, 0] = 0
    return {"grad_output": kept}


@spoils("interpolate_bicubic_backward")
def bicubic_gradient_always_double(right: Any, /) -> Any:
    """The gradient is float64 whatever was given."""
    return right.astype(np.float64)
