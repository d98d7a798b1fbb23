"""First and second derivatives computed in other ways than minifcn does."""

from __future__ import annotations

from typing import Any

import numpy as np

from minifcn.testing.small_engine import Engine, Value, parts
from minifcn.testing.version import variant


@variant("backward")
def a_small_engine(functions: Any, arrays: Any) -> Any:
    """Reverse mode on one screen: see minifcn.testing.small_engine."""
    return Engine().backward(functions, arrays)


@variant("backward")
def path_by_path(functions: Any, arrays: Any) -> Any:
    """Every way from the result to an array is walked by itself, and what arrives is added: 2ⁿ ways for n doublings."""

    def all_paths(engine: Engine, output: Value) -> dict[Value, Value]:
        arrived: dict[Value, Value] = {}
        stack = [(output, Value(engine, 1.0))]
        while stack:
            node, g = stack.pop()
            if not node.operands:
                arrived[node] = arrived[node] + g if node in arrived else g
            stack.extend(parts(engine, node, g))
        return arrived

    return Engine(walk=all_paths).backward(functions, arrays)


class Dual:
    """value + ε·slope with ε² = 0: every operation carries the derivative along one direction with it.

    value and slope may be Duals themselves, for a second direction.
    """

    def __init__(self, value: Any, slope: Any) -> None:
        self.value, self.slope = value, slope

    def _slope_of(self, other: Any) -> tuple[Any, Any]:
        return (other.value, other.slope) if isinstance(other, Dual) else (other, 0.0 * self.slope)

    def __add__(self, other: Any) -> Dual:
        value, slope = self._slope_of(other)
        return Dual(self.value + value, self.slope + slope)

    def __mul__(self, other: Any) -> Dual:
        value, slope = self._slope_of(other)
        return Dual(self.value * value, self.slope * value + self.value * slope)

    __radd__, __rmul__ = __add__, __mul__

    def __neg__(self) -> Dual:
        return Dual(-self.value, -self.slope)

    def __sub__(self, other: Any) -> Dual:
        return self + -other

    def __rsub__(self, other: Any) -> Dual:
        return -self + other

    def __truediv__(self, other: Any) -> Dual:
        return self * (1.0 / other)

    def __rtruediv__(self, other: Any) -> Dual:
        inverse = 1.0 / self.value
        return Dual(inverse, -self.slope * inverse * inverse) * other

    def __pow__(self, exponent: int) -> Dual:
        if exponent == 0:
            return self * 0.0 + 1.0
        return Dual(self.value**exponent, self.slope * exponent * self.value ** (exponent - 1))

    def sum(self) -> Dual:
        return Dual(self.value.sum(), self.slope.sum())


def _units(x: Any) -> Any:
    """(position, array with a single 1 there)"""
    for at in np.ndindex(*x.shape):
        unit = np.zeros(x.shape)
        unit[at] = 1
        yield at, unit


@variant("backward")
def by_dual_numbers(functions: Any, arrays: Any) -> Any:
    """Forward mode: one run for each element of each array, with dual numbers."""
    found = [np.zeros(x.shape) for x in arrays]
    for number, x in enumerate(arrays):
        for at, unit in _units(x):
            slopes = [unit if other == number else np.zeros(y.shape) for other, y in enumerate(arrays)]
            duals = [Dual(y, slope) for y, slope in zip(arrays, slopes, strict=True)]
            found[number][at] = sum(float(function(*duals).slope) for function in functions)
    return found


@variant("hessian_vector")
def a_small_engine_twice(function: Any, x: Any, direction: Any) -> Any:
    """Reverse mode of reverse mode, by the small engine."""
    return Engine().hessian_vector(function, x, direction)


@variant("hessian_vector")
def by_duals_of_duals(function: Any, x: Any, direction: Any) -> Any:
    """Forward mode of forward mode: dual numbers whose parts are dual numbers, one run for each element."""
    found, nothing = np.zeros(x.shape), np.zeros(x.shape)
    for at, unit in _units(x):
        result = function(Dual(Dual(x, direction), Dual(unit, nothing)))
        found[at] = result.slope.slope
    return found
