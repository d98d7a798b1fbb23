"""What a task got, told to its student: in 80 columns for a terminal, as HTML for a notebook or a page.

Points first, then what each was given for, then one call that went wrong, and where to look. Never a solution.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from html import escape
from textwrap import wrap

from minifcn.labs.breaking import BreakTask
from minifcn.labs.judging import Line, TaskGrade
from minifcn.testing.laws import LAWS
from minifcn.testing.report import Report

WIDTH = 80


@dataclass(frozen=True, repr=False)
class Told:
    """The grade of one task; true if all of it holds. `str()` tells it, a notebook shows it."""

    grade: TaskGrade

    def __bool__(self) -> bool:
        return self.grade.state == "right"

    @property
    def sentence(self) -> str:
        """The first thing to know."""
        name, worth = self.grade.task.function, self.grade.task.points
        if self.grade.state in ("missing", "not written yet"):
            there = "is not there" if self.grade.state == "missing" else "is not written yet"
            meant = f"; {self.grade.told}" if self.grade.told else ""
            return f"{name} {there}: 0 of {worth} points{meant}".rstrip(".") + ("" if meant.endswith("?") else ".")
        if self:
            return f"{name}: all {worth} points."
        broken = any(line.kind == "gate" and not line.holds for line in self.grade.lines)
        why = " What stands first on the list is wrong; points in brackets wait for it."
        if isinstance(self.grade.task, BreakTask):
            why = " It must let the right implementation pass, and mutants count only with that."
        return f"{name}: {self.grade.points} of {worth} points.{why if broken else ''}"

    @property
    def unwritten(self) -> str:
        """What may be the matter with one that seems not to be written: a `return` is missing, or what it calls is."""
        finding = self.grade.finding
        cause = finding.cause if finding is not None and self.grade.state == "not written yet" else ""
        if "returns None" in cause:
            return "It returns None. If you have written it, its `return` is missing."
        calls = re.findall(r", in (\w+)[:)]", cause)
        if calls and calls[-1] != self.grade.task.function:
            return f"`raise NotImplementedError` stands in {calls[-1]}, which it calls: write that first."
        return ""

    @property
    def hint(self) -> str:
        """Where to look, as long as what defines the task does not hold."""
        return self.grade.task.hint if self.grade.points == 0 and not self.unwritten else ""

    def text(self) -> str:
        """Lines of 80 columns."""
        parts = [[f"{self.sentence} {self.unwritten}".rstrip()]]
        if not self and self.grade.lines:
            parts.append([f"    {_worth(line, self.grade):>7}  {_told(line)}" for line in self.grade.lines])
        if self._has_example:
            parts.append([self._named(str(self.grade.finding))])
        if self.hint:
            parts.append([f"Hint: {self.hint}"])
        return laid_out(parts)

    def after(self, first: str) -> str:
        """In short, for the task `first` before it is not right, and may be all that is the matter."""
        if self.grade.state not in ("partly", "wrong"):
            return laid_out([[f"{self.sentence} {self.unwritten}".rstrip()]])
        name, points, worth = self.grade.task.function, self.grade.points, self.grade.task.points
        told = f"{name}: {points} of {worth} points. If it needs {first}, begin there."
        return laid_out([[f"{told} What is wrong with it: --task {name}."]])

    def section(self) -> str:
        """HTML, which wants STYLE once on its page."""
        kind, mark = {"right": ("right", "✓"), "not written yet": ("unwritten", "…")}.get(
            self.grade.state, ("wrong", "✗")
        )
        parts = [f"<p><strong>{mark} {escape(self.sentence)}</strong> {escape(self.unwritten)}</p>"]
        if not self and self.grade.lines:
            rows = "".join(
                f"<tr class='{'held' if line.holds else 'broken'}'><td>{escape(_worth(line, self.grade))}</td>"
                f"<td>{'✓' if line.holds else '✗'} {escape(_told(line))}</td></tr>"
                for line in self.grade.lines
            )
            parts.append(f"<table class='points'><tbody>{rows}</tbody></table>")
        if self._has_example and self.grade.finding is not None:
            parts.append(self._named(Report((self.grade.finding,))._repr_html_()))
        if self.hint:
            parts.append(f"<p>Hint: {escape(self.hint)}</p>")
        return f"<section class='{kind}'>{''.join(parts)}</section>"

    __repr__ = text

    def _repr_html_(self) -> str:
        return f"{STYLE}<div class='minifcn-lab'>{self.section()}</div>"

    def _named(self, text: str) -> str:
        """A text about the operation as one about the student's function: im2col(x, 3) for unfold(x, 3)."""
        return re.sub(rf"\b{self.grade.task.operation}\b", self.grade.task.function, text)

    @property
    def _has_example(self) -> bool:
        finding = self.grade.finding
        return self.grade.state in ("partly", "wrong") and finding is not None and not finding


