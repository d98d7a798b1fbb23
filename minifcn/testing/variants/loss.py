"""Cross entropy and its gradient computed in other ways than minifcn does."""

from __future__ import annotations

from math import exp, fsum, log
from typing import Any

import numpy as np

from minifcn.testing.version import variant


def checked(x: Any, target: Any, ignore_index: int) -> Any:
    """Where pixels count; ValueError for labels without a class."""
    counted = target != ignore_index
    if ((target[counted] < 0) | (target[counted] >= x.shape[1])).any():
        raise ValueError("There are labels without a class.")
    return counted


def factors_of(x: Any, weight: Any) -> Any:
    return np.ones(x.shape[1]) if weight is None else np.asarray(weight, float)


@variant("cross_entropy")
def pixel_by_pixel(x: Any, target: Any, weight: Any = None, ignore_index: int = 255, label_smoothing: float = 0) -> Any:
    """One pixel after the other, with Python's own numbers."""
    factors, losses, weights = factors_of(x, weight), [], []
    for n, i, j in zip(*np.nonzero(checked(x, target, ignore_index)), strict=True):
        scores = [float(score) for score in x[n, :, i, j]]
        label, best = int(target[n, i, j]), max(scores)
        level = best + log(fsum(exp(s - best) for s in scores))
        evenly = fsum(f * (level - s) for f, s in zip(factors, scores, strict=True)) / len(scores)
        losses.append((1 - label_smoothing) * factors[label] * (level - scores[label]) + label_smoothing * evenly)
        weights.append(factors[label])
    return fsum(losses) / fsum(weights) if weights else 0.0


@variant("cross_entropy")
def by_logaddexp(x: Any, target: Any, weight: Any = None, ignore_index: int = 255, label_smoothing: float = 0) -> Any:
    """The counted pixels as rows of a table, log Σ exp by NumPy's logaddexp, and a weighted average."""
    counted = checked(x, target, ignore_index)
    rows, labels = np.moveaxis(x, 1, -1)[counted], target[counted].astype(int)
    costs, factors = np.logaddexp.reduce(rows, axis=1)[:, None] - rows, factors_of(x, weight)
    if not len(rows):
        return 0.0
    evenly = (costs @ factors).mean() / x.shape[1] / factors[labels].mean()
    plain = np.average(costs[np.arange(len(rows)), labels], weights=factors[labels])
    return (1 - label_smoothing) * plain + label_smoothing * evenly


@variant("cross_entropy_backward")
def softmax_minus_onehot(x: Any, target: Any, weight: Any = None, ignore_index: int = 255,
                         label_smoothing: float = 0) -> Any:  # fmt: skip
    """A table of softmaxes, from which what is asked of each class is taken off where pixels count."""
    counted = checked(x, target, ignore_index)
    rows, labels = np.moveaxis(x, 1, -1)[counted].astype(float), target[counted].astype(int)
    p = np.exp(rows - np.logaddexp.reduce(rows, axis=1)[:, None])
    factors = factors_of(x, weight)
    asked = (1 - label_smoothing) * factors[labels, None] * np.eye(len(factors))[labels]
    asked += label_smoothing / len(factors) * factors
    gradient = np.zeros_like(np.moveaxis(x, 1, -1), order="C")
    gradient[counted] = (p * asked.sum(1, keepdims=True) - asked) / (factors[labels].sum() or 1)
    return np.moveaxis(gradient, -1, 1)


@variant("cross_entropy_backward")
def by_a_complex_step(
    x: Any, target: Any, weight: Any = None, ignore_index: int = 255, label_smoothing: float = 0
) -> Any:
    """Each score is moved by 1e-30 along the imaginary axis: loss(x + ih) = loss(x) + ih·gradient, with no rounding."""
    factors, counted, h = factors_of(x, weight), checked(x, target, ignore_index), 1e-30
    total = factors[target[counted].astype(int)].sum() if counted.any() else 1.0
    gradient = np.zeros(x.shape)
    for n, i, j in zip(*np.nonzero(counted), strict=True):
        label = int(target[n, i, j])
        low = x[n, :, i, j] - x[n, :, i, j].max()
        for c in range(x.shape[1]):
            step = low.astype(complex)
            step[c] += 1j * h
            costs = (np.log(np.exp(step).sum()) - step) * factors
            loss = (1 - label_smoothing) * costs[label] + label_smoothing * costs.mean()
            gradient[n, c, i, j] = loss.imag / total / h
    return gradient.astype(x.dtype)
