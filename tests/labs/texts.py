"""The texts of the labs as their tests need them: solutions and stubs, run as a file of a student's would be."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from minifcn.labs.catalogue import lab_of
from minifcn.labs.forms import source_of
from minifcn.labs.judging import Grade
from minifcn.labs.lab import Lab
from minifcn.labs.scoring import lab_score


def names_of(number: int, *, solved: bool = True) -> dict[str, Any]:
    """Everything that a lab's plain file defines, with the solutions or with stubs, after it was run."""
    names: dict[str, Any] = {}
    exec(compile(source_of(number).python(solved=solved), f"lab{number}.py", "exec"), names)
    return names


def functions(number: int, *, solved: bool = True) -> dict[str, Callable[..., Any]]:
    """The functions that a student writes, by name."""
    names = names_of(number, solved=solved)
    return {name: names[name] for name in lab_of(number).functions}


def points_in_text(number: int) -> dict[str, int]:
    """The points of every cell that is graded, by its grade_id."""
    graded = [cell.grading for cell in source_of(number).cells if cell.grading.get("grade")]
    return {cell["grade_id"]: cell["points"] for cell in graded}


def solution_file(number: int, folder: Path, **replaced: str) -> Path:
    """A student's file with the solutions; `replaced` are functions in other words."""
    file = folder / f"lab{number}.py"
    file.write_text("\n\n".join([source_of(number).python(solved=True), *replaced.values()]), encoding="utf-8")
    return file


def broken(grade: Grade) -> list[str]:
    """What does not hold, by name."""
    return [line.name for task in grade.tasks for line in task.lines if not line.holds]


LAZY = ("zeros", "input", "copy of the input", "second argument")


def lazy_ones(solution: dict[str, Callable[..., Any]]) -> list[dict[str, Callable[..., Any]]]:
    """Functions that do nothing, one set for each of LAZY. The zeros have the right shape, and refuse what they should."""

    def zeros(function: Callable[..., Any]) -> Callable[..., Any]:
        def nothing(*arguments: Any, **named: Any) -> Any:
            right = function(*arguments, **named)
            return [0 for _ in right] if isinstance(right, range) else right * 0

        return nothing

    return [
        {name: zeros(function) for name, function in solution.items()},
        dict.fromkeys(solution, lambda *arguments, **named: arguments[0]),
        dict.fromkeys(solution, lambda *arguments, **named: arguments[0] * 1),
        dict.fromkeys(solution, lambda *arguments, **named: arguments[1]),
    ]


def nothing_escapes(lab: Lab) -> None:
    """Every mutant costs points and is called by its name, and every law notices one."""
    score = lab_score(lab)
    assert score.survivors == []
    assert score.unnamed == []
    assert score.idle == []
    assert score.percent == 100
    assert "Mutation score 100 %" in str(score)


def the_text_agrees(lab: Lab) -> None:
    """Points and names are the same in the text and in the lab; the text of a student has no solution in it."""
    expected = {f"check-{task.function}": task.points for task in lab.tasks}
    found = points_in_text(lab.number)
    assert {name: worth for name, worth in found.items() if name.startswith("check-")} == expected
    assert set(found) - set(expected) == set(lab.written)
    assert sum(found.values()) == 100
    texts = [cell.source for cell in source_of(lab.number).cells]
    for task in lab.tasks:
        table = f"`{task.function}` |"
        assert any(table in text and f"| {task.points} |" in text for text in texts), task.function
        assert any(f"lab.check({task.function})" in text for text in texts)
