"""Lab 5: the solution has all points at every seed, nothing for nothing, every mistake costs points, and it trains."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import pytest

from minifcn.labs import LABS, session
from minifcn.labs.forms import source_of
from minifcn.labs.judging import graded
from minifcn.labs.lab import Task
from minifcn.testing import LAWS, MUTANTS, Law, LawBroken, Version
from minifcn.testing.cases import drawn
from tests.labs.proof import left_out_of
from tests.labs.texts import names_of

LAB = LABS[5]
TASKS: dict[str, Task] = {task.function: task for task in LAB.tasks}  # type: ignore[misc]
SOLVED, STUBS = names_of(5), names_of(5, solved=False)

# Mistakes that are none in this lab: an argument that its functions do not have, and results that are wider than asked.
APART = {name for name in MUTANTS if name.startswith("smoothing_")} | {
    "gradient_in_double_precision", "assembled_in_double_precision", "counted_in_16_bits",
}  # fmt: skip
METRICS = ("pixel_accuracy", "mean_accuracy", "mean_iu", "frequency_weighted_iu")


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_solution_has_all_points(seed: int) -> None:
    found = graded(LAB, SOLVED, examples=15 if seed == 1 else 5, seed=seed)
    assert found.points == 90, [line for grade in found.tasks for line in grade.lines if not line.holds]


def test_stubs_have_none() -> None:
    found = graded(LAB, STUBS, examples=3, seed=1)
    assert found.points == 0
    assert {grade.state for grade in found.tasks} == {"not written yet"}


def zeros(x: Any, *rest: Any, **named: Any) -> Any:
    return np.zeros_like(x)


def nothing(*arguments: Any, **named: Any) -> Any:
    return 0.0


def copied(x: Any, *rest: Any, **named: Any) -> Any:
    return np.array(x)


def zero_counts(batches: Any, num_classes: int) -> Any:
    return np.zeros((num_classes, num_classes), int)


def zero_metrics(batches: Any, num_classes: int) -> Any:
    return dict.fromkeys(METRICS, 0.0)


def right_shapes(score: Any, skip4: Any, skip3: Any, size: Any) -> Any:
    return np.zeros((*score.shape[:2], *size), score.dtype)


def test_zeros_and_copies_have_none() -> None:
    for function in (zeros, copied):
        assert graded(LAB, dict.fromkeys(TASKS, function), examples=3, seed=1).points == 0
    empty = {"confusion_matrix": zero_counts, "segmentation_metrics": zero_metrics, "fcn8s": right_shapes}
    assert graded(LAB, {**dict.fromkeys(TASKS, nothing), **empty}, examples=3, seed=1).points == 0


def breaks(law: Law, mutant: Version) -> bool:
    """In one of fifteen cases, which are drawn once for all mutants."""
    operations = mutant.operations()
    for case in drawn(law, 15, 1):
        try:
            law(operations, case)
        except LawBroken:
            return True
    return False


def test_every_mistake_is_on_the_list_or_left_out() -> None:
    assert left_out_of(LAB) == APART


@pytest.mark.parametrize("name", TASKS)
def test_every_mistake_costs_points_and_every_law_notices_one(name: str) -> None:
    task, noticed = TASKS[name], set()
    for mutant in map(MUTANTS.__getitem__, task.mutants):
        broken = {law for law in task.tried if breaks(LAWS[law], mutant)}
        assert broken, f"{mutant.name} costs nothing"
        noticed |= broken
    assert set(task.tried) - noticed == set(), "notice nothing"


@pytest.mark.parametrize(
    "mistake",
    [
        "centre_at_half_the_size",
        "fuse_in_the_middle",
        "last_crop_forgotten",
        "mean_over_all_pixels",
        "onehot_forgotten",
        "rows_are_the_prediction",
        "dice_for_iu",
    ],
)
def test_a_mistake_is_called_by_its_name(mistake: str) -> None:
    mutant = MUTANTS[mistake]
    report = session(5).check(mutant.function, mutant.of)
    assert not report
    assert mistake in str(report).replace("\n", " ")


def test_it_trains_and_only_learned_upsampling_learns_a_picture_by_heart() -> None:
    image, label = SOLVED["picture"]()
    began = time.monotonic()
    losses, frozen = SOLVED["train"](image, label, False)
    assert losses[0] == pytest.approx(np.log(3), abs=1e-12) and losses[-1] < 0.1
    assert 0.9 < SOLVED["segmentation_metrics"]([(frozen, label)], 3)["mean_iu"] < 0.95
    losses, learned = SOLVED["train"](image, label, True)
    assert np.array_equal(learned, label) and losses[-1] < 0.001
    assert time.monotonic() - began < 30


def test_what_is_wrong_is_drawn() -> None:
    label, prediction = np.repeat(np.repeat([[0, 1, 2]], 2, 0), 2, 1), np.zeros((2, 6), int)
    assert SOLVED["drawing"](label, label) == ".12"
    prediction[1, 3:] = [1, 2, 2]
    assert SOLVED["drawing"](label, prediction) == ".##"


def test_without_a_notebook_the_training_is_there_to_be_called() -> None:
    """The plain file shows nothing by itself; what its text says to type must be in it."""
    text = source_of(5).python()
    assert ">>> run()" in text and "def run():" in text


def test_the_numbers_worked_out_by_hand() -> None:
    assert SOLVED["bilinear_kernel"]((1, 4)).tolist() == [[0.25, 0.75, 0.75, 0.25]]
    assert SOLVED["bilinear_kernel"]((1, 3)).tolist() == [[0.5, 1, 0.5]]
    score = np.array([[[[9.0, 9, 9, 9], [9, 2, 3, 4]]]])
    assert SOLVED["fuse"](score, np.array([[[[10.0, 20]]]]), 1, 0).tolist() == [[[[12, 23]]]]
    score = np.ones((1, 1, 1, 1))
    doubled = SOLVED["stamps"](score, SOLVED["bilinear_kernel"]((4, 4)), 2)
    assert doubled[0, 0, 1, 1:].tolist() == [9 / 16, 9 / 16, 3 / 16]
    pixel = np.log([1.0, 3.0]).reshape(1, 2, 1, 1)
    assert SOLVED["cross_entropy"](pixel, np.array([[[0]]])) == pytest.approx(np.log(4))
    assert SOLVED["cross_entropy_backward"](pixel, np.array([[[0]]])).ravel() == pytest.approx([-0.75, 0.75])
    batches = [(np.array([0, 1, 1, 1]), np.array([0, 0, 1, 1]))]
    assert SOLVED["segmentation_metrics"](batches, 2)["mean_iu"] == pytest.approx(7 / 12)
    three = [(np.array([0, 1, 0, 1]), np.array([0, 0, 2, 255]))]
    assert SOLVED["confusion_matrix"](three, 3).tolist() == [[1, 1, 0], [0, 0, 0], [1, 0, 0]]
