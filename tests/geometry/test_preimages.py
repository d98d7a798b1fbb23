"""Preimages of a size: every small window against the convolution itself, and what they are for."""

from __future__ import annotations

import itertools

import pytest

import minifcn
from minifcn import Geometry, preimages
from minifcn.arguments import LARGEST_SIZE
from minifcn.errors import ArgumentError, ArgumentTypeError


def made(size, kernel, stride, padding, dilation):
    """What conv2d makes of `size`; None if it refuses it."""
    try:
        return Geometry.of_convolution((size, 1), (kernel, 1), (stride, 1), (padding, 0), (dilation, 1)).output_size[0]
    except ArgumentError:
        return None


def test_a_size_is_a_preimage_if_and_only_if_it_becomes_the_size():
    """An image of 0 rows counts, too: where its padding alone makes windows, conv2d takes it."""
    for window in itertools.product((1, 2, 3, 5), (1, 2, 3), (0, 1, 3), (1, 2)):
        becomes = {size: made(size, *window) for size in range(30)}
        for wanted in range(1, 6):
            expected = [size for size, result in becomes.items() if result == wanted]
            assert list(preimages(wanted, *window)) == expected, window


def test_sixteen_is_not_alone():
    """A stride of 3 maps 16, 17 and 18 to 6: what the textbook's pair of layers restores is only the first of them."""
    assert list(preimages(6, kernel_size=5, stride=3, padding=2)) == [16, 17, 18]
    for extra, size in enumerate(preimages(6, 5, 3, 2)):
        back = Geometry.of_transposed_convolution((6, 6), 5, 3, 2, extra)
        assert back.input_size == (size, size)


def test_padding_alone_may_make_more_windows_than_that():
    assert preimages(1, kernel_size=1, padding=3) == range(0)
    assert list(preimages(7, kernel_size=1, padding=3)) == [1]
    assert list(preimages(2, kernel_size=1, stride=3, padding=2)) == [0, 1, 2]
    assert list(preimages(1, kernel_size=3, stride=4, padding=2)) == [0, 1, 2]


def test_no_size_is_larger_than_what_is_taken_for_one():
    assert list(preimages(LARGEST_SIZE, 1)) == [LARGEST_SIZE]
    assert list(preimages(LARGEST_SIZE - 1, 2, stride=1)) == [LARGEST_SIZE]
    assert list(preimages(2**30, 1, stride=2)) == [LARGEST_SIZE]
    assert len(preimages(LARGEST_SIZE, 3)) == len(preimages(2, 2**30, 2**31 - 1, 0)) == 0


def test_numbers_that_are_none_are_refused_by_name():
    for options, error, start in (
        ({"size": 0, "kernel_size": 3}, ArgumentError, "preimages: size must be between 1"),
        ({"size": 3, "kernel_size": 0}, ArgumentError, "preimages: kernel_size must be between 1"),
        ({"size": 3, "kernel_size": 3, "stride": 0}, ArgumentError, "preimages: stride must be between 1"),
        ({"size": 3, "kernel_size": 3, "padding": -1}, ArgumentError, "preimages: padding must be between 0"),
        ({"size": 3, "kernel_size": 3, "dilation": 0}, ArgumentError, "preimages: dilation must be between 1"),
        ({"size": (3, 3), "kernel_size": 3}, ArgumentTypeError, "preimages: size must be an integer, got (3, 3)"),
    ):
        with pytest.raises(error) as caught:
            minifcn.preimages(**options)
        assert str(caught.value).startswith(start)
