"""Transposed convolutions with one mistake each."""

from __future__ import annotations

from typing import Any

import numpy as np

from minifcn.arguments import pair
from minifcn.testing import ours
from minifcn.testing.version import changes, mutant, spoils


def _stamped(x: Any, weight: Any, bias: Any = None, stride: Any = 1, padding: Any = 0, output_padding: Any = 0,
             groups: int = 1, dilation: Any = 1, *, channels: bool = False, taps: bool = False) -> Any:  # fmt: skip
    """Stamps put down with = instead of +=, in one of three orders.

    One whole pixel after another; channels: the loop over the channels that go in does the same; taps: the outer loop
    runs over the taps of the kernel, each of which places all pixels at once.
    """
    right = ours.conv_transpose2d(x, weight, bias, stride, padding, output_padding, groups, dilation)
    (sh, sw), (ph, pw), (dh, dw) = pair(stride, "", 1), pair(padding, "", 0), pair(dilation, "", 1)
    whole = np.zeros((*right.shape[:2], right.shape[2] + 2 * ph, right.shape[3] + 2 * pw), right.dtype)
    (H, W), (KH, KW) = x.shape[2:], weight.shape[2:]
    images = [group[:, -1:] if channels else group for group in np.split(x, groups, 1)]
    parts = [part[-1:] if channels else part for part in np.split(weight, groups)]
    stamps = np.concatenate([np.einsum("nohw,ockl->nchwkl", a, w) for a, w in zip(images, parts, strict=True)], 1)
    if taps:
        for k, l in np.ndindex(KH, KW):
            rows, columns = slice(k * dh, k * dh + sh * (H - 1) + 1, sh), slice(l * dw, l * dw + sw * (W - 1) + 1, sw)
            whole[:, :, rows, columns] = stamps[..., k, l]
    else:
        for i, j in np.ndindex(H, W):
            rows = slice(i * sh, i * sh + dh * (KH - 1) + 1, dh)
            columns = slice(j * sw, j * sw + dw * (KW - 1) + 1, dw)
            whole[:, :, rows, columns] = stamps[:, :, i, j]
    made = whole[:, :, ph : ph + right.shape[2], pw : pw + right.shape[3]]
    return made if bias is None else made + bias[:, None, None]


@changes("conv_transpose2d", _stamped)
def stamps_overwritten() -> Any:
    """Where stamps overlap the last one stays, instead of their sum: = is written for +=."""
    return {}


@changes("conv_transpose2d", _stamped)
def stamps_overwritten_by_the_last_channel() -> Any:
    """Where stamps overlap the last one stays, and of the channels that go in the last one: = is written for +=."""
    return {"channels": True}


@changes("conv_transpose2d", _stamped)
def stamps_overwritten_tap_by_tap() -> Any:
    """Where the taps of neighbouring stamps meet the last tap stays, instead of their sum: = is written for +=."""
    return {"taps": True}


@changes("conv_transpose2d")
def stamps_flipped(weight: Any) -> Any:
    """The kernel is flipped before it is stamped, as a dense convolution of the image would need it."""
    return {"weight": weight[:, :, ::-1, ::-1]}


@spoils("conv_transpose2d")
def stamps_averaged(x: Any, weight: Any, bias: Any, groups: Any, again: Any) -> Any:
    """The sum of overlapping stamps is divided by how many there are, to even the brightness out."""
    ones = again(x=np.ones_like(x[:, :groups]), weight=np.ones_like(weight[:groups]), bias=None)
    made = again(bias=None) / np.maximum(ones, 1)
    return (made if bias is None else made + bias[:, None, None]).astype(x.dtype)


@spoils("conv_transpose2d")
def transposed_stride_ignored(right: Any, /, again: Any) -> Any:
    """Stamps are moved by one pixel, whatever the stride, in a result of the right size."""
    dense, (H, W) = again(stride=1, output_padding=0), right.shape[2:]
    room = ((0, 0), (0, 0), (0, max(0, H - dense.shape[2])), (0, max(0, W - dense.shape[3])))
    return np.pad(dense, room)[:, :, :H, :W]


@changes("conv_transpose2d")
def transposed_strides_exchanged(stride: Any) -> Any:
    """The stride of the columns moves the stamps down, that of the rows moves them to the right."""
    return {"stride": stride[::-1]}


@spoils("conv_transpose2d")
def transposed_strides_exchanged_in_a_result_of_the_right_size(
    right: Any, /, padding: Any, stride: Any, again: Any
) -> Any:
    """Stamps are put at (i·s_w, j·s_h) instead of (i·s_h, j·s_w), in a result of the right size."""
    made, (H, W), (ph, pw) = (
        again(stride=stride[::-1], padding=0, output_padding=0, bias=None),
        right.shape[2:],
        padding,
    )
    bias = right - again(bias=None)
    return np.pad(made, ((0, 0), (0, 0), (0, H + ph), (0, W + pw)))[:, :, ph : ph + H, pw : pw + W] + bias


@changes("conv_transpose2d")
def transposed_padding_ignored() -> Any:
    """Nothing is cut off, whatever the padding."""
    return {"padding": 0}


@spoils("conv_transpose2d")
def padding_enlarges(padding: Any, again: Any) -> Any:
    """Padding puts zeros around the result instead of cutting it."""
    ph, pw = padding
    return np.pad(again(padding=0), ((0, 0), (0, 0), (ph, ph), (pw, pw)))


