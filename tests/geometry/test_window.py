"""Sizes by their definition, taps by enumeration, FCN's offsets from composed maps, and every error by its content."""

from __future__ import annotations

import dataclasses
import itertools
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minifcn.arguments import LARGEST_SIZE, integer, pair
from minifcn.errors import ArgumentError, ArgumentTypeError
from minifcn.geometry import CoordinateMap, Geometry, crop_offset

# --- integers and pairs ---------------------------------------------------------------------------------------------


def test_pair_accepts_an_integer_or_two_and_returns_plain_ints():
    assert pair(3, "stride", 1) == (3, 3)
    assert pair((2, 5), "stride", 1) == (2, 5)
    assert pair([2, 5], "stride", 1) == (2, 5)
    given_by_numpy = pair((np.int64(2), np.uint8(7)), "stride", 1)
    assert given_by_numpy == (2, 7)
    assert [type(value) for value in given_by_numpy] == [int, int]


@pytest.mark.parametrize("value", [2.0, "2", None, True, np.True_, (1, 2.5), (True, 2), b"2", {1: 2}])
def test_what_is_no_integer_is_a_type_error_that_names_the_argument(value):
    with pytest.raises(ArgumentTypeError, match="^stride must be an integer or a pair of integers, got .*\\(.*\\)\\.$"):
        pair(value, "stride", 1)


@pytest.mark.parametrize("value", [(), (2,), (1, 2, 3)])
def test_a_tuple_of_another_length_is_an_error_that_counts(value):
    with pytest.raises(ArgumentError, match=f"^stride must be .* of length {len(value)}\\.$"):
        pair(value, "stride", 1)


@pytest.mark.case(53)
@pytest.mark.parametrize("value", [0, -1, 2**31, np.int64(-3), 10**30])
def test_an_integer_out_of_range_is_an_error_with_both_limits(value):
    with pytest.raises(ArgumentError, match=f"^stride must be between 1 and {LARGEST_SIZE}, got {int(value)}\\.$"):
        integer(value, "stride", 1)
    assert integer(LARGEST_SIZE, "stride", 1) == LARGEST_SIZE


# --- sizes by definition --------------------------------------------------------------------------------------------


def windows_that_fit(size: int, kernel: int, stride: int, padding: int, dilation: int) -> int:
    """Count them: a window fits if its last tap is still inside the padded input."""
    count = 0
    while count * stride + dilation * (kernel - 1) < size + 2 * padding:
        count += 1
    return count


def windows_with_overhang(size: int, kernel: int, stride: int, padding: int, dilation: int) -> int:
    """Ceil mode: go on while something is left uncovered, but start inside the input or its left padding."""
    count = 1
    while (count - 1) * stride + dilation * (kernel - 1) + 1 < size + 2 * padding:
        if count * stride >= size + padding:
            break
        count += 1
    return count


NUMBERS = list(itertools.product(range(1, 9), range(1, 5), range(1, 5), range(3), range(1, 4)))  # n, k, s, p, d


def test_convolution_size_is_the_number_of_windows_that_fit_for_every_small_geometry():
    refused = 0
    for n, k, s, p, d in NUMBERS:
        expected = windows_that_fit(n, k, s, p, d)
        if expected == 0:
            refused += 1
            with pytest.raises(ArgumentError, match="the kernel does not fit"):
                Geometry.of_convolution((n, 9), (k, 1), (s, 1), (p, 0), (d, 1))
            continue
        # The other axis has other numbers, so that an exchange of axes shows.
        geometry = Geometry.of_convolution((n, 9), (k, 2), (s, 3), (p, 1), (d, 2))
        assert geometry.output_size == (expected, windows_that_fit(9, 2, 3, 1, 2)), (n, k, s, p, d)
        transposed_axes = Geometry.of_convolution((9, n), (2, k), (3, s), (1, p), (2, d))
        assert transposed_axes.output_size == geometry.output_size[::-1]
    assert 0 < refused < len(NUMBERS) // 2


