"""The younger losses and their gradients computed in other ways than minifcn does."""

from __future__ import annotations

from math import fsum
from typing import Any

import numpy as np

from minifcn.testing.variants.loss import checked, factors_of
from minifcn.testing.version import variant


@variant("nll_loss")
def label_by_label(x: Any, target: Any, weight: Any = None, ignore_index: int = 255, reduction: str = "mean") -> Any:
    """One pixel after the other, with Python's own sums."""
    factors, losses, weights = factors_of(x, weight), np.zeros(target.shape), []
    for n, i, j in zip(*np.nonzero(checked(x, target, ignore_index)), strict=True):
        label = int(target[n, i, j])
        losses[n, i, j] = -factors[label] * float(x[n, label, i, j])
        weights.append(factors[label])
    total = fsum(losses.ravel())
    return losses if reduction == "none" else total if reduction == "sum" else total / (fsum(weights) or 1)


@variant("nll_loss_backward")
def rows_of_the_identity(x: Any, target: Any, weight: Any = None, ignore_index: int = 255) -> Any:
    """Rows of −diag(weight), one for each pixel that counts."""
    counted = checked(x, target, ignore_index)
    labels, factors = target[counted].astype(int), factors_of(x, weight)
    gradient = np.zeros_like(np.moveaxis(x, 1, -1), order="C")
    gradient[counted] = -np.diag(factors)[labels] / (factors[labels].sum() or 1)
    return np.moveaxis(gradient, -1, 1)


def _crowd(x: Any, target: Any, ignore_index: int) -> tuple[Any, Any, Any]:
    """Where pixels count, and of those that do p and g: (n, C)."""
    counted = checked(x, target, ignore_index)
    rows, labels = np.moveaxis(x, 1, -1)[counted].astype(float), target[counted].astype(int)
    p = np.exp(rows - np.logaddexp.reduce(rows, axis=1)[:, None])
    return counted, p, np.eye(x.shape[1])[labels]


@variant("dice_loss")
def by_distances(x: Any, target: Any, ignore_index: int = 255, smooth: float = 1.0) -> float:
    """As the squared distance of p and g: 2·p·g = p² + g² − (p − g)², so that 1 less the coefficient is its share."""
    _, p, g = _crowd(x, target, ignore_index)
    return float(np.mean(((p - g) ** 2).sum(0) / ((p * p).sum(0) + g.sum(0) + smooth)))


@variant("dice_loss_backward")
def by_the_rule_of_quotients(x: Any, target: Any, ignore_index: int = 255, smooth: float = 1.0) -> Any:
    """The quotient rule for p, then the derivative of the softmax."""
    counted, p, g = _crowd(x, target, ignore_index)
    above, below = 2 * (p * g).sum(0) + smooth, (p * p).sum(0) + g.sum(0) + smooth
    to_p = -(2 * g * below - above * 2 * p) / below**2 / x.shape[1]
    gradient = np.zeros_like(np.moveaxis(x, 1, -1), order="C")
    gradient[counted] = p * (to_p - (p * to_p).sum(1, keepdims=True))
    return np.moveaxis(gradient, -1, 1)


@variant("mse_loss")
def length_of_the_difference(x: Any, target: Any) -> float:
    """The squared length of a vector over its dimension."""
    return float(np.linalg.norm((x - target).ravel()) ** 2 / x.size)


@variant("mse_loss_backward")
def difference_of_both_halves(x: Any, target: Any) -> Any:
    """From the square written out: 2·x/n − 2·t/n."""
    return (2 * x / x.size - 2 * target / x.size).astype(x.dtype)


@variant("l1_loss")
def larger_less_smaller(x: Any, target: Any) -> float:
    """The larger of the two less the smaller."""
    return fsum((np.maximum(x, target) - np.minimum(x, target)).ravel()) / x.size


@variant("l1_loss_backward")
def above_less_below(x: Any, target: Any) -> Any:
    """One where x lies above, less one where it lies below."""
    return ((1.0 * (x > target) - (x < target)) / x.size).astype(x.dtype)


@variant("binary_cross_entropy_with_logits")
def of_two_classes(x: Any, target: Any, weight: Any = None, pos_weight: Any = None) -> float:
    """A softmax over the scores x and 0, element by element."""
    if x.shape != target.shape:
        raise ValueError("The shapes differ.")
    level = np.logaddexp(x, 0)
    each = (1.0 if pos_weight is None else pos_weight) * target * (level - x) + (1 - target) * level
    return float((each * (1.0 if weight is None else weight)).mean())


@variant("binary_cross_entropy_with_logits_backward")
def by_the_hyperbolic_tangent(x: Any, target: Any, weight: Any = None, pos_weight: Any = None) -> Any:
    """σ(x) as (1 + tanh(x/2)) / 2, and both parts apart."""
    p, yes = 0.5 + 0.5 * np.tanh(x / 2), (1.0 if pos_weight is None else pos_weight) * target
    return (((1 - target) * p - yes * (1 - p)) * (1.0 if weight is None else weight) / x.size).astype(x.dtype)
