"""minifcn's operations as functions of NumPy arrays: what every other implementation is compared with, and joined to.

The arguments have PyTorch's names and order. Each function goes the way a user goes, through the public operations and
through autograd where a gradient is asked for. `Operations` gathers them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from minifcn import functional as F
from minifcn import metrics
from minifcn.arrays import resampling
from minifcn.autograd import grad
from minifcn.metrics import ConfusionMatrix
from minifcn.optim import SGD, Adam, RMSprop
from minifcn.tensor import Parameter, Tensor
from minifcn.testing.ours_losses import binary_cross_entropy_with_logits as binary_cross_entropy_with_logits
from minifcn.testing.ours_losses import (
    binary_cross_entropy_with_logits_backward as binary_cross_entropy_with_logits_backward,
)
from minifcn.testing.ours_losses import dice_loss as dice_loss
from minifcn.testing.ours_losses import dice_loss_backward as dice_loss_backward
from minifcn.testing.ours_losses import group_norm as group_norm
from minifcn.testing.ours_losses import group_norm_backward as group_norm_backward
from minifcn.testing.ours_losses import l1_loss as l1_loss
from minifcn.testing.ours_losses import l1_loss_backward as l1_loss_backward
from minifcn.testing.ours_losses import layer_norm as layer_norm
from minifcn.testing.ours_losses import layer_norm_backward as layer_norm_backward
from minifcn.testing.ours_losses import mse_loss as mse_loss
from minifcn.testing.ours_losses import mse_loss_backward as mse_loss_backward
from minifcn.testing.ours_losses import nll_loss as nll_loss
from minifcn.testing.ours_losses import nll_loss_backward as nll_loss_backward
from minifcn.testing.ours_places import Pair
from minifcn.testing.ours_places import conv_output_size as conv_output_size
from minifcn.testing.ours_places import conv_transpose_output_size as conv_transpose_output_size
from minifcn.testing.ours_places import convolutionalise as convolutionalise
from minifcn.testing.ours_places import crop as crop
from minifcn.testing.ours_places import crop_like as crop_like
from minifcn.testing.ours_places import crop_offset as crop_offset
from minifcn.testing.ours_places import fcn8s as fcn8s
from minifcn.testing.ours_places import fuse as fuse
from minifcn.testing.ours_places import insert_zeros as insert_zeros
from minifcn.testing.ours_places import pad as pad
from minifcn.testing.ours_places import pad_to_multiple as pad_to_multiple
from minifcn.testing.ours_places import pixels_seen as pixels_seen
from minifcn.testing.ours_places import pool_output_size as pool_output_size
from minifcn.testing.ours_places import preimages as preimages
from minifcn.testing.ours_places import receptive_field as receptive_field
from minifcn.testing.ours_windows import adaptive_avg_pool2d as adaptive_avg_pool2d
from minifcn.testing.ours_windows import adaptive_avg_pool2d_backward as adaptive_avg_pool2d_backward
from minifcn.testing.ours_windows import adaptive_max_pool2d as adaptive_max_pool2d
from minifcn.testing.ours_windows import conv2d_same as conv2d_same
from minifcn.testing.ours_windows import fold as fold
from minifcn.testing.ours_windows import interpolate_bicubic as interpolate_bicubic
from minifcn.testing.ours_windows import interpolate_bicubic_backward as interpolate_bicubic_backward
from minifcn.testing.ours_windows import pixel_shuffle as pixel_shuffle
from minifcn.testing.ours_windows import pixel_unshuffle as pixel_unshuffle
from minifcn.testing.ours_windows import unfold as unfold

# --- convolution ------------------------------------------------------------------------------------------------------


def conv2d(x: Any, weight: Any, bias: Any = None, stride: Any = 1, padding: Any = 0, dilation: Any = 1,
           groups: int = 1) -> np.ndarray:  # fmt: skip
    """(N, C, H, W), (O, C/groups, KH, KW), (O,) -> (N, O, OH, OW)"""
    return F.conv2d(Tensor(x), Tensor(weight), _optional(bias), stride, padding, dilation, groups).numpy()


def conv_transpose2d(x: Any, weight: Any, bias: Any = None, stride: Any = 1, padding: Any = 0, output_padding: Any = 0,
                     groups: int = 1, dilation: Any = 1) -> np.ndarray:  # fmt: skip
    """(N, I, H, W), (I, O/groups, KH, KW), (O,) -> (N, O, ...)"""
    options = stride, padding, output_padding, groups, dilation
    return F.conv_transpose2d(Tensor(x), Tensor(weight), _optional(bias), *options).numpy()


def conv2d_input(input_size: Any, weight: Any, grad_output: Any, stride: Any = 1, padding: Any = 0, dilation: Any = 1,
                 groups: int = 1) -> np.ndarray:  # fmt: skip
    """What conv2d's input receives: the gradient of ⟨conv2d(x, weight), grad_output⟩ with respect to x."""
    return F.conv2d_input(input_size, Tensor(weight), Tensor(grad_output), stride, padding, dilation, groups).numpy()


