"""Metrics of segmentation with one mistake each."""

from __future__ import annotations

from typing import Any

import numpy as np

from minifcn.testing import ours
from minifcn.testing.version import mutant


def _hist(batches: Any, num_classes: int) -> tuple[Any, Any, Any, Any]:
    """The confusion matrix in floating point, its diagonal n_ii, its rows t_i and its columns p_i."""
    hist = ours.confusion_matrix(batches, num_classes).astype(float)
    return hist, np.diag(hist), hist.sum(1), hist.sum(0)


def _but(batches: Any, num_classes: int, **changed: float) -> dict[str, float]:
    """minifcn's metrics with some of them changed; NaN where nothing was counted."""
    right = ours.segmentation_metrics(batches, num_classes)
    return right if np.isnan(right["mean_iu"]) else right | {name: float(value) for name, value in changed.items()}


@mutant("segmentation_metrics")
def mean_over_the_batches(batches: Any, num_classes: int) -> Any:
    """The metrics of each batch are averaged: a mean of ratios, which is another number."""
    each = [ours.segmentation_metrics([batch], num_classes) for batch in batches]
    return {name: np.mean([m[name] for m in each if m[name] == m[name]] or [np.nan]) for name in each[0]}


@mutant("segmentation_metrics")
def absent_classes_count_as_zero(batches: Any, num_classes: int) -> Any:
    """The mean runs over all C classes: those that never occur lower it."""
    _, n, t, p = _hist(batches, num_classes)
    return _but(batches, num_classes, mean_iu=(n / np.maximum(t + p - n, 1)).mean())


@mutant("segmentation_metrics")
def absent_classes_count_as_one(batches: Any, num_classes: int) -> Any:
    """A small number is added above and below against 0/0: a class that never occurs has IU 1."""
    _, n, t, p = _hist(batches, num_classes)
    return _but(batches, num_classes, mean_iu=((n + 1e-15) / (t + p - n + 1e-15)).mean())


@mutant("segmentation_metrics")
def one_absent_class_spoils_the_mean(batches: Any, num_classes: int) -> Any:
    """0/0 of an absent class is NaN, and so is every mean with it."""
    _, n, t, p = _hist(batches, num_classes)
    return _but(batches, num_classes, mean_iu=(n / (t + p - n)).mean(), mean_accuracy=(n / t).mean())


@mutant("segmentation_metrics")
def predicted_only_classes_left_out(batches: Any, num_classes: int) -> Any:
    """A class that is predicted but not in the truth is left out of mean IU instead of counting as 0."""
    _, n, t, p = _hist(batches, num_classes)
    return _but(batches, num_classes, mean_iu=(n / np.maximum(t + p - n, 1))[t > 0].mean() if t.any() else 0)


@mutant("segmentation_metrics")
def intersection_counted_twice(batches: Any, num_classes: int) -> Any:
    """The union is t + p: its intersection is counted twice, and even a perfect prediction has 1/2."""
    _, n, t, p = _hist(batches, num_classes)
    known = t + p > 0
    return _but(batches, num_classes, mean_iu=(n[known] / (t + p)[known]).mean())


@mutant("segmentation_metrics")
def dice_for_iu(batches: Any, num_classes: int) -> Any:
    """2·n / (t + p) is the Dice score: it is 1 and 0 where IU is, and larger in between."""
    _, n, t, p = _hist(batches, num_classes)
    known = t + p > 0
    return _but(batches, num_classes, mean_iu=(2 * n[known] / (t + p)[known]).mean())


@mutant("segmentation_metrics")
def precision_for_accuracy(batches: Any, num_classes: int) -> Any:
    """A class's right pixels are divided by those predicted as it, not by those that are it."""
    _, n, t, p = _hist(batches, num_classes)
    return _but(batches, num_classes, mean_accuracy=(n[t > 0] / np.maximum(p[t > 0], 1)).mean() if t.any() else 0)


@mutant("segmentation_metrics")
def weighted_by_the_prediction(batches: Any, num_classes: int) -> Any:
    """The frequencies are those of the predicted classes instead of the true ones."""
    _, n, t, p = _hist(batches, num_classes)
    weighted = (p * n / np.maximum(t + p - n, 1)).sum() / max(p.sum(), 1)
    return _but(batches, num_classes, frequency_weighted_iu=weighted)


@mutant("segmentation_metrics")
def frequencies_forgotten(batches: Any, num_classes: int) -> Any:
    """Frequency weighted IU is the plain mean of the IUs."""
    return _but(batches, num_classes,
                frequency_weighted_iu=ours.segmentation_metrics(batches, num_classes)["mean_iu"])  # fmt: skip


@mutant("segmentation_metrics")
def all_classes_pooled(batches: Any, num_classes: int) -> Any:
    """Intersections and unions are summed over the classes before they are divided: large classes decide."""
    _, n, t, p = _hist(batches, num_classes)
    return _but(batches, num_classes, mean_iu=n.sum() / max((t + p - n).sum(), 1))


@mutant("segmentation_metrics")
def background_left_out(batches: Any, num_classes: int) -> Any:
    """Class 0 is taken for a background that does not count in mean IU."""
    _, n, t, p = _hist(batches, num_classes)
    known = (t + p > 0) & (np.arange(num_classes) > 0)
    return _but(batches, num_classes, mean_iu=(n[known] / (t + p - n)[known]).mean() if known.any() else 0)


@mutant("segmentation_metrics")
def void_pixels_are_wrong(batches: Any, num_classes: int) -> Any:
    """Pixel accuracy is divided by the number of all pixels: void ones count as wrong."""
    _, n, _, _ = _hist(batches, num_classes)
    return _but(batches, num_classes, pixel_accuracy=n.sum() / sum(t.size for _, t in batches))


@mutant("segmentation_metrics")
def accuracies_exchanged(batches: Any, num_classes: int) -> Any:
    """Pixel accuracy and mean accuracy are given under each other's name."""
    right = ours.segmentation_metrics(batches, num_classes)
    return right | {"pixel_accuracy": right["mean_accuracy"], "mean_accuracy": right["pixel_accuracy"]}


@mutant("segmentation_metrics")
def nothing_counted_is_zero(batches: Any, num_classes: int) -> Any:
    """Without a single counted pixel all metrics are 0, as if everything had been wrong."""
    right = ours.segmentation_metrics(batches, num_classes)
    return {name: float(np.nan_to_num(value)) for name, value in right.items()}


@mutant("segmentation_metrics")
def in_percent(batches: Any, num_classes: int) -> Any:
    """Everything is given in percent, where shares were asked for."""
    return {name: 100 * value for name, value in ours.segmentation_metrics(batches, num_classes).items()}
