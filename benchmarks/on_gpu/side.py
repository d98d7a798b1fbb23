"""What is timed on a GPU: the parts of a work, done by minifcn or by PyTorch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import ceil
from typing import Any, Protocol

from benchmarks.contender import Arrays, nothing

MOST_SETS = 16
OURS, THEIRS = "ours", "theirs"

Count = tuple[float, float]
"""Floating point operations, and the bytes that must be read and written at least."""


@dataclass(frozen=True)
class Side:
    """parts   run(number of the call) -> whatever it computes; one for each part of the work
    arrays  from what the parts returned to arrays by name; never timed
    reset   back to the state in which `arrays` was checked: the weights before the first step
    whose   OURS or THEIRS: which library's events tell the time
    """

    name: str
    parts: Sequence[Callable[[int], Any]]
    arrays: Callable[[list[Any]], Arrays]
    whose: str
    reset: Callable[[], None] = nothing

    def results(self) -> Arrays:
        """What it computes, from the beginning."""
        self.reset()
        return self.arrays([part(0) for part in self.parts])


class Job(Protocol):
    """All that a work needs: every method is asked once, in the precision that is measured."""

    parts: list[str]

    def limits(self, precision: str) -> dict[str, float]: ...
    def counts(self) -> list[list[Count]]: ...
    def reference(self, device: Any) -> Arrays: ...
    def ours(self, device: Any) -> Side: ...
    def theirs(self, device: Any, variant: str) -> Side: ...


def sets(size: int, cache: int) -> int:
    """How many sets of inputs of `size` bytes are used in turn, so that none is in the cache when its turn comes."""
    return max(1, min(MOST_SETS, ceil(2 * cache / max(size, 1))))


def in_turn(calls: Sequence[Callable[[], Any]]) -> Callable[[int], Any]:
    return lambda number: calls[number % len(calls)]()


def floors(counts: list[list[Count]], flops: float, bytes_: float) -> list[float]:
    """The seconds of each part below which nothing can be: per operation the slower of arithmetic and memory."""
    return [sum(max(work / flops, moved / bytes_) for work, moved in part) for part in counts]
