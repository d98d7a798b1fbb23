"""Lab 2: right gets everything at any seed, nothing gets nothing, and every known mistake costs points and is named."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from minifcn.labs import lab_of
from minifcn.labs.judging import graded, graded_file
from tests.labs.texts import LAZY, broken, functions, lazy_ones, nothing_escapes, solution_file, the_text_agrees

LAB = lab_of(2)
SOLUTION = functions(2)


def test_the_text_agrees_with_what_is_judged():
    the_text_agrees(LAB)


@pytest.mark.parametrize("seed", range(5))
def test_the_solution_has_all_points(seed):
    grade = graded(LAB, SOLUTION, seed=seed)
    assert grade.points == 90, broken(grade)


def test_the_solution_has_all_points_as_a_file_and_its_effort_is_far_below_the_limits(tmp_path: Path):
    grade = graded_file(LAB, solution_file(2, tmp_path), seed=7)
    assert grade.points == 90, (grade.error, broken(grade))


def test_stubs_have_no_points_and_are_called_so():
    grade = graded(LAB, functions(2, solved=False))
    assert grade.points == 0
    assert {task.state for task in grade.tasks} == {"not written yet"}


@pytest.mark.parametrize("lazy", lazy_ones(SOLUTION), ids=LAZY)
def test_zeros_and_copies_of_the_input_have_hardly_any(lazy):
    assert graded(LAB, lazy).points <= 10


def test_every_known_mistake_costs_points_and_is_called_by_its_name_and_every_law_notices_one():
    nothing_escapes(LAB)


BY_PIXELS = """
def tconv_scatter(x, weight, stride=(1, 1), padding=(0, 0), output_padding=(0, 0), dilation=(1, 1)):
    (N, _, H, W), (_, O, KH, KW) = x.shape, weight.shape
    (sh, sw), (ph, pw), (eh, ew), (dh, dw) = stride, padding, output_padding, dilation
    OH, OW = tconv_output_size(H, KH, sh, ph, eh, dh), tconv_output_size(W, KW, sw, pw, ew, dw)
    whole = np.zeros((N, O, OH + 2 * ph, OW + 2 * pw), x.dtype)
    for i in range(H):
        for j in range(W):
            stamp = np.einsum("ni,iokl->nokl", x[:, :, i, j], weight)
            rows = slice(i * sh, i * sh + dh * (KH - 1) + 1, dh)
            columns = slice(j * sw, j * sw + dw * (KW - 1) + 1, dw)
            whole[:, :, rows, columns] += stamp
    return whole[:, :, ph : ph + OH, pw : pw + OW]
"""
SIZES_TRIED_OUT = """
def preimages(size, kernel, stride=1, padding=0, dilation=1):
    found = []
    for tried in range(1, size * stride + dilation * kernel + 1):
        try:
            if count_windows(tried, kernel, stride, padding, dilation) == size:
                found.append(tried)
        except ValueError:
            pass
    return np.array(found)
"""


@pytest.mark.parametrize(
    ("task", "text", "lost", "points"),
    [("tconv_scatter", BY_PIXELS, ["effort"], 86), ("preimages", SIZES_TRIED_OUT, [], 90)],
)
def test_right_by_another_way_loses_its_effort_alone(task, text, lost, points, tmp_path: Path):
    grade = graded_file(LAB, solution_file(2, tmp_path, **{task: text}), examples=5)
    assert broken(grade) == lost
    assert grade.points == points


def test_a_stride_that_is_forgotten_leaves_the_points_of_the_simplest_case():
    def tconv_scatter(x, weight, stride=(1, 1), padding=(0, 0), output_padding=(0, 0), dilation=(1, 1)):
        KH, KW = weight.shape[2:]
        whole = np.zeros((len(x), weight.shape[1], x.shape[2] + KH - 1, x.shape[3] + KW - 1), x.dtype)
        for k, l in np.ndindex(KH, KW):
            there = whole[:, :, k : k + x.shape[2], l : l + x.shape[3]]
            there += np.einsum("nihw,io->nohw", x, weight[:, :, k, l])
        return whole

    (task,) = (task for task in graded(LAB, {"tconv_scatter": tconv_scatter}).tasks if task.lines)
    assert task.state == "partly" and task.points >= 4
    assert not any(line.holds for line in task.lines if line.name == "a_pixel_stamps_the_kernel")
