"""What is asked of the numbers that a loss is given beside its input: probabilities lie in [0, 1], weights are not < 0.

On a CPU it is said at once; on a GPU, which is not waited for, at the next number that comes from there
(machine/deferred.py).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from minifcn.errors import ArgumentError
from minifcn.machine.backend import Array, array_module, is_cupy
from minifcn.machine.deferred import check_later


def require_probabilities(name: str, target: Array) -> None:
    """ArgumentError unless every number lies in [0, 1]."""
    if not target.size:
        return

    def check(extremes: np.ndarray) -> None:
        low, high = (float(number) for number in extremes)
        if not 0 <= low <= high <= 1:
            wrong = high if high > 1 or high != high else low
            raise ArgumentError(f"{name}: target must lie between 0 and 1, got {wrong:g}; divide masks of 255 by 255.")

    _now_or_later(array_module(target).stack([target.min(), target.max()]), check)


def require_weights(name: str, weight: Array) -> None:
    """ArgumentError unless all factors of the classes, (C,), are finite and none is negative."""

    def check(factors: np.ndarray) -> None:
        for c in np.flatnonzero(~((factors >= 0) & (factors < np.inf)))[:1]:
            raise ArgumentError(
                f"{name}: weight must be finite and at least 0, got {factors[c]:g} for class {c}; "
                f"a class that shall not count has weight 0."
            )

    _now_or_later(weight, check)


def _now_or_later(found: Array, check: Callable[[np.ndarray], None]) -> None:
    if is_cupy(found):
        check_later(found.copy(), check)
    else:
        check(found)
