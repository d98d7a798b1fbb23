"""Confusion matrices and metrics with one mistake each."""

from __future__ import annotations

from typing import Any

import numpy as np

from minifcn.testing import ours
from minifcn.testing.version import changes, mutant, spoils

VOID = 255


def _cells(batches: Any, num_classes: int) -> Any:
    """Truth and prediction of every pixel that counts, as int64, after what must be refused was refused."""
    ours.confusion_matrix(batches, num_classes)
    truth = np.concatenate([t.ravel() for _, t in batches]).astype(np.int64)
    guess = np.concatenate([p.ravel() for p, _ in batches]).astype(np.int64)
    return truth[truth != VOID], guess[truth != VOID]


@spoils("confusion_matrix")
def rows_are_the_prediction(hist: Any, /) -> Any:
    """Rows belong to the prediction and columns to the truth."""
    return hist.T


@spoils("confusion_matrix")
def cells_computed_in_bytes(hist: Any, /, batches: Any, num_classes: Any) -> Any:
    """C·t + p is computed in the labels' own type: with 20 classes a byte wraps around from class 12 on."""
    total = np.zeros(hist.size, np.int64)
    for guess, truth in batches:
        cells = truth[truth != VOID] * truth.dtype.type(num_classes) + guess[truth != VOID]
        total += np.bincount(cells.astype(np.int64) % hist.size, minlength=hist.size)
    return total.reshape(hist.shape)


@spoils("confusion_matrix")
def counted_in_bytes(hist: Any, /) -> Any:
    """The counts themselves are bytes and begin anew at 256."""
    return hist.astype(np.uint8)


@spoils("confusion_matrix")
def counted_in_16_bits(hist: Any, /) -> Any:
    """The counts are numbers of 16 bits, which one large image fills."""
    return hist.astype(np.uint16)


@mutant("confusion_matrix")
def equal_pixels_counted_once(batches: Any, num_classes: int) -> Any:
    """hist[t, p] += 1 with arrays of indices: NumPy adds once for each different pair, not for each pixel."""
    hist = np.zeros((num_classes, num_classes), np.int64)
    hist[_cells(batches, num_classes)] += 1
    return hist


@spoils("confusion_matrix")
def equal_pixels_of_a_batch_counted_once(batches: Any, again: Any) -> Any:
    """hist[t, p] += 1 with the arrays of a batch: NumPy adds once for each different pair, not for each pixel."""
    again()  # refuses what must be refused
    return sum(np.minimum(again(batches=[batch]), 1) for batch in batches)


@changes("confusion_matrix")
def only_the_last_batch(batches: Any) -> Any:
    """Every batch overwrites the counts of the ones before it."""
    return {"batches": batches[-1:]}


@spoils("confusion_matrix")
def void_counted_as_background(batches: Any, again: Any) -> Any:
    """Void pixels are counted as class 0."""
    again()  # refuses what must be refused
    return again(batches=[(np.where(p == VOID, 0, p), np.where(t == VOID, 0, t)) for p, t in batches])


@spoils("confusion_matrix")
def void_must_not_be_predicted(batches: Any, num_classes: Any, again: Any) -> Any:
    """Predictions are checked before void pixels are left out: 255 is refused even where nothing is counted."""
    if any((p >= num_classes).any() for p, _ in batches):
        raise ValueError("There are predictions without a class.")
    return again()


@changes("confusion_matrix")
def void_left_out_of_the_truth_only(batches: Any, num_classes: Any) -> Any:
    """Void pixels are taken out of the truth but not out of the prediction, and the rest no longer fits together."""
    truth, _ = _cells(batches, num_classes)
    guess = np.concatenate([p.ravel() for p, _ in batches])[: len(truth)]
    return {"batches": [(np.minimum(guess, num_classes - 1), truth)]}


@changes("confusion_matrix")
def wrong_predictions_left_out(batches: Any, num_classes: Any) -> Any:
    """A prediction beyond the classes is left out without a word, and the pixel counts neither as right nor wrong."""
    kept = [((p >= 0) & (p < num_classes), p, t) for p, t in batches if p.shape == t.shape]
    kept = kept or [(np.ones(p.shape, bool), p, t) for p, t in batches]
    return {"batches": [(p[k], t[k]) for k, p, t in kept]}


@changes("confusion_matrix")
def cut_to_the_shorter(batches: Any) -> Any:
    """Prediction and truth of different sizes are paired as far as they go."""
    return {"batches": [(p.ravel()[: t.size], t.ravel()[: p.size]) for p, t in batches]}


@mutant("confusion_matrix")
def bins_without_a_range(batches: Any, num_classes: int) -> Any:
    """A histogram with C bins over the labels that occur: if the smallest is not 0, all counts shift."""
    truth, guess = _cells(batches, num_classes)
    return np.histogram2d(truth, guess, bins=num_classes)[0].astype(np.int64)


@spoils("confusion_matrix")
def shares_instead_of_counts(hist: Any, /) -> Any:
    """Every row is divided by its sum, so that batches can no longer be added."""
    return hist / np.maximum(hist.sum(1, keepdims=True), 1)


@spoils("confusion_matrix")
def void_erased_in_the_callers_array(hist: Any, /, batches: Any) -> Any:
    """Void labels are set to 0 in the caller's own array after they were counted out."""
    for _, target in batches:
        target[target == VOID] = 0
    return hist
