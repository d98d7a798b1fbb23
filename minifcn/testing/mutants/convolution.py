"""Convolutions with one mistake each."""

from __future__ import annotations

from typing import Any

import numpy as np

from minifcn.arguments import pair
from minifcn.testing import ours
from minifcn.testing.version import mutant


@mutant("conv2d")
def kernel_flipped(x: Any, weight: Any, bias: Any = None, *options: Any, **named: Any) -> Any:
    """The kernel is flipped in both directions, as in the convolution of mathematics."""
    return ours.conv2d(x, weight[:, :, ::-1, ::-1], bias, *options, **named)


@mutant("conv2d")
def kernel_transposed(x: Any, weight: Any, bias: Any = None, stride: Any = 1, padding: Any = 0, dilation: Any = 1,
                      groups: int = 1) -> Any:  # fmt: skip
    """Rows and columns of the kernel are exchanged where it is square, kh is used for kw."""
    square = weight.shape[2] == weight.shape[3]
    return ours.conv2d(x, weight.swapaxes(2, 3) if square else weight, bias, stride, padding, dilation, groups)


@mutant("conv2d")
def stride_ignored(x: Any, weight: Any, bias: Any = None, stride: Any = 1, *options: Any, **named: Any) -> Any:
    """Every pixel is computed, whatever the stride."""
    return ours.conv2d(x, weight, bias, 1, *options, **named)


@mutant("conv2d")
def stride_of_rows_for_columns(x: Any, weight: Any, bias: Any = None, stride: Any = 1, *options: Any,
                               **named: Any) -> Any:  # fmt: skip
    """The stride of the rows is used for the columns, too."""
    return ours.conv2d(x, weight, bias, pair(stride, "stride", 1)[0], *options, **named)


@mutant("conv2d")
def last_window_forgotten(x: Any, weight: Any, bias: Any = None, stride: Any = 1, padding: Any = 0, dilation: Any = 1,
                          groups: int = 1) -> Any:  # fmt: skip
    """The loop ends one window early where the stride leaves no remainder (a + 1 is missing in the size)."""
    y = ours.conv2d(x, weight, bias, stride, padding, dilation, groups)
    (sh, _), (ph, _), (dh, _) = pair(stride, "", 1), pair(padding, "", 0), pair(dilation, "", 1)
    rest = (x.shape[2] + 2 * ph - dh * (weight.shape[2] - 1) - 1) % sh
    return y if rest or y.shape[2] == 1 else y[:, :, :-1]


@mutant("conv2d")
def padding_ignored(x: Any, weight: Any, bias: Any = None, stride: Any = 1, padding: Any = 0, *options: Any,
                    **named: Any) -> Any:  # fmt: skip
    """The image is not padded."""
    return ours.conv2d(x, weight, bias, stride, 0, *options, **named)


@mutant("conv2d")
def padding_of_rows_for_columns(x: Any, weight: Any, bias: Any = None, stride: Any = 1, padding: Any = 0,
                                *options: Any, **named: Any) -> Any:  # fmt: skip
    """The padding of the rows is used for the columns, too."""
    return ours.conv2d(x, weight, bias, stride, pair(padding, "padding", 0)[0], *options, **named)


@mutant("conv2d")
def padded_on_one_side(x: Any, weight: Any, bias: Any = None, stride: Any = 1, padding: Any = 0, *options: Any,
                       **named: Any) -> Any:  # fmt: skip
    """All the padding is put above and to the left, none below and to the right."""
    ph, pw = pair(padding, "padding", 0)
    return ours.conv2d(np.pad(x, ((0, 0), (0, 0), (2 * ph, 0), (2 * pw, 0))), weight, bias, stride, 0, *options,
                       **named)  # fmt: skip


@mutant("conv2d")
def border_repeated(x: Any, weight: Any, bias: Any = None, stride: Any = 1, padding: Any = 0, *options: Any,
                    **named: Any) -> Any:  # fmt: skip
    """The padding repeats the border instead of adding zeros."""
    ph, pw = pair(padding, "padding", 0)
    framed = np.pad(x, ((0, 0), (0, 0), (ph, ph), (pw, pw)), mode="edge" if x.size else "constant")
    return ours.conv2d(framed, weight, bias, stride, 0, *options, **named)


@mutant("conv2d")
def dilation_ignored(x: Any, weight: Any, bias: Any = None, stride: Any = 1, padding: Any = 0, dilation: Any = 1,
                     groups: int = 1) -> Any:  # fmt: skip
    """The taps of the kernel lie side by side, whatever the dilation."""
    return ours.conv2d(x, weight, bias, stride, padding, 1, groups)


@mutant("conv2d")
def dilation_exchanged(x: Any, weight: Any, bias: Any = None, stride: Any = 1, padding: Any = 0, dilation: Any = 1,
                       groups: int = 1) -> Any:  # fmt: skip
    """The dilation of the columns is used for the rows, and that of the rows for the columns."""
    return ours.conv2d(x, weight, bias, stride, padding, pair(dilation, "dilation", 1)[::-1], groups)


@mutant("conv2d")
def only_the_first_channel(x: Any, weight: Any, *options: Any, **named: Any) -> Any:
    """The sum over the input channels is missing: only the first channel of each group is read."""
    first = np.zeros_like(weight)
    first[:, :1] = weight[:, :1]
    return ours.conv2d(x, first, *options, **named)


