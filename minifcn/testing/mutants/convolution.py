"""Convolutions with one mistake each."""

from __future__ import annotations

from typing import Any

import numpy as np

from minifcn.testing import ours
from minifcn.testing.version import changes, mutant, spoils


@changes("conv2d")
def kernel_flipped(weight: Any) -> Any:
    """The kernel is flipped in both directions, as in the convolution of mathematics."""
    return {"weight": weight[:, :, ::-1, ::-1]}


@changes("conv2d")
def kernel_transposed(weight: Any) -> Any:
    """Rows and columns of the kernel are exchanged where it is square, kh is used for kw."""
    square = weight.shape[2] == weight.shape[3]
    return {"weight": weight.swapaxes(2, 3) if square else weight}


@changes("conv2d")
def stride_ignored() -> Any:
    """Every pixel is computed, whatever the stride."""
    return {"stride": 1}


@changes("conv2d")
def stride_of_rows_for_columns(stride: Any) -> Any:
    """The stride of the rows is used for the columns, too."""
    return {"stride": stride[0]}


@changes("conv2d")
def strides_exchanged(stride: Any) -> Any:
    """The stride of the columns moves the window down, that of the rows moves it to the right."""
    return {"stride": stride[::-1]}


@spoils("conv2d")
def stride_ignored_in_a_result_of_the_right_size(right: Any, /, again: Any) -> Any:
    """Windows begin at (i, j) instead of (i·s_h, j·s_w), in a result of the right size."""
    return again(stride=1)[:, :, : right.shape[2], : right.shape[3]]


@spoils("conv2d")
def dilation_ignored_in_a_result_of_the_right_size(right: Any, /, again: Any) -> Any:
    """The taps of the kernel lie side by side, whatever the dilation, in a result of the right size."""
    return again(dilation=1)[:, :, : right.shape[2], : right.shape[3]]


@spoils("conv2d")
def height_for_width(right: Any, /) -> Any:
    """The height of the result is used for its width, too: columns are missing, or there are some of zeros."""
    more = max(0, right.shape[2] - right.shape[3])
    return np.pad(right, ((0, 0), (0, 0), (0, 0), (0, more)))[..., : right.shape[2]]


@spoils("conv2d")
def strides_exchanged_in_a_result_of_the_right_size(right: Any, /, stride: Any, again: Any) -> Any:
    """Windows begin at (i·s_w, j·s_h) instead of (i·s_h, j·s_w), in a result of the right size."""
    dense, (sh, sw) = again(stride=1), stride
    rows, columns = np.arange(right.shape[2]) * sw, np.arange(right.shape[3]) * sh
    return dense[:, :, rows][..., columns]


@spoils("conv2d")
def size_off_by_one(y: Any, /) -> Any:
    """The size is (H + 2p − k) // s without the + 1: the last row and column of the result are missing."""
    return y[:, :, :-1, :-1]


@spoils("conv2d")
def last_window_forgotten(y: Any, /, x: Any, weight: Any, stride: Any, padding: Any, dilation: Any) -> Any:
    """The loop ends one window early where the stride leaves no remainder (a + 1 is missing in the size)."""
    rest = (x.shape[2] + 2 * padding[0] - dilation[0] * (weight.shape[2] - 1) - 1) % stride[0]
    return y if rest or y.shape[2] == 1 else y[:, :, :-1]


@changes("conv2d")
def padding_ignored() -> Any:
    """The image is not padded."""
    return {"padding": 0}


@changes("conv2d")
def padding_of_rows_for_columns(padding: Any) -> Any:
    """The padding of the rows is used for the columns, too."""
    return {"padding": padding[0]}


@changes("conv2d")
def padded_on_one_side(x: Any, padding: Any) -> Any:
    """All the padding is put above and to the left, none below and to the right."""
    ph, pw = padding
    return {"x": np.pad(x, ((0, 0), (0, 0), (2 * ph, 0), (2 * pw, 0))), "padding": 0}


@changes("conv2d")
def border_repeated(x: Any, padding: Any) -> Any:
    """The padding repeats the border instead of adding zeros."""
    ph, pw = padding
    framed = np.pad(x, ((0, 0), (0, 0), (ph, ph), (pw, pw)), mode="edge" if x.size else "constant")
    return {"x": framed, "padding": 0}


@changes("conv2d")
def dilation_ignored() -> Any:
    """The taps of the kernel lie side by side, whatever the dilation."""
    return {"dilation": 1}


@changes("conv2d")
def dilation_exchanged(dilation: Any) -> Any:
    """The dilation of the columns is used for the rows, and that of the rows for the columns."""
    return {"dilation": dilation[::-1]}


