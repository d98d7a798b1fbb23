"""Every refusal of a geometry, the whole sentence: who refuses, the values, the limits, the remedy."""

from __future__ import annotations

import pytest

from minifcn.arguments import LARGEST_SIZE, integer
from minifcn.errors import ArgumentError, ArgumentTypeError
from minifcn.geometry import Geometry

CONVOLUTION, TRANSPOSED, POOLING = (
    Geometry.of_convolution,
    Geometry.of_transposed_convolution,
    Geometry.of_pooling,
)
BEYOND = f"here: output size must be between 1 and {LARGEST_SIZE}, got "

REFUSED = {
    "convolution: rows": (
        CONVOLUTION, ((5, 17), (9, 3)), {"stride": (2, 3), "padding": (1, 2), "dilation": (3, 2)},
        "here: the kernel does not fit: padded input 7x21 (input 5x17, padding (1, 2)), effective kernel 25x5 (kernel "
        "9x3, dilation (3, 2)); increase padding or reduce the kernel or its dilation.",
    ),
    "convolution: columns": (
        CONVOLUTION, ((15, 2), (3, 9)), {"padding": (1, 3), "dilation": (1, 1)},
        "here: the kernel does not fit: padded input 17x8 (input 15x2, padding (1, 3)), effective kernel 3x9 (kernel "
        "3x9, dilation (1, 1)); increase padding or reduce the kernel or its dilation.",
    ),
    "convolution: groups": (
        CONVOLUTION, ((5, 7), 3), {"groups": 0}, f"here: groups must be between 1 and {LARGEST_SIZE}, got 0.",
    ),
    "convolution: vast": (
        CONVOLUTION, ((LARGEST_SIZE, 1), 1), {"padding": (1, 0)}, f"{BEYOND}{LARGEST_SIZE + 2}.",
    ),
    "transposed: groups": (
        TRANSPOSED, ((5, 7), 3), {"groups": 0}, f"here: groups must be between 1 and {LARGEST_SIZE}, got 0.",
    ),
    "transposed: said twice": (
        TRANSPOSED, ((5, 7), 3), {"stride": 2, "output_padding": (1, 0), "output_size": (12, 15)},
        "here: give output_padding (1, 0) or output_size (12, 15), not both.",
    ),
    "transposed: out of reach": (
        TRANSPOSED, ((5, 7), (3, 4)), {"stride": (2, 3), "output_size": (13, 22)},
        "here: output_size (13, 22) cannot be reached from (5, 7); choose rows from 11 to 12 and columns from 22 to 24.",
    ),
    "transposed: output_padding": (
        TRANSPOSED, ((5, 7), 3), {"stride": (2, 3), "dilation": (1, 4), "output_padding": (2, 3)},
        "here: output_padding must be smaller than either stride or dilation, got output_padding (2, 3), stride (2, 3), "
        "dilation (1, 4); use at most (1, 3).",
    ),
    "transposed: nothing left": (
        TRANSPOSED, ((2, 3), (3, 2)), {"stride": (1, 2), "padding": (2, 0), "dilation": (1, 3)},
        "here: the output would be 0x8 (input 2x3, kernel 3x2, stride (1, 2), padding (2, 0), dilation (1, 3)); reduce "
        "padding.",
    ),
    "transposed: vast": (
        TRANSPOSED, ((LARGEST_SIZE, 1), 2), {}, f"{BEYOND}{LARGEST_SIZE + 1}.",
    ),
    "pooling: padding": (
        POOLING, ((5, 7), (3, 5)), {"padding": (1, 3)},
        "here: padding must be at most half of the effective kernel, got padding (1, 3) and effective kernel 3x5; use "
        "padding at most (1, 2).",
    ),
    "pooling: too small": (
        POOLING, ((3, 9), (6, 2)), {"padding": (1, 0)},
        "here: the window does not fit: padded input 5x9, effective kernel 6x2; increase padding, reduce the kernel or "
        "use ceil_mode.",
    ),
    "pooling: too small in ceil mode": (
        POOLING, ((2, 9), (7, 2)), {"stride": (2, 1), "ceil_mode": True},
        "here: the window does not fit: padded input 2x9, effective kernel 7x2; increase padding, reduce the kernel or "
        "increase the stride.",
    ),
    "pooling: blind": (
        POOLING, ((9, 2), (2, 2)), {"stride": 1, "padding": (0, 1), "dilation": (1, 3)},
        "here: window 0 sees only padding: its taps are at [-1, 2], the input is 2 long; reduce the dilation 3 to at "
        "most 2 or the padding 1.",
    ),
    "pooling: vast": (
        POOLING, ((LARGEST_SIZE, 2), (2, 2)), {"stride": 1, "padding": (1, 0)}, f"{BEYOND}{LARGEST_SIZE + 1}.",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_a_refusal_says_who_what_and_what_to_do(case):
    made, arguments, named, sentence = REFUSED[case]
    with pytest.raises(ArgumentError) as caught:
        made(*arguments, **named, name="here")
    assert str(caught.value) == sentence


def test_padding_in_words_is_refused_with_what_to_write_instead():
    with pytest.raises(ArgumentTypeError) as caught:
        CONVOLUTION((5, 7), 3, padding="same", name="here")
    assert str(caught.value) == (
        "here: padding must be an integer or a pair of integers, got 'same'; dilation·(k − 1)/2 keeps the size at stride "
        "1 if the kernel size k is odd, for an even one extend one side first with functional.pad."
    )


def test_sizes_that_do_not_belong_together_are_refused_with_all_numbers():
    with pytest.raises(ArgumentError) as caught:
        Geometry((8, 9), (1, 3), (2, 4), (0, 1), (5, 6), 1, (9, 1))
    assert str(caught.value) == (
        "output size (9, 1) does not belong to input size (8, 9) with kernel (1, 3), stride (2, 4), padding (0, 1), "
        "dilation (5, 6); build the geometry with of_convolution, of_transposed_convolution or of_pooling."
    )


def test_what_is_not_said_is_the_usual():
    assert CONVOLUTION((5, 7), (2, 3)) == Geometry((5, 7), (2, 3), (1, 1), (0, 0), (1, 1), 1, (4, 5))
    assert TRANSPOSED((4, 5), (2, 3)) == Geometry((5, 7), (2, 3), (1, 1), (0, 0), (1, 1), 1, (4, 5))
    assert POOLING((5, 8), (2, 3)) == Geometry((5, 8), (2, 3), (2, 3), (0, 0), (1, 1), 1, (2, 2))


def test_a_dilation_as_large_as_the_image_sees_it():
    """Taps three apart over an image of three rows: one of two neighbours always lies inside."""
    assert POOLING((3, 3), 2, stride=1, padding=1, dilation=3).output_size == (2, 2)


def test_what_is_no_integer_is_told_with_its_type():
    with pytest.raises(ArgumentTypeError) as caught:
        integer(1.5, "stride", 1)
    assert str(caught.value) == "stride must be an integer, got 1.5 (float)."