@spoils("conv_transpose2d")
def padding_cropped_at_the_end(padding: Any, again: Any) -> Any:
    """What the padding cuts off is cut at the bottom and right only, twice as much."""
    (ph, pw), made = padding, again(padding=0)
    return made[:, :, : made.shape[2] - 2 * ph, : made.shape[3] - 2 * pw]


@spoils("conv_transpose2d")
def output_padding_of_zeros(right: Any, /, output_padding: Any) -> Any:
    """output_padding appends rows of zeros, although stamps reach there."""
    (eh, ew), made = output_padding, right.copy()
    made[:, :, made.shape[2] - eh :], made[:, :, :, made.shape[3] - ew :] = 0, 0
    return made


@changes("conv_transpose2d")
def output_padding_ignored() -> Any:
    """The result has the smallest possible size, whatever output_padding says."""
    return {"output_padding": 0}


@spoils("conv_transpose2d")
def output_padding_in_front(right: Any, /, output_padding: Any) -> Any:
    """output_padding makes the result larger at the top and left: everything moves down by as many rows."""
    (eh, ew), (H, W) = output_padding, right.shape[2:]
    return np.pad(right, ((0, 0), (0, 0), (eh, 0), (ew, 0)))[:, :, :H, :W]


@spoils("conv_transpose2d")
def transposed_dilation_ignored(right: Any, /, padding: Any, again: Any) -> Any:
    """The taps of a stamp lie side by side, in a result of the right size."""
    packed = again(padding=0, output_padding=0, dilation=1)
    (ph, pw), (H, W) = padding, right.shape[2:]
    return np.pad(packed, ((0, 0), (0, 0), (0, H + ph), (0, W + pw)))[:, :, ph : ph + H, pw : pw + W]


@changes("conv_transpose2d")
def channels_exchanged(weight: Any) -> Any:
    """The weight is read as (out, in) instead of (in, out) where both are equal."""
    square = weight.shape[0] == weight.shape[1]
    return {"weight": weight.swapaxes(0, 1) if square else weight}


@changes("conv_transpose2d")
def transposed_bias_forgotten() -> Any:
    """The bias is an argument, but it is never added."""
    return {"bias": None}


@spoils("conv_transpose2d")
def bias_per_stamp(x: Any, weight: Any, bias: Any, groups: Any, again: Any) -> Any:
    """The bias is part of every stamp, so it is added wherever stamps overlap."""
    made = again(bias=None)
    if bias is None:
        return made
    stamps = again(x=np.ones_like(x[:, :groups]), weight=np.ones_like(weight[:groups, :1]), bias=None)
    return made + stamps[:, :1] * bias[:, None, None]


@changes("conv_transpose2d")
def first_group_stamps_everywhere(weight: Any, groups: Any) -> Any:
    """Every group stamps with the weights of the first one."""
    return {"weight": np.tile(weight[: len(weight) // groups], (groups, 1, 1, 1))}


@spoils("conv_transpose2d")
def through_the_transposed_matrix(right: Any, /) -> Any:
    """A dense matrix multiplies every pixel with every output, so one NaN spoils the whole result."""
    right[np.isnan(right).any((1, 2, 3))] = np.nan
    return right


@spoils("conv_transpose2d")
def stamps_in_double_precision(right: Any, /) -> Any:
    """The result is float64 whatever was given."""
    return right.astype(np.float64)


@mutant("conv2d_input")
def input_gradient_without_dilation(input_size: Any, weight: Any, grad_output: Any, stride: Any = 1, padding: Any = 0,
                                    dilation: Any = 1, groups: int = 1) -> Any:  # fmt: skip
    """The backward pass forgets the dilation that the forward pass had."""
    y = ours.conv2d(np.zeros(input_size, weight.dtype), weight, None, stride, padding, 1, groups)
    H, W = grad_output.shape[2:]
    wide = np.zeros_like(y)
    wide[:, :, :H, :W] = grad_output
    return ours.conv2d_input(input_size, weight, wide, stride, padding, 1, groups)


@changes("conv2d_input")
def incoming_gradient_ignored(grad_output: Any) -> Any:
    """The backward pass takes 1 for the gradient that comes in: right only at the end of a network."""
    return {"grad_output": np.ones_like(grad_output)}


@mutant("conv2d_input")
def rows_beyond_the_last_window(input_size: Any, weight: Any, grad_output: Any, stride: Any = 1, padding: Any = 0,
                                dilation: Any = 1, groups: int = 1) -> Any:  # fmt: skip
    """The gradient ends with the last window, although the stride left rows beyond it; the image is scaled to fit."""
    made = ours.conv_transpose2d(grad_output, weight, None, stride, padding, 0, groups, dilation)
    (H, W), (h, w) = input_size[2:], made.shape[2:]
    return np.pad(made, ((0, 0), (0, 0), (H - h, 0), (W - w, 0)))


@changes("conv_transpose_output_size")
def output_size_without_output_padding() -> Any:
    """output_padding is left out of the size."""
    return {"output_padding": 0}


@spoils("conv_transpose_output_size")
def output_size_without_dilation(H: Any, W: Any, /, kernel_size: Any, dilation: Any) -> Any:
    """The kernel counts without its holes."""
    (KH, KW), (dh, dw) = kernel_size, dilation
    return H - (dh - 1) * (KH - 1), W - (dw - 1) * (KW - 1)
