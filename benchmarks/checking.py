"""Every result against the float64 reference, before a clock runs: a fast wrong answer is no answer."""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.contender import Arrays
from minifcn.machine.backend import array_module


def errors(found: Arrays, expected: Arrays) -> dict[str, float]:
    """‖found − expected‖ / ‖expected‖, the largest of each kind; the kind is the first word of a name, as "y of conv".

    Infinite where an array is missing, has another shape or is not finite.
    """
    worst: dict[str, float] = {}
    for name in expected.keys() | found.keys():
        kind = name.partition(" ")[0]
        worst[kind] = max(worst.get(kind, 0.0), error(found.get(name), expected.get(name)))
    return dict(sorted(worst.items()))


def error(found: Any, expected: Any) -> float:
    """Of one array, where it is: both on the CPU, or both on a GPU."""
    if found is None or expected is None or found.shape != expected.shape:
        return float("inf")
    xp = array_module(found, expected)
    if not bool(xp.isfinite(found).all()):
        return float("inf")
    right = expected.ravel().astype(np.float64)
    size = float(xp.sqrt(xp.square(right).sum()))
    distance = float(xp.sqrt(xp.square(found.ravel().astype(np.float64) - right).sum()))
    return distance / size if size else distance


def problem(found: dict[str, float], limits: dict[str, float]) -> str:
    """What is wrong in words, or ""."""
    wrong = [
        f"{kind} is off by {value:.2g}, allowed {limits[kind]:.0e}"
        for kind, value in found.items()
        if not value <= limits[kind]
    ]
    return "wrong result: " + "; ".join(wrong) if wrong else ""
