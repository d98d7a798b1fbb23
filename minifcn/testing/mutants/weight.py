"""Weight gradients and second derivatives with one mistake each."""

from __future__ import annotations

from typing import Any

import numpy as np

from minifcn.testing import ours
from minifcn.testing.version import changes, mutant, spoils


@spoils("conv2d_weight")
def averaged_over_the_batch(right: Any, /, x: Any) -> Any:
    """The gradients of the images are averaged; the loss has averaged them already."""
    return (right / max(len(x), 1)).astype(x.dtype)


@changes("conv2d_weight")
def only_the_last_image(x: Any, grad_output: Any) -> Any:
    """Each image overwrites the gradient of the one before it."""
    return {"x": x[-1:], "grad_output": grad_output[-1:]}


@spoils("conv2d_weight")
def weight_gradient_flipped(right: Any, /) -> Any:
    """The gradient is flipped, as if the kernel had been flipped in the forward pass."""
    return right[:, :, ::-1, ::-1]


@mutant("conv2d_weight")
def stride_and_dilation_not_exchanged(x: Any, weight_size: Any, grad_output: Any, stride: Any = 1, padding: Any = 0,
                                      dilation: Any = 1, groups: int = 1) -> Any:  # fmt: skip
    """The weight gradient is a convolution in which stride and dilation change places; here they keep theirs."""
    if groups > 1:
        return ours.conv2d_weight(x, weight_size, grad_output, stride, padding, dilation, groups)
    made = ours.conv2d(x.swapaxes(0, 1), grad_output.swapaxes(0, 1), None, stride, padding, dilation)
    found, (KH, KW) = np.zeros(weight_size, x.dtype), made.shape[2:]
    kh, kw = min(KH, weight_size[2]), min(KW, weight_size[3])
    found[:, :, :kh, :kw] = made.swapaxes(0, 1)[:, :, :kh, :kw]
    return found


@spoils("conv2d_weight")
def groups_receive_the_first(right: Any, /, groups: Any) -> Any:
    """Every group receives the gradient that belongs to the first one."""
    return np.tile(right[: len(right) // groups], (groups, 1, 1, 1))


@spoils("conv2d_weight")
def padding_forgotten_in_backward(right: Any, /, padding: Any) -> Any:
    """The image of the backward pass has its padding at the wrong end: taps read rows that lie above theirs."""
    return right if not np.any(padding) else np.roll(right, 1, 2)


@spoils("conv2d_weight")
def gradient_clipped(right: Any, /) -> Any:
    """Large gradients are clipped inside the operation, where nobody looks for it."""
    return np.clip(right, -100, 100)


@mutant("conv2d_weight")
def image_cut_to_the_gradient(x: Any, weight_size: Any, grad_output: Any, stride: Any = 1, padding: Any = 0,
                              dilation: Any = 1, groups: int = 1) -> Any:  # fmt: skip
    """An image with more windows than the gradient has pixels is not refused: the last windows are left out."""
    options = stride, padding, dilation
    made = ours.conv_output_size(x.shape[2:], weight_size[2:], *options)
    more = [(0, max(0, n - m)) for n, m in zip(made, grad_output.shape[2:], strict=True)]
    filled = np.pad(grad_output, ((0, 0), (0, 0), *more))
    return ours.conv2d_weight(x, weight_size, filled, *options, groups)


@changes("conv2d_weight")
def incoming_gradient_of_ones(grad_output: Any) -> Any:
    """The gradient that comes in is taken for 1 everywhere."""
    return {"grad_output": np.ones_like(grad_output)}


@spoils("conv2d_double_backward")
def half_of_the_second_derivative(to_y: Any, to_x: Any, to_w: Any, /, grad_grad_weight: Any, again: Any) -> Any:
    """What grad_output receives lacks the part that comes from the weight."""
    to_y, *_ = again(grad_grad_weight=np.zeros_like(grad_grad_weight))
    return to_y, to_x, to_w


@spoils("conv2d_double_backward")
def backward_of_a_constant(to_y: Any, to_x: Any, to_w: Any, /) -> Any:
    """The backward pass computes on bare arrays, so x and weight receive nothing from it."""
    return to_y, np.zeros_like(to_x), np.zeros_like(to_w)


@spoils("conv2d_double_backward")
def second_derivative_twice(to_y: Any, to_x: Any, to_w: Any, /) -> Any:
    """The mixed second derivative is counted twice for the weight, and so is no longer symmetric."""
    return to_y, to_x, 2 * to_w
