"""Average poolings with one mistake each."""

from __future__ import annotations

from typing import Any

import numpy as np

from minifcn.geometry import Geometry
from minifcn.testing import ours
from minifcn.testing.unrolled import taps_inside, windows
from minifcn.testing.version import changes, mutant, spoils


def _averaging(x: Any, kernel_size: Any, stride: Any = None, padding: Any = 0, ceil_mode: bool = False,
               count_include_pad: bool = True) -> Geometry:  # fmt: skip
    return Geometry.of_pooling(x.shape[2:], kernel_size, stride, padding, 1, ceil_mode)


@mutant("avg_pool2d")
def always_divided_by_the_window(x: Any, kernel_size: Any, stride: Any = None, padding: Any = 0,
                                 ceil_mode: bool = False, count_include_pad: bool = True) -> Any:  # fmt: skip
    """The divisor is kh·kw even where a window of ceil mode hangs over the edge."""
    if not count_include_pad:
        return ours.avg_pool2d(x, kernel_size, stride, padding, ceil_mode, False)
    g = _averaging(x, kernel_size, stride, padding, ceil_mode)
    return (windows(x, g, 0).sum((4, 5)) / g.taps).astype(x.dtype)


@changes("avg_pool2d")
def count_include_pad_ignored() -> Any:
    """Padding is always counted."""
    return {"count_include_pad": True}


@changes("avg_pool2d")
def count_include_pad_swapped(count_include_pad: Any) -> Any:
    """Padding is counted where it should not be, and the other way round."""
    return {"count_include_pad": not count_include_pad}


@changes("avg_pool2d")
def padding_never_counted() -> Any:
    """The divisor is the number of pixels, although by default padding counts."""
    return {"count_include_pad": False}


@changes("avg_pool2d")
def average_ignores_padding() -> Any:
    """The image is not padded."""
    return {"padding": 0}


@changes("avg_pool2d")
def average_ceil_mode_ignored() -> Any:
    """The size is always rounded down; what is left over at the bottom and right is never seen."""
    return {"ceil_mode": False}


@spoils("avg_pool2d")
def average_repeats_the_border(right: Any, /, x: Any, padding: Any, count_include_pad: Any, again: Any) -> Any:
    """The padding repeats the border pixels instead of counting as zeros."""
    (ph, pw), (H, W) = padding, right.shape[2:]
    framed = np.pad(x, ((0, 0), (0, 0), (ph, ph), (pw, pw)), mode="edge")
    made = again(x=framed, padding=0, count_include_pad=True)[:, :, :H, :W]
    return made if made.shape == right.shape and count_include_pad else right


@mutant("avg_pool2d")
def sum_not_divided(x: Any, *options: Any, **named: Any) -> Any:
    """The sum of each window is never divided."""
    return windows(x, _averaging(x, *options, **named), 0).sum((4, 5))


@spoils("avg_pool2d")
def divided_by_the_squared_height(right: Any, /, x: Any, kernel_size: Any) -> Any:
    """The divisor is kh·kh."""
    kh, kw = kernel_size
    return (right * kw / kh).astype(x.dtype)


@changes("avg_pool2d")
def average_stride_one_by_default(stride: Any) -> Any:
    """Without a stride the window moves by one pixel."""
    return {"stride": 1 if stride is None else stride}


@changes("avg_pool2d")
def average_strides_exchanged(stride: Any) -> Any:
    """The stride of the columns moves the window down, that of the rows to the right."""
    return {"stride": stride if stride is None else stride[::-1]}


