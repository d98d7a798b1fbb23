"""How far a result may be from what is expected: five bounds, T0 to T4, each with its reason, and no others.

    T0  whole numbers          |found − expected| = 0                       assert_exact
    T1  a slope, step 1        ⟨y, f(x + h) − f(x)⟩ = ⟨∇, h⟩                 assert_exact_slope
    T2  float64                |found − expected| ≤ 4 · n · 2⁻⁵² · m         assert_close_float64
    T3  float32                |found − expected| ≤ 4 · n · 2⁻²⁴ · m         assert_close_float32
    T4  float16, bfloat16      |found − expected| ≤ 10⁻² · max(m, 1)         assert_close_half

n is how many terms were added up (`terms`), m what their absolute values add up to (`magnitude`). A sum of n products
in any order is off by at most about n · u · m, with u the largest relative error of one operation (Higham 2002, §3.1).
So the bound follows from the sum and is never tried out: a factor of 4 is left for what is done besides adding. Where
numbers are whole and small, nothing is rounded, and T0 finds errors that every tolerance hides.

A NaN is right where a NaN is expected, an infinity where the same one is; neither is close to anything else. All
functions raise AssertionError with the worst element, what was found there, what was expected, and the bound.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from minifcn.errors import ArgumentError
from minifcn.machine.backend import to_numpy

HALF_BOUND = 1e-2


def float64_bound(terms: int, magnitude: Any) -> Any:
    """T2: 4 · n · 2⁻⁵² · m. terms: n, a count from 1 up. magnitude: m, a number or an array."""
    return 4 * _count(terms) * 2.0**-52 * magnitude


def float32_bound(terms: int, magnitude: Any) -> Any:
    """T3: 4 · n · 2⁻²⁴ · m. terms: n, a count from 1 up. magnitude: m, a number or an array."""
    return 4 * _count(terms) * 2.0**-24 * magnitude


def assert_exact(found: Any, expected: Any, what: str = "the result") -> None:
    """T0: found = expected, every element; for arithmetic on whole numbers, which rounds nothing.

    Sums and products of whole numbers are exact in any order while they stay below 2²⁴ in float32 and 2⁵³ in float64.
    found, expected   arrays of one shape, NumPy's or CuPy's; the dtypes may differ
    what              the name of the result in the message
    """
    a, b = _arrays(found, expected, what)
    _judge(a, b, np.zeros(b.shape), what)


def assert_exact_slope(
    function: Callable[[np.ndarray], Any], x: Any, step: Any, cotangent: Any, gradient: Any, what: str = "the slope"
) -> None:
    """T1: ⟨cotangent, f(x + step) − f(x)⟩ = ⟨gradient, step⟩, exactly, for an f that is linear in x.

    A finite difference is usually a compromise between truncation and rounding. For a linear f there is no truncation,
    so the step may be 1, and then whole numbers leave no rounding either.

    function    (array like x) -> array
    x, step     arrays of whole numbers, of one shape
    cotangent   whole numbers, of the shape of f(x)
    gradient    of the shape of x: what is to be checked, the gradient of ⟨cotangent, f(x)⟩
    """
    x, step, cotangent, gradient = (to_numpy(values) for values in (x, step, cotangent, gradient))
    rise = to_numpy(function(x + step)).astype(np.float64) - to_numpy(function(x))
    if rise.shape != cotangent.shape or gradient.shape != x.shape:
        raise AssertionError(
            f"{what}: f(x) is {rise.shape} and x is {x.shape}, but the cotangent is {cotangent.shape} and the gradient "
            f"{gradient.shape}; each must have the shape of what it belongs to."
        )
    along = np.sum(gradient.astype(np.float64) * step)
    assert_exact(along, np.sum(rise * cotangent), f"{what} by the gradient, against f(x + step) − f(x)")


def assert_close_float64(
    found: Any, expected: Any, terms: int, magnitude: Any = None, what: str = "the result"
) -> None:
    """T2: |found − expected| ≤ 4 · n · 2⁻⁵² · m, and found is float64.

    found, expected   arrays of one shape
    terms             n, how many terms each element adds up: C · KH · KW for a convolution
    magnitude         m, Σ |terms|: a number, or an array that broadcasts to the shape. Default: |expected|, which
                      is right only for sums in which nothing cancels
    """
    a, b = _arrays(found, expected, what)
    _require_dtype(a, np.float64, what)
    _judge(a, b, float64_bound(terms, np.abs(b) if magnitude is None else to_numpy(magnitude)), what)


def assert_close_float32(
    found: Any, expected: Any, terms: int, magnitude: Any = None, what: str = "the result"
) -> None:
    """T3: |found − expected| ≤ 4 · n · 2⁻²⁴ · m, and found is float32. Arguments as of `assert_close_float64`.

    The expected values may be float64: a more exact answer is the better one to compare with.
    """
    a, b = _arrays(found, expected, what)
    _require_dtype(a, np.float32, what)
    _judge(a, b, float32_bound(terms, np.abs(b.astype(np.float64)) if magnitude is None else to_numpy(magnitude)), what)


def assert_close_half(found: Any, expected: Any, magnitude: Any = None, what: str = "the result") -> None:
    """T4: |found − expected| ≤ 10⁻² · max(m, 1), and found has two bytes per element; m is |expected| by default.

    Half precision is stored in 11 bits (bfloat16 in 8) and added up in float32: what is lost is lost once, in storing,
    so the number of terms does not matter.
    """
    a, b = _arrays(found, expected, what)
    if a.dtype.itemsize != 2:
        raise AssertionError(f"{what} is {a.dtype}, expected two bytes per element, as in float16.")
    size = np.abs(b.astype(np.float64)) if magnitude is None else to_numpy(magnitude)
    _judge(a.astype(np.float64), b, HALF_BOUND * np.maximum(size, 1), what)


def _count(terms: int) -> int:
    if terms < 1:
        raise ArgumentError(f"a bound needs the number of terms, at least 1, got {terms}; count what is added up.")
    return int(terms)


def _arrays(found: Any, expected: Any, what: str) -> tuple[np.ndarray, np.ndarray]:
    a, b = to_numpy(found), to_numpy(expected)
    if a.shape != b.shape:
        raise AssertionError(f"{what} has shape {a.shape}, expected {b.shape}.")
    return a, b


def _require_dtype(found: np.ndarray, dtype: Any, what: str) -> None:
    if found.dtype != dtype:
        raise AssertionError(f"{what} is {found.dtype}, expected {np.dtype(dtype)}.")


def _judge(found: np.ndarray, expected: np.ndarray, bound: Any, what: str) -> None:
    """Raise AssertionError if any element is farther from what is expected than its bound."""
    bounds = np.broadcast_to(np.asarray(bound, np.float64), expected.shape)
    if not np.all(np.isfinite(bounds) | ~np.isfinite(expected)):  # NaN or infinity would let everything pass
        raise AssertionError(f"{what}: a bound is not finite; give a finite magnitude.")
    # In the dtypes as they are: beyond 2⁵³ float64 could not tell whole numbers apart. A NaN differs from itself.
    same = (found == expected) | ((found != found) & (expected != expected))
    with np.errstate(invalid="ignore", over="ignore"):
        apart = np.abs(found.astype(np.float64) - expected.astype(np.float64))
        wrong = ~same & ~((apart <= bounds) & (bounds > 0))
    if not wrong.any():
        return
    with np.errstate(divide="ignore", invalid="ignore"):
        excess = np.where(wrong, np.where(bounds > 0, apart / bounds, apart), -1.0)
    place = np.unravel_index(int(np.argmax(np.where(np.isnan(excess), np.inf, excess))), expected.shape)
    index = tuple(int(i) for i in place)
    raise AssertionError(
        f"{what}: element {index} of {expected.shape} is {found[index]!s}, expected {expected[index]!s}: "
        f"{_distance(found[index], expected[index])} apart where at most {bounds[index]:.3g} is allowed; "
        f"{int(wrong.sum())} of {wrong.size} elements are wrong."
    )


def _distance(a: Any, b: Any) -> str:
    with np.errstate(invalid="ignore"):
        return f"{abs(float(a) - float(b)):.3g}"
