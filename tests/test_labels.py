"""What is no label, and where regions meet: for every dtype, and on every array module."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from minifcn.labels import VOID, first_of, outside, seams, values_of
from minifcn.machine.backend import to_numpy

MAPS = hnp.arrays(
    st.sampled_from([np.int8, np.uint8]), hnp.array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=6)
)


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.int32, np.int64, np.uint64])
def test_outside_are_the_values_of_no_class_that_are_not_ignored(dtype, xp):
    labels = xp.asarray(np.array([[0, 2, 3], [VOID, 7, 1]], dtype))
    assert to_numpy(outside(labels, 3)).tolist() == [[False, False, True], [False, True, False]]
    assert to_numpy(outside(labels, 3, ignore=7)).tolist() == [[False, False, True], [True, False, False]]
    assert to_numpy(outside(labels, 3, ignore=None)).tolist() == [[False, False, True], [True, True, False]]


def test_negative_labels_are_outside_unless_ignored(xp):
    labels = xp.asarray(np.array([-1, 0, -100], np.int64))
    assert to_numpy(outside(labels, 1)).tolist() == [True, False, True]
    assert to_numpy(outside(labels, 1, ignore=-100)).tolist() == [True, False, False]


def test_values_are_named_in_order_and_the_first_of_them_only():
    values = values_of(np.array([[9, 3], [3, 250]], np.uint8))
    assert values == [3, 9, 250] and all(type(value) is int for value in values)
    assert values_of(np.zeros(0, np.uint8)) == []
    assert first_of(values) == "3, 9, 250"
    assert first_of(range(5)) == "0, 1, 2, 3, 4"
    assert first_of(range(6)) == "0, 1, 2, 3, 4, ..."
    assert first_of(values, 1) == "3, ..."


@given(MAPS)
def test_a_seam_runs_on_the_lower_side_of_every_border(height):
    H, W = height.shape
    for i, j in np.ndindex(H, W):
        beside = [(i - 1, j), (i + 1, j), (i, j - 1), (i, j + 1)]
        higher = [height[a, b] > height[i, j] for a, b in beside if 0 <= a < H and 0 <= b < W]
        assert seams(height)[i, j] == any(higher)
