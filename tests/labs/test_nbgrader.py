"""A course folder goes through nbgrader without a window: generate, autograde by our judge, feedback, export.

Five submissions: right, half right, zeros, as it was given out, and one that tries to have points without work.
"""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from minifcn.errors import FileError
from minifcn.labs import LABS
from minifcn.labs.forms import leaks, source_of
from minifcn.labs.releasing import CONFIG
from tests.labs.needing import needed

needed("nbgrader", "nbformat", "nbclient")

ROOT = Path(__file__).parents[2]
TEXT = source_of(1)
SECRET = "secret of the sandbox"

Change = Callable[[dict[str, Any], str], str]  # (a cell, the solution that belongs in it) -> what the student writes


def zeros(name: str) -> str:
    return f"def {name}(*arguments, **named):\n    return np.zeros((1, 1))"


SUBMISSIONS: dict[str, tuple[float, Change]] = {
    "right": (90, lambda cell, solution: solution),
    "half": (44, lambda cell, solution: solution if name_of(cell) in ("output_size", "im2col") else zeros("col2im")),
    "zeros": (0, lambda cell, solution: zeros(name_of(cell))),
    "untouched": (0, lambda cell, solution: cell["source"]),
    "hostile": (18, lambda cell, solution: solution if name_of(cell) == "output_size" else HOSTILE),
}
HOSTILE = f"""\
import minifcn.labs.judging
open('{SECRET}', 'w').write('it ran here')
minifcn.labs.judging.graded_file = None


def im2col(*arguments, **named):
    raise SystemExit(0)"""


def name_of(cell: dict[str, Any]) -> str:
    return str(cell["metadata"]["nbgrader"]["grade_id"])


def nbgrader(course: Path, *arguments: str) -> None:
    paths = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])
    told = subprocess.run(
        [sys.executable, "-m", "nbgrader", *arguments], cwd=course, capture_output=True, text=True,
        env=os.environ | {"PATH": paths, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert told.returncode == 0, told.stderr[-4000:]


def submit(course: Path, student: str, change: Change) -> None:
    notebook = json.loads((course / "release/lab1/lab1.ipynb").read_text(encoding="utf-8"))
    solved = json.loads(TEXT.notebook(solved=True))
    for cell, other in zip(notebook["cells"], solved["cells"], strict=True):
        if cell["metadata"].get("nbgrader", {}).get("solution") and cell["cell_type"] == "code":
            cell["source"] = change(cell, "".join(other["source"]))
    if student == "hostile":  # no check is left, and there is one of their own
        notebook["cells"] = [cell for cell in notebook["cells"] if "lab.check" not in "".join(cell["source"])]
    place = course / "submitted" / student / "lab1" / "lab1.ipynb"
    place.parent.mkdir(parents=True)
    place.write_text(json.dumps(notebook), encoding="utf-8")


@pytest.fixture(scope="module")
def course(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A course folder through which five submissions went."""
    course = tmp_path_factory.mktemp("course")
    quick = "c.Judged.examples = 5\n"
    (course / "nbgrader_config.py").write_text(CONFIG + quick, encoding="utf-8")
    (course / "source" / "lab1").mkdir(parents=True)
    (course / "source" / "lab1" / "lab1.ipynb").write_text(TEXT.course(), encoding="utf-8")
    nbgrader(course, "generate_assignment", "lab1", "--create")
    for student, (_, change) in SUBMISSIONS.items():
        submit(course, student, change)
    nbgrader(course, "autograde", "lab1", "--create")
    nbgrader(course, "generate_feedback", "lab1")
    nbgrader(course, "export")
    return course


def test_each_submission_gets_what_it_deserves(course: Path) -> None:
    with (course / "grades.csv").open(encoding="utf-8") as file:
        rows = {row["student_id"]: row for row in csv.DictReader(file)}
    assert {name: float(row["score"]) for name, row in rows.items()} == {
        name: points for name, (points, _) in SUBMISSIONS.items()
    }
    assert {float(row["max_score"]) for row in rows.values()} == {100}, "90 of the judge, 10 of the teacher"


def test_students_get_no_solution(course: Path) -> None:
    released = (course / "release/lab1/lab1.ipynb").read_text(encoding="utf-8")
    assert leaks([released], TEXT) == set()
    ours = json.loads(TEXT.notebook())["cells"]
    assert [cell["source"] for cell in json.loads(released)["cells"]] == [cell["source"] for cell in ours]


def test_the_feedback_tells_what_was_wrong_and_nothing_that_is_hidden(course: Path) -> None:
    pages = {name: (course / f"feedback/{name}/lab1/lab1.html").read_text(encoding="utf-8") for name in SUBMISSIONS}
    assert "im2col: all 26 points." in pages["right"]
    assert "col2im: 0 of 25 points." in pages["half"] and "Begin with zeros." in pages["half"]
    assert "output_size is not written yet: 0 of 18 points." in pages["untouched"]
    for name in ("zeros", "untouched"):
        assert leaks([pages[name]], TEXT) == set()
        assert "seed" not in pages[name].lower()


def test_nothing_of_a_submission_ran_in_the_judge(course: Path) -> None:
    assert not list(course.rglob(SECRET)) and not (ROOT / SECRET).exists() and not Path(SECRET).exists()
    graded = json.loads((course / "autograded/hostile/lab1/lab1.ipynb").read_text(encoding="utf-8"))
    checks = [cell for cell in graded["cells"] if cell["metadata"].get("nbgrader", {}).get("points") == 26]
    assert len(checks) == 1 and "".join(checks[0]["outputs"][-1]["data"]["text/plain"]) == "0"


def test_grading_again_gives_the_same_seed_and_no_student_has_it(course: Path) -> None:
    from minifcn.labs.nbgrading import seed_of

    secret = course / "judge_secret.txt"
    kept = secret.read_text(encoding="utf-8")
    assert len(kept.strip()) == 64 and secret.stat().st_mode & 0o077 == 0
    first = [seed_of(LABS[number], secret) for number in (1, 2)]
    assert first == [seed_of(LABS[number], secret) for number in (1, 2)] and first[0] != first[1]
    assert secret.read_text(encoding="utf-8") == kept
    for place in ("release", "feedback", "autograded"):
        told = "".join(path.read_text(encoding="utf-8") for path in (course / place).rglob("*") if path.is_file())
        assert kept.strip() not in told and str(first[0]) not in told


def test_another_course_has_another_seed_and_a_damaged_secret_is_one_sentence(tmp_path: Path) -> None:
    from minifcn.labs.nbgrading import seed_of

    assert seed_of(LABS[1], tmp_path / "one") != seed_of(LABS[1], tmp_path / "other")
    (tmp_path / "damaged").write_text("abc", encoding="utf-8")
    with pytest.raises(FileError, match="64 hexadecimal digits, not 3 characters"):
        seed_of(LABS[1], tmp_path / "damaged")
