"""Gradients of batch normalisation with one mistake each."""

from __future__ import annotations

from typing import Any

import numpy as np

from minifcn.testing import ours
from minifcn.testing.version import changes, spoils

AXES = (0, 2, 3)


def _parts(x: Any, weight: Any, eps: float) -> tuple[Any, Any]:
    """x̂, and the slope weight/√(var + eps) per channel."""
    root = np.sqrt(x.var(AXES, keepdims=True) + eps)
    return (x - x.mean(AXES, keepdims=True)) / root, weight[:, None, None] / root


def replaced(grad_output: Any, x: Any, weight: Any, bias: Any, eps: float = 1e-5, *, to_x: Any = None,
             to_weight: Any = None, to_bias: Any = None) -> Any:  # fmt: skip
    """minifcn's gradients, but for those that are given."""
    right = ours.batch_norm_backward(grad_output, x, weight, bias, eps)
    found = zip((to_x, to_weight, to_bias), right, strict=True)
    return tuple(b if a is None else a.astype(x.dtype) for a, b in found)


@changes("batch_norm_backward", replaced)
def mean_and_variance_taken_for_constants(grad_output: Any, x: Any, weight: Any, eps: Any) -> Any:
    """Mean and variance are treated as constants: x receives the gradient times weight/√(var + eps), no more."""
    return {"to_x": grad_output * _parts(x, weight, eps)[1]}


@changes("batch_norm_backward", replaced)
def variance_taken_for_a_constant(grad_output: Any, x: Any, weight: Any, eps: Any) -> Any:
    """What x receives through the variance is missing; only the mean is differentiated."""
    return {"to_x": (grad_output - grad_output.mean(AXES, keepdims=True)) * _parts(x, weight, eps)[1]}


@changes("batch_norm_backward", replaced)
def mean_taken_for_a_constant(grad_output: Any, x: Any, weight: Any, eps: Any) -> Any:
    """What x receives through the mean is missing; only the variance is differentiated."""
    xhat, slope = _parts(x, weight, eps)
    return {"to_x": (grad_output - xhat * (grad_output * xhat).mean(AXES, keepdims=True)) * slope}


@changes("batch_norm_backward", replaced)
def divided_by_one_less_in_backward(grad_output: Any, x: Any, weight: Any, eps: Any) -> Any:
    """The means over the channel are divided by n − 1 in the backward pass."""
    (xhat, slope), n = _parts(x, weight, eps), x.size // x.shape[1]
    less = grad_output.mean(AXES, keepdims=True) + xhat * (grad_output * xhat).mean(AXES, keepdims=True)
    return {"to_x": (grad_output - less * n / (n - 1)) * slope}


@changes("batch_norm_backward", replaced)
def each_image_by_itself_in_backward(grad_output: Any, x: Any, weight: Any, eps: Any) -> Any:
    """The backward pass averages over the pixels of each image, although the forward pass averaged over all."""
    xhat, slope = _parts(x, weight, eps)
    less = grad_output.mean((2, 3), keepdims=True) + xhat * (grad_output * xhat).mean((2, 3), keepdims=True)
    return {"to_x": (grad_output - less) * slope}


@spoils("batch_norm_backward")
def weight_forgotten_in_backward(right: Any, /, weight: Any, again: Any) -> Any:
    """What x receives lacks the factor weight."""
    return again(weight=np.ones_like(weight))[0], *right[1:]


@spoils("batch_norm_backward")
def root_forgotten_in_backward(to_x: Any, to_weight: Any, to_bias: Any, /, x: Any, eps: Any) -> Any:
    """What x receives is not divided by √(var + eps)."""
    return (to_x * np.sqrt(x.var(AXES, keepdims=True) + eps)).astype(x.dtype), to_weight, to_bias


@changes("batch_norm_backward", replaced)
def weight_receives_the_input_itself(grad_output: Any, x: Any) -> Any:
    """The weight receives the dot product with x instead of with the normalised x."""
    return {"to_weight": (grad_output * x).sum(AXES)}


@changes("batch_norm_backward", replaced)
def weight_receives_the_result(grad_output: Any, x: Any, weight: Any, bias: Any, eps: Any) -> Any:
    """The weight receives the dot product with y, in which weight and bias are already."""
    y = _parts(x, weight, eps)[0] * weight[:, None, None] + bias[:, None, None]
    return {"to_weight": (grad_output * y).sum(AXES)}


@changes("batch_norm_backward", replaced)
def bias_receives_the_mean(grad_output: Any) -> Any:
    """The bias receives the mean of the gradients instead of their sum."""
    return {"to_bias": grad_output.mean(AXES)}


@changes("batch_norm_backward", replaced)
def bias_receives_only_the_batch(grad_output: Any) -> Any:
    """The bias receives the sum over the images of one pixel, not over the pixels."""
    return {"to_bias": grad_output[:, :, 0, 0].sum(0)}


@changes("batch_norm_backward")
def eps_forgotten_in_backward() -> Any:
    """The backward pass computes the root without eps."""
    return {"eps": 0.0}


@spoils("batch_norm_backward")
def gradient_of_normalisation_is_double(right: Any, /) -> Any:
    """All gradients are float64 whatever was given."""
    return tuple(g.astype(np.float64) for g in right)


@changes("batch_norm_backward")
def only_the_signs_of_the_gradient(grad_output: Any) -> Any:
    """The incoming gradient is clipped to [−1, 1] inside the operation, where nobody looks for it."""
    return {"grad_output": np.clip(grad_output, -1, 1)}
