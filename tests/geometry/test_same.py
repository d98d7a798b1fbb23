"""Padding by name: the zeros before and after, and what is refused."""

from __future__ import annotations

import pytest
from hypothesis import given

from minifcn.errors import ArgumentError, ArgumentTypeError
from minifcn.geometry.same import named_padding
from tests.strategies import pairs


@given(pairs(1, 9), pairs(1, 9), pairs(1, 4))
def test_same_keeps_the_size_and_the_end_has_at_most_one_more(size, kernel, dilation):
    before, after = named_padding("conv2d", "same", kernel, 1, dilation)
    for a in (0, 1):
        assert size[a] + before[a] + after[a] - dilation[a] * (kernel[a] - 1) == size[a]
        assert after[a] - before[a] == dilation[a] * (kernel[a] - 1) % 2


@given(pairs(1, 9), pairs(1, 4))
def test_valid_pads_nothing_at_every_stride(kernel, stride):
    assert named_padding("conv2d", "valid", kernel, stride, 1) == ((0, 0), (0, 0))


def test_what_is_refused():
    with pytest.raises(ArgumentError) as caught:
        named_padding("here", "same", (3, 4), (1, 2), (1, 3))
    assert str(caught.value) == (
        'here: padding "same" keeps the size at stride 1 only, got stride (1, 2); pass a number, such as padding (1, 4).'
    )
    with pytest.raises(ArgumentTypeError) as told:
        named_padding("here", "full", 3, 1, 1)
    assert str(told.value) == (
        "here: padding must be an integer or a pair of integers, got 'full' (str), which is neither "
        '"same" nor "valid".'
    )
    for kernel, dilation, said in (
        (0, 1, "here: kernel_size must be between 1"),
        (3, 0, "here: dilation must be between"),
    ):
        with pytest.raises(ArgumentError, match=said):
            named_padding("here", "same", kernel, 1, dilation)
    with pytest.raises(ArgumentError, match="here: stride must be between 1"):
        named_padding("here", "same", 3, 0, 1)
