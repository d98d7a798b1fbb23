"""A law: one true sentence about an operation, written so that a wrong implementation can break it.

Laws take the place of stored results. "Convolution with a delta copies the image" needs no expected numbers, holds for
every size, and says what is wrong when it fails. A law is a function of the implementations under test and of one
case, drawn by Hypothesis; it raises LawBroken. `Law.falsify` searches for a case that breaks it and makes it small.
"""

from __future__ import annotations

import atexit
import os
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import hypothesis
import numpy as np
from hypothesis import HealthCheck, Phase
from hypothesis.configuration import set_hypothesis_home_dir
from hypothesis.errors import Flaky, NoSuchExample
from hypothesis.strategies import SearchStrategy

from minifcn.arguments import integer
from minifcn.errors import ArgumentError
from minifcn.testing.docstrings import docstring
from minifcn.testing.operations import Operations
from minifcn.testing.strategies import listed


class LawBroken(AssertionError):
    """What the law demands and what was found instead, in one sentence."""


class NotApplicable(Exception):
    """An implementation does not take an argument that the case needs: neither holds nor broken."""


class Ended(BaseException):
    """An implementation under test that will not answer any more, and how it ended: no law catches this."""

    def __init__(self, told: str, place: str | None = None) -> None:
        super().__init__(told)
        self.told, self.place = told, place
        self.call: tuple[tuple[Any, ...], dict[str, Any]] | None = None  # the arguments of its last call

    def __str__(self) -> str:
        return f"{self.told} ({self.place})" if self.place else self.told


@dataclass(frozen=True)
class Counterexample:
    """A law, and the smallest case found that breaks it. `str()` tells it in words."""

    law: Law
    case: Any
    found: str

    def __str__(self) -> str:
        return (
            f"A law of {listed(self.law.needs)} does not hold: {self.law.statement}\n"
            f"    {self.law.formula}\n"
            f"The smallest case found: {self.case}\n{self.found}"
        )


@dataclass(frozen=True)
class Law:
    """One law. name: of the function; needs: the operations it speaks about; cases: what Hypothesis draws for it."""

    name: str
    statement: str
    formula: str
    needs: tuple[str, ...]
    cases: Callable[[], SearchStrategy[Any]]
    body: Callable[[Operations, Any], None]

    def __call__(self, operations: Operations, case: Any) -> None:
        """LawBroken if `operations` break this law in `case`; an exception of theirs counts as broken, too."""
        try:
            with np.errstate(all="ignore"):
                self.body(operations, case)
        except (LawBroken, NotApplicable):
            raise
        except Exception as error:
            raise LawBroken(f"It raised {type(error).__name__}{f': {error}' if str(error) else '.'}") from error

    def falsify(
        self, operations: Operations, *, examples: int = 100, smallest: bool = True, seed: int = 0
    ) -> Counterexample | None:
        """A case that breaks this law, or None after `examples` cases that do not.

        The same seed draws the same cases. smallest: go on to make the case as small as possible.
        Raises NotApplicable if the implementations take the arguments of no case at all.
        """
        applied, broken_by = 0, None

        def breaks(case: Any) -> bool:
            nonlocal applied, broken_by
            try:
                self(operations, case)
            except NotApplicable:
                return False
            except LawBroken:
                broken_by = case
                return True
            applied += 1
            return False

        phases = (Phase.generate, Phase.shrink) if smallest else (Phase.generate,)
        examples = integer(examples, "examples", 1)
        options = hypothesis.settings(
            max_examples=examples,
            phases=phases,
            database=None,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        )
        try:
            with nothing_left_behind():
                case = hypothesis.find(self.cases(), breaks, settings=options, random=random.Random(seed))
        except NoSuchExample:
            if not applied:
                raise NotApplicable(f"no case of {self.name} could be tried") from None
            return None
        except Flaky:  # Hypothesis tries a case again before it says so
            case = broken_by
        try:
            self(operations, case)
        except LawBroken as broken:
            return Counterexample(self, case, str(broken))
        return Counterexample(self, case, "It failed once and held when tried again: the result is not repeatable.")


