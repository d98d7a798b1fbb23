"""Every result against the float64 reference, before a clock runs: a fast wrong answer is no answer."""

from __future__ import annotations

import numpy as np

from benchmarks.contender import Arrays


def errors(found: Arrays, expected: Arrays) -> dict[str, float]:
    """‖found − expected‖ / ‖expected‖, the largest of each kind; the kind is the first word of a name, as "y of conv".

    Infinite where an array is missing, has another shape or is not finite.
    """
    worst: dict[str, float] = {}
    for name in expected.keys() | found.keys():
        kind = name.partition(" ")[0]
        worst[kind] = max(worst.get(kind, 0.0), error(found.get(name), expected.get(name)))
    return dict(sorted(worst.items()))


def error(found: np.ndarray | None, expected: np.ndarray | None) -> float:
    if found is None or expected is None or found.shape != expected.shape or not np.isfinite(found).all():
        return float("inf")
    size = float(np.linalg.norm(expected.ravel().astype(np.float64)))
    distance = float(np.linalg.norm(found.ravel().astype(np.float64) - expected.ravel()))
    return distance / size if size else distance


def problem(found: dict[str, float], limits: dict[str, float]) -> str:
    """What is wrong in words, or ""."""
    wrong = [
        f"{kind} is off by {value:.2g}, allowed {limits[kind]:.0e}"
        for kind, value in found.items()
        if not value <= limits[kind]
    ]
    return "wrong result: " + "; ".join(wrong) if wrong else ""
