"""Gradients of cross entropy with one mistake each."""

from __future__ import annotations

from typing import Any

import numpy as np

from minifcn.testing.version import changes, spoils


def _divisor(x: Any, target: Any, weight: Any, ignore_index: int) -> float:
    """The sum of the weights of the pixels that count; 1 if there are none."""
    counted = target != ignore_index
    factors = np.ones(x.shape[1]) if weight is None else weight
    return float(factors[np.where(counted, target, 0).astype(int)][counted].sum()) or 1.0


@spoils("cross_entropy_backward")
def gradient_not_divided(right: Any, /, x: Any, target: Any, weight: Any, ignore_index: Any) -> Any:
    """The division of the mean is forgotten: the gradient is that of the sum."""
    return (right * _divisor(x, target, weight, ignore_index)).astype(x.dtype)


@spoils("cross_entropy_backward")
def gradient_divided_by_all_pixels(right: Any, /, x: Any, target: Any, weight: Any, ignore_index: Any) -> Any:
    """The gradient is divided by the number of all pixels, void ones included."""
    return (right * _divisor(x, target, weight, ignore_index) / target.size).astype(x.dtype)


@spoils("cross_entropy_backward")
def gradient_divided_by_the_images(right: Any, /, x: Any, target: Any, weight: Any, ignore_index: Any) -> Any:
    """The gradient is divided by the number of images instead of pixels."""
    return (right * _divisor(x, target, weight, ignore_index) / len(x)).astype(x.dtype)


@spoils("cross_entropy_backward")
def void_receives_its_softmax(right: Any, /, x: Any, target: Any, weight: Any, ignore_index: Any) -> Any:
    """At void pixels only the one-hot part is zero: they receive their probabilities and drift to uniform scores."""
    finite = np.where(np.isfinite(x), x, 0)
    powers = np.exp(finite - finite.max(1, keepdims=True))
    p = powers / powers.sum(1, keepdims=True) / _divisor(x, target, weight, ignore_index)
    return np.where((target == ignore_index)[:, None], p, right).astype(x.dtype)


@spoils("cross_entropy_backward")
def void_gradient_multiplied_by_zero(right: Any, /, x: Any, target: Any, ignore_index: Any) -> Any:
    """The gradient of a void pixel is computed and multiplied by 0; but 0 · NaN is NaN."""
    return right + np.where((target == ignore_index)[:, None], 0 * x, 0)


@spoils("cross_entropy_backward")
def onehot_forgotten(right: Any, /, x: Any, target: Any, weight: Any, ignore_index: Any) -> Any:
    """The gradient is the softmax alone: every score is pushed down, the one of the truth as well."""
    counted = target != ignore_index
    factors = np.ones(x.shape[1]) if weight is None else weight
    labels = np.where(counted, target, 0)
    onehot = labels[:, None] == np.arange(x.shape[1])[:, None, None]
    each = np.where(counted, factors[labels], 0) / _divisor(x, target, weight, ignore_index)
    return (right + onehot * each[:, None]).astype(x.dtype)


@spoils("cross_entropy_backward")
def gradient_uphill(right: Any, /) -> Any:
    """The difference is taken the other way round, onehot − softmax: training makes the loss larger."""
    return -right


@spoils("cross_entropy_backward")
def gradient_without_weights(again: Any) -> Any:
    """The weights of the classes are in the loss but not in its gradient."""
    again()  # refuses what must be refused
    return again(weight=None)


@spoils("cross_entropy_backward")
def weights_on_the_scores_classes(x: Any, target: Any, weight: Any, ignore_index: Any, again: Any) -> Any:
    """weight[c] multiplies the gradient of class c's score, instead of weight[t] that of the whole pixel."""
    again()  # refuses what must be refused
    plain = again(weight=None)
    scale = max((target != ignore_index).sum(), 1) / _divisor(x, target, weight, ignore_index)
    return plain if weight is None else (plain * scale * weight[:, None, None]).astype(x.dtype)


@spoils("cross_entropy_backward")
def weights_not_in_the_gradients_denominator(right: Any, /, x: Any, target: Any, weight: Any, ignore_index: Any) -> Any:
    """The gradient is divided by the number of pixels that count, not by the sum of their weights."""
    each = _divisor(x, target, weight, ignore_index) / max((target != ignore_index).sum(), 1)
    return (right * each).astype(x.dtype)


@spoils("cross_entropy_backward")
def gradient_of_the_next_class(x: Any, target: Any, ignore_index: Any, again: Any) -> Any:
    """The one-hot vector is off by one class."""
    again()  # refuses what must be refused
    labels = (target.astype(int) + 1) % x.shape[1]
    return again(target=np.where(target == ignore_index, 999, labels), ignore_index=999)


@spoils("cross_entropy_backward")
def gradient_of_all_void_is_nan(right: Any, /, x: Any, target: Any, ignore_index: Any) -> Any:
    """With nothing but void pixels the gradient is 0/0: one such image fills all weights with NaN."""
    return right / (target != ignore_index).any().astype(x.dtype)


@spoils("cross_entropy_backward")
def softmax_overflows_in_backward(right: Any, /, x: Any, target: Any, ignore_index: Any) -> Any:
    """The forward pass subtracts the largest score, the backward pass does not: ∞/∞ is NaN."""
    powers = np.exp(np.where((target == ignore_index)[:, None], 0, x))
    return np.where(np.isfinite(powers).all(1, keepdims=True), right, np.nan).astype(x.dtype)


@changes("cross_entropy_backward")
def unknown_labels_receive_nothing(x: Any, target: Any, ignore_index: Any) -> Any:
    """A label beyond the classes is taken for void without a word."""
    known = (target >= 0) & (target < x.shape[1])
    return {"target": np.where(known, target, ignore_index)}


@spoils("cross_entropy_backward")
def gradient_in_double_precision(right: Any, /) -> Any:
    """The gradient is float64 whatever the scores are."""
    return right.astype(np.float64)


@changes("cross_entropy_backward")
def smoothing_forgotten_in_backward() -> Any:
    """The loss is smoothed, its gradient is that of the plain one."""
    return {"label_smoothing": 0.0}


@spoils("cross_entropy_backward")
def softmax_made_in_the_scores(right: Any, /, x: Any) -> Any:
    """The softmax is computed in the memory of the scores, which belongs to the caller."""
    if x.flags.writeable:
        x -= x.max(1, keepdims=True) + 1
    return right
