"""What is timed: a contender does a work step by step, and shows its results as arrays."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

Arrays = dict[str, np.ndarray]


def nothing() -> None:
    """The preparation of a step that needs none."""


def any_count(threads: int) -> None:
    """The number of threads was settled when the process began."""


@dataclass(frozen=True)
class Step:
    """`run(before())`, of which only `run` is timed; whatever it computes is complete when it returns."""

    run: Callable[[Any], Any]
    before: Callable[[], Any] = nothing


@dataclass(frozen=True)
class Contender:
    """steps   one for each part of the work, in the work's order
    arrays  from what the steps returned to arrays that can be compared; never timed
    counts  the numbers of threads to try; the fastest is measured
    use     sets the number of threads, before every run
    """

    name: str
    steps: Sequence[Step]
    arrays: Callable[[list[Any]], Arrays]
    counts: tuple[int, ...] = (0,)
    use: Callable[[int], None] = any_count
