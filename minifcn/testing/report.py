"""What a check found, from the cause to its consequences: in words for a reader, as plain values for a program."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from textwrap import wrap
from typing import Any

from minifcn.testing.blame import Difference, arrays_of, spelt
from minifcn.testing.calls import Call
from minifcn.testing.law import Counterexample, Law
from minifcn.testing.report_html import in_html
from minifcn.testing.strategies import count, listed
from minifcn.testing.tables import beside, in_text
from minifcn.testing.version import Version

WIDTH = 80


@dataclass(frozen=True)
class Finding:
    """What was found out about one function.

    laws: those that were tried; counterexamples: one for each that does not hold, the most telling one first, and
    `wrong` the call that it comes from; mistakes: the mutants that give the same results; missing: arguments that the
    function does not take; notes: what was left out, in sentences; excused: laws that were asked to be left out;
    unwritten: whether there is nothing but a stub; cause: why it could not be tried, or not to the
    end, such as an exception in every call, and last_call the one that did not return; seconds: how long it took;
    dtype: what it returns that is narrower than asked, or no integers; but_for_dtype: laws that this alone breaks.
    """

    name: str
    laws: tuple[Law, ...] = ()
    counterexamples: tuple[Counterexample, ...] = ()
    wrong: Difference | None = None
    mistakes: tuple[Version, ...] = ()
    missing: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    cause: str = ""
    unwritten: bool = False
    excused: tuple[Law, ...] = ()
    last_call: Call | None = None
    seconds: float = 0.0
    dtype: str = ""
    but_for_dtype: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.laws) and not self.counterexamples and not self.wrong and not self.cause

    @property
    def sentence(self) -> str:
        """The first thing to know: that the laws hold, which mistake it is, what goes wrong, or why it is not known."""
        if self.cause:
            return self.cause
        if len(self.mistakes) == 1:
            return f"{self.name} does what a known mistake does, {self.mistakes[0].name}: {self.mistakes[0].remark}"
        if self.wrong:
            return self.wrong.sentence
        if not self:
            return f"{self.name}: no law could be tried."
        many = len(self.laws) > 1
        return f"{self.name}: {f'all {len(self.laws)} laws hold' if many else f'the law {self.laws[0].name} holds'}."

    @property
    def left_out(self) -> list[str]:
        """What the verdict does not speak of: notes and excused laws, a sentence each."""
        excused = [f"{law.name}: {law.statement}" for law in self.excused]
        told = f"{count(len(excused), 'law')} excused, so of this nothing is known:" if excused else ""
        return [*self.notes, *filter(None, [told]), *(f"    {line}" for line in excused)]

    def __str__(self) -> str:
        """From the cause to what follows from it, in lines of 80 columns."""
        parts = [[self.sentence]]
        if self or not (self.wrong or self.last_call):
            return "\n".join(_wrapped([" ".join([self.sentence, *self._plain]), *self._indented]))
        if self.last_call:
            parts.append([f"It was called as {spelt(self.last_call)}", arrays_of(self.last_call)])
        if self.wrong and self.cause:  # what it says is in the cause
            parts.append([f"One such call: {self.wrong.spelt}", self.wrong.arrays])
        elif self.wrong:
            if len(self.mistakes) > 1:
                known = [f"    {mistake.name}: {mistake.remark}" for mistake in self.mistakes]
                parts.insert(0, ["It does what known mistakes do, which the cases do not tell apart:", *known])
            told = [arrays_of(self.wrong.call), *self._tables]
            if self.sentence != self.wrong.sentence:
                told.insert(0, self.wrong.sentence)
            parts.append(told) if self.mistakes else parts[-1].extend(told)
        if self.counterexamples:
            first, *rest = self.counterexamples
            formula = [f"    {line}" for line in first.law.formula.split("\n")]
            parts.append([f"That breaks the law {first.law.name}: {first.law.statement}", *formula])
            names = ", ".join(other.law.name for other in rest)
            others = f"; the other{' is' if len(rest) == 1 else 's are'} {names}" if rest else ""
            number = len(self.counterexamples)
            parts.append(
                [f"{number} of {count(len(self.laws), 'law')} {'does' if number == 1 else 'do'} not hold{others}."]
            )
        if self.left_out:
            parts.append([" ".join(self._plain), *self._indented])
        return "\n\n".join("\n".join(_wrapped(filter(None, part))) for part in parts)

    @property
    def _plain(self) -> list[str]:
        return [line for line in self.left_out if not line.startswith(" ")]

    @property
    def _indented(self) -> list[str]:
        return [line for line in self.left_out if line.startswith(" ")]

    @property
    def _tables(self) -> list[str]:
        assert self.wrong is not None
        return [f"    {line}" for tables in beside(self.wrong) for line in in_text(tables, WIDTH - 4)]

    def to_json(self) -> dict[str, Any]:
        """Plain values, as `python -m minifcn.testing check --json` prints them; its help describes them."""
        broken = [found.law.name for found in self.counterexamples]
        return {
            "name": self.name,
            "verdict": "pass" if self else "fail",
            "sentence": self.sentence,
            "laws": {"held": [law.name for law in self.laws if law.name not in broken], "broken": broken},
            "counterexample": self.wrong.to_json() if self.wrong else None,
            "finished": not self.cause,
            "mistakes": [{"name": mistake.name, "remark": mistake.remark} for mistake in self.mistakes],
            "missing": list(self.missing),
            "notes": list(self.notes),
            "excused": [law.name for law in self.excused],
            "unwritten": self.unwritten,
            "seconds": round(self.seconds, 3),
        }


@dataclass(frozen=True)
class Report:
    """What `check` found, one finding for each function. True in a condition if every law holds; `str()` tells it."""

    findings: tuple[Finding, ...]

    def __bool__(self) -> bool:
        return bool(self.findings) and all(self.findings)

    def __repr__(self) -> str:
        return "\n\n".join(str(finding) for finding in self.findings)

    def _repr_html_(self) -> str:
        """What a notebook shows."""
        return in_html(self.findings)

    @property
    def unwritten(self) -> tuple[str, ...]:
        """The functions that have no body yet."""
        return tuple(finding.name for finding in self.findings if finding.unwritten)

    @property
    def excused(self) -> tuple[Law, ...]:
        """The laws that were left out because it was asked for."""
        return tuple(dict.fromkeys(law for finding in self.findings for law in finding.excused))

    @property
    def names(self) -> tuple[str, ...]:
        """The operations that were checked."""
        return tuple(finding.name for finding in self.findings)

    @property
    def laws(self) -> tuple[Law, ...]:
        """The laws that were tried."""
        return tuple(dict.fromkeys(law for finding in self.findings for law in finding.laws))

    @property
    def counterexamples(self) -> tuple[Counterexample, ...]:
        """One for each law that does not hold."""
        return tuple(found for finding in self.findings for found in finding.counterexamples)

    @property
    def mistakes(self) -> tuple[Version, ...]:
        """The mutants that give the same results as an implementation."""
        return tuple(mistake for finding in self.findings for mistake in finding.mistakes)

    @property
    def missing(self) -> tuple[str, ...]:
        """Arguments that are not taken, whose cases were left out."""
        return tuple(dict.fromkeys(name for finding in self.findings for name in finding.missing))

    @property
    def blamed(self) -> str:
        """The functions that give something wrong, in a list."""
        return listed([finding.name for finding in self.findings if not finding])


def _wrapped(lines: Iterable[str]) -> list[str]:
    """Lines that fit: what goes on stands further in if it stood in already. Tables are narrow enough as they are."""
    made = []
    for line in (one for text in lines for one in text.split("\n")):
        inner = " " * (8 if line.startswith("    ") else 0)
        fits = len(line) <= WIDTH
        made += (
            [line]
            if fits
            else wrap(line, WIDTH, subsequent_indent=inner, break_on_hyphens=False, break_long_words=False)
        )
    return made
