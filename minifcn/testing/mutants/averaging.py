"""Average poolings with one mistake each."""

from __future__ import annotations

from typing import Any

import numpy as np

from minifcn.arguments import pair
from minifcn.geometry import Geometry
from minifcn.testing import ours
from minifcn.testing.unrolled import windows
from minifcn.testing.version import mutant


def _averaging(x: Any, kernel_size: Any, stride: Any, padding: Any, ceil_mode: bool) -> Geometry:
    return Geometry.of_pooling(x.shape[2:], kernel_size, stride, padding, 1, ceil_mode)


def _counts(x: Any, g: Geometry) -> np.ndarray:
    """(OH, OW): how many pixels of the image each window sees."""
    return windows(np.ones((1, 1, *x.shape[2:])), g, 0).sum((4, 5))[0, 0]


@mutant("avg_pool2d")
def always_divided_by_the_window(x: Any, kernel_size: Any, stride: Any = None, padding: Any = 0,
                                 ceil_mode: bool = False, count_include_pad: bool = True) -> Any:  # fmt: skip
    """The divisor is kh·kw even where a window of ceil mode hangs over the edge."""
    if not count_include_pad:
        return ours.avg_pool2d(x, kernel_size, stride, padding, ceil_mode, False)
    g = _averaging(x, kernel_size, stride, padding, ceil_mode)
    return (windows(x, g, 0).sum((4, 5)) / g.taps).astype(x.dtype)


@mutant("avg_pool2d")
def count_include_pad_ignored(x: Any, kernel_size: Any, stride: Any = None, padding: Any = 0, ceil_mode: bool = False,
                              count_include_pad: bool = True) -> Any:  # fmt: skip
    """Padding is always counted."""
    return ours.avg_pool2d(x, kernel_size, stride, padding, ceil_mode)


@mutant("avg_pool2d")
def count_include_pad_swapped(x: Any, kernel_size: Any, stride: Any = None, padding: Any = 0, ceil_mode: bool = False,
                              count_include_pad: bool = True) -> Any:  # fmt: skip
    """Padding is counted where it should not be, and the other way round."""
    return ours.avg_pool2d(x, kernel_size, stride, padding, ceil_mode, not count_include_pad)


@mutant("avg_pool2d")
def padding_never_counted(x: Any, kernel_size: Any, stride: Any = None, padding: Any = 0, ceil_mode: bool = False,
                          count_include_pad: bool = True) -> Any:  # fmt: skip
    """The divisor is the number of pixels, although by default padding counts."""
    return ours.avg_pool2d(x, kernel_size, stride, padding, ceil_mode, False)


@mutant("avg_pool2d")
def average_ignores_padding(x: Any, kernel_size: Any, stride: Any = None, padding: Any = 0, *options: Any,
                            **named: Any) -> Any:  # fmt: skip
    """The image is not padded."""
    return ours.avg_pool2d(x, kernel_size, stride, 0, *options, **named)


@mutant("avg_pool2d")
def average_repeats_the_border(x: Any, kernel_size: Any, stride: Any = None, padding: Any = 0, ceil_mode: bool = False,
                               count_include_pad: bool = True) -> Any:  # fmt: skip
    """The padding repeats the border pixels instead of counting as zeros."""
    g = _averaging(x, kernel_size, stride, padding, ceil_mode)
    (ph, pw), zeros = g.padding, ours.avg_pool2d(x, kernel_size, stride, padding, ceil_mode, count_include_pad)
    framed = np.pad(x, ((0, 0), (0, 0), (ph, ph), (pw, pw)), mode="edge")
    made = ours.avg_pool2d(framed, kernel_size, g.stride, 0, ceil_mode)[:, :, : zeros.shape[2], : zeros.shape[3]]
    return made if made.shape == zeros.shape and count_include_pad else zeros


@mutant("avg_pool2d")
def sum_not_divided(x: Any, kernel_size: Any, stride: Any = None, padding: Any = 0, ceil_mode: bool = False,
                    count_include_pad: bool = True) -> Any:  # fmt: skip
    """The sum of each window is never divided."""
    return windows(x, _averaging(x, kernel_size, stride, padding, ceil_mode), 0).sum((4, 5))


