"""The mutation score of a lab: what every known mistake would cost, which law notices it, and whether it is named.

Of a lab that asks for tests (lab 6): how many of all its mutants the solution's tests notice, and their false alarms.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from textwrap import fill
from typing import Any

from minifcn.labs.breaking import BreakTask, Trial, met
from minifcn.labs.forms import source_of
from minifcn.labs.judging import graded_task, in_this_process
from minifcn.labs.lab import AUTOMATIC, Lab, Task
from minifcn.labs.right import RIGHT
from minifcn.testing.mutants import MUTANTS
from minifcn.testing.version import Version


@dataclass(frozen=True)
class Mistake:
    """One mutant in the place of a student's function, all other tasks being right.

    points: of AUTOMATIC. noticed_by: the laws that it breaks. named: whether the report calls it by its name.
    """

    task: Task
    mutant: Version
    points: int
    noticed_by: tuple[str, ...]
    named: bool


@dataclass(frozen=True)
class LabScore:
    """All the mistakes that a lab knows. `str()` is the table that `minifcn lab score` prints."""

    lab: Lab
    mistakes: tuple[Mistake, ...]
    trials: tuple[tuple[BreakTask, Trial], ...] = ()

    @property
    def survivors(self) -> list[str]:
        """Mutants that cost nothing, or that the solution's tests let pass; there should be none."""
        missed = [trial.name for _, trial in self.trials if not trial.right and not trial.as_it_should]
        return [each.mutant.name for each in self.mistakes if each.points >= AUTOMATIC] + missed

    @property
    def alarms(self) -> list[str]:
        """Right implementations that the solution's tests refuse, as `task: name`; there should be none."""
        return [f"{task.function}: {t.name}" for task, t in self.trials if t.right and not t.as_it_should]

    @property
    def unnamed(self) -> list[str]:
        """Mutants that cost points, and are not called by their names."""
        return [each.mutant.name for each in self.mistakes if not each.named]

    @property
    def idle(self) -> list[str]:
        """Laws that notice none of these mutants, as `task: law`; there should be none."""
        made = []
        for task in self.lab.by_laws:
            busy = {law for each in self.mistakes if each.task is task for law in each.noticed_by}
            made += [f"{task.function}: {law}" for law in task.tried if law not in busy]
        return made

    @property
    def percent(self) -> float:
        """Of the mutants, those that cost points; NaN if there are none."""
        return 100 * (1 - len(self.survivors) / self.mutants) if self.mutants else float("nan")

    @property
    def mutants(self) -> int:
        """How many there are."""
        return len(self.mistakes) + sum(not trial.right for _, trial in self.trials)

    def __str__(self) -> str:
        lines = [f"Lab {self.lab.number}: {self.lab.title}"]
        for task in self.lab.by_laws:
            lines += ["", f"{task.function} ({task.points} points, as {task.operation})"]
            for each in self.mistakes:
                if each.task is task:
                    named = "named" if each.named else "NOT NAMED"
                    lines.append(f"    {each.points:3d} of {AUTOMATIC}  {named:9}  {each.mutant.name}")
                    told = ", ".join(each.noticed_by) or "NOTICED BY NO LAW"
                    lines.append(fill(told, 110, initial_indent=" " * 26, subsequent_indent=" " * 26,
                                      break_on_hyphens=False))  # fmt: skip
        for asked in (task for task in self.lab.tasks if isinstance(task, BreakTask)):
            lines += ["", f"{asked.function} ({asked.points} points, of {asked.operation})"]
            for trial in (trial for task, trial in self.trials if task is asked):
                told = ("passes" if trial.right else "noticed") if trial.as_it_should else (
                    "FALSE ALARM" if trial.right else "SURVIVES")  # fmt: skip
                lines.append(f"    {told:12}{'right: ' if trial.right else ''}{trial.name}")
        if self.trials:
            noticed, alarms = self.mutants - len(self.survivors), len(self.alarms)
            right = sum(trial.right for _, trial in self.trials)
            told = f"the tests of the solution notice {noticed} of {self.mutants} mutants"
            loud = f"with {alarms} false alarms on {right} right implementations"
            lines += ["", f"Mutation score {self.percent:.0f} %: {told}, {loud}."]
            return "\n".join(lines)
        if not self.mistakes:
            return "\n".join([*lines, "", "No mistake of this lab is known, so it has no mutation score."])
        noticed = len(self.mistakes) - len(self.survivors)
        lines += ["", f"Mutation score {self.percent:.0f} %: {noticed} of {len(self.mistakes)} mistakes cost points, "
                      f"{len(self.mistakes) - len(self.unnamed)} are called by their names."]  # fmt: skip
        if self.idle:
            lines.append(f"Laws that notice none of them: {', '.join(self.idle)}.")
        return "\n".join(lines)


def lab_score(lab: Lab, *, examples: int = 15, seed: int = 0) -> LabScore:
    """Put every mutant of every task into its place, and judge it as a student's function."""
    made = []
    for task in lab.by_laws:
        for name in task.mutants:
            mutant = MUTANTS[name]
            function = task.form.written(mutant.function) if task.form else mutant.function
            grade = graded_task(task, function, examples, seed, small=False)
            broken = tuple(line.name for line in grade.lines if line.kind != "effort" and not line.holds)
            named = grade.finding is not None and mutant in grade.finding.mistakes
            made.append(Mistake(task, mutant, AUTOMATIC - task.points + grade.points, broken, named))
    return LabScore(lab, tuple(made), tuple(_trials(lab)))


def _trials(lab: Lab) -> Iterator[tuple[BreakTask, Trial]]:
    """Every test of the solution on all right implementations, and on all mutants, public or hidden."""
    asked = [task for task in lab.tasks if isinstance(task, BreakTask)]
    solved: dict[str, Any] = {}
    if asked:
        exec(compile(source_of(lab.number).reference(), f"reference_lab{lab.number}.py", "exec"), solved)
    attempt = in_this_process(solved)
    for task in asked:
        for name in (*RIGHT[task.operation], *task.mutants):
            yield task, met(task, name, name in RIGHT[task.operation], attempt)