def conv2d_weight(x: Any, weight_size: Any, grad_output: Any, stride: Any = 1, padding: Any = 0, dilation: Any = 1,
                  groups: int = 1) -> np.ndarray:  # fmt: skip
    """What conv2d's weight receives: the gradient of ⟨conv2d(x, weight), grad_output⟩ with respect to weight."""
    return F.conv2d_weight(Tensor(x), weight_size, Tensor(grad_output), stride, padding, dilation, groups).numpy()


def conv2d_double_backward(x: Any, weight: Any, grad_output: Any, grad_grad_x: Any, grad_grad_weight: Any,
                           stride: Any = 1, padding: Any = 0, dilation: Any = 1, groups: int = 1) -> Any:  # fmt: skip
    """The three gradients of ⟨grad_x, grad_grad_x⟩ + ⟨grad_weight, grad_grad_weight⟩: for grad_output, x and weight.

    grad_x and grad_weight are what the two operands of conv2d receive from grad_output.
    """
    leaves = [_leaf(a) for a in (grad_output, x, weight)]
    y = F.conv2d(leaves[1], leaves[2], None, stride, padding, dilation, groups)
    first = grad(y, leaves[1:], leaves[0], create_graph=True)
    total = (first[0] * Tensor(grad_grad_x)).sum() + (first[1] * Tensor(grad_grad_weight)).sum()
    return tuple(g.numpy() for g in grad(total, leaves))


def convolution_matrix(weight: Any, input_size: Any, stride: Any = 1, padding: Any = 0, dilation: Any = 1,
                       groups: int = 1, output_size: Any = None) -> np.ndarray:  # fmt: skip
    """(O·OH·OW, C·H·W) with C @ x.ravel() = conv2d(x).ravel() for one image; output_size: (OH, OW), if fewer."""
    return F.convolution_matrix(weight, input_size, stride, padding, dilation, groups, output_size=output_size)


# --- pooling ----------------------------------------------------------------------------------------------------------


def max_pool2d(x: Any, kernel_size: Any, stride: Any = None, padding: Any = 0, dilation: Any = 1,
               ceil_mode: bool = False) -> tuple[np.ndarray, np.ndarray]:  # fmt: skip
    """(N, C, H, W) -> the maxima (N, C, OH, OW) and their positions row·W + column"""
    y, indices = F.max_pool2d(Tensor(x), kernel_size, stride, padding, dilation, ceil_mode, return_indices=True)
    return y.numpy(), indices.numpy()


def max_pool2d_backward(grad_output: Any, x: Any, kernel_size: Any, stride: Any = None, padding: Any = 0,
                        dilation: Any = 1, ceil_mode: bool = False) -> np.ndarray:  # fmt: skip
    """The gradient of ⟨max_pool2d(x), grad_output⟩ with respect to x"""
    leaf = _leaf(x)
    y = F.max_pool2d(leaf, kernel_size, stride, padding, dilation, ceil_mode)
    return grad(y, leaf, Tensor(grad_output))[0].numpy()


def max_unpool2d(x: Any, indices: Any, kernel_size: Any, stride: Any = None, padding: Any = 0,
                 output_size: Any = None) -> np.ndarray:  # fmt: skip
    """Every value at its position, zero elsewhere"""
    return F.max_unpool2d(Tensor(x), Tensor(indices), kernel_size, stride, padding, output_size).numpy()


