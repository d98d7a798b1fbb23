"""What a check found, from the cause to its consequences: in words for a reader, as plain values for a program."""

from __future__ import annotations

from dataclasses import dataclass
from textwrap import fill
from typing import Any

from minifcn.testing.blame import Difference, arrays_of, spelt
from minifcn.testing.calls import Call
from minifcn.testing.law import Counterexample, Law
from minifcn.testing.strategies import count, listed
from minifcn.testing.version import Version


@dataclass(frozen=True)
class Finding:
    """What was found out about one function.

    laws: those that were tried; counterexamples: one for each that does not hold, the most telling one first, and
    `wrong` the call that it comes from; mistakes: the mutants that give the same results; missing: arguments that the
    function does not take; notes: what was left out, in sentences; cause: why it could not be tried, or not to the
    end, such as an exception in every call, and last_call the one that did not return; seconds: how long it took.
    """

    name: str
    laws: tuple[Law, ...] = ()
    counterexamples: tuple[Counterexample, ...] = ()
    wrong: Difference | None = None
    mistakes: tuple[Version, ...] = ()
    missing: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    cause: str = ""
    last_call: Call | None = None
    seconds: float = 0.0

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
        return (
            f"{self.name}: all {count(len(self.laws), 'law')} hold." if self else f"{self.name}: no law could be tried."
        )

    def __str__(self) -> str:
        """From the cause to what follows from it."""
        parts = [[self.sentence]]
        if self or not (self.wrong or self.last_call):
            parts[0] += self.notes
            return " ".join(parts[0])
        if self.last_call:
            parts.append([f"It was called as {spelt(self.last_call)}", arrays_of(self.last_call)])
        if self.wrong and self.cause:  # what it says is in the cause
            parts.append([f"One such call: {self.wrong.spelt}", self.wrong.arrays])
        elif self.wrong:
            if len(self.mistakes) > 1:
                known = [f"    {mistake.name}: {mistake.remark}" for mistake in self.mistakes]
                parts.insert(0, ["It does what known mistakes do, which the cases do not tell apart:", *known])
            told = (
                [self.wrong.arrays]
                if self.sentence == self.wrong.sentence
                else [self.wrong.sentence, self.wrong.arrays]
            )
            parts.append(told) if self.mistakes else parts[-1].extend(told)
        if self.counterexamples:
            first, *rest = self.counterexamples
            law = [f"That breaks the law {first.law.name}: {first.law.statement}", f"    {first.law.formula}"]
            parts += [["\n    ".join(part.split("\n")) if part.startswith("    ") else part for part in law]]
            others = f"; the others are {', '.join(other.law.name for other in rest)}" if rest else ""
            number = len(self.counterexamples)
            text = f"{number} of {count(len(self.laws), 'law')} {'does' if number == 1 else 'do'} not hold{others}."
            parts.append([fill(text, 118, subsequent_indent="    ", break_on_hyphens=False)])
        if self.notes:
            parts.append([" ".join(self.notes)])
        return "\n\n".join("\n".join(filter(None, part)) for part in parts)

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
