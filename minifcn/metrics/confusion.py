"""The four metrics of the FCN paper, from one confusion matrix over the whole set.

Notation of section 5 of the paper (Long, Shelhamer, Darrell, CVPR 2015), which the conventions here follow exactly:

    n_ij = hist[i, j]     pixels of true class i predicted as class j
    t_i  = Σ_j n_ij       pixels of true class i
    p_i  = Σ_j n_ji       pixels predicted as class i

Never an average over images or batches: a mean of ratios is another number. What happens to a class without a single
pixel is settled as in the authors' score.py (https://github.com/shelhamer/fcn.berkeleyvision.org), and said below.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from typing import Any, Literal

import numpy as np

from minifcn.autograd.variable import array_of
from minifcn.errors import ArgumentError, ArgumentTypeError
from minifcn.labels import VOID
from minifcn.machine.backend import Array, array_module, at_home, to_numpy
from minifcn.metrics.checks import class_count, label_maps, labels_in_range, mean_of_known, ratio, ratios
from minifcn.text import padded, width

TITLES = {
    "pixel_accuracy": "pixel accuracy",
    "mean_accuracy": "mean accuracy",
    "mean_iu": "mean IU",
    "frequency_weighted_iu": "frequency weighted IU",
}


class ConfusionMatrix:
    """`hist[i, j]` = pixels of truth `i` predicted as `j`: int64, `(C, C)`, over everything given to `update`.

    >>> matrix = ConfusionMatrix(2)
    >>> matrix.update(prediction=np.array([0, 1, 1, 1]), target=np.array([0, 0, 1, VOID]))
    >>> matrix.hist.tolist()
    [[1, 1], [0, 1]]
    >>> round(matrix.mean_iu(), 3)
    0.5
    """

    def __init__(self, num_classes: int) -> None:
        self.num_classes = C = class_count(num_classes)
        self.hist = np.zeros((C, C), dtype=np.int64)

    @classmethod
    def from_hist(cls, hist: np.ndarray) -> ConfusionMatrix:
        """The confusion matrix with the counts `hist`, `(C, C)` of non-negative integers (copied)."""
        hist = to_numpy(array_of(hist, name="a confusion matrix"))
        if hist.ndim != 2 or hist.shape[0] != hist.shape[1]:
            raise ArgumentError(f"hist has shape {hist.shape}; pass a square matrix (C, C).")
        if hist.dtype.kind not in "iu":
            raise ArgumentTypeError(f"hist has dtype {hist.dtype}; pass pixel counts, which are integers.")
        if (hist < 0).any():
            raise ArgumentError(f"hist holds {int(hist.min())}; pass pixel counts, which are 0 or more.")
        matrix = cls(len(hist))
        matrix.hist += hist.astype(np.int64)
        return matrix

    def __repr__(self) -> str:
        return f"ConfusionMatrix(num_classes={self.num_classes}, pixels={int(self.hist.sum())})"

    def update(self, prediction: Array, target: Array) -> None:
        """Adds every pixel with `target != 255`.

        `prediction`, `target`: integer labels of one shape, whichever it is, in NumPy or CuPy.

        Raises ArgumentError for unequal shapes, and for labels outside `[0, C)` where a pixel counts, naming them;
        ArgumentTypeError for labels that are not integers, or on two devices. After an error the counts are as before.
        """
        prediction, target = label_maps("update", prediction, target)
        with at_home(target):
            self.hist += self._counts(prediction, target)

    def _counts(self, prediction: Array, target: Array) -> np.ndarray:
        xp = array_module(target)
        # int64 first: uint8 arithmetic would wrap around. A uint64 beyond int64 turns negative and is refused as such.
        counted = target.astype(xp.int64) != VOID
        truth, guess = target[counted], prediction[counted]
        labels_in_range("update", "target", truth, self.num_classes, f" (and void is {VOID})")
        labels_in_range("update", "prediction", guess, self.num_classes)
        cells = self.num_classes * truth.astype(xp.int64) + guess.astype(xp.int64)
        counts = to_numpy(xp.bincount(cells, minlength=self.num_classes**2))
        return counts.reshape(self.num_classes, self.num_classes)

    def merge(self, other: ConfusionMatrix) -> None:
        """Adds the counts of `other`, as if its pixels had been given to this one."""
        if not isinstance(other, ConfusionMatrix):
            raise ArgumentTypeError(f"merge: other is a {type(other).__name__}; pass a ConfusionMatrix.")
        if other.num_classes != self.num_classes:
            raise ArgumentError(
                f"merge: other has {other.num_classes} classes but this matrix has {self.num_classes}; "
                f"count both with the same classes."
            )
        self.hist += other.hist

    def pixel_accuracy(self) -> float:
        """`Σ_i n_ii / Σ_i t_i`: the share of pixels that are right. nan, with a warning, if nothing was counted."""
        self._warn_if_empty()
        return ratio(float(np.trace(self.hist)), float(self.hist.sum()))

    def class_accuracy(self) -> np.ndarray:
        """`n_ii / t_i` for every class, float64 `(C,)`: recall. nan for a class absent from the truth."""
        self._warn_if_empty()
        return ratios(np.diag(self.hist), self.hist.sum(axis=1))

    def mean_accuracy(self) -> float:
        """`mean_i n_ii / t_i` over the classes present in the truth."""
        return mean_of_known(self.class_accuracy())

    def iu(self) -> np.ndarray:
        """`n_ii / (t_i + p_i - n_ii)` for every class, float64 `(C,)`: intersection over union.

        nan for a class absent from both truth and prediction; 0 for one that is absent from the truth but predicted.
        """
        self._warn_if_empty()
        right = np.diag(self.hist)
        return ratios(right, self.hist.sum(axis=1) + self.hist.sum(axis=0) - right)

    def mean_iu(self, only_gt_classes: bool = False, absent: Literal["nan", "zero"] = "nan") -> float:
        """`mean_i n_ii / (t_i + p_i - n_ii)`.

        By default over the classes that truth or prediction has, as in score.py: a class that is predicted but not in
        the truth counts as 0, one that is in neither is left out. The conventions of others, to compare with them:

        `only_gt_classes=True`: only over classes in the truth (the paper, on SIFT Flow).
        `absent="zero"`: over all C classes, with 0 for one that is in neither (SegNet's compute_test_results.m).
        """
        if absent not in ("nan", "zero"):
            raise ArgumentError(f'mean_iu: absent is {absent!r}; use "nan" or "zero".')
        if only_gt_classes and absent == "zero":
            raise ArgumentError('mean_iu: only_gt_classes leaves absent classes out but absent="zero" counts them.')
        iu = self.iu()
        if not self.hist.any():
            return math.nan
        if only_gt_classes:
            iu = iu[self.hist.sum(axis=1) > 0]
        return mean_of_known(np.nan_to_num(iu, nan=0.0) if absent == "zero" else iu)

    def frequency_weighted_iu(self) -> float:
        """`Σ_i t_i IU_i / Σ_i t_i` over the classes present in the truth."""
        truth = self.hist.sum(axis=1)
        iu = self.iu()[truth > 0]
        return ratio(float((truth[truth > 0] * iu).sum()), float(truth.sum()))

    def summary(self, class_names: Sequence[str]) -> dict[str, Any]:
        """Everything as plain Python values for JSON, None where a metric is nan.

            {"pixel_accuracy", "mean_accuracy", "mean_iu", "frequency_weighted_iu": float | None, "pixels": int,
             "classes": {name: {"iu", "accuracy": float | None, "pixels", "predicted_pixels": int}}}

        Raises ArgumentError unless there are C different names.
        """
        names = self._checked_names(class_names)
        self._warn_if_empty()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # one warning says it all
            iu, accuracy = self.iu(), self.class_accuracy()
            numbers = {
                "pixel_accuracy": _or_none(self.pixel_accuracy()),
                "mean_accuracy": _or_none(self.mean_accuracy()),
                "mean_iu": _or_none(self.mean_iu()),
                "frequency_weighted_iu": _or_none(self.frequency_weighted_iu()),
            }
        classes = {
            name: {
                "iu": _or_none(iu[i]),
                "accuracy": _or_none(accuracy[i]),
                "pixels": int(self.hist[i].sum()),
                "predicted_pixels": int(self.hist[:, i].sum()),
            }
            for i, name in enumerate(names)
        }
        return {**numbers, "pixels": int(self.hist.sum()), "classes": classes}

    def table(self, class_names: Sequence[str]) -> str:
        """A table to print, in percent: a row per class, then the four metrics. Raises as `summary` does."""
        summary = self.summary(class_names)
        metrics = {title: summary[key] for key, title in TITLES.items()}
        places = max(width(text) for text in [*summary["classes"], *metrics])
        lines = [f"{padded('in percent', places)}  {'IU':>6}  accuracy  share of pixels"]
        rule = "-" * len(lines[0])
        lines.append(rule)
        for name, row in summary["classes"].items():
            share = _percent(row["pixels"] / summary["pixels"] if summary["pixels"] else None)
            lines.append(f"{padded(name, places)}  {_percent(row['iu'])}  {_percent(row['accuracy']):>8}  {share:>15}")
        lines.append(rule)
        lines += [f"{padded(title, places)}  {_percent(value)}" for title, value in metrics.items()]
        return "\n".join(lines)

    def _checked_names(self, class_names: Sequence[str]) -> list[str]:
        names = [class_names] if isinstance(class_names, str) else list(class_names)
        if len(names) != self.num_classes:
            raise ArgumentError(f"there are {len(names)} class names for {self.num_classes} classes; pass one each.")
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ArgumentError(f"the class name {twice[0]!r} is there twice; pass different names.")
        return names

    def _warn_if_empty(self) -> None:
        if not self.hist.any():
            warnings.warn("no pixel was counted (none given, or all void): every metric is nan.", RuntimeWarning, 3)


def _or_none(value: float) -> float | None:
    return None if math.isnan(value) else float(value)


def _percent(value: float | None) -> str:
    return f"{'-':>6}" if value is None else f"{100 * value:6.1f}"