def avg_pool2d(x: Any, kernel_size: Any, stride: Any = None, padding: Any = 0, ceil_mode: bool = False,
               count_include_pad: bool = True) -> np.ndarray:  # fmt: skip
    """(N, C, H, W) -> the means (N, C, OH, OW)"""
    return F.avg_pool2d(Tensor(x), kernel_size, stride, padding, ceil_mode, count_include_pad).numpy()


def avg_pool2d_backward(grad_output: Any, x: Any, kernel_size: Any, stride: Any = None, padding: Any = 0,
                        ceil_mode: bool = False, count_include_pad: bool = True) -> np.ndarray:  # fmt: skip
    """The gradient of ⟨avg_pool2d(x), grad_output⟩ with respect to x"""
    leaf = _leaf(x)
    y = F.avg_pool2d(leaf, kernel_size, stride, padding, ceil_mode, count_include_pad)
    return grad(y, leaf, Tensor(grad_output))[0].numpy()


# --- upsampling -------------------------------------------------------------------------------------------------------


def bilinear_kernel(kernel_size: Any) -> np.ndarray:
    """(KH, KW), the tent of a transposed convolution that interpolates"""
    return resampling.bilinear_kernel(kernel_size, np.float64)


def interpolate(x: Any, size: Pair, mode: str = "nearest", align_corners: bool = False) -> np.ndarray:
    """(N, C, H, W) -> (N, C, *size)"""
    return F.interpolate(Tensor(x), size, mode=mode, align_corners=align_corners).numpy()


def interpolate_backward(grad_output: Any, x: Any, size: Pair, mode: str = "nearest",
                         align_corners: bool = False) -> np.ndarray:  # fmt: skip
    """The gradient of ⟨interpolate(x, size), grad_output⟩ with respect to x"""
    leaf = _leaf(x)
    y = F.interpolate(leaf, size, mode=mode, align_corners=align_corners)
    return grad(y, leaf, Tensor(grad_output))[0].numpy()


# --- loss, normalisation, metrics -------------------------------------------------------------------------------------


def cross_entropy(x: Any, target: Any, weight: Any = None, ignore_index: int = 255,
                  label_smoothing: float = 0.0) -> float:  # fmt: skip
    """(N, C, H, W) scores, (N, H, W) labels, (C,) -> the weighted mean over the pixels that are not ignored"""
    options: Any = {"ignore_index": ignore_index, "label_smoothing": label_smoothing}
    return F.cross_entropy(Tensor(x), target, _optional(weight), **options).item()


def cross_entropy_backward(x: Any, target: Any, weight: Any = None, ignore_index: int = 255,
                           label_smoothing: float = 0.0) -> np.ndarray:  # fmt: skip
    """The gradient of cross_entropy with respect to x"""
    leaf = _leaf(x)
    options: Any = {"ignore_index": ignore_index, "label_smoothing": label_smoothing}
    return grad(F.cross_entropy(leaf, target, _optional(weight), **options), leaf)[0].numpy()


def batch_norm(x: Any, running_mean: Any, running_var: Any, weight: Any, bias: Any, training: bool = False,
               momentum: float = 0.1, eps: float = 1e-5) -> tuple[np.ndarray, ...]:  # fmt: skip
    """(N, C, H, W) and four (C,) -> the result, and the running mean and variance afterwards"""
    mean, var = Tensor(running_mean), Tensor(running_var)
    y = F.batch_norm(Tensor(x), mean, var, Tensor(weight), Tensor(bias), training, momentum, eps)
    return y.numpy(), mean.numpy(), var.numpy()


def batch_norm_backward(grad_output: Any, x: Any, weight: Any, bias: Any, eps: float = 1e-5) -> tuple[Any, ...]:
    """The gradients of ⟨batch_norm(x) in training, grad_output⟩ with respect to x, weight and bias"""
    leaves = [_leaf(a) for a in (x, weight, bias)]
    y = F.batch_norm(leaves[0], None, None, leaves[1], leaves[2], True, eps=eps)
    return tuple(g.numpy() for g in grad(y, leaves, Tensor(grad_output)))


def confusion_matrix(batches: Sequence[tuple[Any, Any]], num_classes: int) -> np.ndarray:
    """(C, C) counts over batches of (prediction, target): [i, j] = pixels of truth i predicted as j; 255 is void"""
    return _counted(batches, num_classes).hist


