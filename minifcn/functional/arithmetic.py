"""Arithmetic element by element, with NumPy's broadcasting.

Broadcasting repeats a value, so its gradient adds up what the copies received: `sum_to` is the transpose of
`broadcast_to`, and each is the other's backward.

Numbers that leave the range of their dtype do as in NumPy: floating point becomes inf or NaN, with the warning that
`numpy.seterr` sets (none on a GPU), and integers wrap: 200 + 200 is 144 in uint8.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import inf
from math import log as log_of
from typing import TYPE_CHECKING, Any, overload

import numpy as np

from minifcn.arguments import integer, number, real_number
from minifcn.arrays.elementwise import scaled
from minifcn.arrays.half import narrow, wide
from minifcn.autograd import Gradients, Movement, Operation, Variable
from minifcn.errors import ArgumentError, ArgumentTypeError
from minifcn.functional.operands import Operand, Shape, alike, broadcastable, floating, sizes, tensor, unchanged
from minifcn.machine.backend import Array, array_module, at_home

if TYPE_CHECKING:
    from minifcn.tensor import Tensor


class BroadcastTo(Movement):
    def __init__(self, shape: Shape) -> None:
        self.shape = shape

    def forward(self, x: Array) -> Array:
        return array_module(x).broadcast_to(x, self.shape)

    def backward(self, grad: Tensor) -> Tensor:
        return sum_to(grad, self.shapes[0])


class SumTo(Operation):
    keeps_operands = False

    def __init__(self, shape: Shape) -> None:
        self.shape = shape

    def forward(self, x: Array) -> Array:
        extra = x.ndim - len(self.shape)
        repeated = tuple(i + extra for i, size in enumerate(self.shape) if size == 1 and x.shape[i + extra] != 1)
        total = wide(x).sum(axis=tuple(range(extra)) + repeated, keepdims=True)
        return narrow(total, x.dtype).reshape(self.shape)

    def backward(self, grad: Tensor) -> Tensor:
        return broadcast_to(grad, self.shapes[0])


def broadcast_to(x: Tensor, shape: Shape) -> Tensor:
    """`x` repeated along new and unit dimensions, as `numpy.broadcast_to`: a view, or x itself if it has the shape."""
    shape = sizes("broadcast_to", shape)
    _repeatable("broadcast_to", tensor("broadcast_to", x).shape, shape)
    return unchanged(x) if x.shape == shape else BroadcastTo(shape)(x)


def expand(x: Tensor, sizes: Sequence[int]) -> Tensor:
    """x repeated along new and unit dimensions, as `broadcast_to`; -1 leaves a size as it is. A view for reading."""
    if not isinstance(sizes, tuple | list):
        raise ArgumentTypeError(f"expand: sizes must be a tuple of sizes, got {sizes!r} ({type(sizes).__name__}).")
    extra = len(sizes) - tensor("expand", x).ndim
    full = tuple(x.shape[i - extra] if size == -1 and i >= extra else size for i, size in enumerate(sizes))
    return broadcast_to(x, tuple(integer(size, "expand: a size", 0) for size in full))


def sum_to(x: Tensor, shape: Shape) -> Tensor:
    """The transpose of `broadcast_to`: sum over every dimension along which `shape` would be repeated, if any."""
    shape = sizes("sum_to", shape)
    _repeatable("sum_to", shape, tensor("sum_to", x).shape)
    return unchanged(x) if x.shape == shape else SumTo(shape)(x)


def _repeatable(name: str, small: Shape, large: Shape) -> None:
    """Raise unless an array of shape `small` can be repeated to fill `large`."""
    ends = large[len(large) - len(small) :] if len(small) <= len(large) else None
    if ends is None or any(m not in (1, n) for m, n in zip(small, ends, strict=True)):
        raise ArgumentError(f"{name}: shape {small} cannot be repeated to {large}; sizes must agree or be 1.")


class Add(Operation):
    keeps_operands = False

    def forward(self, a: Array, b: Array) -> Array:
        return a + b

    def backward(self, grad: Tensor) -> Gradients:
        return lambda: sum_to(grad, self.shapes[0]), lambda: sum_to(grad, self.shapes[1])


class Subtract(Operation):
    keeps_operands = False

    def forward(self, a: Array, b: Array) -> Array:
        return a - b

    def backward(self, grad: Tensor) -> Gradients:
        return lambda: sum_to(grad, self.shapes[0]), lambda: sum_to(negative(grad), self.shapes[1])


class Multiply(Operation):
    def forward(self, a: Array, b: Array) -> Array:
        return a * b

    def backward(self, grad: Tensor) -> Gradients:
        a, b = self.operands
        return lambda: sum_to(multiply(grad, b), a.shape), lambda: sum_to(multiply(grad, a), b.shape)


class Divide(Operation):
    def forward(self, a: Array, b: Array) -> Array:
        return a / b

    def backward(self, grad: Tensor) -> Gradients:
        a, b = self.operands
        return (
            lambda: sum_to(divide(grad, b), a.shape),
            lambda: sum_to(negative(divide(multiply(grad, a), multiply(b, b))), b.shape),
        )


class Negative(Operation):
    keeps_operands = False

    def forward(self, x: Array) -> Array:
        return -x

    def backward(self, grad: Tensor) -> Tensor:
        return negative(grad)


class Power(Operation):
    """x ** exponent for a fixed number; d/dx = exponent · x ** (exponent − 1)."""

    def __init__(self, exponent: float) -> None:
        self.exponent = exponent

    def forward(self, x: Array) -> Array:
        return x**self.exponent

    def backward(self, grad: Tensor) -> Tensor:
        (x,) = self.operands
        return multiply(grad, multiply(power(x, self.exponent - 1), self.exponent))


class Exponential(Operation):
    """base ** x for a fixed number above 0; d/dx = base ** x · ln(base)."""

    keeps_operands, keeps_output = False, True

    def __init__(self, base: float) -> None:
        self.base = base

    def forward(self, x: Array) -> Array:
        return array_module(x).power(array_module(x).asarray(self.base, x.dtype), x)

    def backward(self, grad: Tensor) -> Tensor:
        return multiply(grad, multiply(self.output, log_of(self.base)))


class Exp(Operation):
    keeps_operands, keeps_output = False, True

    def forward(self, x: Array) -> Array:
        return array_module(x).exp(x)

    def backward(self, grad: Tensor) -> Tensor:
        return multiply(grad, self.output)


class Log(Operation):
    def forward(self, x: Array) -> Array:
        return array_module(x).log(x)

    def backward(self, grad: Tensor) -> Tensor:
        (x,) = self.operands
        return divide(grad, x)


class Sqrt(Operation):
    keeps_operands, keeps_output = False, True

    def forward(self, x: Array) -> Array:
        return array_module(x).sqrt(x)

    def backward(self, grad: Tensor) -> Tensor:
        return divide(grad, multiply(self.output, 2.0))


class Scale(Operation):
    """x times a fixed array of the same shape (or broadcast to it): a mask, a sign, a dropout. Its own transpose."""

    keeps_operands = False

    def __init__(self, factor: Array) -> None:
        self.factor = factor

    def forward(self, x: Array) -> Array:
        return scaled(x, self.factor)

    def backward(self, grad: Tensor) -> Tensor:
        return Scale(self.factor)(grad)


class Abs(Scale):
    """x times its sign."""


def _broadcast(name: str, a: Operand, b: Operand) -> tuple[Tensor, Tensor]:
    first, second = alike(name, a, b)
    broadcastable(name, first.shape, second.shape)
    return first, second


def add(a: Operand, b: Operand) -> Tensor:
    """a + b."""
    return Add()(*_broadcast("add", a, b))


def subtract(a: Operand, b: Operand) -> Tensor:
    """a − b."""
    return Subtract()(*_broadcast("subtract", a, b))


def multiply(a: Operand, b: Operand) -> Tensor:
    """a · b, element by element."""
    return Multiply()(*_broadcast("multiply", a, b))


def divide(a: Operand, b: Operand) -> Tensor:
    """a / b, element by element; x / 0 is inf or NaN, as in NumPy."""
    first, second = _broadcast("divide", a, b)
    return Divide()(floating("divide", first, "a"), second)


def negative(x: Tensor) -> Tensor:
    """−x."""
    return Negative()(tensor("negative", x))


@overload
def power(x: Tensor, exponent: float) -> Tensor: ...
@overload
def power(x: float, exponent: Tensor) -> Tensor: ...
def power(x: Any, exponent: Any) -> Tensor:
    """x ** exponent, element by element; one of the two is a plain number. x ** 1 is x itself.

    A number as x must be above 0: that of a negative one is real for whole exponents only.
    """
    if isinstance(exponent, Variable) and not isinstance(x, Variable):
        return _exponential(x, exponent)
    if not isinstance(exponent, int | float | np.integer | np.floating) or isinstance(exponent, bool):
        raise ArgumentTypeError(
            f"power: the exponent must be a number, got {type(exponent).__name__}; use exp(log(x) * exponent)."
        )
    exponent = exponent.item() if isinstance(exponent, np.generic) else exponent  # the dtype of x decides
    number(exponent, "power: the exponent")
    if tensor("power", x).dtype.kind != "f" and (exponent < 0 or exponent != int(exponent)):
        raise ArgumentTypeError(f"power: exponent {exponent} needs floating point, got {x.dtype}; use .astype first.")
    if exponent == 0:  # d(x**0)/dx is 0 everywhere, where the rule would give 0 · inf at x = 0
        with at_home(x._array):
            nowhere = array_module(x._array).zeros(x.shape, bool)
        return add(Where(nowhere)(x), 1)
    return unchanged(x) if exponent == 1 else Power(exponent)(x)


def _exponential(base: Any, x: Variable) -> Tensor:
    number = real_number(base)
    if number is None:
        raise ArgumentTypeError(f"power: the base must be a number, got {type(base).__name__}; wrap it as a Tensor.")
    if not 0 < number < inf:
        raise ArgumentError(f"power: the base of a Tensor of exponents must be above 0 and finite, got {number}.")
    return Exponential(number)(floating("power", x, "the exponent"))


def exp(x: Tensor) -> Tensor:
    """eˣ, element by element."""
    return Exp()(floating("exp", x))


def log(x: Tensor) -> Tensor:
    """Natural logarithm, element by element."""
    return Log()(floating("log", x))


def sqrt(x: Tensor) -> Tensor:
    """Square root, element by element."""
    return Sqrt()(floating("sqrt", x))


def abs(x: Tensor) -> Tensor:
    """|x|; the gradient at 0 is 0."""
    array = floating("abs", x)._array
    with at_home(array):
        return Abs(array_module(array).sign(array))(x)


class Where(Operation):
    """x where the fixed mask is true, 0 elsewhere (even if x is infinite there)."""

    keeps_operands = False

    def __init__(self, mask: Array) -> None:
        self.mask = mask

    def forward(self, x: Array) -> Array:
        return array_module(x).where(self.mask, x, array_module(x).zeros((), x.dtype))

    def backward(self, grad: Tensor) -> Tensor:
        return Where(self.mask)(grad)
