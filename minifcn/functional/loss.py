"""Cross entropy with void pixels, the loss of semantic segmentation."""

from __future__ import annotations

from typing import TYPE_CHECKING

from minifcn.arrays import cross_entropy as arrays
from minifcn.arrays.accepted import checked_array, same_device
from minifcn.arrays.void import looked_at
from minifcn.autograd import Gradients, Operation, Variable
from minifcn.errors import ArgumentError, ArgumentTypeError
from minifcn.functional.activation import softmax
from minifcn.functional.arithmetic import Where, multiply, subtract
from minifcn.functional.operands import floating
from minifcn.functional.reductions import sum
from minifcn.functional.shaping import reshape
from minifcn.functional.transfer import astype, widened
from minifcn.machine.backend import Array, array_module, at_home, is_array

if TYPE_CHECKING:
    from minifcn.tensor import Tensor


class CrossEntropy(Operation):
    """−coefficient · log softmax(x)[label] per pixel; void pixels give exactly 0, whatever their scores.

    labels, valid, coefficients: (N, ...), fixed; see arrays/void.py.
    """

    def __init__(self, labels: Array, valid: Array, coefficients: Array) -> None:
        self.pixels = labels, valid, coefficients

    def forward(self, x: Array) -> Array:
        return arrays.cross_entropy(x, *self.pixels)

    def backward(self, grad: Tensor) -> Tensor:
        return CrossEntropyGradient(*self.pixels)(grad, *self.operands)


class CrossEntropyGradient(Operation):
    """grad · coefficient · (softmax(x) − onehot(label)), made again from x: cheaper than keeping softmax in memory."""

    per_number = 7  # largest, difference, exponential, sum, quotient, difference, product

    def __init__(self, labels: Array, valid: Array, coefficients: Array) -> None:
        self.pixels = labels, valid, coefficients

    def forward(self, grad: Array, x: Array) -> Array:
        return arrays.cross_entropy_gradient(grad, x, *self.pixels)

    def backward(self, grad: Tensor) -> Gradients:
        received, x = self.operands
        labels, valid, coefficients = self.pixels
        each = multiply(received, type(x).of(coefficients))
        probabilities = softmax(Where(valid[:, None])(x), 1)
        through = multiply(grad, probabilities)

        def for_received() -> Tensor:
            of_label = multiply(grad, type(x).of(arrays.onehot(labels, x.shape[1]).astype(x.dtype)))
            return multiply(sum(subtract(through, of_label), 1), type(x).of(coefficients))

        def for_x() -> Tensor:
            differences = subtract(through, multiply(probabilities, sum(through, 1, keepdim=True)))
            return multiply(differences, reshape(each, (x.shape[0], 1, *x.shape[2:])))

        return for_received, for_x


def cross_entropy(
    x: Tensor,
    target: Tensor | Array,
    weight: Tensor | Array | None = None,
    *,
    ignore_index: int = 255,
    reduction: str = "mean",
) -> Tensor:
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
    labels, scores = _labels(x, target), widened(x)
    xp = array_module(x._array)
    with at_home(x._array):
        factors = xp.ones(x.shape[1], scores.dtype) if weight is None else _factors(x, weight).astype(scores.dtype)
        labels, valid, coefficients = looked_at(labels, factors, ignore_index)
        if reduction == "mean":
            total = coefficients.sum(dtype=scores.dtype)
            coefficients = coefficients / xp.where(total > 0, total, 1).astype(scores.dtype)  # all void: 0 / 1
    each = CrossEntropy(labels, valid, coefficients)(scores)
    return astype(each if reduction == "none" else sum(each), x.dtype)


def _labels(x: Tensor, target: Tensor | Array) -> Array:
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


def _factors(x: Tensor, weight: Tensor | Array) -> Array:
    """The array of factors, one for each class."""
    factors = weight._array if isinstance(weight, Variable) else weight
    if not is_array(factors) or factors.shape != x.shape[1:2]:
        raise ArgumentError(
            f"cross_entropy: weight must have shape ({x.shape[1]},), one factor per class, "
            f"got {getattr(factors, 'shape', factors)!r}."
        )
    same_device("cross_entropy", x._array, factors, "x and weight")
    return checked_array(factors, name="the weight of cross_entropy")
