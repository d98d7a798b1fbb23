"""minifcn's operations as functions of NumPy arrays: what every other implementation is compared with, and joined to.

The arguments have PyTorch's names and order. Each function goes the way a user goes, through the public operations and
through autograd where a gradient is asked for. `Operations` gathers them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from minifcn import functional as F
from minifcn.arrays import resampling
from minifcn.autograd import grad
from minifcn.geometry import CoordinateMap, Geometry, ReceptiveField, coordinates
from minifcn.metrics import ConfusionMatrix
from minifcn.models.alignment import Alignment
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

Pair = tuple[int, int]


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
    x = _leaf(np.zeros(input_size, weight.dtype))
    y = F.conv2d(x, Tensor(weight), None, stride, padding, dilation, groups)
    return grad(y, x, Tensor(grad_output))[0].numpy()


def conv2d_weight(x: Any, weight_size: Any, grad_output: Any, stride: Any = 1, padding: Any = 0, dilation: Any = 1,
                  groups: int = 1) -> np.ndarray:  # fmt: skip
    """What conv2d's weight receives: the gradient of ⟨conv2d(x, weight), grad_output⟩ with respect to weight."""
    weight = _leaf(np.zeros(weight_size, x.dtype))
    y = F.conv2d(Tensor(x), weight, None, stride, padding, dilation, groups)
    return grad(y, weight, Tensor(grad_output))[0].numpy()


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
                       groups: int = 1) -> np.ndarray:  # fmt: skip
    """(O·OH·OW, C·H·W) with C @ x.ravel() = conv2d(x).ravel() for one image."""
    return F.convolution_matrix(weight, input_size, stride, padding, dilation, groups)


# --- sizes and places -------------------------------------------------------------------------------------------------


def conv_output_size(size: Any, kernel_size: Any, stride: Any = 1, padding: Any = 0, dilation: Any = 1) -> Pair:
    """(H, W) -> (OH, OW) of conv2d"""
    return Geometry.of_convolution(size, kernel_size, stride, padding, dilation).output_size


def conv_transpose_output_size(size: Any, kernel_size: Any, stride: Any = 1, padding: Any = 0, output_padding: Any = 0,
                               dilation: Any = 1) -> Pair:  # fmt: skip
    """(H, W) -> size of conv_transpose2d's result"""
    geometry = Geometry.of_transposed_convolution(size, kernel_size, stride, padding, output_padding, 1, dilation)
    return geometry.input_size


def pool_output_size(size: Any, kernel_size: Any, stride: Any = None, padding: Any = 0, dilation: Any = 1,
                     ceil_mode: bool = False) -> Pair:  # fmt: skip
    """(H, W) -> (OH, OW) of a pooling"""
    return Geometry.of_pooling(size, kernel_size, stride, padding, dilation, ceil_mode).output_size


def receptive_field(layers: Sequence[tuple[int, int]]) -> int:
    """Pixels of the image that one feature sees, along one axis. layers: (kernel_size, stride) from the image on."""
    field = ReceptiveField()
    for kernel_size, stride in layers:
        field = field.then(kernel_size, stride)
    return field.size


def crop_offset(layers: Sequence[tuple[str, int, int, int]]) -> int:
    """Rows to drop from the last map so that it lies over the image. layers: ("down" | "up", kernel, stride, padding).

    "down" is a convolution or a pooling, "up" a transposed convolution; all together lead back to the image's scale.
    """
    steps = {"down": CoordinateMap.of_convolution, "up": CoordinateMap.of_transposed_convolution}
    whole = CoordinateMap()
    for kind, kernel, stride, padding in layers:
        whole = whole.then(steps[kind](kernel, stride, padding))
    return coordinates.crop_offset(whole, CoordinateMap())


def crop(x: Any, size: Pair, offset: Pair = (0, 0)) -> np.ndarray:
    """(N, C, H, W) -> (N, C, *size), beginning at row offset[0], column offset[1]"""
    return F.crop(Tensor(x), size, offset).numpy()


def pad(x: Any, padding: tuple[int, int, int, int]) -> np.ndarray:
    """Zeros around (N, C, H, W): padding = (left, right, top, bottom), PyTorch's order."""
    return F.pad(Tensor(x), padding).numpy()


def fuse(score: Any, skip: Any, score_offset: int = 0, skip_offset: int = 0) -> np.ndarray:
    """FCN's skip fusion: both maps cropped to what they share, beginning at their offsets, and added."""
    score, skip = Alignment(score_offset, skip_offset)(Tensor(score), Tensor(skip))
    return (score + skip).numpy()


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
