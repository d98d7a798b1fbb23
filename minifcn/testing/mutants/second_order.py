"""Second derivatives with one mistake each."""

from __future__ import annotations

from typing import Any

import numpy as np

from minifcn.testing import ours
from minifcn.testing.small_engine import RULES, Engine, Value
from minifcn.testing.version import changes, mutant, spoils


def _constant(value: Value) -> Value:
    """The same array, without the operation that made it."""
    return Value(value.engine, value.value)


def differentiated_twice(function: Any, x: Any, direction: Any, *, rules: Any = RULES) -> Any:
    """`hessian_vector` by the small engine, whose rules can be exchanged."""
    return Engine(rules).hessian_vector(function, x, direction)


@mutant("hessian_vector")
def graph_of_the_gradient_cut(function: Any, x: Any, direction: Any) -> Any:
    """The backward pass computes on bare arrays: its result depends on nothing, and the second derivative is 0."""
    return np.zeros_like(x)


@changes("hessian_vector", differentiated_twice)
def first_factor_taken_for_a_constant() -> Any:
    """The backward pass of a product reads one factor as a bare array: half of the second derivative is lost."""
    return {"rules": RULES | {"multiply": lambda g, a, b: (g * _constant(b), g * a)}}


@changes("hessian_vector", differentiated_twice)
def base_of_a_power_taken_for_a_constant() -> Any:
    """The backward pass of a power reads its base as a bare array."""
    return {"rules": RULES | {"power": lambda g, a, k: (g * k * _constant(a) ** (k - 1),)}}


@changes("hessian_vector", differentiated_twice)
def divisor_saved_as_an_array() -> Any:
    """The backward pass of a quotient reads its divisor as a bare array."""
    return {"rules": RULES | {"divide": lambda g, a, b: (g / b, -(g * a) / (_constant(b) * _constant(b)))}}


@changes("hessian_vector", differentiated_twice)
def incoming_gradient_taken_for_a_constant() -> Any:
    """What comes in for a product is read as a bare array: the slopes of what follows are missing."""
    return {"rules": RULES | {"multiply": lambda g, a, b: (_constant(g) * b, _constant(g) * a)}}


@spoils("hessian_vector")
def first_gradient_left_in_grad(right: Any, /, function: Any, x: Any) -> Any:
    """.grad is not cleared between the two backward passes: the first derivative is still in it."""
    return right + ours.backward([function], [x])[0]


@changes("hessian_vector")
def direction_ignored(direction: Any) -> Any:
    """The gradient is summed without the direction."""
    return {"direction": np.ones_like(direction)}


@spoils("hessian_vector")
def only_the_diagonal(x: Any, direction: Any, again: Any) -> Any:
    """Every element's second derivative by itself: what elements have to do with each other is left out."""
    found = np.zeros_like(x)
    for at in np.ndindex(*x.shape):
        unit = np.zeros_like(x)
        unit[at] = 1
        found[at] = again(direction=unit)[at] * direction[at]
    return found


@mutant("hessian_vector")
def by_a_difference_of_gradients(function: Any, x: Any, direction: Any) -> Any:
    """A difference of two gradients with a step of 0.001 stands for the derivative: three digits are right."""
    (ahead,), (here,) = (ours.backward([function], [x + step * direction]) for step in (1e-3, 0.0))
    return (ahead - here) / 1e-3


@spoils("hessian_vector")
def direction_scratched(right: Any, /, direction: Any) -> Any:
    """The direction is multiplied in place and is another one afterwards."""
    direction *= 2
    return right
