"""Cross entropy with void pixels, the loss of semantic segmentation."""

from __future__ import annotations

from typing import Any

from minifcn.autograd import Operation, Variable
from minifcn.autograd.variable import checked_array
from minifcn.backend import Array, array_module, is_array, to_numpy
from minifcn.errors import ArgumentError, ArgumentTypeError
from minifcn.functional.activation import softmax
from minifcn.functional.arithmetic import Where, multiply, subtract
from minifcn.functional.operands import floating
from minifcn.functional.reductions import sum
from minifcn.functional.shaping import reshape
from minifcn.functional.transfer import astype, single


class CrossEntropy(Operation):
    """−coefficient · log softmax(x)[label] per pixel; backward: coefficient · (softmax(x) − onehot(label)).

    labels, coefficients: (N, ...), fixed. A void pixel has coefficient 0 and any label in range.
    """

    def __init__(self, labels: Array, coefficients: Array) -> None:
        self.labels, self.coefficients = labels, coefficients

    def forward(self, x: Array) -> Array:
        xp = array_module(x, self.labels)
        largest = x.max(axis=1)
        total = xp.log(xp.exp(x - largest[:, None]).sum(axis=1))
        chosen = xp.take_along_axis(x, self.labels[:, None], axis=1)[:, 0]  # (N, C, ...) -> (N, ...)
        # In this order: with x around 1e4 a sum of total and largest would lose the digits of total.
        return self.coefficients * (total - (chosen - largest))

    def backward(self, grad: Variable) -> Variable:
        (x,) = self.operands
        xp = array_module(self.labels)
        classes = xp.arange(x.shape[1]).reshape(-1, *(1,) * (x.ndim - 2))
        onehot = type(x).of((self.labels[:, None] == classes).astype(x.dtype))
        each = multiply(grad, type(x).of(self.coefficients))
        return multiply(subtract(softmax(x, 1), onehot), reshape(each, (x.shape[0], 1, *x.shape[2:])))


def cross_entropy(x: Any, target: Any, weight: Any = None, *, ignore_index: int = 255, reduction: str = "mean") -> Any:
    """loss = Σ weight[t]·(−log softmax(x)[t]) / Σ weight[t] over the pixels whose label t is not ignore_index.

    x         (N, C, ...) scores before softmax, any size: logits of ±1e4 are fine
    target    (N, ...) integers in [0, C) or ignore_index; a Tensor or an array
    weight    (C,) one factor per class, default 1; converted to the dtype of x
    reduction "mean" (weighted, as above), "sum" (no division) or "none" (one number per pixel)

    A void pixel adds exactly 0 to the loss and to every gradient, even where its scores are NaN or infinite. If every
    pixel is void the loss is 0 with zero gradients (PyTorch: NaN). Labels outside [0, C) that are not
    ignore_index are an ArgumentError that names them. ignore_index is 255, the convention of segmentation.
    """
    x = floating("cross_entropy", x)
    if x.ndim < 2 or x.shape[1] == 0:
        raise ArgumentError(f"cross_entropy: x must be (N, C, ...) with at least one class, got shape {x.shape}.")
    if reduction not in ("mean", "sum", "none"):
        raise ArgumentError(f'cross_entropy: reduction {reduction!r} is unknown; use "mean", "sum" or "none".')
    labels, valid = _checked_labels(x, target, ignore_index)
    xp, scores = array_module(x._array), Where(valid[:, None])(single(x))  # void scores count as 0: 0 · NaN is no 0
    if weight is None:
        coefficients = valid.astype(scores.dtype)
    else:
        factors = weight._array if isinstance(weight, Variable) else weight
        if not is_array(factors) or factors.shape != x.shape[1:2]:
            raise ArgumentError(
                f"cross_entropy: weight must have shape ({x.shape[1]},), one factor per class, "
                f"got {getattr(factors, 'shape', factors)!r}."
            )
        array_module(x._array, factors)
        factors = checked_array(factors, name="the weight of cross_entropy")
        coefficients = xp.where(valid, factors.astype(scores.dtype)[labels], 0).astype(scores.dtype)
    if reduction == "mean":
        total = coefficients.sum(dtype=scores.dtype)
        coefficients = coefficients / xp.where(total > 0, total, 1).astype(scores.dtype)  # all void: 0 / 1
    each = CrossEntropy(labels, coefficients)(scores)
    return astype(each if reduction == "none" else sum(each), x.dtype)


def _checked_labels(x: Any, target: Any, ignore_index: int) -> tuple[Array, Array]:
    """The labels as int64 with 0 for void, and where they count."""
    labels = target._array if isinstance(target, Variable) else target
    if not is_array(labels) or labels.dtype.kind not in "iu":
        kind = getattr(labels, "dtype", type(labels).__name__)
        raise ArgumentTypeError(f"cross_entropy: target must be an array of integer labels, got {kind}; use uint8.")
    labels = checked_array(labels, name="the target of cross_entropy")
    if labels.shape != (x.shape[0], *x.shape[2:]):
        raise ArgumentError(
            f"cross_entropy: target must have shape {(x.shape[0], *x.shape[2:])} for x of shape {x.shape}, "
            f"got {labels.shape}."
        )
    array_module(x._array, labels)
    C = x.shape[1]
    valid = labels != ignore_index
    # Checked before they index anything: CuPy would wrap an index that is out of range without a word.
    wrong = valid & ((labels < 0) | (labels >= C))
    if bool(wrong.any()):
        values = sorted({int(v) for v in to_numpy(labels[wrong]).ravel()})
        raise ArgumentError(
            f"cross_entropy: labels {values[:8]} at {int(wrong.sum())} pixels are outside [0, {C}) and not "
            f"ignore_index {ignore_index}; fix the labels or the number of classes."
        )
    return array_module(labels).where(valid, labels, 0).astype("int64"), valid