def segmentation_metrics(batches: Sequence[tuple[Any, Any]], num_classes: int) -> dict[str, float]:
    """pixel_accuracy, mean_accuracy, mean_iu and frequency_weighted_iu over batches of (prediction, target)"""
    matrix = _counted(batches, num_classes)
    names = "pixel_accuracy", "mean_accuracy", "mean_iu", "frequency_weighted_iu"
    return {name: getattr(matrix, name)() for name in names}


def boundary_iu(prediction: Any, target: Any, num_classes: int, distance: int) -> np.ndarray:
    """(H, W) labels, 255 is void -> (C,), the IU of the bands within `distance` of each class's contours"""
    return metrics.boundary_iu(prediction, target, num_classes, distance)


def coarsened(label: Any, stride: int, phase: Pair = (0, 0)) -> Any:
    """(H, W) labels -> (H, W), each block of stride x stride pixels with its most frequent label; 255 is void"""
    return metrics.coarsened(label, stride, phase)


def upper_bound(label: Any, stride: int, phase: Pair = (0, 0)) -> float:
    """The mean IU of coarsened(label, stride, phase) as a prediction of label"""
    return metrics.upper_bound(label, stride, phase)


def _counted(batches: Sequence[tuple[Any, Any]], num_classes: int) -> ConfusionMatrix:
    matrix = ConfusionMatrix(num_classes)
    for prediction, target in batches:
        matrix.update(prediction, target)
    return matrix


# --- autograd and optimisers ------------------------------------------------------------------------------------------


def backward(functions: Sequence[Callable[..., Any]], arrays: Sequence[Any]) -> list[np.ndarray]:
    """What is left in `.grad` of each array after every function ran forward and backward on the same leaves.

    A function takes one variable per array, uses Python's operators and `.sum()`, and gives a single number.
    """
    leaves = [_leaf(a) for a in arrays]
    for function in functions:
        function(*leaves).backward()
    return [np.zeros(x.shape) if x.grad is None else x.grad.numpy() for x in leaves]


def hessian_vector(function: Callable[..., Any], x: Any, direction: Any) -> np.ndarray:
    """The gradient of ⟨∇function(x), direction⟩: the second derivatives times `direction`"""
    leaf = _leaf(x)
    (first,) = grad(function(leaf), leaf, create_graph=True)
    return grad((first * Tensor(direction)).sum(), leaf)[0].numpy()


def sgd(weight: Any, gradients: Sequence[Any], lr: float, momentum: float = 0.0, dampening: float = 0.0,
         weight_decay: float = 0.0, nesterov: bool = False) -> list[np.ndarray]:  # fmt: skip
    """The weight after each step, given the gradient of each step"""
    parameter = Parameter(weight)
    return _steps(SGD([parameter], lr, momentum, dampening, weight_decay, nesterov), parameter, gradients)


def adam(weight: Any, gradients: Sequence[Any], lr: float, betas: tuple[float, float] = (0.9, 0.999),
          eps: float = 1e-8, weight_decay: float = 0.0) -> list[np.ndarray]:  # fmt: skip
    """The weight after each step, given the gradient of each step"""
    parameter = Parameter(weight)
    return _steps(Adam([parameter], lr, betas, eps, weight_decay), parameter, gradients)


def rmsprop(weight: Any, gradients: Sequence[Any], lr: float, alpha: float = 0.99, eps: float = 1e-8,
            weight_decay: float = 0.0, momentum: float = 0.0, centered: bool = False) -> list[np.ndarray]:  # fmt: skip
    """The weight after each step, given the gradient of each step"""
    parameter = Parameter(weight)
    return _steps(RMSprop([parameter], lr, alpha, eps, weight_decay, momentum, centered), parameter, gradients)


def _steps(optimizer: Any, parameter: Any, gradients: Sequence[Any]) -> list[np.ndarray]:
    path = []
    for gradient in gradients:
        parameter.grad = Tensor(gradient)
        optimizer.step()
        path.append(parameter.detach().numpy().copy())
    return path


def _leaf(array: Any) -> Any:
    return Tensor(array, requires_grad=True)


def _optional(array: Any) -> Any:
    return None if array is None else Tensor(array)
