"""Lab 6: the solution notices every mutant and gives no false alarm; weak tests, loud ones and sly ones get little."""

from __future__ import annotations

import ast
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from minifcn.errors import ArgumentError
from minifcn.labs import LABS, scoring, session
from minifcn.labs.breaking import CALLS, NUMBERS, BreakTask, Given, met, trials
from minifcn.labs.forms import source_of
from minifcn.labs.judging import TaskGrade, graded, graded_file, in_this_process
from minifcn.labs.lab import PUBLIC_SEED
from minifcn.labs.right import RIGHT
from minifcn.labs.scoring import lab_score
from minifcn.testing import ours
from minifcn.testing.isolation import Limits, Raised
from tests.labs.texts import names_of

LAB = LABS[6]
TASKS: dict[str, BreakTask] = {task.function: task for task in LAB.tasks}  # type: ignore[misc]
SOLVED, STUBS = names_of(6), names_of(6, solved=False)


def grade_of(function: Callable[..., Any], seed: int = 1, name: str = "test_conv2d") -> TaskGrade:
    found = graded(LAB, {name: function}, seed=seed)
    return next(grade for grade in found.tasks if grade.task.function == name)


def test_eighteen_mutants_are_drawn_from_many_and_none_is_public() -> None:
    assert sum(len(task.public) for task in TASKS.values()) == 18
    assert sum(len(task.hidden) for task in TASKS.values()) > 90
    task = TASKS["test_conv2d"]
    assert task.drawn(None) == task.public and not set(task.drawn(7)) & set(task.public)
    assert task.drawn(7) == task.drawn(7) != task.drawn(8)


@pytest.mark.parametrize("name", TASKS)
def test_the_solution_notices_every_mutant_and_lets_every_right_one_pass(name: str) -> None:
    task, attempt = TASKS[name], in_this_process(SOLVED)
    found = [met(task, version, True, attempt) for version in RIGHT[task.operation]]
    found += [met(task, version, False, attempt) for version in task.mutants]
    assert [trial.sentence for trial in found if not trial.as_it_should] == []


@pytest.mark.parametrize("seed", [0, 1, 2, PUBLIC_SEED])
def test_the_solution_has_all_points_and_stubs_have_none(seed: int) -> None:
    assert graded(LAB, SOLVED, seed=seed).points == 90
    found = graded(LAB, STUBS, seed=seed)
    assert found.points == 0 and {task.state for task in found.tasks} == {"not written yet"}


def test_what_refuses_the_right_one_is_asked_no_further() -> None:
    """It has no points anyway, and if it never returns each further call would cost the whole limit."""
    for seed in (None, 1, 2):
        met_so_far: list[Any] = []

        def refuses(_: str, given: dict[str, Any], seen: list[Any] = met_so_far) -> None:
            seen.append(given["conv2d"].function)
            raise Raised("AssertionError", None, "AssertionError")

        found = trials(TASKS["test_conv2d"], refuses, seed)
        plain = RIGHT["conv2d"]["plain"].function
        assert met_so_far.index(plain) == len(met_so_far) - 1 and found[0].right and not found[0].as_it_should
        assert len(met_so_far) == 1 or seed is not None


def test_always_raising_and_never_raising_have_no_points() -> None:
    def raises(**given: Any) -> None:
        raise AssertionError

    for seed in range(3):
        assert graded(LAB, dict.fromkeys(TASKS, raises), seed=seed).points == 0
        assert graded(LAB, dict.fromkeys(TASKS, lambda **given: None), seed=seed).points == 0


def test_a_coin_has_little() -> None:
    source = np.random.default_rng(5)

    def coin(**given: Any) -> None:
        assert source.random() < 0.5

    assert np.mean([graded(LAB, dict.fromkeys(TASKS, coin), seed=seed).points for seed in range(20)]) < 10


# Tests as beginners write them, and why they get less than all.


def ones(conv2d: Any) -> None:
    y = conv2d(np.ones((1, 1, 4, 4)), np.ones((1, 1, 3, 3)))
    assert y.shape == (1, 1, 2, 2) and (y == 9).all()


def same_shape_as_the_image(conv2d: Any) -> None:
    assert conv2d(np.zeros((2, 3, 5, 5)), np.zeros((4, 3, 3, 3)), padding=1).shape == (2, 4, 5, 5)


