"""The normal distribution function against math.erfc, and the coefficients against their integral."""

from __future__ import annotations

import math

import numpy as np
import pytest

from minifcn.arrays import normal
from tests.onto import close, equal, get

POINTS = np.concatenate([np.linspace(-37, 9, 4001), [0.0, -0.0, 1e-300, -1e-300, 1e-8, -1e-8, 1e6]])


def right(x: float) -> float:
    return math.erfc(-x / math.sqrt(2)) / 2


def test_double_precision_is_right_to_the_last_digits_however_far_out(xp):
    """x²/2 in the exponent (on a GPU x/√2) is rounded, so digits are lost as x² grows, and no others."""
    found, expected = get(normal.distribution(xp.asarray(POINTS))), np.array([right(x) for x in POINTS])
    error = np.abs(found - expected)
    assert (error <= (16 + 3 * POINTS**2) * 2.0**-52 * expected).all()


def test_single_precision(xp):
    x = POINTS[POINTS > -12.5].astype(np.float32)  # beyond, the result is too small to be a normal number
    found, expected = get(normal.distribution(xp.asarray(x))), np.array([right(float(v)) for v in x])
    assert found.dtype == np.float32
    assert (np.abs(found - expected) <= (16 + 3 * x.astype(float) ** 2) * 2.0**-24 * expected).all()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_ends_and_what_is_no_number(dtype, xp):
    x = xp.asarray(np.array([-np.inf, -1e30, -50.0, 0.0, 50.0, 1e30, np.inf, np.nan], dtype))
    close(normal.distribution(x), np.array([0, 0, 0, 0.5, 1, 1, 1, np.nan], dtype), rtol=2 * np.finfo(dtype).eps)


def test_gelu_is_x_times_the_distribution_in_every_layout(xp):
    x = xp.asarray(np.random.default_rng(0).standard_normal((4, 6, 5)) * 3)[::2, ::-1].transpose(2, 0, 1)
    before = get(x).copy()
    close(normal.gelu(x), get(x) * get(normal.distribution(x)), rtol=1e-14)
    equal(x, before)


def test_the_ratio_is_that_of_mills():
    """The polynomial is the integral, whose value at 0 is √(π/2), over s = 4/(x + 4)."""
    for terms, error in ((12, 2e-9), (22, 2e-15)):
        for x in (0.0, 0.3, 1.0, 4.0, 7.0):
            s = 4 / (x + 4)
            exact = math.sqrt(math.pi / 2) * math.exp(x * x / 2) * math.erfc(x / math.sqrt(2)) / s
            assert np.polyval(normal.mills(terms), 2 * s - 1) == pytest.approx(exact, rel=error * (1 + x * x))