@mutant("conv2d")
def mean_over_taps(x: Any, weight: Any, bias: Any = None, *options: Any, **named: Any) -> Any:
    """The window is averaged: the sum is divided by the number of taps."""
    return ours.conv2d(x, weight / (weight.shape[2] * weight.shape[3]), bias, *options, **named).astype(x.dtype)


@mutant("conv2d")
def groups_interleaved(x: Any, weight: Any, bias: Any = None, stride: Any = 1, padding: Any = 0, dilation: Any = 1,
                       groups: int = 1) -> Any:  # fmt: skip
    """Channel c belongs to group c mod G instead of to group c // (C / G)."""
    order = np.arange(x.shape[1]).reshape(-1, groups).T.ravel()
    return ours.conv2d(x[:, order], weight, bias, stride, padding, dilation, groups)


@mutant("conv2d")
def every_group_reads_the_first(x: Any, weight: Any, bias: Any = None, stride: Any = 1, padding: Any = 0,
                                dilation: Any = 1, groups: int = 1) -> Any:  # fmt: skip
    """All groups read the channels of the first one."""
    first = np.tile(x[:, : weight.shape[1]], (1, groups, 1, 1))
    return ours.conv2d(first, weight, bias, stride, padding, dilation, groups)


@mutant("conv2d")
def bias_twice(x: Any, weight: Any, bias: Any = None, *options: Any, **named: Any) -> Any:
    """The bias is added twice."""
    return ours.conv2d(x, weight, None if bias is None else 2 * bias, *options, **named)


@mutant("conv2d")
def bias_per_tap(x: Any, weight: Any, bias: Any = None, *options: Any, **named: Any) -> Any:
    """The bias is added inside the sum over the taps, once for each."""
    taps = weight.shape[2] * weight.shape[3]
    return ours.conv2d(x, weight, None if bias is None else taps * bias, *options, **named)


@mutant("conv2d")
def negative_results_cut(x: Any, weight: Any, *options: Any, **named: Any) -> Any:
    """The ReLU of the next layer is part of the convolution."""
    return np.maximum(ours.conv2d(x, weight, *options, **named), 0)


@mutant("conv2d")
def images_share_a_sum(x: Any, weight: Any, *options: Any, **named: Any) -> Any:
    """The buffer of the result is not cleared between images: each one gets those before it on top."""
    return np.cumsum(ours.conv2d(x, weight, *options, **named), axis=0)


@mutant("conv2d")
def memory_read_as_contiguous(x: Any, weight: Any, *options: Any, **named: Any) -> Any:
    """The image is read in the order of its memory, as if it were in C order: its strides are not looked at."""
    steps = (np.arange(n) * step for n, step in zip(x.shape, x.strides, strict=True))
    addresses = np.add.reduce(np.meshgrid(*steps, indexing="ij"))
    x = x.ravel()[np.argsort(addresses.ravel(), kind="stable")].reshape(x.shape)
    return ours.conv2d(x, weight, *options, **named)


@mutant("conv2d")
def image_scratched(x: Any, weight: Any, *options: Any, **named: Any) -> Any:
    """The caller's image is used as scratch memory and is another one afterwards."""
    y = ours.conv2d(x, weight, *options, **named)
    if x.flags.writeable:
        x *= 0
    return y


@mutant("conv2d")
def always_double_precision(x: Any, weight: Any, *options: Any, **named: Any) -> Any:
    """The result is float64 whatever was given."""
    return ours.conv2d(x, weight, *options, **named).astype(np.float64)


@mutant("conv2d")
def through_a_dense_matrix(x: Any, weight: Any, bias: Any = None, stride: Any = 1, padding: Any = 0, dilation: Any = 1,
                           groups: int = 1) -> Any:  # fmt: skip
    """A dense matrix multiplies every pixel with every output, so one NaN spoils the whole image (0 · NaN is NaN)."""
    C = ours.convolution_matrix(weight, x.shape[2:], stride, padding, dilation, groups)
    right = ours.conv2d(x, weight, bias, stride, padding, dilation, groups)
    return np.array([C @ image.ravel() for image in x]).reshape(right.shape) + (right - right if bias is None else
           bias[:, None, None])  # fmt: skip


@mutant("convolution_matrix")
def matrix_of_the_flipped_kernel(weight: Any, *options: Any, **named: Any) -> Any:
    """The rows of the matrix hold the kernel from its end."""
    return ours.convolution_matrix(weight[:, :, ::-1, ::-1], *options, **named)


@mutant("convolution_matrix")
def matrix_wraps_around(weight: Any, input_size: Any, stride: Any = 1, padding: Any = 0, dilation: Any = 1,
                        groups: int = 1) -> Any:  # fmt: skip
    """Taps beyond the left or right border land in the neighbouring row: a flat index is not checked."""
    C = np.array(ours.convolution_matrix(weight, input_size, stride, padding, dilation, groups))
    if pair(padding, "padding", 0)[1] and weight.shape[3] > 1 and C.size:
        C[0, min(input_size[1], C.shape[1]) - 1] += weight[0, 0, 0, 0]
    return C


@mutant("convolution_matrix")
def matrix_transposed(weight: Any, *options: Any, **named: Any) -> Any:
    """Rows belong to the image and columns to the result."""
    return np.asarray(ours.convolution_matrix(weight, *options, **named)).T
