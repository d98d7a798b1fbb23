"""Weight gradients and second derivatives with one mistake each."""

from __future__ import annotations

from typing import Any

import numpy as np

from minifcn.testing import ours
from minifcn.testing.version import mutant


@mutant("conv2d_weight")
def averaged_over_the_batch(x: Any, weight_size: Any, grad_output: Any, *options: Any, **named: Any) -> Any:
    """The gradients of the images are averaged; the loss has averaged them already."""
    return (ours.conv2d_weight(x, weight_size, grad_output, *options, **named) / max(len(x), 1)).astype(x.dtype)


@mutant("conv2d_weight")
def only_the_last_image(x: Any, weight_size: Any, grad_output: Any, *options: Any, **named: Any) -> Any:
    """Each image overwrites the gradient of the one before it."""
    return ours.conv2d_weight(x[-1:], weight_size, grad_output[-1:], *options, **named)


@mutant("conv2d_weight")
def weight_gradient_flipped(x: Any, weight_size: Any, grad_output: Any, *options: Any, **named: Any) -> Any:
    """The gradient is flipped, as if the kernel had been flipped in the forward pass."""
    return ours.conv2d_weight(x, weight_size, grad_output, *options, **named)[:, :, ::-1, ::-1]


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


@mutant("conv2d_weight")
def groups_receive_the_first(x: Any, weight_size: Any, grad_output: Any, stride: Any = 1, padding: Any = 0,
                             dilation: Any = 1, groups: int = 1) -> Any:  # fmt: skip
    """Every group receives the gradient that belongs to the first one."""
    found = ours.conv2d_weight(x, weight_size, grad_output, stride, padding, dilation, groups)
    return np.tile(found[: len(found) // groups], (groups, 1, 1, 1))


@mutant("conv2d_weight")
def padding_forgotten_in_backward(x: Any, weight_size: Any, grad_output: Any, stride: Any = 1, padding: Any = 0,
                                  dilation: Any = 1, groups: int = 1) -> Any:  # fmt: skip
    """The image of the backward pass has its padding at the wrong end: taps read rows that lie above theirs."""
    found = ours.conv2d_weight(x, weight_size, grad_output, stride, padding, dilation, groups)
    return found if not np.any(padding) else np.roll(found, 1, 2)


@mutant("conv2d_weight")
def gradient_clipped(x: Any, weight_size: Any, grad_output: Any, *options: Any, **named: Any) -> Any:
    """Large gradients are clipped inside the operation, where nobody looks for it."""
    return np.clip(ours.conv2d_weight(x, weight_size, grad_output, *options, **named), -100, 100)


@mutant("conv2d_weight")
def incoming_gradient_of_ones(x: Any, weight_size: Any, grad_output: Any, *options: Any, **named: Any) -> Any:
    """The gradient that comes in is taken for 1 everywhere."""
    return ours.conv2d_weight(x, weight_size, np.ones_like(grad_output), *options, **named)


@mutant("conv2d_double_backward")
def half_of_the_second_derivative(x: Any, weight: Any, grad_output: Any, ggx: Any, ggw: Any, *options: Any,
                                  **named: Any) -> Any:  # fmt: skip
    """What grad_output receives lacks the part that comes from the weight."""
    none = np.zeros_like(ggw)
    _, to_x, to_w = ours.conv2d_double_backward(x, weight, grad_output, ggx, ggw, *options, **named)
    return ours.conv2d_double_backward(x, weight, grad_output, ggx, none, *options, **named)[0], to_x, to_w


@mutant("conv2d_double_backward")
def backward_of_a_constant(x: Any, weight: Any, grad_output: Any, ggx: Any, ggw: Any, *options: Any,
                           **named: Any) -> Any:  # fmt: skip
    """The backward pass computes on bare arrays, so x and weight receive nothing from it."""
    to_y, to_x, to_w = ours.conv2d_double_backward(x, weight, grad_output, ggx, ggw, *options, **named)
    return to_y, np.zeros_like(to_x), np.zeros_like(to_w)


@mutant("conv2d_double_backward")
def second_derivative_twice(x: Any, weight: Any, grad_output: Any, ggx: Any, ggw: Any, *options: Any,
                            **named: Any) -> Any:  # fmt: skip
    """The mixed second derivative is counted twice for the weight, and so is no longer symmetric."""
    to_y, to_x, to_w = ours.conv2d_double_backward(x, weight, grad_output, ggx, ggw, *options, **named)
    return to_y, to_x, 2 * to_w
