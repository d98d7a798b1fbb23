"""Laws of the gradient of a gradient: Hessians times vectors, all exact."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from hypothesis import strategies as st

from minifcn.testing.law import equal, law
from minifcn.testing.operations import Operations
from minifcn.testing.strategies import Draw, seeds, shown, whole_numbers


@dataclass(frozen=True)
class HessianCase:
    """x, and two directions u and v, whole numbers of one shape; power: powers of two of that shape."""

    x: np.ndarray
    u: np.ndarray
    v: np.ndarray
    power: np.ndarray

    def __str__(self) -> str:
        return f"these arrays\n{shown(x=self.x, u=self.u, v=self.v, power=self.power)}"


@st.composite
def hessian_cases(draw: Draw) -> HessianCase:
    shape, seed = draw(st.sampled_from([(3,), (2, 2), (1,), (2, 3)])), draw(seeds())
    generator = np.random.default_rng(seed)
    x, u, v = (whole_numbers(generator if seed else 0, shape) for _ in range(3))
    return HessianCase(x, u[::-1] + 1, v, generator.choice([-2.0, -1.0, 0.5, 1.0, 2.0], shape))


def mixing(x: Any) -> Any:
    """(Σ x²)·(Σ x): of degree 3, and every element meets every other."""
    return (x * x).sum() * x.sum()


def quadratic(x: Any) -> Any:
    """3·(Σ x)² − Σ x² + Σ x"""
    return 3 * x.sum() * x.sum() - (x * x).sum() + x.sum()


@law("hessian_vector", cases=hessian_cases)
def a_power_comes_down_twice(ops: Operations, case: HessianCase) -> None:
    """The second derivative of a power lowers it twice.

    of Σ x^k:   H·v = k·(k − 1)·x^(k−2)·v for k = 2, 3, 4;   of Σ x·x:   H·v = 2·v
    """
    for k in (2, 3, 4):
        found = ops.hessian_vector(lambda x, k=k: (x**k).sum(), case.x, case.v)
        equal(found, k * (k - 1) * case.x ** (k - 2) * case.v, f"H·v of Σ x**{k}")
    equal(ops.hessian_vector(lambda x: (x * x).sum(), case.x, case.v), 2 * case.v, "H·v of Σ x·x")


@law("hessian_vector", cases=hessian_cases)
def a_quotient_bends(ops: Operations, case: HessianCase) -> None:
    """A quotient's derivative depends on its divisor, and so it has a second one. Powers of two keep it exact.

    of Σ 1/x:   H·v = 2·v/x³
    """
    found = ops.hessian_vector(lambda x: (1 / x).sum(), case.power, case.v)
    equal(found, 2 * case.v / case.power**3, "H·v of Σ 1/x")


@law("hessian_vector", cases=hessian_cases)
def elements_that_meet_have_mixed_derivatives(ops: Operations, case: HessianCase) -> None:
    """Where elements are multiplied with each other, moving one changes the slope of all.

    of (Σ x²)·(Σ x):   H·v = 2·(Σ x)·v + 2·(Σ v)·x + 2·⟨x, v⟩
    """
    x, v = case.x, case.v
    expected = 2 * x.sum() * v + 2 * v.sum() * x + 2 * (x * v).sum()
    equal(ops.hessian_vector(mixing, x, v), expected, "H·v of (Σ x²)·(Σ x)")


@law("hessian_vector", cases=hessian_cases)
def the_order_of_differentiation_is_free(ops: Operations, case: HessianCase) -> None:
    """First along u and then along v, or first along v and then along u: the same number.

    ⟨u, H·v⟩ = ⟨v, H·u⟩
    """
    for function, x in ((mixing, case.x), (lambda x: (x.sum() / x).sum(), case.power)):
        one = (ops.hessian_vector(function, x, case.v) * case.u).sum()
        other = (ops.hessian_vector(function, x, case.u) * case.v).sum()
        equal(one, other, "⟨u, H·v⟩, beside ⟨v, H·u⟩,")


@law("hessian_vector", cases=hessian_cases)
def it_is_linear_in_the_direction(ops: Operations, case: HessianCase) -> None:
    """H is a matrix: the product with a sum of directions is the sum of the products.

    H·(2·u − 3·v) = 2·H·u − 3·H·v
    """
    whole = ops.hessian_vector(mixing, case.x, 2 * case.u - 3 * case.v)
    first, second = (ops.hessian_vector(mixing, case.x, direction) for direction in (case.u, case.v))
    equal(whole, 2 * first - 3 * second, "H·(2·u − 3·v)")


@law("hessian_vector", "backward", cases=hessian_cases)
def a_step_changes_the_gradient_by_the_hessian(ops: Operations, case: HessianCase) -> None:
    """The gradient of a quadratic function is linear, so a step of any size changes it by H times the step.

    gradient(x + v) − gradient(x) = H·v   for f = 3·(Σ x)² − Σ x² + Σ x
    """
    (moved,), (still,) = (ops.backward([quadratic], [at.copy()]) for at in (case.x + case.v, case.x))
    equal(ops.hessian_vector(quadratic, case.x, case.v), moved - still, "H·v, beside the change of the gradient,")


@law("hessian_vector", "backward", cases=hessian_cases)
def eulers_rule_for_homogeneous_functions(ops: Operations, case: HessianCase) -> None:
    """Where stretching x by t multiplies f by t^k, the Hessian along x is k − 1 times the gradient (Euler).

    H·x = (k − 1)·gradient(x)   for f = (Σ x²)·(Σ x), k = 3
    """
    (gradient,) = ops.backward([mixing], [case.x.copy()])
    equal(ops.hessian_vector(mixing, case.x, case.x), 2 * gradient, "H·x, beside 2·gradient,")


@law("hessian_vector", cases=hessian_cases)
def the_second_derivative_only_reads(ops: Operations, case: HessianCase) -> None:
    """Neither x nor the direction is changed, and the result is memory of its own.

    after H·v: x and v unchanged
    """
    x, v = case.x.copy(), case.v.copy()
    found = ops.hessian_vector(mixing, x, v)
    found += 1
    equal(x, case.x, "x afterwards")
    equal(v, case.v, "the direction afterwards")
