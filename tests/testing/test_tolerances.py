"""The bounds T0 to T4: each lets through what it promises, and nothing beyond; the messages name the worst element."""

from __future__ import annotations

import numpy as np
import pytest

from minifcn.errors import ArgumentError
from minifcn.testing.tolerances import (
    assert_close_float32,
    assert_close_float64,
    assert_close_half,
    assert_exact,
    assert_exact_slope,
    float32_bound,
    float64_bound,
)

NAN, INF = np.nan, np.inf


def test_exact():
    assert_exact(np.arange(6.0).reshape(2, 3), np.arange(6).reshape(2, 3))
    assert_exact(np.array([NAN, INF, -INF, 0.0]), np.array([NAN, INF, -INF, -0.0]))
    assert_exact(np.zeros((0, 3)), np.zeros((0, 3)))
    assert_exact(np.float32(3), 3)
    message = r"sum: element \(1, 2\) of \(2, 3\) is 9.0, expected 5.0: 4 apart where at most 0 is allowed; 2 of 6"
    with pytest.raises(AssertionError, match=message):
        assert_exact(np.array([[0, 1, 2], [3, 5, 9.0]]), np.arange(6.0).reshape(2, 3), "sum")
    large = np.array([2**53 + 1])
    with pytest.raises(AssertionError, match="element .0,. of .1,. is 9007199254740993, expected 9007199254740992"):
        assert_exact(large, large - 1)
    with pytest.raises(AssertionError, match=r"the result has shape \(2,\), expected \(1, 2\)"):
        assert_exact(np.ones(2), np.ones((1, 2)))


@pytest.mark.parametrize("found, expected", [(NAN, 1.0), (1.0, NAN), (INF, 1.0), (1.0, INF), (INF, -INF), (NAN, INF)])
@pytest.mark.parametrize(
    "judge",
    [
        assert_exact,
        lambda a, b: assert_close_float64(a, b, 10**9, 1e300),
        lambda a, b: assert_close_float32(a.astype(np.float32), b, 10**9, 1e30),
        lambda a, b: assert_close_half(a.astype(np.float16), b, 1e30),
    ],
)
def test_nan_and_infinity_are_close_to_nothing_else(judge, found, expected):
    with pytest.raises(AssertionError, match=r"element \(1,\) of \(3,\) is .*; 1 of 3 elements"):
        judge(np.array([0.0, found, 0.0]), np.array([0.0, expected, 0.0]))


@pytest.mark.parametrize("infinite", [NAN, INF])
def test_a_bound_that_is_not_finite_is_no_bound(infinite):
    with pytest.raises(AssertionError, match="a bound is not finite"):
        assert_close_float64(np.ones(2), np.ones(2), 3, np.array([1.0, infinite]))
    assert_close_float64(np.array([INF, NAN]), np.array([INF, NAN]), 3)  # here |expected| is the magnitude


@pytest.mark.parametrize(
    "judge, dtype, ulp", [(assert_close_float64, np.float64, 2.0**-52), (assert_close_float32, np.float32, 2.0**-24)]
)
def test_the_bound_is_four_roundings_for_each_term(judge, dtype, ulp):
    """At 1024 the last place is 2¹⁰ times as large as at 1: there the bound can be hit exactly."""
    expected = np.array([0.0, 1024.0], dtype)
    for terms in (1, 6):
        steps = 4 * terms * ulp * 1024
        judge(expected + np.array([0, steps], dtype), expected, terms)
        judge(expected - np.array([steps, steps], dtype), expected, terms, 1024.0)
        judge(expected - np.array([steps, 0], dtype), expected, terms, np.array([1024.0, 0.0]))
        for wrong, magnitude in (
            (np.array([0, 2 * steps], dtype), None),
            (
                np.array([steps, 0], dtype),
                None,
            ),  # of nothing expected, nothing may be found: cancelling needs a magnitude
            (np.array([0, steps], dtype), np.array([1024.0, 512.0])),
        ):
            with pytest.raises(AssertionError, match="1 of 2 elements are wrong"):
                judge(expected + wrong, expected, terms, magnitude)


def test_the_worst_element_is_the_one_farthest_beyond_its_own_bound():
    expected, magnitude = np.zeros(3), np.array([1e6, 1.0, 1e3])
    with pytest.raises(AssertionError, match=r"element \(1,\) of \(3,\) is 1e-08, expected 0.0: 1e-08 apart where at"):
        assert_close_float64(np.array([1e-8, 1e-8, 1e-8]), expected, 1, magnitude)


def test_the_precision_is_that_of_the_result():
    with pytest.raises(AssertionError, match="the result is float32, expected float64"):
        assert_close_float64(np.ones(2, np.float32), np.ones(2), 1)
    with pytest.raises(AssertionError, match="y is float64, expected float32"):
        assert_close_float32(np.ones(2), np.ones(2, np.float32), 1, what="y")
    with pytest.raises(AssertionError, match="the result is float32, expected two bytes"):
        assert_close_half(np.ones(2, np.float32), np.ones(2))
    assert_close_float32(np.ones(2, np.float32), np.ones(2), 1)


def test_half():
    expected = np.array([100.0, 0.25, 0.0])
    assert_close_half((expected + np.array([0.9, 0.009, -0.009])).astype(np.float16), expected)
    for place, error in ((0, 1.1), (1, 0.011), (2, -0.011)):
        wrong = expected.copy()
        wrong[place] += error
        with pytest.raises(AssertionError, match=rf"element \({place},\) of \(3,\) .* 1 of 3"):
            assert_close_half(wrong.astype(np.float16), expected)
    assert_close_half(np.array([1.0], np.float16), np.array([0.0]), magnitude=100.0)


def test_a_sum_in_another_order_stays_within_its_bound():
    generator = np.random.default_rng(0)
    products = generator.standard_normal((50, 300)).astype(np.float32)
    expected, magnitude = products.sum(1, dtype=np.float64), np.abs(products).sum(1)
    total = np.zeros(50, np.float32)
    for term in products.T:
        total += term
    assert_close_float32(total, expected, 300, magnitude)
    with pytest.raises(AssertionError):
        assert_close_float32(total + np.float32(1e-3) * magnitude, expected, 300, magnitude)


def test_slope():
    matrix = np.array([[1.0, -2.0, 3.0], [0.0, 5.0, 7.0]])
    x, step, cotangent = np.array([4.0, 1.0, -3.0]), np.array([1.0, -1.0, 2.0]), np.array([2.0, -3.0])
    assert_exact_slope(lambda v: matrix @ v, x, step, cotangent, matrix.T @ cotangent)
    with pytest.raises(AssertionError, match="the slope by the gradient, against"):
        assert_exact_slope(lambda v: matrix @ v, x, step, cotangent, matrix.T @ cotangent + [0, 1, 0])
    with pytest.raises(AssertionError, match="the slope by the gradient"):
        assert_exact_slope(lambda v: matrix @ v**2, x, step, cotangent, matrix.T @ cotangent)
    with pytest.raises(AssertionError, match=r"f\(x\) is \(2,\) and x is \(3,\), but the cotangent is \(3,\)"):
        assert_exact_slope(lambda v: matrix @ v, x, step, x, x)


def test_a_bound_counts_terms():
    assert float64_bound(3, 2.0) == 24 * 2.0**-52
    assert float32_bound(3, 2.0) == 24 * 2.0**-24
    with pytest.raises(ArgumentError, match="at least 1, got 0"):
        float32_bound(0, 1.0)
