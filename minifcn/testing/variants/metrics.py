"""Confusion matrices and metrics computed in other ways than minifcn does."""

from __future__ import annotations

from collections import Counter
from fractions import Fraction
from typing import Any

import numpy as np

from minifcn.testing.version import variant

VOID = 255


def _pixels(batches: Any, num_classes: int) -> list[tuple[int, int]]:
    """(truth, prediction) of every pixel that counts, as Python's integers."""
    pixels = []
    for prediction, target in batches:
        if prediction.shape != target.shape:
            raise ValueError(f"The shapes {prediction.shape} and {target.shape} differ.")
        pairs = zip(target.ravel().tolist(), prediction.ravel().tolist(), strict=True)
        pixels += [(truth, guess) for truth, guess in pairs if truth != VOID]
    if any(not 0 <= label < num_classes for pixel in pixels for label in pixel):
        raise ValueError("There are labels without a class.")
    return pixels


@variant("confusion_matrix")
def counted_by_hand(batches: Any, num_classes: int) -> Any:
    """A tally of pairs, pixel by pixel."""
    tally = Counter(_pixels(batches, num_classes))
    return np.array([[tally[i, j] for j in range(num_classes)] for i in range(num_classes)])


@variant("confusion_matrix")
def product_of_onehots(batches: Any, num_classes: int) -> Any:
    """The one-hot table of the truth, transposed, times that of the prediction."""
    truth, guess = np.array(_pixels(batches, num_classes), dtype=int).reshape(-1, 2).T
    unit = np.eye(num_classes, dtype=int)
    return unit[truth].T @ unit[guess]


@variant("segmentation_metrics")
def by_sets_of_pixels(batches: Any, num_classes: int) -> Any:
    """Intersections and unions of sets of pixels, for each class that occurs."""
    pixels = list(enumerate(_pixels(batches, num_classes)))
    if not pixels:
        return dict.fromkeys(("pixel_accuracy", "mean_accuracy", "mean_iu", "frequency_weighted_iu"), float("nan"))
    accuracies, overlaps, weighted = [], [], 0.0
    for k in range(num_classes):
        true, guessed = ({q for q, pair in pixels if pair[side] == k} for side in (0, 1))
        if not true | guessed:
            continue
        overlaps.append(len(true & guessed) / len(true | guessed))
        weighted += overlaps[-1] * len(true) / len(pixels)
        if true:
            accuracies.append(len(true & guessed) / len(true))
    right = sum(truth == guess for _, (truth, guess) in pixels)
    return {
        "pixel_accuracy": right / len(pixels),
        "mean_accuracy": float(np.mean(accuracies)),
        "mean_iu": float(np.mean(overlaps)),
        "frequency_weighted_iu": weighted,
    }


@variant("segmentation_metrics")
def in_exact_fractions(batches: Any, num_classes: int) -> Any:
    """Fractions of whole numbers until the end, from the tally of pairs."""
    tally = Counter(_pixels(batches, num_classes))
    total, classes = sum(tally.values()), range(num_classes)
    if not total:
        return dict.fromkeys(("pixel_accuracy", "mean_accuracy", "mean_iu", "frequency_weighted_iu"), float("nan"))
    truth = [sum(tally[k, other] for other in classes) for k in classes]
    union = [truth[k] + sum(tally[other, k] for other in classes) - tally[k, k] for k in classes]
    iu = [Fraction(tally[k, k], union[k]) if union[k] else None for k in classes]
    known, accuracy = [v for v in iu if v is not None], [Fraction(tally[k, k], truth[k]) for k in classes if truth[k]]
    return {
        "pixel_accuracy": float(Fraction(sum(tally[k, k] for k in classes), total)),
        "mean_accuracy": float(sum(accuracy) / Fraction(len(accuracy))),
        "mean_iu": float(sum(known) / Fraction(len(known))),
        "frequency_weighted_iu": float(sum(((v or 0) * truth[k] for k, v in enumerate(iu)), Fraction(0)) / total),
    }