@pytest.mark.case(40)
def test_pooling_sizes_floor_and_ceil_for_every_small_geometry():
    seen = {"floor": 0, "ceil differs": 0, "too much padding": 0, "refused": 0}
    for n, k, s, p, d in NUMBERS:
        if 2 * p > d * (k - 1) + 1:
            seen["too much padding"] += 1
            with pytest.raises(ArgumentError, match="padding must be at most half of the effective kernel"):
                Geometry.of_pooling((n, 9), (k, 1), (s, 1), (p, 0), (d, 1))
            continue
        floor, overhang = windows_that_fit(n, k, s, p, d), windows_with_overhang(n, k, s, p, d)
        for ceil_mode, expected in ((False, floor), (True, overhang)):
            try:
                geometry = Geometry.of_pooling((n, 9), (k, 3), (s, 2), (p, 1), (d, 1), ceil_mode)
            except ArgumentError as error:
                # Refused only when no window fits, or when one would see nothing but padding.
                seen["refused"] += 1
                blind = d > n and "sees only padding" in str(error)
                assert blind or ("does not fit" in str(error) and floor == 0), (n, k, s, p, d, ceil_mode, str(error))
                continue
            assert geometry.output_size == (expected, 5), (n, k, s, p, d, ceil_mode)
            seen["floor"] += 1
            seen["ceil differs"] += ceil_mode and overhang != floor
    assert all(count > 20 for count in seen.values()), seen


@pytest.mark.case(40)
def test_the_last_ceil_window_starts_inside_the_input_or_its_left_padding():
    assert Geometry.of_pooling((4, 4), 1, 2, 0, 1, True).output_size == (2, 2)
    assert Geometry.of_pooling((4, 4), 2, 2, 1, 1, True).output_size == (3, 3)
    assert Geometry.of_pooling((7, 7), 2, 3, 0, 1, True).output_size == (3, 3)


def test_pooling_stride_defaults_to_the_kernel():
    assert Geometry.of_pooling((12, 15), (3, 5)).stride == (3, 5)
    assert Geometry.of_pooling((12, 15), (3, 5)).output_size == (4, 3)


def test_every_pooling_window_of_an_accepted_geometry_sees_a_pixel():
    for n, k, s, p, d in NUMBERS:
        for ceil_mode in (False, True):
            try:
                geometry = Geometry.of_pooling((n, n), k, s, p, d, ceil_mode)
            except ArgumentError:
                continue
            for i in range(geometry.output_size[0]):
                assert any(0 <= i * s + t * d - p < n for t in range(k)), (n, k, s, p, d, ceil_mode, i)


def test_a_window_may_straddle_the_image_as_long_as_one_tap_lands_on_it():
    # Taps of the two windows along the rows: -2 and 1, then 0 and 3; the image has the rows 0 and 1.
    assert Geometry.of_pooling((2, 9), (2, 1), (2, 1), (2, 0), (3, 1)).output_size == (2, 9)


def test_a_pool_has_no_groups():
    assert Geometry.of_pooling((4, 6), 2).groups == 1


# --- transposed convolution -----------------------------------------------------------------------------------------


def test_transposed_convolution_returns_to_every_input_size_of_the_convolution():
    for n, k, s, p, d in NUMBERS:
        if windows_that_fit(n, k, s, p, d) == 0:
            continue
        forward = Geometry.of_convolution((n, 9), (k, 2), (s, 3), (p, 1), (d, 2), 2)
        back = Geometry.of_transposed_convolution(
            forward.output_size, (k, 2), (s, 3), (p, 1), 0, 2, (d, 2), output_size=(n, 9)
        )
        assert back == forward  # the same relation, whatever is computed from what
        least = (
            Geometry.of_transposed_convolution(
                forward.output_size, (k, 2), (s, 3), (p, 1), groups=2, dilation=(d, 2), output_size=None
            )
            if (forward.output_size[0] - 1) * s - 2 * p + d * (k - 1) >= 0
            else None
        )
        if least is not None:
            extra = (n - least.input_size[0], 9 - least.input_size[1])
            assert (
                Geometry.of_transposed_convolution(forward.output_size, (k, 2), (s, 3), (p, 1), extra, 2, (d, 2))
                == forward
            )


