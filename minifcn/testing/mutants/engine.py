"""Engines with one mistake each, in the order of the walk, in what is stored, or in a rule."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from minifcn.testing import ours
from minifcn.testing.small_engine import RULES, Engine, Value, ordered, parts, walk
from minifcn.testing.version import mutant

Received = dict[Value, Value]


def _with_rule(name: str, rule: Callable[..., Any]) -> Engine:
    return Engine({**RULES, name: rule})


# --- the walk ---------------------------------------------------------------------------------------------------------


@mutant("backward")
def gradient_overwritten_on_reuse(functions: Any, arrays: Any) -> Any:
    """A value that is used twice keeps only what came in last: = instead of +=."""

    def overwriting(engine: Engine, output: Value) -> Received:
        received = {output: Value(engine, 1.0)}
        for node in ordered(output):
            received |= dict(parts(engine, node, received[node]))
        return received

    return Engine(walk=overwriting).backward(functions, arrays)


@mutant("backward")
def walks_depth_first(functions: Any, arrays: Any) -> Any:
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

    return Engine(walk=depth_first).backward(functions, arrays)


@mutant("backward")
def walks_level_by_level(functions: Any, arrays: Any) -> Any:
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

    return Engine(walk=breadth_first).backward(functions, arrays)


@mutant("backward")
def one_array_as_both_operands_counts_once(functions: Any, arrays: Any) -> Any:
    """The operands of an operation are kept in a set: where both are one array, half of its gradient is lost."""

    def with_sets(engine: Engine, output: Value) -> Received:
        received = {output: Value(engine, 1.0)}
        for node in ordered(output):
            for operand, part in dict(reversed(parts(engine, node, received[node]))).items():
                received[operand] = received[operand] + part if operand in received else part
        return received

    return Engine(walk=with_sets).backward(functions, arrays)


@mutant("backward")
def ordered_by_recursion(functions: Any, arrays: Any) -> Any:
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

    return Engine(walk=recursive).backward(functions, arrays)


# --- what is stored ---------------------------------------------------------------------------------------------------


@mutant("backward")
def grad_overwritten_by_the_second_backward(functions: Any, arrays: Any) -> Any:
    """A second backward replaces what the first one left in .grad."""

    def replacing(leaf: Value, gradient: np.ndarray) -> None:
        leaf.grad = gradient

    return Engine(store=replacing).backward(functions, arrays)


@mutant("backward")
def added_in_place_to_shared_memory(functions: Any, arrays: Any) -> Any:
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

    return Engine(store=in_place, walk=whole).backward(functions, arrays)


@mutant("backward")
def one_gradient_for_both_terms(functions: Any, arrays: Any) -> Any:
    """Gradients of one shape and the same values are handed out as one array; whoever changes one changes both."""
    found = ours.backward(functions, arrays)
    for i, gradient in enumerate(found):
        for j in range(i):
            if found[j].shape == gradient.shape and (found[j] == gradient).all():
                found[i] = found[j]
    return found


@mutant("backward")
def unused_arrays_receive_ones(functions: Any, arrays: Any) -> Any:
    """.grad begins at 1 instead of 0 where nothing comes in."""
    found = ours.backward(functions, arrays)
    return [g if g.any() else np.ones_like(g) for g in found]


# --- broadcasting -----------------------------------------------------------------------------------------------------


@mutant("backward")
def broadcast_gradient_not_summed(functions: Any, arrays: Any) -> Any:
    """A repeated operand receives a gradient of the result's shape, not of its own."""
    return Engine(unbroadcast=lambda g, shape: g).backward(functions, arrays)


@mutant("backward")
def broadcast_gradient_averaged(functions: Any, arrays: Any) -> Any:
    """What the copies of a repeated operand received is averaged instead of summed."""

    def averaged(g: Value, shape: tuple[int, ...]) -> Value:
        few = max(int(np.prod(shape)), 1)
        return g if g.value.shape == shape else g.fold(shape) * (few / g.value.size)

    return Engine(unbroadcast=averaged).backward(functions, arrays)


