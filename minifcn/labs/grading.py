"""A class is graded: every submission by a judge of its own, side by side, and nothing that one does stops the rest.

What is known about a submission is written down as soon as it is known, so a grading that was interrupted goes on where
it was. It is not graded again as long as its file, the lab, the seed and the limits are the same.
"""

from __future__ import annotations

import hashlib
import json
import multiprocessing
import os
import re
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from minifcn.labs.alike import prints
from minifcn.labs.catalogue import lab_of
from minifcn.labs.judging import Grade, TaskGrade, graded_file
from minifcn.labs.lab import AUTOMATIC, Lab
from minifcn.labs.submissions import Submission
from minifcn.labs.telling import Told
from minifcn.testing.isolation import Limits
from minifcn.weights import write_text_atomic

VERSION = 3  # of what is written down about a submission
LIMITS = Limits(call=10.0, total=60.0, memory=2 * 2**30)


@dataclass(frozen=True)
class TaskResult:
    """What a task got; mistakes: those that were recognised, by name, with what each is."""

    function: str
    state: str
    points: int
    of: int
    mistakes: dict[str, str] = field(default_factory=dict)
    told: str = ""


@dataclass(frozen=True)
class Result:
    """What is written down about a submission. html: the report for the student, without what only a judge may know."""

    student: str
    file: str
    key: str
    points: int = 0
    late: bool = False
    error: str = ""
    notes: tuple[str, ...] = ()
    walls: tuple[str, ...] = ()
    tasks: tuple[TaskResult, ...] = ()
    seconds: float = 0.0
    prints: tuple[int, ...] = ()
    html: str = ""

    @property
    def percent(self) -> float:
        return 100 * self.points / AUTOMATIC

    def to_json(self) -> str:
        return json.dumps({"version": VERSION, **asdict(self)}, ensure_ascii=False)

    @classmethod
    def of_json(cls, text: str) -> Result:
        """The result again; ValueError for what is none, or of another version."""
        told = json.loads(text)
        if not isinstance(told, dict) or told.pop("version", None) != VERSION:
            raise ValueError
        told["tasks"] = tuple(TaskResult(**task) for task in told["tasks"])
        values: dict[str, Any] = {name: tuple(v) if isinstance(v, list) else v for name, v in told.items()}
        return cls(**values)


def grade_all(
    lab: Lab,
    submissions: Sequence[Submission],
    folder: Path,
    seed: int,
    *,
    workers: int | None = None,
    limits: Limits = LIMITS,
    tell: Callable[[Result], None] = lambda result: None,
) -> list[Result]:
    """Grade them, or take up what `folder` holds about them already; in their order.

    workers: how many at once; default: as many as there are processors. tell: is called with each that is ready.
    """
    folder.mkdir(parents=True, exist_ok=True)
    found: dict[str, Result] = {}
    todo = []
    for submission in submissions:
        known = _known(folder, submission, lab, seed, limits)
        if known is None:
            todo.append(submission)
        else:
            found[submission.student] = known
            tell(known)
    for result in _graded(lab, todo, seed, workers or os.cpu_count() or 1, limits):
        write_text_atomic(folder / f"{file_name(result.student)}.json", result.to_json())
        found[result.student] = result
        tell(result)
    return [found[submission.student] for submission in submissions]


def file_name(student: str) -> str:
    """A name for files about a student: of letters that every system takes, and different for different students."""
    plain = re.sub(r"[^\w-]+", "_", student).strip("_")[:60]
    return plain if plain == student else f"{plain}-{hashlib.sha256(student.encode()).hexdigest()[:6]}"


def key_of(submission: Submission, lab: Lab, seed: int, limits: Limits = LIMITS) -> str:
    """What a result depends on: the file, the lab, the seed, the limits."""
    content = submission.file.read_bytes() if submission.file else b""
    about = repr((VERSION, seed, submission.file and submission.file.name, submission.late, lab, limits))
    about = re.sub(r" at 0x[0-9a-f]+", "", about)
    return hashlib.sha256(about.encode() + content).hexdigest()[:24]


