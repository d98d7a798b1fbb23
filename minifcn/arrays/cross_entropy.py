"""Cross entropy and its gradient on bare arrays, pixel by pixel; void pixels give exactly 0, whatever their scores.

    y = coefficient · (log Σ_c e^(x_c − m) − (x_label − m)),   m the largest x_c: no power overflows
    dy/dx_c = coefficient · (e^(x_c − m) / Σ e^(x_c − m) − [c = label])

x (N, C, ...); labels, valid and coefficients (N, ...), as `void.py` makes them: a void pixel is not valid, has
coefficient 0 and any label in range. On a GPU each pixel is one thread.
"""

from __future__ import annotations

import numpy as np

from minifcn.machine.backend import Array, array_module
from minifcn.machine.kernels import Kernel, contiguous, run_on
from minifcn.machine.memory import empty
from minifcn.machine.spread import spread


def cross_entropy(x: Array, labels: Array, valid: Array, coefficients: Array) -> Array:
    """The loss of each pixel: x (N, C, ...) -> (N, ...)."""
    xp = array_module(x)
    if run_on(x):
        y, (scores,) = empty(labels.shape, x.dtype, x), contiguous(x)
        _CROSS_ENTROPY(y.size, y, scores, labels, valid, coefficients, x.shape[1], y.size // max(1, len(y)))
        return y

    def compute(y: Array, x: Array, labels: Array, valid: Array, coefficients: Array) -> None:
        shifted = _below_largest(x, valid)
        chosen = xp.take_along_axis(shifted, labels[:, None], axis=1)[:, 0]  # (N, C, ...) -> (N, ...)
        # In this order: with x around 1e4, adding the largest to the logarithm would lose the digits of the latter.
        y[...] = coefficients * (xp.log(xp.exp(shifted).sum(axis=1)) - chosen)

    y = xp.empty(labels.shape, x.dtype)
    return spread(compute, y, x, labels, valid, coefficients, axes=1, in_cache=True)


def cross_entropy_gradient(grad: Array, x: Array, labels: Array, valid: Array, coefficients: Array) -> Array:
    """grad · coefficient · (softmax(x) − onehot(label)): grad (N, ...), x (N, C, ...) -> (N, C, ...)."""
    xp = array_module(grad, x)
    if run_on(x):
        y, (received, scores) = empty(x.shape, x.dtype, x), contiguous(grad, x)
        pixels = grad.size // max(1, len(x))
        _CROSS_ENTROPY_GRADIENT(grad.size, y, received, scores, labels, valid, coefficients, x.shape[1], pixels)
        return y

    def compute(y: Array, grad: Array, x: Array, labels: Array, valid: Array, coefficients: Array) -> None:
        shifted = _below_largest(x, valid)
        probabilities = xp.exp(shifted, out=shifted)
        probabilities /= probabilities.sum(axis=1, keepdims=True)
        probabilities -= onehot(labels, x.shape[1])
        xp.multiply(probabilities, (grad * coefficients)[:, None], out=y)

    y = empty(x.shape, x.dtype, x)
    return spread(compute, y, grad, x, labels, valid, coefficients, axes=1, in_cache=True)


def onehot(labels: Array, classes: int) -> Array:
    """Whether a score is that of its pixel's label: (N, ...) -> (N, C, ...)."""
    numbers = array_module(labels).arange(classes).reshape(-1, *(1,) * (labels.ndim - 1))
    return labels[:, None] == numbers


def _below_largest(x: Array, valid: Array) -> Array:
    """x where valid, else 0, minus the largest score of each pixel: e to that power does not overflow."""
    # As integers: NaN times 0 is NaN, but its bits times 0 are 0; and many times faster than `where`.
    bits = np.dtype(f"i{x.dtype.itemsize}")
    shifted = (x.view(bits) * valid[:, None]).view(x.dtype)
    shifted -= shifted.max(axis=1, keepdims=True)
    return shifted


# --- on a GPU -------------------------------------------------------------------------------------------------------

_SHARES = """
    // One thread for each pixel, which goes through its scores. Neighbours are neighbouring pixels: class after class
    // they read side by side, the second time from the cache. The largest score is taken off: no power overflows.
    const T* scores = x + i / P * C * P + i % P;
    T largest = scores[0], sum = 0;
    for (Index c = 1; c < C; c++) largest = max(largest, scores[c * P]);
    for (Index c = 0; c < C; c++) sum += exp(scores[c * P] - largest);"""
_PIXELS = "const T* x, const L* labels, const bool* valid, const T* coefficients, Index C, Index P"

_CROSS_ENTROPY = Kernel(
    "cross_entropy",
    f"T* y, {_PIXELS}",
    """
    if (!valid[i]) {
        y[i] = 0;
        return;
    }"""
    + _SHARES
    + """
    y[i] = coefficients[i] * (log(sum) - (scores[labels[i] * P] - largest));""",
)

_CROSS_ENTROPY_GRADIENT = Kernel(
    "cross_entropy_gradient",
    f"T* y, const T* grad, {_PIXELS}",
    """
    T* result = y + i / P * C * P + i % P;
    if (!valid[i]) {
        for (Index c = 0; c < C; c++) result[c * P] = 0;
        return;
    }"""
    + _SHARES
    + """
    const T factor = grad[i] * coefficients[i];
    for (Index c = 0; c < C; c++) {
        const T share = exp(scores[c * P] - largest) / sum;
        result[c * P] = factor * (c == Index(labels[i]) ? share - 1 : share);
    }""",
)