def test_a_transposed_convolution_defaults_to_stride_1_and_no_groups():
    geometry = Geometry.of_transposed_convolution((3, 5), (2, 4))
    assert geometry == Geometry((4, 8), (2, 4), (1, 1), (0, 0), (1, 1), 1, (3, 5))


@pytest.mark.parametrize("extra", [0, 1, 2, 3])
def test_output_padding_chooses_among_the_sizes_that_share_an_output(extra):
    geometry = Geometry.of_transposed_convolution((5, 7), (3, 2), (4, 5), (1, 0), (extra, 4 - extra))
    assert geometry.input_size == (17 + extra, 32 + 4 - extra)
    assert Geometry.of_convolution(geometry.input_size, (3, 2), (4, 5), (1, 0)).output_size == (5, 7)


def test_output_padding_may_exceed_the_stride_up_to_the_dilation():
    geometry = Geometry.of_transposed_convolution((5, 4), 3, stride=1, output_padding=2, dilation=3)
    assert geometry.input_size == (5 - 1 + 7 + 2, 4 - 1 + 7 + 2)
    assert geometry.output_size == (5, 4)
    # No row of the given array reaches the last two: they stay empty.
    reached = {row for k in range(3) for row in range(13)[geometry.tap(0, k)[0]]}
    assert reached == set(range(11))
    wanted = Geometry.of_transposed_convolution((5, 4), 3, stride=1, dilation=3, output_size=(13, 12))
    assert wanted == geometry


def test_the_extra_rows_of_output_padding_receive_contributions():
    geometry = Geometry.of_transposed_convolution(3, 3, stride=2, padding=1, output_padding=1)
    assert geometry.input_size == (6, 6)
    assert 5 in {row for k in range(3) for row in range(6)[geometry.tap(0, k)[0]]}


# --- taps -----------------------------------------------------------------------------------------------------------


@st.composite
def convolutions(draw: st.DrawFn) -> Geometry:
    two = lambda low, high: (draw(st.integers(low, high)), draw(st.integers(low, high)))  # noqa: E731
    kernel, stride, padding, dilation = two(1, 4), two(1, 4), two(0, 4), two(1, 3)
    extra = two(0, 7)
    size = [max(0, dilation[a] * (kernel[a] - 1) + 1 - 2 * padding[a]) + extra[a] for a in (0, 1)]
    return Geometry.of_convolution(tuple(size), kernel, stride, padding, dilation)


@settings(max_examples=300, deadline=None, derandomize=True)
@given(convolutions(), st.integers(0, 6), st.integers(0, 6))
def test_a_tap_lists_exactly_the_positions_that_meet(geometry, first, length):
    for axis in (0, 1):
        size, stop = geometry.input_size[axis], min(first + length, geometry.output_size[axis])
        for k in range(geometry.kernel_size[axis]):
            shift = k * geometry.dilation[axis] - geometry.padding[axis]
            every = [
                (i * geometry.stride[axis] + shift, i)
                for i in range(geometry.output_size[axis])
                if 0 <= i * geometry.stride[axis] + shift < size
            ]
            here, there = geometry.tap(axis, k)
            rows, outputs = range(size)[here], range(geometry.output_size[axis])[there]
            assert list(zip(rows, outputs, strict=True)) == every
            here, there = geometry.tap(axis, k, first, stop)
            rows, outputs = range(size)[here], range(max(stop - first, 0))[there]
            block = [(row, i - first) for row, i in every if first <= i < stop]
            assert list(zip(rows, outputs, strict=True)) == block


@settings(max_examples=300, deadline=None, derandomize=True)
@given(convolutions())
def test_a_window_is_the_same_relation_read_the_other_way(geometry):
    for axis in (0, 1):
        by_tap, by_window = set(), set()
        for k in range(geometry.kernel_size[axis]):
            here, there = geometry.tap(axis, k)
            rows, outputs = range(geometry.input_size[axis])[here], range(geometry.output_size[axis])[there]
            by_tap |= {(row, i, k) for row, i in zip(rows, outputs, strict=True)}
        for i in range(geometry.output_size[axis]):
            here, there = geometry.window(axis, i)
            rows, taps = range(geometry.input_size[axis])[here], range(geometry.kernel_size[axis])[there]
            by_window |= {(row, i, k) for row, k in zip(rows, taps, strict=True)}
        assert by_tap == by_window


