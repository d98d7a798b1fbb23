"""Lab 6 turned round: a student writes tests, and right and wrong implementations are tried on them.

A `BreakTask` asks for a test of one operation: a function that is handed an implementation, raises if it is wrong and
returns if it is right. It is tried on mutants of `minifcn.testing`, each of which it should notice, and on right
implementations that differ in what they may differ in, none of which it should refuse. Every implementation is met by
itself (in a process of its own where a file is graded), in an order drawn anew, so nothing can be told by counting.
"""

from __future__ import annotations

import inspect
import random
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from minifcn.errors import ArgumentError
from minifcn.labs.right import RIGHT
from minifcn.testing import ours
from minifcn.testing.isolation import Raised
from minifcn.testing.law import Ended
from minifcn.testing.mutants import MUTANTS
from minifcn.testing.worker import shortened

Function = Callable[..., Any]
Try = Callable[[str, dict[str, Function]], Any]  # a function of the student's by its name, and what it is handed

WORTH = 5  # points for a mutant that is noticed, and what a false alarm takes away
CALLS, SECONDS, NUMBERS, LARGEST = 400, 5.0, 3000, 20  # what a test may ask of one implementation, see `Given`


@dataclass(frozen=True)
class BreakTask:
    """A test to write: `function` is its name in the student's file, `operation` what it is handed, by that name.

    public: the mutants that are told by name, which `lab.check` tries. hidden: those of which a judge draws as many.
    """

    function: str
    operation: str
    public: tuple[str, ...]
    hidden: tuple[str, ...]
    hint: str = ""

    def __post_init__(self) -> None:
        for name in (*self.public, *self.hidden):
            if name not in MUTANTS or MUTANTS[name].of != self.operation:
                raise ArgumentError(f"{self.function}: no mutant of {self.operation} has the name {name!r}.")
        if set(self.public) & set(self.hidden) or not 0 < len(self.public) <= len(self.hidden):
            raise ArgumentError(f"{self.function}: hidden mutants are others than the public ones, and no fewer.")

    @property
    def points(self) -> int:
        return WORTH * len(self.public)

    @property
    def mutants(self) -> tuple[str, ...]:
        """All of them."""
        return (*self.public, *self.hidden)

    def drawn(self, seed: int | None) -> tuple[str, ...]:
        """The mutants that a seed draws; the public ones for None."""
        if seed is None:
            return self.public
        return tuple(random.Random(f"mutants {seed} {self.function}").sample(self.hidden, len(self.public)))


@dataclass(frozen=True)
class Trial:
    """How a test met one implementation: it "returned", "raised", is "not written yet" or "gave up"."""

    name: str
    remark: str
    right: bool
    outcome: str
    told: str = ""

    @property
    def as_it_should(self) -> bool:
        return self.outcome in (("returned",) if self.right else ("raised", "not written yet"))

    @property
    def sentence(self) -> str:
        """For a report: what was tried and how it ended."""
        if self.right:
            return f"lets pass: {self.remark}" if self.as_it_should else f"false alarm: {self.remark} It {self.told}"
        ended = f" It {self.told}" if self.told and not self.as_it_should else ""
        return f"{'noticed' if self.as_it_should else 'survives'}: {self.remark}{ended}"


def trials(task: BreakTask, attempt: Try, seed: int | None) -> list[Trial]:
    """A test on all right implementations, the plain one first, and on the mutants that are drawn.

    seed: draws the mutants and the order in which they are tried; None for the public ones, in the order of the text.
    attempt: calls the test. A test that refuses the plain right one has no points whatever else it does, so it is
    asked no further: one that never returns costs its limit once, not once for every version.
    """
    found: dict[str, Trial] = {}
    versions = [(name, True) for name in RIGHT[task.operation]] + [(name, False) for name in task.drawn(seed)]
    drawn = random.Random(f"order {seed} {task.function}").sample(versions, len(versions))
    for name, right in versions if seed is None else drawn:
        found[name] = met(task, name, right, attempt)
        if len(found) == 2 and all(trial.outcome == "not written yet" for trial in found.values()):
            break
        if (name, right) == versions[0] and found[name].outcome in ("raised", "gave up"):
            break
    return [found[name] for name, _ in versions if name in found]


