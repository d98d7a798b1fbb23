"""One of two values for each element: `where` chooses by a mask, `clamp` by a limit."""

from __future__ import annotations

from math import isnan
from typing import TYPE_CHECKING

import numpy as np

from minifcn.arguments import number
from minifcn.autograd import Gradients, Operation, Variable
from minifcn.autograd.variable import array_of
from minifcn.errors import ArgumentError, ArgumentTypeError
from minifcn.functional.arithmetic import Where, sum_to
from minifcn.functional.operands import Operand, alike, broadcastable, floating, same_device
from minifcn.machine.backend import Array, array_module, at_home, is_array

if TYPE_CHECKING:
    from minifcn.tensor import Tensor


class Choose(Operation):
    """a where the fixed mask is true, b elsewhere; each receives the gradient of the elements that it gave."""

    keeps_operands = False

    def __init__(self, mask: Array) -> None:
        self.mask = mask

    def forward(self, a: Array, b: Array) -> Array:
        return array_module(a).where(self.mask, a, b)

    def backward(self, grad: Tensor) -> Gradients:
        return (
            lambda: sum_to(Where(self.mask)(grad), self.shapes[0]),
            lambda: sum_to(Where(~self.mask)(grad), self.shapes[1]),
        )


class Clamp(Operation):
    """x limited to [min, max]. `inside` says where it is unchanged, limits and NaN included."""

    keeps_operands = False

    def __init__(self, min: float | None, max: float | None) -> None:
        self.min, self.max = min, max

    def forward(self, x: Array) -> Array:
        xp = array_module(x)
        limited = xp.clip(x, self.min, self.max)
        self.inside = xp.logical_or(limited == x, xp.isnan(x))
        return limited

    def backward(self, grad: Tensor) -> Tensor:
        return Where(self.inside)(grad)


def where(condition: Tensor | Array, input: Operand, other: Operand) -> Tensor:
    """input where the condition is true, other elsewhere; the three are broadcast to one shape.

    condition       booleans, a Tensor or an array: it carries no gradient
    input, other    Tensors of one dtype, or one of them a number or an array

    Each receives the gradient where it was chosen, and 0 elsewhere, even where the other is infinite or NaN.

    >>> import minifcn
    >>> x = minifcn.Tensor([-1.0, 2.0])
    >>> where(x > 0, x, 0.0)
    Tensor([0., 2.])
    """
    if not isinstance(condition, Variable) and not is_array(condition):
        raise ArgumentTypeError(
            f"where: the condition must be a Tensor of booleans, got {type(condition).__name__}; compare something."
        )
    mask = array_of(condition)
    if mask.dtype.kind != "b":
        raise ArgumentTypeError(f"where: the condition must hold booleans, got {mask.dtype}; write condition != 0.")
    first, second = alike("where", input, other)
    same_device("where", first._array, mask, "the operands and the condition")
    broadcastable("where", first.shape, second.shape)
    broadcastable("where", mask.shape, np.broadcast_shapes(first.shape, second.shape))
    with at_home(mask):
        return Choose(mask.copy())(first, second)


def clamp(x: Tensor, min: float | None = None, max: float | None = None) -> Tensor:
    """x limited to [min, max], plain numbers; the gradient is 1 inside and at the limits, 0 outside."""
    x = floating("clamp", x)
    if min is None and max is None:
        raise ArgumentError("clamp: give min, max or both.")
    for name, limit in (("min", min), ("max", max)):
        if limit is not None and isnan(number(limit, f"clamp: {name}", finite=False)):
            raise ArgumentError(f"clamp: {name} is NaN, which limits nothing; leave it out.")
    if min is not None and max is not None and min > max:
        raise ArgumentError(f"clamp: min {min} is larger than max {max}; exchange them.")
    return Clamp(min, max)(x)
