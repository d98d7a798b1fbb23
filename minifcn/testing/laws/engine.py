"""Laws of autograd: what is left in `.grad` after backward. Functions are built of + − * / ** and .sum(); all exact."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
from hypothesis import strategies as st

from minifcn.testing.law import demand, equal, law
from minifcn.testing.operations import Operations
from minifcn.testing.strategies import Draw, seeds, shown, whole_numbers

NAMES = "a", "b", "c"


@dataclass(frozen=True)
class EngineCase:
    """Whole numbers: a, b and c of shapes that broadcast, c of the full shape; powers of two; small coefficients."""

    a: np.ndarray
    b: np.ndarray
    c: np.ndarray
    power: np.ndarray
    coefficients: tuple[int, ...]

    def __str__(self) -> str:
        arrays = shown(a=self.a, b=self.b, c=self.c, power=self.power)
        return f"these arrays, and the coefficients {', '.join(map(str, self.coefficients))}\n{arrays}"


@st.composite
def engine_cases(draw: Draw) -> EngineCase:
    """a or b is repeated along rows, columns, both or neither, or is a single number; `power` has b's shape."""
    shapes = [(3,), (2, 3), (2, 3), (2, 1), (1, 3), (1, 1), ()]
    first, second = draw(st.sampled_from(shapes)), draw(st.sampled_from(shapes))
    full = np.broadcast_shapes(first, second)
    coefficients = tuple(draw(st.lists(st.integers(-3, 3), min_size=2, max_size=5)))
    seed = draw(seeds())
    generator = np.random.default_rng(seed)
    power = generator.choice([-4.0, -2.0, -1.0, 0.5, 1.0, 2.0, 4.0], second)
    a, b, c = (whole_numbers(generator if seed else 0, shape) for shape in (first, second, full))
    return EngineCase(a, b, c, np.asarray(power), coefficients)


def folded(values: Any, like: np.ndarray) -> np.ndarray:
    """Summed over the axes along which `like` is repeated."""
    values = np.asarray(values)
    values = values.sum(tuple(range(values.ndim - like.ndim)))
    repeated = tuple(i for i, size in enumerate(like.shape) if size == 1)
    total: np.ndarray = values.sum(repeated, keepdims=True) if repeated else values
    return total


def received(ops: Operations, function: Callable[..., Any], *arrays: np.ndarray) -> list[np.ndarray]:
    """What the arrays' gradients are after one backward of `function`."""
    return list(ops.backward([function], [array.copy() for array in arrays]))


def agree(found: list[np.ndarray], expected: list[Any], names: tuple[str, ...] = NAMES) -> None:
    for name, gradient, right in zip(names, found, expected, strict=False):
        equal(gradient, right, f"the gradient of {name}")


# --- one operation ----------------------------------------------------------------------------------------------------


@law("backward", cases=engine_cases)
def terms_receive_what_their_sum_receives(ops: Operations, case: EngineCase) -> None:
    """A term receives 1 for each time that it stands in a sum, however the brackets lie. All shapes are equal here.

    of Σ (c + (d + c)):   ∂c = 2, ∂d = 1;   of Σ c + Σ d:   ∂c = 1, ∂d = 1
    """
    c, d = case.c, np.broadcast_to(case.a - case.b, case.c.shape)
    two, one = np.full_like(c, 2), np.ones_like(c)
    agree(received(ops, lambda c, d: (c + (d + c)).sum(), c, d), [two, one], ("c", "d"))
    agree(received(ops, lambda c, d: c.sum() + d.sum(), c, d), [one, one], ("c", "d"))


@law("backward", cases=engine_cases)
def a_sum_hands_its_gradient_to_both(ops: Operations, case: EngineCase) -> None:
    """Both terms of a sum receive what the sum receives; a term repeated by broadcasting receives all of its copies'.

    of Σ (a + b)·c:   ∂a = c, ∂b = c, each summed over the axes along which it is repeated
    """
    found = received(ops, lambda a, b, c: ((a + b) * c).sum(), case.a, case.b, case.c)
    agree(found, [folded(case.c, case.a), folded(case.c, case.b), case.a + case.b])


