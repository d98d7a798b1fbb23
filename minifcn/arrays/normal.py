"""The normal distribution function, which NumPy lacks: the area under the bell curve to the left of x.

    Φ(x) = ∫ φ(t) dt over t < x,   φ(t) = e^(−t²/2) / √(2π)

For negative x the exponential is taken out, and what is left is Mills' ratio, a gentle curve:

    Φ(−x) = φ(x)·m(x),   m(x) = ∫ e^(−x·t − t²/2) dt over t > 0      and Φ(x) = 1 − Φ(−x)        (x ≥ 0)

m falls from √(π/2) at 0 to about 1/x. Over s = 4/(x + 4), which is 1 at x = 0 and 0 at infinity, m/s is so smooth that
a polynomial meets it: to 10⁻⁹ with 12 terms, to 10⁻¹⁶ with 22. So even far out, where Φ(x) is 10⁻³⁰, most of its digits
are right, which 1 + erf(x/√2) could not promise. The coefficients come from no table: they are made from the integral.
On a GPU, CUDA has erfc.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np

from minifcn.machine.backend import Array
from minifcn.machine.kernels import Kernel, contiguous, run_on
from minifcn.machine.memory import empty
from minifcn.machine.spread import spread

ROOT = 2.5066282746310002  # √(2π)
TERMS = {"float32": 12}  # more change nothing in single precision; else:
MOST = 22


def gelu(x: Array) -> Array:
    """x·Φ(x), number by number; float32 or float64."""
    y = empty(x.shape, x.dtype, x)
    if run_on(x):
        _GELU(y.size, y, *contiguous(x))
        return y

    def compute(y: Array, x: Array) -> None:
        _distribution(y, x)
        y *= x

    return spread(compute, y, x, in_cache=True)


def gelu_slope(x: Array) -> Array:
    """The derivative of x·Φ(x), which is Φ(x) + x·φ(x)."""
    y = empty(x.shape, x.dtype, x)
    if run_on(x):
        _GELU_SLOPE(y.size, y, *contiguous(x))
        return y

    def compute(y: Array, x: Array) -> None:
        bell = _distribution(y, x)
        bell *= x
        y += bell

    return spread(compute, y, x, in_cache=True)


@np.errstate(over="ignore", under="ignore")  # far out the exponential is 0, as it should be
def _distribution(y: np.ndarray, x: np.ndarray) -> Any:
    """y = Φ(x); gives back φ(x)."""
    s = 4 / (np.abs(x) + 4)
    t = 2 * s - 1
    first, *others = mills(TERMS.get(x.dtype.name, MOST))
    y[...] = first
    for coefficient in others:
        y *= t
        y += coefficient
    y *= s
    bell = np.exp(-x * x / 2)
    bell /= ROOT
    y *= bell
    np.subtract(1, y, out=y, where=x > 0)
    return bell


@cache
def mills(terms: int) -> tuple[float, ...]:
    """The coefficients of m(x)/s as a polynomial in t = 2s − 1, the highest power first.

    They belong to the polynomial that agrees with the integral at Chebyshev's points in −1 < t < 1, which is nearly the
    best one. The integral is a sum over t = e^(u − e^(−u)) in equal steps of u: at both ends all its terms vanish, and
    then such a sum is right to the last digit.
    """
    from numpy.polynomial import chebyshev

    u = np.arange(-72, 73) / 16
    where, weight = np.exp(u - np.exp(-u)), (1 + np.exp(-u)) / 16
    weight *= where * np.exp(-where * where / 2)
    points = chebyshev.chebpts1(terms)
    s = (points + 1) / 2
    ratio: Any = np.exp(-np.outer(4 / s - 4, where)) @ weight
    series = chebyshev.chebfit(points, ratio / s, terms - 1)
    return tuple(float(coefficient) for coefficient in chebyshev.cheb2poly(series)[::-1])


_DISTRIBUTION = """
    // One thread for each number, all side by side. erfc keeps the digits that 1 - erf loses.
    const T below = T(0.5) * erfc(x[i] * T(-0.70710678118654752));"""

_GELU = Kernel("gelu", "T* y, const T* x", _DISTRIBUTION + "\n    y[i] = x[i] * below;")

_GELU_SLOPE = Kernel(
    "gelu_slope",
    "T* y, const T* x",
    _DISTRIBUTION + "\n    y[i] = below + x[i] * exp(x[i] * x[i] * T(-0.5)) * T(0.39894228040143268);",
)
