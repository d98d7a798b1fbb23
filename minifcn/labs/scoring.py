"""The mutation score of a lab: what every known mistake would cost, which law notices it, and whether it is named.

In lab 6 students write the tests, so it is the solution's tests that have to notice the mistakes.
"""

from __future__ import annotations

from dataclasses import dataclass
from textwrap import fill
from typing import Any

from minifcn.labs.breaking import WORTH, BreakTask, met
from minifcn.labs.forms import source_of
from minifcn.labs.judging import graded_task, in_this_process
from minifcn.labs.lab import AUTOMATIC, Lab, Task
from minifcn.testing.mutants import MUTANTS
from minifcn.testing.version import Version


@dataclass(frozen=True)
class Mistake:
    """One mutant in the place of a student's function, all other tasks being right.

    points: of AUTOMATIC. noticed_by: the laws that it breaks, or the test of the solution that notices it. named:
    whether the report calls it by its name.
    """

    task: Task | BreakTask
    mutant: Version
    points: int
    noticed_by: tuple[str, ...]
    named: bool


@dataclass(frozen=True)
class LabScore:
    """All the mistakes that a lab knows. `str()` is the table that `minifcn lab score` prints."""

    lab: Lab
    mistakes: tuple[Mistake, ...]

    @property
    def survivors(self) -> list[str]:
        """Mutants that cost nothing; there should be none."""
        return [each.mutant.name for each in self.mistakes if each.points >= AUTOMATIC]

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
        return 100 * (1 - len(self.survivors) / len(self.mistakes)) if self.mistakes else float("nan")

    def __str__(self) -> str:
        lines = [f"Lab {self.lab.number}: {self.lab.title}"]
        for task in self.lab.tasks:
            lines += ["", f"{task.function} ({task.points} points, as {task.operation})"]
            for each in self.mistakes:
                if each.task is task:
                    named = "named" if each.named else "NOT NAMED"
                    lines.append(f"    {each.points:3d} of {AUTOMATIC}  {named:9}  {each.mutant.name}")
                    told = ", ".join(each.noticed_by) or "NOTICED BY NO LAW"
                    lines.append(fill(told, 110, initial_indent=" " * 26, subsequent_indent=" " * 26,
                                      break_on_hyphens=False))  # fmt: skip
        if not self.mistakes:
            return "\n".join([*lines, "", "No mistake of this lab is known, so it has no mutation score."])
        noticed = len(self.mistakes) - len(self.survivors)
        lines += ["", f"Mutation score {self.percent:.0f} %: {noticed} of {len(self.mistakes)} mistakes cost points, "
                      f"{len(self.mistakes) - len(self.unnamed)} are called by their names."]  # fmt: skip
        if self.idle:
            lines.append(f"Laws that notice none of them: {', '.join(self.idle)}.")
        return "\n".join(lines)


def lab_score(lab: Lab, *, examples: int = 15, seed: int = 0) -> LabScore:
    """Judge every mutant in the place of a student's function; where tests are asked for, by the solution's test."""
    made: list[Mistake] = []
    for task in lab.tasks:
        if isinstance(task, BreakTask):
            made += _by_its_test(lab, task)
        else:
            made += [_by_its_laws(task, MUTANTS[name], examples, seed) for name in task.mutants]
    return LabScore(lab, tuple(made))


def _by_its_laws(task: Task, mutant: Version, examples: int, seed: int) -> Mistake:
    function = task.form.written(mutant.function) if task.form else mutant.function
    grade = graded_task(task, function, examples, seed, small=False)
    broken = tuple(line.name for line in grade.lines if line.kind != "effort" and not line.holds)
    named = grade.finding is not None and mutant in grade.finding.mistakes
    return Mistake(task, mutant, AUTOMATIC - task.points + grade.points, broken, named)


def _by_its_test(lab: Lab, task: BreakTask) -> list[Mistake]:
    """Every mutant of a test, met by that of the solution."""
    solved: dict[str, Any] = {}
    exec(compile(source_of(lab.number).python(solved=True), f"lab{lab.number}.py", "exec"), solved)
    attempt, made = in_this_process(solved), []
    for name in task.mutants:
        noticed = met(task, name, False, attempt).as_it_should
        made.append(Mistake(task, MUTANTS[name], AUTOMATIC - WORTH * noticed, (task.function,) * noticed, True))
    return made
