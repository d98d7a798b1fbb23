"""A student checks what is written: `lab.check(im2col)` tries the public laws of a task, and tells the points so far.

The same laws as a grader's, on other cases: what holds here for every case that is drawn will hold there. The function
runs in this process, as everything in a notebook does; a grader runs it in one of its own (`judging.py`).
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from dataclasses import dataclass
from html import escape
from textwrap import wrap
from typing import Any

from minifcn.errors import ArgumentError
from minifcn.labs.breaking import BreakTask
from minifcn.labs.judging import Line, TaskGrade, graded
from minifcn.labs.lab import AUTOMATIC, PUBLIC_SEED, WRITTEN, Lab
from minifcn.testing.blame import error_in_words
from minifcn.testing.counting import Counting
from minifcn.testing.isolation import Count, Raised
from minifcn.testing.laws import LAWS
from minifcn.testing.report import Finding, Report
from minifcn.text import nearest

EXAMPLES = 15
WIDTH = 80


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


@dataclass(frozen=True)
class Checked:
    """What `Session.check` found: true if every law of the task holds; a text with `print`, tables in a notebook."""

    grade: TaskGrade
    lab: Lab
    grades: dict[str, TaskGrade]

    def __bool__(self) -> bool:
        return self.grade.state == "right"

    @property
    def sentence(self) -> str:
        """The first thing to know."""
        name, worth = self.grade.task.function, self.grade.task.points
        if self.grade.state in ("missing", "not written yet"):
            there = "is not there" if self.grade.state == "missing" else "is not written yet"
            return f"{name} {there}: 0 of {worth} points."
        if self:
            return f"{name}: all {worth} points."
        held = any(line.kind == "gate" and not line.holds for line in self.grade.lines)
        what = "What defines it does not hold yet, and the rest counts"
        if isinstance(self.grade.task, BreakTask):
            what = "It must let the right implementation pass, and mutants count"
        why = f" {what} only with that." if held else ""
        return f"{name}: {self.grade.points} of {worth} points.{why}"

    @property
    def hint(self) -> str:
        """Where to look, as long as what defines the task does not hold."""
        return self.grade.task.hint if self.grade.points == 0 else ""

    def __repr__(self) -> str:
        parts = [[self.sentence]]
        if not self and self.grade.lines:
            parts.append([f"    {_worth(line, self.grade):>7}  {_told(line)}" for line in self.grade.lines])
        if self._has_example:
            parts.append([self._named(str(self.grade.finding))])
        if self.hint:
            parts.append([f"Hint: {self.hint}"])
        parts.append(_progress(self.lab, self.grades))
        return "\n\n".join("\n".join(line for text in part for line in _wrapped(text)) for part in parts)

    def _repr_html_(self) -> str:
        kind, mark = {"right": ("right", "✓"), "not written yet": ("unwritten", "…")}.get(
            self.grade.state, ("wrong", "✗")
        )
        parts = [f"<p><strong>{mark} {escape(self.sentence)}</strong></p>"]
        if not self and self.grade.lines:
            rows = "".join(
                f"<tr class='{'held' if line.holds else 'broken'}'><td>{escape(_worth(line, self.grade))}</td>"
                f"<td>{'✓' if line.holds else '✗'} {escape(_told(line))}</td></tr>"
                for line in self.grade.lines
            )
            parts.append(f"<table class='points'><tbody>{rows}</tbody></table>")
        if self._has_example:
            parts.append(self._named(_example(self.grade.finding)))
        if self.hint:
            parts.append(f"<p>Hint: {escape(self.hint)}</p>")
        body = f"<section class='{kind}'>{''.join(parts)}</section>{_bars(self.lab, self.grades)}"
        return f"{STYLE}<div class='minifcn-lab'>{body}</div>"

    def _named(self, text: str) -> str:
        """A text about the operation as one about the student's function: im2col(x, 3) for unfold(x, 3)."""
        return re.sub(rf"\b{self.grade.task.operation}\b", self.grade.task.function, text)

    @property
    def _has_example(self) -> bool:
        finding = self.grade.finding
        return self.grade.state in ("partly", "wrong") and finding is not None and not finding


def _example(finding: Finding | None) -> str:
    shown = getattr(Report((finding,)), "_repr_html_", None) if finding else None
    return shown() if shown else f"<pre>{escape(str(finding))}</pre>"


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


def _worth(line: Line, grade: TaskGrade) -> str:
    """12/12, 0/5; (5) of what holds and does not count yet."""
    if line.kind == "alarm" or not line.worth:
        return "ok" if line.holds else f"−{line.worth or grade.task.points}"
    if not line.holds:
        return f"0/{line.worth}"
    return f"{line.worth}/{line.worth}" if grade.points else f"({line.worth})"


def _told(line: Line) -> str:
    if line.name in LAWS:
        return LAWS[line.name].statement
    return line.told or "The effort of a call stays within its limit."


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


def _wrapped(text: str) -> list[str]:
    """Lines of 80 columns; the tables of a finding are narrow enough as they are."""
    inner = " " * (13 if text.startswith(" ") else 0)
    lines = text.split("\n")
    if len(lines) > 1:
        return lines
    return wrap(text, WIDTH, subsequent_indent=inner, break_on_hyphens=False, break_long_words=False) or [""]


STYLE = """<style>
.minifcn-lab { max-width: 52em; line-height: 1.45; overflow-wrap: anywhere; }
.minifcn-lab > section { border-left: 4px solid #0072b2; padding: 0.1em 0 0.1em 0.9em; margin: 0.6em 0; }
.minifcn-lab > section.wrong { border-left-color: #d55e00; }
.minifcn-lab > section.unwritten { border-left: 4px dashed #888; }
.minifcn-lab p { margin: 0.4em 0; }
.minifcn-lab pre { white-space: pre-wrap; color: inherit; background: transparent; }
.minifcn-lab table.points { border-collapse: collapse; margin: 0.4em 0; background: transparent; border: 0; }
.minifcn-lab table.points td { text-align: left; vertical-align: top; padding: 0.1em 0.7em 0.1em 0; border: 0;
  color: inherit; background: transparent; }
.minifcn-lab table.points td:first-child { text-align: right; white-space: nowrap; font-variant-numeric: tabular-nums; }
.minifcn-lab table.points tr.broken td { font-weight: bold; }
.minifcn-lab .bars { display: flex; flex-wrap: wrap; gap: 3px; margin: 0.6em 0 0.2em; }
.minifcn-lab .bar { position: relative; flex: 1 1 9em; border: 1px solid #888; height: 1.7em; overflow: hidden; }
.minifcn-lab .fill { position: absolute; inset: 0 auto 0 0; background: rgba(0, 114, 178, 0.35); }
.minifcn-lab .bar small { position: relative; padding: 0 0.4em; white-space: nowrap; }
.minifcn-lab .note { font-size: 0.9em; opacity: 0.85; }
</style>"""