@law("backward", cases=engine_cases)
def what_is_subtracted_receives_minus(ops: Operations, case: EngineCase) -> None:
    """The second operand of a difference receives the gradient with the other sign, a number on the left or not.

    of Σ (a − b)·c:   ∂a = c, ∂b = −c;   of Σ (3 − a)·c:   ∂a = −c;   of Σ −a·c:   ∂a = −c
    """
    found = received(ops, lambda a, b, c: ((a - b) * c).sum(), case.a, case.b, case.c)
    agree(found, [folded(case.c, case.a), folded(-case.c, case.b), case.a - case.b])
    both = [folded(-case.c, case.a), np.broadcast_to(3 - case.a, case.c.shape)]
    agree(received(ops, lambda a, c: ((3 - a) * c).sum(), case.a, case.c), both, ("a in 3 − a", "c"))
    minus = [folded(-case.c, case.a), np.broadcast_to(-case.a, case.c.shape)]
    agree(received(ops, lambda a, c: (-a * c).sum(), case.a, case.c), minus, ("a in −a", "c"))


@law("backward", cases=engine_cases)
def each_factor_receives_the_other(ops: Operations, case: EngineCase) -> None:
    """A factor receives the gradient times the other factor.

    of Σ a·b·c:   ∂a = b·c, ∂b = a·c, ∂c = a·b
    """
    a, b, c = case.a, case.b, case.c
    found = received(ops, lambda a, b, c: (a * b * c).sum(), a, b, c)
    agree(found, [folded(b * c, a), folded(a * c, b), a * b])


@law("backward", cases=engine_cases)
def a_quotient_has_two_derivatives(ops: Operations, case: EngineCase) -> None:
    """The divisor receives, too: minus the quotient, divided once more. Powers of two keep it exact.

    of Σ a/b·c:   ∂a = c/b, ∂b = −a·c/b²;   of Σ 2/b:   ∂b = −2/b²
    """
    a, b, c = case.a, case.power, case.c
    found = received(ops, lambda a, b, c: (a / b * c).sum(), a, b, c)
    agree(found, [folded(c / b, a), folded(-a * c / b**2, b), a / b])
    agree(received(ops, lambda b: (2 / b).sum(), b), [-2 / b**2], ("b in 2/b",))


@law("backward", cases=engine_cases)
def a_power_comes_down(ops: Operations, case: EngineCase) -> None:
    """The exponent becomes a factor and goes down by one; the zeroth power is constant, even at 0.

    of Σ a^k·c:   ∂a = k·a^(k−1)·c for k = 0, 1, 2, 3
    """
    zero = case.a.copy()
    zero.flat[0] = 0
    for k, a in product(range(4), (case.a, zero)):
        slope = k * a ** max(k - 1, 0) * case.c
        found = received(ops, lambda a, c, k=k: (a**k * c).sum(), a, case.c)
        agree(found, [folded(slope, a), np.broadcast_to(a**k, case.c.shape)], (f"a in a**{k}", "c"))


@law("backward", cases=engine_cases)
def both_operands_may_be_one_array(ops: Operations, case: EngineCase) -> None:
    """An array that is both operands of one operation receives twice.

    a·a: 2a,   a + a: 2,   a − a: 0,   a/a: 0
    """
    a, power = case.a, case.power
    agree(received(ops, lambda a: (a * a).sum(), a), [2 * a], ("a in a·a",))
    agree(received(ops, lambda a: (a + a).sum(), a), [np.full_like(a, 2)], ("a in a + a",))
    agree(received(ops, lambda a: (a - a).sum(), a), [np.zeros_like(a)], ("a in a − a",))
    agree(received(ops, lambda a: (a / a).sum(), power), [np.zeros_like(power)], ("a in a/a",))


# --- many of them -----------------------------------------------------------------------------------------------------


@law("backward", cases=engine_cases)
def gradients_of_a_sum_add_up(ops: Operations, case: EngineCase) -> None:
    """Backward is linear: what a value receives from two uses is added, each times what comes in for it.

    gradient of 3·f − 2·g = 3·gradient of f − 2·gradient of g   for f = Σ a·b·c, g = (Σ a)·Σ b·b
    """

    def f(a: Any, b: Any, c: Any) -> Any:
        return (a * b * c).sum()

    def g(a: Any, b: Any, c: Any) -> Any:
        return a.sum() * (b * b).sum()

    arrays = case.a, case.b, case.c
    both = received(ops, lambda *x: 3 * f(*x) - 2 * g(*x), *arrays)
    apart = zip(received(ops, f, *arrays), received(ops, g, *arrays), strict=True)
    agree(both, [3 * x - 2 * y for x, y in apart])


