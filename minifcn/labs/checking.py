"""A student checks what is written: `lab.check(im2col)` tries the public laws of a task, and tells the points so far.

The same laws as a grader's, on other cases: what holds here for every case that is drawn will hold there. The function
runs in this process, as everything in a notebook does; a grader runs it in one of its own (`judging.py`).
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from html import escape
from typing import Any

from minifcn.errors import ArgumentError
from minifcn.labs.judging import EXAMPLES, TaskGrade, graded
from minifcn.labs.lab import AUTOMATIC, PUBLIC_SEED, WRITTEN, Lab
from minifcn.labs.telling import STYLE, Told, laid_out
from minifcn.testing.blame import error_in_words
from minifcn.testing.counting import Counting
from minifcn.testing.isolation import Count, Raised
from minifcn.text import nearest


class Session:
    """One lab in a notebook: `check` a function, and see the points so far."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        self.grades: dict[str, TaskGrade] = {}

    @property
    def functions(self) -> tuple[str, ...]:
        """The names of what is to be written, in order."""
        return self.lab.functions

    @property
    def points(self) -> int:
        """Of AUTOMATIC, by what was checked last of each task."""
        return sum(grade.points for grade in self.grades.values())

    def check(self, function: Callable[..., Any] | None, task: str | None = None) -> Checked:
        """Try the public laws of a task on a function.

        task: the name of the task, where the function has another. What comes back is true if all of it holds, and a
        notebook shows it. ArgumentError for a function that is no task of this lab.
        """
        name = getattr(function, "__name__", "") if task is None else task
        if name not in self.functions:
            meant = nearest(name, self.functions) or self.functions[0]
            told = f"{name!r} is no task of lab {self.lab.number}; they are {', '.join(self.functions)}"
            raise ArgumentError(f'{told}. To check it as one of them: lab.check({name or "f"}, "{meant}").')
        given = {} if function is None else {name: function}
        found = graded(self.lab, given, examples=EXAMPLES, seed=PUBLIC_SEED, counted=_counting(function))
        grade = next(each for each in found.tasks if each.task.function == name)
        self.grades[name] = grade
        return Checked(grade, self.lab, dict(self.grades))

    def __repr__(self) -> str:
        return "\n".join([f"Lab {self.lab.number}: {self.lab.title}", *_progress(self.lab, self.grades)])

    def _repr_html_(self) -> str:
        title = f"<b>Lab {self.lab.number}: {escape(self.lab.title)}</b>"
        return f"{STYLE}<div class='minifcn-lab'>{title}{_bars(self.lab, self.grades)}</div>"


@dataclass(frozen=True, repr=False)
class Checked(Told):
    """What `Session.check` found: true if every law of the task holds; a text with `print`, tables in a notebook.

    grades: of all tasks that were checked so far.
    """

    lab: Lab
    grades: dict[str, TaskGrade]

    def __repr__(self) -> str:
        return "\n\n".join([self.text(), laid_out([_progress(self.lab, self.grades)])])

    def _repr_html_(self) -> str:
        return f"{STYLE}<div class='minifcn-lab'>{self.section()}{_bars(self.lab, self.grades)}</div>"


def _counting(function: Any) -> Callable[[str, tuple[Any, ...], dict[str, Any]], Count]:
    """Calls the function in this process and counts; one that is not written in Python is not counted."""
    code = getattr(inspect.unwrap(function), "__code__", None) if callable(function) else None

    def counted(name: str, arguments: tuple[Any, ...], named: dict[str, Any]) -> Count:
        counting = Counting(code.co_filename if code else "")
        try:
            with counting:
                function(*arguments, **named)
        except Exception as error:
            raise Raised(error_in_words(error), None, type(error).__name__) from None
        return Count(counting.lines, counting.bytes, counting.whole)

    return counted


def _progress(lab: Lab, grades: dict[str, TaskGrade]) -> list[str]:
    """The points of each task so far, and of all."""
    told = []
    for task in lab.tasks:
        grade = grades.get(task.function)
        told.append(f"{task.function} {f'{grade.points}/{task.points}' if grade else f'–/{task.points}'}")
    points = sum(grade.points for grade in grades.values())
    return [f"Lab {lab.number} so far: {points} of {AUTOMATIC} points by the public laws ({', '.join(told)})."]


def _bars(lab: Lab, grades: dict[str, TaskGrade]) -> str:
    """A bar for each task, as wide as it is worth, filled as far as it is done."""
    bars = []
    for task in lab.tasks:
        grade = grades.get(task.function)
        points = grade.points if grade else 0
        label = f"{escape(task.function)} {points if grade else '–'}/{task.points}"
        bars.append(
            f"<span class='bar' style='flex-grow:{task.points}' title='{label}'>"
            f"<span class='fill' style='width:{100 * points // task.points}%'></span><small>{label}</small></span>"
        )
    points = sum(grade.points for grade in grades.values())
    told = f"{points} of {AUTOMATIC} points by the public laws; {WRITTEN} more are for what you write in words."
    return f"<div class='bars'>{''.join(bars)}</div><p class='note'>{told}</p>"
