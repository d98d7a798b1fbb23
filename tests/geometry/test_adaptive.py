"""Adaptive windows: the first and the last pixel are seen, no pixel is left out, and none is seen by more than it must."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise
from math import ceil, floor

from hypothesis import given
from hypothesis import strategies as st

from minifcn.geometry.adaptive import adaptive_windows


@given(st.integers(1, 40), st.integers(1, 60))
def test_a_window_sees_the_pixels_that_its_part_touches(size, count):
    windows = adaptive_windows(size, count)
    part = Fraction(size, count)
    assert windows == [(floor(i * part), ceil((i + 1) * part)) for i in range(count)]
    assert windows[0][0] == 0 and windows[-1][1] == size
    assert all(after[0] <= before[1] <= after[0] + 1 for before, after in pairwise(windows))
    lengths = {end - first for first, end in windows}
    assert max(lengths) - min(lengths) <= 1 <= min(lengths)


def test_by_hand():
    assert adaptive_windows(6, 3) == [(0, 2), (2, 4), (4, 6)]
    assert adaptive_windows(5, 2) == [(0, 3), (2, 5)]
    assert adaptive_windows(2, 3) == [(0, 1), (0, 2), (1, 2)]
    assert adaptive_windows(7, 1) == [(0, 7)]
