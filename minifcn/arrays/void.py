"""The labels of a segmentation looked at: which pixels count and with what factor, and whether every label is a class.

For a class c the coefficient of its pixels is factors[c]; a void pixel, whose label is `ignore_index`, has 0. Any other
label outside [0, C) is an error. On a CPU it is said at once; on a GPU, which is not waited for, at the next number
that comes from there (machine/deferred.py).
"""

from __future__ import annotations

import numpy as np

from minifcn.errors import ArgumentError
from minifcn.labels import outside, values_of
from minifcn.machine.backend import Array, array_module, is_cupy, to_numpy
from minifcn.machine.deferred import check_later
from minifcn.machine.kernels import Kernel, contiguous, run_on
from minifcn.machine.memory import empty


def looked_at(name: str, labels: Array, factors: Array, ignore_index: int) -> tuple[Array, Array, Array]:
    """(labels with 0 for void, where they count, what with): labels (N, ...), factors (C,) -> three of (N, ...).

    Raises ArgumentError, which names them and the function `name`, for labels outside [0, C) that are not ignore_index.
    """
    return (_on_a_gpu if run_on(labels) else _on_a_cpu)(name, labels, factors, ignore_index)


def _on_a_cpu(name: str, labels: Array, factors: Array, ignore_index: int) -> tuple[Array, Array, Array]:
    C = len(factors)
    valid = labels != ignore_index
    wrong = outside(labels, C, ignore_index)
    if bool(wrong.any()):
        raise _refused(name, f"{values_of(to_numpy(labels[wrong]))[:8]}", int(wrong.sum()), C, ignore_index)
    labels = (labels * valid).astype("int64")
    return labels, valid, array_module(labels).where(valid, factors[labels], 0).astype(factors.dtype)


def _on_a_gpu(name: str, labels: Array, factors: Array, ignore_index: int) -> tuple[Array, Array, Array]:
    xp, C = array_module(labels, factors), len(factors)
    made, valid, coefficients = (empty(labels.shape, dtype, labels) for dtype in (labels.dtype, bool, factors.dtype))
    wrong = xp.zeros(3, np.int64)  # how many, minus the smallest, the largest
    limits = np.iinfo(np.int64)
    ignored = min(max(int(ignore_index), limits.min), limits.max)
    _LABELS(labels.size, coefficients, made, valid, wrong, *contiguous(labels, factors), C, ignored)

    def check(found: np.ndarray) -> None:
        count, below, above = (int(number) for number in found)
        extremes = [f"as small as {-below}"] * (below > 0) + [f"as large as {above}"] * (above >= C)
        if count:
            raise _refused(name, " and ".join(extremes), count, C, ignore_index)

    check_later(wrong, check)
    return made, valid, coefficients


def require_classes(name: str, labels: Array, classes: int) -> None:
    """ArgumentError unless every label lies in [0, classes)."""
    if not labels.size:
        return

    def check(extremes: np.ndarray) -> None:
        low, high = (int(label) for label in extremes)
        if low < 0 or high >= classes:
            wrong = low if low < 0 else high
            raise ArgumentError(
                f"{name}: label {wrong} is outside [0, {classes}); replace void labels first, or raise num_classes."
            )

    extremes = array_module(labels).stack([labels.min(), labels.max()])
    if is_cupy(labels):
        check_later(extremes, check)
    else:
        check(extremes)


def _refused(name: str, values: str, count: int, C: int, ignore_index: int) -> ArgumentError:
    return ArgumentError(
        f"{name}: labels {values} at {count} pixels are outside [0, {C}) and not ignore_index {ignore_index}; "
        f"fix the labels or the number of classes."
    )


_LABELS = Kernel(
    "labels",
    "T* coefficients, L* labels, bool* valid, long long* wrong, const L* given, const T* weight, Index C, "
    "long long ignored",
    """
    // One thread for each pixel, all side by side. A label is looked at before it is an index. One out of range makes
    // the loss NaN, and is counted by the only atomics: whole numbers have the same sum and maximum in any order.
    const long long label = given[i];
    const bool counts = label != ignored, fits = 0 <= label && label < C;
    if (counts && !fits) {
        atomicAdd((unsigned long long*)wrong, 1ULL);
        atomicMax(wrong + 1, -label);
        atomicMax(wrong + 2, label);
    }
    labels[i] = counts && fits ? L(label) : L(0);
    valid[i] = counts;
    coefficients[i] = !counts ? T(0) : fits ? weight[label] : T(nan(""));""",
)
