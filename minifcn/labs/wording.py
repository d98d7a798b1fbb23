"""What `check` found about an operation, told about the function that a student wrote: its name, and its arguments."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from minifcn.labs.lab import Task
from minifcn.testing.blame import Difference, difference
from minifcn.testing.calls import Call, tried
from minifcn.testing.law import Counterexample
from minifcn.testing.report import Finding

# Notes on what was not asked for; here that is what the lab does not ask for either.
NOT_ASKED = ("It takes ", "Only ", "It returns no way back")


def in_its_words(finding: Finding, task: Task, function: Callable[..., Any]) -> Finding:
    """The same finding, about the task's function instead of the operation."""

    def renamed(told: str) -> str:
        return re.sub(rf"\b{task.operation}\b", task.function, told)

    def call_of(call: Call) -> Call:
        return replace(call, name=task.function)

    def wrong_of(wrong: Difference) -> Difference:
        told = task.form.told(wrong, function) if task.form else wrong
        return replace(told, call=call_of(told.call))

    def counterexample(found: Counterexample) -> Counterexample:
        """Told by its call, where that can be made once more."""
        if task.form is None or not isinstance(found.case, dict):
            return replace(found, found=renamed(found.found))
        operation = task.form.operation(task.operation, function)
        call = Call(task.operation, found.case, tried(lambda given: operation(**given), found.case))
        wrong = difference(call)
        return replace(found, found=wrong_of(wrong).sentence if wrong else renamed(found.found))

    # What defines the task is told first, where it is broken.
    told = sorted(finding.counterexamples, key=lambda found: found.law.name not in task.gate)
    return replace(
        finding,
        name=task.function,
        cause=renamed(finding.cause),
        wrong=wrong_of(finding.wrong) if finding.wrong else None,
        last_call=call_of(finding.last_call) if finding.last_call else None,
        counterexamples=tuple(map(counterexample, told)),
        notes=tuple(renamed(note) for note in finding.notes if not note.startswith(NOT_ASKED)),
    )
