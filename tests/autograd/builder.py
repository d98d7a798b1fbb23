"""Random graphs, built twice: of Tensors by the library and of the expression trees of `naive.py`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

import minifcn.functional as F
from minifcn import Tensor
from minifcn.autograd import set_grad_enabled
from tests.autograd import naive
from tests.autograd.naive import Node, constant, fixed

LARGEST, MOST = 1000, 16  # larger values, and results of more elements, are not kept
SHAPES = [(), (3,), (2, 1), (2, 3), (3, 2), (1, 1, 2, 3), (1, 2, 3, 2), (2, 1, 2, 1)]
SMOOTH = {
    "negative": (F.negative, np.negative),
    "square": (lambda x: x**2, lambda x: naive.power(x, 2)),
    "cube": (lambda x: x**3, lambda x: naive.power(x, 3)),
    "first power": (lambda x: x**1, lambda x: x),
    "inverse": (lambda x: x**-1, lambda x: naive.power(x, -1)),
    "exp": (F.exp, naive.exp),
}
KINKED = {
    "clamp": (lambda x: x.clamp(-1, 2), lambda x: naive.clamp(x, -1, 2)),
    "relu": (F.relu, naive.relu),
    "abs": (F.abs, naive.absolute),
    "amax": (F.amax, naive.amax),
}
METHODS = ["leaf", "add", "subtract", "multiply", "divide", "sum", "reshape", "permute", "getitem", "cat", "matmul"]
IMAGES = ["conv2d", "conv_transpose2d", "max_pool2d"]
choose = st.sampled_from


def root(array: np.ndarray) -> np.ndarray:
    """The array whose memory it shows. A view is one, too, if it has no elements that could be shared."""
    while isinstance(array.base, np.ndarray):
        array = array.base
    return array


@dataclass(eq=False)
class Known:
    """A tensor, and what the machine knows of it."""

    tensor: Tensor
    node: Node  # its value
    variable: Node  # where the graph has it: `node`, before it was changed in place
    exact: bool  # whole numbers only, so far
    memory: int  # tensors that may share memory have the same number
    gradient: Node | None = None  # what .grad must be
    retained: bool = False

    @property
    def value(self) -> np.ndarray:
        return naive.values(self.node)

    @property
    def shape(self) -> tuple[int, ...]:
        return self.value.shape

    @property
    def leaf(self) -> bool:
        return self.tensor.requires_grad and self.tensor.is_leaf

    def __repr__(self) -> str:
        return f"<{self.tensor!r}>"


class Builder(RuleBasedStateMachine):
    operations: Sequence[str] = [*METHODS, *IMAGES, *SMOOTH, *KINKED]

    def __init__(self) -> None:
        super().__init__()
        self.known: list[Known] = []
        self.memory_of: dict[Node, set[int]] = {}  # what the operation behind a node may have saved

    @initialize(data=st.data())
    def two_leaves(self, data: Any) -> None:
        for shape in ((2, 3), data.draw(choose(SHAPES))):
            self.keep(Tensor(self.numbers(data, shape), requires_grad=True), exact=True)

    @rule(data=st.data(), count=st.integers(1, 4), record=choose([True] * 5 + [False]))
    def operate(self, data: Any, count: int, record: bool) -> None:
        for _ in range(count):
            name = data.draw(choose(self.operations))
            if name in SMOOTH or name in KINKED:
                self.function(name, data, record)
            else:
                getattr(self, name)(data, record)

    # --- what all of them use -------------------------------------------------------------------------------------

    def numbers(self, data: Any, shape: tuple[int, ...]) -> np.ndarray:
        size = int(np.prod(shape))
        drawn = data.draw(st.lists(st.integers(-3, 3), min_size=size, max_size=size))
        return np.array(drawn, np.float64).reshape(shape)

    def pick(self, data: Any, wanted: Callable[[Known], bool] = lambda known: True) -> Any:
        """One of the tensors, or None if none is as wanted."""
        fitting = [known for known in reversed(self.known) if wanted(known)]
        return data.draw(choose(fitting)) if fitting else None

    def keep(
        self, tensor: Tensor, node: Node | None = None, exact: bool = False, operands: Iterable[Known] = ()
    ) -> Known:
        """Remember a new tensor. Its operation may have saved any operand, and the result."""
        node = constant(tensor.detach().data.copy()) if node is None else node
        sharing = (other.memory for other in self.known if root(other.tensor._array) is root(tensor._array))
        known = Known(tensor, node, node, exact, next(sharing, len(self.known)))
        self.known.append(known)
        self.memory_of[node] = {known.memory, *(operand.memory for operand in operands)}
        return known

    def compute(self, record: bool, ours: Any, theirs: Any, *operands: Known, exact: bool = True) -> None:
        """One function by the library (`ours`) and by the naive engine, unless the result would be too large."""
        parts = [operand.node if operand.tensor.requires_grad else fixed(operand.value) for operand in operands]
        node = Node(theirs, *parts)
        value = naive.values(node)
        if value.size > MOST or any(abs(number) > LARGEST for number in value.ravel()) or node.order > 1:
            return
        with set_grad_enabled(record):
            made = ours(*(operand.tensor for operand in operands))
        assert made.requires_grad == (record and any(operand.tensor.requires_grad for operand in operands))
        exact = exact and all(operand.exact for operand in operands)
        if not any(made is operand.tensor for operand in operands):  # x.reshape(x.shape) is x itself
            self.keep(made, node if made.requires_grad else fixed(value), exact, operands)

    # --- operations -----------------------------------------------------------------------------------------------

    def leaf(self, data: Any, record: bool) -> None:
        source = self.numbers(data, data.draw(choose(SHAPES)))
        self.keep(Tensor(source, requires_grad=data.draw(choose([True, True, False]))), exact=True)
        source[...] = 99  # Tensor() copies

    def _arithmetic(self, data: Any, record: bool, ours: Any, theirs: Any, divides: bool = False) -> None:
        """Of two tensors that can be broadcast together, or of a tensor and a number or an array."""

        def fits(b: np.ndarray) -> bool:
            return all(1 in (m, n) or m == n for m, n in zip(a.shape[::-1], b.shape[::-1], strict=False))

        a = self.pick(data)
        what = data.draw(choose(["tensor", "tensor", "tensor", "number", "array"]))
        if what == "tensor":
            b = self.pick(data, lambda known: fits(known.value) and not (divides and 0 in known.value))
            if b is not None:
                self.compute(record, ours, theirs, a, b, exact=not divides)
            return
        other = data.draw(choose([1, 2, -3])) if what == "number" else self.numbers(data, (3,)) * 2 + 1  # never 0
        if fits(np.asarray(other)):
            same = naive.values(constant(other))
            self.compute(record, lambda x: ours(x, other), lambda x: theirs(x, same), a, exact=not divides)
        if what == "array":
            other[...] = 99  # the array was copied

    def add(self, data: Any, record: bool) -> None:
        self._arithmetic(data, record, F.add, np.add)

    def subtract(self, data: Any, record: bool) -> None:
        self._arithmetic(data, record, F.subtract, np.subtract)

    def multiply(self, data: Any, record: bool) -> None:
        self._arithmetic(data, record, F.multiply, np.multiply)

    def divide(self, data: Any, record: bool) -> None:
        self._arithmetic(data, record, F.divide, naive.divide, divides=True)

    def function(self, name: str, data: Any, record: bool) -> None:
        """Kinks only in exact values, where the two engines cannot differ by a rounding; e to the power of 3 at most."""

        def fits(x: Known) -> bool:
            tame = {"exp": lambda: np.all(np.abs(x.value) <= 3), "inverse": lambda: 0 not in x.value}
            return (x.exact and x.value.size > 0) if name in KINKED else tame.get(name, lambda: True)()

        x = self.pick(data, fits)
        if x is not None:
            self.compute(record, *(SMOOTH | KINKED)[name], x, exact=name not in ("inverse", "exp", "amax"))

    def sum(self, data: Any, record: bool) -> None:
        x = self.pick(data)
        dims = tuple(d for d in range(-x.tensor.ndim, 0) if data.draw(st.booleans()))
        keepdim = data.draw(st.booleans())
        self.compute(record, lambda t: t.sum(dims, keepdim), lambda a: a.sum(axis=dims, keepdims=keepdim), x)

    def reshape(self, data: Any, record: bool) -> None:
        x = self.pick(data)
        shapes = [*SHAPES, (6,), (3, 1, 2), (1, 3), (1, 1, 1)]
        shape = data.draw(choose([*(shape for shape in shapes if np.prod(shape) == x.value.size), x.shape]))
        self.compute(record, lambda t: t.reshape(shape), lambda a: a.reshape(shape), x)

    def permute(self, data: Any, record: bool) -> None:
        x = self.pick(data, lambda x: x.tensor.ndim > 1)
        dims = tuple(data.draw(st.permutations(range(x.tensor.ndim))))
        self.compute(record, lambda t: t.permute(dims), lambda a: a.transpose(dims), x)

    def getitem(self, data: Any, record: bool) -> None:
        x = self.pick(data, lambda x: x.tensor.ndim > 0 and x.value.size)
        size = len(x.value)
        twice = [size - 1, 0, size - 1]
        key = data.draw(
            choose(
                [
                    slice(1, None),
                    (..., slice(None, None, -1)),
                    -1,
                    (None, 0),
                    twice,
                    np.array(twice),
                    np.arange(size) != 1,
                ]
            )
        )
        before = list(key) if isinstance(key, list) else np.array(key) if isinstance(key, np.ndarray) else key
        self.compute(record, lambda t: t[key], lambda a: a[before], x)
        if isinstance(key, list | np.ndarray):
            key[:] = [0] * len(key)  # the library keeps an index of its own

    def cat(self, data: Any, record: bool) -> None:
        """Of two tensors that agree outside the first dimension, perhaps of one with itself."""
        a = self.pick(data, lambda a: a.tensor.ndim > 0)
        b = self.pick(data, lambda b: b.tensor.ndim == a.tensor.ndim and b.shape[1:] == a.shape[1:])
        self.compute(record, lambda x, y: F.cat([x, y]), lambda x, y: np.concatenate([x, y]), a, b)

    def matmul(self, data: Any, record: bool) -> None:
        a = self.pick(data, lambda a: a.tensor.ndim > 0)
        b = self.pick(data, lambda b: b.tensor.ndim in (1, 2) and b.shape[0] == a.shape[-1])
        if b is not None:
            self.compute(record, F.matmul, np.matmul, a, b)

    def _image(self, data: Any) -> Known:
        found = self.pick(data, lambda x: x.tensor.ndim == 4)
        return found or self.keep(Tensor(self.numbers(data, (1, 1, 2, 3)), requires_grad=True), exact=True)

    def conv2d(self, data: Any, record: bool) -> None:
        x = self._image(data)
        stride, padding = data.draw(choose([(1, 1), (2, 1), (1, 2)])), data.draw(choose([(0, 0), (1, 0)]))
        padded = [size + 2 * p for size, p in zip(x.shape[2:], padding, strict=True)]
        weight = self.pick(
            data,
            lambda w: (
                w.tensor.ndim == 4 and w.shape[1] == x.shape[1] and w.shape[2] <= padded[0] and w.shape[3] <= padded[1]
            ),
        )
        if weight is not None:
            ours, theirs = (lambda a, b, f=f: f(a, b, stride=stride, padding=padding) for f in (F.conv2d, naive.conv2d))
            self.compute(record, ours, theirs, x, weight)

    def conv_transpose2d(self, data: Any, record: bool) -> None:
        x, stride = self._image(data), data.draw(choose([(1, 1), (2, 1), (1, 2)]))
        weight = self.pick(data, lambda w: w.tensor.ndim == 4 and len(w.value) == x.shape[1])
        if weight is not None:
            both = (F.conv_transpose2d, naive.conv_transpose2d)
            ours, theirs = (lambda a, b, f=f: f(a, b, stride=stride) for f in both)
            self.compute(record, ours, theirs, x, weight)

    def max_pool2d(self, data: Any, record: bool) -> None:
        x, kernel = self._image(data), data.draw(choose([(1, 2), (2, 1), (2, 2)]))
        if x.exact and x.shape[2] >= kernel[0] and x.shape[3] >= kernel[1]:
            stride = data.draw(choose([(1, 1), (2, 1)]))
            ours, theirs = (lambda a, f=f: f(a, kernel, stride) for f in (F.max_pool2d, naive.max_pool2d))
            self.compute(record, ours, theirs, x)
