"""Lab 3: what is too much effort, and the numbers of its text. What every lab shows of itself is in test_proof.py."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from minifcn.labs import LABS, Lab
from minifcn.labs.forms import source_of
from tests.labs.proof import grade_of
from tests.labs.texts import names_of

LAB: Lab = LABS[3]


# --- efforts ----------------------------------------------------------------------------------------------------------


def effort_of(function: str, **changed: Any) -> tuple[bool, str]:
    """Whether an engine with some parts exchanged keeps the effort of a task, and what is told else."""
    names = names_of(3)
    names.update({name: part(names) for name, part in changed.items()})
    task = next(task for task in LAB.tasks if task.function == function)
    grade = grade_of(task, names[function], count=True, examples=1)
    (line,) = (line for line in grade.lines if line.kind == "effort")
    return line.holds, line.told


def by_recursion(names: dict[str, Any]) -> Callable[..., Any]:
    def ordered(result: Any) -> Any:
        written: list[Any] = []

        def visit(tensor: Any) -> None:
            if id(tensor) not in {id(other) for other in written}:
                for operand in tensor.operands:
                    visit(operand)
                written.append(tensor)

        visit(result)
        return written[::-1]

    return ordered


def test_an_order_by_recursion_is_too_deep() -> None:
    assert effort_of("sums") == (True, "")
    holds, told = effort_of("sums", ordered=by_recursion)
    assert not holds and "RecursionError" in told


WAY_BY_WAY = """
def run_backward(result):
    ways = [(result, np.ones_like(result.value))]
    while ways:
        tensor, g = ways.pop()
        tensor.grad = g if tensor.grad is None else tensor.grad + g
        if tensor.rule is not None:
            ways.extend(zip(tensor.operands, tensor.rule(g)))
"""


def test_way_by_way_is_right_and_too_much() -> None:
    def way_by_way(names: dict[str, Any]) -> Callable[..., Any]:
        exec(compile(WAY_BY_WAY, "lab3.py", "exec"), names)
        return names["run_backward"]  # type: ignore[no-any-return]

    holds, told = effort_of("graphs", run_backward=way_by_way)
    assert not holds and "1500 are enough" in told


# --- the numbers of the text ------------------------------------------------------------------------------------------


def row(*numbers: float) -> np.ndarray:
    return np.array(numbers, float).reshape(1, 1, 1, -1)


def test_examples_by_hand() -> None:
    names = names_of(3)
    backward = names["gradients"]
    assert [g.tolist() for g in backward([lambda a, b: 3 * a + b * b], [np.array(5.0), np.array(2.0)])] == [3, 4]

    def squared(a: Any) -> Any:
        u = a + a
        return u * u

    assert backward([squared], [np.array(3.0)])[0] == 24
    g, full = np.array([[1.0, 2, 3], [10, 20, 30]]), names["unbroadcast"]
    assert full(g, (3,)).tolist() == [11, 22, 33] and full(g, (2, 1)).tolist() == [[6], [60]] and full(g, ()) == 66
    assert (full(g, (2, 3)) == g).all()
    p, q, g = np.array([1.0, 2]), np.array([3.0, 4]), np.array([1.0, 10])
    assert [x.tolist() for x in backward([lambda p, q: (p * q * g).sum()], [p, q])] == [[3, 40], [1, 20]]
    assert backward([lambda p: (p**-1).sum()], [np.array([2.0, 4])])[0].tolist() == [-1 / 4, -1 / 16]
    kernel = row(1, 10)
    input_, weight = names["conv2d_input"], names["conv2d_weight"]
    assert input_((1, 1, 1, 4), kernel, row(3, 4), (1, 2)).ravel().tolist() == [3, 30, 4, 40]
    assert input_((1, 1, 1, 4), kernel, row(3, 4, 5)).ravel().tolist() == [3, 34, 45, 50]
    assert weight(row(1, 2, 3, 4), kernel.shape, row(3, 4), (1, 2)).ravel().tolist() == [15, 22]


def test_a_convolution_is_one_more_operation() -> None:
    """As the text says at its end."""
    names = names_of(3)
    told = next(cell.source for cell in source_of(3).cells if "def convolve" in cell.source)
    exec("\n".join(line[4:] for line in told.split("\n") if line.startswith("    ")), names)
    source = np.random.default_rng(0)
    x, w = names["Tensor"](source.normal(size=(2, 3, 5, 6))), names["Tensor"](source.normal(size=(4, 3, 3, 3)))

    def loss(weight: Any) -> Any:
        y = names["convolve"](x, weight, 2, 1)
        return (y * y).sum()

    loss(w).backward()
    moved = w.value.copy()
    moved[1, 2, 0, 1] += 1e-3
    slope = (loss(names["Tensor"](moved)).value - loss(w).value) / 1e-3
    assert abs(slope - w.grad[1, 2, 0, 1]) < 0.05 * abs(slope)
