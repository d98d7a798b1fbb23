"""x·Φ(x) and its slope against math.erfc, and the coefficients against their integral."""

from __future__ import annotations

import math

import numpy as np
import pytest

from minifcn.arrays import normal
from tests.onto import close, equal, get

POINTS = np.concatenate([np.linspace(-36, 9, 4001), [0.0, -0.0, 1e-300, -1e-300, 1e-8, -1e-8, 1e6]])


def gelu(x: float) -> float:
    return x * math.erfc(-x / math.sqrt(2)) / 2


def slope(x: float) -> float:
    return math.erfc(-x / math.sqrt(2)) / 2 + x * math.exp(-x * x / 2) / math.sqrt(2 * math.pi)


def terms(x: float) -> float:
    """What the slope adds up, without signs: far to the left both terms nearly cancel."""
    return math.erfc(-x / math.sqrt(2)) / 2 + abs(x) * math.exp(-x * x / 2) / math.sqrt(2 * math.pi)


def test_double_precision_is_right_to_the_last_digits_however_far_out(xp):
    """x²/2 in the exponent (on a GPU x/√2) is rounded, so digits are lost as x² grows, and no others."""
    unit = (16 + 3 * POINTS**2) * 2.0**-52
    expected = np.array([gelu(x) for x in POINTS])
    assert (np.abs(get(normal.gelu(xp.asarray(POINTS))) - expected) <= unit * np.abs(expected)).all()
    error = np.abs(get(normal.gelu_slope(xp.asarray(POINTS))) - np.array([slope(x) for x in POINTS]))
    assert (error <= unit * np.array([terms(x) for x in POINTS])).all()


def test_single_precision(xp):
    x = POINTS[(POINTS > -12.5) & (np.abs(POINTS) > 1e-30)].astype(
        np.float32
    )  # elsewhere results are no normal numbers
    unit, expected = (16 + 3 * x.astype(float) ** 2) * 2.0**-24, np.array([gelu(float(v)) for v in x])
    found = get(normal.gelu(xp.asarray(x)))
    assert found.dtype == np.float32
    assert (np.abs(found - expected) <= unit * np.abs(expected)).all()
    error = np.abs(get(normal.gelu_slope(xp.asarray(x))) - np.array([slope(float(v)) for v in x]))
    assert (error <= unit * np.array([terms(float(v)) for v in x])).all()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_far_out_and_what_is_no_number(dtype, xp):
    x = xp.asarray(np.array([-1e15, -50.0, 0.0, 50.0, 1e15, np.nan], dtype))
    equal(normal.gelu(x), np.array([0, 0, 0, 50, 1e15, np.nan], dtype))
    close(normal.gelu_slope(x), np.array([0, 0, 0.5, 1, 1, np.nan], dtype), rtol=2 * np.finfo(dtype).eps)


def test_layouts_do_not_matter_and_x_stays(xp):
    x = xp.asarray(np.random.default_rng(0).standard_normal((4, 6, 5)) * 3)[::2, ::-1].transpose(2, 0, 1)
    before = get(x).copy()
    for function, right in ((normal.gelu, gelu), (normal.gelu_slope, slope)):
        close(function(x), np.vectorize(right)(before), rtol=1e-13, atol=1e-15)
    equal(x, before)


def test_the_ratio_is_that_of_mills():
    """The polynomial is the integral, whose value at 0 is √(π/2), over s = 4/(x + 4)."""
    for terms, error in ((12, 2e-9), (22, 2e-15)):
        for x in (0.0, 0.3, 1.0, 4.0, 7.0):
            s = 4 / (x + 4)
            exact = math.sqrt(math.pi / 2) * math.exp(x * x / 2) * math.erfc(x / math.sqrt(2)) / s
            assert np.polyval(normal.mills(terms), 2 * s - 1) == pytest.approx(exact, rel=error * (1 + x * x))
