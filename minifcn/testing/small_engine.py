"""Reverse-mode differentiation on one screen, with every step exchangeable.

Every value has a gradient, the derivative of the output (a single number) with respect to it; the text says that the
value *receives* it. The output receives 1. By the chain rule an operation turns what its result receives into what its
operands receive (RULES), and a value that is used twice receives the sum. The rules compute with Values, not arrays, so
what they give can be differentiated once more. Numbers and arrays, + − * / **, unary minus and .sum() are known.
`Engine()` is right; each of its five fields can be replaced by a mistake (a "mutant"), to see which laws notice it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

Rule = Callable[..., tuple[Any, ...]]

# What the operands a, b of an operation receive when its result receives g; `extra` is the exponent or a shape.
RULES: dict[str, Rule] = {
    "add": lambda g, a, b: (g, g),
    "subtract": lambda g, a, b: (g, -g),
    "multiply": lambda g, a, b: (g * b, g * a),
    "divide": lambda g, a, b: (g / b, -(g * a) / (b * b)),
    "negative": lambda g, a: (-g,),
    "power": lambda g, a, extra: (g * extra * a ** (extra - 1) if extra else g * 0,),
    "fold": lambda g, a, extra: (g.repeat(a.value.shape),),
    "repeat": lambda g, a, extra: (g.fold(a.value.shape),),
}


def folded(x: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """x summed to `shape`, over the axes that broadcasting `shape` to that of x would add or repeat."""
    new = x.ndim - len(shape)
    axes = tuple(i for i in range(x.ndim) if i < new or (shape[i - new] == 1 and x.shape[i] != 1))
    return x.sum(axes).reshape(shape)


class Value:
    """An array, and which operation made it of which operands."""

    def __init__(self, engine: Engine, value: Any, name: str = "", operands: Any = (), *extra: Any) -> None:
        self.engine, self.value, self.name = engine, np.asarray(value, float), name
        self.operands: tuple[Value, ...] = tuple(operands)
        self.extra = extra
        self.grad: np.ndarray | None = None

    def _with(self, name: str, other: Any, compute: Any, swapped: bool = False) -> Value:
        other = other if isinstance(other, Value) else Value(self.engine, other)
        a, b = (other, self) if swapped else (self, other)
        return Value(self.engine, compute(a.value, b.value), name, (a, b))

    def __add__(self, other: Any) -> Value:
        return self._with("add", other, np.add)

    def __sub__(self, other: Any) -> Value:
        return self._with("subtract", other, np.subtract)

    def __rsub__(self, other: Any) -> Value:
        return self._with("subtract", other, np.subtract, self.engine.numbers_on_the_left)

    def __mul__(self, other: Any) -> Value:
        return self._with("multiply", other, np.multiply)

    def __truediv__(self, other: Any) -> Value:
        return self._with("divide", other, np.divide)

    def __rtruediv__(self, other: Any) -> Value:
        return self._with("divide", other, np.divide, self.engine.numbers_on_the_left)

    __radd__, __rmul__ = __add__, __mul__

    def __neg__(self) -> Value:
        return Value(self.engine, -self.value, "negative", (self,))

    def __pow__(self, exponent: float) -> Value:
        return Value(self.engine, self.value ** float(exponent), "power", (self,), exponent)

    def sum(self) -> Value:
        return self.fold(())

    def fold(self, shape: tuple[int, ...]) -> Value:
        return Value(self.engine, folded(self.value, shape), "fold", (self,), shape)

    def repeat(self, shape: tuple[int, ...]) -> Value:
        return Value(self.engine, np.broadcast_to(self.value, shape), "repeat", (self,), shape)


def parts(engine: Engine, node: Value, g: Value) -> list[tuple[Value, Value]]:
    """Every operand of `node` with what it receives when `node` receives g, in the operand's own shape."""
    if not node.operands:
        return []
    received = engine.rules[node.name](g, *node.operands, *node.extra)
    return [(a, engine.unbroadcast(part, a.value.shape)) for a, part in zip(node.operands, received, strict=True)]


def unbroadcast(g: Value, shape: tuple[int, ...]) -> Value:
    """A value that was repeated by broadcasting receives the sum of what its copies received."""
    return g if g.value.shape == shape else g.fold(shape)


def ordered(output: Value) -> list[Value]:
    """All values that `output` depends on, users before what they use."""
    finished: list[Value] = []
    seen: set[int] = set()
    stack = [(output, False)]
    while stack:
        node, expanded = stack.pop()
        if expanded:
            finished.append(node)
        elif id(node) not in seen:
            seen.add(id(node))
            stack.append((node, True))
            stack.extend((operand, False) for operand in node.operands)
    return finished[::-1]


def walk(engine: Engine, output: Value) -> dict[Value, Value]:
    """What every value receives: each operation is asked once, when all users of its result have contributed."""
    received = {output: Value(engine, 1.0)}
    for node in ordered(output):
        for operand, part in parts(engine, node, received[node]):
            received[operand] = received[operand] + part if operand in received else part
    return received


def store(leaf: Value, gradient: np.ndarray) -> None:
    """`.grad` collects what comes in from every backward."""
    leaf.grad = gradient.copy() if leaf.grad is None else leaf.grad + gradient


@dataclass(frozen=True)
class Engine:
    """The first four fields are functions, not methods: walk is given the engine. Last: whether 3 − x is not x − 3."""

    rules: dict[str, Rule] = field(default_factory=lambda: dict(RULES))
    unbroadcast: Callable[[Value, tuple[int, ...]], Value] = unbroadcast
    walk: Callable[[Engine, Value], dict[Value, Value]] = walk
    store: Callable[[Value, np.ndarray], None] = store
    numbers_on_the_left: bool = True

    def backward(self, functions: Sequence[Callable[..., Any]], arrays: Sequence[Any]) -> list[np.ndarray]:
        """The gradient of each array, added up over the functions (single numbers), as `.grad` does over backwards."""
        leaves = [Value(self, array) for array in arrays]
        for function in functions:
            received = self.walk(self, function(*leaves))
            for leaf in leaves:
                if leaf in received:
                    self.store(leaf, received[leaf].value)
        return [np.zeros(x.value.shape) if x.grad is None else np.array(x.grad) for x in leaves]

    def hessian_vector(self, function: Callable[..., Any], x: Any, direction: Any) -> np.ndarray:
        """H · direction: the gradient of the number ⟨gradient, direction⟩."""
        leaf = Value(self, x)
        first = self.walk(self, function(leaf))[leaf]
        second = self.walk(self, (first * Value(self, direction)).sum())
        return second[leaf].value if leaf in second else np.zeros_like(leaf.value)
