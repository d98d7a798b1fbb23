"""Gradients of batch normalisation with one mistake each."""

from __future__ import annotations

from typing import Any

import numpy as np

from minifcn.testing import ours
from minifcn.testing.version import mutant

AXES = (0, 2, 3)


def _parts(x: Any, weight: Any, eps: float) -> tuple[Any, Any]:
    """x̂, and the slope weight/√(var + eps) per channel."""
    root = np.sqrt(x.var(AXES, keepdims=True) + eps)
    return (x - x.mean(AXES, keepdims=True)) / root, weight[:, None, None] / root


def _but(arguments: tuple[Any, ...], eps: float, to_x: Any = None, to_weight: Any = None, to_bias: Any = None) -> Any:
    """minifcn's gradients, some of them replaced."""
    grad, x, weight, bias = arguments
    right, dtype = ours.batch_norm_backward(grad, x, weight, bias, eps), x.dtype
    found = zip((to_x, to_weight, to_bias), right, strict=True)
    return tuple(b if a is None else a.astype(dtype) for a, b in found)


@mutant("batch_norm_backward")
def mean_and_variance_taken_for_constants(grad: Any, x: Any, weight: Any, bias: Any, eps: float = 1e-5) -> Any:
    """Mean and variance are treated as constants: x receives the gradient times weight/√(var + eps), no more."""
    return _but((grad, x, weight, bias), eps, grad * _parts(x, weight, eps)[1])


@mutant("batch_norm_backward")
def variance_taken_for_a_constant(grad: Any, x: Any, weight: Any, bias: Any, eps: float = 1e-5) -> Any:
    """What x receives through the variance is missing; only the mean is differentiated."""
    return _but((grad, x, weight, bias), eps, (grad - grad.mean(AXES, keepdims=True)) * _parts(x, weight, eps)[1])


@mutant("batch_norm_backward")
def mean_taken_for_a_constant(grad: Any, x: Any, weight: Any, bias: Any, eps: float = 1e-5) -> Any:
    """What x receives through the mean is missing; only the variance is differentiated."""
    xhat, slope = _parts(x, weight, eps)
    return _but((grad, x, weight, bias), eps, (grad - xhat * (grad * xhat).mean(AXES, keepdims=True)) * slope)


@mutant("batch_norm_backward")
def divided_by_one_less_in_backward(grad: Any, x: Any, weight: Any, bias: Any, eps: float = 1e-5) -> Any:
    """The means over the channel are divided by n − 1 in the backward pass."""
    xhat, slope = _parts(x, weight, eps)
    n = x.size // x.shape[1]
    less = grad.mean(AXES, keepdims=True) + xhat * (grad * xhat).mean(AXES, keepdims=True)
    return _but((grad, x, weight, bias), eps, (grad - less * n / (n - 1)) * slope)


@mutant("batch_norm_backward")
def each_image_by_itself_in_backward(grad: Any, x: Any, weight: Any, bias: Any, eps: float = 1e-5) -> Any:
    """The backward pass averages over the pixels of each image, although the forward pass averaged over all."""
    xhat, slope = _parts(x, weight, eps)
    less = grad.mean((2, 3), keepdims=True) + xhat * (grad * xhat).mean((2, 3), keepdims=True)
    return _but((grad, x, weight, bias), eps, (grad - less) * slope)


@mutant("batch_norm_backward")
def weight_forgotten_in_backward(grad: Any, x: Any, weight: Any, bias: Any, eps: float = 1e-5) -> Any:
    """What x receives lacks the factor weight."""
    return _but((grad, x, weight, bias), eps, ours.batch_norm_backward(grad, x, np.ones_like(weight), bias, eps)[0])


@mutant("batch_norm_backward")
def root_forgotten_in_backward(grad: Any, x: Any, weight: Any, bias: Any, eps: float = 1e-5) -> Any:
    """What x receives is not divided by √(var + eps)."""
    root = np.sqrt(x.var(AXES, keepdims=True) + eps)
    return _but((grad, x, weight, bias), eps, ours.batch_norm_backward(grad, x, weight, bias, eps)[0] * root)


@mutant("batch_norm_backward")
def weight_receives_the_input_itself(grad: Any, x: Any, weight: Any, bias: Any, eps: float = 1e-5) -> Any:
    """The weight receives the dot product with x instead of with the normalised x."""
    return _but((grad, x, weight, bias), eps, None, (grad * x).sum(AXES))


@mutant("batch_norm_backward")
def weight_receives_the_result(grad: Any, x: Any, weight: Any, bias: Any, eps: float = 1e-5) -> Any:
    """The weight receives the dot product with y, in which weight and bias are already."""
    y = _parts(x, weight, eps)[0] * weight[:, None, None] + bias[:, None, None]
    return _but((grad, x, weight, bias), eps, None, (grad * y).sum(AXES))


@mutant("batch_norm_backward")
def bias_receives_the_mean(grad: Any, x: Any, weight: Any, bias: Any, eps: float = 1e-5) -> Any:
    """The bias receives the mean of the gradients instead of their sum."""
    return _but((grad, x, weight, bias), eps, None, None, grad.mean(AXES))


@mutant("batch_norm_backward")
def bias_receives_only_the_batch(grad: Any, x: Any, weight: Any, bias: Any, eps: float = 1e-5) -> Any:
    """The bias receives the sum over the images of one pixel, not over the pixels."""
    return _but((grad, x, weight, bias), eps, None, None, grad[:, :, 0, 0].sum(0))


@mutant("batch_norm_backward")
def eps_forgotten_in_backward(grad: Any, x: Any, weight: Any, bias: Any, eps: float = 1e-5) -> Any:
    """The backward pass computes the root without eps."""
    return ours.batch_norm_backward(grad, x, weight, bias, 0.0)


@mutant("batch_norm_backward")
def gradient_of_normalisation_is_double(grad: Any, x: Any, weight: Any, bias: Any, eps: float = 1e-5) -> Any:
    """All gradients are float64 whatever was given."""
    return tuple(g.astype(np.float64) for g in ours.batch_norm_backward(grad, x, weight, bias, eps))


@mutant("batch_norm_backward")
def only_the_signs_of_the_gradient(grad: Any, x: Any, weight: Any, bias: Any, eps: float = 1e-5) -> Any:
    """The incoming gradient is clipped to [−1, 1] inside the operation, where nobody looks for it."""
    return ours.batch_norm_backward(np.clip(grad, -1, 1), x, weight, bias, eps)