def test_derived_numbers():
    geometry = Geometry.of_convolution((10, 13), (3, 2), (2, 3), (1, 0), (2, 4), 5)
    assert geometry.reach == (5, 5)
    assert geometry.output_size == (4, 3)
    assert (geometry.taps, geometry.output_pixels, geometry.input_pixels, geometry.groups) == (6, 12, 130, 5)
    with pytest.raises(dataclasses.FrozenInstanceError):
        geometry.groups = 1  # type: ignore[misc]


# --- errors ---------------------------------------------------------------------------------------------------------


def test_a_kernel_that_does_not_fit_shows_both_sizes_and_where_they_come_from():
    with pytest.raises(ArgumentError) as caught:
        Geometry.of_convolution((2, 9), (3, 2), 1, (1, 0), (2, 1))
    sentence = str(caught.value)
    for part in ("conv2d", "padded input 4x9", "input 2x9", "(1, 0)", "effective kernel 5x2", "kernel 3x2", "(2, 1)"):
        assert part in sentence, (part, sentence)
    with pytest.raises(ArgumentError, match="effective kernel 5x5 "):  # n = 4, k = 3, d = 2, s = 2
        Geometry.of_convolution(4, 3, 2, 0, 2)


@pytest.mark.parametrize(
    ("argument", "value", "error", "content"),
    [
        ("stride", 0, ArgumentError, "conv2d: stride must be between 1 and .*, got 0"),
        ("stride", (2, -1), ArgumentError, "conv2d: stride must be between 1 and .*, got -1"),
        ("stride", None, ArgumentTypeError, "conv2d: stride must be an integer .* got None"),
        ("dilation", 0, ArgumentError, "conv2d: dilation must be between 1 and .*, got 0"),
        ("padding", -1, ArgumentError, "conv2d: padding must be between 0 and .*, got -1"),
        ("padding", 2**31, ArgumentError, f"conv2d: padding must be between 0 and .*, got {2**31}"),
        ("padding", "same", ArgumentTypeError, "conv2d: padding must be an integer .* got 'same'"),
        ("kernel_size", 0, ArgumentError, "conv2d: kernel_size must be between 1 and .*, got 0"),
        ("groups", 0, ArgumentError, "conv2d: groups must be between 1 and .*, got 0"),
        ("groups", True, ArgumentTypeError, "conv2d: groups must be an integer, got True"),
        ("input_size", (8, -1), ArgumentError, "conv2d: input size must be between 0 and .*, got -1"),
    ],
)
def test_every_argument_of_a_convolution_is_checked_by_name(argument, value, error, content):
    arguments = {"input_size": (8, 9), "kernel_size": 3, "stride": 2} | {argument: value}
    with pytest.raises(error, match=content):
        Geometry.of_convolution(**arguments)


def test_the_operation_is_named_as_the_caller_wishes():
    with pytest.raises(ArgumentError, match="^avg_pool2d: stride must be"):
        Geometry.of_pooling(8, 2, 0, name="avg_pool2d")
    with pytest.raises(ArgumentError, match="^unfold: the kernel does not fit"):
        Geometry.of_convolution(2, 3, name="unfold")


def test_an_empty_image_may_be_convolved_but_not_pooled():
    assert Geometry.of_convolution((0, 3), 2, padding=1).output_size == (1, 4)
    with pytest.raises(ArgumentError, match="max_pool2d: input size must be between 1 and .*, got 0"):
        Geometry.of_pooling((0, 3), 2, padding=1)


def test_pooling_errors():
    with pytest.raises(ArgumentError, match=r"got padding \(0, 2\) and effective kernel 2x3; .* at most \(1, 1\)"):
        Geometry.of_pooling((8, 8), (2, 3), 1, (0, 2))
    with pytest.raises(ArgumentError, match=r"effective kernel 4x7; use padding at most \(2, 3\)\."):
        Geometry.of_pooling((8, 8), (4, 7), 1, (0, 4))
    with pytest.raises(ArgumentError, match="the window does not fit: padded input 4x7, effective kernel 5x2"):
        Geometry.of_pooling((2, 5), (5, 2), 1, (1, 1))
    with pytest.raises(
        ArgumentError,
        match=r"^max_pool2d: window 0 sees only padding: its taps are at \[-1, 2\], .* reduce the dilation 3",
    ):
        Geometry.of_pooling((9, 2), 2, 1, (0, 1), (1, 3))