@mutant("avg_pool2d")
def divided_by_the_squared_height(x: Any, kernel_size: Any, *options: Any, **named: Any) -> Any:
    """The divisor is kh·kh."""
    kh, kw = pair(kernel_size, "kernel_size", 1)
    return (ours.avg_pool2d(x, kernel_size, *options, **named) * kw / kh).astype(x.dtype)


@mutant("avg_pool2d")
def average_stride_one_by_default(x: Any, kernel_size: Any, stride: Any = None, *options: Any, **named: Any) -> Any:
    """Without a stride the window moves by one pixel."""
    return ours.avg_pool2d(x, kernel_size, 1 if stride is None else stride, *options, **named)


@mutant("avg_pool2d")
def average_strides_exchanged(x: Any, kernel_size: Any, stride: Any = None, *options: Any, **named: Any) -> Any:
    """The stride of the columns moves the window down, that of the rows to the right."""
    steps = stride if stride is None else pair(stride, "stride", 1)[::-1]
    return ours.avg_pool2d(x, kernel_size, steps, *options, **named)


@mutant("avg_pool2d")
def empty_windows_divided(x: Any, kernel_size: Any, stride: Any = None, padding: Any = 0, ceil_mode: bool = False,
                          count_include_pad: bool = True) -> Any:  # fmt: skip
    """In ceil mode a window that begins beyond the image counts: it sees no pixel, and 0 / 0 is NaN."""
    y = ours.avg_pool2d(x, kernel_size, stride, padding, ceil_mode, count_include_pad)
    g = _averaging(x, kernel_size, stride, padding, ceil_mode)
    more = -(-(x.shape[2] + 2 * g.padding[0] - g.reach[0]) // g.stride[0]) + 1 - y.shape[2] if ceil_mode else 0
    return np.pad(y, ((0, 0), (0, 0), (0, more), (0, 0)), constant_values=np.nan)


@mutant("avg_pool2d")
def by_an_integral_image(x: Any, kernel_size: Any, stride: Any = None, padding: Any = 0, ceil_mode: bool = False,
                         count_include_pad: bool = True) -> Any:  # fmt: skip
    """Sums are differences of running sums over the whole image, so one NaN spoils all windows after it."""
    y = ours.avg_pool2d(np.nan_to_num(x), kernel_size, stride, padding, ceil_mode, count_include_pad)
    poison = np.isnan(x).any((2, 3), keepdims=True)
    return np.where(poison, np.nan, y).astype(x.dtype)


@mutant("avg_pool2d")
def means_of_all_channels(x: Any, *options: Any, **named: Any) -> Any:
    """The channels are averaged, too, as an ungrouped convolution would."""
    y = ours.avg_pool2d(x, *options, **named)
    return np.repeat(y.mean(1, keepdims=True), x.shape[1], 1).astype(x.dtype)


@mutant("avg_pool2d")
def magnitudes_averaged(x: Any, *options: Any, **named: Any) -> Any:
    """Absolute values are averaged."""
    return ours.avg_pool2d(np.abs(x), *options, **named)


@mutant("avg_pool2d")
def means_always_double(x: Any, *options: Any, **named: Any) -> Any:
    """The means are float64 whatever was given."""
    return ours.avg_pool2d(x, *options, **named).astype(np.float64)


@mutant("avg_pool2d")
def means_rounded(x: Any, *options: Any, **named: Any) -> Any:
    """An integer division: the means are rounded down."""
    return np.floor(ours.avg_pool2d(x, *options, **named))


@mutant("avg_pool2d")
def one_by_one_is_the_image_itself(x: Any, *options: Any, **named: Any) -> Any:
    """Where nothing is to be averaged the caller's array is returned instead of a copy."""
    y = ours.avg_pool2d(x, *options, **named)
    return x if y.shape == x.shape and (y == x).all() else y


@mutant("avg_pool2d")
def averaged_image_read_as_contiguous(x: Any, *options: Any, **named: Any) -> Any:
    """A Fortran-ordered image is read as if it were in C order."""
    if x.flags.f_contiguous and not x.flags.c_contiguous:
        x = x.ravel(order="K").reshape(x.shape)
    return ours.avg_pool2d(x, *options, **named)


@mutant("avg_pool2d_backward")
def average_gradient_not_divided(grad_output: Any, x: Any, kernel_size: Any, stride: Any = None, padding: Any = 0,
                                 ceil_mode: bool = False, count_include_pad: bool = True) -> Any:  # fmt: skip
    """Each pixel of a window receives all of what the window received."""
    g = _averaging(x, kernel_size, stride, padding, ceil_mode)
    divisor = ours.avg_pool2d(np.ones_like(x), kernel_size, stride, padding, ceil_mode, count_include_pad)
    whole = grad_output * _counts(x, g) / divisor
    return ours.avg_pool2d_backward(whole, x, kernel_size, stride, padding, ceil_mode, count_include_pad)


@mutant("avg_pool2d_backward")
def average_gradient_always_divided_by_the_window(grad_output: Any, x: Any, kernel_size: Any, stride: Any = None,
                                                  padding: Any = 0, ceil_mode: bool = False,
                                                  count_include_pad: bool = True) -> Any:  # fmt: skip
    """The backward pass divides by kh·kw at the border, too, where the forward pass divided by less."""
    g = _averaging(x, kernel_size, stride, padding, ceil_mode)
    share = _counts(x, g) / g.taps
    return ours.avg_pool2d_backward(grad_output * share, x, kernel_size, stride, padding, ceil_mode, False)


@mutant("avg_pool2d_backward")
def average_gradient_overwritten(grad_output: Any, x: Any, kernel_size: Any, stride: Any = None, padding: Any = 0,
                                 ceil_mode: bool = False, count_include_pad: bool = True) -> Any:  # fmt: skip
    """Where windows overlap the last one's share stays, instead of the sum."""
    options = kernel_size, stride, padding, ceil_mode, count_include_pad
    g, made = _averaging(x, kernel_size, stride, padding, ceil_mode), np.zeros_like(x)
    for i, j in np.ndindex(*g.output_size):
        one = np.zeros_like(grad_output)
        one[:, :, i, j] = grad_output[:, :, i, j]
        (rows, _), (columns, _) = g.window(0, i), g.window(1, j)
        made[:, :, rows, columns] = ours.avg_pool2d_backward(one, x, *options)[:, :, rows, columns]
    return made


@mutant("avg_pool2d_backward")
def average_gradient_to_the_first_pixel(grad_output: Any, x: Any, kernel_size: Any, stride: Any = None,
                                        padding: Any = 0, ceil_mode: bool = False,
                                        count_include_pad: bool = True) -> Any:  # fmt: skip
    """The first pixel of each window receives everything."""
    return ours.max_pool2d_backward(grad_output, np.zeros_like(x), kernel_size, stride, padding, 1, ceil_mode)


@mutant("avg_pool2d_backward")
def count_include_pad_forgotten_in_backward(grad_output: Any, x: Any, kernel_size: Any, stride: Any = None,
                                            padding: Any = 0, ceil_mode: bool = False,
                                            count_include_pad: bool = True) -> Any:  # fmt: skip
    """The backward pass always counts padding, whatever the forward pass did."""
    return ours.avg_pool2d_backward(grad_output, x, kernel_size, stride, padding, ceil_mode)


@mutant("avg_pool2d_backward")
def average_gradient_of_ones(grad_output: Any, x: Any, *options: Any, **named: Any) -> Any:
    """The gradient that comes in is taken for 1 everywhere."""
    return ours.avg_pool2d_backward(np.ones_like(grad_output), x, *options, **named)


@mutant("avg_pool2d_backward")
def average_gradient_by_a_matrix(grad_output: Any, x: Any, *options: Any, **named: Any) -> Any:
    """A dense matrix multiplies every window with every pixel, so one NaN spoils its plane."""
    made = ours.avg_pool2d_backward(np.nan_to_num(grad_output), x, *options, **named)
    return made + 0 * grad_output.sum((2, 3), keepdims=True)


@mutant("avg_pool2d_backward")
def average_gradient_summed_over_images(grad_output: Any, x: Any, *options: Any, **named: Any) -> Any:
    """The buffer is not cleared between images: each one gets the gradients of those before it on top."""
    return np.cumsum(ours.avg_pool2d_backward(grad_output, x, *options, **named), 0)
