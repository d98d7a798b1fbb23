"""Activation functions and softmax."""

from __future__ import annotations

from typing import TYPE_CHECKING

from minifcn.arguments import choice, number
from minifcn.arrays import elementwise, normal
from minifcn.arrays.half import narrow, wide
from minifcn.autograd import Gradients, Operation
from minifcn.errors import ArgumentError
from minifcn.functional.arithmetic import Scale, add, exp, multiply, subtract
from minifcn.functional.operands import dimension, floating
from minifcn.functional.reductions import sum
from minifcn.machine.backend import Array, array_module, at_home

if TYPE_CHECKING:
    from minifcn.tensor import Tensor


class ReLU(Operation):
    """max(x, 0). NaN stays NaN. The derivative at 0 is 0."""

    keeps_operands, keeps_output = False, True

    def forward(self, x: Array) -> Array:
        return elementwise.relu(x)

    def backward(self, grad: Tensor) -> Tensor:
        return Gate()(grad, self.output)


class Gate(Operation):
    """x where y > 0, and 0 elsewhere: the way back through ReLU. Its own transpose; y is only looked at."""

    per_number = 2  # a comparison and a product

    def forward(self, x: Array, y: Array) -> Array:
        return elementwise.gate(x, y)

    def backward(self, grad: Tensor) -> Gradients:
        _, y = self.operands
        return lambda: Gate()(grad, y), None


class LeakyReLU(Scale):
    """x times 1 where x > 0, times `slope` elsewhere."""

    def __init__(self, factor: Array, slope: float) -> None:
        super().__init__(factor)
        self.slope = slope


class Sigmoid(Operation):
    keeps_operands, keeps_output = False, True
    per_number = 4

    def forward(self, x: Array) -> Array:
        return elementwise.sigmoid(x)

    def backward(self, grad: Tensor) -> Tensor:
        y = self.output
        return multiply(grad, multiply(y, subtract(1.0, y)))


class Tanh(Operation):
    keeps_operands, keeps_output = False, True

    def forward(self, x: Array) -> Array:
        return array_module(x).tanh(x)

    def backward(self, grad: Tensor) -> Tensor:
        y = self.output
        return multiply(grad, subtract(1.0, multiply(y, y)))


class SiLU(Operation):
    """x·σ(x);  derivative: σ(x)·(1 + x·(1 − σ(x)))."""

    per_number = 5

    def forward(self, x: Array) -> Array:
        return narrow(elementwise.silu(wide(x)), x.dtype)

    def backward(self, grad: Tensor) -> Tensor:
        (x,) = self.operands
        gate = sigmoid(x)
        return multiply(grad, multiply(gate, add(multiply(x, subtract(1.0, gate)), 1.0)))


class GELU(Operation):
    """x·Φ(x), with Φ(x) the area under the bell curve φ(x) = e^(−x²/2) / √(2π) to the left of x."""

    per_number = 30  # the terms of the polynomial in arrays/normal.py, twice

    def forward(self, x: Array) -> Array:
        return narrow(normal.gelu(wide(x)), x.dtype)

    def backward(self, grad: Tensor) -> Tensor:
        return multiply(grad, GELUSlope()(*self.operands))


class GELUSlope(Operation):
    """Φ(x) + x·φ(x);  derivative: φ(x)·(2 − x²), as that of φ(x) is −x·φ(x)."""

    per_number = 30

    def forward(self, x: Array) -> Array:
        return narrow(normal.gelu_slope(wide(x)), x.dtype)

    def backward(self, grad: Tensor) -> Tensor:
        (x,) = self.operands
        square = multiply(x, x)
        bell = multiply(exp(multiply(square, -0.5)), 1 / normal.ROOT)
        return multiply(grad, multiply(bell, subtract(2.0, square)))


class GELUByTanh(Operation):
    """x·(1 + u)/2,  u = tanh(√(2/π)·(x + a·x³));  derivative: (1 + u)/2 + x·(1 − u²)/2·√(2/π)·(1 + 3·a·x²)."""

    per_number = 9

    def forward(self, x: Array) -> Array:
        return narrow(elementwise.gelu_by_tanh(wide(x)), x.dtype)

    def backward(self, grad: Tensor) -> Tensor:
        (x,) = self.operands
        square, root, a = multiply(x, x), elementwise.GELU_ROOT, elementwise.GELU_CUBIC
        u = tanh(multiply(multiply(x, add(multiply(square, a), 1.0)), root))
        inner = multiply(add(multiply(square, 3 * a), 1.0), root)
        through = multiply(multiply(x, subtract(1.0, multiply(u, u))), inner)
        return multiply(grad, multiply(add(add(u, 1.0), through), 0.5))


