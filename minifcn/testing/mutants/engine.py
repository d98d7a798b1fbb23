"""Engines with one mistake each, in the order of the walk, in what is stored, or in a rule."""

from __future__ import annotations

from typing import Any

import numpy as np

from minifcn.testing.small_engine import RULES, Engine, Value, ordered, parts, store, unbroadcast, walk
from minifcn.testing.version import changes, spoils

Received = dict[Value, Value]


def differentiated(functions: Any, arrays: Any, *, rules: Any = RULES, unbroadcast: Any = unbroadcast,
                   walk: Any = walk, store: Any = store, numbers_on_the_left: bool = True) -> Any:  # fmt: skip
    """`backward` by the small engine, whose parts can be exchanged."""
    return Engine(rules, unbroadcast, walk, store, numbers_on_the_left).backward(functions, arrays)


# --- the walk ---------------------------------------------------------------------------------------------------------


@changes("backward", differentiated)
def gradient_overwritten_on_reuse() -> Any:
    """A value that is used twice keeps only what came in last: = instead of +=."""

    def overwriting(engine: Engine, output: Value) -> Received:
        received = {output: Value(engine, 1.0)}
        for node in ordered(output):
            received |= dict(parts(engine, node, received[node]))
        return received

    return {"walk": overwriting}


@changes("backward", differentiated)
def walks_depth_first() -> Any:
    """Every contribution is handed on at once, and with it again all that had come before: too much is counted."""

    def depth_first(engine: Engine, output: Value) -> Received:
        received = {output: Value(engine, 1.0)}
        stack = [output]
        while stack:
            node = stack.pop()
            for operand, part in parts(engine, node, received[node]):
                received[operand] = received[operand] + part if operand in received else part
                stack.append(operand)
        return received

    return {"walk": depth_first}


@changes("backward", differentiated)
def walks_level_by_level() -> Any:
    """Values are visited once, those near the result first: what comes in later, by a longer way, is not handed on."""

    def breadth_first(engine: Engine, output: Value) -> Received:
        received, queue, seen = {output: Value(engine, 1.0)}, [output], {output}
        for node in queue:
            for operand, part in parts(engine, node, received[node]):
                received[operand] = received[operand] + part if operand in received else part
                if operand not in seen:
                    seen.add(operand)
                    queue.append(operand)
        return received

    return {"walk": breadth_first}


@changes("backward", differentiated)
def one_array_as_both_operands_counts_once() -> Any:
    """The operands of an operation are kept in a set: where both are one array, half of its gradient is lost."""

    def with_sets(engine: Engine, output: Value) -> Received:
        received = {output: Value(engine, 1.0)}
        for node in ordered(output):
            for operand, part in dict(reversed(parts(engine, node, received[node]))).items():
                received[operand] = received[operand] + part if operand in received else part
        return received

    return {"walk": with_sets}


@changes("backward", differentiated)
def ordered_by_recursion() -> Any:
    """The order is found by a function that calls itself: Python allows about a thousand calls within each other."""

    def recursive(engine: Engine, output: Value) -> Received:
        seen: set[Value] = set()

        def visit(node: Value) -> None:
            if node not in seen:
                seen.add(node)
                for operand in node.operands:
                    visit(operand)

        visit(output)
        return walk(engine, output)

    return {"walk": recursive}


# --- what is stored ---------------------------------------------------------------------------------------------------


@changes("backward", differentiated)
def grad_overwritten_by_the_second_backward() -> Any:
    """A second backward replaces what the first one left in .grad."""

    def replacing(leaf: Value, gradient: np.ndarray) -> None:
        leaf.grad = gradient

    return {"store": replacing}


@changes("backward", differentiated)
def added_in_place_to_shared_memory() -> Any:
    """The terms of a sum are given one and the same array as gradient, and the second backward adds to it in place."""

    def in_place(leaf: Value, gradient: np.ndarray) -> None:
        if leaf.grad is None:
            leaf.grad = gradient
        else:
            leaf.grad = leaf.grad if leaf.grad.flags.writeable else leaf.grad.copy()
            leaf.grad += gradient

    def whole(engine: Engine, output: Value) -> Received:
        received = walk(engine, output)
        for value in received.values():  # a broadcast view becomes an array, but one array for all who share it
            value.value = value.value if value.value.flags.writeable else value.value.copy()
        return received

    return {"store": in_place, "walk": whole}


@spoils("backward")
def one_gradient_for_both_terms(found: Any, /) -> Any:
    """Gradients of one shape and the same values are handed out as one array; whoever changes one changes both."""
    for i, gradient in enumerate(found):
        for j in range(i):
            if found[j].shape == gradient.shape and (found[j] == gradient).all():
                found[i] = found[j]
    return found


