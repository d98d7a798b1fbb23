"""What counts as a number, and what as a whole one; `integer` and `pair` are asked in geometry/test_window.py."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest

from minifcn.arguments import real_number, whole_number

NO_NUMBERS = [True, np.True_, "3", None, [3], 1j, np.zeros(2, int)]


@pytest.mark.parametrize("value", [3, np.int8(3), np.uint64(3), np.array(3)])
def test_whole_numbers_become_plain_integers(value):
    assert whole_number(value) == 3 and type(whole_number(value)) is int


@pytest.mark.parametrize("value", [*NO_NUMBERS, 3.0, np.float32(3), Fraction(3)])
def test_what_is_no_whole_number(value):
    assert whole_number(value) is None


@pytest.mark.parametrize("value", [0.5, np.float32(0.5), np.float64(0.5), Fraction(1, 2)])
def test_real_numbers_become_plain_floats(value):
    assert real_number(value) == 0.5 and type(real_number(value)) is float


def test_a_number_may_be_whole_or_beyond_all_floats():
    assert real_number(3) == real_number(np.int8(3)) == 3.0
    assert real_number(10**400) == math.inf and real_number(-(10**400)) == -math.inf
    assert math.isnan(real_number(np.float32(math.nan)))


@pytest.mark.parametrize("value", NO_NUMBERS)
def test_what_is_no_number(value):
    assert real_number(value) is None
