"""A submission is graded: its functions answer calls from a process of their own, laws and points stay here.

`graded(lab, functions)` judges any functions, a student's or a mutant's. `graded_file` runs a file in a sandbox first
and judges what it answers.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from minifcn.errors import FileError
from minifcn.labs.breaking import WORTH, BreakTask, Try, trials
from minifcn.labs.lab import AUTOMATIC, PUBLIC_SEED, Effort, Lab, Task
from minifcn.labs.sandbox import Sandbox
from minifcn.testing.blame import error_in_words
from minifcn.testing.check import check
from minifcn.testing.isolation import Count, Limits, Raised
from minifcn.testing.law import Ended
from minifcn.testing.report import Finding
from minifcn.text import nearest

Functions = Mapping[str, Callable[..., Any]]
Counted = Callable[[str, tuple[Any, ...], dict[str, Any]], Count]  # calls a function by its name, and counts


@dataclass(frozen=True)
class Line:
    """One thing that was tried: a law, or an effort; what it is worth, and whether it counts."""

    name: str
    kind: str  # "gate", "law", "contract", "effort"; of a BreakTask "gate", "mutant", "alarm"
    worth: int
    holds: bool
    told: str = ""  # what was found instead


@dataclass(frozen=True)
class TaskGrade:
    """What a task got: `state` is "right", "partly", "wrong", "missing" or "not written yet"."""

    task: Task | BreakTask
    state: str
    lines: tuple[Line, ...] = ()
    finding: Finding | None = None
    told: str = ""  # of one that is missing: what may have been meant to be it

    @property
    def points(self) -> int:
        """Nothing while the gate is broken; a false alarm takes away what it is worth."""
        if any(line.kind == "gate" and not line.holds for line in self.lines):
            return 0
        gained = sum(line.worth for line in self.lines if line.holds and line.kind != "alarm")
        return max(0, gained - sum(line.worth for line in self.lines if not line.holds and line.kind == "alarm"))


@dataclass(frozen=True)
class Grade:
    """What a submission got.

    error: why it could not be run at all, in a sentence. missing: the walls that this system did not allow around it.
    printed: how what it printed begins.
    """

    lab: Lab
    tasks: tuple[TaskGrade, ...]
    seconds: float
    error: str = ""
    missing: tuple[str, ...] = ()
    printed: str = ""

    @property
    def points(self) -> int:
        return sum(task.points for task in self.tasks)

    @property
    def percent(self) -> float:
        """Of what the judge can give; the written part is the teacher's."""
        return 100 * self.points / AUTOMATIC


def graded(
    lab: Lab,
    functions: Functions,
    *,
    examples: int = 15,
    seed: int = 0,
    counted: Counted | None = None,
    attempt: Try | None = None,
) -> Grade:
    """Judge functions by their names in the lab's text; one that is not there is missing.

    counted: calls one of them and counts what it does; without it no effort is too much. attempt: hands one of them
    an implementation (lab 6), in a process that knows of no other; without it that is done in this process.
    """
    began = time.monotonic()
    attempt = attempt or in_this_process(functions)
    tasks = tuple(_task(task, functions, examples, seed, counted, attempt) for task in lab.tasks)
    return Grade(lab, tasks, time.monotonic() - began)


def graded_file(lab: Lab, file: Path, *, examples: int = 15, seed: int = 0, limits: Limits | None = None) -> Grade:
    """Judge a student's file; one that cannot be run has no points and says why."""
    began = time.monotonic()
    try:
        with Sandbox(file, lab.functions, limits or Limits()) as box:
            attempt = box.tried if seed == PUBLIC_SEED else box.alone  # a student's own check has nothing to hide
            found = graded(lab, box.functions, examples=examples, seed=seed, counted=box.counted, attempt=attempt)
            tasks = tuple(replace(grade, told=_meant(grade, box.others)) for grade in found.tasks)
            return replace(found, tasks=tasks, missing=box.missing, printed=str(box.printed))
    except FileError as error:
        tasks = tuple(TaskGrade(task, "missing") for task in lab.tasks)
        return Grade(lab, tasks, time.monotonic() - began, str(error))


