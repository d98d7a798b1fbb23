"""Confusion matrices and metrics with one mistake each."""

from __future__ import annotations

from typing import Any

import numpy as np

from minifcn.testing import ours
from minifcn.testing.version import mutant

VOID = 255


def _cells(batches: Any, num_classes: int) -> Any:
    """Truth and prediction of every pixel that counts, as int64, after what must be refused was refused."""
    ours.confusion_matrix(batches, num_classes)
    truth = np.concatenate([t.ravel() for _, t in batches]).astype(np.int64)
    guess = np.concatenate([p.ravel() for p, _ in batches]).astype(np.int64)
    return truth[truth != VOID], guess[truth != VOID]


@mutant("confusion_matrix")
def rows_are_the_prediction(batches: Any, num_classes: int) -> Any:
    """Rows belong to the prediction and columns to the truth."""
    return ours.confusion_matrix(batches, num_classes).T


@mutant("confusion_matrix")
def cells_computed_in_bytes(batches: Any, num_classes: int) -> Any:
    """C·t + p is computed in the labels' own type: with 20 classes a byte wraps around from class 12 on."""
    ours.confusion_matrix(batches, num_classes)
    total = np.zeros(num_classes**2, np.int64)
    for guess, truth in batches:
        cells = truth[truth != VOID] * truth.dtype.type(num_classes) + guess[truth != VOID]
        total += np.bincount(cells.astype(np.int64) % num_classes**2, minlength=num_classes**2)
    return total.reshape(num_classes, num_classes)


@mutant("confusion_matrix")
def counted_in_bytes(batches: Any, num_classes: int) -> Any:
    """The counts themselves are bytes and begin anew at 256."""
    return ours.confusion_matrix(batches, num_classes).astype(np.uint8)


@mutant("confusion_matrix")
def counted_in_16_bits(batches: Any, num_classes: int) -> Any:
    """The counts are numbers of 16 bits, which one large image fills."""
    return ours.confusion_matrix(batches, num_classes).astype(np.uint16)


@mutant("confusion_matrix")
def equal_pixels_counted_once(batches: Any, num_classes: int) -> Any:
    """hist[t, p] += 1 with arrays of indices: NumPy adds once for each different pair, not for each pixel."""
    hist = np.zeros((num_classes, num_classes), np.int64)
    hist[_cells(batches, num_classes)] += 1
    return hist


@mutant("confusion_matrix")
def only_the_last_batch(batches: Any, num_classes: int) -> Any:
    """Every batch overwrites the counts of the ones before it."""
    return ours.confusion_matrix(batches[-1:], num_classes)


@mutant("confusion_matrix")
def void_counted_as_background(batches: Any, num_classes: int) -> Any:
    """Void pixels are counted as class 0."""
    ours.confusion_matrix(batches, num_classes)
    return ours.confusion_matrix([(np.where(p == VOID, 0, p), np.where(t == VOID, 0, t)) for p, t in batches],
                                 num_classes)  # fmt: skip


@mutant("confusion_matrix")
def void_must_not_be_predicted(batches: Any, num_classes: int) -> Any:
    """Predictions are checked before void pixels are left out: 255 is refused even where nothing is counted."""
    if any((p >= num_classes).any() for p, _ in batches):
        raise ValueError("There are predictions without a class.")
    return ours.confusion_matrix(batches, num_classes)


@mutant("confusion_matrix")
def void_left_out_of_the_truth_only(batches: Any, num_classes: int) -> Any:
    """Void pixels are taken out of the truth but not out of the prediction, and the rest no longer fits together."""
    truth, _ = _cells(batches, num_classes)
    guess = np.concatenate([p.ravel() for p, _ in batches])[: len(truth)]
    return ours.confusion_matrix([(np.minimum(guess, num_classes - 1), truth)], num_classes)


@mutant("confusion_matrix")
def wrong_predictions_left_out(batches: Any, num_classes: int) -> Any:
    """A prediction beyond the classes is left out without a word, and the pixel counts neither as right nor wrong."""
    kept = [((p >= 0) & (p < num_classes), p, t) for p, t in batches if p.shape == t.shape]
    kept = kept or [(np.ones(p.shape, bool), p, t) for p, t in batches]
    return ours.confusion_matrix([(p[k], t[k]) for k, p, t in kept], num_classes)


@mutant("confusion_matrix")
def cut_to_the_shorter(batches: Any, num_classes: int) -> Any:
    """Prediction and truth of different sizes are paired as far as they go."""
    rows = [(p.ravel()[: t.size], t.ravel()[: p.size]) for p, t in batches]
    return ours.confusion_matrix(rows, num_classes)


@mutant("confusion_matrix")
def bins_without_a_range(batches: Any, num_classes: int) -> Any:
    """A histogram with C bins over the labels that occur: if the smallest is not 0, all counts shift."""
    truth, guess = _cells(batches, num_classes)
    return np.histogram2d(truth, guess, bins=num_classes)[0].astype(np.int64)


@mutant("confusion_matrix")
def shares_instead_of_counts(batches: Any, num_classes: int) -> Any:
    """Every row is divided by its sum, so that batches can no longer be added."""
    hist = ours.confusion_matrix(batches, num_classes)
    return hist / np.maximum(hist.sum(1, keepdims=True), 1)


@mutant("confusion_matrix")
def void_erased_in_the_callers_array(batches: Any, num_classes: int) -> Any:
    """Void labels are set to 0 in the caller's own array after they were counted out."""
    hist = ours.confusion_matrix(batches, num_classes)
    for _, target in batches:
        target[target == VOID] = 0
    return hist