def exact_digits(conv2d: Any) -> None:
    SOLVED["test_conv2d"](conv2d)
    x, w = SOLVED["numbers"](1, 2, 5, 6), SOLVED["numbers"](1, 2, 2, 3)
    assert np.array_equal(conv2d(x, w), SOLVED["slow_conv2d"](x, w, [0.0], (1, 1), (0, 0), (1, 1), 1))


def in_c_order(conv2d: Any) -> None:
    SOLVED["test_conv2d"](conv2d)
    assert conv2d(np.ones((2, 2, 4, 4)), np.ones((2, 2, 3, 3))).flags.c_contiguous


def value_error_alone(conv2d: Any) -> None:
    SOLVED["test_conv2d"](conv2d)
    with pytest.raises(ValueError):
        conv2d(np.ones((1, 1, 2, 2)), np.ones((1, 1, 3, 3)))


@pytest.mark.parametrize(("naive", "most"), [(ones, 15), (same_shape_as_the_image, 10)])
def test_a_weak_test_gets_little(naive: Callable[..., Any], most: int) -> None:
    assert all(grade_of(naive, seed).points <= most for seed in range(6))
    assert grade_of(naive).points < grade_of(SOLVED["test_conv2d"]).points == 25


@pytest.mark.parametrize(
    ("strict", "alarm"),
    [
        (exact_digits, "other_last_digits"),
        (in_c_order, "another_layout"),
        (value_error_alone, "another_error"),
    ],
)
def test_a_false_alarm_takes_points_away_and_is_told(strict: Callable[..., Any], alarm: str) -> None:
    found = grade_of(strict)
    assert found.points == 20 and [line.name for line in found.lines if not line.holds] == [alarm]
    told = session(6).check(strict, "test_conv2d")
    assert "    −5  false alarm: right, " in str(told) and "false alarm" in told._repr_html_()


def test_a_wrong_test_has_nothing_and_says_on_which_line() -> None:
    def test_conv2d(conv2d: Any) -> None:
        assert conv2d(np.ones((1, 1, 2, 3)), np.ones((1, 1, 2, 3))).sum() == 5, "six ones are five"

    told = session(6).check(test_conv2d)
    text = " ".join(str(told).split())
    assert "test_conv2d: 0 of 25 points." in text and "six ones are five" in text
    assert "false alarm: the right one, as it is." in text
    assert "A kernel with a single 1" in text


def test_a_comparison_in_a_helper_is_blamed_on_the_line_that_asked_for_it(tmp_path: Path) -> None:
    """`close` is called many times in a test: which of them failed is what its author wants to know."""
    text = """
        def same(found, expected):
            assert found == expected
        def test_conv2d(conv2d):
            same(1, 1)
            same(1, 2)
    """
    told = graded_file(LAB, file(tmp_path, text), only="test_conv2d").tasks[0].lines[0].told
    assert "line 6, in test_conv2d: same(1, 2)" in told
    space: dict[str, Any] = {}
    exec(compile(textwrap.dedent(text), "<a cell>", "exec"), space)
    assert "line 6, in test_conv2d" in " ".join(str(session(6).check(space["test_conv2d"])).split())


def test_public_mutants_are_told_by_what_is_wrong_with_them() -> None:
    told = str(session(6).check(ones, "test_conv2d"))
    assert "survives: The kernel is flipped in both directions" in " ".join(told.split())


def test_the_mistakes_of_beginners_are_told() -> None:
    def test_conv2d(conv2d: Any) -> bool:
        return bool(conv2d(np.ones((1, 1, 2, 3)), np.ones((1, 1, 2, 3))).sum() == 7)

    told = " ".join(str(session(6).check(test_conv2d)).split())
    assert "survives: Every pixel is computed, whatever the stride. It returned False, but a test speaks by" in told
    told = " ".join(str(session(6).check(lambda x: None, "test_conv2d")).split())
    assert "Write it as: def test_conv2d(conv2d)." in told and "noticed" not in told
    assert "must let the right implementation pass" in told


def test_a_test_that_wants_too_much_has_noticed_nothing() -> None:
    def many_calls(conv2d: Any) -> None:
        for _ in range(CALLS + 1):
            conv2d(np.ones((1, 1, 1, 1)), np.ones((1, 1, 1, 1)))

    def large(conv2d: Any) -> None:
        conv2d(np.ones((1, 1, 1, NUMBERS + 1)), np.ones((1, 1, 1, 1)))

    def far_padding(conv2d: Any) -> None:
        conv2d(np.ones((1, 1, 1, 1)), np.ones((1, 1, 1, 1)), padding=(0, 10**6))

    for greedy, said in ((many_calls, "more than 400 times"), (large, "3000 numbers"), (far_padding, "beyond 20")):
        found = grade_of(greedy)
        assert found.points == 0 and said in found.lines[0].told