def _meant(grade: TaskGrade, others: tuple[str, ...]) -> str:
    """Which function of the file may have been meant to be one that is missing."""
    if grade.state != "missing":
        return ""
    for name in others:
        if not name.isascii() and len(name) == len(grade.task.function):
            return f"{name} has letters that only look like those of {grade.task.function}"
    like = nearest(grade.task.function, others, likeness=0.8)
    return f"is {like} meant to be it?" if like else ""


def in_this_process(functions: Functions) -> Try:
    """Hands a function of this process an implementation."""

    def attempt(name: str, given: dict[str, Callable[..., Any]]) -> Any:
        try:
            with np.errstate(all="ignore"):
                return functions[name](**given)
        except Exception as error:
            raise Raised(error_in_words(error), None, type(error).__name__) from None

    return attempt


def _task(
    task: Task | BreakTask, functions: Functions, examples: int, seed: int, counted: Counted | None, attempt: Try
) -> TaskGrade:
    if task.function not in functions:
        return TaskGrade(task, "missing")
    if isinstance(task, BreakTask):
        return _breaking(task, attempt, seed)
    given: dict[str, Any] = {task.operation: functions[task.function]}
    (finding,) = check(examples=examples, seed=seed, laws=task.tried, **given).findings
    if finding.unwritten:
        return TaskGrade(task, "not written yet", finding=finding)
    tried = {law.name for law in finding.laws}
    broken = {found.law.name: found.found for found in finding.counterexamples}

    def line(name: str, kind: str, worth: int) -> Line:
        return Line(name, kind, worth, name in tried and name not in broken, broken.get(name, ""))

    lines = [line(name, "gate", worth) for name, worth in task.gate.items()]
    lines += [line(name, "law", worth) for name, worth in task.laws.items()]
    lines += [line(name, "contract", worth) for name, worth in task.contracts.items()]
    lines += [_effort(task.function, effort, counted) for effort in task.efforts]
    grade = TaskGrade(task, "", tuple(lines), finding)
    state = "right" if grade.points == task.points else "partly" if grade.points else "wrong"
    return TaskGrade(task, state, tuple(lines), finding)


def _breaking(task: BreakTask, attempt: Try, seed: int) -> TaskGrade:
    """A test of the student's. It must let the right implementation pass; then it gains by mutants that it notices."""
    found = trials(task, attempt, None if seed == PUBLIC_SEED else seed)
    if all(trial.outcome == "not written yet" for trial in found):
        return TaskGrade(task, "not written yet")
    lines = []
    for number, trial in enumerate(found):
        kind = "mutant" if not trial.right else "alarm" if number else "gate"
        lines.append(Line(trial.name, kind, WORTH if number else 0, trial.as_it_should, trial.sentence))
    if not lines[0].holds:
        lines = lines[:1]  # first things first
    points = TaskGrade(task, "", tuple(lines)).points
    return TaskGrade(task, "right" if points == task.points else "partly" if points else "wrong", tuple(lines))


def _effort(name: str, effort: Effort, counted: Counted | None) -> Line:
    """Whether a call stays within its limits. A count that was tampered with is above every limit."""
    told = ""
    if counted is not None:
        try:
            count = counted(name, *effort.call())
        except (Raised, Ended) as error:
            told = f"the call that is counted did not return: {error}"
        else:
            if not count.whole:
                told = "the counting was switched off"
            elif effort.lines is not None and count.lines > effort.lines:
                told = f"{count.lines} lines ran in one call, {effort.lines} are enough: {effort.why}"
            elif effort.memory is not None and count.bytes > effort.memory:
                told = f"{count.bytes} bytes were held at once, {effort.memory} are enough: {effort.why}"
    return Line("effort", "effort", effort.points, not told, told)
