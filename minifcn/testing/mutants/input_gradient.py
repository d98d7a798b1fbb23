"""Gradients of images, matrices of sizes and sizes of transposes, with one mistake each."""

from __future__ import annotations

from typing import Any

import numpy as np

from minifcn.testing import ours
from minifcn.testing.version import changes, mutant, spoils


@changes("conv2d_input")
def input_gradient_of_the_flipped_kernel(weight: Any) -> Any:
    """The kernel is flipped, as if the forward pass had flipped it: stamps are laid down upside down."""
    return {"weight": weight[:, :, ::-1, ::-1]}


@spoils("conv2d_input")
def input_gradient_averaged(right: Any, /, input_size: Any) -> Any:
    """The gradient is divided by the number of images; the loss has averaged them already."""
    return (right / max(input_size[0], 1)).astype(right.dtype)


@spoils("conv2d_input")
def input_gradient_of_the_batch(right: Any, /) -> Any:
    """Every image receives what all of them receive together."""
    return np.broadcast_to(right.sum(0, keepdims=True), right.shape).copy()


@changes("conv2d_input")
def input_gradient_by_the_first_group(weight: Any, groups: Any) -> Any:
    """Every group's channels receive through the kernels of the first group."""
    return {"weight": np.tile(weight[: len(weight) // groups], (groups, 1, 1, 1))}


@spoils("conv2d_input")
def input_gradient_of_the_border_dropped(right: Any, /, padding: Any) -> Any:
    """Pixels at the border receive nothing where the image was padded: the window is taken for one beyond it."""
    made = right.copy()
    if any(padding):
        made[:, :, :1], made[:, :, :, :1] = 0, 0
    return made


@mutant("conv2d_input")
def gradient_filled_up_with_zeros(input_size: Any, weight: Any, grad_output: Any, stride: Any = 1, padding: Any = 0,
                                  dilation: Any = 1, groups: int = 1) -> Any:  # fmt: skip
    """A gradient that is too small for the image is not refused: the windows that are missing receive nothing."""
    options = stride, padding, dilation
    made = ours.conv_output_size(input_size[2:], weight.shape[2:], *options)
    more = [(0, max(0, n - m)) for n, m in zip(made, grad_output.shape[2:], strict=True)]
    filled = np.pad(grad_output, ((0, 0), (0, 0), *more))
    return ours.conv2d_input(input_size, weight, filled, *options, groups)


@mutant("conv2d_input")
def stamps_overwritten_in_backward(input_size: Any, weight: Any, grad_output: Any, stride: Any = 1, padding: Any = 0,
                                   dilation: Any = 1, groups: int = 1) -> Any:  # fmt: skip
    """Where windows overlap the last one counts alone: = instead of +=."""
    made, options = np.zeros(input_size, weight.dtype), (stride, padding, dilation, groups)
    for i, j in np.ndindex(*grad_output.shape[2:]):
        one = np.zeros_like(grad_output)
        one[:, :, i, j] = grad_output[:, :, i, j]
        stamp = ours.conv2d_input(input_size, weight, one, *options)
        made = np.where(stamp != 0, stamp, made)
    return made


@changes("convolution_matrix")
def matrix_output_size_ignored() -> Any:
    """output_size is not looked at: there is a row for every window that fits."""
    return {"output_size": None}


@mutant("convolution_matrix")
def matrix_of_the_last_windows(weight: Any, input_size: Any, stride: Any = 1, padding: Any = 0, dilation: Any = 1,
                               groups: int = 1, output_size: Any = None) -> Any:  # fmt: skip
    """Of more windows than were asked for the last ones are kept, not the first."""
    C = ours.convolution_matrix(weight, input_size, stride, padding, dilation, groups)
    if output_size is None:
        return C
    ours.convolution_matrix(weight, input_size, stride, padding, dilation, groups, output_size)
    made = ours.conv_output_size(input_size, weight.shape[2:], stride, padding, dilation)
    rows = C.reshape(len(weight), *made, -1)[:, made[0] - output_size[0] :, made[1] - output_size[1] :]
    return rows.reshape(-1, C.shape[1])


@mutant("convolution_matrix")
def matrix_filled_up_with_zeros(weight: Any, input_size: Any, stride: Any = 1, padding: Any = 0, dilation: Any = 1,
                                groups: int = 1, output_size: Any = None) -> Any:  # fmt: skip
    """An output_size beyond the windows gets rows of zeros instead of an error."""
    options = stride, padding, dilation, groups
    made = ours.conv_output_size(input_size, weight.shape[2:], stride, padding, dilation)
    if output_size is None or all(n <= most for n, most in zip(output_size, made, strict=True)):
        return ours.convolution_matrix(weight, input_size, *options, output_size)
    C = ours.convolution_matrix(weight, input_size, *options)
    full = np.zeros((len(weight), *output_size, C.shape[1]), C.dtype)
    full[:, : made[0], : made[1]] = C.reshape(len(weight), *made, -1)[:, : output_size[0], : output_size[1]]
    return full.reshape(-1, C.shape[1])


@spoils("convolution_matrix")
def matrix_of_all_pairs_of_channels(right: Any, /, weight: Any, groups: Any, again: Any) -> Any:
    """Groups are not looked at: every output channel reads all the input channels, the kernels repeated."""
    return right if groups == 1 else again(weight=np.tile(weight, (1, groups, 1, 1)), groups=1)


@spoils("conv_transpose_output_size")
def output_size_of_the_kernel_added(H: Any, W: Any, /, kernel_size: Any, stride: Any) -> Any:
    """h·s + k instead of (h − 1)·s + k: a stride too much."""
    return H + stride[0], W + stride[1]


@spoils("conv_transpose_output_size")
def output_size_with_padding_once(H: Any, W: Any, /, padding: Any) -> Any:
    """The padding is cropped on one side only."""
    return H + padding[0], W + padding[1]


@mutant("conv_transpose_output_size")
def any_output_padding(size: Any, kernel_size: Any, stride: Any = 1, padding: Any = 0, output_padding: Any = 0,
                       dilation: Any = 1) -> Any:  # fmt: skip
    """Any output_padding is added to the size, however large."""
    H, W = ours.conv_transpose_output_size(size, kernel_size, stride, padding, 0, dilation)
    rows, columns = output_padding if isinstance(output_padding, tuple) else (output_padding, output_padding)
    return H + rows, W + columns