def test_output_padding_must_be_smaller_than_stride_or_dilation():
    with pytest.raises(
        ArgumentError, match=r"got output_padding \(2, 0\), stride \(2, 3\), dilation \(1, 1\); use at most \(1, 2\)"
    ):
        Geometry.of_transposed_convolution((4, 4), 3, (2, 3), 0, (2, 0))
    with pytest.raises(ArgumentError, match="output_padding must be smaller"):
        Geometry.of_transposed_convolution((4, 4), 3, 1, 0, 3, 1, 3)


def test_an_output_size_out_of_reach_lists_the_reachable_ones():
    for size in range(15, 22):
        if 18 <= size <= 20:
            made = Geometry.of_transposed_convolution((6, 6), 3, 3, 0, output_size=(size, 18))
            assert made.input_size == (size, 18)
            continue
        with pytest.raises(ArgumentError, match="choose rows from 18 to 20 and columns from 18 to 20"):
            Geometry.of_transposed_convolution((6, 6), 3, 3, 0, output_size=(size, 18))
    with pytest.raises(ArgumentError, match="choose rows from 11 to 12 and columns from 9 to 11"):
        Geometry.of_transposed_convolution((6, 3), (1, 3), (2, 3), 0, output_size=(13, 9))
    with pytest.raises(ArgumentError, match=r"output_size \(0, 0\) cannot be reached from \(6, 6\)"):
        Geometry.of_transposed_convolution((6, 6), 3, 3, 0, output_size=0)
    with pytest.raises(ArgumentError, match=r"give output_padding \(1, 0\) or output_size \(19, 18\), not both"):
        Geometry.of_transposed_convolution((6, 6), 3, 3, 0, (1, 0), output_size=(19, 18))


@pytest.mark.parametrize("argument", ["output_padding", "output_size"])
def test_what_only_a_transposed_convolution_has_is_checked_by_name(argument):
    with pytest.raises(ArgumentTypeError, match=f"^conv_transpose2d: {argument} must be an integer .* got 1.5"):
        Geometry.of_transposed_convolution((4, 5), 3, 2, **{argument: 1.5})
    with pytest.raises(ArgumentError, match=f"^conv_transpose2d: {argument} must be between 0 and .*, got -1"):
        Geometry.of_transposed_convolution((4, 5), 3, 2, **{argument: (1, -1)})


def test_a_transposed_convolution_must_make_something():
    with pytest.raises(ArgumentError, match="the output would be 0x3 .*input 1x4, kernel 2x2.*; reduce padding"):
        Geometry.of_transposed_convolution((1, 4), 2, 1, 1)
    with pytest.raises(ArgumentError, match="the output would be 2x0 .*input 2x1, kernel 3x4"):
        Geometry.of_transposed_convolution((2, 1), (3, 4), 1, (1, 2))
    with pytest.raises(ArgumentError, match="conv_transpose2d: input size must be between 1"):
        Geometry.of_transposed_convolution((0, 4), 2)


def test_a_geometry_put_together_by_hand_must_be_possible():
    with pytest.raises(ArgumentError, match=r"output size \(9, 1\) does not belong to input size \(8, 8\)"):
        Geometry((8, 8), (1, 1), (1, 1), (0, 0), (1, 1), 1, (9, 1))
    for rows, stride, padding in ((5, 2, 0), (11, 1, 1)):  # the last window starts just behind the (padded) image
        assert Geometry((8, 8), (1, 1), (stride, 1), (padding, 0), (1, 1), 1, (rows - 1, 1))
        with pytest.raises(ArgumentError, match=rf"output size \({rows}, 1\) does not belong"):
            Geometry((8, 8), (1, 1), (stride, 1), (padding, 0), (1, 1), 1, (rows, 1))
    with pytest.raises(ArgumentError, match=r"output size \(0, 1\) does not belong"):
        Geometry((8, 8), (1, 1), (1, 1), (0, 0), (1, 1), 1, (0, 1))


