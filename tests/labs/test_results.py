"""results.json: the fields that Gradescope documents, of the types that it documents, and nothing of the seed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from minifcn.cli import main
from minifcn.errors import ArgumentError
from minifcn.labs import lab_of
from minifcn.labs.forms import leaks, source_of
from minifcn.labs.judging import Grade, TaskGrade, graded
from minifcn.labs.results import VISIBILITIES, results

TEXT = source_of(1)
LAB = lab_of(1)
SEED = 7777131
SCORES = (18, 13, 0, 0)  # a stride that is forgotten is not everything lost

# As https://gradescope-autograders.readthedocs.io/en/latest/specs/ has them.
FORMATS = ("text", "html", "simple_format", "md", "ansi")
TOP = {"score": (int, float), "execution_time": (int, float), "output": str, "output_format": FORMATS,
       "test_output_format": FORMATS, "test_name_format": FORMATS, "visibility": VISIBILITIES,
       "stdout_visibility": VISIBILITIES, "extra_data": dict, "tests": list, "leaderboard": list}  # fmt: skip
TEST = {"score": (int, float), "max_score": (int, float), "status": ("passed", "failed"), "name": str,
        "name_format": FORMATS, "number": str, "output": str, "output_format": FORMATS, "tags": list,
        "visibility": VISIBILITIES, "extra_data": dict}  # fmt: skip


def fits(values: dict[str, Any], schema: dict[str, Any]) -> bool:
    for name, value in values.items():
        kind = schema[name]
        words = isinstance(kind, tuple) and isinstance(kind[0], str)
        assert value in kind if words else isinstance(value, kind), (name, value)
    return True


@pytest.fixture(scope="module")
def half() -> Grade:
    """Two tasks written, one of them wrong, a third a stub, a fourth missing."""
    names: dict[str, Any] = {}
    exec(TEXT.python(solved=True), names)

    def im2col(x: Any, kernel_size: Any, **options: Any) -> Any:
        return names["im2col"](x, kernel_size, **options | {"stride": (1, 1)})

    def col2im(x: Any, size: Any, kernel_size: Any, **options: Any) -> Any:
        raise NotImplementedError

    return graded(LAB, {"output_size": names["output_size"], "im2col": im2col, "col2im": col2im}, seed=SEED)


def test_it_is_what_gradescope_documents(half: Grade) -> None:
    told = json.loads(json.dumps(results(half)))
    assert fits(told, TOP) and all(fits(test, TEST) for test in told["tests"])
    assert told["score"] == sum(SCORES) == sum(test["score"] for test in told["tests"])
    assert [(test["name"], test["score"], test["max_score"]) for test in told["tests"]] == [
        ("output_size", 18, 18), ("im2col", SCORES[1], 26), ("col2im", 0, 25), ("conv2d", 0, 21)]  # fmt: skip
    assert [test["status"] for test in told["tests"]] == ["passed", "failed", "failed", "failed"]
    outputs = [test["output"] for test in told["tests"]]
    assert "stride=" in outputs[1] and "it should" in outputs[1] and "not written yet" in outputs[2]
    assert "conv2d is not there" in outputs[3]


def test_neither_the_seed_nor_a_solution_is_told(half: Grade) -> None:
    told = json.dumps(results(half))
    assert str(SEED) not in told and hex(SEED) not in told
    assert leaks([told], TEXT) == set()


def test_a_file_that_could_not_be_run_says_why_and_a_visibility_is_known() -> None:
    grade = Grade(LAB, tuple(TaskGrade(task, "missing") for task in LAB.tasks), 0.1, "it cannot be run.", ("no wall",))
    told = results(grade, "after_published")
    assert told["score"] == 0 and told["output"] == "it cannot be run." and told["visibility"] == "after_published"
    assert told["extra_data"]["walls_that_are_missing"] == ["no wall"]
    with pytest.raises(ArgumentError, match="no visibility 'never'; it is one of visible, hidden"):
        results(grade, "never")


def test_one_submission_is_graded_for_gradescope(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """As its harness does: a folder with what the student uploaded, and a place for results.json."""
    folder, out = tmp_path / "submission", tmp_path / "results" / "results.json"
    folder.mkdir()
    (folder / "first_try.py").write_text("def im2col(x):\n    pass\n", encoding="utf-8")
    (folder / "lab1.ipynb").write_text(TEXT.notebook(solved=True), encoding="utf-8")
    assert main(["lab", "results", "1", str(folder), "--out", str(out), "--visibility", "after_due_date"]) == 0
    told = json.loads(out.read_text(encoding="utf-8"))
    assert fits(told, TOP) and all(fits(test, TEST) for test in told["tests"])
    assert told["score"] == 90 and told["visibility"] == "after_due_date"
    assert "lab1.ipynb was graded, and not first_try.py" in told["output"]
    assert "90 points of lab 1" in capsys.readouterr().out


def test_an_upload_without_python_is_a_result_too(tmp_path: Path) -> None:
    (tmp_path / "essay.docx").write_text("abc", encoding="utf-8")
    assert main(["lab", "results", "1", str(tmp_path), "--out", str(tmp_path / "results.json")]) == 0
    told = json.loads((tmp_path / "results.json").read_text(encoding="utf-8"))
    assert told["score"] == 0 and told["output"].startswith("There is no file to grade.\nthere is no .py")
