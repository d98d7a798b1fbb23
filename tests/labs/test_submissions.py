"""Submissions are found in every usual layout, and each becomes one Python file that needs NumPy alone."""

from __future__ import annotations

import ast
import json
from pathlib import Path
from typing import Any

import pytest

from minifcn.errors import FileError
from minifcn.labs import lab_of
from minifcn.labs.forms import source_of
from minifcn.labs.judging import graded_file
from minifcn.labs.submissions import as_python, earlier, submissions_in
from minifcn.labs.telling import Told

LAB = lab_of(1)
CODE = "def im2col(x, kernel_size):\n    return x\n"


def write(path: Path, text: str = CODE) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def notebook(*cells: str) -> str:
    made = [{"cell_type": "code", "source": cell.splitlines(True), "metadata": {}, "outputs": []} for cell in cells]
    return json.dumps({"cells": made, "metadata": {}, "nbformat": 4, "nbformat_minor": 5})


@pytest.mark.parametrize(
    ("path", "student", "late"),
    [
        ("alice.py", "alice", False),
        ("bob.ipynb", "bob", False),
        ("carol/lab1_im2col.py", "carol", False),
        ("carol/deep/er/mine.py", "carol", False),
        ("김철수/lab1.py", "김철수", False),
        ("Dan Kim_41_assignsubmission_file_/lab1.py", "Dan Kim (41)", False),
        ("Dan Kim_41_assignsubmission_file_lab1.py", "Dan Kim (41)", False),
        ("kimdan_4567_89012_lab1-1.py", "kimdan (4567)", False),
        ("kimdan_LATE_4567_89012_lab1.py", "kimdan (4567)", True),
        ("submitted/eve/lab1/lab1.ipynb", "eve", False),
    ],
)
def test_every_layout_names_its_student(path: str, student: str, late: bool, tmp_path: Path) -> None:
    file = write(tmp_path / path, notebook(CODE) if path.endswith("ipynb") else CODE)
    (found,) = submissions_in(tmp_path, LAB)
    assert (found.student, found.late, found.file) == (student, late, file)


def test_of_several_files_the_one_with_the_lab_s_functions_is_taken_and_others_are_named(tmp_path: Path) -> None:
    write(tmp_path / "a" / "notes.py", "x = 1\n")
    write(tmp_path / "a" / "old.py")
    best = write(tmp_path / "a" / "lab1.py", CODE + "def col2im(columns):\n    return columns\n")
    write(tmp_path / "a" / ".ipynb_checkpoints" / "lab1.py", CODE * 3)
    (found,) = submissions_in(tmp_path, LAB)
    assert found.file == best and found.notes == ("lab1.py was graded, and not old.py",)


def test_of_nbgrader_s_folders_only_this_lab_is_looked_at(tmp_path: Path) -> None:
    write(tmp_path / "submitted" / "a" / "lab2" / "lab2.py", CODE * 2)
    mine = write(tmp_path / "submitted" / "a" / "lab1" / "lab1.py")
    assert [found.file for found in submissions_in(tmp_path, LAB)] == [mine]


