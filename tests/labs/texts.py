"""The texts of the labs as their tests need them: solutions and stubs, run as a file of a student's would be."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from minifcn.labs.judging import Grade
from minifcn.labs.lab import Lab
from minifcn.labs.scoring import lab_score

TEXTS = Path(__file__).parents[2] / "tutorials" / "labs"
SOLUTION = re.compile(r"^( *)### BEGIN SOLUTION$.*?^ *### END SOLUTION$", re.MULTILINE | re.DOTALL)


@cache
def cells(number: int) -> list[str]:
    """The cells of a lab's text, each with its mark `# %% ...` in front."""
    (path,) = TEXTS.glob(f"lab{number}_*.py")
    return re.split(r"^(?=# %%)", path.read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]


def written(number: int, stubs: bool = False) -> str:
    """NumPy and the cells that a student writes, with the solutions or as stubs."""
    code = [cell for cell in cells(number) if '"solution": true' in cell and not cell.startswith("# %% [markdown]")]
    text = "\n".join(["import numpy as np", *code])
    return SOLUTION.sub(r"\1raise NotImplementedError", text) if stubs else text


def functions(number: int, stubs: bool = False) -> dict[str, Callable[..., Any]]:
    found: dict[str, Any] = {}
    exec(compile(written(number, stubs), f"lab{number}.py", "exec"), found)
    return {name: value for name, value in found.items() if callable(value) and not name.startswith("_")}


def points_in_text(number: int) -> dict[str, int]:
    """The points of every cell that is graded, by its grade_id."""
    found = {}
    for cell in cells(number):
        head = cell.partition("\n")[0]
        if '"grade": true' in head:
            found[re.findall(r'"grade_id": "([^"]+)"', head)[0]] = int(re.findall(r'"points": (\d+)', head)[0])
    return found


def solution_file(number: int, folder: Path, **replaced: str) -> Path:
    """A student's file with the solutions; `replaced` are functions in other words."""
    file = folder / f"lab{number}.py"
    file.write_text("\n\n".join([written(number), *replaced.values()]), encoding="utf-8")
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
    for task in lab.tasks:
        table = f"`{task.function}` |"
        assert any(table in cell and f"| {task.points} |" in cell for cell in cells(lab.number)), task.function
        assert any(f"lab.check({task.function})" in cell for cell in cells(lab.number))
