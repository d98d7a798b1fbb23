"""What counts as a number, what as a whole one, as a flag and as one of some words; `integer` and `pair` are asked in geometry/test_window.py."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest

from minifcn.arguments import choice, flag, number, probability, real_number, whole_number
from minifcn.errors import ArgumentError, ArgumentTypeError

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


# --- with the name of the argument --------------------------------------------------------------------------------------


@pytest.mark.parametrize("value", [2, 2.0, np.float32(2), np.int8(2), Fraction(2)])
def test_numbers_in_range_become_plain_floats(value):
    assert number(value, "f: x", 0, 2) == 2.0 and type(number(value, "f: x")) is float


def test_infinity_and_nan_are_taken_where_they_have_a_meaning():
    assert number(math.inf, "f: x", finite=False) == math.inf
    assert math.isnan(number(math.nan, "f: x", finite=False))
    for value in (math.inf, -math.inf, math.nan):
        with pytest.raises(ArgumentError, match=f"^f: x must be finite, got {value}.$"):
            number(value, "f: x")


@pytest.mark.parametrize("value", NO_NUMBERS)
def test_what_is_no_number_is_refused_with_its_kind(value):
    with pytest.raises(ArgumentTypeError, match=rf"^f: x must be a number, got .* \({type(value).__name__}\)\.$"):
        number(value, "f: x")
    with pytest.raises(ArgumentError, match="^f: p must be a probability between 0 and 1, got "):
        probability(value, "f: p")


def test_numbers_out_of_range_are_refused_with_the_limits():
    with pytest.raises(ArgumentError, match=r"^f: x must be at least 0, got -1\.$"):
        number(-1, "f: x", 0)
    for value in (-0.5, 1.5):
        with pytest.raises(ArgumentError, match=rf"^f: x must be between 0 and 1, got {value}\.$"):
            number(value, "f: x", 0, 1)
        with pytest.raises(ArgumentError, match=rf"^f: p must be a probability between 0 and 1, got {value}\.$"):
            probability(value, "f: p")
    assert probability(np.float32(1), "f: p") == 1.0


def test_only_truth_values_are_flags():
    assert flag(True, "f: x") is flag(np.True_, "f: x") is True and flag(np.False_, "f: x") is False
    for value in (0, 1, None, "no", [True], np.array([True])):
        with pytest.raises(ArgumentTypeError, match=r"^f: x must be True or False, got "):
            flag(value, "f: x")


def test_a_choice_is_one_of_the_words():
    assert choice("sum", "f: reduction", ("mean", "sum", "none")) == "sum"
    for value in ("average", None, ["sum"], 1):
        with pytest.raises(ArgumentError, match='^f: reduction .* is unknown; use "mean", "sum" or "none".$'):
            choice(value, "f: reduction", ("mean", "sum", "none"))
