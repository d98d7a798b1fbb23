"""The forms of a lab: the student's has no solution, each runs by itself, and the same text gives the same bytes."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from minifcn.errors import ArgumentError, FileError
from minifcn.labs import LABS
from minifcn.labs.forms import BEGIN, END, STUB, Source, definitions, leaks, source_of, sources, without_solution
from minifcn.labs.lab import WRITTEN
from minifcn.labs.percent import Cell, cells_of_notebook

SMALL = source_of(1)
ALL = [*sources().values()]
ROOT = Path(__file__).parents[2]


def forms(source: Source) -> dict[str, str]:
    """What a student gets."""
    return {"notebook": source.notebook(), "python": source.python(), "tests": source.tests()}


def test_every_lab_has_a_text_and_every_text_a_lab() -> None:
    assert set(sources()) == set(LABS)
    for number, source in sources().items():
        assert source.number == number and source.name == f"lab{number}_{LABS[number].name}"
        assert source.title == f"Lab {number}: {LABS[number].title}"


@pytest.mark.parametrize("source", ALL, ids=lambda source: source.path.parent.name + source.name)
def test_a_student_gets_no_solution(source: Source) -> None:
    assert any(STUB in text for text in forms(source).values())
    for text in forms(source).values():
        assert BEGIN not in text and END not in text and "HIDDEN TESTS" not in text
    assert leaks(forms(source).values(), source) == set()


def test_a_leak_is_found() -> None:
    solution = "result = weight.reshape(O, C * KH * KW) @ im2col(x, (KH, KW), stride, padding, dilation)"
    assert leaks([f"x\n{solution}\n"], SMALL) == {solution}
    assert leaks(['raise ValueError(f"{rows} rows cannot be shared'], SMALL) == set(), "half a line"
    told = 'raise ValueError(f"{rows} rows cannot be shared out among channels with {KH * KW} taps")'
    assert leaks([json.dumps(told, ensure_ascii=False)], SMALL) == {told}
    assert len(leaks([SMALL.notebook(solved=True)], SMALL)) > 25


@pytest.mark.parametrize("source", ALL, ids=lambda source: source.path.parent.name + source.name)
def test_the_same_text_gives_the_same_bytes(source: Source) -> None:
    again = Source(source.path)
    assert forms(source) == forms(again) and source.course() == again.course()
    assert source.notebook(solved=True) == again.notebook(solved=True)


@pytest.mark.parametrize("source", ALL, ids=lambda source: source.path.parent.name + source.name)
def test_notebooks_are_valid_and_have_no_outputs_and_no_pairing(source: Source) -> None:
    for text in (source.notebook(), source.notebook(solved=True), source.course()):
        notebook = json.loads(text)
        assert "jupytext" not in notebook["metadata"] and notebook["metadata"]["kernelspec"]["name"] == "python3"
        assert not any(cell.get("outputs") for cell in notebook["cells"])
        if "nbformat" in sys.modules or not os.environ.get("MINIFCN_REQUIRE_NOTEBOOKS"):
            pytest.importorskip("nbformat").validate(notebook)


@pytest.mark.parametrize("source", ALL, ids=lambda source: source.path.parent.name + source.name)
def test_grade_ids_are_there_once_and_points_are_those_of_the_lab(source: Source) -> None:
    cells = [cell for cell in source.cells if cell.grading]
    identities = [cell.grading["grade_id"] for cell in cells]
    assert len(identities) == len(set(identities))
    worth = [cell.grading["points"] for cell in cells if cell.is_check]
    lab = LABS[source.number]
    assert dict(zip(source.functions, worth, strict=True)) == {task.function: task.points for task in lab.tasks}
    written = [cell.grading["points"] for cell in cells if cell.is_solution and cell.grading["grade"]]
    assert sum(written) == WRITTEN


def test_the_plain_form_needs_numpy_alone_and_only_defines() -> None:
    for text in (SMALL.python(), SMALL.python(solved=True)):
        tree = ast.parse(text)
        imported = [node for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom)]
        assert [ast.unparse(node) for node in imported] == ["import numpy as np"]
        names = [node.name for node in tree.body if isinstance(node, ast.FunctionDef)]
        assert names == [*SMALL.functions]
        code = "".join(line for line in text.splitlines() if not line.startswith("#"))
        assert "print(" not in code and "lab.check" not in code and "nbgrader" not in text
        assert "# Check it: minifcn lab check 1 --task im2col, or pytest test_lab1.py -k im2col" in text
        assert "# *Write your answer here.*" in text or "# Nine times." in text


def test_what_only_shows_something_is_a_comment_in_the_plain_form() -> None:
    for source in ALL:
        shown = [cell for cell in source.cells if cell.kind == "code" and not (cell.is_solution or cell.is_check)]
        for cell in shown:
            if not definitions(cell.source):
                assert all(f"#     {line}".rstrip() in source.python() for line in cell.source.split("\n"))
    assert "#     output_size(5, 2), output_size(5, 2, stride=2)" in SMALL.python()


def test_the_reference_has_the_functions_and_no_text() -> None:
    names: dict[str, object] = {}
    exec(SMALL.reference(), names)
    assert names["output_size"](7, 3, 2) == 3  # type: ignore[operator]
    assert "# %%" not in SMALL.reference() and BEGIN not in SMALL.reference()


def test_checks_are_locked_in_a_notebook() -> None:
    cells = cells_of_notebook(SMALL.notebook())
    assert {cell.metadata["editable"] for cell in cells if cell.is_check} == {False}
    assert not any("editable" in cell.metadata for cell in cells if not cell.is_check)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (f"{BEGIN}\nx = 1", "without"),
        (f"x = 1\n{END}", "does not belong"),
        (f"{BEGIN}\n{BEGIN}\n{END}", "does not belong"),
    ],
)
def test_marks_that_do_not_match_are_refused(text: str, said: str) -> None:
    with pytest.raises(FileError, match=said):
        without_solution(Cell("code", text, {"nbgrader": {"solution": True}}))


def test_a_solution_outside_a_cell_of_the_students_is_refused() -> None:
    with pytest.raises(FileError, match='do not say "solution": true'):
        without_solution(Cell("code", f"{BEGIN}\nx = 1\n{END}"))


def test_a_cell_of_the_students_without_marks_is_theirs_as_a_whole() -> None:
    assert without_solution(Cell("code", "x = 1", {"nbgrader": {"solution": True}})).source == STUB


def test_definitions() -> None:
    code = "import numpy as np\nimport minifcn.plot\nfrom minifcn import Tensor\nA = 1\n\n\n@np.vectorize\ndef f(x):\n    return x\n\n\nf(1)\nb = f(2)\n"
    assert definitions(code) == "import numpy as np\n\n\nA = 1\n\n\n@np.vectorize\ndef f(x):\n    return x"
    assert definitions("f(1)") == ""


def test_an_unknown_lab_names_the_known() -> None:
    with pytest.raises(ArgumentError, match="there is no lab 99; the labs are 1"):
        source_of(99)


def test_the_plain_form_is_tested_with_pytest_alone(tmp_path: Path) -> None:
    """A stub is not written yet; a right function passes."""
    (tmp_path / f"{SMALL.name}.py").write_text(SMALL.python(), encoding="utf-8")
    (tmp_path / "test_lab1.py").write_text(SMALL.tests(), encoding="utf-8")

    def tested() -> str:
        command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-k", "output_size", str(tmp_path)]
        told = subprocess.run(
            command, cwd=tmp_path, env=os.environ | {"PYTHONPATH": str(ROOT)}, capture_output=True, text=True
        )
        return told.stdout

    assert "output_size is not written yet: 0 of 18 points." in tested() and "1 failed" in tested()
    (tmp_path / f"{SMALL.name}.py").write_text(SMALL.python(solved=True), encoding="utf-8")
    assert "1 passed" in tested()


def test_without_hypothesis_a_lab_is_copied_all_the_same(tmp_path: Path) -> None:
    """With NumPy alone, and a session says what is missing."""
    script = (
        "import sys\nsys.modules['hypothesis'] = None\n"
        "import importlib.util as util\nfind = util.find_spec\n"
        "util.find_spec = lambda name, *rest: None if name == 'hypothesis' else find(name, *rest)\n"
        "from minifcn.labs.forms import source_of\nprint(source_of(1).name)\n"
        "from minifcn.labs import session\n"
        "try:\n    session(1)\nexcept ImportError as error:\n    print(error)\n"
    )
    told = subprocess.run(
        [sys.executable, "-c", script], cwd=tmp_path, env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert told.stdout.splitlines()[0] == "lab1_im2col"
    assert 'pip install "minifcn[testing]"' in told.stdout
