"""Lab 4: its solution has all points, no work has none, and every mistake on the list costs some and is named."""

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

LAB: Lab = LABS[4]
NOT_ASKED = dict.fromkeys(("pool_size_without_dilation", "pool_dilation_ignored"), "the lab has no dilation") | {
    "maxima_always_double": "dtypes are noted, values are judged",
    "unpooled_always_double": "dtypes are noted, values are judged",
    "means_always_double": "dtypes are noted, values are judged",
    "pooled_image_read_as_contiguous": "no memory layouts",
    "averaged_image_read_as_contiguous": "no memory layouts",
    "undo_of_the_columns_forgotten": "no way back: crop_like is it",
    "undo_from_the_end": "no way back: crop_like is it",
    "undo_remembers_the_image": "no way back: crop_like is it",
}
TASKS = pytest.mark.parametrize("task", LAB.tasks, ids=lambda task: task.function)


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
    exec(source_of(4).python(), names)
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


# --- the numbers of the text ------------------------------------------------------------------------------------------


def row(*numbers: float) -> np.ndarray:
    return np.array(numbers, float).reshape(1, 1, 1, -1)


def test_examples_by_hand() -> None:
    names: dict[str, Any] = {}
    exec(source_of(4).reference(), names)
    f: Callable[[str], Any] = names.__getitem__
    image = np.array([[[[1.0, 5, 2], [4, 3, 5], [0, 2, 1]]]])
    assert f("pool_output_size")((1, 6), (1, 3), (1, 2)) == (1, 2)
    assert f("pool_output_size")((1, 6), (1, 3), (1, 2), 0, True) == (1, 3)
    assert f("pool_output_size")((1, 4), 1, (1, 4), 0, True) == (1, 1)
    maxima, index = f("max_pool2d")(image, 2, 1)
    assert maxima[0, 0].tolist() == [[5, 5], [4, 5]] and index[0, 0].tolist() == [[1, 1], [3, 5]]
    both = f("max_unpool2d")(row(7, 8), np.array([[[[1, 1]]]]), 2, output_size=(2, 3))
    assert both[0, 0].tolist() == [[0, 15, 0], [0, 0, 0]]
    received = f("max_pool2d_backward")(np.array([[[[10.0, 20], [30, 40]]]]), image, 2, 1)
    assert received[0, 0].tolist() == [[0, 30, 0], [30, 0, 40], [0, 0, 0]]
    for kernel, include, divisors in ((2, True, [2, 2]), (2, False, [1, 2]), (3, True, [3, 2]), (3, False, [2, 1])):
        found = f("divisors")((1, 3), (1, kernel), None, (0, 1), True, include)
        assert found.ravel().tolist() == divisors
    wide = np.array([[[[1.0, 5, 2, 7], [4, 3, 5, 4]]]])
    assert f("avg_pool2d")(wide, 2).ravel().tolist() == [3.25, 4.5]
    assert f("avg_pool2d_backward")(row(10, 20), row(0, 0, 0), (1, 2), 1).ravel().tolist() == [5, 15, 10]
    assert f("pad_to_multiple")(np.zeros((1, 1, 375, 500)), 32).shape == (1, 1, 384, 512)
    assert f("pad_to_multiple")(np.zeros((1, 1, 64, 64)), 32).shape == (1, 1, 64, 64)
    size = [(375, 500), (375, 500)]
    for _ in range(5):
        size = [f("pool_output_size")(n, 2, ceil_mode=ceil) for n, ceil in zip(size, (False, True), strict=True)]
    assert size == [(11, 15), (12, 16)]