@spoils("backward")
def gradient_kept_in_the_array(found: Any, /, arrays: Any) -> Any:
    """The gradient is written over the array that it belongs to, which the caller still needs."""
    for array, gradient in zip(arrays, found, strict=True):
        if array.flags.writeable:
            array[...] = gradient
    return found


@spoils("backward")
def unused_arrays_receive_ones(found: Any, /) -> Any:
    """.grad begins at 1 instead of 0 where nothing comes in."""
    return [g if g.any() else np.ones_like(g) for g in found]


# --- broadcasting -----------------------------------------------------------------------------------------------------


@changes("backward", differentiated)
def broadcast_gradient_not_summed() -> Any:
    """A repeated operand receives a gradient of the result's shape, not of its own."""
    return {"unbroadcast": lambda g, shape: g}


@changes("backward", differentiated)
def broadcast_gradient_averaged() -> Any:
    """What the copies of a repeated operand received is averaged instead of summed."""

    def averaged(g: Value, shape: tuple[int, ...]) -> Value:
        few = max(int(np.prod(shape)), 1)
        return g if g.value.shape == shape else g.fold(shape) * (few / g.value.size)

    return {"unbroadcast": averaged}


@changes("backward", differentiated)
def only_missing_axes_summed() -> Any:
    """Axes that the operand lacks are summed, axes of length 1 are not: the first copy's gradient is taken there."""

    def partly(g: Value, shape: tuple[int, ...]) -> Value:
        if g.value.shape == shape:
            return g
        tail = g.fold(g.value.shape[g.value.ndim - len(shape) :])
        return Value(g.engine, tail.value[tuple(slice(0, size) for size in shape)])

    return {"unbroadcast": partly}


# --- the rules --------------------------------------------------------------------------------------------------------


@changes("backward", differentiated)
def sign_of_a_difference_lost() -> Any:
    """What is subtracted receives the gradient with the sign of what it is subtracted from."""
    return {"rules": RULES | {"subtract": lambda g, a, b: (g, g)}}


@changes("backward", differentiated)
def negative_counted_as_positive() -> Any:
    """The unary minus is forgotten in the backward pass."""
    return {"rules": RULES | {"negative": lambda g, a: (g,)}}


@changes("backward", differentiated)
def factors_receive_themselves() -> Any:
    """Each factor receives the gradient times itself instead of times the other one."""
    return {"rules": RULES | {"multiply": lambda g, a, b: (g * a, g * b)}}


@changes("backward", differentiated)
def divisor_not_squared() -> Any:
    """The divisor receives −g·a/b: the square is missing below."""
    return {"rules": RULES | {"divide": lambda g, a, b: (g / b, -(g * a) / b)}}


@changes("backward", differentiated)
def divisor_taken_for_a_constant() -> Any:
    """Only what is divided receives a gradient, the divisor none."""
    return {"rules": RULES | {"divide": lambda g, a, b: (g / b, b * 0)}}


@changes("backward", differentiated)
def exponent_not_lowered() -> Any:
    """The derivative of a^k is taken for k·a^k."""
    return {"rules": RULES | {"power": lambda g, a, k: (g * k * a**k,)}}


@changes("backward", differentiated)
def exponent_forgotten() -> Any:
    """The derivative of a^k is taken for a^(k−1), without the factor k."""
    return {"rules": RULES | {"power": lambda g, a, k: (g * a ** (k - 1) if k else g * 0,)}}


@changes("backward", differentiated)
def zeroth_power_by_the_formula() -> Any:
    """The derivative of a^0 is computed as 0·a^(−1), which is NaN where a is 0."""
    return {"rules": RULES | {"power": lambda g, a, k: (g * k * a ** (k - 1),)}}


@changes("backward", differentiated)
def incoming_gradient_ignored_by_sums() -> Any:
    """.sum() hands on ones, whatever comes in: right only where the sum is the result."""
    return {"rules": RULES | {"fold": lambda g, a, shape: ((g * 0 + 1).repeat(a.value.shape),)}}


@changes("backward", differentiated)
def incoming_gradient_ignored_by_products() -> Any:
    """A factor receives the other factor, without the gradient that comes in."""
    return {"rules": RULES | {"multiply": lambda g, a, b: (g * 0 + b, g * 0 + a)}}


@changes("backward", differentiated)
def numbers_on_the_left_exchanged() -> Any:
    """3 − a is computed as a − 3, and 2/a as a/2: __rsub__ is __sub__."""
    return {"numbers_on_the_left": False}
