"""Cross entropy with void pixels, the loss of semantic segmentation, and its second half, the pick of a logarithm."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from minifcn.arguments import LARGEST_SIZE, choice, integer, number
from minifcn.arrays import cross_entropy as arrays
from minifcn.arrays.accepted import checked_array, same_device
from minifcn.arrays.labelled import picked, placed
from minifcn.arrays.targets import require_weights
from minifcn.arrays.void import looked_at
from minifcn.autograd import Gradients, Operation, Variable
from minifcn.errors import ArgumentError, ArgumentTypeError
from minifcn.functional.activation import log_softmax, softmax
from minifcn.functional.arithmetic import Scale, Where, add, multiply, negative, subtract
from minifcn.functional.operands import floating
from minifcn.functional.reductions import REDUCTIONS, sum
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


class Pick(Operation):
    """coefficient · x[label] per pixel, (N, C, ...) -> (N, ...); void pixels give exactly 0. See arrays/labelled.py."""

    keeps_operands = False

    def __init__(self, labels: Array, valid: Array, coefficients: Array) -> None:
        self.pixels = labels, valid, coefficients

    def forward(self, x: Array) -> Array:
        return picked(x, *self.pixels)

    def backward(self, grad: Tensor) -> Tensor:
        return Place(*self.pixels, classes=self.shapes[0][1])(grad)


class Place(Operation):
    """The transpose of `Pick`: each number to the label of its pixel, 0 to the other classes."""

    keeps_operands = False

    def __init__(self, labels: Array, valid: Array, coefficients: Array, classes: int) -> None:
        self.pixels, self.classes = (labels, valid, coefficients), classes

    def forward(self, y: Array) -> Array:
        return placed(y, *self.pixels, self.classes)

    def backward(self, grad: Tensor) -> Tensor:
        return Pick(*self.pixels)(grad)


def cross_entropy(
    x: Tensor,
    target: Tensor | Array,
    weight: Tensor | Array | None = None,
    *,
    ignore_index: int = 255,
    reduction: str = "mean",
    label_smoothing: float = 0.0,
) -> Tensor:
    """loss = Σ weight[t]·(−log softmax(x)[t]) / Σ weight[t] over the pixels whose label t is not ignore_index.

    x         (N, C, ...) scores before softmax, any size: logits of ±1e4 are fine
    target    (N, ...) integers in [0, C) or ignore_index; a Tensor or an array
    weight    (C,) one factor per class, at least 0, default 1; converted to the dtype of x
    reduction "mean" (weighted, as above), "sum" (no division) or "none" (one number per pixel)
    label_smoothing   ε in [0, 1]: of each pixel the share ε is asked of all classes alike. With p = softmax(x) it costs
              (1 − ε)·weight[t]·(−log p[t]) + ε/C·Σ_c weight[c]·(−log p[c]); the mean still divides by Σ weight[t]

    A void pixel adds exactly 0 to the loss and to every gradient, even where its scores are NaN or infinite. If no
    pixel counts, as all are void or of a class with weight 0, the loss is 0 with zero gradients (PyTorch: NaN): there
    is nothing to learn, and one such image must not spoil all weights. Labels outside [0, C) that are not ignore_index
    are an ArgumentError that names them, and so is a weight below 0; on a GPU such labels make the loss NaN, and the
    error is raised when a number next comes from there. ignore_index is 255, the convention of segmentation.
    Source of the smoothing: Szegedy et al. 2016, §7.
    """
    x = scores_for("cross_entropy", x)
    smoothing = number(label_smoothing, "cross_entropy: label_smoothing", 0, 1)
    scores, pixels, factors = _prepared("cross_entropy", x, target, weight, ignore_index, reduction)
    each = CrossEntropy(*pixels)(scores)
    if smoothing:
        evenly = _of_all_classes(scores, pixels[1], factors)
        each = add(multiply(each, 1 - smoothing), multiply(evenly, smoothing / x.shape[1]))
    return astype(each if reduction == "none" else sum(each), x.dtype)


def nll_loss(
    x: Tensor,
    target: Tensor | Array,
    weight: Tensor | Array | None = None,
    *,
    ignore_index: int = 255,
    reduction: str = "mean",
) -> Tensor:
    """loss = Σ weight[t]·(−x[t]) / Σ weight[t] over the pixels whose label t is not ignore_index.

    x         (N, C, ...) logarithms of probabilities, as from `log_softmax(x, 1)`

    The second half of `cross_entropy`, whose other arguments, conventions and errors it has:
    cross_entropy(x, t) = nll_loss(log_softmax(x, 1), t), where the whole is faster and needs less memory.

    >>> import numpy as np
    >>> from minifcn import Tensor
    >>> nll_loss(Tensor([[-1.0, -2.0], [-3.0, -4.0], [-5.0, -6.0]]), np.array([1, 0, 255])).item()
    2.5
    """
    x = scores_for("nll_loss", x)
    scores, pixels, _ = _prepared("nll_loss", x, target, weight, ignore_index, reduction)
    each = negative(Pick(*pixels)(scores))
    return astype(each if reduction == "none" else sum(each), x.dtype)


def _of_all_classes(scores: Tensor, valid: Array, factors: Array) -> Tensor:
    """Σ_c factor[c]·(−log softmax(x)[c]) per pixel, and exactly 0 where it is void: (N, C, ...) -> (N, ...)."""
    with at_home(valid):
        per_class = type(scores).of(factors.reshape(-1, *(1,) * (scores.ndim - 2)))
        sign = -valid.astype(scores.dtype)
    return Scale(sign)(sum(multiply(log_softmax(Where(valid[:, None])(scores), 1), per_class), 1))


def _prepared(
    name: str, x: Tensor, target: Tensor | Array, weight: Tensor | Array | None, ignore_index: int, reduction: str
) -> tuple[Tensor, tuple[Array, Array, Array], Array]:
    """x in a dtype to add up in; (labels, valid, coefficients) of its pixels; the factors of its classes.

    For the mean, coefficients and factors are divided by what the pixels weigh together; if that is 0, all are 0.
    """
    choice(reduction, f"{name}: reduction", REDUCTIONS)
    ignored = integer(ignore_index, f"{name}: ignore_index", -LARGEST_SIZE)
    labels, scores = labels_for(name, x, target), widened(x)
    xp = array_module(x._array)
    with at_home(x._array):
        factors = xp.ones(x.shape[1], scores.dtype) if weight is None else _factors(name, x, weight, scores.dtype)
        labels, valid, coefficients = looked_at(name, labels, factors, ignored)
        if reduction == "mean":
            total = coefficients.sum(dtype=scores.dtype)
            divisor = xp.where(total > 0, total, 1).astype(scores.dtype)
            coefficients = coefficients / divisor
            factors = xp.where(total > 0, factors / divisor, 0).astype(scores.dtype)
    return scores, (labels, valid, coefficients), factors


def scores_for(name: str, x: Tensor) -> Tensor:
    """x, which must have one score for each class."""
    x = floating(name, x)
    if x.ndim < 2 or x.shape[1] == 0:
        raise ArgumentError(f"{name}: x must be (N, C, ...) with at least one class, got shape {x.shape}.")
    return x


def labels_for(name: str, x: Tensor, target: Tensor | Array) -> Array:
    """The array of labels, one for each pixel of x."""
    labels = target._array if isinstance(target, Variable) else target
    if not is_array(labels) or labels.dtype.kind not in "iu":
        kind = getattr(labels, "dtype", type(labels).__name__)
        raise ArgumentTypeError(f"{name}: target must be an array of integer labels, got {kind}; use uint8.")
    labels = checked_array(labels, name=f"the target of {name}")
    if labels.shape != (x.shape[0], *x.shape[2:]):
        raise ArgumentError(
            f"{name}: target must have shape {(x.shape[0], *x.shape[2:])} for x of shape {x.shape}, got {labels.shape}."
        )
    same_device(name, x._array, labels, "x and target")
    return labels


def _factors(name: str, x: Tensor, weight: Tensor | Array, dtype: Any) -> Array:
    """The array of factors, one for each class."""
    factors = weight._array if isinstance(weight, Variable) else weight
    if not is_array(factors) or factors.shape != x.shape[1:2]:
        raise ArgumentError(
            f"{name}: weight must have shape ({x.shape[1]},), one factor per class, "
            f"got {getattr(factors, 'shape', factors)!r}."
        )
    same_device(name, x._array, factors, "x and weight")
    factors = checked_array(factors, name=f"the weight of {name}").astype(dtype)
    require_weights(name, factors)
    return factors
