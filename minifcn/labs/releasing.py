"""A release: what students get, the solutions, and a course folder for nbgrader, each checked before it is written.

    release/lab<N>/          lab<N>_<name>.ipynb, for students
    release/lab<N>-plain/    lab<N>_<name>.py and test_lab<N>.py, for students without Jupyter
    solution/lab<N>/         the same with solutions, run, and reference_lab<N>.py, for the labs that build on it
    course/                  nbgrader's configuration, and source/lab<N>/lab<N>.ipynb

A solution that does not run, or does not get all points from the judge, is an error, and so is a line of it that is
found in what students get.
"""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Iterable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import minifcn
from minifcn.errors import FileError, MinifcnError
from minifcn.labs.catalogue import lab_of
from minifcn.labs.forms import STUB, WRITTEN_STUB, Source, leaks
from minifcn.labs.judging import graded_file
from minifcn.labs.lab import AUTOMATIC

Files = dict[str, str]  # texts by their places below the folder


class ReleaseError(MinifcnError):
    """A lab that cannot be given out as it is."""


def release(folder: Path, chosen: Iterable[Source]) -> Iterator[str]:
    """Write the files of each lab, and tell what was done, a sentence for each.

    folder: one that is not there yet, or is empty; else FileError. Raises ReleaseError at the first lab that cannot be
    given out; nothing of it is written.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise FileError(f"{folder} is there already and not empty; name a folder that is not there yet.")
    written = False
    for source in chosen:
        _put(folder, files_of(source))
        if not written:
            _put(folder / "course", {CONFIG_FILE: CONFIG})
            written = True
        yield f"{source.title}: the solution runs and gets {AUTOMATIC} of {AUTOMATIC} points; no line of it leaks."


def files_of(source: Source) -> Files:
    """All files of one lab, checked."""
    number, name = source.number, source.name
    students = {
        f"release/lab{number}/{name}.ipynb": source.notebook(),
        f"release/lab{number}-plain/{name}.py": source.python(),
        f"release/lab{number}-plain/test_lab{number}.py": source.tests(),
    }
    if leaked := leaks(students.values(), source):
        raise ReleaseError(f"lab {number}: what students get has lines of the solution: {'; '.join(sorted(leaked))}.")
    _judge(source)
    return students | {
        f"solution/lab{number}/{name}.ipynb": run(source.notebook(solved=True), name),
        f"solution/lab{number}/{name}.py": source.python(solved=True),
        f"solution/lab{number}/reference_lab{number}.py": source.reference(),
        f"course/source/lab{number}/lab{number}.ipynb": source.course(),
    }


def _judge(source: Source) -> None:
    """The solution gets all points, from cases that nobody has seen before."""
    with TemporaryDirectory() as folder:
        file = Path(folder, f"{source.name}.py")
        file.write_text(source.python(solved=True), encoding="utf-8")
        grade = graded_file(lab_of(source.number), file, seed=secrets.randbits(32))
    if grade.points != AUTOMATIC:
        lost = [f"{task.task.function} {task.points} of {task.task.points}" for task in grade.tasks]
        told = grade.error or ", ".join(lost)
        raise ReleaseError(f"lab {source.number}: the solution gets {grade.points} of {AUTOMATIC} points ({told}).")


def run(text: str, name: str) -> str:
    """A notebook with its outputs, run from top to bottom in a kernel of its own; ReleaseError if a cell fails."""
    try:
        import nbformat
        from nbclient import NotebookClient
        from nbclient.exceptions import CellExecutionError
    except ImportError:
        raise ReleaseError('a release runs the solutions; pip install "minifcn[labs]" for that.') from None

    notebook = nbformat.reads(text, as_version=4)
    here = os.environ | {"PYTHONPATH": os.pathsep.join([str(Path(minifcn.__file__).parents[1]), *_paths()])}
    with TemporaryDirectory() as folder:
        client = NotebookClient(
            notebook, kernel_name="python3", timeout=600, startup_timeout=300, resources={"metadata": {"path": folder}}
        )
        client.extra_arguments = ["--log-level=CRITICAL"]  # a kernel warns of its own port on this machine
        try:
            client.execute(env=here)
        except CellExecutionError as error:
            raise ReleaseError(f"{name}.ipynb, the solution, does not run: {error.ename}: {error.evalue}.") from None
    return _stored(notebook, json.loads(text))


def _stored(notebook: Any, before: dict[str, Any]) -> str:
    """The outputs alone are new: execution times and what the kernel says of itself are not kept."""
    count = 0
    for cell, ran in zip(before["cells"], notebook.cells, strict=True):
        if cell["cell_type"] == "code":
            count += 1
            cell["execution_count"] = count
            cell["outputs"] = [{**output, "execution_count": count} if "execution_count" in output else dict(output)
                               for output in ran.outputs]  # fmt: skip
    return json.dumps(before, ensure_ascii=False, indent=1, sort_keys=True) + "\n"


def _paths() -> list[str]:
    return [path for path in os.environ.get("PYTHONPATH", "").split(os.pathsep) if path]


def _put(folder: Path, files: Files) -> None:
    for place, text in files.items():
        path = folder / place
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


CONFIG_FILE = "nbgrader_config" + ".py"
CONFIG = f'''\
# A course folder of nbgrader, in which minifcn's judge gives the points. In this folder:
#
#     nbgrader generate_assignment lab1 --create     release/: what students get
#     nbgrader autograde lab1 --create               submitted/<student>/lab1/lab1.ipynb is graded
#     nbgrader generate_feedback lab1                feedback/<student>/lab1/lab1.html
#     nbgrader export                                grades.csv
#
# Nothing of a submission runs in a kernel: its functions answer calls from a process of their own. What students write
# in words is graded by hand, with `nbgrader formgrader` or as you like.
#
# The hidden cases follow from judge_secret.txt beside this file, drawn when you grade for the first time. Keep it, and
# grading again gives the same marks; students must not have it. Delete it for a new term.
from pathlib import Path

c = get_config()  # noqa: F821
c.CourseDirectory.course_id = "minifcn"
c.ClearSolutions.code_stub = {{"python": "{STUB}"}}
c.ClearSolutions.text_stub = "{WRITTEN_STUB}"
c.OverwriteCells.add_missing_cells = True  # a check that was deleted comes back, and is judged
c.Judged.secret = str(Path(__file__).resolve().with_name("judge_secret.txt"))
c.Autograde.autograde_preprocessors = [
    "minifcn.labs.nbgrading.Judged",
    "nbgrader.preprocessors.SaveAutoGrades",
    "nbgrader.preprocessors.AssignLatePenalties",
    "nbgrader.preprocessors.CheckCellMetadata",
]
'''
