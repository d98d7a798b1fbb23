"""Bilinear kernels and interpolations with one mistake each."""

from __future__ import annotations

from typing import Any

import numpy as np

from minifcn.arguments import pair
from minifcn.testing import ours
from minifcn.testing.version import changes, mutant, spoils


def tent(kernel_size: Any, *, half: Any = lambda k: (k + 1) // 2, centre: Any = lambda k: (k - 1) / 2,
         slope: Any = lambda rise: rise) -> Any:  # fmt: skip
    """The bilinear kernel: along each axis it rises to 1 at the centre and is 0 again `half` the width beside it."""
    return np.outer(*(slope(1 - np.abs(np.arange(k) - centre(k)) / half(k)) for k in pair(kernel_size, "", 1)))


@changes("bilinear_kernel", tent)
def off_centre_as_in_early_caffe() -> Any:
    """The centre is (2f − 1 − f mod 2) / 2, which is the middle for k = 4 and 5, but not for 2, 3, 6 and 7."""

    def centre(k: int) -> float:
        f = (k + 1) // 2
        return (2 * f - 1 - f % 2) / 2

    return {"centre": centre}


@changes("bilinear_kernel", tent)
def half_rounded_down() -> Any:
    """f = ⌊k/2⌋ instead of ⌈k/2⌉, so odd kernels are too narrow and end in zeros."""
    return {"half": lambda k: max(1, k // 2)}


@changes("bilinear_kernel", tent)
def centre_at_half_the_size() -> Any:
    """The centre is k / 2 instead of (k − 1) / 2."""
    return {"centre": lambda k: k / 2}


@spoils("bilinear_kernel")
def tent_normalised_to_one(w: Any, /) -> Any:
    """All weights together sum to 1, as those of a blur; those that meet in a pixel then sum to 1 / s²."""
    return w / w.sum()


@spoils("bilinear_kernel")
def tent_not_normalised(w: Any, /, kernel_size: Any) -> Any:
    """The weights are the distances from the border in taps, not divided by f."""
    return w * np.prod([(k + 1) // 2 for k in kernel_size])


@mutant("bilinear_kernel")
def cone_for_a_tent(kernel_size: Any) -> Any:
    """The weight falls with the distance from the centre, 1 − |(i, j)| / f, instead of along each axis."""
    (kh, kw), (i, j) = pair(kernel_size, "", 1), np.indices(pair(kernel_size, "", 1))
    across = np.hypot((i - (kh - 1) / 2) / ((kh + 1) // 2), (j - (kw - 1) / 2) / ((kw + 1) // 2))
    return np.maximum(0, 1 - across)


@mutant("bilinear_kernel")
def box_for_a_tent(kernel_size: Any) -> Any:
    """All weights are equal: each of the pixels that meet has the same share."""
    kh, kw = pair(kernel_size, "", 1)
    return np.full((kh, kw), ((kh + 1) // 2) * ((kw + 1) // 2) / (kh * kw))


@changes("bilinear_kernel", tent)
def smooth_for_a_tent() -> Any:
    """The weights follow a cosine: they sum to 1, but lines between pixels are not straight."""
    return {"slope": lambda rise: (1 + np.cos(np.pi * (1 - rise))) / 2}


@changes("bilinear_kernel")
def kernel_always_square(kernel_size: Any) -> Any:
    """kh is used for kw."""
    return {"kernel_size": kernel_size[0]}


# --- interpolation ----------------------------------------------------------------------------------------------------


def _linear(x: Any, rows: np.ndarray, columns: np.ndarray) -> Any:
    """x read at fractional places, which are clamped to the image."""
    for axis, at in ((2, rows), (3, columns)):
        at = np.clip(at, 0, x.shape[axis] - 1)
        low = np.floor(at).astype(int)
        rest = (at - low).reshape((-1, 1) if axis == 2 else (-1,))
        high = np.minimum(low + 1, x.shape[axis] - 1)
        x = (np.take(x, low, axis) * (1 - rest) + np.take(x, high, axis) * rest).astype(x.dtype)
    return x


def _places(x: Any, size: Any, shift: float = 0.5, aligned: bool = False) -> list[np.ndarray]:
    """Where the new rows and columns lie among the old ones."""
    if aligned:
        return [np.arange(new) * (old - 1) / max(1, new - 1) for old, new in zip(x.shape[2:], size, strict=True)]
    return [(np.arange(new) + shift) * old / new - shift for old, new in zip(x.shape[2:], size, strict=True)]


@changes("interpolate")
def align_corners_swapped(mode: Any, align_corners: Any) -> Any:
    """Corners are aligned when they should not be, and the other way round."""
    return {"align_corners": mode == "bilinear" and not align_corners}


@changes("interpolate")
def align_corners_always(mode: Any) -> Any:
    """Corners are always aligned, as in older libraries."""
    return {"align_corners": mode == "bilinear"}


@spoils("interpolate")
def half_a_pixel_missing(right: Any, /, x: Any, size: Any, mode: Any, align_corners: Any) -> Any:
    """Left edges are aligned instead of centres, u = I·H/OH: the image moves by up to half a pixel."""
    if mode != "bilinear" or align_corners:
        return right
    return _linear(x, *_places(x, size, 0))


@spoils("interpolate")
def corners_aligned_by_the_size(right: Any, /, x: Any, size: Any, align_corners: Any) -> Any:
    """With align_corners the step is (H − 1)/OH instead of (H − 1)/(OH − 1), so the last pixel is not reached."""
    if not align_corners:
        return right
    return _linear(x, *(np.arange(new) * (old - 1) / new for old, new in zip(x.shape[2:], size, strict=True)))


@spoils("interpolate")
def factors_exchanged(right: Any, /, x: Any, size: Any, mode: Any, align_corners: Any) -> Any:
    """The rows are stretched by the factor of the columns and the columns by that of the rows."""
    if mode != "bilinear" or align_corners:
        return right
    (H, W), (OH, OW) = x.shape[2:], size
    return _linear(x, (np.arange(OH) + 0.5) * W / OW - 0.5, (np.arange(OW) + 0.5) * H / OH - 0.5)


@spoils("interpolate")
def weights_exchanged(right: Any, /, x: Any, size: Any, mode: Any, align_corners: Any) -> Any:
    """The nearer pixel gets the weight of the farther one."""
    if mode != "bilinear":
        return right
    at = [np.clip(u, 0, n - 1) for u, n in zip(_places(x, size, 0.5, align_corners), x.shape[2:], strict=True)]
    return _linear(x, *(np.where(u == np.floor(u), u, 2 * np.floor(u) + 1 - u) for u in at))


@spoils("interpolate")
def zeros_beyond_the_border(right: Any, /, x: Any, size: Any, mode: Any, align_corners: Any) -> Any:
    """Places before the first centre and after the last one mix with zeros: the image has a dark frame."""
    if mode != "bilinear":
        return right
    framed = np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)))
    return _linear(framed, *(u + 1 for u in _places(x, size, 0.5, align_corners)))


@spoils("interpolate")
def lines_drawn_on_beyond_the_border(right: Any, /, x: Any, size: Any, mode: Any, align_corners: Any) -> Any:
    """Places before the first centre are not clamped: the line through the first two pixels is drawn on."""
    if mode != "bilinear":
        return right
    framed = np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)), mode="reflect", reflect_type="odd")
    return _linear(framed, *(u + 1 for u in _places(x, size, 0.5, align_corners)))


@spoils("interpolate")
def nearest_rounded(right: Any, /, x: Any, size: Any, mode: Any) -> Any:
    """Nearest rounds I·H/OH to the next pixel instead of down, so blocks are moved by half their size."""
    if mode != "nearest":
        return right
    at = zip(_places(x, size, 0), x.shape[2:], strict=True)
    rows, columns = (np.minimum(np.rint(u).astype(int), n - 1) for u, n in at)
    return x[:, :, rows][..., columns]


@changes("interpolate")
def nearest_by_the_centre(mode: Any) -> Any:
    """Nearest takes the pixel under the centre, which is what "nearest-exact" means."""
    return {"mode": "nearest-exact" if mode == "nearest" else mode}


@changes("interpolate")
def mode_ignored() -> Any:
    """Pixels are repeated whatever the mode."""
    return {"mode": "nearest", "align_corners": False}


@spoils("interpolate")
def smaller_by_averaging(right: Any, /, x: Any, size: Any, mode: Any, align_corners: Any, again: Any) -> Any:
    """Made smaller, the image is smoothed first (antialiasing), as image programs do."""
    small = [new for old, new in zip(x.shape[2:], size, strict=True) if new < old]
    if mode != "bilinear" or align_corners or not small:
        return right
    return ours.avg_pool2d(again(size=(8 * size[0], 8 * size[1])), 8)


@spoils("interpolate")
def resized_with_sharpening(y: Any, /, x: Any) -> Any:
    """Edges are overdrawn, as by a cubic curve: results leave the range of the image."""
    return (y + (y - y.mean((2, 3), keepdims=True)) / 8).astype(x.dtype) if y.shape != x.shape else y


@spoils("interpolate")
def resized_always_double(y: Any, /) -> Any:
    """The result is float64 whatever was given."""
    return y.astype(np.float64)


@spoils("interpolate")
def same_size_is_the_image_itself(right: Any, /, x: Any, size: Any) -> Any:
    """If the size does not change the caller's array is returned instead of a copy."""
    return x if tuple(size) == x.shape[2:] else right


@spoils("interpolate")
def resized_by_full_matrices(x: Any, again: Any) -> Any:
    """Every pixel is multiplied with every new one, mostly by 0, and 0 · NaN is NaN: one NaN spoils its plane."""
    return again(x=np.nan_to_num(x)) + 0 * x.sum((2, 3), keepdims=True)


@changes("interpolate_backward")
def gradient_of_nearest() -> Any:
    """The gradient goes to the nearest pixel only, although two by two were mixed."""
    return {"mode": "nearest", "align_corners": False}


@mutant("interpolate_backward")
def gradient_interpolated_back(grad_output: Any, x: Any, size: Any, mode: str = "nearest",
                               align_corners: bool = False) -> Any:  # fmt: skip
    """The gradient is resized to the size of the image: the inverse is taken for the transpose."""
    return ours.interpolate(grad_output, x.shape[2:], mode, align_corners)


@spoils("interpolate_backward")
def gradient_divided_by_the_factor(right: Any, /, x: Any, size: Any) -> Any:
    """What a pixel receives is divided by the number of new pixels for each old one."""
    return (right * (x.shape[2] * x.shape[3] / (size[0] * size[1]))).astype(x.dtype)


@changes("interpolate_backward")
def gradient_with_the_corners_aligned(mode: Any) -> Any:
    """The backward pass always aligns the corners, whatever the forward pass did."""
    return {"align_corners": mode == "bilinear"}


@spoils("interpolate_backward")
def gradient_of_repeated_pixels_overwritten(right: Any, /, grad_output: Any, x: Any, size: Any, mode: Any) -> Any:
    """Of the new pixels that one old pixel was repeated to, only the last one hands its gradient back."""
    if mode != "nearest":
        return right
    made = np.zeros_like(x)
    for i, j in np.ndindex(*size):
        made[:, :, i * x.shape[2] // size[0], j * x.shape[3] // size[1]] = grad_output[:, :, i, j]
    return made


@changes("interpolate_backward")
def border_gradient_lost(grad_output: Any, x: Any, size: Any, mode: Any, align_corners: Any) -> Any:
    """What was clamped to the first row is skipped on the way back, as if it had come from outside."""
    kept = grad_output.copy()
    if mode == "bilinear" and not align_corners and size[0] > x.shape[2]:
        kept[:, :, 0] = 0
    return {"grad_output": kept}


@spoils("interpolate_backward")
def resizing_gradient_by_full_matrices(grad_output: Any, again: Any) -> Any:
    """Every new pixel is multiplied with every old one, mostly by 0, so one NaN spoils its plane."""
    return again(grad_output=np.nan_to_num(grad_output)) + 0 * grad_output.sum((2, 3), keepdims=True)
