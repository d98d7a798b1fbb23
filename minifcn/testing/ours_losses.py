"""The younger losses and normalisations as functions of NumPy arrays; `ours.py` says how, and shows all operations."""

from __future__ import annotations

from typing import Any

from minifcn import functional as F
from minifcn.autograd import grad
from minifcn.tensor import Tensor

Gradients = tuple[Any, ...]


def nll_loss(x: Any, target: Any, weight: Any = None, ignore_index: int = 255, reduction: str = "mean") -> Any:
    """(N, C, H, W) logarithms, (N, H, W) labels, (C,) -> the weighted mean, the sum, or with "none" (N, H, W)"""
    return _value(F.nll_loss(Tensor(x), target, _tensor(weight), ignore_index=ignore_index, reduction=reduction))


def nll_loss_backward(x: Any, target: Any, weight: Any = None, ignore_index: int = 255) -> Any:
    """The gradient of the mean with respect to x"""
    leaf = Tensor(x, requires_grad=True)
    return _gradient(F.nll_loss(leaf, target, _tensor(weight), ignore_index=ignore_index), leaf)


def dice_loss(x: Any, target: Any, ignore_index: int = 255, smooth: float = 1.0) -> float:
    """(N, C, H, W) scores, (N, H, W) labels -> 1 − (2·Σ p·g + smooth) / (Σ p² + Σ g² + smooth), mean over classes"""
    return float(F.dice_loss(Tensor(x), target, ignore_index=ignore_index, smooth=smooth).item())


def dice_loss_backward(x: Any, target: Any, ignore_index: int = 255, smooth: float = 1.0) -> Any:
    """The gradient of dice_loss with respect to x"""
    leaf = Tensor(x, requires_grad=True)
    return _gradient(F.dice_loss(leaf, target, ignore_index=ignore_index, smooth=smooth), leaf)


def mse_loss(x: Any, target: Any) -> float:
    """Two arrays of one shape -> the mean of (x − target)²"""
    return float(F.mse_loss(Tensor(x), Tensor(target)).item())


def mse_loss_backward(x: Any, target: Any) -> Any:
    """The gradient of mse_loss with respect to x"""
    leaf = Tensor(x, requires_grad=True)
    return _gradient(F.mse_loss(leaf, Tensor(target)), leaf)


def l1_loss(x: Any, target: Any) -> float:
    """Two arrays of one shape -> the mean of |x − target|"""
    return float(F.l1_loss(Tensor(x), Tensor(target)).item())


def l1_loss_backward(x: Any, target: Any) -> Any:
    """The gradient of l1_loss with respect to x; 0 where both are equal"""
    leaf = Tensor(x, requires_grad=True)
    return _gradient(F.l1_loss(leaf, Tensor(target)), leaf)


def binary_cross_entropy_with_logits(x: Any, target: Any, weight: Any = None, pos_weight: Any = None) -> float:
    """Scores and probabilities of one shape, factors that broadcast to it -> the mean over all elements"""
    factors: Any = {"weight": _tensor(weight), "pos_weight": _tensor(pos_weight)}
    return float(F.binary_cross_entropy_with_logits(Tensor(x), Tensor(target), **factors).item())


def binary_cross_entropy_with_logits_backward(x: Any, target: Any, weight: Any = None, pos_weight: Any = None) -> Any:
    """The gradient of binary_cross_entropy_with_logits with respect to x"""
    leaf = Tensor(x, requires_grad=True)
    factors: Any = {"weight": _tensor(weight), "pos_weight": _tensor(pos_weight)}
    return _gradient(F.binary_cross_entropy_with_logits(leaf, Tensor(target), **factors), leaf)


def group_norm(x: Any, num_groups: int, weight: Any = None, bias: Any = None, eps: float = 1e-5) -> Any:
    """(N, C, H, W) and two (C,) -> (N, C, H, W)"""
    return F.group_norm(Tensor(x), num_groups, _tensor(weight), _tensor(bias), eps).numpy()


def group_norm_backward(grad_output: Any, x: Any, num_groups: int, weight: Any, bias: Any,
                        eps: float = 1e-5) -> Gradients:  # fmt: skip
    """The gradients of ⟨group_norm(x), grad_output⟩ with respect to x, weight and bias"""
    return _normalised_backward(F.group_norm, grad_output, x, num_groups, weight, bias, eps)


def layer_norm(x: Any, normalized_shape: Any, weight: Any = None, bias: Any = None, eps: float = 1e-5) -> Any:
    """(..., *normalized_shape) and two of normalized_shape -> the shape of x"""
    return F.layer_norm(Tensor(x), normalized_shape, _tensor(weight), _tensor(bias), eps).numpy()


def layer_norm_backward(grad_output: Any, x: Any, normalized_shape: Any, weight: Any, bias: Any,
                        eps: float = 1e-5) -> Gradients:  # fmt: skip
    """The gradients of ⟨layer_norm(x), grad_output⟩ with respect to x, weight and bias"""
    return _normalised_backward(F.layer_norm, grad_output, x, normalized_shape, weight, bias, eps)


def _normalised_backward(
    norm: Any, grad_output: Any, x: Any, rows: Any, weight: Any, bias: Any, eps: float
) -> Gradients:
    """What x, weight and bias receive; rows: by which the normalisation knows what it averages over."""
    leaves = [Tensor(array, requires_grad=True) for array in (x, weight, bias)]
    y = norm(leaves[0], rows, leaves[1], leaves[2], eps)
    return tuple(g.numpy() for g in grad(y, leaves, Tensor(grad_output)))


def _tensor(array: Any) -> Any:
    return None if array is None else Tensor(array)


def _value(loss: Tensor) -> Any:
    return loss.numpy() if loss.ndim else loss.item()


def _gradient(loss: Tensor, leaf: Tensor) -> Any:
    return grad(loss, leaf)[0].numpy()
