"""A class is graded side by side, goes on where it was, and no submission stops the rest."""

from __future__ import annotations

import csv
import gc
import json
import math
import os
import re
import time
from dataclasses import replace
from pathlib import Path

import pytest

from minifcn.cli import main
from minifcn.labs import grading, lab_of
from minifcn.labs.class_report import _harmless, histogram
from minifcn.labs.forms import source_of
from minifcn.labs.grading import Result, TaskResult, file_name, grade_all
from minifcn.labs.scoring import LabScore
from minifcn.labs.submissions import Submission, submissions_in

LAB = lab_of(1)
SOLUTION = source_of(1).python(solved=True)
STUB = source_of(1).python()
FLIPPED = """\
import numpy as np


def pair(value):
    return value if isinstance(value, tuple) else (value, value)


def conv2d(x, weight, bias=None, stride=1, padding=0, dilation=1):
    (sh, sw), (ph, pw), (dh, dw) = pair(stride), pair(padding), pair(dilation)
    x = np.pad(x, ((0, 0), (0, 0), (ph, ph), (pw, pw)))
    reach = (weight.shape[2] - 1) * dh + 1, (weight.shape[3] - 1) * dw + 1
    seen = np.lib.stride_tricks.sliding_window_view(x, reach, (2, 3))[:, :, ::sh, ::sw, ::dh, ::dw]
    y = np.einsum("ncijkl,ockl->noij", seen, weight[..., ::-1, ::-1])
    return y if bias is None else y + bias[:, None, None]
"""