@changes("conv2d")
def only_the_first_channel(weight: Any) -> Any:
    """The sum over the input channels is missing: only the first channel of each group is read."""
    first = np.zeros_like(weight)
    first[:, :1] = weight[:, :1]
    return {"weight": first}


@spoils("conv2d")
def only_the_last_product(x: Any, weight: Any, padding: Any, dilation: Any, groups: Any, again: Any) -> Any:
    """The products are not summed, the last one stays: = is written for +=."""
    (ph, pw), (dh, dw), (C, KH, KW) = padding, dilation, weight.shape[1:]
    framed = np.pad(x, ((0, 0), (0, 0), (ph, ph), (pw, pw)))
    seen = framed[:, C - 1 :: max(C, 1), dh * (KH - 1) :, dw * (KW - 1) :] if C else framed
    return again(x=seen, weight=weight[:, -1:, -1:, -1:] if C else weight, padding=0, dilation=1)


@changes("conv2d")
def mean_over_taps(weight: Any) -> Any:
    """The window is averaged: the sum is divided by the number of taps."""
    return {"weight": weight / (weight.shape[2] * weight.shape[3])}


@changes("conv2d")
def groups_interleaved(x: Any, groups: Any) -> Any:
    """Channel c belongs to group c mod G instead of to group c // (C / G)."""
    order = np.arange(x.shape[1]).reshape(-1, groups).T.ravel()
    return {"x": x[:, order]}


@changes("conv2d")
def every_group_reads_the_first(x: Any, weight: Any, groups: Any) -> Any:
    """All groups read the channels of the first one."""
    return {"x": np.tile(x[:, : weight.shape[1]], (1, groups, 1, 1))}


@changes("conv2d")
def bias_forgotten() -> Any:
    """The bias is an argument, but it is never added."""
    return {"bias": None}


@changes("conv2d")
def bias_twice(bias: Any) -> Any:
    """The bias is added twice."""
    return {"bias": None if bias is None else 2 * bias}


@changes("conv2d")
def bias_per_tap(weight: Any, bias: Any) -> Any:
    """The bias is added inside the sum over the taps, once for each."""
    return {"bias": None if bias is None else weight.shape[2] * weight.shape[3] * bias}


@spoils("conv2d")
def negative_results_cut(y: Any, /) -> Any:
    """The ReLU of the next layer is part of the convolution."""
    return np.maximum(y, 0)


@spoils("conv2d")
def images_share_a_sum(y: Any, /) -> Any:
    """The buffer of the result is not cleared between images: each one gets those before it on top."""
    return np.cumsum(y, axis=0)


@changes("conv2d")
def memory_read_as_contiguous(x: Any) -> Any:
    """The image is read in the order of its memory, as if it were in C order: its strides are not looked at."""
    steps = (np.arange(n) * step for n, step in zip(x.shape, x.strides, strict=True))
    addresses = np.add.reduce(np.meshgrid(*steps, indexing="ij"))
    return {"x": x.ravel()[np.argsort(addresses.ravel(), kind="stable")].reshape(x.shape)}


@spoils("conv2d")
def image_scratched(y: Any, /, x: Any) -> Any:
    """The caller's image is used as scratch memory and is another one afterwards."""
    if x.flags.writeable:
        x *= 0
    return y


@spoils("conv2d")
def always_double_precision(y: Any, /) -> Any:
    """The result is float64 whatever was given."""
    return y.astype(np.float64)


@mutant("conv2d")
def through_a_dense_matrix(x: Any, weight: Any, bias: Any = None, *options: Any, **named: Any) -> Any:
    """A dense matrix multiplies every pixel with every output, so one NaN spoils the whole image (0 · NaN is NaN)."""
    C = ours.convolution_matrix(weight, x.shape[2:], *options, **named)
    right = ours.conv2d(x, weight, bias, *options, **named)
    made = np.array([C @ image.ravel() for image in x]).reshape(right.shape)
    return made + (right - right if bias is None else bias[:, None, None])


@changes("convolution_matrix")
def matrix_of_the_flipped_kernel(weight: Any) -> Any:
    """The rows of the matrix hold the kernel from its end."""
    return {"weight": weight[:, :, ::-1, ::-1]}


@spoils("convolution_matrix")
def matrix_wraps_around(right: Any, /, weight: Any, input_size: Any, padding: Any) -> Any:
    """Taps beyond the left or right border land in the neighbouring row: a flat index is not checked."""
    C = np.array(right)
    if padding[1] and weight.shape[3] > 1 and C.size:
        C[0, min(input_size[1], C.shape[1]) - 1] += weight[0, 0, 0, 0]
    return C


@spoils("convolution_matrix")
def matrix_transposed(C: Any, /) -> Any:
    """Rows belong to the image and columns to the result."""
    return np.asarray(C).T