@contextmanager
def nothing_left_behind() -> Iterator[None]:
    """Hypothesis makes a folder .hypothesis where it is called; here it makes it among the temporary files.

    Where there is one already, or the environment says where it should be, nothing is changed.
    """
    if Path(".hypothesis").exists() or "HYPOTHESIS_STORAGE_DIRECTORY" in os.environ:
        yield
        return
    set_hypothesis_home_dir(_temporary())
    try:
        yield
    finally:
        set_hypothesis_home_dir(None)


@cache
def _temporary() -> str:
    """A folder for the whole process, removed when it ends."""
    made = TemporaryDirectory(prefix="minifcn-hypothesis-")
    atexit.register(made.cleanup)
    return made.name


LAWS: dict[str, Law] = {}


def law(
    *needs: str, cases: Callable[..., SearchStrategy[Any]], **options: Any
) -> Callable[[Callable[[Operations, Any], None]], Law]:
    """Register a function (operations, case) -> None as a law about the operations `needs`.

    cases: makes the strategy that draws them, called with the `options`: `cases=pool_operands, ceil_mode=True`. The
    first line of the docstring is the statement, the second paragraph the formula.
    """

    def register(body: Callable[[Operations, Any], None]) -> Law:
        statement, _, formula = docstring(body).partition("\n\n")
        unknown = set(needs) - set(Operations.names())
        if unknown or not formula or body.__name__ in LAWS:
            raise ArgumentError(
                f"law {body.__name__}: needs a name of its own, operations that exist (unknown: {sorted(unknown)}) "
                f"and a docstring of a statement, an empty line and a formula."
            )
        made = Law(body.__name__, " ".join(statement.split()), formula.strip(), needs, partial(cases, **options), body)
        LAWS[made.name] = made
        return made

    return register


# --- how a law compares -------------------------------------------------------------------------------------------


def equal(found: Any, expected: Any, what: str = "the result") -> None:
    """LawBroken unless both arrays have one shape and the same elements (NaN equals NaN). For whole numbers."""
    found, expected = _shaped(found, expected, what)
    same = (found == expected) | ((found != found) & (expected != expected))
    if not same.all():
        _name_the_first(~same, found, expected, what, "")


def close(found: Any, expected: Any, what: str = "the result", atol: float = 1e-9, rtol: float = 1e-9) -> None:
    """LawBroken unless |found − expected| ≤ atol + rtol·|expected| everywhere; NaN equals NaN."""
    found, expected = _shaped(found, expected, what)
    with np.errstate(invalid="ignore"):  # inf − inf
        near = np.abs(found - expected) <= atol + rtol * np.abs(expected)
    near &= np.isfinite(found) & np.isfinite(expected)
    near |= (found == expected) | ((found != found) & (expected != expected))
    if not near.all():
        _name_the_first(~near, found, expected, what, f" (to within {atol:g} + {rtol:g} of it)")


def demand(condition: Any, otherwise: str) -> None:
    """LawBroken with the sentence `otherwise` unless the condition holds."""
    if not condition:
        raise LawBroken(otherwise)


def refuses(call: Callable[[], Any], what: str) -> None:
    """LawBroken unless `call` raises an exception."""
    try:
        result = call()
    except NotApplicable:
        raise
    except Exception:
        return
    raise LawBroken(f"{what} must be refused with an error, but gave {_short(result)}.")


def _shaped(found: Any, expected: Any, what: str) -> tuple[np.ndarray, np.ndarray]:
    found, expected = np.asarray(found), np.asarray(expected)
    if found.shape != expected.shape:
        raise LawBroken(f"{_capital(what)} has shape {found.shape}, it should have {expected.shape}.")
    return found, expected


def _name_the_first(wrong: np.ndarray, found: np.ndarray, expected: np.ndarray, what: str, within: str) -> None:
    at = tuple(int(i) for i in np.argwhere(wrong)[0])
    place = f"element {list(at)} of {what}" if at else what
    raise LawBroken(
        f"{_capital(place)} is {found[at].item()!r}, it should be {expected[at].item()!r}{within}; "
        f"{int(wrong.sum())} of {wrong.size} are wrong."
    )


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _short(value: Any) -> str:
    text = " ".join(repr(value).split())
    return text if len(text) <= 60 else text[:57] + "..."
