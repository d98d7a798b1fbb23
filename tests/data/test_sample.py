"""What a sample must be, and the checks of numbers and sizes that all of data shares."""

from __future__ import annotations

import numpy as np
import pytest

from minifcn.data import VOID, Sample, check_sample
from minifcn.data.sample import index_in, integer_in, size_of
from minifcn.errors import ArgumentError, ArgumentTypeError, FileError


def sample(image=(5, 7, 3), label=(5, 7), image_dtype=np.uint8, label_dtype=np.uint8, value=0) -> Sample:
    return Sample(np.zeros(image, image_dtype), np.full(label, value, label_dtype), "yard/a.png")


def test_a_good_sample_comes_back_as_it_is():
    good = sample(value=VOID)
    good.label[0, 0] = 3
    assert check_sample(good, 4) is good
    assert good.size == (5, 7)


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        (sample(image=(5, 7)), r"yard/a.png: the image is uint8 \(5, 7\); it must be uint8 of shape \(H, W, 3\)"),
        (sample(image=(3, 5, 7)), r"image is uint8 \(3, 5, 7\)"),
        (sample(image=(5, 7, 4)), r"image is uint8 \(5, 7, 4\)"),
        (sample(image_dtype=np.float32), r"image is float32 \(5, 7, 3\)"),
        (sample(label=(5, 7, 3)), r"yard/a.png: the label is uint8 \(5, 7, 3\); it must be uint8 of shape \(H, W\)"),
        (sample(label_dtype=np.int64), r"label is int64 \(5, 7\)"),
        (sample(label=(7, 5)), r"the image is 5x7 but its label is 7x5 \(height x width\)"),
        (sample(image=(0, 7, 3), label=(0, 7)), r"the image is empty \(0x7\)"),
        (sample(value=4), r"yard/a.png: the label holds value 4, but the 4 classes are 0..3 and 255 is void"),
        (sample(value=254), r"the label holds value 254,"),
    ],
)
def test_a_bad_sample_is_named_with_what_is_wrong(bad, said):
    with pytest.raises(FileError, match=said):
        check_sample(bad, 4)


def test_many_bad_values_are_counted():
    bad = sample(label=(5, 7))
    bad.label.ravel()[:20] = np.arange(20)
    with pytest.raises(FileError, match=r"holds values 4, 5, 6, 7, 8, 9, 10, 11, ... \(16 in all\), but"):
        check_sample(bad, 4)


def test_an_index_counts_from_both_ends():
    assert [index_in(i, 3, "X") for i in (0, 2, -1, np.int64(-3))] == [0, 2, 2, 0]
    for beyond in (3, -4):
        with pytest.raises(IndexError, match=rf"X: sample {beyond} does not exist; there are 3 \(0..2\)"):
            index_in(beyond, 3, "X")
    with pytest.raises(ArgumentTypeError, match=r"asked for by an integer, not by 1.0"):
        index_in(1.0, 3, "X")


def test_numbers_and_sizes_are_checked():
    assert integer_in(np.int32(5), "n", 1, 9) == 5
    assert type(integer_in(np.int32(5), "n", 1, 9)) is int
    assert size_of([np.int64(4), 6], "s") == (4, 6)
    with pytest.raises(ArgumentTypeError, match="n must be an integer, not True"):
        integer_in(True, "n", 0, 9)
    with pytest.raises(ArgumentError, match="n is 10; it must be between 1 and 9"):
        integer_in(10, "n", 1, 9)
    with pytest.raises(ArgumentTypeError, match=r"s must be a pair \(height, width\), not 5"):
        size_of(5, "s")
    with pytest.raises(ArgumentTypeError, match="not '180x240'"):
        size_of("180x240", "s")
    with pytest.raises(ArgumentError, match="s: the width is 0; it must be between 1 and"):
        size_of((3, 0), "s")
    with pytest.raises(ArgumentTypeError, match="s: the height must be an integer, not 3.5"):
        size_of((3.5, 4), "s")
