"""A submission is graded: its functions answer calls from a process of their own, laws and points stay here.

`graded(lab, functions)` judges any functions, a student's or a mutant's. `graded_file` runs a file in a sandbox first
and judges what it answers.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from minifcn.errors import FileError
from minifcn.labs.breaking import WORTH, BreakTask, Try, trials
from minifcn.labs.forms import source_of
from minifcn.labs.lab import AUTOMATIC, PUBLIC_SEED, Effort, Lab, Refusal, Task
from minifcn.labs.sandbox import Sandbox
from minifcn.labs.submissions import as_python, earlier
from minifcn.labs.wording import in_its_words
from minifcn.testing.blame import error_in_words
from minifcn.testing.check import check
from minifcn.testing.isolation import Count, Limits, Raised
from minifcn.testing.law import Ended
from minifcn.testing.laws import LAWS
from minifcn.testing.report import Finding
from minifcn.testing.worker import shortened
from minifcn.text import nearest

EXAMPLES = 15  # cases for each law
DTYPE = 2  # points that results of a narrower dtype take away, where a task has no contracts; else what those are worth
Functions = Mapping[str, Callable[..., Any]]
Counted = Callable[[str, tuple[Any, ...], dict[str, Any]], Count]  # calls a function by its name, and counts


@dataclass(frozen=True)
class Line:
    """One thing that was tried: a law, an error that is asked for, or an effort; its worth, and whether it counts."""

    name: str
    kind: str  # "gate", "law", "contract", "refusal", "effort"; "mutant" of a BreakTask; "alarm" takes points away
    worth: int
    holds: bool
    told: str = ""  # what was found instead
    statement: str = ""  # what is asked for, in a sentence


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
        """Nothing while the gate is broken; a false alarm, or a dtype, takes away what it is worth."""
        if any(line.kind == "gate" and not line.holds for line in self.lines):
            return 0
        gained = sum(line.worth for line in self.lines if line.holds and line.kind != "alarm")
        return max(0, gained - sum(line.worth for line in self.lines if not line.holds and line.kind == "alarm"))


@dataclass(frozen=True)
class Grade:
    """What a submission got.

    error: why it could not be run at all, in a sentence. missing: the walls that this system did not allow around it.
    printed: how what it printed begins. notes: what was left out of it, in sentences. text: what was run of it.
    """

    lab: Lab
    tasks: tuple[TaskGrade, ...]
    seconds: float
    error: str = ""
    missing: tuple[str, ...] = ()
    printed: str = ""
    notes: tuple[str, ...] = ()
    text: str = ""

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
    examples: int = EXAMPLES,
    seed: int = 0,
    counted: Counted | None = None,
    only: str | None = None,
    attempt: Try | None = None,
) -> Grade:
    """Judge functions by their names in the lab's text; one that is not there is missing.

    counted: calls one of them and counts what it does; without it no effort is too much. only: this task alone.
    attempt: hands one of them an implementation (lab 6), in a process that knows of no other; without it that is done
    in this process.
    """
    began = time.monotonic()
    attempt = attempt or in_this_process(functions)
    asked = [task for task in lab.tasks if only in (None, task.function)]
    tasks = tuple(_task(task, functions, examples, seed, counted, attempt) for task in asked)
    return Grade(lab, tasks, time.monotonic() - began)


def graded_file(
    lab: Lab,
    file: Path,
    *,
    examples: int = EXAMPLES,
    seed: int = 0,
    limits: Limits | None = None,
    only: str | None = None,
) -> Grade:
    """Judge a student's .py or .ipynb; one that cannot be run has no points and says why.

    Functions of earlier labs are there as `reference_lab1` and so on, for who imports them.
    """
    began, text = time.monotonic(), ""
    notes: tuple[str, ...] = ()
    try:
        text, notes = as_python(file)
        beside = {f"reference_lab{n}.py": source_of(n).reference() for n in earlier(text, lab.number)}
        with Sandbox(file, lab.functions, limits or Limits(), text=text, beside=beside) as box:
            attempt = box.tried if seed == PUBLIC_SEED else box.alone  # a student's own check has nothing to hide
            found = graded(
                lab, box.functions, examples=examples, seed=seed, counted=box.counted, only=only, attempt=attempt
            )
            tasks = tuple(replace(grade, told=_meant(grade, box.others)) for grade in found.tasks)
            printed = str(box.printed)
            return replace(found, tasks=tasks, missing=box.missing, printed=printed, notes=notes, text=text)
    except FileError as error:
        tasks = tuple(TaskGrade(task, "missing") for task in lab.tasks)
        told = re.sub(r"\S*[/\\](?=[^/\\\s]+\.py)", "", str(error))
        return Grade(lab, tasks, time.monotonic() - began, told, notes=notes, text=text)


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
    return graded_task(task, functions[task.function], examples, seed, counted)


def graded_task(
    task: Task,
    function: Callable[..., Any],
    examples: int = EXAMPLES,
    seed: int = 0,
    counted: Counted | None = None,
    *,
    small: bool = True,
) -> TaskGrade:
    """Judge the function of one task. small: an example that goes wrong is made small, which takes most of the time."""
    finding = judged(task, function, examples, seed, small)
    if finding.unwritten:
        return TaskGrade(task, "not written yet", finding=finding)
    tried = {law.name for law in finding.laws} | set(finding.but_for_dtype)
    broken = {found.law.name: found.found for found in finding.counterexamples}

    def line(name: str, kind: str, worth: int) -> Line:
        holds = name in tried and name not in broken
        return Line(name, kind, worth, holds, broken.get(name, ""), LAWS[name].statement)

    lines = [line(name, "gate", worth) for name, worth in task.gate.items()]
    lines += [line(name, "law", worth) for name, worth in task.laws.items()]
    lines += [line(name, "contract", worth) for name, worth in task.contracts.items()]
    lines += [_refusal(task, refusal, function) for refusal in task.refusals]
    lines += [_effort(task.function, effort, counted) for effort in task.efforts]
    if finding.dtype and not finding.cause:
        worth = max(DTYPE, sum(task.contracts.values()))
        lines.append(Line("dtype", "alarm", worth, False, f"{task.function} {finding.dtype}."))
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


def judged(task: Task, function: Callable[..., Any], examples: int, seed: int, small: bool = True) -> Finding:
    """The laws of one task, tried on a function, and what was found in the words of the lab."""
    operation = task.form.operation(task.operation, function) if task.form else function
    given: dict[str, Any] = {task.operation: operation}
    given |= {} if small else {"shrink": "none"}
    report = check(examples=examples, seed=seed, laws=task.tried, planes=False, **given)
    return in_its_words(report.findings[0], task, function)


def _refusal(task: Task, refusal: Refusal, function: Callable[..., Any]) -> Line:
    """Whether a call is refused, in words that tell what does not fit."""
    told, (arguments, named) = "", refusal.call()
    try:
        value = function(*arguments, **named)
    except Ended as ended:
        told = f"{_spelt(task.function, arguments, named)} {ended}"
    except Exception as error:
        found = {int(digits) for digits in re.findall(r"\d+", str(error))}
        missing = [choice for choice in refusal.numbers if not found & set(choice)]
        if missing:
            lacks = " and ".join(" or ".join(map(str, dict.fromkeys(choice))) for choice in missing)
            said = " ".join(str(error).split()) or type(error).__name__
            told = f"{_spelt(task.function, arguments, named)}: the error says “{said}”; it should name {lacks}"
    else:
        told = f"{_spelt(task.function, arguments, named)} gave {_brief(value)}, it should be refused with an error"
    return Line("refusal", "refusal", refusal.points, not told, told, refusal.why)


def _spelt(name: str, arguments: tuple[Any, ...], named: Mapping[str, Any]) -> str:
    """im2col(x, (3, 3), stride=(1, 1)), arrays by their shapes."""
    values = [_brief(value) for value in arguments] + [f"{key}={_brief(value)}" for key, value in named.items()]
    return f"{name}({', '.join(values)})"


def _brief(value: Any) -> str:
    if isinstance(value, np.ndarray):
        return f"an array of shape {value.shape}"
    return shortened(" ".join(repr(value).split()), 60)


def _effort(name: str, effort: Effort, counted: Counted | None) -> Line:
    """Whether a call stays within its limits. A count that was tampered with is above every limit."""
    told = ""
    if counted is not None:
        try:
            count = counted(name, *effort.call())
        except Ended as ended:
            told = f"the call that is counted {ended}"
        except Raised as error:
            told = f"the call that is counted raised {error}"
        else:
            if not count.whole:
                told = "the counting was switched off"
            elif effort.lines is not None and count.lines > effort.lines:
                told = f"{count.lines} lines ran in one call, {effort.lines} are enough: {effort.why}"
            elif effort.memory is not None and count.bytes > effort.memory:
                told = f"{count.bytes} bytes were held at once, {effort.memory} are enough: {effort.why}"
    return Line("effort", "effort", effort.points, not told, told, effort.why)