def _known(folder: Path, submission: Submission, lab: Lab, seed: int, limits: Limits) -> Result | None:
    with suppress(OSError, ValueError, TypeError, KeyError):
        result = Result.of_json((folder / f"{file_name(submission.student)}.json").read_text(encoding="utf-8"))
        if result.student == submission.student and result.key == key_of(submission, lab, seed, limits):
            return result
    return None


def _graded(lab: Lab, submissions: Sequence[Submission], seed: int, workers: int, limits: Limits) -> Iterator[Result]:
    """Each as soon as it is ready. A judge that dies takes its pool along: those are judged one by one."""
    alone: list[Submission] = []
    with _pool(min(workers, len(submissions) or 1)) as pool:
        waiting: dict[Future[Result], Submission] = {}
        try:
            for submission in submissions:
                waiting[pool.submit(judged, lab.number, submission, seed, limits)] = submission
        except BrokenProcessPool:
            alone += submissions[len(waiting) :]
        try:
            while waiting:
                done, _ = wait(waiting, return_when=FIRST_COMPLETED)
                for future in done:
                    submission = waiting.pop(future)
                    try:
                        yield future.result()
                    except BrokenProcessPool:
                        alone.append(submission)
        except BaseException:  # interrupted: what has not begun is not waited for
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    for submission in alone:
        with _pool(1) as pool:
            try:
                yield pool.submit(judged, lab.number, submission, seed, limits).result()
            except BrokenProcessPool:
                error = "the judge did not survive this submission; grade it by hand, and please report it"
                yield Result(submission.student, _name(submission), key_of(submission, lab, seed, limits), error=error)


def _pool(workers: int) -> ProcessPoolExecutor:
    return ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn"))


def judged(number: int, submission: Submission, seed: int, limits: Limits) -> Result:
    """One submission, whatever happens."""
    lab = lab_of(number)
    key, name = key_of(submission, lab, seed, limits), _name(submission)
    about: dict[str, Any] = {"student": submission.student, "file": name, "key": key, "late": submission.late}
    if submission.file is None:
        return Result(**about, error="there is no file to grade", notes=submission.notes)
    try:
        grade = graded_file(lab, submission.file, seed=seed, limits=limits)
        marks = prints(grade.text, lab.functions)
        return Result(
            **about,
            points=grade.points,
            error=grade.error or _nothing_of(lab, grade),
            notes=(*submission.notes, *(f"left out: {note}" for note in grade.notes)),
            walls=grade.missing,
            tasks=tuple(_task(task) for task in grade.tasks),
            seconds=round(grade.seconds, 2),
            prints=tuple(sorted(marks)),
            html=_html(grade),
        )
    except Exception as error:  # a fault of the judge must not stop the rest
        told = f"the judge failed ({type(error).__name__}: {error}); grade it by hand, and please report it"
        return Result(**about, error=told, notes=submission.notes)


def _nothing_of(lab: Lab, grade: Grade) -> str:
    """Why a teacher should look: an empty file, or one of another lab."""
    if any(task.state != "missing" for task in grade.tasks):
        return ""
    return f"none of the functions of lab {lab.number} is in it ({', '.join(lab.functions)}); is it of another lab?"


def _task(grade: TaskGrade) -> TaskResult:
    found = () if grade.finding is None else grade.finding.mistakes  # a finding is false where something is wrong
    mistakes = {mistake.name: mistake.remark for mistake in found}
    return TaskResult(grade.task.function, grade.state, grade.points, grade.task.points, mistakes, grade.told)


def _html(grade: Grade) -> str:
    return "" if grade.error else "".join(Told(task).section() for task in grade.tasks)


def _name(submission: Submission) -> str:
    return submission.file.name if submission.file else ""
