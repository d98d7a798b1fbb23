"""What is shown of every lab: its solution is right, what does no work gets nothing, each mistake costs points."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from minifcn.labs.checking import _counting
from minifcn.labs.judging import TaskGrade, graded_task
from minifcn.labs.lab import Lab, Task
from minifcn.testing import MUTANTS, Operations

EXAMPLES = 4, 15  # what most mistakes need, and as many as a grader draws


def grade_of(
    task: Task, function: Callable[..., Any], *, count: bool = False, examples: int = EXAMPLES[-1]
) -> TaskGrade:
    """What one function gets in the place of the student's. count: efforts, too."""
    counted = _counting(function) if count else None
    return graded_task(task, function, examples, 1, counted, small=False)


def mistaken(task: Task, name: str) -> tuple[TaskGrade, bool]:
    """What a mutant gets in the place of the student's function, and whether it is called by its name."""
    for examples in EXAMPLES:
        grade = grade_of(task, MUTANTS[name].function, examples=examples)
        assert grade.finding is not None
        named = name in [mistake.name for mistake in grade.finding.mistakes]
        if named and grade.points < task.points:
            break
    return grade, named


def broken_by(grade: TaskGrade) -> set[str]:
    return {line.name for line in grade.lines if not line.holds}


def left_out_of(lab: Lab) -> set[str]:
    """The mutants of the lab's operations that no task knows."""
    operations, known = {task.operation for task in lab.tasks}, {name for task in lab.tasks for name in task.mutants}
    return {mutant.name for mutant in MUTANTS.values() if mutant.of in operations} - known


def zeros(operation: str) -> Callable[..., Any]:
    """Does no work: the right shape, and nothing in it."""
    right = getattr(Operations(), operation)

    def empty(value: Any) -> Any:
        if isinstance(value, tuple | list):
            return type(value)(empty(part) for part in value)
        return value if callable(value) else value * 0

    return lambda *arguments, **named: empty(right(*arguments, **named))


def first_array(*arguments: Any, **named: Any) -> Any:
    """Does no work: gives what it got."""
    first = arguments[0]
    return [a.copy() for a in arguments[1]] if callable(first) or isinstance(first, list) else first
