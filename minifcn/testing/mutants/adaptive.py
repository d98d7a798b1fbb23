"""Adaptive poolings with one mistake each."""

from __future__ import annotations

from typing import Any

import numpy as np

from minifcn.testing import ours
from minifcn.testing.version import changes, mutant, spoils


def _first(i: int, n: int, count: int) -> int:
    return i * n // count


def _end(i: int, n: int, count: int) -> int:
    return -(-(i + 1) * n // count)


def pooled(x: Any, output_size: Any, *, first: Any = _first, end: Any = _end, divisor: Any = lambda pixels: pixels.size,
           take: Any = lambda pixels: pixels.sum((2, 3))) -> Any:  # fmt: skip
    """A number for each window, from its first row to its end and so for the columns, divided."""
    made = np.empty((*x.shape[:2], *output_size), x.dtype)
    for place in np.ndindex(*output_size):
        rows, columns = (
            slice(first(i, n, count), max(first(i, n, count) + 1, end(i, n, count)))
            for i, n, count in zip(place, x.shape[2:], output_size, strict=True)
        )
        pixels = x[:, :, rows, columns]
        made[:, :, *place] = take(pixels) / divisor(pixels[0, 0])
    return made


def _of_equal_length(i: int, n: int, count: int) -> int:
    """The end of a window that is as long as the last one has to be, with a stride of ⌊n / count⌋."""
    step = n // count
    return min(n, i * step + n - (count - 1) * step)


@changes("adaptive_avg_pool2d", pooled)
def adaptive_windows_of_one_length() -> Any:
    """One kernel and one stride for all windows, stride ⌊H/OH⌋ and kernel H − (OH − 1)·stride, as exporters do."""
    start = lambda i, n, count: min(i * (n // count), n - 1)  # noqa: E731
    return {"first": start, "end": _of_equal_length}


@changes("adaptive_avg_pool2d", pooled)
def adaptive_end_rounded_down() -> Any:
    """A window ends at ⌊(i + 1)·H/OH⌋, so the pixel that two parts share belongs to the second alone."""
    return {"end": lambda i, n, count: (i + 1) * n // count}


@changes("adaptive_avg_pool2d", pooled)
def adaptive_start_rounded_up() -> Any:
    """A window begins at ⌈i·H/OH⌉, so the pixel that two parts share belongs to the first alone."""
    return {"first": lambda i, n, count: min(-(-i * n // count), n - 1)}


@changes("adaptive_avg_pool2d", pooled)
def adaptive_sum_for_a_mean() -> Any:
    """The pixels of a window are added up and not divided."""
    return {"divisor": lambda pixels: 1}


@spoils("adaptive_avg_pool2d")
def adaptive_divisor_of_the_first_window(output_size: Any, x: Any) -> Any:
    """All windows are divided by the number of pixels of the first one."""
    count = pooled(np.ones_like(x[:1, :1]), output_size, divisor=lambda pixels: 1)[0, 0, 0, 0]
    return pooled(x, output_size, divisor=lambda pixels: count)


@spoils("adaptive_avg_pool2d")
def adaptive_by_interpolation(x: Any, output_size: Any) -> Any:
    """The image is resized bilinearly, which looks at two pixels along an axis however many a window has."""
    return ours.interpolate(x, output_size, mode="bilinear")


@spoils("adaptive_avg_pool2d")
def adaptive_size_exchanged(x: Any, output_size: Any) -> Any:
    """The first number of the size is taken for the columns."""
    return ours.adaptive_avg_pool2d(x, output_size[::-1])


@mutant("adaptive_avg_pool2d")
def adaptive_by_running_sums(x: Any, output_size: Any) -> Any:
    """A window is the difference of two running sums of the image, in which a NaN goes on to the end."""
    sums = np.pad(x.cumsum(2).cumsum(3), ((0, 0), (0, 0), (1, 0), (1, 0)))
    made = np.empty((*x.shape[:2], *output_size), x.dtype)
    for i, j in np.ndindex(*output_size):
        (top, bottom), (left, right) = (
            (_first(at, n, count), _end(at, n, count))
            for at, n, count in zip((i, j), x.shape[2:], output_size, strict=True)
        )
        total = sums[:, :, bottom, right] - sums[:, :, top, right] - sums[:, :, bottom, left] + sums[:, :, top, left]
        made[:, :, i, j] = total / ((bottom - top) * (right - left))
    return made


@spoils("adaptive_avg_pool2d")
def adaptive_always_double(y: Any, /) -> Any:
    """The result is float64 whatever was given: np.zeros was called without a dtype."""
    return y.astype(np.float64)


@spoils("adaptive_avg_pool2d")
def as_many_windows_give_the_image_itself(y: Any, /, x: Any) -> Any:
    """If the size does not change, the caller's array is returned instead of a copy."""
    return x if y.shape == x.shape else y


# --- the gradient -----------------------------------------------------------------------------------------------------


def shared_out(grad_output: Any, x: Any, output_size: Any, *, divisor: Any = lambda pixels: pixels.size,
               add: Any = lambda pixels, share: pixels + share) -> Any:  # fmt: skip
    """Each window's part for each of its pixels, put where they stand."""
    made = np.zeros(x.shape, x.dtype)
    for place in np.ndindex(*output_size):
        rows, columns = (
            slice(_first(i, n, count), _end(i, n, count))
            for i, n, count in zip(place, x.shape[2:], output_size, strict=True)
        )
        share = grad_output[:, :, *place][..., None, None] / divisor(made[0, 0, rows, columns])
        made[:, :, rows, columns] = add(made[:, :, rows, columns], share)
    return made


@changes("adaptive_avg_pool2d_backward", shared_out)
def adaptive_gradient_not_divided() -> Any:
    """Every pixel of a window receives all that the window did."""
    return {"divisor": lambda pixels: 1}


@changes("adaptive_avg_pool2d_backward", shared_out)
def adaptive_gradient_overwritten_on_overlap() -> Any:
    """A pixel in two windows keeps what it got from the last one."""
    return {"add": lambda pixels, share: share + np.zeros_like(pixels)}


@changes("adaptive_avg_pool2d_backward", shared_out)
def adaptive_gradient_divided_by_the_factor(x: Any, output_size: Any) -> Any:
    """All windows divide by H·W / (OH·OW), the pixels that there are on average."""
    factor = x.shape[2] * x.shape[3] / (output_size[0] * output_size[1])
    return {"divisor": lambda pixels: factor}


@spoils("adaptive_avg_pool2d_backward")
def adaptive_gradient_by_a_matrix(grad_output: Any, again: Any) -> Any:
    """A product with a matrix of shares and zeros: 0 · NaN is NaN, so one spoils the plane."""
    return again(grad_output=np.nan_to_num(grad_output)) + 0 * grad_output.sum((2, 3), keepdims=True)


@spoils("adaptive_avg_pool2d_backward")
def adaptive_gradient_always_double(right: Any, /) -> Any:
    """The gradient is float64 whatever was given."""
    return right.astype(np.float64)


# --- the maximum ------------------------------------------------------------------------------------------------------


def _largest(pixels: Any) -> Any:
    return pixels.max((2, 3))


def largest(x: Any, output_size: Any, *, first: Any = _first, end: Any = _end, take: Any = _largest) -> Any:
    """The largest pixel of each window, from its first row to its end and so for the columns."""
    return pooled(x, output_size, first=first, end=end, divisor=lambda pixels: 1, take=take)


@changes("adaptive_max_pool2d", largest)
def adaptive_maximum_from_zero() -> Any:
    """The search starts with 0, so windows of negative pixels give 0."""
    return {"take": lambda pixels: np.maximum(pixels.max((2, 3)), 0)}


@changes("adaptive_max_pool2d", largest)
def adaptive_maximum_without_the_shared_pixel() -> Any:
    """A window ends at ⌊(i + 1)·H/OH⌋, so the pixel that two parts share belongs to the second alone."""
    return {"end": lambda i, n, count: (i + 1) * n // count}


@changes("adaptive_max_pool2d", largest)
def adaptive_maximum_passes_nan_over() -> Any:
    """A comparison with NaN is false, so it never wins."""
    return {"take": lambda pixels: np.where(np.isnan(pixels), -np.inf, pixels).max((2, 3))}


@spoils("adaptive_max_pool2d")
def adaptive_mean_for_a_maximum(x: Any, output_size: Any) -> Any:
    """The mean of the window instead of its largest pixel."""
    return ours.adaptive_avg_pool2d(x, output_size)


@spoils("adaptive_max_pool2d")
def adaptive_maximum_always_double(y: Any, /) -> Any:
    """The result is float64 whatever was given."""
    return y.astype(np.float64)