def met(task: BreakTask, name: str, right: bool, attempt: Try) -> Trial:
    """A test on one implementation, by its name."""
    version = RIGHT[task.operation][name] if right else MUTANTS[name]
    given = Given(task.operation, version.function)
    outcome, told = "returned", ""
    try:
        gave = attempt(task.function, {task.operation: given})
        if gave is not None:
            told = f"returned {shortened(repr(gave), 40)}, but a test speaks by raising, as `assert` does."
    except Raised as error:
        outcome = "not written yet" if error.kind == "NotImplementedError" else "raised"
        told = f"raised {error.told.rstrip('.')}{f' ({error.place})' if error.place else ''}."
        if error.kind == "TypeError" and "keyword argument" in told:
            told += f" Write it as: def {task.function}({task.operation})."
    except Ended as ended:
        outcome, told = "gave up", f"{ended}."
    if given.refused:
        outcome, told = "gave up", f"{given.refused}."
    return Trial(name, version.remark, right, outcome, told)


class Given:
    """An implementation as a test is handed it: small calls and not too many, so that the judge's time is its own.

    CALLS calls and SECONDS seconds in all, arrays of NUMBERS numbers and options up to LARGEST. `refused` says which of
    it was too much: such a test has noticed nothing. Whole numbers may be given for x, weight and bias.
    """

    def __init__(self, operation: str, function: Function) -> None:
        self.signature = inspect.signature(getattr(ours, operation))
        self.function, self.calls, self.seconds, self.refused = function, 0, 0.0, ""
        self.__name__ = operation

    def __call__(self, *arguments: Any, **named: Any) -> Any:
        given = self.signature.bind(*arguments, **named).arguments
        self.calls += 1
        if not self.refused:
            self.refused = self._too_much(given)
        if self.refused:
            raise ValueError(self.refused)
        began = time.monotonic()
        try:
            return self.function(**{name: _floating(name, value) for name, value in given.items()})
        finally:
            self.seconds += time.monotonic() - began

    def _too_much(self, given: dict[str, Any]) -> str:
        if self.calls > CALLS:
            return f"called the implementation more than {CALLS} times"
        if self.seconds > SECONDS:
            return f"kept the implementation busy for more than {SECONDS:g} s"
        if any(array.size > NUMBERS for array in _arrays(list(given.values()))):
            return f"gave an array of more than {NUMBERS} numbers"
        options = [value for name, value in given.items() if name not in ("ignore_index", "num_classes")]
        if any(abs(number) > LARGEST for number in _numbers(options)) or abs(_first(given, "num_classes")) > NUMBERS:
            return f"gave an option beyond {LARGEST}"
        return ""


def _floating(name: str, value: Any) -> Any:
    """Numbers as floating point where the operation wants them so; a list as an array."""
    if name not in ("x", "weight", "bias") or value is None:
        return value
    array = np.asarray(value)
    return array.astype(np.float64) if array.dtype.kind in "biu" else array


def _arrays(value: Any) -> Iterator[np.ndarray]:
    if isinstance(value, list | tuple):
        for part in value:
            yield from _arrays(part)
    elif isinstance(value, np.ndarray):
        yield value


def _numbers(value: Any) -> Iterator[int]:
    if isinstance(value, list | tuple):
        for part in value:
            yield from _numbers(part)
    elif isinstance(value, int | float | np.number):
        yield int(min(max(value, -1e9), 1e9)) if value == value else 0


def _first(given: dict[str, Any], name: str) -> int:
    return next(_numbers([given.get(name, 0)]), 0)
