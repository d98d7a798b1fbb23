"""Cross entropy and its gradient computed in other ways than minifcn does."""

from __future__ import annotations

from math import exp, fsum, log
from typing import Any

import numpy as np

from minifcn.testing.version import variant


def _checked(x: Any, target: Any, ignore_index: int) -> Any:
    """Where pixels count; ValueError for labels without a class."""
    counted = target != ignore_index
    if ((target[counted] < 0) | (target[counted] >= x.shape[1])).any():
        raise ValueError("There are labels without a class.")
    return counted


def _factors(x: Any, weight: Any) -> Any:
    return np.ones(x.shape[1]) if weight is None else np.asarray(weight, float)


@variant("cross_entropy")
def pixel_by_pixel(x: Any, target: Any, weight: Any = None, ignore_index: int = 255) -> Any:
    """One pixel after the other, with Python's own numbers."""
    factors, losses, weights = _factors(x, weight), [], []
    for n, i, j in zip(*np.nonzero(_checked(x, target, ignore_index)), strict=True):
        scores = [float(score) for score in x[n, :, i, j]]
        label, best = int(target[n, i, j]), max(scores)
        losses.append(factors[label] * (best - scores[label] + log(fsum(exp(s - best) for s in scores))))
        weights.append(factors[label])
    return fsum(losses) / fsum(weights) if weights else 0.0


@variant("cross_entropy")
def by_logaddexp(x: Any, target: Any, weight: Any = None, ignore_index: int = 255) -> Any:
    """The counted pixels as rows of a table, log Σ exp by NumPy's logaddexp, and a weighted average."""
    counted = _checked(x, target, ignore_index)
    rows, labels = np.moveaxis(x, 1, -1)[counted], target[counted].astype(int)
    losses = np.logaddexp.reduce(rows, axis=1) - rows[np.arange(len(rows)), labels]
    return np.average(losses, weights=_factors(x, weight)[labels]) if len(rows) else 0.0


@variant("cross_entropy_backward")
def softmax_minus_onehot(x: Any, target: Any, weight: Any = None, ignore_index: int = 255) -> Any:
    """A table of softmaxes, from which the one-hot rows are taken off where pixels count."""
    counted = _checked(x, target, ignore_index)
    rows, labels = np.moveaxis(x, 1, -1)[counted].astype(float), target[counted].astype(int)
    p = np.exp(rows - np.logaddexp.reduce(rows, axis=1)[:, None])
    each = _factors(x, weight)[labels]
    gradient = np.zeros_like(np.moveaxis(x, 1, -1), order="C")
    gradient[counted] = (p - np.eye(x.shape[1])[labels]) * (each / (each.sum() or 1))[:, None]
    return np.moveaxis(gradient, -1, 1)


@variant("cross_entropy_backward")
def by_a_complex_step(x: Any, target: Any, weight: Any = None, ignore_index: int = 255) -> Any:
    """Each score is moved by 1e-30 along the imaginary axis: loss(x + ih) = loss(x) + ih·gradient, with no rounding."""
    factors, counted, h = _factors(x, weight), _checked(x, target, ignore_index), 1e-30
    total = factors[target[counted].astype(int)].sum() if counted.any() else 1.0
    gradient = np.zeros(x.shape)
    for n, i, j in zip(*np.nonzero(counted), strict=True):
        label = int(target[n, i, j])
        low = x[n, :, i, j] - x[n, :, i, j].max()
        for c in range(x.shape[1]):
            step = low.astype(complex)
            step[c] += 1j * h
            loss = np.log(np.exp(step).sum()) - step[label]
            gradient[n, c, i, j] = factors[label] / total * loss.imag / h
    return gradient.astype(x.dtype)