@law("backward", cases=engine_cases)
def a_chain_multiplies_its_slopes(ops: Operations, case: EngineCase) -> None:
    """The slope of a function of a function is the product of the slopes.

    of f·f:   2·f·gradient of f   for f = Σ a·b
    """
    arrays = case.a, case.b
    f = float((case.a * case.b).sum())
    inner = received(ops, lambda a, b: (a * b).sum(), *arrays)

    def squared(a: Any, b: Any) -> Any:
        value = (a * b).sum()
        return value * value

    agree(received(ops, squared, *arrays), [2 * f * gradient for gradient in inner])


@law("backward", cases=engine_cases)
def doubling_again_and_again(ops: Operations, case: EngineCase) -> None:
    """b = a + a, then b = b + b, and so on: n doublings give 2ⁿ, for each value is handed on once, when it is complete.

    of Σ 2ⁿ·a:   ∂a = 2ⁿ for n = 1 ... 6
    """
    for n in range(1, 7):

        def doubled(a: Any, n: int = n) -> Any:
            for _ in range(n):
                a = a + a
            return a.sum()

        agree(received(ops, doubled, case.a), [np.full_like(case.a, 2**n)], (f"a after {n} doublings",))


@law("backward", cases=engine_cases)
def a_polynomial_has_its_derivative(ops: Operations, case: EngineCase) -> None:
    """Horner's rule uses one value at every depth: near the result and far from it.

    of Σ p(u), p(u) = (...(k_0·u + k_1)·u + ...)·u + k_m with u = a + 1:   ∂a = p'(u)
    """

    def polynomial(a: Any) -> Any:
        u = a + 1
        value = u * case.coefficients[0]
        for k in case.coefficients[1:]:
            value = (value + k) * u
        return value.sum()

    p = np.polynomial.Polynomial((0, *case.coefficients[::-1]))
    agree(received(ops, polynomial, case.a), [p.deriv()(case.a + 1)], ("a",))


@law("backward", cases=engine_cases)
def a_second_backward_adds(ops: Operations, case: EngineCase) -> None:
    """A second backward adds to what the first one left in `.grad`, in each array's own memory.

    after backward of f and of g: gradient of f + gradient of g
    """

    def f(a: Any, b: Any, c: Any) -> Any:
        return ((a + b) + c).sum()

    def g(a: Any, b: Any, c: Any) -> Any:
        return (a * c).sum()

    arrays = [case.a, case.b, case.c]
    for first, second in ((f, g), (f, f), (g, f)):
        both = ops.backward([first, second], [array.copy() for array in arrays])
        apart = zip(received(ops, first, *arrays), received(ops, second, *arrays), strict=True)
        agree(both, [x + y for x, y in apart])


@law("backward", cases=engine_cases)
def what_is_not_used_receives_zero(ops: Operations, case: EngineCase) -> None:
    """An array on which the result does not depend receives 0, in its own shape.

    of Σ a·a:   ∂b = 0
    """
    agree(received(ops, lambda a, b: (a * a).sum(), case.a, case.b), [2 * case.a, np.zeros_like(case.b)])


@law("backward", cases=lambda: st.just("y = a, then 3000 times y = y + b, for a = [1, 2], b = [3, 4]"))
def long_chains_need_no_recursion(ops: Operations, case: str) -> None:
    """A chain of 3000 operations is longer than Python may call functions within each other.

    of Σ (a + b + b + ... + b):   ∂a = 1, ∂b = 3000
    """

    def chain(a: Any, b: Any) -> Any:
        for _ in range(3000):
            a = a + b
        return a.sum()

    agree(received(ops, chain, np.array([1.0, 2.0]), np.array([3.0, 4.0])), [np.ones(2), np.full(2, 3000.0)])


@law("backward", cases=engine_cases)
def differentiated_arrays_are_only_read(ops: Operations, case: EngineCase) -> None:
    """Forward and backward leave the arrays as they are, and every gradient has memory of its own.

    after backward of Σ (a + b + c): a, b, c unchanged; no gradient shares memory with another or with an array
    """
    arrays = [case.a.copy(), case.b.copy(), case.c.copy()]
    found = ops.backward([lambda a, b, c: (a + b + c).sum()], arrays)
    for name, array, before in zip(NAMES, arrays, (case.a, case.b, case.c), strict=True):
        equal(array, before, f"{name} afterwards")
    for i, gradient in enumerate(found):
        others = [*arrays, *found[:i]]
        demand(not any(np.shares_memory(gradient, other) for other in others),
               f"The gradient of {NAMES[i]} shares memory with an array or with another gradient.")  # fmt: skip
