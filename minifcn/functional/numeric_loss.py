"""Losses of numbers, element by element: squared and absolute errors, and the cross entropy of yes and no."""

from __future__ import annotations

from typing import TYPE_CHECKING

from minifcn.arrays.accepted import checked_array, same_device
from minifcn.arrays.elementwise import softplus, yes_or_no
from minifcn.arrays.targets import require_probabilities
from minifcn.autograd import Gradients, Operation, Variable
from minifcn.errors import ArgumentError
from minifcn.functional.activation import sigmoid
from minifcn.functional.arithmetic import abs, add, multiply, negative, power, subtract
from minifcn.functional.operands import Operand, alike, floating, same_kind, tensor
from minifcn.functional.reductions import reduced
from minifcn.functional.transfer import astype, widened
from minifcn.machine.backend import Array, at_home, is_array

if TYPE_CHECKING:
    from minifcn.tensor import Tensor


class YesOrNo(Operation):
    """yes·(−log σ(x)) + no·(−log (1 − σ(x))), element by element: what a score x costs of which so much is yes and no.

    Derivatives: yes: log(1 + e⁻ˣ)   no: log(1 + eˣ)   x: (yes + no)·σ(x) − yes. All of one shape.
    """

    per_number = 12

    def forward(self, x: Array, yes: Array, no: Array) -> Array:
        return yes_or_no(x, yes, no)

    def backward(self, grad: Tensor) -> Gradients:
        x, yes, no = self.operands
        return (
            lambda: multiply(grad, subtract(multiply(add(yes, no), sigmoid(x)), yes)),
            lambda: multiply(grad, Softplus()(negative(x))),
            lambda: multiply(grad, Softplus()(x)),
        )


class Softplus(Operation):
    """log(1 + eˣ) = −log σ(−x): finite, and right to the last digits, for every finite x."""

    per_number = 4

    def forward(self, x: Array) -> Array:
        return softplus(x)

    def backward(self, grad: Tensor) -> Tensor:
        return multiply(grad, sigmoid(*self.operands))


def mse_loss(x: Tensor, target: Tensor | Array, *, reduction: str = "mean") -> Tensor:
    """loss = mean of (x − target)².

    x, target   floating point, of one shape; both receive gradients
    reduction   "mean" over all elements, "sum" or "none" (one number per element)

    Raises ArgumentError for shapes that differ: (N, 1) beside (N,) would compare every pair, which nobody means.
    """
    x, target = _beside("mse_loss", x, target)
    return astype(reduced("mse_loss", power(subtract(widened(x), widened(target)), 2), reduction), x.dtype)


def l1_loss(x: Tensor, target: Tensor | Array, *, reduction: str = "mean") -> Tensor:
    """loss = mean of |x − target|; the gradient where they are equal is 0. Arguments and errors as of `mse_loss`."""
    x, target = _beside("l1_loss", x, target)
    return astype(reduced("l1_loss", abs(subtract(widened(x), widened(target))), reduction), x.dtype)


def binary_cross_entropy_with_logits(
    x: Tensor,
    target: Tensor | Array,
    weight: Operand | None = None,
    *,
    reduction: str = "mean",
    pos_weight: Operand | None = None,
) -> Tensor:
    """loss = mean of weight · (pos_weight·t·(−log σ(x)) + (1 − t)·(−log (1 − σ(x)))),   σ(x) = 1 / (1 + e⁻ˣ).

    x           scores of any shape, before the sigmoid; ±1e4 are fine
    target      t, of that shape and dtype: probabilities, mostly 0 and 1
    weight      factors that broadcast to the shape of x, converted to its dtype, or a number; 0 leaves an element out
    reduction   "mean" over all elements, whatever they weigh, "sum" or "none"
    pos_weight  factors of the positive part, to the same shape: above 1 misses cost more than false alarms. For one
                number per channel of (N, C, H, W) give (C, 1, 1)

    Both logarithms are softplus, −log σ(x) = log(1 + e⁻ˣ), and no large numbers are subtracted.
    Raises ArgumentError for shapes that differ and for targets outside [0, 1]: a mask of 255 would pull the loss down
    for ever. (On a GPU it is raised when a number next comes from there.)

    >>> from minifcn import Tensor
    >>> binary_cross_entropy_with_logits(Tensor([0.0, 1e4]), Tensor([1.0, 1.0]), reduction="none")
    Tensor([0.6931472, 0.       ])
    """
    name = "binary_cross_entropy_with_logits"
    x, target = _beside(name, x, target)
    with at_home(x._array):
        require_probabilities(name, target._array)
    yes = widened(target)
    no = subtract(1.0, yes)
    if pos_weight is not None:
        yes = multiply(yes, _factor(name, x, pos_weight, "pos_weight"))
    each = YesOrNo()(widened(x), yes, no)
    if weight is not None:
        each = multiply(each, _factor(name, x, weight, "weight"))
    return astype(reduced(name, each, reduction), x.dtype)


def _beside(name: str, x: Tensor, target: Tensor | Array) -> tuple[Tensor, Tensor]:
    """x and its target as Tensors of one shape, dtype and device."""
    if isinstance(target, Variable):
        same_kind(name, floating(name, x), tensor(name, target), "x and target")
    first, second = alike(name, floating(name, x), target)
    if first.shape != second.shape:
        raise ArgumentError(
            f"{name}: target must have the shape of x, {first.shape}, got {second.shape}; reshape one of them."
        )
    return first, second


def _factor(name: str, x: Tensor, factor: Operand, argument: str) -> Tensor:
    """A factor as a Tensor that broadcasts to the shape of x, and not beyond it, in the dtype that x is added up in."""
    if is_array(factor):
        factor = type(x).of(checked_array(factor, name=f"the {argument} of {name}").copy())
    if isinstance(factor, Variable):
        same_device(name, x._array, factor._array, f"x and {argument}")
        made = astype(tensor(name, factor), widened(x).dtype)
    else:
        made = widened(alike(name, x, factor)[1])
    if made.ndim > x.ndim or any(m not in (1, n) for m, n in zip(made.shape[::-1], x.shape[::-1], strict=False)):
        raise ArgumentError(f"{name}: {argument} of shape {made.shape} does not broadcast to that of x, {x.shape}.")
    return made