@spoils("avg_pool2d")
def empty_windows_divided(y: Any, /, x: Any, kernel_size: Any, stride: Any, padding: Any, ceil_mode: Any) -> Any:
    """In ceil mode a window that begins beyond the image counts: it sees no pixel, and 0 / 0 is NaN."""
    g = _averaging(x, kernel_size, stride, padding, ceil_mode)
    more = -(-(x.shape[2] + 2 * g.padding[0] - g.reach[0]) // g.stride[0]) + 1 - y.shape[2] if ceil_mode else 0
    return np.pad(y, ((0, 0), (0, 0), (0, more), (0, 0)), constant_values=np.nan)


@spoils("avg_pool2d")
def by_an_integral_image(x: Any, again: Any) -> Any:
    """Sums are differences of running sums over the whole image, so one NaN spoils all windows after it."""
    poison = np.isnan(x).any((2, 3), keepdims=True)
    return np.where(poison, np.nan, again(x=np.nan_to_num(x))).astype(x.dtype)


@spoils("avg_pool2d")
def means_of_all_channels(y: Any, /, x: Any) -> Any:
    """The channels are averaged, too, as an ungrouped convolution would."""
    return np.repeat(y.mean(1, keepdims=True), x.shape[1], 1).astype(x.dtype)


@changes("avg_pool2d")
def magnitudes_averaged(x: Any) -> Any:
    """Absolute values are averaged."""
    return {"x": np.abs(x)}


@spoils("avg_pool2d")
def means_always_double(y: Any, /) -> Any:
    """The means are float64 whatever was given."""
    return y.astype(np.float64)


@spoils("avg_pool2d")
def means_rounded(right: Any, /) -> Any:
    """An integer division: the means are rounded down."""
    return np.floor(right)


@spoils("avg_pool2d")
def one_by_one_is_the_image_itself(y: Any, /, x: Any) -> Any:
    """Where nothing is to be averaged the caller's array is returned instead of a copy."""
    return x if y.shape == x.shape and (y == x).all() else y


@changes("avg_pool2d")
def averaged_image_read_as_contiguous(x: Any) -> Any:
    """A Fortran-ordered image is read as if it were in C order."""
    fortran = x.flags.f_contiguous and not x.flags.c_contiguous
    return {"x": x.ravel(order="K").reshape(x.shape) if fortran else x}


@mutant("avg_pool2d_backward")
def average_gradient_not_divided(grad_output: Any, x: Any, *options: Any, **named: Any) -> Any:
    """Each pixel of a window receives all of what the window received."""
    divisor = ours.avg_pool2d(np.ones_like(x), *options, **named)
    whole = grad_output * taps_inside(_averaging(x, *options, **named)) / divisor
    return ours.avg_pool2d_backward(whole, x, *options, **named)


@changes("avg_pool2d_backward")
def average_gradient_always_divided_by_the_window(
    grad_output: Any, x: Any, kernel_size: Any, stride: Any, padding: Any, ceil_mode: Any
) -> Any:
    """The backward pass divides by kh·kw at the border, too, where the forward pass divided by less."""
    g = _averaging(x, kernel_size, stride, padding, ceil_mode)
    share = taps_inside(g) / g.taps
    return {"grad_output": grad_output * share, "count_include_pad": False}


@mutant("avg_pool2d_backward")
def average_gradient_overwritten(grad_output: Any, x: Any, *options: Any, **named: Any) -> Any:
    """Where windows overlap the last one's share stays, instead of the sum."""
    g, made = _averaging(x, *options, **named), np.zeros_like(x)
    for i, j in np.ndindex(*g.output_size):
        one = np.zeros_like(grad_output)
        one[:, :, i, j] = grad_output[:, :, i, j]
        (rows, _), (columns, _) = g.window(0, i), g.window(1, j)
        made[:, :, rows, columns] = ours.avg_pool2d_backward(one, x, *options, **named)[:, :, rows, columns]
    return made


@mutant("avg_pool2d_backward")
def average_gradient_to_the_first_pixel(grad_output: Any, x: Any, kernel_size: Any, stride: Any = None,
                                        padding: Any = 0, ceil_mode: bool = False,
                                        count_include_pad: bool = True) -> Any:  # fmt: skip
    """The first pixel of each window receives everything."""
    return ours.max_pool2d_backward(grad_output, np.zeros_like(x), kernel_size, stride, padding, 1, ceil_mode)


@changes("avg_pool2d_backward")
def count_include_pad_forgotten_in_backward() -> Any:
    """The backward pass always counts padding, whatever the forward pass did."""
    return {"count_include_pad": True}


@changes("avg_pool2d_backward")
def average_gradient_of_ones(grad_output: Any) -> Any:
    """The gradient that comes in is taken for 1 everywhere."""
    return {"grad_output": np.ones_like(grad_output)}


@spoils("avg_pool2d_backward")
def average_gradient_by_a_matrix(grad_output: Any, again: Any) -> Any:
    """A dense matrix multiplies every window with every pixel, so one NaN spoils its plane."""
    return again(grad_output=np.nan_to_num(grad_output)) + 0 * grad_output.sum((2, 3), keepdims=True)


@spoils("avg_pool2d_backward")
def average_gradient_summed_over_images(right: Any, /) -> Any:
    """The buffer is not cleared between images: each one gets the gradients of those before it on top."""
    return np.cumsum(right, 0)
