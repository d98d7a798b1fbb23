"""Lab 1: right gets everything at any seed, nothing gets nothing, and every known mistake costs points and is named."""

from __future__ import annotations

from pathlib import Path

import pytest

from minifcn.labs import lab_of
from minifcn.labs.judging import graded, graded_file
from tests.labs.texts import LAZY, broken, functions, lazy_ones, nothing_escapes, solution_file, the_text_agrees

LAB = lab_of(1)
SOLUTION = functions(1)
STUBS = functions(1, solved=False)


def test_the_text_agrees_with_what_is_judged():
    the_text_agrees(LAB)


@pytest.mark.parametrize("seed", range(5))
def test_the_solution_has_all_points(seed):
    grade = graded(LAB, SOLUTION, seed=seed)
    assert grade.points == 90, broken(grade)


def test_the_solution_has_all_points_as_a_file_and_its_effort_is_far_below_the_limits(tmp_path: Path):
    grade = graded_file(LAB, solution_file(1, tmp_path), seed=7)
    assert grade.points == 90, (grade.error, broken(grade))


def test_stubs_have_no_points_and_are_called_so():
    grade = graded(LAB, STUBS)
    assert grade.points == 0
    assert {task.state for task in grade.tasks} == {"not written yet"}


@pytest.mark.parametrize("lazy", lazy_ones(SOLUTION), ids=LAZY)
def test_zeros_and_copies_of_the_input_have_hardly_any(lazy):
    assert graded(LAB, lazy).points <= 10


def test_every_known_mistake_costs_points_and_is_called_by_its_name_and_every_law_notices_one():
    nothing_escapes(LAB)


BY_PIXELS = """
def im2col(x, kernel_size, stride=(1, 1), padding=(0, 0), dilation=(1, 1)):
    N, C, H, W = x.shape
    (KH, KW), (sh, sw), (ph, pw), (dh, dw) = kernel_size, stride, padding, dilation
    OH, OW = output_size(H, KH, sh, ph, dh), output_size(W, KW, sw, pw, dw)
    padded = np.pad(x, ((0, 0), (0, 0), (ph, ph), (pw, pw)))
    columns = []
    for i in range(OH):
        for j in range(OW):
            window = padded[:, :, i * sh : i * sh + dh * (KH - 1) + 1 : dh, j * sw : j * sw + dw * (KW - 1) + 1 : dw]
            columns.append(window.reshape(N, C * KH * KW))
    return np.stack(columns, axis=2)
"""
ALL_PRODUCTS = """
def conv2d(x, weight, bias=None, stride=(1, 1), padding=(0, 0), dilation=(1, 1)):
    O, C, KH, KW = weight.shape
    OH = output_size(x.shape[2], KH, stride[0], padding[0], dilation[0])
    OW = output_size(x.shape[3], KW, stride[1], padding[1], dilation[1])
    columns = im2col(x, (KH, KW), stride, padding, dilation)
    result = (weight.reshape(1, O, C * KH * KW, 1) * columns[:, None]).sum(2)
    if bias is not None:
        result = result + bias[:, None]
    return result.reshape(len(x), O, OH, OW)
"""


@pytest.mark.parametrize(("task", "text", "points"), [("im2col", BY_PIXELS, 86), ("conv2d", ALL_PRODUCTS, 88)])
def test_right_with_more_effort_than_needed_loses_that_alone(task, text, points, tmp_path: Path):
    grade = graded_file(LAB, solution_file(1, tmp_path, **{task: text}), examples=5)
    assert broken(grade) == ["effort"]
    assert grade.points == points


def test_an_error_that_tells_nothing_loses_that_alone():
    def output_size(size, kernel, stride=1, padding=0, dilation=1):
        if stride < 1 or dilation * (kernel - 1) + 1 > size + 2 * padding:
            raise ValueError("too large")
        return (size + 2 * padding - dilation * (kernel - 1) - 1) // stride + 1

    grade = graded(LAB, {**SOLUTION, "output_size": output_size}, examples=5)
    assert (grade.points, broken(grade)) == (87, ["refusal"])
    (line,) = (line for line in grade.tasks[0].lines if line.kind == "refusal")
    said = "output_size(5, 4, stride=1, padding=0, dilation=2): the error says “too large”"
    assert line.told == f"{said}; it should name 7 or 4 and 5"


def test_an_option_that_is_left_out_is_not_excused():
    def im2col(x, kernel_size):
        return SOLUTION["im2col"](x, kernel_size)

    grade = graded(LAB, {**SOLUTION, "im2col": im2col}, examples=5)
    assert grade.tasks[1].points == 0
    assert "unexpected keyword argument 'stride'" in grade.tasks[1].finding.sentence


def test_a_report_speaks_of_the_students_function():
    def output_size(size, kernel, stride=1, padding=0, dilation=1):
        return SOLUTION["output_size"](size, kernel, stride, padding) + (dilation - 1) * 0

    finding = graded(LAB, {"output_size": output_size}, examples=8).tasks[0].finding
    assert [mistake.name for mistake in finding.mistakes] == ["size_without_dilation"]
    assert str(finding).startswith("output_size does what a known mistake does, size_without_dilation")
    assert "conv_output_size" not in str(finding)
    assert "output_size(" in finding.wrong.sentence and "(1, 1)" not in finding.wrong.sentence