# --- coordinate maps ------------------------------------------------------------------------------------------------


@settings(max_examples=100, deadline=None, derandomize=True)
@given(convolutions(), st.integers(0, 20))
def test_a_map_sends_the_middle_of_a_window_to_its_output_position(geometry, i):
    for axis in (0, 1):
        k, s, p, d = (
            values[axis] for values in (geometry.kernel_size, geometry.stride, geometry.padding, geometry.dilation)
        )
        position = CoordinateMap.of_convolution(k, s, p, d)
        middle = Fraction(sum(i * s + tap * d - p for tap in range(k)), k)
        assert position(middle) == i
        assert CoordinateMap.of_transposed_convolution(k, s, p, d)(i) == middle


def test_maps_compose_invert_and_crop():
    first, second = CoordinateMap.of_convolution(3, 2, 1), CoordinateMap.of_convolution(4, 3, 0, 2)
    third = CoordinateMap.of_crop(5)
    for position in (0, 7, Fraction(2, 3)):
        assert first.then(second)(position) == second(first(position))
        assert first.inverse()(first(position)) == position
        assert third(position) == position - 5
    assert first.then(second).then(third) == first.then(second.then(third))
    assert first.then(first.inverse()) == CoordinateMap() == first.inverse().then(first)


def test_a_layer_moves_by_one_pixel_at_a_time_unless_told_otherwise():
    assert CoordinateMap.of_convolution(4) == CoordinateMap(Fraction(1), Fraction(-3, 2))
    assert CoordinateMap.of_transposed_convolution(4) == CoordinateMap(Fraction(1), Fraction(3, 2))


CONV = CoordinateMap.of_convolution
UP = CoordinateMap.of_transposed_convolution


def chain(*layers: CoordinateMap) -> CoordinateMap:
    position = CoordinateMap()
    for layer in layers:
        position = position.then(layer)
    return position


def vgg(pad: int, head_pad: int) -> tuple[CoordinateMap, CoordinateMap, CoordinateMap]:
    """The maps of pool3, pool4 and score_fr, layer by layer: convolutions of 3 with padding 1, the first one `pad`."""
    convolution, pool = CONV(3, 1, 1), CONV(2, 2)
    pool3 = chain(CONV(3, 1, pad), convolution, pool, *[convolution] * 2, pool, *[convolution] * 3, pool)
    pool4 = chain(pool3, *[convolution] * 3, pool)
    return pool3, pool4, chain(pool4, *[convolution] * 3, pool, CONV(7, 1, head_pad), CONV(1), CONV(1))


IMAGE = CoordinateMap()


def test_fcn_vgg_offsets_of_the_reference_networks():
    pool3, pool4, score = vgg(pad=100, head_pad=0)
    assert score == CoordinateMap(Fraction(1, 32), Fraction(-25, 64))
    assert crop_offset(score.then(UP(64, 32)), IMAGE) == 19

    up2 = score.then(UP(4, 2))
    assert crop_offset(pool4, up2) == 5
    fused4 = pool4.then(CoordinateMap.of_crop(5))
    assert fused4 == up2
    assert crop_offset(fused4.then(UP(32, 16)), IMAGE) == 27

    up_pool4 = fused4.then(UP(4, 2))
    assert crop_offset(pool3, up_pool4) == 9
    fused3 = pool3.then(CoordinateMap.of_crop(9))
    assert crop_offset(fused3.then(UP(16, 8)), IMAGE) == 31


@pytest.mark.parametrize("pad", [81, 90, 97, 100, 131])
def test_vgg_offsets_for_any_first_padding(pad):
    pool3, pool4, score = vgg(pad, 0)
    up2 = score.then(UP(4, 2))
    up4 = up2.then(UP(4, 2))
    assert crop_offset(score.then(UP(64, 32)), IMAGE) == pad - 81
    assert crop_offset(up2.then(UP(32, 16)), IMAGE) == pad - 73
    assert crop_offset(up4.then(UP(16, 8)), IMAGE) == pad - 69
    assert (crop_offset(pool4, up2), crop_offset(pool3, up4)) == (5, 9)


