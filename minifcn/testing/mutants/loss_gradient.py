"""Gradients of cross entropy with one mistake each."""

from __future__ import annotations

from typing import Any

import numpy as np

from minifcn.testing import ours
from minifcn.testing.version import mutant


def _divisor(x: Any, target: Any, weight: Any, ignore_index: int) -> float:
    """The sum of the weights of the pixels that count; 1 if there are none."""
    counted = target != ignore_index
    factors = np.ones(x.shape[1]) if weight is None else weight
    return float(factors[np.where(counted, target, 0).astype(int)][counted].sum()) or 1.0


@mutant("cross_entropy_backward")
def gradient_not_divided(x: Any, target: Any, weight: Any = None, ignore_index: int = 255) -> Any:
    """The division of the mean is forgotten: the gradient is that of the sum."""
    right = ours.cross_entropy_backward(x, target, weight, ignore_index)
    return (right * _divisor(x, target, weight, ignore_index)).astype(x.dtype)


@mutant("cross_entropy_backward")
def gradient_divided_by_all_pixels(x: Any, target: Any, weight: Any = None, ignore_index: int = 255) -> Any:
    """The gradient is divided by the number of all pixels, void ones included."""
    right = ours.cross_entropy_backward(x, target, weight, ignore_index)
    return (right * _divisor(x, target, weight, ignore_index) / target.size).astype(x.dtype)


@mutant("cross_entropy_backward")
def gradient_divided_by_the_images(x: Any, target: Any, weight: Any = None, ignore_index: int = 255) -> Any:
    """The gradient is divided by the number of images instead of pixels."""
    right = ours.cross_entropy_backward(x, target, weight, ignore_index)
    return (right * _divisor(x, target, weight, ignore_index) / len(x)).astype(x.dtype)


@mutant("cross_entropy_backward")
def void_receives_its_softmax(x: Any, target: Any, weight: Any = None, ignore_index: int = 255) -> Any:
    """At void pixels only the one-hot part is zero: they receive their probabilities and drift to uniform scores."""
    right = ours.cross_entropy_backward(x, target, weight, ignore_index)
    finite = np.where(np.isfinite(x), x, 0)
    powers = np.exp(finite - finite.max(1, keepdims=True))
    p = powers / powers.sum(1, keepdims=True) / _divisor(x, target, weight, ignore_index)
    return np.where((target == ignore_index)[:, None], p, right).astype(x.dtype)


@mutant("cross_entropy_backward")
def void_gradient_multiplied_by_zero(x: Any, target: Any, weight: Any = None, ignore_index: int = 255) -> Any:
    """The gradient of a void pixel is computed and multiplied by 0; but 0 · NaN is NaN."""
    right = ours.cross_entropy_backward(x, target, weight, ignore_index)
    return right + np.where((target == ignore_index)[:, None], 0 * x, 0)


@mutant("cross_entropy_backward")
def onehot_forgotten(x: Any, target: Any, weight: Any = None, ignore_index: int = 255) -> Any:
    """The gradient is the softmax alone: every score is pushed down, the one of the truth as well."""
    right = ours.cross_entropy_backward(x, target, weight, ignore_index)
    counted = target != ignore_index
    factors = np.ones(x.shape[1]) if weight is None else weight
    labels = np.where(counted, target, 0)
    onehot = labels[:, None] == np.arange(x.shape[1])[:, None, None]
    each = np.where(counted, factors[labels], 0) / _divisor(x, target, weight, ignore_index)
    return (right + onehot * each[:, None]).astype(x.dtype)


@mutant("cross_entropy_backward")
def gradient_uphill(x: Any, target: Any, weight: Any = None, ignore_index: int = 255) -> Any:
    """The difference is taken the other way round, onehot − softmax: training makes the loss larger."""
    return -ours.cross_entropy_backward(x, target, weight, ignore_index)


@mutant("cross_entropy_backward")
def gradient_without_weights(x: Any, target: Any, weight: Any = None, ignore_index: int = 255) -> Any:
    """The weights of the classes are in the loss but not in its gradient."""
    ours.cross_entropy_backward(x, target, weight, ignore_index)
    return ours.cross_entropy_backward(x, target, None, ignore_index)


@mutant("cross_entropy_backward")
def weights_on_the_scores_classes(x: Any, target: Any, weight: Any = None, ignore_index: int = 255) -> Any:
    """weight[c] multiplies the gradient of class c's score, instead of weight[t] that of the whole pixel."""
    ours.cross_entropy_backward(x, target, weight, ignore_index)
    plain = ours.cross_entropy_backward(x, target, None, ignore_index)
    scale = max((target != ignore_index).sum(), 1) / _divisor(x, target, weight, ignore_index)
    return plain if weight is None else (plain * scale * weight[:, None, None]).astype(x.dtype)


@mutant("cross_entropy_backward")
def weights_not_in_the_gradients_denominator(x: Any, target: Any, weight: Any = None, ignore_index: int = 255) -> Any:
    """The gradient is divided by the number of pixels that count, not by the sum of their weights."""
    right = ours.cross_entropy_backward(x, target, weight, ignore_index)
    each = _divisor(x, target, weight, ignore_index) / max((target != ignore_index).sum(), 1)
    return (right * each).astype(x.dtype)


@mutant("cross_entropy_backward")
def gradient_of_the_next_class(x: Any, target: Any, weight: Any = None, ignore_index: int = 255) -> Any:
    """The one-hot vector is off by one class."""
    ours.cross_entropy_backward(x, target, weight, ignore_index)
    labels = (target.astype(int) + 1) % x.shape[1]
    return ours.cross_entropy_backward(x, np.where(target == ignore_index, 999, labels), weight, 999)


@mutant("cross_entropy_backward")
def gradient_of_all_void_is_nan(x: Any, target: Any, weight: Any = None, ignore_index: int = 255) -> Any:
    """With nothing but void pixels the gradient is 0/0: one such image fills all weights with NaN."""
    right = ours.cross_entropy_backward(x, target, weight, ignore_index)
    return right / (target != ignore_index).any().astype(x.dtype)


@mutant("cross_entropy_backward")
def softmax_overflows_in_backward(x: Any, target: Any, weight: Any = None, ignore_index: int = 255) -> Any:
    """The forward pass subtracts the largest score, the backward pass does not: ∞/∞ is NaN."""
    right = ours.cross_entropy_backward(x, target, weight, ignore_index)
    powers = np.exp(np.where((target == ignore_index)[:, None], 0, x))
    return np.where(np.isfinite(powers).all(1, keepdims=True), right, np.nan).astype(x.dtype)


@mutant("cross_entropy_backward")
def unknown_labels_receive_nothing(x: Any, target: Any, weight: Any = None, ignore_index: int = 255) -> Any:
    """A label beyond the classes is taken for void without a word."""
    known = (target >= 0) & (target < x.shape[1])
    return ours.cross_entropy_backward(x, np.where(known, target, ignore_index), weight, ignore_index)


@mutant("cross_entropy_backward")
def gradient_in_double_precision(x: Any, target: Any, weight: Any = None, ignore_index: int = 255) -> Any:
    """The gradient is float64 whatever the scores are."""
    return ours.cross_entropy_backward(x, target, weight, ignore_index).astype(np.float64)
