"""A claim is a sentence and a function that tries it. A sentence that nothing could refute is no claim.

So a claim is tried twice: on the right thing, where it must hold, and on a planted mistake, where it must fail.

    ledger = Ledger()
    ledger.claim("C7", "where stamps overlap they are summed", adds_up, right=stamps, mistake=last_stamp_stays)

`adds_up(implementation)` returns True or False, or raises AssertionError. What is written into the ledger has been
seen to hold, and seen to be able not to.

A misconception is the other way round: what somebody who holds it would get is computed beside what is so, and the two
must differ.

    ledger.misconception("M1", "Cᵀ undoes C", believed=lambda: x, found=lambda: C.T @ C @ x, instead="...")
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


@dataclass(frozen=True)
class Misconception:
    """What is often believed, what is so instead, and how far the two were apart when both were computed."""

    number: str
    belief: str
    instead: str
    difference: str


@dataclass
class Ledger:
    """The claims and misconceptions of one lesson, as they were shown. Printed, or shown in a notebook, as a table."""

    claims: list[Claim] = field(default_factory=list)
    misconceptions: list[Misconception] = field(default_factory=list)

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

    def misconception(
        self, number: str, belief: str, *, believed: Callable[[], Any], found: Callable[[], Any], instead: str
    ) -> None:
        """Compute what is believed and what is found; they must differ. Then write it down and say so.

        believed: computes what somebody who holds the belief would get. found: computes what is so. Both give a
        number, True or False, words, or an array.
        instead: what is so, in a sentence.

        Raises ArgumentTypeError for a `believed` or `found` that is no function; ArgumentError if both give the same.
        """
        for name, computed in (("believed", believed), ("found", found)):
            if not callable(computed):
                raise ArgumentTypeError(
                    f"{number}: `{name}` is a function that computes it, got {computed!r:.60}; write lambda: ...."
                )
        difference = _difference(believed(), found())
        if difference is None:
            raise ArgumentError(
                f"{number} is so, or is not tried: {belief!r} gives the same as what is found; "
                "try a case in which the two differ."
            )
        self.misconceptions.append(Misconception(number, belief, instead, difference))
        print(f"{number} is not so: {belief}. Believed and found: {difference}.\nInstead: {instead}")

    def __iter__(self) -> Iterator[Claim]:
        return iter(self.claims)

    def __len__(self) -> int:
        return len(self.claims)

    def __str__(self) -> str:
        shown = [f"{c.number:<4} {c.sentence}  (not so for: {c.refuted_by})" for c in self.claims]
        denied = [f"{m.number:<4} not so: {m.belief}; instead: {m.instead}" for m in self.misconceptions]
        return "\n".join([*shown, *denied])

    def _repr_html_(self) -> str:
        shown = _table(
            ("claim", "what was shown", "not so for"), [(c.number, c.sentence, c.refuted_by) for c in self.claims]
        )
        denied = _table(
            ("", "what is often believed", "what is so instead"),
            [(m.number, m.belief, m.instead) for m in self.misconceptions],
        )
        return shown + denied


def _table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    """A table of HTML, its first column as it is, the others set left; nothing where there are no rows."""
    if not rows:
        return ""
    body = "".join(
        f"<tr><td>{escape(first)}</td>"
        + "".join(f"<td style='text-align:left;padding-right:1em'>{escape(c)}</td>" for c in rest)
        + "</tr>"
        for first, *rest in rows
    )
    return f"<table><tr>{''.join(f'<th>{escape(name)}</th>' for name in head)}</tr>{body}</table>"


def _difference(believed: Any, found: Any) -> str | None:
    """How what is believed differs from what is found; None if it does not."""
    ours, theirs = np.asarray(believed), np.asarray(found)
    if ours.shape != theirs.shape:
        return f"shape {ours.shape} and {theirs.shape}"
    numbers = all(np.issubdtype(array.dtype, np.number) for array in (ours, theirs))
    equal = np.array_equal(ours, theirs, equal_nan=numbers)
    if equal:
        return None
    if ours.size <= 9:
        return f"{_short(ours)} and {_short(theirs)}"
    return f"{int((ours != theirs).sum())} of {ours.size} numbers differ"


def _short(array: np.ndarray) -> str:
    """A few numbers as they are read: 2 for 2.0, four digits of others."""
    if np.issubdtype(array.dtype, np.number):
        array = np.vectorize(lambda number: float(f"{number:.4g}"), otypes=[float])(array)
        return " ".join(str(array.tolist()).replace(".0,", ",").replace(".0]", "]").removesuffix(".0").split())
    return str(array.tolist())


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