def _worth(line: Line, grade: TaskGrade) -> str:
    """12/12, 0/5; (5) of what holds and does not count yet."""
    if line.kind == "alarm" or not line.worth:
        return "ok" if line.holds else f"−{line.worth or grade.task.points}"
    if not line.holds:
        return f"0/{line.worth}"
    return f"{line.worth}/{line.worth}" if grade.points else f"({line.worth})"


def _told(line: Line) -> str:
    """What is asked for; of what is no law, what was found instead."""
    if line.told and not line.statement:  # how a test of the student's met an implementation
        return line.told
    sentence = line.statement if line.holds or line.name in LAWS or not line.told else line.told
    end = "" if sentence.endswith((".", "!", "?")) else "."
    return sentence[:1].upper() + sentence[1:] + end


def laid_out(parts: list[list[str]]) -> str:
    """Paragraphs of lines, with an empty line between them."""
    return "\n\n".join("\n".join(line for text in part for line in _wrapped(text)) for part in parts)


def _wrapped(text: str) -> list[str]:
    """Lines of 80 columns; the tables of a finding are narrow enough as they are."""
    inner = " " * (13 if text.startswith(" ") else 0)
    lines = text.split("\n")
    if len(lines) > 1:
        return lines
    return wrap(text, WIDTH, subsequent_indent=inner, break_on_hyphens=False, break_long_words=False) or [""]


STYLE = """<style>
.minifcn-lab { max-width: 52em; line-height: 1.45; overflow-wrap: anywhere; }
.minifcn-lab > section { border-left: 4px solid #0072b2; padding: 0.1em 0 0.1em 0.9em; margin: 0.6em 0; }
.minifcn-lab > section.wrong { border-left-color: #d55e00; }
.minifcn-lab > section.unwritten { border-left: 4px dashed #888; }
.minifcn-lab p { margin: 0.4em 0; }
.minifcn-lab pre { white-space: pre-wrap; color: inherit; background: transparent; }
.minifcn-lab table.points { border-collapse: collapse; margin: 0.4em 0; font-size: inherit;
  background: transparent; border: 0; }
.minifcn-lab table.points td { text-align: left; vertical-align: top; padding: 0.1em 0.7em 0.1em 0; border: 0;
  color: inherit; background: transparent; }
.minifcn-lab table.points td:first-child { text-align: right; white-space: nowrap; font-variant-numeric: tabular-nums; }
.minifcn-lab table.points tr.broken td { font-weight: bold; }
.minifcn-lab .bars { display: flex; flex-wrap: wrap; gap: 3px; margin: 0.6em 0 0.2em; }
.minifcn-lab .bar { position: relative; flex: 1 1 9em; border: 1px solid #888; height: 1.7em; overflow: hidden; }
.minifcn-lab .fill { position: absolute; inset: 0 auto 0 0; background: rgba(0, 114, 178, 0.35); }
.minifcn-lab .bar small { position: relative; padding: 0 0.4em; white-space: nowrap; }
.minifcn-lab .note { font-size: 0.9em; opacity: 0.85; }
</style>"""
