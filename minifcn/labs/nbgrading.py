"""nbgrader grades through our judge: `Judged` stands where nbgrader would execute the submission in a kernel.

The notebook of a submission becomes one Python file, which is judged as every submission is; each check cell then holds
the points of its task, which nbgrader reads as partial credit, and the report, which it shows as feedback. A course
folder that `minifcn lab release` wrote is set up so.
"""

from __future__ import annotations

import hashlib
import os
import re
import secrets
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import nbformat
from nbgrader.preprocessors import NbGraderPreprocessor
from traitlets import Integer, Unicode

from minifcn.errors import FileError
from minifcn.labs.catalogue import lab_of
from minifcn.labs.forms import CHECK
from minifcn.labs.judging import Grade, TaskGrade, graded_file
from minifcn.labs.lab import Lab
from minifcn.labs.telling import Told

ASSIGNMENT = re.compile(r"lab[ _-]?0*(\d+)", re.IGNORECASE)
NONE = [nbformat.v4.new_output("execute_result", {"text/plain": "0"}, execution_count=None)]


class Judged(NbGraderPreprocessor):  # type: ignore[misc]
    """Puts the points of each task, and what is to be said of it, into its check cell."""

    examples = Integer(15, help="Cases that are drawn for each law.").tag(config=True)
    secret = Unicode(
        "judge_secret.txt",
        help="A file of the instructor's, from which the seeds follow; written when it is not there.",
    ).tag(config=True)

    def preprocess(self, nb: Any, resources: Any) -> Any:
        """nb: the submission, with the check cells of the course, as nbgrader has put them back."""
        number = ASSIGNMENT.match(resources["nbgrader"]["assignment"])
        if number is None:
            raise ValueError(f"{resources['nbgrader']['assignment']!r} is no lab; call the assignment lab1, say.")
        lab = lab_of(int(number[1]))
        grade = judged(lab, nb, seed_of(lab, Path(self.secret)), self.examples)
        for warning in grade.missing:
            self.log.warning("%s", warning)
        tasks = {told.task.function: told for told in grade.tasks}
        for cell in (cell for cell in nb.cells if cell.cell_type == "code"):
            cell.outputs, cell.execution_count = [], None
            about = cell.metadata.get("nbgrader", {})
            if about.get("grade") and not about.get("solution"):
                name = next(iter(CHECK.findall(cell.source)), "")
                cell.outputs = outputs(tasks[name], float(about["points"]), grade.error) if name in tasks else NONE
        return nb, resources


def judged(lab: Lab, notebook: Any, seed: int, examples: int = 15) -> Grade:
    """The grade of a notebook."""
    with TemporaryDirectory() as folder:
        place = Path(folder, f"lab{lab.number}.ipynb")
        nbformat.write(notebook, place)
        return graded_file(lab, place, examples=examples, seed=seed)


def seed_of(lab: Lab, secret: Path) -> int:
    """The seed of a lab in a course: the same whenever it is graded, and never told.

    secret: a file of the course with 64 hexadecimal digits; drawn and written, for its owner alone, where there is
    none. FileError if it holds anything else.
    """
    try:
        opened = os.open(secret, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        pass
    else:
        with os.fdopen(opened, "w", encoding="ascii") as file:
            file.write(secrets.token_hex(32) + "\n")
    text = secret.read_text(encoding="utf-8", errors="replace").strip()
    if not re.fullmatch("[0-9a-f]{64}", text):
        raise FileError(
            f"{secret} must hold 64 hexadecimal digits, not {len(text)} characters; move it away for new ones."
        )
    return int(hashlib.sha256(f"{text} lab{lab.number}".encode()).hexdigest()[:16], 16)


def outputs(grade: TaskGrade, worth: float, error: str) -> list[Any]:
    """The report, and behind it the points as the last value of the cell. worth: what the cell says it is worth."""
    told, points = Told(grade), worth * grade.points / grade.task.points
    shown = {"text/plain": error or str(told)}
    if not error:
        shown["text/html"] = told._repr_html_()
    number = f"{points:g}"
    return [
        nbformat.v4.new_output("display_data", shown),
        nbformat.v4.new_output("execute_result", {"text/plain": number}, execution_count=None),
    ]
