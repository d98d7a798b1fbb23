"""Cases 1 to 18: shapes and parameters that do not fit, or only just."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

import minifcn.functional as F
from minifcn import nn
from minifcn.arrays.convolution import loops
from minifcn.errors import ArgumentError, ArgumentTypeError
from minifcn.geometry import Geometry
from minifcn.machine.backend import to_numpy
from minifcn.models import FCN
from tests.hostile.operations import (
    IMAGE_OPERATIONS,
    SMALLEST,
    TAKES,
    algorithm_of,
    equal,
    every_algorithm,
    ones,
    refused,
    tensor,
    values,
    whole,
    windowed,
)

# --- a kernel that does not fit ---------------------------------------------------------------------------------------

FITTED = ["conv2d", "convolution_matrix", "max_pool2d", "avg_pool2d", "unfold"]
FITTED += ["Conv2d", "MaxPool2d", "AvgPool2d", "Unfold"]


@pytest.mark.case(1)
@pytest.mark.parametrize("name", FITTED)
def test_a_kernel_larger_than_the_padded_input_is_refused_with_both_sizes(name, xp):
    x = ones(xp, 1, 2, 2, 9)
    tall = "padded input 4x9", "effective kernel 5x2", "increase padding", "reduce the kernel"
    refused(lambda: windowed(name, x, (5, 2), padding=(1, 0)), *tall)
    broad = "padded input 2x13", "effective kernel 1x14", "increase padding", "reduce the kernel"
    refused(lambda: windowed(name, x, (1, 14), padding=(0, 2)), *broad)
    windowed(name, x, (4, 2), padding=(1, 0))
    windowed(name, x, (1, 13), padding=(0, 2))


@pytest.mark.case(2)
@pytest.mark.parametrize("name", [name for name in FITTED if "dilation" in TAKES[name]])
def test_a_kernel_that_only_its_dilation_makes_too_large_is_refused_with_both_sizes(name, xp):
    x = ones(xp, 1, 2, 4, 9)
    refused(
        lambda: windowed(name, x, (3, 2), dilation=(2, 3), stride=2),
        "padded input 4x9",
        "effective kernel 5x4",
        "reduce the kernel",
    )
    windowed(name, x, (3, 2), dilation=(1, 3), stride=2)
    if "dilation" in TAKES[name] and "groups" in TAKES[name]:  # a convolution says where the sizes come from
        refused(
            lambda: windowed(name, x, (3, 2), dilation=(2, 3)),
            "input 4x9",
            "kernel 3x2, dilation (2, 3)",
            "or its dilation",
        )


# --- numbers that are too small, or no integers -----------------------------------------------------------------------


def of_window(name, argument):
    return lambda xp, value: windowed(name, ones(xp, 1, 1, 5, 6), **{"kernel": (2, 3), argument: value})


# (what the error calls the argument, the smallest value, whether it may be a pair, a call with a value for it)
NUMBERS = [
    (f"{name}: {argument}", SMALLEST[argument], argument != "groups", of_window(name, argument))
    for name, arguments in TAKES.items()
    for argument in arguments
]
NUMBERS += [
    ("conv_transpose2d: output_size", 0, True, lambda xp, n: F.conv_transpose2d(ones(xp, 1, 1, 1, 1), ones(xp, 1, 1, 1, 1), output_size=n)),
    ("convolution_matrix: input size", 0, True, lambda xp, n: F.convolution_matrix(ones(xp, 1, 1, 1, 1), n)),
    ("avg_pool2d: divisor_override", 1, False, lambda xp, n: F.avg_pool2d(ones(xp, 1, 1, 5, 6), 1, divisor_override=n)),
    ("max_unpool2d: output_size", 1, True, lambda xp, n: F.max_unpool2d(ones(xp, 1, 1, 1, 1), xp.zeros((1, 1, 1, 1), int), 1, output_size=n)),
    ("fold: output_size", 0, True, lambda xp, n: F.fold(ones(xp, 1, 1, 1), n, 1)),
    ("fold: kernel_size", 1, True, lambda xp, n: F.fold(ones(xp, 1, 1, 1), 1, n)),
    ("fold: dilation", 1, True, lambda xp, n: F.fold(ones(xp, 1, 1, 1), 1, 1, n)),
    ("fold: padding", 0, True, lambda xp, n: F.fold(ones(xp, 1, 9, 1), 1, 3, 1, n)),
    ("fold: stride", 1, True, lambda xp, n: F.fold(ones(xp, 1, 1, 1), 1, 1, 1, 0, n)),
    ("Fold: output_size", 0, True, lambda xp, n: nn.Fold(n, 1)),
    ("Fold: stride", 1, True, lambda xp, n: nn.Fold(1, 1, stride=n)),
    ("adaptive_avg_pool2d: output_size", 1, True, lambda xp, n: F.adaptive_avg_pool2d(ones(xp, 1, 1, 5, 6), n)),
    ("adaptive_max_pool2d: output_size", 1, True, lambda xp, n: F.adaptive_max_pool2d(ones(xp, 1, 1, 5, 6), n)),
    ("AdaptiveAvgPool2d: output_size", 1, True, lambda xp, n: nn.AdaptiveAvgPool2d(n)),
    ("AdaptiveMaxPool2d: output_size", 1, True, lambda xp, n: nn.AdaptiveMaxPool2d(n)),
    ("pixel_shuffle: upscale_factor", 1, False, lambda xp, n: F.pixel_shuffle(ones(xp, 1, 1, 5, 6), n)),
    ("pixel_unshuffle: downscale_factor", 1, False, lambda xp, n: F.pixel_unshuffle(ones(xp, 1, 1, 5, 6), n)),
    ("PixelShuffle: upscale_factor", 1, False, lambda xp, n: nn.PixelShuffle(n)),
    ("PixelUnshuffle: downscale_factor", 1, False, lambda xp, n: nn.PixelUnshuffle(n)),
    ("interpolate: size", 1, True, lambda xp, n: F.interpolate(ones(xp, 1, 1, 5, 6), n)),
    ("local_response_norm: size", 1, False, lambda xp, n: F.local_response_norm(ones(xp, 1, 1, 5, 6), n)),
    ("crop: size", 0, True, lambda xp, n: F.crop(ones(xp, 1, 1, 5, 6), n)),
    ("crop: offset", 0, True, lambda xp, n: F.crop(ones(xp, 1, 1, 5, 6), 1, n)),
    ("Conv2d: in_channels", 1, False, lambda xp, n: nn.Conv2d(n, 2, 3)),
    ("ConvTranspose2d: out_channels", 1, False, lambda xp, n: nn.ConvTranspose2d(2, n, 3)),
    ("Linear: in_features", 1, False, lambda xp, n: nn.Linear(n, 2)),
    ("BatchNorm2d: num_features", 1, False, lambda xp, n: nn.BatchNorm2d(n)),
    ("LocalResponseNorm: size", 1, False, lambda xp, n: nn.LocalResponseNorm(n)),
    ("FCN: num_classes", 1, False, lambda xp, n: FCN(num_classes=n, width=0.25)),
]  # fmt: skip
NONE_IS_A_DEFAULT = (
    "ool2d: stride", "divisor_override", "transpose2d: output_size", "ool2d: output_size", "interpolate: size",
)  # fmt: skip
numbers = pytest.mark.parametrize("label, smallest, pairs, call", NUMBERS, ids=[row[0] for row in NUMBERS])


@pytest.mark.case(3)
@pytest.mark.case(4)
@pytest.mark.case(5)
@pytest.mark.case(11)
@numbers
def test_a_number_that_is_too_small_is_refused_by_name(label, smallest, pairs, call, xp):
    wrong = [smallest - 1, -7, np.int64(-1)] + [(smallest, -1), (smallest - 1, smallest)] * pairs
    for value in wrong:
        said = f"{label} must be between {smallest} and", f"got {np.min(value)}."
        refused(lambda value=value: call(xp, value), *said)


NO_INTEGERS = [
    (label, pairs, call, value)
    for label, _, pairs, call in NUMBERS
    for value in (2.0, np.float32(2), True, np.True_, 1j, "2", None, (1, 2.5))
    if not (value is None and label.endswith(NONE_IS_A_DEFAULT))
]


@pytest.mark.case(6)
@pytest.mark.parametrize("label, pairs, call, value", NO_INTEGERS, ids=[f"{row[0]} {row[3]!r}" for row in NO_INTEGERS])
def test_what_is_no_integer_is_refused_by_name(label, pairs, call, value, xp):
    kind = "an integer or a pair of integers" if pairs else "an integer"
    given = 2.5 if isinstance(value, tuple) and pairs else value
    refused(lambda: call(xp, value), f"{label} must be {kind}, got {given!r}", error=ArgumentTypeError)


@pytest.mark.case(6)
@numbers
def test_a_tuple_of_another_length_is_refused_with_its_length(label, smallest, pairs, call, xp):
    for value in ((), (2,), (1, 2, 3)):
        if pairs:
            said = f"{label} must be an integer or a pair of integers", f"of length {len(value)}"
            refused(lambda value=value: call(xp, value), *said)
        else:
            refused(lambda value=value: call(xp, value), f"{label} must be an integer, got", error=ArgumentTypeError)


@pytest.mark.case(6)
@numbers
def test_integers_of_every_kind_are_accepted(label, smallest, pairs, call, xp):
    one = 0 if label.endswith("output_padding") else 1  # with the stride of 1 that is all it may be
    for value in (one, np.int64(one), np.uint8(one), np.array(one)):
        call(xp, value)
    if pairs:
        call(xp, (one, np.int32(one)))
        call(xp, [one, one])


@pytest.mark.case(6)
def test_the_stride_of_an_fcn_is_one_of_three_integers():
    for value in (8.0, "8", True, None, (8, 8)):
        refused(
            lambda value=value: FCN(stride=value),
            f"FCN: stride must be an integer, got {value!r}",
            error=ArgumentTypeError,
        )
    for value in (4, 64, np.int64(9)):
        refused(lambda value=value: FCN(stride=value), f"FCN: stride must be 32, 16 or 8, got {int(value)}")
    net = FCN(stride=np.int64(16), width=0.25, generator=np.random.default_rng(0))
    assert (net.stride, type(net.stride)) == (16, int)


# --- channels, bias, dimensions ---------------------------------------------------------------------------------------

# (call, what the error says): both numbers, where they come from, and a shape that would do
CHANNELS = {
    "conv2d": (
        lambda xp: F.conv2d(ones(xp, 1, 3, 5, 6), ones(xp, 8, 4, 3, 2)),
        [
            "conv2d: x has 3 channels",
            "weight expects 4",
            "(8, 4, 3, 2)",
            "groups 1",
            "pass weight of shape (8, 3, 3, 2)",
        ],
    ),
    "conv2d in groups": (
        lambda xp: F.conv2d(ones(xp, 1, 6, 5, 6), ones(xp, 8, 2, 3, 2), groups=2),
        [
            "conv2d: x has 6 channels",
            "weight expects 4",
            "groups 2",
            "pass weight of shape (8, 3, 3, 2) or change groups",
        ],
    ),
    "conv2d in groups that do not divide": (
        lambda xp: F.conv2d(ones(xp, 1, 3, 5, 6), ones(xp, 8, 2, 3, 2), groups=2),
        ["conv2d: x has 3 channels", "weight expects 4", "groups 2", "change groups"],
    ),
    "conv_transpose2d": (
        lambda xp: F.conv_transpose2d(ones(xp, 1, 3, 5, 6), ones(xp, 4, 5, 3, 2)),
        ["conv_transpose2d: x has 3 channels", "weight expects 4", "(4, 5, 3, 2)", "pass one whose first size is 3"],
    ),
    "Conv2d": (
        lambda xp: nn.Conv2d(4, 8, 3)(tensor(np, np.ones((1, 3, 5, 6)), np.float32)),
        ["x has 3 channels", "weight expects 4"],
    ),
    "linear": (
        lambda xp: F.linear(ones(xp, 2, 3), ones(xp, 5, 4)),
        ["linear: x has 3 features", "weight is (5, 4)", "pass weight of shape (out, 3)"],
    ),
    "matmul": (
        lambda xp: F.matmul(ones(xp, 2, 3), ones(xp, 4, 5)),
        ["matmul: (2, 3) @ (4, 5)", "inner sizes 3 and 4 differ", "transpose one"],
    ),
    "FCN": (
        lambda xp: FCN(width=0.25)(tensor(np, np.ones((1, 4, 8, 9)), np.float32)),
        ["FCN: image must be (N, 3, H, W)", "got (1, 4, 8, 9)"],
    ),
}


@pytest.mark.case(7)
@pytest.mark.parametrize("name", CHANNELS)
def test_channels_that_do_not_match_are_refused_with_both_numbers(name, xp):
    call, said = CHANNELS[name]
    refused(lambda: call(xp), *said)


@pytest.mark.case(8)
def test_the_weight_of_a_transposed_convolution_given_the_wrong_way_round(xp):
    """An error where in and out differ. Where they are equal nobody can know, and the result is another one."""
    x, weight = whole(xp, 1, 2, 3, 4, 5), whole(xp, 2, 3, 4, 2, 3)
    refused(
        lambda: F.conv_transpose2d(x, weight.transpose(0, 1)),
        "conv_transpose2d: x has 3 channels",
        "weight expects 4",
        "its layout is (in, out/groups, KH, KW)",
    )
    square = whole(xp, 3, 3, 3, 2, 3)
    right, wrong = F.conv_transpose2d(x, square), F.conv_transpose2d(x, square.transpose(0, 1))
    assert right.shape == wrong.shape
    assert (values(right) != values(wrong)).any()
    assert (
        "given as (out, in, KH, KW) by mistake is noticed only where in differs from out" in F.conv_transpose2d.__doc__
    )


# Each takes a bias for three channels, or what has the same shape.
BIASES = {
    "conv2d: bias": lambda xp, b: F.conv2d(ones(xp, 2, 4, 5, 6), ones(xp, 3, 4, 2, 1), b),
    "conv_transpose2d: bias": lambda xp, b: F.conv_transpose2d(ones(xp, 2, 4, 5, 6), ones(xp, 4, 3, 2, 1), b),
    "linear: bias": lambda xp, b: F.linear(ones(xp, 2, 4), ones(xp, 3, 4), b),
    "batch_norm: weight": lambda xp, b: F.batch_norm(ones(xp, 2, 3, 5, 6), None, None, weight=b, training=True),
    "batch_norm: bias": lambda xp, b: F.batch_norm(ones(xp, 2, 3, 5, 6), None, None, bias=b, training=True),
    "batch_norm: running_mean": lambda xp, b: F.batch_norm(ones(xp, 2, 3, 5, 6), b, ones(xp, 3)),
    "batch_norm: running_var": lambda xp, b: F.batch_norm(ones(xp, 2, 3, 5, 6), ones(xp, 3), b),
    "cross_entropy: weight": lambda xp, b: F.cross_entropy(ones(xp, 2, 3), xp.zeros(2, int), b),
    "nll_loss: weight": lambda xp, b: F.nll_loss(ones(xp, 2, 3), xp.zeros(2, int), b),
    "group_norm: weight": lambda xp, b: F.group_norm(ones(xp, 2, 3, 5, 6), 3, b),
    "group_norm: bias": lambda xp, b: F.group_norm(ones(xp, 2, 3, 5, 6), 3, bias=b),
    "layer_norm: weight": lambda xp, b: F.layer_norm(ones(xp, 2, 3), 3, b),
    "layer_norm: bias": lambda xp, b: F.layer_norm(ones(xp, 2, 3), 3, bias=b),
}


@pytest.mark.case(9)
@pytest.mark.parametrize("name", BIASES)
@pytest.mark.parametrize("shape", [(2,), (4,), (1,), (3, 1), (1, 3), ()])
def test_a_bias_of_another_shape_is_refused_with_both_shapes(name, shape, xp):
    refused(lambda: BIASES[name](xp, ones(xp, *shape)), f"{name} must have shape (3,)", f"got {shape}")
    BIASES[name](xp, ones(xp, 3))


@pytest.mark.case(10)
@pytest.mark.parametrize("name", [*IMAGE_OPERATIONS, "FCN"])
def test_an_image_without_its_four_dimensions_is_refused_with_the_way_to_four(name, xp):
    call = IMAGE_OPERATIONS.get(name) or FCN(width=0.25).to("cpu" if xp is np else "cuda")
    argument = "image" if name == "FCN" else "x"
    for shape, remedy in (
        ((3, 4), "index it with [None, None]"),
        ((2, 3, 4), "index it with [None]"),
        ((1, 2, 3, 4, 5), "reshape it"),
    ):
        said = f"{name}: {argument} must have 4 dimensions (N, C, H, W), got {len(shape)} (shape {shape}); {remedy}"
        refused(lambda shape=shape: call(ones(xp, *shape)), said)


@pytest.mark.case(10)
def test_other_dimensions_that_are_wrong_are_refused_with_the_right_ones(xp):
    x = ones(xp, 1, 2, 3, 4)
    for shape in ((2, 3), (2, 3, 4), (1, 2, 3, 4, 5)):
        wrong, got = ones(xp, *shape), f"got {len(shape)} (shape {shape}); reshape it"
        refused(lambda w=wrong: F.conv2d(x, w), f"conv2d: weight must have 4 dimensions (O, C/groups, KH, KW), {got}")
        refused(
            lambda w=wrong: F.conv_transpose2d(x, w), f"weight must have 4 dimensions (in, out/groups, KH, KW), {got}"
        )
        refused(
            lambda w=wrong: F.convolution_matrix(w, 3),
            "weight must have 4 dimensions",
            f"got shape {shape}",
            "reshape it",
        )
    for shape in ((3,), (2, 3, 4), (1, 2, 3, 4, 5)):
        said = f"batch_norm: x must be (N, C, H, W) or (N, C), got shape {shape}; reshape it"
        refused(lambda shape=shape: F.batch_norm(ones(xp, *shape), None, None, training=True), said)
    for shape in ((), (3,)):
        said = "cross_entropy: x must be (N, C, ...) with at least one class", f"got shape {shape}"
        refused(lambda shape=shape: F.cross_entropy(ones(xp, *shape), xp.zeros(2, int)), *said)


# (call, what the error says); groups 0, -1, 2.0 and None are among the numbers above
GROUPS = {
    "conv2d": (
        lambda xp: F.conv2d(ones(xp, 1, 4, 5, 6), ones(xp, 3, 2, 2, 1), groups=2),
        ["conv2d: groups 2 must divide the 3 channels", "(3, 2, 2, 1)", "change groups"],
    ),
    "conv_transpose2d": (
        lambda xp: F.conv_transpose2d(ones(xp, 1, 3, 5, 6), ones(xp, 3, 2, 2, 1), groups=2),
        ["conv_transpose2d: groups 2 must divide the 3 channels", "(3, 2, 2, 1)", "change groups"],
    ),
    "convolution_matrix": (
        lambda xp: F.convolution_matrix(ones(xp, 3, 2, 2, 1), 5, groups=2),
        ["convolution_matrix: groups 2 must divide the 3 output channels", "change groups"],
    ),
    "Conv2d": (
        lambda xp: nn.Conv2d(4, 3, 2, groups=2),
        ["Conv2d: groups 2 must divide", "in_channels 4", "out_channels 3"],
    ),
    "ConvTranspose2d": (
        lambda xp: nn.ConvTranspose2d(3, 4, 2, groups=2),
        ["ConvTranspose2d: groups 2 must divide", "in_channels 3", "out_channels 4"],
    ),
}


@pytest.mark.case(11)
@pytest.mark.parametrize("name", GROUPS)
def test_groups_that_do_not_divide_the_channels_are_refused_with_both_numbers(name, xp):
    call, said = GROUPS[name]
    refused(lambda: call(xp), *said)


# --- the sizes that a transposed operation can make -------------------------------------------------------------------


@pytest.mark.case(12)
@pytest.mark.parametrize("name", ["conv_transpose2d", "ConvTranspose2d"])
def test_output_padding_stays_below_stride_or_dilation(name, xp):
    x = ones(xp, 1, 2, 4, 5)
    for stride, dilation in itertools.product((1, 2, 3), (1, 2, 3)):
        options = {"stride": (stride, 1), "dilation": (dilation, 2)}
        most = max(stride, dilation) - 1
        made = windowed(name, x, (3, 2), output_padding=(most, 1), **options)
        assert made.shape[2:] == (3 * stride + 2 * dilation + 1 + most, 4 + 2 + 1 + 1)
        said = [f"stride ({stride}, 1)", f"dilation ({dilation}, 2)", f"use at most ({most}, 1)"]
        for wrong in ((most + 1, 0), (0, 2)):
            refused(
                lambda wrong=wrong, options=options: windowed(name, x, (3, 2), output_padding=wrong, **options),
                "output_padding must be smaller than either stride or dilation",
                f"got output_padding {wrong}",
                *said,
            )


@pytest.mark.case(13)
def test_an_output_size_out_of_reach_is_refused_with_the_sizes_within(xp):
    x, weight = ones(xp, 1, 1, 6, 5), ones(xp, 1, 1, 3, 2)
    made = []
    for rows, columns in itertools.product(range(15, 22), range(8, 14)):
        size = (rows, columns)
        try:
            assert F.conv_transpose2d(x, weight, stride=(3, 2), output_size=size).shape[2:] == size
            made.append(size)
        except ArgumentError as error:
            said = (
                f"output_size {size} cannot be reached from (6, 5); choose rows from 18 to 20 and columns from 10 to 11"
            )
            assert said in str(error)
    assert made == list(itertools.product((18, 19, 20), (10, 11)))
    refused(
        lambda: F.conv_transpose2d(x, weight, stride=3, output_padding=1, output_size=(19, 15)),
        "give output_padding (1, 1) or output_size (19, 15), not both",
    )


@pytest.mark.case(13)
def test_an_unpooled_size_out_of_reach_is_refused_with_the_sizes_within(xp):
    x, indices = ones(xp, 1, 1, 2, 3), xp.zeros((1, 1, 2, 3), int)
    made = []
    for rows, columns in itertools.product(range(1, 9), range(1, 9)):
        size = (rows, columns)
        try:
            assert F.max_unpool2d(x, indices, (3, 2), (3, 1), output_size=size).shape[2:] == size
            made.append(size)
        except ArgumentError as error:
            assert f"output_size {size} cannot be reached from (2, 3) with stride (3, 1)" in str(error)
            assert "choose rows from 4 to 8 and columns from 4 to 4" in str(error)
    assert made == list(itertools.product((4, 5, 6, 7, 8), (4,)))
    refused(
        lambda: F.max_unpool2d(x[:, :, :1, :1], indices[:, :, :1, :1], 2, (5, 1), output_size=(7, 2)),
        "output_size (7, 2) cannot be reached from (1, 1) with stride (5, 1)",
        "choose rows from 1 to 6 and columns from 2 to 2",
    )


@pytest.mark.case(14)
def test_every_size_makes_the_round_trip_by_the_transpose(xp):
    """conv2d and back with output_size, for every size, kernel, stride, padding and dilation up to four.

    The shape returns, and what returns is the transpose of what went: <conv(x), y> = <x, convᵀ(y)>, exactly. The columns
    have numbers of their own, so that an exchange of the axes shows.
    """
    seen = 0
    for n, k, s, p, d in itertools.product(range(1, 9), range(1, 5), range(1, 5), range(4), range(1, 4)):
        if n + 2 * p < d * (k - 1) + 1:
            continue
        options = {"stride": (s, 2), "padding": (p, 1), "dilation": (d, 1)}
        x, weight = whole(xp, n, 1, 1, n, 4), whole(xp, k, 1, 1, k, 3)
        there = F.conv2d(x, weight, **options)
        y = whole(xp, 10, *there.shape)
        back = F.conv_transpose2d(y, weight, output_size=(n, 4), **options)
        assert back.shape == x.shape, (n, k, s, p, d)
        assert (values(there) * values(y)).sum() == (values(x) * values(back)).sum(), (n, k, s, p, d)
        seen += 1
    assert seen == 1272


@pytest.mark.case(15)
@pytest.mark.parametrize("name", ["conv_transpose2d", "max_unpool2d", "ConvTranspose2d", "MaxUnpool2d"])
def test_padding_that_leaves_nothing_of_a_transposed_result_is_refused_with_the_size(name, xp):
    x = ones(xp, 1, 1, 2, 4)
    refused(
        lambda: windowed(name, x, (3, 2), stride=1, padding=(2, 0)),
        "the output would be 0x5 (input 2x4",
        "reduce padding",
    )
    refused(lambda: windowed(name, x, (3, 2), stride=1, padding=(0, 4)), "the output would be 4x-3", "reduce padding")
    assert windowed(name, x, (3, 2), stride=1, padding=(1, 2)).shape[2:] == (2, 1)


# --- everything unequal, and everything as small as can be ------------------------------------------------------------

RECTANGULAR = Geometry.of_convolution((7, 9), (3, 2), (2, 3), (1, 2), (1, 3), 2)


@pytest.mark.case(16)
@every_algorithm
def test_everything_rectangular_at_once(algorithm, xp):
    """H != W, kh != kw, sh != sw, ph != pw, dh != dw, C != O, N > 1, groups: every exchange of two of them shows."""
    options = {"stride": (2, 3), "padding": (1, 2), "dilation": (1, 3), "groups": 2}
    x, weight, bias = whole(xp, 1, 3, 4, 7, 9), whole(xp, 2, 6, 2, 3, 2), whole(xp, 3, 6)
    y = whole(xp, 4, 3, 6, *RECTANGULAR.output_size)
    definition = loops.to_output(values(x), values(weight), RECTANGULAR) + values(bias)[:, None, None]
    transposed = loops.to_input(values(weight), values(y), RECTANGULAR)
    with algorithm_of(algorithm):
        equal(F.conv2d(x, weight, bias, **options), definition)
        equal(F.conv_transpose2d(y, weight, output_size=(7, 9), **options), transposed)
    C = to_numpy(F.convolution_matrix(weight, (7, 9), **options))
    np.testing.assert_array_equal(
        C @ values(x[0]).ravel() + np.repeat(values(bias), C.shape[0] // 6), definition[0].ravel()
    )


@pytest.mark.case(16)
def test_pooling_with_everything_rectangular_at_once(xp):
    x = whole(xp, 5, 2, 3, 7, 8)
    padded = np.pad(values(x), ((0, 0), (0, 0), (1, 1), (2, 2)), constant_values=np.nan)
    pooled = F.max_pool2d(x, (3, 4), (2, 3), (1, 2), (2, 1))
    windows = [[padded[:, :, 2 * i : 2 * i + 5 : 2, 3 * j : 3 * j + 4] for j in range(3)] for i in range(3)]
    equal(pooled, np.stack([np.stack([np.nanmax(w, (2, 3)) for w in row], -1) for row in windows], -2))
    mean = F.avg_pool2d(x, (3, 4), (2, 3), (1, 2), count_include_pad=False)
    windows = [[padded[:, :, 2 * i : 2 * i + 3, 3 * j : 3 * j + 4] for j in range(3)] for i in range(4)]
    expected = np.stack([np.stack([np.nanmean(w, (2, 3)) for w in row], -1) for row in windows], -2)
    np.testing.assert_allclose(values(mean), expected, rtol=1e-14)


@pytest.mark.case(17)
@every_algorithm
@pytest.mark.parametrize(
    "size, kernel, stride",
    [((4, 6), (4, 6), 1), ((1, 1), (1, 1), 1), ((1, 7), (1, 2), (1, 3)), ((7, 1), (2, 1), (3, 1))],
)
def test_a_kernel_as_large_as_the_image_and_images_one_pixel_wide(size, kernel, stride, algorithm, xp):
    x, weight = whole(xp, 1, 2, 3, *size), whole(xp, 2, 5, 3, *kernel)
    geometry = Geometry.of_convolution(size, kernel, stride)
    with algorithm_of(algorithm):
        y = F.conv2d(x, weight, stride=stride)
        back = F.conv_transpose2d(y, weight, stride=stride, output_size=size)
    if size == kernel:
        equal(y, np.einsum("nchw,ochw->no", values(x), values(weight))[:, :, None, None])
        equal(back, np.einsum("no,ochw->nchw", values(y)[:, :, 0, 0], values(weight)))
    equal(y, loops.to_output(values(x), values(weight), geometry))
    equal(back, loops.to_input(values(weight), values(y), geometry))


@pytest.mark.case(17)
@pytest.mark.parametrize("size", [(4, 6), (1, 1), (1, 7), (7, 1)])
def test_a_window_as_large_as_the_image(size, xp):
    x = whole(xp, 1, 2, 3, *size)
    y, indices = F.max_pool2d(x, size, return_indices=True)
    flat = values(x).reshape(2, 3, -1)
    equal(y, flat.max(2)[:, :, None, None])
    equal(indices, flat.argmax(2)[:, :, None, None])
    equal(F.avg_pool2d(x, size) * float(np.prod(size)), flat.sum(2)[:, :, None, None])
    equal(
        F.max_unpool2d(y, indices, size),
        np.where(np.arange(flat.shape[2]) == flat.argmax(2)[..., None], flat.max(2)[..., None], 0).reshape(x.shape),
    )
    equal(F.interpolate(x, size, mode="bilinear"), values(x))


# --- "same" -----------------------------------------------------------------------------------------------------------


BY_NAME = ("conv2d", "Conv2d")


@pytest.mark.case(18)
@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("name", [name for name in TAKES if "Unpool" not in name and name not in BY_NAME])
def test_padding_by_name_is_refused_with_what_to_do_instead(name, stride, xp):
    said = ["padding must be an integer or a pair of integers, got 'same'"]
    refused(
        lambda: windowed(name, ones(xp, 1, 1, 5, 6), (2, 3), stride=stride, padding="same"),
        *said,
        error=ArgumentTypeError,
    )


@pytest.mark.case(18)
@pytest.mark.parametrize("name", BY_NAME)
def test_a_convolution_refuses_the_padding_that_keeps_the_size_where_none_does(name, xp):
    x = ones(xp, 1, 1, 5, 6)
    refused(
        lambda: windowed(name, x, (2, 3), stride=(1, 2), padding="same", dilation=(2, 3)),
        f'{name}: padding "same" keeps the size at stride 1 only, got stride (1, 2); pass a number, such as padding '
        f"(1, 3).",
    )
    for other in ("full", "Same", ""):
        refused(
            lambda other=other: windowed(name, x, (2, 3), padding=other),
            f"{name}: padding must be an integer or a pair of integers, got {other!r} (str), which is neither "
            f'"same" nor "valid".',
            error=ArgumentTypeError,
        )
    assert windowed(name, x, (2, 3), stride=(1, 2), padding="valid").shape == (1, 6, 4, 2)


@pytest.mark.case(18)
@every_algorithm
def test_an_even_kernel_keeps_the_size_with_the_odd_row_and_column_at_the_end(algorithm, xp):
    x, weight = whole(xp, 1, 2, 3, 5, 6), whole(xp, 2, 4, 3, 2, 4)
    with algorithm_of(algorithm):
        same = F.conv2d(x, weight, padding="same")
        equal(F.conv2d(F.pad(x, (0, 1, 0, 1)), weight, padding=(0, 1)), values(same))
    by_hand = np.pad(values(x), ((0, 0), (0, 0), (0, 1), (1, 2)))
    expected = sum(
        np.einsum("oc,nchw->nohw", values(weight)[:, :, k, l], by_hand[:, :, k : k + 5, l : l + 6])
        for k, l in itertools.product(range(2), range(4))
    )
    equal(same, expected)
    assert same.shape[2:] == x.shape[2:]
    odd = whole(xp, 3, 4, 3, 3, 5)
    equal(F.conv2d(x, odd, padding="same", dilation=2), values(F.conv2d(x, odd, padding=(2, 4), dilation=2)))
