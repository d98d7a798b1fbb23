"""The cases of a law, drawn once and tried on as many implementations as there are.

What Hypothesis draws depends on the law and the seed, not on who is tried; and drawing takes longer than trying. So
`check` draws a law's cases together, keeps them, and sees to it that nobody leaves traces in them.
"""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Iterator
from contextlib import suppress
from functools import lru_cache
from typing import Any

import hypothesis
import numpy as np
from hypothesis import HealthCheck, Phase
from hypothesis import strategies as st
from hypothesis.errors import NoSuchExample, Unsatisfiable

from minifcn.testing.law import Law, nothing_left_behind
from minifcn.testing.strategies import Draw, restrictions

TOGETHER = 20  # cases that are drawn at once, unless they are too large for it


def drawn(law: Law, examples: int, seed: int) -> Iterator[Any]:
    """Up to `examples` cases of a law, the simplest one first; the same seed draws the same, and more begin alike.

    The arrays of a case are what they were when it comes again, whatever was written into them in between.
    """
    for block in range(-(-examples // TOGETHER)):
        for kept in _block(law, seed, block, restrictions())[: examples - block * TOGETHER]:
            yield kept.case
            kept.restore()


class Enough(BaseException):
    """Ends a draw: Hypothesis lets it pass."""


class _Kept:
    """A case, and what its arrays held when it was drawn."""

    def __init__(self, case: Any) -> None:
        self.case = case
        self.arrays = [(array, array.copy()) for array in _arrays_of(case) if array.flags.writeable]

    def restore(self) -> None:
        for array, before in self.arrays:
            if array.tobytes() != before.tobytes():
                array.flags.writeable = True
                array[...] = before


@lru_cache(maxsize=1024)
def _block(law: Law, seed: int, block: int, restricted: object) -> tuple[_Kept, ...]:
    """One block of cases. restricted: what is not drawn freely, which the strategies look up by themselves."""
    source = random.Random(f"{seed} {block}")
    made: list[Any] = []
    together = TOGETHER
    while len(made) < TOGETHER and together:
        new = _drawn_together(law, min(together, TOGETHER - len(made)), source, first=block == 0 and not made)
        made += new
        if not new:
            together //= 2
    return tuple(map(_Kept, made))


def _drawn_together(law: Law, number: int, source: random.Random, first: bool) -> list[Any]:
    """So many cases of one draw of Hypothesis; none if that is too much for it. first: the simplest one before them."""
    made: list[Any] = []

    def take(cases: list[Any]) -> bool:
        if len(cases) == 1 and (made or not first):
            return False
        made.extend(cases)
        if len(cases) > 1 or number == 1:
            raise Enough  # what is returned instead would be drawn once more, and written out
        return False

    options = hypothesis.settings(
        max_examples=5, phases=(Phase.generate,), database=None, deadline=None, suppress_health_check=list(HealthCheck)
    )
    with suppress(NoSuchExample, Unsatisfiable, Enough), nothing_left_behind():
        hypothesis.find(_some(law.cases(), number), take, settings=options, random=source)
    return made[:number]


@st.composite
def _some(draw: Draw, cases: st.SearchStrategy[Any], number: int) -> list[Any]:
    """Hypothesis begins with the simplest of what it may draw: that is one case here, else it is as many as asked."""
    return [draw(cases) for _ in range(number if draw(st.integers(0, 255)) else 1)]


def _arrays_of(value: Any) -> Iterator[np.ndarray]:
    if isinstance(value, np.ndarray):
        yield value
    elif dataclasses.is_dataclass(value) and not isinstance(value, type):
        for field in dataclasses.fields(value):
            yield from _arrays_of(getattr(value, field.name))
    elif isinstance(value, dict):
        yield from _arrays_of(list(value.values()))
    elif isinstance(value, list | tuple):
        for part in value:
            yield from _arrays_of(part)
