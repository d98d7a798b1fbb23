"""A claim is a sentence and a function that tries it. A sentence that nothing could refute is no claim.

So a claim is tried twice: on the right thing, where it must hold, and on a planted mistake, where it must fail.

    ledger = Ledger()
    ledger.claim("C7", "where stamps overlap they are summed", adds_up, right=stamps, mistake=last_stamp_stays)

`adds_up(implementation)` returns True or False, or raises AssertionError. What is written into the ledger has been
seen to hold, and seen to be able not to.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from html import escape
from typing import Any

import numpy as np

from minifcn.errors import ArgumentError, ArgumentTypeError


@dataclass(frozen=True)
class Claim:
    """What has been shown: its number, the sentence, and the mistake on which it failed, as it should."""

    number: str
    sentence: str
    refuted_by: str


@dataclass
class Ledger:
    """The claims of one lesson, in the order in which they were shown. Printed, or shown in a notebook, as a table."""

    claims: list[Claim] = field(default_factory=list)

    def claim(
        self, number: str, sentence: str, tries: Callable[[Any], object], *, right: Any, mistake: Any, named: str = ""
    ) -> None:
        """Try `tries(right)`, which must hold, and `tries(mistake)`, which must not; then write it down and say so.

        tries: a function of the thing that the sentence speaks about; it holds if it returns True and raises nothing.
        right: the thing. mistake: the thing with a mistake in it. named: the mistake in a few words, where it is an
        array or a lambda, whose name says nothing.

        Raises ArgumentTypeError for a `tries` that is no function or that does not answer True or False; ArgumentError
        if it does not hold where it must, or holds where it must fail.
        """
        if not callable(tries):
            raise ArgumentTypeError(
                f"{number}: a claim takes a function that tries it, got {tries!r}; write lambda thing: ... instead."
            )
        reason = _refuted(number, tries, right)
        if reason is not None:
            raise ArgumentError(f"{number} does not hold: {sentence} ({reason}).")
        named = named or _name(mistake)
        refuted = _refuted(number, tries, mistake)
        if refuted is None:
            raise ArgumentError(
                f"{number} holds for {named}, too, which is a mistake: what is tried does not notice it; "
                "try something that it breaks."
            )
        self.claims.append(Claim(number, sentence, named))
        print(f"{number} holds: {sentence}")

    def __iter__(self) -> Iterator[Claim]:
        return iter(self.claims)

    def __len__(self) -> int:
        return len(self.claims)

    def __str__(self) -> str:
        return "\n".join(f"{c.number:<4} {c.sentence}  (not so for: {c.refuted_by})" for c in self.claims)

    def _repr_html_(self) -> str:
        rows = "".join(
            f"<tr><td>{escape(c.number)}</td><td style='text-align:left'>{escape(c.sentence)}</td>"
            f"<td style='text-align:left'>{escape(c.refuted_by)}</td></tr>"
            for c in self.claims
        )
        return f"<table><tr><th>claim</th><th>what was shown</th><th>not so for</th></tr>{rows}</table>"


def _refuted(number: str, tries: Callable[[Any], object], thing: Any) -> str | None:
    """Why the claim does not hold for `thing`; None if it does."""
    try:
        holds = tries(thing)
    except AssertionError as error:
        return str(error).strip().rstrip(".") or "an assertion failed"
    if not isinstance(holds, bool | np.bool_):
        raise ArgumentTypeError(
            f"{number}: what tries a claim answers True or False, it answered {holds!r:.60}; compare with array_equal."
        )
    return None if holds else f"False for {_name(thing)}"


def _name(thing: Any) -> str:
    """How a thing is called in a sentence: a function by its name, an array by its numbers."""
    if callable(thing):
        return str(getattr(thing, "__name__", type(thing).__name__)).replace("<lambda>", "what was given")
    return " ".join(f"{np.asarray(thing).tolist() if isinstance(thing, np.ndarray) else thing!r}".split())[:80]