class Softmax(Operation):
    """yᵢ = e^(xᵢ) / Σ e^(xⱼ);  backward: y (g − Σ g y)."""

    keeps_operands, keeps_output = False, True
    per_number = 5  # largest, difference, exponential, sum, quotient

    def __init__(self, dim: int) -> None:
        self.dim = dim

    def forward(self, x: Array) -> Array:
        y = array_module(x).exp(wide(x) - x.max(axis=self.dim, keepdims=True))  # largest exponent 0: nothing overflows
        y /= y.sum(axis=self.dim, keepdims=True)
        return narrow(y, x.dtype)

    def backward(self, grad: Tensor) -> Tensor:
        y = self.output
        return multiply(y, subtract(grad, sum(multiply(grad, y), self.dim, keepdim=True)))


class LogSoftmax(Operation):
    """yᵢ = xᵢ − log Σ e^(xⱼ);  backward: g − e^y Σ g."""

    keeps_operands, keeps_output = False, True
    per_number = 5  # largest, difference, exponential, sum, difference

    def __init__(self, dim: int) -> None:
        self.dim = dim

    def forward(self, x: Array) -> Array:
        xp = array_module(x)
        y = wide(x) - x.max(axis=self.dim, keepdims=True)
        y -= xp.log(xp.exp(y).sum(axis=self.dim, keepdims=True))
        return narrow(y, x.dtype)

    def backward(self, grad: Tensor) -> Tensor:
        return subtract(grad, multiply(exp(self.output), sum(grad, self.dim, keepdim=True)))


def relu(x: Tensor) -> Tensor:
    """max(x, 0), element by element; any shape."""
    return ReLU()(floating("relu", x))


def leaky_relu(x: Tensor, negative_slope: float = 0.01) -> Tensor:
    """x where x > 0, else negative_slope · x; any shape."""
    array, slope = floating("leaky_relu", x)._array, number(negative_slope, "leaky_relu: negative_slope")
    with at_home(array):
        return LeakyReLU(array_module(array).where(array > 0, 1.0, slope).astype(x.dtype), slope)(x)


def sigmoid(x: Tensor) -> Tensor:
    """1 / (1 + e⁻ˣ), element by element; any shape."""
    return Sigmoid()(floating("sigmoid", x))


def tanh(x: Tensor) -> Tensor:
    """Hyperbolic tangent, element by element; any shape."""
    return Tanh()(floating("tanh", x))


def silu(x: Tensor) -> Tensor:
    """x·σ(x) = x / (1 + e⁻ˣ), element by element; any shape. Source: Elfwing et al. 2018."""
    return SiLU()(floating("silu", x))


def gelu(x: Tensor, approximate: str = "none") -> Tensor:
    """x·Φ(x) with Φ the normal distribution function, (1 + erf(x/√2)) / 2; any shape.

    approximate   "none", or "tanh" for x/2·(1 + tanh(√(2/π)·(x + 0.044715·x³))), which differs by up to 0.0005

    Source: Hendrycks and Gimpel 2016, §2.
    """
    kind = choice(approximate, "gelu: approximate", ("none", "tanh"))
    return (GELU() if kind == "none" else GELUByTanh())(floating("gelu", x))


def softmax(x: Tensor, dim: int) -> Tensor:
    """e^x / Σ e^x along `dim`; finite for any finite x."""
    return Softmax(_classes("softmax", x, dim))(x)


def log_softmax(x: Tensor, dim: int) -> Tensor:
    """log(softmax(x)) along `dim`, computed without taking the logarithm of a small number."""
    return LogSoftmax(_classes("log_softmax", x, dim))(x)


def _classes(name: str, x: Tensor, dim: int) -> int:
    axis = dimension(name, dim, floating(name, x).ndim)
    if x.shape[axis] == 0:
        raise ArgumentError(f"{name}: dim {dim} of shape {x.shape} has size 0, so no element can be the largest.")
    return axis
