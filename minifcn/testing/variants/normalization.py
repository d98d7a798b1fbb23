"""Batch normalisation and its gradients computed in other ways than minifcn does."""

from __future__ import annotations

from math import fsum, sqrt
from statistics import fmean, pvariance, variance
from typing import Any

import numpy as np

from minifcn.testing.version import variant


@variant("batch_norm")
def by_pythons_statistics(x: Any, running_mean: Any, running_var: Any, weight: Any, bias: Any, training: bool = False,
                          momentum: float = 0.1, eps: float = 1e-5) -> Any:  # fmt: skip
    """One channel after the other, with the mean and variances of Python's statistics module."""
    y, means, variances = np.zeros_like(x, order="C"), np.array(running_mean), np.array(running_var)
    for c in range(x.shape[1]):
        values = [float(v) for v in x[:, c].ravel()]
        mean, var = float(means[c]), float(variances[c])
        if training:
            mean, var = fmean(values), pvariance(values)
            means[c] += momentum * (mean - running_mean[c])
            variances[c] += momentum * (variance(values) - running_var[c])
        line = [(v - mean) / sqrt(var + eps) * float(weight[c]) + float(bias[c]) for v in values]
        y[:, c] = np.reshape(line, x[:, c].shape)
    return y, means, variances


@variant("batch_norm")
def by_lengths_of_vectors(x: Any, running_mean: Any, running_var: Any, weight: Any, bias: Any, training: bool = False,
                          momentum: float = 0.1, eps: float = 1e-5) -> Any:  # fmt: skip
    """A channel is a vector: less its projection on (1, ..., 1), its squared length over n is the variance."""
    rows = np.moveaxis(x, 1, 0).reshape(x.shape[1], -1)
    n = rows.shape[1]
    if training:
        mean = rows @ np.full(n, 1 / n, x.dtype)
        length = np.linalg.norm(rows - mean[:, None], axis=1)
        var = length**2 / n
        remembered = momentum * mean + (1 - momentum) * running_mean, running_var * (1 - momentum)
        remembered[1][...] += momentum * length**2 / (n - 1)
    else:
        mean, var, remembered = running_mean, running_var, (running_mean, running_var)
    rows = weight[:, None] * ((rows - mean[:, None]) / np.sqrt(var + eps)[:, None]) + bias[:, None]
    y = np.moveaxis(rows.reshape(x.shape[1], x.shape[0], *x.shape[2:]), 0, 1)
    return y.astype(x.dtype), *remembered


@variant("batch_norm_backward")
def by_the_closed_formula(grad: Any, x: Any, weight: Any, bias: Any, eps: float = 1e-5) -> Any:
    """The formula of the textbooks: slope · (g − mean g − x̂ · mean(g·x̂))."""
    axes = (0, 2, 3)
    root = np.sqrt(x.var(axes, keepdims=True) + eps)
    xhat = (x - x.mean(axes, keepdims=True)) / root
    less = grad.mean(axes, keepdims=True) + xhat * (grad * xhat).mean(axes, keepdims=True)
    to_x = weight[:, None, None] / root * (grad - less)
    return to_x.astype(x.dtype), (grad * xhat).sum(axes), grad.sum(axes)


@variant("batch_norm_backward")
def by_the_whole_jacobian(grad: Any, x: Any, weight: Any, bias: Any, eps: float = 1e-5) -> Any:
    """For each channel the matrix of all derivatives, by moving each value a little along the imaginary axis."""
    to_x, to_weight, to_bias, h = np.zeros(x.shape), np.zeros(len(weight)), np.zeros(len(weight)), 1e-30
    for c in range(x.shape[1]):
        values, incoming = x[:, c].ravel().astype(float), grad[:, c].ravel().astype(float)
        moved = values + 1j * h * np.eye(len(values))
        centred = moved - moved.mean(1, keepdims=True)
        xhat = centred / np.sqrt((centred**2).mean(1, keepdims=True) + eps)
        to_x[:, c] = (float(weight[c]) * (xhat.imag / h) @ incoming).reshape(x[:, c].shape)
        to_weight[c] = fsum(xhat[0].real * incoming)
        to_bias[c] = fsum(incoming)
    return tuple(g.astype(x.dtype) for g in (to_x, to_weight, to_bias))