@pytest.fixture(scope="module")
def graded(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A class of six, graded by the command: (submissions, out)."""
    folder, out = tmp_path_factory.mktemp("class"), tmp_path_factory.mktemp("graded") / "out"
    texts = {
        "right": SOLUTION,
        "copied": SOLUTION.replace("columns", "kolumner"),
        "stub": STUB,
        "flipped": FLIPPED,
        "ends": "import os\nos._exit(0)\n",
        "broken": "def im2col(x:\n",
        "=formula": STUB,
        "김민수": "",
        "other": source_of(4).python(solved=True),
    }
    for name, text in texts.items():
        (folder / f"{name}.py").write_text(text, encoding="utf-8")
    (folder / "nothing").mkdir()
    assert main(["lab", "grade", "1", str(folder), "--out", str(out), "--workers", "2", "--quiet"]) == 1
    return folder, out


def rows(out: Path) -> dict[str, dict[str, str]]:
    with open(out / "grades.csv", encoding="utf-8-sig", newline="") as file:
        return {row["student"].strip(): row for row in csv.DictReader(file)}


def test_everybody_gets_a_fair_grade(graded: tuple[Path, Path]) -> None:
    found = rows(graded[1])
    points = {name: int(row["points (90)"]) for name, row in found.items()}
    assert points == {"right": 90, "copied": 90, "flipped": 0, "stub": 0, "ends": 0, "broken": 0, "=formula": 0, "nothing": 0,
                      "김민수": 0, "other": 0}  # fmt: skip
    assert "SyntaxError" in found["broken"]["remark"] and "ended the process" in found["ends"]["remark"]
    assert found["nothing"]["remark"] == (
        "there is no file to grade; there is no .py and no .ipynb; what is packed must be unpacked first"
    )
    assert found["right"]["remark"] == found["stub"]["remark"] == ""
    for name in ("김민수", "other"):  # an empty file, and one of another lab
        assert found[name]["remark"].startswith("none of the functions of lab 1 is in it (output_size, im2col,")
        assert f"{name}: none of the functions" in (graded[1] / "class.html").read_text(encoding="utf-8")
    assert "No answer was found of" in (graded[1] / "written.html").read_text(encoding="utf-8")
    assert not re.search(r"minifcn-\w{8}", (graded[1] / "grades.csv").read_text())  # no path of the judge's


def test_a_mistake_that_is_known_is_called_by_its_name(graded: tuple[Path, Path]) -> None:
    """In the table, on the page about the class, and on the student's."""
    _, out = graded
    assert {name: row["mistakes"] for name, row in rows(out).items() if row["mistakes"]} == {
        "flipped": "kernel_flipped"
    }
    page = (out / "class.html").read_text(encoding="utf-8")
    assert "<td>1</td><td>conv2d</td><td>kernel_flipped: " in page and "None was recognised" not in page
    assert "kernel_flipped" in (out / "reports" / "flipped.html").read_text(encoding="utf-8")


def test_excel_takes_the_table_for_utf_8(graded: tuple[Path, Path]) -> None:
    content = (graded[1] / "grades.csv").read_bytes()
    assert content.startswith(b"\xef\xbb\xbfstudent,") and "김민수".encode() in content


def test_who_interrupts_is_told_how_it_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(lab, submissions, seed, workers, limits):  # type: ignore[no-untyped-def]
        yield Result(submissions[0].student, "x.py", "key")
        raise KeyboardInterrupt

    monkeypatch.setattr(grading, "_graded", interrupted)
    for name in "ab":
        (tmp_path / f"{name}.py").write_text(STUB)
    out = tmp_path.parent / f"{tmp_path.name}-out"
    assert main(["lab", "grade", "1", str(tmp_path), "--out", str(out), "--quiet"]) == 130
    assert f"1 of 2 are graded and kept in {out}; the same command goes on from there." in capsys.readouterr().err


def test_a_spreadsheet_takes_no_name_for_a_formula(graded: tuple[Path, Path]) -> None:
    assert "\n =formula," in (graded[1] / "grades.csv").read_text()
    assert [_harmless(cell) for cell in ("=1", "+1", "-1", "@x", "a=1")] == [" =1", " +1", " -1", " @x", "a=1"]


def test_there_is_a_page_for_each_student_and_one_about_all(graded: tuple[Path, Path]) -> None:
    _, out = graded
    seed = str(json.loads((out / "grading.json").read_text())["seed"])
    page = (out / "class.html").read_text(encoding="utf-8")
    for name in rows(out):
        report = out / "reports" / f"{file_name(name)}.html"
        text = report.read_text(encoding="utf-8")
        assert f"reports/{report.name}" in page
        assert seed not in text and seed not in page and "http" not in text.replace("http-equiv", "")
    assert "copied and right: 100% of what is their own" in page
    assert "90 of 90 points" in (out / "reports" / "right.html").read_text(encoding="utf-8")


def test_what_is_known_is_not_graded_again_and_what_changed_is(
    graded: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, out = graded
    asked: list[str] = []

    def noted(lab, submissions, seed, workers, limits):  # type: ignore[no-untyped-def]
        for submission in submissions:
            asked.append(submission.student)
            yield Result(submission.student, "x.py", grading.key_of(submission, lab, seed, limits), points=7)

    monkeypatch.setattr(grading, "_graded", noted)
    seed = json.loads((out / "grading.json").read_text())["seed"]
    results = grade_all(LAB, submissions_in(folder, LAB), out / "results", seed)
    assert asked == [] and {result.student: result.points for result in results}["right"] == 90
    one = [Submission("right", folder / "right.py")]
    assert grade_all(LAB, one, out / "other", seed)[0].points == 7 and asked == ["right"]
    assert grade_all(LAB, one, out / "other", seed + 1)[0].points == 7 and asked == ["right", "right"]
    (out / "other" / "right.json").write_text("{")  # half written by something else
    grade_all(LAB, one, out / "other", seed)
    assert len(asked) == 3
    longer = replace(grading.LIMITS, total=120.0)  # whose time was short is graded again when there is more
    grade_all(LAB, one, out / "other", seed, limits=longer)
    grade_all(LAB, one, out / "other", seed, limits=longer)
    assert len(asked) == 4


def test_a_judge_that_dies_is_one_student_s_affair(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(grading, "judged", dies_at_b)
    monkeypatch.syspath_prepend(str(Path(__file__).parents[2]))
    for name in "abc":
        (tmp_path / f"{name}.py").write_text(STUB)
    results = grade_all(LAB, submissions_in(tmp_path, LAB), tmp_path / "out", 1, workers=2)
    assert [result.student for result in results] == ["a", "b", "c"]
    assert [result.points for result in results] == [1, 0, 1]
    assert "the judge did not survive this submission" in results[1].error


def dies_at_b(number: int, submission: Submission, seed: int, limits: object) -> Result:
    """Stands for `judged`, in the process of a judge."""
    if submission.student == "b":
        os._exit(1)
    return Result(submission.student, "x.py", "key", points=1)


def test_what_has_not_begun_is_not_waited_for_when_interrupted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(grading, "judged", leaves_a_mark)
    monkeypatch.syspath_prepend(str(Path(__file__).parents[2]))
    for name in "abcdefgh":
        (tmp_path / f"{name}.py").write_text(STUB)

    def interrupts(result: Result) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        grade_all(LAB, submissions_in(tmp_path, LAB), tmp_path / "out", 1, workers=1, tell=interrupts)
    gc.collect()
    assert 1 <= len(list(tmp_path.glob("*.mark"))) < 8  # one or two are in the queue of a judge already


def leaves_a_mark(number: int, submission: Submission, seed: int, limits: object) -> Result:
    """Stands for `judged`, in the process of a judge."""
    assert submission.file is not None
    submission.file.with_suffix(".mark").touch()
    time.sleep(0.2)
    return Result(submission.student, "x.py", "key")


def test_a_fault_of_the_judge_is_a_remark(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.py").write_text(STUB)

    def fails(*arguments: object, **named: object) -> None:
        raise ZeroDivisionError("by nothing")

    monkeypatch.setattr(grading, "graded_file", fails)
    found = grading.judged(1, Submission("a", tmp_path / "a.py"), 1, grading.LIMITS)
    assert found.points == 0 and "the judge failed (ZeroDivisionError: by nothing)" in found.error


def test_a_result_is_the_same_after_it_was_written_down() -> None:
    task = TaskResult("im2col", "wrong", 0, 30, {"padded": "the padding"}, "")
    result = Result("김", "a.py", "k", 3, True, "", ("n",), ("w",), (task,), 1.5, (1, 2**60), "<b>")
    assert Result.of_json(result.to_json()) == result
    for text in ("[]", '{"version": 0}', "no"):
        with pytest.raises(ValueError):
            Result.of_json(text)


def test_names_of_files_differ_where_students_do() -> None:
    names = ["a", "A b", "A_b", "../x", "김", "x" * 200, "x" * 201]
    assert len({file_name(name) for name in names}) == len(names)
    assert all(re.fullmatch(r"[\w-]{1,80}", file_name(name)) for name in names)


def test_the_histogram_counts_everybody() -> None:
    picture = histogram([0, 9.9, 10, 99.9, 100, 100])
    assert re.findall(r">([\d– %]+)</text><rect [^>]*/><text [^>]*>(\d+)</text>", picture) == [
        ("0–9", "2"), ("10–19", "1"), ("90–99", "1"), ("100 %", "2")]  # fmt: skip


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["grade", "9", "{folder}", "--out", "{out}"], "there is no lab 9"),
        (["grade", "1", "{folder}/none", "--out", "{out}"], "is not a folder of submissions"),
        (["grade", "1", "{folder}", "--out", "{folder}/out"], "lies in the folder of submissions"),
        (["grade", "1", "{folder}", "--out", "{out}", "--seed-file", "{folder}/a.py"], "must hold the seed"),
        (["grade", "1", "{folder}", "--out", "{out}", "--workers", "0"], "--workers is 0; at least 1"),
        (["grade", "1", "{folder}", "--out", "{out}", "--seconds", "-5"], "--seconds is -5; at least 1"),
        (["grade", "1", "{folder}", "--out", "{out}", "--seconds", "nan"], "--seconds is nan; at least 1"),
        (["grade", "1", "{folder}", "--out", "{out}", "--memory", "0"], "--memory is 0; at least 256"),
        (["results", "1", "{folder}/none.py", "--out", "{out}"], "is no .py, no .ipynb and no folder with them"),
        (
            ["results", "1", "{folder}", "--out", "{out}", "--visibility", "never"],
            "--visibility is never; it is one of",
        ),
        (["results", "1", "{folder}", "--out", "{out}", "--seed-file", "{folder}/a.py"], "must hold the seed"),
        (["check", "1", "{folder}/none.py"], "is not a file that can be read"),
        (["check", "1", "{folder}/a.py", "--task", "im2cols"], "is im2col meant?"),
        (["check", "1"], "there is no lab1_im2col.py or .ipynb here"),
    ],
)
def test_what_cannot_be_done_is_one_sentence(
    arguments: list[str],
    told: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    folder = tmp_path / "class"
    folder.mkdir()
    (folder / "a.py").write_text(STUB)
    monkeypatch.chdir(tmp_path)
    given = [word.format(folder=folder, out=tmp_path / "out") for word in arguments]
    assert main(["lab", *given]) == 2
    assert told in capsys.readouterr().err


def test_check_tells_the_tasks_and_its_status(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "lab1_im2col.py"
    file.write_text(STUB, encoding="utf-8")
    assert main(["lab", "check", "1", str(file), "--task", "im2col"]) == 1
    out = capsys.readouterr().out
    assert "im2col is not written yet" in out and "col2im" not in out
    file.write_text(SOLUTION, encoding="utf-8")
    assert main(["lab", "check", "1", str(file)]) == 0
    assert "90 of 90 points by the public laws" in capsys.readouterr().out


def test_a_lab_without_mistakes_has_no_score_rather_than_a_perfect_one() -> None:
    score = LabScore(LAB, ())
    assert "no mutation score" in str(score) and "100 %" not in str(score) and math.isnan(score.percent)


def test_score_prints_every_lab_and_fails_where_a_mistake_costs_nothing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from minifcn.commands import lab_score

    monkeypatch.setattr(lab_score, "lab_score", lambda lab: LabScore(lab, ()))
    assert main(["lab", "score"]) == 0
    out = capsys.readouterr().out
    assert [f"Lab {number}: " in out for number in range(1, 5)] == [True] * 4
    monkeypatch.setattr(LabScore, "survivors", ["padding_ignored"])
    assert main(["lab", "score", "1"]) == 1
    assert main(["lab", "score", "9"]) == 2
    assert "there is no lab 9" in capsys.readouterr().err
