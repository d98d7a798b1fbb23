"""What a lab asks for and what it is worth: tasks, each with a gate, laws, contracts and a limit on effort.

A law holds or does not, and each is worth some points. But points add up to nothing by themselves: an operation that
returns zeros is linear, keeps images apart and has the right shape. So every task has a gate, the laws that define
what is asked for; while one of them is broken nothing of the task counts.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from minifcn.errors import ArgumentError
from minifcn.labs.form import Form
from minifcn.testing import LAWS, MUTANTS, Operations

if TYPE_CHECKING:
    from minifcn.labs.breaking import BreakTask

AUTOMATIC, WRITTEN = 90, 10  # points of a lab: what the judge gives, and what the teacher gives for the written part
PUBLIC_SEED = 2015  # draws the cases of `lab.check`; a grader draws a seed of its own


@dataclass(frozen=True)
class Effort:
    """A call that must not take more than so many lines of Python, or bytes: counted, never timed.

    call: makes the arguments (arguments, named) of the call. lines: how many lines of the student's file may run in it,
    which a loop over pixels exceeds and one over taps does not. memory: bytes that it may hold at once beyond its
    arguments. points: what it is worth. why: a sentence for the report.
    """

    call: Any
    points: int
    why: str
    lines: int | None = None
    memory: int | None = None


@dataclass(frozen=True)
class Refusal:
    """A call that must be refused, with an error that tells what does not fit.

    call: makes the arguments (arguments, named) of the call. numbers: what the message has to name, each by one of
    several numbers, since a kernel may be told by its taps or by its extent. points: what it is worth. why: what is
    asked for, as a sentence.
    """

    call: Any
    numbers: tuple[tuple[int, ...], ...]
    points: int
    why: str


@dataclass(frozen=True)
class Task:
    """One function to write.

    function: its name in the student's file. operation: the operation of `minifcn.testing` whose laws judge it.
    gate: the laws without which nothing counts. laws: what is worth points beside them, by name. contracts: laws about
    errors and manners (what is refused, what is left unchanged), by name. refusals: errors whose words count, too.
    efforts: calls with a limit. hint: where to look when nothing works yet, in a sentence. form: how the function is
    called; None if it is called as the operation is. mutants: the mistakes of `minifcn.testing` that this task knows,
    by name: each costs points.
    """

    function: str
    operation: str
    gate: Mapping[str, int]
    laws: Mapping[str, int] = field(default_factory=dict)
    contracts: Mapping[str, int] = field(default_factory=dict)
    refusals: tuple[Refusal, ...] = ()
    efforts: tuple[Effort, ...] = ()
    hint: str = ""
    form: Form | None = None
    mutants: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.operation not in Operations.names():
            raise ArgumentError(f"{self.function}: there is no operation {self.operation!r}.")
        for name in self.tried:
            if name not in LAWS or self.operation not in LAWS[name].needs:
                raise ArgumentError(f"{self.function}: no law of {self.operation} has the name {name!r}.")
        for name in self.mutants:
            if name not in MUTANTS or MUTANTS[name].of != self.operation:
                raise ArgumentError(f"{self.function}: no mutant of {self.operation} has the name {name!r}.")
        if not self.gate:
            raise ArgumentError(f"{self.function}: a task has a gate, the laws that say what is asked for.")

    @property
    def tried(self) -> tuple[str, ...]:
        """The names of all laws that are tried, the gate first."""
        return (*self.gate, *self.laws, *self.contracts)

    @property
    def points(self) -> int:
        worth = (*self.gate.values(), *self.laws.values(), *self.contracts.values())
        counted = sum(effort.points for effort in self.efforts)
        return sum(worth) + sum(refusal.points for refusal in self.refusals) + counted


@dataclass(frozen=True)
class Lab:
    """A lab: its number, its text in tutorials/labs, its tasks in order, the written questions with their rubric."""

    number: int
    name: str
    title: str
    minutes: int
    tasks: tuple[Task | BreakTask, ...]
    written: Mapping[str, str]

    def __post_init__(self) -> None:
        if sum(task.points for task in self.tasks) != AUTOMATIC:
            worth = {task.function: task.points for task in self.tasks}
            raise ArgumentError(f"lab {self.number}: tasks are worth {AUTOMATIC} points in all, not {worth}.")

    @property
    def by_laws(self) -> tuple[Task, ...]:
        """The tasks that laws judge; the others ask for tests."""
        return tuple(task for task in self.tasks if isinstance(task, Task))

    @property
    def functions(self) -> tuple[str, ...]:
        return tuple(task.function for task in self.tasks)