def test_fcn_vgg_offsets_of_the_compact_variant():
    pool3, pool4, score = vgg(pad=1, head_pad=3)
    assert crop_offset(score.then(UP(64, 32)), IMAGE) == 16
    assert crop_offset(score.then(UP(4, 2)), pool4) == 1  # here the upsampled score is the larger one
    assert crop_offset(pool4.then(UP(32, 16)), IMAGE) == 8
    assert crop_offset(pool4.then(UP(4, 2)), pool3) == 1
    assert crop_offset(pool3.then(UP(16, 8)), IMAGE) == 4
    # The crop can be done by the padding of the upsampling instead.
    assert score.then(UP(64, 32, 16)) == IMAGE
    assert score.then(UP(4, 2, 1)) == pool4
    assert pool3.then(UP(16, 8, 4)) == IMAGE


def alexnet(pad: int = 100) -> CoordinateMap:
    pool = CONV(3, 2)
    return chain(CONV(11, 4, pad), pool, CONV(5, 1, 2), pool, *[CONV(3, 1, 1)] * 3, pool, CONV(6), CONV(1), CONV(1))


def googlenet(pad: int = 3, last_pool: int = 3) -> tuple[CoordinateMap, CoordinateMap, CoordinateMap]:
    """Maps of inception 3b, 4e and 5b. All branches of an inception agree; the one of 5 with padding 2 stands here."""
    pool, inception = CONV(3, 2), CONV(5, 1, 2)
    assert inception == CONV(3, 1, 1) == CONV(1) == CoordinateMap()
    first = chain(CONV(7, 2, pad), pool, CONV(1), CONV(3, 1, 1), pool, inception, inception)
    second = chain(first, pool, *[inception] * 5)
    return first, second, chain(second, CONV(last_pool, 2), inception, inception)


def test_fcn_alexnet_offset():
    assert alexnet() == CoordinateMap(Fraction(1, 32), Fraction(-13, 32))
    assert crop_offset(alexnet().then(UP(63, 32)), IMAGE) == 18


def test_fcn_googlenet_offsets():
    inception3, inception4, inception5 = googlenet()
    assert crop_offset(inception5.then(UP(63, 32)), IMAGE) == 1
    assert crop_offset(googlenet(pad=100)[2].then(UP(63, 32)), IMAGE) == 98
    assert crop_offset(googlenet(last_pool=2)[2].then(UP(63, 32)), IMAGE) == 9  # torchvision's has a pool4 of 2x2
    up2 = inception5.then(UP(3, 2))
    assert crop_offset(inception4, up2) == 0
    assert crop_offset(inception4.then(UP(31, 16)), IMAGE) == 1
    assert crop_offset(inception3, inception4.then(UP(3, 2))) == 0
    assert crop_offset(inception3.then(UP(15, 8)), IMAGE) == 1


def test_the_wrong_parity_of_the_upsampling_kernel_is_refused():
    with pytest.raises(ArgumentError, match=r"the offset 37/2 is not an integer .*change the parity"):
        crop_offset(vgg(100, 0)[2].then(UP(63, 32)), IMAGE)
    with pytest.raises(ArgumentError, match="the offset 37/2 is not an integer"):
        crop_offset(alexnet().then(UP(64, 32)), IMAGE)
    with pytest.raises(ArgumentError, match="the offset 3/2 is not an integer"):
        crop_offset(googlenet()[2].then(UP(64, 32)), IMAGE)
    with pytest.raises(ArgumentError, match="is not an integer"):
        crop_offset(googlenet()[1], googlenet()[2].then(UP(4, 2)))


def test_a_negative_offset_and_different_scales_are_refused_with_the_numbers():
    with pytest.raises(ArgumentError, match="the offset -1 is negative .*increase the padding of the first layer"):
        crop_offset(vgg(80, 0)[2].then(UP(64, 32)), IMAGE)
    with pytest.raises(ArgumentError, match="the scales differ: 1/16 and 1/32"):
        crop_offset(vgg(100, 0)[1], vgg(100, 0)[2])


