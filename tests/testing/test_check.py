"""`check` and `diagnose` as a learner meets them: what is wrong, in the smallest case, and which mistake it is."""

from __future__ import annotations

import numpy as np
import pytest

from minifcn.errors import ArgumentError
from minifcn.testing import MUTANTS, VARIANTS, check, diagnose, ours


def first_attempt(x, weight):
    """As far as a student is after the first lesson."""
    N, _, H, W = x.shape
    O, _, KH, KW = weight.shape
    y = np.zeros((N, O, H - KH + 1, W - KW + 1), x.dtype)
    for i, j in np.ndindex(*y.shape[2:]):
        y[:, :, i, j] = np.einsum("nckl,ockl->no", x[:, :, i : i + KH, j : j + KW], weight)
    return y


def test_a_right_implementation():
    report = check(conv2d=VARIANTS["tap_by_tap"].function, examples=20)
    assert report
    assert report.missing == ()
    assert str(report) == f"conv2d: all {len(report.laws)} laws hold."


def test_arguments_that_are_not_taken_are_left_out():
    report = check(conv2d=first_attempt, examples=20)
    assert report
    assert report.missing == ("bias", "stride", "padding", "dilation", "groups")
    assert "It takes no bias, stride, padding, dilation and groups; such cases were left out." in str(report)
    tried = {law.name for law in report.laws}
    assert "a_delta_copies_the_image" in tried
    assert "a_bias_is_added_once" not in tried, "no case of it could be tried"


def test_what_is_left_out_does_not_hide_a_mistake():
    def flipped(x, weight):
        return first_attempt(x, weight[:, :, ::-1, ::-1])

    report = check(conv2d=flipped, examples=20)
    assert not report
    assert [mistake.name for mistake in report.mistakes] == ["kernel_flipped"]


def test_a_mistake_is_called_by_its_name():
    def mine(x, weight, bias=None, stride=1, padding=0, output_padding=0, groups=1, dilation=1):
        options = stride, padding, output_padding, groups, dilation
        return ours.conv_transpose2d(x, weight[:, :, ::-1, ::-1], bias, *options)

    report = check(conv_transpose2d=mine, examples=20)
    assert not report
    assert [mistake.name for mistake in report.mistakes] == ["stamps_flipped"]
    text = str(report)
    assert MUTANTS["stamps_flipped"].remark in text
    assert text.startswith("conv_transpose2d does what a known mistake does, stamps_flipped: ")
    assert (
        "conv_transpose2d(x, weight) gave element [0, 0, 0, 0] = 2.0, it should be 1.0; 2 of 2 elements are wrong."
        in text
    )
    assert "That breaks the law a_pixel_stamps_the_kernel: " in text
    assert " laws do not hold; the others are " in text


@pytest.mark.parametrize("name", ["stride_of_rows_for_columns", "memory_read_as_contiguous", "matrix_wraps_around",
                                  "stamps_overwritten", "averaged_over_the_batch"])  # fmt: skip
def test_a_mutant_is_diagnosed_as_itself(name):
    mutant = MUTANTS[name]
    assert diagnose(**{mutant.of: mutant.function}) == [mutant]


def test_nothing_is_diagnosed_in_what_is_right_or_new():
    assert diagnose(conv2d=VARIANTS["by_loops"].function) == []
    assert diagnose(conv2d=lambda x, weight, bias=None, **options: ours.conv2d(x, weight, bias, **options) + 0.5) == []


def test_an_implementation_that_writes_into_its_arguments():
    assert MUTANTS["image_scratched"] in diagnose(conv2d=MUTANTS["image_scratched"].function, examples=3)


def test_what_cannot_be_checked():
    with pytest.raises(ArgumentError, match="nothing to check; pass an implementation by its name, one of conv2d, "):
        check()
    with pytest.raises(ArgumentError, match="no law speaks about 'convolve'; name one of conv2d, "):
        check(convolve=first_attempt)
    with pytest.raises(ArgumentError, match="conv2d is 3; pass a function of NumPy arrays"):
        diagnose(conv2d=3)
