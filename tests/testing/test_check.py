"""`check` and `diagnose` as a learner meets them: what is wrong, in the smallest case, and which mistake it is."""

from __future__ import annotations

import time

import numpy as np
import pytest

from minifcn.errors import ArgumentError
from minifcn.testing import LAWS, MUTANTS, VARIANTS, check, diagnose, ours
from tests.real_use.students import unwrapped


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
    assert unwrapped(report) == f"conv2d: all {len(report.laws)} laws hold."


def test_arguments_that_are_not_taken_are_left_out():
    report = check(conv2d=first_attempt, examples=20)
    assert report
    assert report.missing == ("bias", "stride", "padding", "dilation", "groups")
    assert "It takes no bias, stride, padding, dilation and groups; such cases were left out." in unwrapped(report)
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
    text = unwrapped(report)
    assert MUTANTS["stamps_flipped"].remark in text
    assert text.startswith("conv_transpose2d does what a known mistake does, stamps_flipped: ")
    assert (
        "conv_transpose2d(x, weight) gave element [0, 0, 0, 0] = 2.0, it should be 1.0; 2 of 2 elements are wrong."
        in text
    )
    assert "That breaks the law neighbouring_stamps_are_added: " in text
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


# --- what is asked ----------------------------------------------------------------------------------------------------


def test_only_some_laws():
    names = ["a_delta_copies_the_image", "ones_count_taps"]
    report = check(conv2d=ours.conv2d, examples=3, laws=names)
    assert report and {law.name for law in report.laws} == set(names)
    assert "conv2d: all 2 laws hold. Only 2 of the " in unwrapped(report)
    one = check(conv2d=ours.conv2d, examples=3, laws=LAWS["ones_count_taps"])
    assert str(one).startswith("conv2d: the law ones_count_taps holds.")


def test_a_law_can_be_excused_and_the_report_says_so():
    def by_a_matrix(x, weight):
        y = ours.conv2d(np.nan_to_num(x), weight)
        return np.where(np.isnan(x).any(), np.nan, y)

    assert not check(conv2d=by_a_matrix, examples=6)
    report = check(conv2d=by_a_matrix, examples=6, without="nan_stays_under_its_windows")
    assert report
    assert [law.name for law in report.excused] == ["nan_stays_under_its_windows"]
    assert "nan_stays_under_its_windows" not in {law.name for law in report.laws}
    text = unwrapped(report)
    assert "1 law excused, so of this nothing is known:\n    nan_stays_under_its_windows: " in text
    assert report.findings[0].to_json()["excused"] == ["nan_stays_under_its_windows"]


@pytest.mark.parametrize("argument", ["laws", "without"])
def test_laws_that_are_not_there_are_refused(argument):
    def asked(*names):
        return check(conv2d=ours.conv2d, examples=1, **{argument: names})

    with pytest.raises(
        ArgumentError, match=f"{argument}: there is no law 'a_delta_copies_image' about conv2d; is a_delta_"
    ):
        asked("a_delta_copies_image")
    with pytest.raises(ArgumentError, match=r"no law 'qq' about conv2d; `python -m minifcn.testing laws conv2d` lists"):
        asked("qq")
    with pytest.raises(
        ArgumentError, match="the_first_of_equal_pixels_wins speaks about max_pool2d, not about conv2d; "
    ):
        asked("the_first_of_equal_pixels_wins")
    with pytest.raises(TypeError, match=f"{argument} holds 3; it takes the names of laws"):
        asked(3)


def test_a_name_that_is_nearly_one_is_suggested():
    with pytest.raises(
        ArgumentError, match=r"no law speaks about 'conv_2d' \(is conv2d meant\?\); name one of conv2d, "
    ):
        check(conv_2d=first_attempt)


def test_calls_are_made_small_as_it_is_asked():
    wrong = MUTANTS["kernel_flipped"].function
    first, every, none = (check(conv2d=wrong, examples=4, shrink=how) for how in ("first", "all", "none"))
    sizes = [report.findings[0].wrong.weight for report in (first, every, none)]
    assert sizes[0] == sizes[1] <= sizes[2]
    length = [sum(len(found.found) for found in report.counterexamples) for report in (first, every)]
    assert length[1] < length[0], "with all, every law's call is a small one"
    assert [mistake.name for mistake in none.mistakes] == ["kernel_flipped"]
    with pytest.raises(ArgumentError, match=r"shrink is 'most'; .* first, all or none|shrink"):
        check(conv2d=wrong, shrink="most")


# --- what is not written, and what numbers it takes ---------------------------------------------------------------------


def dots(x, weight): ...


def passes(x, weight):
    pass


def raises(x, weight):
    raise NotImplementedError("your turn")


@pytest.mark.parametrize("stub", [dots, passes, raises])
def test_a_stub_is_not_written_yet(stub):
    began = time.process_time()
    report = check(conv2d=stub)
    assert time.process_time() - began < 1
    assert not report and report.unwritten == ("conv2d",)
    assert str(report).startswith("conv2d is not written yet: it ")
    assert report.counterexamples == () and report.laws == ()
    assert report.findings[0].to_json()["unwritten"] is True


def test_what_is_written_for_a_part_is_written():
    def partly(x, weight, stride=1):
        if stride not in (1, (1, 1)):
            raise NotImplementedError
        return first_attempt(x, weight)

    report = check(conv2d=partly, examples=3)
    assert report.unwritten == () and not report
    assert check(conv2d=first_attempt, examples=3).unwritten == ()


def test_an_annotation_says_that_one_number_is_taken():
    def convolve(x, weight, stride: int = 1, padding: int = 0):
        return ours.conv2d(x, weight, None, (stride, stride) if isinstance(stride, int) else (1, 1), padding)

    report = check(conv2d=convolve, examples=4)
    assert report, report
    assert "It takes stride and padding as one number; cases with two different ones were left out." in unwrapped(
        report
    )


def test_small_whole_numbers_are_shown_and_no_nan():
    """What an image of zeros and NaN breaks, one of 1, 2, 3 breaks, too."""
    report = check(conv2d=MUTANTS["kernel_flipped"].function, examples=10)
    given = report.findings[0].wrong.call.given
    assert given["x"].ravel().tolist() == [1, 2] and given["weight"].ravel().tolist() == [1, 2]
    assert report.counterexamples[0].law.name == "a_delta_copies_the_image"