@mutant("backward")
def only_missing_axes_summed(functions: Any, arrays: Any) -> Any:
    """Axes that the operand lacks are summed, axes of length 1 are not: the first copy's gradient is taken there."""

    def partly(g: Value, shape: tuple[int, ...]) -> Value:
        if g.value.shape == shape:
            return g
        tail = g.fold(g.value.shape[g.value.ndim - len(shape) :])
        return Value(g.engine, tail.value[tuple(slice(0, size) for size in shape)])

    return Engine(unbroadcast=partly).backward(functions, arrays)


# --- the rules --------------------------------------------------------------------------------------------------------


@mutant("backward")
def sign_of_a_difference_lost(functions: Any, arrays: Any) -> Any:
    """What is subtracted receives the gradient with the sign of what it is subtracted from."""
    return _with_rule("subtract", lambda g, a, b: (g, g)).backward(functions, arrays)


@mutant("backward")
def negative_counted_as_positive(functions: Any, arrays: Any) -> Any:
    """The unary minus is forgotten in the backward pass."""
    return _with_rule("negative", lambda g, a: (g,)).backward(functions, arrays)


@mutant("backward")
def factors_receive_themselves(functions: Any, arrays: Any) -> Any:
    """Each factor receives the gradient times itself instead of times the other one."""
    return _with_rule("multiply", lambda g, a, b: (g * a, g * b)).backward(functions, arrays)


@mutant("backward")
def divisor_not_squared(functions: Any, arrays: Any) -> Any:
    """The divisor receives −g·a/b: the square is missing below."""
    return _with_rule("divide", lambda g, a, b: (g / b, -(g * a) / b)).backward(functions, arrays)


@mutant("backward")
def divisor_taken_for_a_constant(functions: Any, arrays: Any) -> Any:
    """Only what is divided receives a gradient, the divisor none."""
    return _with_rule("divide", lambda g, a, b: (g / b, b * 0)).backward(functions, arrays)


@mutant("backward")
def exponent_not_lowered(functions: Any, arrays: Any) -> Any:
    """The derivative of a^k is taken for k·a^k."""
    return _with_rule("power", lambda g, a, k: (g * k * a**k,)).backward(functions, arrays)


@mutant("backward")
def exponent_forgotten(functions: Any, arrays: Any) -> Any:
    """The derivative of a^k is taken for a^(k−1), without the factor k."""
    return _with_rule("power", lambda g, a, k: (g * a ** (k - 1) if k else g * 0,)).backward(functions, arrays)


@mutant("backward")
def zeroth_power_by_the_formula(functions: Any, arrays: Any) -> Any:
    """The derivative of a^0 is computed as 0·a^(−1), which is NaN where a is 0."""
    return _with_rule("power", lambda g, a, k: (g * k * a ** (k - 1),)).backward(functions, arrays)


@mutant("backward")
def incoming_gradient_ignored_by_sums(functions: Any, arrays: Any) -> Any:
    """.sum() hands on ones, whatever comes in: right only where the sum is the result."""
    return _with_rule("fold", lambda g, a, shape: ((g * 0 + 1).spread(a.value.shape),)).backward(functions, arrays)


@mutant("backward")
def incoming_gradient_ignored_by_products(functions: Any, arrays: Any) -> Any:
    """A factor receives the other factor, without the gradient that comes in."""
    return _with_rule("multiply", lambda g, a, b: (g * 0 + b, g * 0 + a)).backward(functions, arrays)


@mutant("backward")
def numbers_on_the_left_exchanged(functions: Any, arrays: Any) -> Any:
    """3 − a is computed as a − 3, and 2/a as a/2: __rsub__ is __sub__."""
    return replace(Engine(), numbers_on_the_left=False).backward(functions, arrays)
