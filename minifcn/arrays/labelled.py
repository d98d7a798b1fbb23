"""What stands at the label of each pixel: read there, and put back there.

x (N, C, ...); labels, valid and coefficients (N, ...), as `void.py` makes them. Both maps are linear in x, and each is
the other's transpose. A void pixel gives exactly 0 and receives exactly 0, whatever stands there.
"""

from __future__ import annotations

from minifcn.arrays.cross_entropy import onehot
from minifcn.machine.backend import Array, array_module
from minifcn.machine.kernels import Kernel, contiguous, run_on
from minifcn.machine.memory import empty
from minifcn.machine.spread import spread


def picked(x: Array, labels: Array, valid: Array, coefficients: Array) -> Array:
    """y[n, ...] = coefficient · x[n, label, ...]: (N, C, ...) -> (N, ...)."""
    xp = array_module(x)
    if run_on(x):
        y, (scores,) = empty(labels.shape, x.dtype, x), contiguous(x)
        _PICKED(y.size, y, scores, labels, valid, coefficients, x.shape[1], y.size // max(1, len(y)))
        return y
    chosen = xp.take_along_axis(x, labels[:, None], axis=1)[:, 0]  # (N, C, ...) -> (N, ...)
    return xp.where(valid, chosen, 0).astype(x.dtype, copy=False) * coefficients


def placed(y: Array, labels: Array, valid: Array, coefficients: Array, classes: int) -> Array:
    """x[n, label, ...] = coefficient · y[n, ...], and 0 for the other classes: (N, ...) -> (N, C, ...)."""
    xp = array_module(y)
    x = empty((len(labels), classes, *labels.shape[1:]), y.dtype, y)
    if run_on(y):
        _PLACED(x.size, x, *contiguous(y), labels, valid, coefficients, classes, y.size // max(1, len(y)))
        return x

    def compute(x: Array, y: Array, labels: Array, valid: Array, coefficients: Array) -> None:
        x[...] = xp.where(onehot(labels, classes), (xp.where(valid, y, 0) * coefficients)[:, None], 0)

    return spread(compute, x, y, labels, valid, coefficients, axes=1, in_cache=True)


# --- on a GPU -------------------------------------------------------------------------------------------------------

_PICKED = Kernel(
    "picked",
    "T* y, const T* x, const L* labels, const bool* valid, const T* coefficients, Index C, Index P",
    """
    // One thread for each pixel. Neighbours of one class read neighbouring scores.
    y[i] = valid[i] ? coefficients[i] * x[i / P * C * P + Index(labels[i]) * P + i % P] : T(0);""",
)

_PLACED = Kernel(
    "placed",
    "T* x, const T* y, const L* labels, const bool* valid, const T* coefficients, Index C, Index P",
    """
    // One thread for each score, so that all are written side by side; the label is that of nearly all neighbours.
    const Index pixel = i / (C * P) * P + i % P;
    x[i] = valid[pixel] && Index(labels[pixel]) == i / P % C ? coefficients[pixel] * y[pixel] : T(0);""",
)