def test_integers_and_lists_are_numbers() -> None:
    given = Given("conv2d", ours.conv2d)
    assert given([[[[1, 2], [3, 4]]]], np.array([[[[1, 0], [0, 1]]]])).tolist() == [[[[5.0]]]]


def test_a_mutant_of_another_operation_is_refused() -> None:
    with pytest.raises(ArgumentError, match="no mutant of conv2d has the name 'dice_for_iu'"):
        BreakTask("f", "conv2d", ("dice_for_iu",), ("kernel_flipped",))
    with pytest.raises(ArgumentError, match="no fewer"):
        BreakTask("f", "conv2d", ("kernel_flipped",), ("kernel_flipped",))


def test_the_order_is_drawn() -> None:
    seen: list[list[str]] = []
    for seed in (1, 2):
        seen.append([])
        trials(TASKS["test_conv2d"], lambda _, given: seen[-1].append(given["conv2d"].function), seed)  # type: ignore[arg-type]
    assert seen[0][0] is not seen[1][0] or seen[0][1] is not seen[1][1]


def file(folder: Path, text: str) -> Path:
    path = folder / "lab6_break_it.py"
    path.write_text(textwrap.dedent(text), encoding="utf-8")
    return path


def test_a_file_is_judged_in_processes_that_know_nothing_of_each_other(tmp_path: Path) -> None:
    """It would like to pass the first time and to raise afterwards; or to learn from a file, or from its own text."""
    tree = ast.parse(source_of(6).reference())
    others = set(TASKS) - {"test_confusion_matrix"}
    tree.body = [part for part in tree.body if getattr(part, "name", "") not in others]
    right = graded_file(LAB, file(tmp_path, ast.unparse(tree)), seed=3)
    assert right.tasks[-1].points == 10, right.tasks[-1]
    sly = """
        import os
        calls = []
        def test_confusion_matrix(confusion_matrix):
            calls.append(1)
            assert len(calls) == 1, "called more than once"
            assert not os.path.exists("seen") and "#" * 50 not in open(__file__).read()
            open("seen", "w").close()
            with open(__file__, "a") as mine:
                mine.write("#" * 50)
    """
    found = graded_file(LAB, file(tmp_path, sly), seed=3, limits=Limits(call=5.0)).tasks[-1]
    assert found.points == 0
    assert [line.kind for line in found.lines if line.holds] == ["gate", "alarm", "alarm", "alarm"], found.lines


def test_a_test_that_never_returns_has_noticed_nothing(tmp_path: Path) -> None:
    endless = """
        import numpy as np
        def test_confusion_matrix(confusion_matrix):
            p, t = np.array([[0, 1]]), np.array([[0, 0]])
            while confusion_matrix([(p, t)], 2)[0, 1] != 1:
                pass
    """
    found = graded_file(LAB, file(tmp_path, endless), seed=3, limits=Limits(call=1.0, total=30.0)).tasks[-1]
    assert found.points == 0


def test_the_score_counts_all_mutants_and_the_false_alarms(monkeypatch: pytest.MonkeyPatch) -> None:
    score = lab_score(LAB)
    mutants = sum(len(task.mutants) for task in TASKS.values())
    assert score.mutants == mutants > 100 and score.survivors == [] == score.alarms and score.percent == 100
    right = sum(len(RIGHT[task.operation]) for task in TASKS.values())
    said = f"the tests of the solution notice {mutants} of {mutants} mutants, with 0 false alarms on {right} right"
    assert said in str(score)

    def loud(functions: Any) -> Any:
        def attempt(name: str, given: Any) -> None:
            if name == "test_conv2d":
                raise Raised("AssertionError", None, "AssertionError")

        return attempt

    monkeypatch.setattr(scoring, "in_this_process", loud)
    score = lab_score(LAB)
    assert "test_conv2d: another_layout" in score.alarms and score.percent < 100
    assert "stamps_overwritten" in score.survivors and "kernel_flipped" not in score.survivors
    assert "FALSE ALARM right: another_layout" in str(score) and "SURVIVES    stamps_overwritten" in str(score)
