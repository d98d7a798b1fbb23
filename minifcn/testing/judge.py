"""A file is judged: its functions run in a process of their own, the laws and the verdict stay here.

What `check_file` found is true only if every law of every function was tried and holds. An exit, a hang or a crash of
the file's process is something that was found, never a pass: a verdict is made of results and nothing else.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from minifcn.errors import ArgumentError, FileError
from minifcn.testing.check import check
from minifcn.testing.isolation import Isolated, Limits
from minifcn.testing.operations import Operations
from minifcn.testing.report import Report
from minifcn.text import nearest

SCHEMA_VERSION = 1
SCHEMA = """The JSON of `check --json`, version 1; later versions add keys and take none away.

    version      1
    file         the path as it was given
    verdict      "pass" if every law of every function holds; "fail"; or "error" if the file could not be checked
    error        why not, in a sentence; null otherwise
    seconds      how long it took
    printed      {"characters": how many the file printed, "begins": the first of them}
    unchecked    names of the functions of the file that no law speaks about: helpers, or names misspelt
    operations   a list of what was found out about each function:
      name            the operation
      verdict         "pass" or "fail"
      sentence        the same in words
      finished        false if it could not be tried to the end: `sentence` says why
      laws            {"held": names, "broken": names, the most telling first}
      counterexample  null, or {"sentence", "kind", "call", "arguments", "gave", "raised", "should_be"};
                      kind is "value", "shape", "type", "raises", "dtype", "changes" or "shares"; arrays are lists,
                      NaN and infinities the strings "nan", "inf" and "-inf"
      mistakes        [{"name", "remark"}] of known mistakes that give the same results
      missing         arguments that the function does not take
      notes           what was left out, in sentences
      excused         names of laws that were not tried, as it was asked
      unwritten       true if the function has no body yet
      seconds         how long it took
"""


@dataclass(frozen=True)
class Judgement:
    """What was found out about a file. True in a condition if all laws hold."""

    file: Path
    report: Report
    seconds: float
    printed: int = 0
    begins: str = ""
    error: str | None = field(default=None)
    unchecked: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return self.error is None and bool(self.report)

    def __str__(self) -> str:
        text = str(self.report)
        if self.unchecked:
            text += f"\n\nNot checked, as no law has such a name: {_with_nearest(self.unchecked)}."
        if self.begins:
            text += f"\n\n{self.file.name} printed {self.printed} characters; they begin: {self.begins}"
        return text

    def to_json(self) -> dict[str, Any]:
        """Plain values; SCHEMA describes them."""
        return {
            "version": SCHEMA_VERSION,
            "file": str(self.file),
            "verdict": "error" if self.error else "pass" if self else "fail",
            "error": self.error,
            "seconds": round(self.seconds, 3),
            "printed": {"characters": self.printed, "begins": self.begins},
            "unchecked": list(self.unchecked),
            "operations": [finding.to_json() for finding in self.report.findings],
        }


def check_file(
    file: Path, *, examples: int = 40, seed: int = 0, limits: Limits | None = None, **options: Any
) -> Judgement:
    """Check every function of a Python file that has an operation's name, each as `check` does, with its options.

    limits: of time for each call and for all of them, and of memory; see `Limits`. FileError if the file cannot be
    run, ArgumentError if it has no such function.
    """
    began = time.monotonic()
    if not file.is_file():
        raise FileError(f"{file} is not a Python file that can be read; pass the path of one.")
    with Isolated(file, Operations.names(), limits or Limits()) as isolated:
        if not isolated.functions:
            names = ", ".join(Operations.names())
            there = f" (there is {_with_nearest(isolated.others)})" if isolated.others else ""
            raise ArgumentError(f"{file} has no function of an operation's name{there}; name it one of {names}.")
        named: dict[str, Any] = {**options, **isolated.functions}
        report = check(examples=examples, seed=seed, **named)
        printed, others = isolated.printed, isolated.others
    return Judgement(file, report, time.monotonic() - began, printed.size, str(printed), unchecked=others)


def _with_nearest(names: tuple[str, ...]) -> str:
    """`maxpool2d (is max_pool2d meant?), pair`: the names, and what each may have been meant to be."""
    meant = {name: nearest(name, Operations.names(), likeness=0.8) for name in names}
    return ", ".join(name + (f" (is {like} meant?)" if like else "") for name, like in meant.items())


def not_checked(file: Path, error: str) -> Judgement:
    """The judgement of a file that could not be run."""
    return Judgement(file, Report(()), 0.0, error=error)
