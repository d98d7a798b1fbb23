"""Lab 3: its solution has all points, no work has none, and every mistake on the list costs some and is named."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from minifcn.labs import LABS, Lab, Task
from minifcn.labs.forms import source_of
from minifcn.labs.judging import graded
from minifcn.testing import MUTANTS
from tests.labs.proof import broken_by, first_array, grade_of, left_out_of, mistaken, solution, zeros

LAB: Lab = LABS[3]
TASKS = pytest.mark.parametrize("task", LAB.tasks, ids=lambda task: task.function)

NOT_ASKED = {
    "one_gradient_for_both_terms": "results that share memory are copies on the judge's side",
    "ordered_by_recursion": "is seen by its effort, below",
    "input_gradient_by_the_first_group": "the lab has no groups",
    "groups_receive_the_first": "the lab has no groups",
}


def test_every_mistake_is_on_the_list_or_left_out() -> None:
    assert left_out_of(LAB) == set(NOT_ASKED)


@pytest.mark.parametrize(("seed", "examples"), [(0, 15), (1, 4), (2, 4)])
def test_the_solution_has_all_points(seed: int, examples: int) -> None:
    found = graded(LAB, solution(LAB), seed=seed, examples=examples)
    assert found.points == 90, [(grade.task.function, broken_by(grade)) for grade in found.tasks]


@TASKS
def test_the_solution_keeps_its_efforts(task: Task) -> None:
    assert grade_of(task, solution(LAB)[task.function], count=True, examples=2).points == task.points


@TASKS
def test_no_work_has_no_points(task: Task) -> None:
    for function in (zeros(task.operation), first_array):
        assert grade_of(task, function, examples=4).points == 0


def test_a_stub_is_not_written_yet() -> None:
    names: dict[str, Any] = {}
    exec(source_of(3).python(), names)
    found = graded(LAB, {name: names[name] for name in LAB.functions}, examples=2)
    assert found.points == 0 and {grade.state for grade in found.tasks} == {"not written yet"}


@TASKS
def test_every_mistake_costs_points_and_is_named_and_every_law_notices_one(task: Task) -> None:
    broken: set[str] = set()
    for name in task.mutants:
        grade, named = mistaken(task, name)
        assert grade.points < task.points and named, f"{name}: {MUTANTS[name].remark}"
        broken |= broken_by(grade)
    assert set(task.tried) <= broken


# --- efforts ----------------------------------------------------------------------------------------------------------


def effort_of(function: str, **changed: Any) -> tuple[bool, str]:
    """Whether an engine with some parts exchanged keeps the effort of a task, and what is told else."""
    names: dict[str, Any] = {}
    exec(compile(source_of(3).reference(), "reference_lab3.py", "exec"), names)
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
        exec(compile(WAY_BY_WAY, "reference_lab3.py", "exec"), names)
        return names["run_backward"]  # type: ignore[no-any-return]

    holds, told = effort_of("graphs", run_backward=way_by_way)
    assert not holds and "1500 are enough" in told


# --- the numbers of the text ------------------------------------------------------------------------------------------


def row(*numbers: float) -> np.ndarray:
    return np.array(numbers, float).reshape(1, 1, 1, -1)


def test_examples_by_hand() -> None:
    names: dict[str, Any] = {}
    exec(source_of(3).reference(), names)
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
    names: dict[str, Any] = {}
    exec(source_of(3).reference(), names)
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
