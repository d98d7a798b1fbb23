"""Group and layer normalisations computed in other ways than minifcn does."""

from __future__ import annotations

from math import sqrt
from statistics import fmean, pvariance
from typing import Any

import numpy as np

from minifcn.testing.version import variant


@variant("group_norm")
def group_by_group(x: Any, num_groups: int, weight: Any = None, bias: Any = None, eps: float = 1e-5) -> Any:
    """One group of one image after the other, with Python's statistics module."""
    y, each = np.zeros_like(x, order="C"), x.shape[1] // num_groups
    for n in range(len(x)):
        for first in range(0, x.shape[1], each):
            values = [float(v) for v in x[n, first : first + each].ravel()]
            mean, root = fmean(values), sqrt(pvariance(values) + eps)
            for c in range(first, first + each):
                y[n, c] = (x[n, c] - mean) / root * weight[c] + bias[c]
    return y


@variant("layer_norm")
def by_lengths(x: Any, normalized_shape: Any, weight: Any = None, bias: Any = None, eps: float = 1e-5) -> Any:
    """A layer is a vector: less its projection on (1, ..., 1), its squared length over n is the variance."""
    n = int(np.prod(normalized_shape))
    rows = x.reshape(-1, n)
    centred = rows - (rows @ np.full(n, 1 / n, x.dtype))[:, None]
    scaled = centred / np.sqrt(np.linalg.norm(centred, axis=1) ** 2 / n + eps)[:, None]
    return (scaled.reshape(x.shape) * weight + bias).astype(x.dtype)


def _through(grad: Any, rows: Any, eps: float) -> tuple[Any, Any]:
    """What rows receive from the gradient of their normalised form, and that form."""
    root = np.sqrt(rows.var(1, keepdims=True) + eps)
    xhat = (rows - rows.mean(1, keepdims=True)) / root
    return (grad - grad.mean(1, keepdims=True) - xhat * (grad * xhat).mean(1, keepdims=True)) / root, xhat


@variant("group_norm_backward")
def by_the_formula_for_groups(grad_output: Any, x: Any, num_groups: int, weight: Any, bias: Any,
                              eps: float = 1e-5) -> Any:  # fmt: skip
    """The formula of the textbooks, for rows that are groups."""
    rows = x.reshape(len(x) * num_groups, -1)
    incoming = (grad_output * weight[:, None, None]).reshape(rows.shape)
    to_rows, xhat = _through(incoming, rows, eps)
    to_weight = (grad_output * xhat.reshape(x.shape)).sum((0, 2, 3))
    return tuple(g.astype(x.dtype) for g in (to_rows.reshape(x.shape), to_weight, grad_output.sum((0, 2, 3))))


@variant("layer_norm_backward")
def by_the_formula_for_layers(grad_output: Any, x: Any, normalized_shape: Any, weight: Any, bias: Any,
                              eps: float = 1e-5) -> Any:  # fmt: skip
    """The formula of the textbooks, for rows that are layers."""
    rows = x.reshape(-1, int(np.prod(normalized_shape)))
    to_rows, xhat = _through((grad_output * weight).reshape(rows.shape), rows, eps)
    first = tuple(range(x.ndim - len(normalized_shape)))
    to_weight = (grad_output * xhat.reshape(x.shape)).sum(first)
    return tuple(g.astype(x.dtype) for g in (to_rows.reshape(x.shape), to_weight, grad_output.sum(first)))