def test_a_student_without_a_file_is_there_all_the_same(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    write(tmp_path / "b.py")
    first, second = submissions_in(tmp_path, LAB)
    assert first.file is None and "there is no .py and no .ipynb; what is packed" in first.notes[0]
    assert second.file is not None


@pytest.mark.parametrize(
    ("name", "student"),
    [
        ("kimdan_4567_89012_lab1.zip", "kimdan (4567)"),
        ("kimdan_4567_89012_lab1.docx", "kimdan (4567)"),
        ("Dan Kim_41_assignsubmission_file_lab1.pdf", "Dan Kim (41)"),
        ("dan.zip", "dan"),
    ],
)
def test_nobody_s_work_is_passed_over_because_it_is_packed_or_no_python(
    name: str, student: str, tmp_path: Path
) -> None:
    write(tmp_path / "README.md")
    write(tmp_path / name)
    write(tmp_path / "alice.py")
    found = {each.student: each.file for each in submissions_in(tmp_path, LAB)}
    assert found == {"alice": tmp_path / "alice.py", student: None}


def test_what_is_packed_beside_a_file_of_the_same_student_is_no_second_one(tmp_path: Path) -> None:
    file = write(tmp_path / "dan.py")
    write(tmp_path / "dan.zip")
    (found,) = submissions_in(tmp_path, LAB)
    assert (found.student, found.file, found.notes) == ("dan", file, ())


def test_what_is_no_folder_of_submissions_is_one_sentence(tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path / "none", write(tmp_path / "a.zip", "")):
        with pytest.raises(FileError, match=r"holds no \.py|is not a folder"):
            submissions_in(folder, LAB)


def test_what_needs_more_than_numpy_is_left_out_and_lines_stay_where_they_are(tmp_path: Path) -> None:
    text = (
        "import numpy as np\nimport torch, math\nfrom minifcn.labs import session\nlab = session(1)\n"
        "import minifcn\nPADS = 3\n\n\ndef im2col(x):\n    return np.pad(x, PADS)\n\n\nlab.check(im2col)\nseen = lab.check(im2col)\nseen.x\n"
    )
    made, notes = as_python(write(tmp_path / "a.py", text))
    assert made.count("\n") == text.count("\n") and made.splitlines()[8] == "def im2col(x):"
    assert "PADS = 3" in made and "lab" not in made and "seen" not in made and "torch" not in made
    assert notes == tuple(
        f"import of {name}, as only NumPy and the standard library are there" for name in ("torch", "minifcn")
    )
    given = write(tmp_path / "b.py", "from minifcn.labs import session\nlab = session(1)\n")
    assert as_python(given) == ("\n\n", ())  # as every notebook begins that was given out


def test_what_every_notebook_of_a_lab_begins_with_is_left_out_without_a_word(tmp_path: Path) -> None:
    begins = next(cell.source for cell in source_of(1).cells if cell.kind == "code")
    assert "minifcn" in begins
    made, notes = as_python(write(tmp_path / "a.py", f"{begins}\nlab.check(im2col)\n"))
    assert made.split() == ["import", "numpy", "as", "np"] and notes == ()


def test_a_notebook_loses_its_commands_and_what_is_only_shown(tmp_path: Path) -> None:
    cells = "%matplotlib inline\nimport numpy as np\n!ls", "%%time\n1 + 1", CODE, "im2col(1, 2)", "K = 2\nK"
    made, notes = as_python(write(tmp_path / "a.ipynb", notebook(*cells)))
    names = {type(node).__name__ for node in ast.parse(made).body}
    assert names == {"Import", "FunctionDef", "Assign"} and notes == ()


def test_a_cell_with_a_syntax_error_costs_its_own_functions_alone(tmp_path: Path) -> None:
    broken = "K = 3\n\ndef col2im(x):\n    return x +\n\nclass Helper:\n    pass"
    outside = "def conv2d(x):\n    y = x\nreturn y"  # no error of the grammar, and an error all the same
    made, notes = as_python(write(tmp_path / "a.ipynb", notebook("import numpy as np", CODE, broken, outside, "L = 4")))
    names: dict[str, Any] = {}
    exec(made, names)
    assert names["L"] == 4 and callable(names["im2col"]) and "K" not in names
    for name, said in (("col2im", "cell 3, .* in its line 4"), ("Helper", "cell 3,"), ("conv2d", "cell 4, .*outside")):
        with pytest.raises(SyntaxError, match=said):
            names[name](1, stride=(2, 2))
    assert [note[:6] for note in notes] == ["cell 3", "cell 4"]


def test_a_report_says_which_cell_is_broken_and_the_others_keep_their_points(tmp_path: Path) -> None:
    solved = json.loads(source_of(1).notebook(solved=True))
    cell = next(cell for cell in solved["cells"] if any(line.startswith("def col2im(") for line in cell["source"]))
    cell["source"].append("\nif True print(1)")
    (tmp_path / "lab1.ipynb").write_text(json.dumps(solved), encoding="utf-8")
    grade = graded_file(LAB, tmp_path / "lab1.ipynb", examples=3, seed=5)
    assert not grade.error and [task.state for task in grade.tasks] == ["right", "right", "wrong", "right"]
    assert "has a syntax error in its line" in " ".join(str(Told(grade.tasks[2])).split())
    assert len(grade.notes) == 1 and "has a syntax error" in grade.notes[0]


def test_a_syntax_error_is_left_for_the_interpreter_and_bytes_are_refused(tmp_path: Path) -> None:
    assert as_python(write(tmp_path / "a.py", "def f(:"))[0] == "def f(:"
    (tmp_path / "b.py").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(FileError, match=r"b\.py cannot be read as text"):
        as_python(tmp_path / "b.py")
    with pytest.raises(FileError, match="not a notebook"):
        as_python(write(tmp_path / "c.ipynb", "{}"))
    with pytest.raises(FileError, match="has 4200001 bytes"):
        as_python(write(tmp_path / "d.py", "#" * 4_200_001))


def test_only_earlier_labs_are_lent() -> None:
    text = "from reference_lab1 import im2col\nimport reference_lab3, reference_lab0\n"
    assert earlier(text, 2) == [1] and earlier(text, 4) == [1, 3] and earlier(text, 1) == []
