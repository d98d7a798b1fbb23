"""Labs 3 and 4: a solution has all points, no work has none, and every mistake on the list costs some and is named."""

from __future__ import annotations

import pytest

from minifcn.labs import LABS, Lab, Task
from minifcn.labs.judging import graded
from minifcn.testing import MUTANTS
from tests.labs.proof import broken_by, first_array, grade_of, left_out_of, mistaken, zeros
from tests.labs.texts import functions

NOT_ASKED_OF_LAB_3 = {
    "one_gradient_for_both_terms": "results that share memory are copies on the judge's side",
    "ordered_by_recursion": "is seen by its effort, in the tests of lab 3",
    "input_gradient_by_the_first_group": "the lab has no groups",
    "groups_receive_the_first": "the lab has no groups",
}
NOT_ASKED_OF_LAB_4 = dict.fromkeys(
    ("pool_size_without_dilation", "pool_dilation_ignored"), "the lab has no dilation"
) | {
    "maxima_always_double": "dtypes are noted, values are judged",
    "unpooled_always_double": "dtypes are noted, values are judged",
    "means_always_double": "dtypes are noted, values are judged",
    "pooled_image_read_as_contiguous": "no memory layouts",
    "averaged_image_read_as_contiguous": "no memory layouts",
    "undo_of_the_columns_forgotten": "no way back: crop_like is it",
    "undo_from_the_end": "no way back: crop_like is it",
    "undo_remembers_the_image": "no way back: crop_like is it",
}
LAB = pytest.mark.parametrize("lab", [LABS[3], LABS[4]], ids=lambda lab: lab.name)
TASK = pytest.mark.parametrize(
    ("lab", "task"),
    [(LABS[n], task) for n in (3, 4) for task in LABS[n].tasks],
    ids=lambda v: getattr(v, "function", ""),
)


@pytest.mark.parametrize(("lab", "left_out"), [(LABS[3], NOT_ASKED_OF_LAB_3), (LABS[4], NOT_ASKED_OF_LAB_4)])
def test_every_mistake_is_on_the_list_or_left_out(lab: Lab, left_out: dict[str, str]) -> None:
    assert left_out_of(lab) == set(left_out)


@LAB
@pytest.mark.parametrize(("seed", "examples"), [(0, 15), (1, 4), (2, 4)])
def test_the_solution_has_all_points(lab: Lab, seed: int, examples: int) -> None:
    found = graded(lab, functions(lab.number), seed=seed, examples=examples)
    assert found.points == 90, [(grade.task.function, broken_by(grade)) for grade in found.tasks]


@TASK
def test_the_solution_keeps_its_efforts(lab: Lab, task: Task) -> None:
    assert grade_of(task, functions(lab.number)[task.function], count=True, examples=2).points == task.points


@TASK
def test_no_work_has_no_points(lab: Lab, task: Task) -> None:
    for function in (zeros(task.operation), first_array):
        assert grade_of(task, function, examples=4).points == 0


@LAB
def test_a_stub_is_not_written_yet(lab: Lab) -> None:
    found = graded(lab, functions(lab.number, solved=False), examples=2)
    assert found.points == 0 and {grade.state for grade in found.tasks} == {"not written yet"}


@TASK
def test_every_mistake_costs_points_and_is_named_and_every_law_notices_one(lab: Lab, task: Task) -> None:
    broken: set[str] = set()
    for name in task.mutants:
        grade, named = mistaken(task, name)
        assert grade.points < task.points and named, f"{name}: {MUTANTS[name].remark}"
        broken |= broken_by(grade)
    assert set(task.tried) <= broken
