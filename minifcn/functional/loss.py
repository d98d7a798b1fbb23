"""Cross entropy with void pixels, the loss of semantic segmentation."""

from __future__ import annotations

from typing import Any

import numpy as np

from minifcn.autograd import Operation, Variable
from minifcn.autograd.variable import checked_array
from minifcn.errors import ArgumentError, ArgumentTypeError
from minifcn.functional.activation import softmax
from minifcn.functional.arithmetic import Where, multiply, subtract
from minifcn.functional.operands import floating, same_device
from minifcn.functional.reductions import sum
from minifcn.functional.shaping import reshape
from minifcn.functional.transfer import astype, single
from minifcn.machine.backend import Array, array_module, at_home, is_array, to_numpy
from minifcn.machine.deferred import check_later
from minifcn.machine.kernels import Kernel, contiguous, run_on
from minifcn.machine.memory import empty
from minifcn.machine.spread import spread


class CrossEntropy(Operation):
    """−coefficient · log softmax(x)[label] per pixel; void pixels give exactly 0, whatever their scores.

    labels, valid, coefficients: (N, ...), fixed. A void pixel is not valid, has coefficient 0 and any label in range.
    """

    def __init__(self, labels: Array, valid: Array, coefficients: Array) -> None:
        self.pixels = labels, valid, coefficients

    def forward(self, x: Array) -> Array:
        xp = array_module(x)
        if run_on(x):
            y, (scores,) = empty(self.pixels[0].shape, x.dtype, x), contiguous(x)
            _CROSS_ENTROPY(y.size, y, scores, *self.pixels, x.shape[1], y.size // max(1, len(y)))
            return y

        def compute(y: Array, x: Array, labels: Array, valid: Array, coefficients: Array) -> None:
            shifted = _below_largest(x, valid)
            chosen = xp.take_along_axis(shifted, labels[:, None], axis=1)[:, 0]  # (N, C, ...) -> (N, ...)
            # In this order: with x around 1e4, adding the largest to the logarithm would lose the digits of the latter.
            y[...] = coefficients * (xp.log(xp.exp(shifted).sum(axis=1)) - chosen)

        return spread(compute, xp.empty(self.pixels[0].shape, x.dtype), x, *self.pixels, axes=1, in_cache=True)

    def cost(self, operands: tuple[Array, ...], result: Array) -> int:
        # Largest, difference, exponential and sum for a score; logarithm, two differences and product for a pixel.
        return 4 * int(operands[0].size) + 4 * int(result.size)

    def backward(self, grad: Variable) -> Variable:
        return CrossEntropyGradient(*self.pixels)(grad, *self.operands)


class CrossEntropyGradient(Operation):
    """grad · coefficient · (softmax(x) − onehot(label)), made again from x: cheaper than memory to keep softmax in."""

    def __init__(self, *pixels: Array) -> None:
        self.pixels = pixels

    def forward(self, grad: Array, x: Array) -> Array:
        xp = array_module(x)
        if run_on(x):
            y, (received, scores) = empty(x.shape, x.dtype, x), contiguous(grad, x)
            pixels = grad.size // max(1, len(x))
            _CROSS_ENTROPY_GRADIENT(grad.size, y, received, scores, *self.pixels, x.shape[1], pixels)
            return y

        def compute(y: Array, grad: Array, x: Array, labels: Array, valid: Array, coefficients: Array) -> None:
            shifted = _below_largest(x, valid)
            probabilities = xp.exp(shifted, out=shifted)
            probabilities /= probabilities.sum(axis=1, keepdims=True)
            probabilities -= _onehot(labels, x)
            xp.multiply(probabilities, (grad * coefficients)[:, None], out=y)

        return spread(compute, empty(x.shape, x.dtype, x), grad, x, *self.pixels, axes=1, in_cache=True)

    def cost(self, operands: tuple[Array, ...], result: Array) -> int:
        return 7 * int(result.size)  # largest, difference, exponential, sum, quotient, difference, product

    def backward(self, grad: Variable) -> Any:
        received, x = self.operands
        labels, valid, coefficients = self.pixels
        each = multiply(received, type(x).of(coefficients))
        probabilities = softmax(Where(valid[:, None])(x), 1)
        through = multiply(grad, probabilities)

        def for_received() -> Any:
            of_label = multiply(grad, type(x).of(_onehot(labels, x).astype(x.dtype)))
            return multiply(sum(subtract(through, of_label), 1), type(x).of(coefficients))

        def for_x() -> Any:
            differences = subtract(through, multiply(probabilities, sum(through, 1, keepdim=True)))
            return multiply(differences, reshape(each, (x.shape[0], 1, *x.shape[2:])))

        return for_received, for_x


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

_LABELS = Kernel(
    "labels",
    "T* coefficients, L* labels, bool* valid, long long* wrong, const L* given, const T* weight, Index C, "
    "long long ignored",
    """
    // One thread for each pixel, all side by side. A label is looked at before it is an index. One out of range makes
    // the loss NaN, and is counted by the only atomics: whole numbers have the same sum and maximum in any order.
    const long long label = given[i];
    const bool counts = label != ignored, fits = 0 <= label && label < C;
    if (counts && !fits) {
        atomicAdd((unsigned long long*)wrong, 1ULL);
        atomicMax(wrong + 1, -label);
        atomicMax(wrong + 2, label);
    }
    labels[i] = counts && fits ? L(label) : L(0);
    valid[i] = counts;
    coefficients[i] = !counts ? T(0) : fits ? weight[label] : T(nan(""));""",
)


def _below_largest(x: Array, valid: Array) -> Array:
    """x where valid, else 0, minus the largest score of each pixel: e to that power does not overflow."""
    # As integers: NaN times 0 is NaN, but its bits times 0 are 0; and many times faster than `where`.
    bits = np.dtype(f"i{x.dtype.itemsize}")
    shifted = (x.view(bits) * valid[:, None]).view(x.dtype)
    shifted -= shifted.max(axis=1, keepdims=True)
    return shifted


def _onehot(labels: Array, x: Any) -> Array:
    """Whether a score is that of its pixel's label: (N, ...), (N, C, ...) -> (N, C, ...)."""
    classes = array_module(labels).arange(x.shape[1]).reshape(-1, *(1,) * (x.ndim - 2))
    return labels[:, None] == classes


def cross_entropy(x: Any, target: Any, weight: Any = None, *, ignore_index: int = 255, reduction: str = "mean") -> Any:
    """loss = Σ weight[t]·(−log softmax(x)[t]) / Σ weight[t] over the pixels whose label t is not ignore_index.

    x         (N, C, ...) scores before softmax, any size: logits of ±1e4 are fine
    target    (N, ...) integers in [0, C) or ignore_index; a Tensor or an array
    weight    (C,) one factor per class, default 1; converted to the dtype of x
    reduction "mean" (weighted, as above), "sum" (no division) or "none" (one number per pixel)

    A void pixel adds exactly 0 to the loss and to every gradient, even where its scores are NaN or infinite. If every
    pixel is void the loss is 0 with zero gradients (PyTorch: NaN). Labels outside [0, C) that are not
    ignore_index are an ArgumentError that names them; on a GPU they make the loss NaN, and the error is raised when a
    number next comes from there. ignore_index is 255, the convention of segmentation.
    """
    x = floating("cross_entropy", x)
    if x.ndim < 2 or x.shape[1] == 0:
        raise ArgumentError(f"cross_entropy: x must be (N, C, ...) with at least one class, got shape {x.shape}.")
    if reduction not in ("mean", "sum", "none"):
        raise ArgumentError(f'cross_entropy: reduction {reduction!r} is unknown; use "mean", "sum" or "none".')
    labels, scores = _labels(x, target), single(x)
    xp = array_module(x._array)
    with at_home(x._array):
        factors = xp.ones(x.shape[1], scores.dtype) if weight is None else _factors(x, weight).astype(scores.dtype)
        look = _looked_at_on_a_gpu if run_on(labels) else _looked_at
        labels, valid, coefficients = look(labels, factors, ignore_index)
        if reduction == "mean":
            total = coefficients.sum(dtype=scores.dtype)
            coefficients = coefficients / xp.where(total > 0, total, 1).astype(scores.dtype)  # all void: 0 / 1
    each = CrossEntropy(labels, valid, coefficients)(scores)
    return astype(each if reduction == "none" else sum(each), x.dtype)


def _labels(x: Any, target: Any) -> Array:
    """The array of labels, one for each pixel of x."""
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
    same_device("cross_entropy", x._array, labels, "x and target")
    return labels


def _factors(x: Any, weight: Any) -> Array:
    """The array of factors, one for each class."""
    factors = weight._array if isinstance(weight, Variable) else weight
    if not is_array(factors) or factors.shape != x.shape[1:2]:
        raise ArgumentError(
            f"cross_entropy: weight must have shape ({x.shape[1]},), one factor per class, "
            f"got {getattr(factors, 'shape', factors)!r}."
        )
    same_device("cross_entropy", x._array, factors, "x and weight")
    return checked_array(factors, name="the weight of cross_entropy")


def _looked_at(labels: Array, factors: Array, ignore_index: int) -> tuple[Array, Array, Array]:
    """The labels with 0 for void, where they count, and what with: the factor of the class, or 0."""
    C = len(factors)
    valid = labels != ignore_index
    wrong = valid & ((labels < 0) | (labels >= C))
    if bool(wrong.any()):
        values = sorted({int(v) for v in to_numpy(labels[wrong]).ravel()})
        raise _outside(f"{values[:8]}", int(wrong.sum()), C, ignore_index)
    labels = (labels * valid).astype("int64")
    return labels, valid, array_module(labels).where(valid, factors[labels], 0).astype(factors.dtype)


def _looked_at_on_a_gpu(labels: Array, factors: Array, ignore_index: int) -> tuple[Array, Array, Array]:
    """The same, without waiting for the GPU: what it says of labels out of range is looked at later."""
    xp, C = array_module(labels, factors), len(factors)
    made, valid, coefficients = (empty(labels.shape, dtype, labels) for dtype in (labels.dtype, bool, factors.dtype))
    wrong = xp.zeros(3, np.int64)  # how many, minus the smallest, the largest
    limits = np.iinfo(np.int64)
    ignored = min(max(int(ignore_index), limits.min), limits.max)
    _LABELS(labels.size, coefficients, made, valid, wrong, *contiguous(labels, factors), C, ignored)

    def check(found: np.ndarray) -> None:
        count, below, above = (int(number) for number in found)
        extremes = [f"as small as {-below}"] * (below > 0) + [f"as large as {above}"] * (above >= C)
        if count:
            raise _outside(" and ".join(extremes), count, C, ignore_index)

    check_later(wrong, check)
    return made, valid, coefficients


def _outside(values: str, count: int, C: int, ignore_index: int) -> ArgumentError:
    return ArgumentError(
        f"cross_entropy: labels {values} at {count} pixels are outside [0, {C}) and not ignore_index {ignore_index}; "
        f"fix the labels or the number of classes."
    )
