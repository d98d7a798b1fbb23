"""The same mathematics once more, by another method and as simply as possible: dual numbers through expression trees.

To differentiate f with respect to a node, move every element i of that node by an infinitesimal eᵢ and evaluate f with
dual numbers: f(x + e) = f(x) + Σ fᵢ eᵢ, where the product of two infinitesimals of one move is 0. The derivatives stand
there as coefficients. A second move, with infinitesimals of its own, gives second derivatives as the coefficients of
products. Everything runs forwards, every number is a Python integer or fraction (exp alone gives floats), arrays are
NumPy arrays of such objects, and nothing is saved, freed or accumulated: there is no graph to get wrong.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator
from fractions import Fraction
from typing import Any

import numpy as np

Infinitesimal = tuple[int, int]  # which move, which element


class Dual:
    """Σ coefficient · product of infinitesimals; the empty product () stands for 1."""

    def __init__(self, terms: dict[tuple[Infinitesimal, ...], Any]) -> None:
        self.terms = {product: number for product, number in terms.items() if number or not product}

    def __add__(self, other: Any) -> Dual:
        terms = dict(self.terms)
        for product, number in terms_of(other).items():
            terms[product] = terms.get(product, 0) + number
        return Dual(terms)

    def __mul__(self, other: Any) -> Dual:
        terms: dict[tuple[Infinitesimal, ...], Any] = {}
        for (first, a), (second, b) in itertools.product(self.terms.items(), terms_of(other).items()):
            if not {move for move, _ in first} & {move for move, _ in second}:
                product = tuple(sorted(first + second))
                terms[product] = terms.get(product, 0) + a * b
        return Dual(terms)

    def __neg__(self) -> Dual:
        return self * -1

    def __sub__(self, other: Any) -> Dual:
        return self + -other

    def __rsub__(self, other: Any) -> Dual:
        return -self + other

    __radd__, __rmul__ = __add__, __mul__


def terms_of(x: Any) -> dict[tuple[Infinitesimal, ...], Any]:
    return x.terms if isinstance(x, Dual) else {(): x}


def number_in(x: Any) -> Any:
    """What is left where all infinitesimals are 0."""
    return terms_of(x).get((), 0)


def composed(x: Any, coefficient: Callable[[Any, int], Any]) -> Any:
    """f(a + d) = Σ cₙ(a) dⁿ with cₙ = f⁽ⁿ⁾(a) / n!; the sum ends, since a power of infinitesimals becomes 0."""
    a = number_in(x)
    result, rest, power = coefficient(a, 0), x - a, x - a
    for n in itertools.count(1):
        if not any(terms_of(power).values()):
            return result
        result, power = result + power * coefficient(a, n), power * rest
    raise AssertionError


def boxed(x: Any) -> np.ndarray:
    """NumPy takes single objects out of their arrays; here each is put back."""
    return x if isinstance(x, np.ndarray) else np.array(x, dtype=object)


# --- expression trees -----------------------------------------------------------------------------------------------


class Node:
    """function(*operands): one value of the tree. A leaf is a function of nothing."""

    def __init__(self, function: Callable[..., Any], *operands: Node) -> None:
        self.function, self.operands = function, operands
        self.order: int = max((operand.order for operand in operands), default=0)  # how many derivatives are in it
        self.plain: np.ndarray | None = None

    def value(self, evaluation: Evaluation) -> np.ndarray:
        return boxed(self.function(*(evaluation(operand) for operand in self.operands)))


class Changed(Node):
    """What was written into in place: what it was, plus a constant. No operation made it."""

    def __init__(self, before: Node, step: np.ndarray) -> None:
        super().__init__(lambda x: x + step, before)


class Derivative(Node):
    """Σ cotangent · d(output)/d(variable) over pairs (output, cotangent): what `grad` gives for one input."""

    fresh: Iterator[int] = itertools.count()

    def __init__(self, pairs: list[tuple[Node, Node]], variable: Node) -> None:
        super().__init__(lambda: None, *itertools.chain(*pairs))
        self.pairs, self.variable = pairs, variable
        self.order += 1

    def made_from(self, others: list[Derivative]) -> None:
        """An engine may have gone through these to get here. They change no value, but belong to the graph."""
        self.operands += tuple(others)

    def value(self, evaluation: Evaluation) -> np.ndarray:
        move = next(self.fresh)
        moved = Evaluation({**evaluation.moves, move: self.variable})  # the outputs feel the move, the cotangents not
        total = sum(boxed(moved(output) * evaluation(cotangent)).sum() for output, cotangent in self.pairs)
        gradient = [coefficient_of((move, i), total) for i in range(evaluation(self.variable).size)]
        return array_of(gradient).reshape(evaluation(self.variable).shape)


class Evaluation:
    """The value of every node, once, while some nodes are moved by infinitesimals."""

    def __init__(self, moves: dict[int, Node]) -> None:
        self.moves = moves
        self.found: dict[Node, np.ndarray] = {}

    def __call__(self, node: Node) -> np.ndarray:
        if node not in self.found:
            result = node.value(self)
            for move, moved in self.moves.items():
                if moved is node:
                    steps = [Dual({(): 0, ((move, i),): 1}) for i in range(result.size)]
                    result = boxed(result + array_of(steps).reshape(result.shape))
            self.found[node] = result
        return self.found[node]


def values(node: Node) -> np.ndarray:
    """Plain numbers. A tree never changes, so they are computed once."""
    if node.plain is None:
        node.plain = Evaluation({})(node)
    return node.plain


def array_of(objects: list[Any]) -> np.ndarray:
    made = np.empty(len(objects), object)
    made[:] = objects
    return made


def coefficient_of(infinitesimal: Infinitesimal, x: Any) -> Any:
    found = {
        tuple(factor for factor in product if factor != infinitesimal): number
        for product, number in terms_of(x).items()
        if infinitesimal in product
    }
    return Dual(found) if any(found) else found.get((), 0)


def constant(numbers: Any) -> Node:
    """Whole floats become Python integers, so that what follows is exact."""
    exact = np.vectorize(lambda x: int(x) if x == int(x) else x, otypes=[object])(np.asarray(numbers))
    return Node(lambda: exact)


def fixed(numbers: np.ndarray) -> Node:
    """A leaf of numbers that are of the right kind already."""
    return Node(lambda: numbers)


# --- operations on arrays of such numbers (what NumPy does for objects already is not repeated) ----------------------


def each(function: Callable[[Any], Any]) -> Callable[[np.ndarray], np.ndarray]:
    """`function` of every element."""
    return lambda x: array_of([function(element) for element in x.ravel()]).reshape(x.shape)


relu = each(lambda x: x if number_in(x) > 0 else 0)
absolute = each(lambda x: x if number_in(x) > 0 else -x if number_in(x) < 0 else 0)
exp = each(lambda x: composed(x, lambda a, n: math.exp(a) / math.factorial(n)))
reciprocal = each(lambda x: composed(x, lambda a, n: (-1) ** n * (Fraction(1) / a) ** (n + 1)))


def clamp(x: np.ndarray, low: int, high: int) -> np.ndarray:
    return each(lambda e: min(max(number_in(e), low), high) if not low <= number_in(e) <= high else e)(x)


def divide(a: np.ndarray, b: np.ndarray) -> Any:
    return a * reciprocal(b)


def power(x: np.ndarray, exponent: int) -> np.ndarray:
    factor = x if exponent >= 0 else reciprocal(x)
    return each(lambda e: math.prod([e] * abs(exponent)))(factor)


def amax(x: np.ndarray) -> Any:
    """The largest of all elements; equal winners share."""
    winners = [e for e in x.ravel() if number_in(e) == max(number_in(other) for other in x.ravel())]
    return sum(winners) * Fraction(1, len(winners))


def max_pool2d(x: np.ndarray, kernel: tuple[int, int], stride: tuple[int, int]) -> np.ndarray:
    """The first of the largest in each window."""
    N, C, H, W = x.shape
    sizes = [(size - k) // s + 1 for size, k, s in zip((H, W), kernel, stride, strict=True)]
    y = np.empty((N, C, *sizes), object)
    for n, c, i, j in np.ndindex(*y.shape):
        rows, columns = i * stride[0], j * stride[1]
        window = x[n, c, rows : rows + kernel[0], columns : columns + kernel[1]].ravel()
        y[n, c, i, j] = max(window, key=number_in)  # Python's max is the first, too
    return y


def _met(x: tuple[int, ...], y: tuple[int, ...], w: tuple[int, ...], stride: Any, padding: Any) -> Iterator[Any]:
    """Every (pixel of x, weight, pixel of y) that meet in a convolution, from the shapes of the three."""
    for n, o, i, j in np.ndindex(*y):
        for c, k, l in np.ndindex(*w[1:]):
            row, column = i * stride[0] + k - padding[0], j * stride[1] + l - padding[1]
            if 0 <= row < x[2] and 0 <= column < x[3]:
                yield (n, c, row, column), (o, c, k, l), (n, o, i, j)


def conv2d(x: np.ndarray, w: np.ndarray, stride: tuple[int, int], padding: tuple[int, int]) -> np.ndarray:
    sizes = [(x.shape[2 + a] + 2 * padding[a] - w.shape[2 + a]) // stride[a] + 1 for a in (0, 1)]
    y = np.full((x.shape[0], w.shape[0], *sizes), 0, object)
    for pixel, weight, made in _met(x.shape, y.shape, w.shape, stride, padding):
        y[made] += x[pixel] * w[weight]
    return y


def conv_transpose2d(y: np.ndarray, w: np.ndarray, stride: tuple[int, int]) -> np.ndarray:
    sizes = [(y.shape[2 + a] - 1) * stride[a] + w.shape[2 + a] for a in (0, 1)]
    x = np.full((y.shape[0], w.shape[1], *sizes), 0, object)
    for made, weight, pixel in _met(x.shape, y.shape, w.shape, stride, (0, 0)):
        x[made] += y[pixel] * w[weight]
    return x
