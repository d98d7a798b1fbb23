"""`lab.check` in a notebook: right, not written yet, wrong with an example and a hint, and the points so far."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from minifcn.cli import main
from minifcn.errors import ArgumentError
from minifcn.labs import LABS, session
from minifcn.labs.forms import leaks, source_of
from minifcn.labs.judging import graded
from minifcn.labs.telling import Told, _told
from minifcn.testing.laws import LAWS
from tests.labs.texts import functions

TEXT = source_of(1)


RIGHT = functions(1)


def test_right_functions_get_all_points_one_after_the_other() -> None:
    lab = session(1)
    assert "so far: 0 of 90 points" in repr(lab) and "output_size –/18" in repr(lab)
    for name, points in (("output_size", 18), ("im2col", 44)):
        report = lab.check(RIGHT[name])
        assert report and str(report).startswith(f"{name}: all "), str(report)
        assert lab.points == points
        assert "✓" in report._repr_html_()
    assert "so far: 44 of 90 points" in repr(lab) and "im2col 26/26" in repr(lab) and "col2im –/25" in repr(lab)
    assert "44 of 90 points" in lab._repr_html_()


def test_a_stub_is_not_written_yet_and_takes_its_points_back() -> None:
    lab = session(1)
    lab.check(RIGHT["output_size"])
    report = lab.check(functions(1, solved=False)["output_size"])
    assert not report and lab.points == 0
    assert str(report).startswith("output_size is not written yet: 0 of 18 points.\n\nHint: Size 5, kernel 2")
    assert "…" in report._repr_html_() and "NotImplementedError" not in str(report)


def im2col(x: Any, kernel_size: Any, stride: Any = (1, 1), padding: Any = (0, 0), dilation: Any = (1, 1)) -> Any:
    """With the rows and columns of a window exchanged."""
    taps = RIGHT["im2col"](x.swapaxes(2, 3), kernel_size[::-1], stride[::-1], padding[::-1], dilation[::-1])
    return taps


def test_a_wrong_one_shows_a_call_its_points_and_a_hint_but_no_solution() -> None:
    report = session(1).check(im2col)
    text, page = str(report), report._repr_html_()
    assert not report
    assert text.startswith("im2col: 0 of 26 points. What stands first on the list is wrong;")
    assert "   0/7  " in text and "    (4)  " in text
    assert "it should give" in text and "Hint: What tap (k, l)" in text
    assert "it should give" in page and "<table>" in page and "Hint: What tap (k, l)" in page
    for told in (text, page):
        assert "im2col(x, " in told and "gave element" in told and "unfold(" not in told
        assert leaks([told], TEXT) == set()


def test_half_right_keeps_what_it_has_and_needs_no_hint() -> None:
    def im2col(x: Any, kernel_size: Any, **options: Any) -> Any:
        for _ in range(3000):
            pass
        return RIGHT["im2col"](x, kernel_size, **options)

    report = session(1).check(im2col)
    assert str(report).startswith("im2col: 22 of 26 points.\n\n")
    assert "lines ran in one call" in str(report) and "Hint" not in str(report)


def test_one_that_seems_unwritten_is_told_what_may_be_missing() -> None:
    def output_size(size: int, kernel: int, **options: Any) -> Any:
        raise NotImplementedError

    def im2col(x: Any, kernel_size: Any, **options: Any) -> Any:
        return output_size(x.shape[2], kernel_size[0])

    def col2im(x: Any, size: Any, kernel_size: Any, **options: Any) -> None:
        RIGHT["col2im"](x, size, kernel_size, **options)

    lab = session(1)
    told = " ".join(str(lab.check(im2col)).split())
    assert told.startswith(
        "im2col is not written yet: 0 of 26 points. `raise NotImplementedError` stands in output_size,"
    )
    assert "Hint" not in told and "stands in" not in str(lab.check(output_size))
    assert "its `return` is missing" in " ".join(str(lab.check(col2im)).split())
    assert "its `return` is missing" in lab.check(col2im)._repr_html_()


def test_only_the_first_that_is_not_right_is_told_at_length(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = TEXT.python(solved=True)
    assert text.count("padded - reach") == 1
    file = tmp_path / "mine.py"
    file.write_text(text.replace("padded - reach", "size - reach"), encoding="utf-8")
    assert main(["lab", "check", "1", str(file)]) == 1
    told = capsys.readouterr().out
    parts = [" ".join(part.split()) for part in told.split("-" * 80)]
    assert "output_size(" in parts[1] and "it should give" in parts[1]
    for name, part in zip(("im2col", "col2im", "conv2d"), parts[2:5], strict=True):
        assert part.startswith(f"{name}: ") and part.endswith(f"What is wrong with it: --task {name}.")
        assert "If it needs output_size, begin there." in part
    assert parts[5].endswith("10 more are for what you write in words.")
    assert max(map(len, told.splitlines())) <= 80


def test_an_effort_of_a_call_that_raises_is_told() -> None:
    def im2col(x: Any, kernel_size: Any, **options: Any) -> Any:
        if x.size > 1000:
            raise MemoryError("too large")
        return RIGHT["im2col"](x, kernel_size, **options)

    told = " ".join(str(session(1).check(im2col)).split())
    assert "call that is counted raised MemoryError: too large" in told


def test_a_function_of_no_task_is_refused_and_may_be_named() -> None:
    lab = session(1)
    with pytest.raises(ArgumentError, match=r'im2cols.* is no task of lab 1; they are output_size, im2col.*"im2col"\)'):
        lab.check(lambda x: x, "im2cols")
    with pytest.raises(ArgumentError, match="'sum' is no task"):
        lab.check(np.sum)
    assert lab.check(RIGHT["output_size"], "output_size")
    missing = lab.check(None, "conv2d")
    assert str(missing).startswith("conv2d is not there: 0 of 21 points.")


def test_an_unknown_lab_names_the_known() -> None:
    with pytest.raises(ArgumentError, match="there is no lab 9"):
        session(9)


def test_every_line_of_a_report_is_a_sentence_and_a_kernel_is_a_pair() -> None:
    """Laws, refusals and efforts, broken and held; the text of lab 1 asks for pairs throughout."""
    zeros = dict.fromkeys(LABS[1].functions, lambda *given, **named: np.zeros((1, 1)))
    for grade in graded(LABS[1], zeros, examples=2).tasks:
        text = Told(grade).text()
        table = text.split("\n\n")[1]
        lines = " ".join(table.split())
        assert len(grade.lines) > 3 and lines.endswith(".")
        for line in grade.lines:
            for held in (True, False):
                assert _told(replace(line, holds=held)).endswith((".", "!", "?"))
        assert not re.search(r"im2col\(x, \d", text)
    formulas = [LAWS[name].formula for task in LABS[1].by_laws for name in task.tried if task.operation == "unfold"]
    assert formulas and not re.search(r"unfold\(x, \d", " ".join(formulas))
