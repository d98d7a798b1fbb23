"""Metrics of segmentation with one mistake each."""

from __future__ import annotations

from typing import Any

import numpy as np

from minifcn.testing import ours
from minifcn.testing.version import changes, spoils


def by_class(batches: Any, num_classes: int, *, pixel_accuracy: Any = None, mean_accuracy: Any = None,
             mean_iu: Any = None, frequency_weighted_iu: Any = None) -> Any:  # fmt: skip
    """minifcn's metrics, but for those given as functions of n_ii, t_i and p_i; NaN where nothing was counted.

    These are the diagonal of the confusion matrix, its rows' sums and its columns' sums, in floating point.
    """
    right = ours.segmentation_metrics(batches, num_classes)
    if np.isnan(right["mean_iu"]):
        return right
    hist = ours.confusion_matrix(batches, num_classes).astype(float)
    given = dict(zip(right, (pixel_accuracy, mean_accuracy, mean_iu, frequency_weighted_iu), strict=True))
    return right | {name: float(f(np.diag(hist), hist.sum(1), hist.sum(0))) for name, f in given.items() if f}


@spoils("segmentation_metrics")
def mean_over_the_batches(batches: Any, again: Any) -> Any:
    """The metrics of each batch are averaged: a mean of ratios, which is another number."""
    each = [again(batches=[batch]) for batch in batches]
    return {name: np.mean([m[name] for m in each if m[name] == m[name]] or [np.nan]) for name in each[0]}


@changes("segmentation_metrics", by_class)
def absent_classes_count_as_zero() -> Any:
    """The mean runs over all C classes: those that never occur lower it."""
    return {"mean_iu": lambda n, t, p: (n / np.maximum(t + p - n, 1)).mean()}


@changes("segmentation_metrics", by_class)
def absent_classes_count_as_one() -> Any:
    """A small number is added above and below against 0/0: a class that never occurs has IU 1."""
    return {"mean_iu": lambda n, t, p: ((n + 1e-15) / (t + p - n + 1e-15)).mean()}


@changes("segmentation_metrics", by_class)
def one_absent_class_spoils_the_mean() -> Any:
    """0/0 of an absent class is NaN, and so is every mean with it."""
    return {"mean_iu": lambda n, t, p: (n / (t + p - n)).mean(), "mean_accuracy": lambda n, t, p: (n / t).mean()}


@changes("segmentation_metrics", by_class)
def predicted_only_classes_left_out() -> Any:
    """A class that is predicted but not in the truth is left out of mean IU instead of counting as 0."""
    return {"mean_iu": lambda n, t, p: (n / np.maximum(t + p - n, 1))[t > 0].mean()}


@changes("segmentation_metrics", by_class)
def intersection_counted_twice() -> Any:
    """The union is t + p: its intersection is counted twice, and even a perfect prediction has 1/2."""
    return {"mean_iu": lambda n, t, p: (n / (t + p))[t + p > 0].mean()}


@changes("segmentation_metrics", by_class)
def dice_for_iu() -> Any:
    """2·n / (t + p) is the Dice score: it is 1 and 0 where IU is, and larger in between."""
    return {"mean_iu": lambda n, t, p: (2 * n / (t + p))[t + p > 0].mean()}


@changes("segmentation_metrics", by_class)
def precision_for_accuracy() -> Any:
    """A class's right pixels are divided by those predicted as it, not by those that are it."""
    return {"mean_accuracy": lambda n, t, p: (n / np.maximum(p, 1))[t > 0].mean()}


@changes("segmentation_metrics", by_class)
def weighted_by_the_prediction() -> Any:
    """The frequencies are those of the predicted classes instead of the true ones."""
    return {"frequency_weighted_iu": lambda n, t, p: (p * n / np.maximum(t + p - n, 1)).sum() / p.sum()}


@spoils("segmentation_metrics")
def frequencies_forgotten(right: Any, /) -> Any:
    """Frequency weighted IU is the plain mean of the IUs."""
    return right | {"frequency_weighted_iu": right["mean_iu"]}


@changes("segmentation_metrics", by_class)
def all_classes_pooled() -> Any:
    """Intersections and unions are summed over the classes before they are divided: large classes decide."""
    return {"mean_iu": lambda n, t, p: n.sum() / (t + p - n).sum()}


@changes("segmentation_metrics", by_class)
def background_left_out() -> Any:
    """Class 0 is taken for a background that does not count in mean IU."""

    def mean_iu(n: Any, t: Any, p: Any) -> Any:
        known = (t + p > 0) & (np.arange(len(n)) > 0)
        return (n[known] / (t + p - n)[known]).mean() if known.any() else 0

    return {"mean_iu": mean_iu}


@changes("segmentation_metrics", by_class)
def void_pixels_are_wrong(batches: Any) -> Any:
    """Pixel accuracy is divided by the number of all pixels: void ones count as wrong."""
    return {"pixel_accuracy": lambda n, t, p: n.sum() / sum(truth.size for _, truth in batches)}


@spoils("segmentation_metrics")
def accuracies_exchanged(right: Any, /) -> Any:
    """Pixel accuracy and mean accuracy are given under each other's name."""
    return right | {"pixel_accuracy": right["mean_accuracy"], "mean_accuracy": right["pixel_accuracy"]}


@spoils("segmentation_metrics")
def nothing_counted_is_zero(right: Any, /) -> Any:
    """Without a single counted pixel all metrics are 0, as if everything had been wrong."""
    return {name: float(np.nan_to_num(value)) for name, value in right.items()}


@spoils("segmentation_metrics")
def in_percent(right: Any, /) -> Any:
    """Everything is given in percent, where shares were asked for."""
    return {name: 100 * value for name, value in right.items()}