def test_half_of_the_excess_is_not_the_offset():
    up = 568  # of an image of 500 rows, from the table below
    assert (up - 500) // 2 == 34 != 31


# --- sizes of the networks ------------------------------------------------------------------------------------------


def through(size: int, *layers: tuple[str, int, int, int], ceil_mode: bool = True) -> list[int]:
    """The size after each layer (kind, kernel, stride, padding), along one axis; the other one is 1."""
    sizes = []
    for kind, kernel, stride, padding in layers:
        k, s, p = (kernel, 1), (stride, 1), (padding, 0)
        if kind == "conv":
            size = Geometry.of_convolution((size, 1), k, s, p).output_size[0]
        elif kind == "pool":
            size = Geometry.of_pooling((size, 1), k, s, p, 1, ceil_mode).output_size[0]
        else:
            size = Geometry.of_transposed_convolution((size, 1), k, s, p).input_size[0]
        sizes.append(size)
    return sizes


def vgg_sizes(size: int, ceil_mode: bool = True) -> tuple[int, int, int]:
    """Sizes of pool3, pool4 and score_fr with padding 100; the other convolutions keep the size."""
    pool = ("pool", 2, 2, 0)
    layers = ("conv", 3, 1, 100), ("conv", 3, 1, 1), pool, pool, pool, pool, pool, ("conv", 7, 1, 0)
    _, _, _, _, pool3, pool4, _, score = through(size, *layers, ceil_mode=ceil_mode)
    return pool3, pool4, score


@pytest.mark.parametrize(
    ("size", "pool3", "pool4", "score", "up32", "up2", "up4", "up8", "alexnet_score", "inception_5b"),
    [
        (224, 53, 27, 8, 288, 18, 38, 312, 8, 7),
        (360, 70, 35, 12, 416, 26, 54, 440, 12, 11),
        (480, 85, 43, 16, 544, 34, 70, 568, 16, 15),
        (500, 88, 44, 16, 544, 34, 70, 568, 16, 15),
        (512, 89, 45, 17, 576, 36, 74, 600, 17, 16),
    ],
)
def test_sizes_of_the_reference_networks(size, pool3, pool4, score, up32, up2, up4, up8, alexnet_score, inception_5b):
    assert vgg_sizes(size) == (pool3, pool4, score)
    assert through(score, ("up", 64, 32, 0)) == [up32]
    assert through(score, ("up", 4, 2, 0), ("up", 4, 2, 0), ("up", 16, 8, 0)) == [up2, up4, up8]
    pool = ("pool", 3, 2, 0)
    layers = ("conv", 11, 4, 100), pool, ("conv", 5, 1, 2), pool, ("conv", 3, 1, 1), pool, ("conv", 6, 1, 0)
    assert through(size, *layers)[-1] == alexnet_score
    assert through(size, ("conv", 7, 2, 3), pool, pool, pool, pool)[-1] == inception_5b


def test_ceil_pooling_covers_every_image_and_floor_pooling_does_not():
    """Of the sizes 1 to 1500, how many leave the upsampled score short of the image after the crop."""
    short = dict.fromkeys(itertools.product((True, False), (32, 16, 8)), 0)
    for ceil_mode, size in itertools.product((True, False), range(1, 1501)):
        try:
            score = vgg_sizes(size, ceil_mode)[2]
        except ArgumentError:  # with floor pooling, nothing is left for fc6 of an image below 26 pixels
            assert size < 26 and not ceil_mode
            score = None
        heads = {
            32: (19, [("up", 64, 32, 0)]),
            16: (27, [("up", 4, 2, 0), ("up", 32, 16, 0)]),
            8: (31, [("up", 4, 2, 0), ("up", 4, 2, 0), ("up", 16, 8, 0)]),
        }
        for stride, (offset, layers) in heads.items():
            short[ceil_mode, stride] += score is None or through(score, *layers)[-1] < offset + size
    assert [short[True, stride] for stride in (32, 16, 8)] == [0, 0, 0]
    assert [short[False, stride] for stride in (32, 16, 8)] == [577, 209, 25]
