"""C: `minifcn.testing.check` beside a student: who is blamed, for what, and in which words."""

from __future__ import annotations

import inspect
import re
from functools import cache, partial

import numpy as np
import pytest

from minifcn.testing import VARIANTS, check, diagnose, ours
from tests.real_use.students import confusion, conv, entropy, max_pool, pair, transposed, unwrapped

PLAIN = {
    "conv2d": conv, "conv_transpose2d": transposed, "max_pool2d": max_pool, "cross_entropy": entropy,
    "confusion_matrix": confusion,
}  # fmt: skip


def with_mistake(operation, mistake):
    """A student's function with the signature that they would give it."""
    parameters = list(inspect.signature(PLAIN[operation]).parameters.values())
    function = partial(PLAIN[operation], mistake=mistake)
    function.__signature__ = inspect.Signature(parameters[:-1])
    return {operation: function}


def zeros(x, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    return np.zeros_like(ours.conv2d(x, weight, bias, stride, padding, dilation, groups))


@cache
def of_zeros():
    return check(conv2d=zeros, examples=3)


# --- C1 ---------------------------------------------------------------------------------------------------------------


def test_c1_the_students_value_is_never_called_the_right_one():
    report = of_zeros()
    text = unwrapped(report)
    assert text.startswith("conv2d(x, weight) gave element [0, 0, 0, 0] = 0.0, it should be 1.0.\n")
    assert "should be 0" not in text
    told = report.findings[0].wrong
    assert not np.any(told.call.outcome.value)
    np.testing.assert_array_equal(told.right.value, ours.conv2d(**told.call.given))


def test_c1_every_broken_law_blames_a_call_that_is_wrong_by_itself():
    report = of_zeros()
    assert len(report.counterexamples) > 5
    for found in report.counterexamples:
        assert found.found.startswith("conv2d(x, weight"), found.law.name
        assert ("gave element" in found.found and "= 0.0, it should be " in found.found) or "gave 0.0" in found.found


def test_c1_laws_about_the_operation_alone_go_first():
    laws = of_zeros().laws
    alone = [len(law.needs) == 1 for law in laws]
    assert alone == sorted(alone, reverse=True) and not all(alone)


def test_c1_of_two_functions_the_wrong_one_is_named():
    report = check(conv2d=ours.conv2d, conv_transpose2d=with_mistake("conv_transpose2d", "= for +=")["conv_transpose2d"],
                   examples=3)  # fmt: skip
    assert report.blamed == "conv_transpose2d"
    assert unwrapped(report).startswith("conv2d: all ")


def test_c1_what_is_right_up_to_rounding_is_right():
    """As a convolution by Fourier transforms is, whose whole numbers are off by 1e-15."""

    def rounded(x, weight, bias=None, **options):
        y = ours.conv2d(x, weight, bias, **options)
        return y * (1 + np.finfo(y.dtype).eps * np.where(np.arange(y.size).reshape(y.shape) % 2, 1, -1)).astype(y.dtype)

    assert check(conv2d=rounded, examples=3)


def test_c1_a_result_that_changes_from_call_to_call_is_wrong():
    calls = []

    def fickle(x, weight):
        calls.append(x)
        return ours.conv2d(x, weight) + (len(calls) % 2)

    report = check(conv2d=fickle, examples=3)
    assert not report


# --- C2 ---------------------------------------------------------------------------------------------------------------


def only_y(x, kernel_size, stride=None):
    return ours.max_pool2d(x, kernel_size, stride)[0]


def both_or_one(x, kernel_size, stride=None, padding=0, dilation=1, ceil_mode=False, return_indices=False):
    both = ours.max_pool2d(x, kernel_size, stride, padding, dilation, ceil_mode)
    return both if return_indices else both[0]


def test_c2_maxima_alone_pass():
    report = check(max_pool2d=only_y, examples=3)
    assert report
    assert report.missing == ("padding", "dilation", "ceil_mode")
    assert "It returns no indices; those of minifcn stood in for them." in unwrapped(report)


def test_c2_indices_on_demand_pass_and_are_looked_at():
    report = check(max_pool2d=both_or_one, examples=2)
    assert report and not report.findings[0].notes

    def late(x, kernel_size, return_indices=False):
        y, index = ours.max_pool2d(x, kernel_size)
        return (y, index + 1) if return_indices else y

    text = unwrapped(check(max_pool2d=late, examples=3))
    assert text.startswith("max_pool2d(x, (1, 1)) gave element [0, 0, 0, 0] of the indices = 1, it should be 0.")


def test_c2_every_argument_may_be_demanded():
    assert check(conv2d=lambda input, weight, bias, stride, padding: ours.conv2d(input, weight, bias, stride, padding),
                 examples=3)  # fmt: skip


def test_c2_numbers_alone_pass():
    def convolve(x, weight, stride=1, padding=0):
        return conv(x, weight, None, stride + 0, padding + 0)

    report = check(conv2d=convolve, examples=3)
    assert report
    assert "It takes stride and padding as one number; cases with two different ones were left out." in unwrapped(
        report
    )

    def pool(x, kernel_size, stride=None):
        return only_y(x, kernel_size * 1, None if stride is None else stride * 1 + 0)

    assert check(max_pool2d=pool, examples=3)


def test_c2_pairs_alone_pass():
    def convolve(x, weight, stride=(1, 1)):
        return conv(x, weight, None, (stride[0], stride[1]))

    report = check(conv2d=convolve, examples=3)
    assert report
    assert "It takes stride as a pair only, where PyTorch takes one number, too." in unwrapped(report)


@pytest.mark.parametrize("operation", PLAIN)
def test_c2_plain_right_loops_pass(operation):
    assert check(**with_mistake(operation, ""), examples=3)


def test_c2_pytorchs_own_functions_pass():
    """Its convolution refuses images without pixels: such cases are left out."""
    torch = pytest.importorskip("torch")
    F = torch.nn.functional

    def tensor(array):
        return None if array is None else torch.from_numpy(np.array(array))

    def convolve(input, weight, bias=None, **options):
        return F.conv2d(tensor(input), tensor(weight), tensor(bias), **options).numpy()

    def transpose(input, weight, bias=None, **options):
        return F.conv_transpose2d(tensor(input), tensor(weight), tensor(bias), **options).numpy()

    def pool(input, *options, **named):
        return F.max_pool2d(tensor(input), *options, **named).numpy()

    def average(input, *options, **named):
        return F.avg_pool2d(tensor(input), *options, **named).numpy()

    report = check(conv2d=convolve, conv_transpose2d=transpose, max_pool2d=pool, avg_pool2d=average, examples=1)
    assert report, report


# --- C5 ---------------------------------------------------------------------------------------------------------------


def test_c5_an_error_in_every_call_is_said_once_with_its_line():
    def broken(x, weight):
        total = 0
        return total + wieght  # noqa: F821

    report = check(conv2d=broken, examples=3)
    assert not report
    line = broken.__code__.co_firstlineno + 2
    first, *rest = unwrapped(report).split("\n")
    rest = "\n".join(rest)
    assert first == (
        "In every call conv2d raises NameError: name 'wieght' is not defined "
        f"(test_c_students.py, line {line}, in broken: return total + wieght  # noqa: F821)."
    )
    assert "wieght" not in rest
    assert "One such call: conv2d(x, weight)" in rest
    assert report.counterexamples == (), "no law is spoken of"


def test_c5_an_error_in_some_calls_has_its_line_too():
    def forgetful(x, weight, bias=None):
        return conv(x, weight) + (0 if bias is None else bais)  # noqa: F821

    text = unwrapped(check(conv2d=forgetful, examples=3))
    assert text.startswith(
        "conv2d(x, weight, bias) raised NameError: name 'bais' is not defined (test_c_students.py, line"
    )
    assert re.search(r"1 of \d+ laws does not hold\.", text)


def test_c5_what_is_not_written_yet_is_not_called_wrong():
    def later(x, weight):
        raise NotImplementedError

    assert unwrapped(check(conv2d=later, examples=2)).startswith(
        "conv2d is not written yet: it raises NotImplementedError ("
    )


@pytest.mark.parametrize(
    ("made", "words"),
    [
        (lambda y: [y], "In every call conv2d returned a list, it should return a NumPy array of shape (1, 1, 1, 1)."),
        (lambda y: "y", "In every call conv2d returned a str, it should return a NumPy array of shape (1, 1, 1, 1)."),
        (lambda y: y.astype(object), "In every call conv2d returned an array of object, it should return a NumPy array"),
        (lambda y: y[0], "conv2d(x, weight) gave an array of shape (1, 1, 1), it should have shape (1, 1, 1, 1)."),
        (lambda y: y * np.nan, "conv2d(x, weight) gave element [0, 0, 0, 0] = nan, it should be 1.0."),
    ],
)  # fmt: skip
def test_c5_a_wrong_type_is_one_clear_sentence(made, words):
    report = check(conv2d=lambda x, weight: made(ours.conv2d(x, weight)), examples=3)
    assert not report
    assert unwrapped(report).startswith(words)


@pytest.mark.parametrize(
    ("made", "words"),
    [
        (lambda y: y.tolist(), "It returns lists where arrays go on and float64 where float32 was given; only the values"),
        (lambda y: y.astype(int), "It returns int64 where floating point was given; only the values were judged."),
        (lambda y: y.astype(np.float64), "It returns float64 where float32 was given; only the values were judged."),
        (lambda y: y.astype(np.float32), "It returned float32, it should return float64, as it was given. Its values"),
    ],
)  # fmt: skip
def test_c5_of_a_right_value_in_another_type_there_is_a_note(made, words):
    report = check(conv2d=lambda x, weight: made(ours.conv2d(x, weight)), examples=3)
    assert report
    assert words in unwrapped(report)
    wrong = check(conv2d=lambda x, weight: made(ours.conv2d(x, weight) + 1), examples=3)
    assert not wrong and "= 2.0, it should be 1.0" in str(wrong)


def test_c5_an_exit_is_an_error_like_any_other_here():
    def leaving(x, weight):
        raise SystemExit(0)

    assert unwrapped(check(conv2d=leaving, examples=2)).startswith(
        "In every call conv2d raises SystemExit: 0 (test_c_stud"
    )


def test_c5_an_argument_that_is_written_is_named():
    def scratched(x, weight):
        y = ours.conv2d(x, weight)
        if x.flags.writeable:
            x *= 2
        return y

    text = unwrapped(check(conv2d=scratched, examples=3))
    assert "conv2d(x, weight) changed its argument x, which belongs to the caller." in text


# --- C6 ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("operation", "mistake", "name"),
    [
        ("conv2d", "strides swapped", "strides_exchanged_in_a_result_of_the_right_size"),
        ("conv2d", "size off by one", "size_off_by_one"),
        ("conv2d", "bias missing", "bias_forgotten"),
        ("conv2d", "edge padding", "border_repeated"),
        ("conv2d", "= for +=", "only_the_last_product"),
        ("conv_transpose2d", "= for +=", "stamps_overwritten"),
        ("conv_transpose2d", "= for +=, by taps", "stamps_overwritten_tap_by_tap"),
        ("conv_transpose2d", "= for +=, by channels", "stamps_overwritten_by_the_last_channel"),
        ("conv_transpose2d", "strides swapped", "transposed_strides_exchanged_in_a_result_of_the_right_size"),
        ("conv_transpose2d", "bias missing", "transposed_bias_forgotten"),
        ("max_pool2d", "zero padding", "zeros_of_the_padding_win"),
        ("max_pool2d", "strides swapped", "pool_strides_exchanged_in_a_result_of_the_right_size"),
        ("cross_entropy", "weights ignored", "weights_ignored"),
        ("cross_entropy", "not divided", "loss_not_divided"),
        ("confusion_matrix", "+= by an index", "equal_pixels_of_a_batch_counted_once"),
        ("confusion_matrix", "transposed", "rows_are_the_prediction"),
    ],
)
def test_c6_the_usual_mistakes_are_known_by_name(operation, mistake, name):
    assert [found.name for found in diagnose(**with_mistake(operation, mistake), examples=6)] == [name]


def test_c6_the_first_sentence_is_the_cause_and_the_rest_follows():
    text = unwrapped(check(**with_mistake("conv2d", "strides swapped"), examples=6))
    cause, call, law, others, notes = text.split("\n\n")
    assert cause.startswith("conv2d does what a known mistake does, strides_exchanged_in_a_result_of_the_right_size: ")
    assert call.startswith(
        "conv2d(x, weight, stride=(2, 1)) gave element [0, 0, 1, 0] = 2.0, it should be 3.0; 1 of 2 "
    )
    assert "x = [[[[1], [2], [3]]]]" in call
    assert "    it gave    it should give\n       1          1\n      [2]        [3]" in call
    assert law.startswith("That breaks the law a_stride_leaves_out_pixels: A stride keeps every s-th row and column")
    assert others[:2].isdigit() and "laws do not hold; the others are convolution_is_linear_in_the_input, " in others
    assert notes == "It takes no groups; such cases were left out." or "without elements" in notes


def test_c6_right_loops_have_no_mistake():
    for operation in PLAIN:
        assert diagnose(**with_mistake(operation, ""), examples=2) == []
    assert diagnose(conv2d=VARIANTS["by_loops"].function, examples=2) == []
    assert pair(2) == (2, 2)
