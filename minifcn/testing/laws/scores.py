"""Laws of the four metrics of segmentation: what changes none of them, closed forms, and how they are ordered."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from minifcn.testing.law import close, demand, law
from minifcn.testing.laws.metrics import VOID, Batches, MetricsCase, metrics_cases, renamed
from minifcn.testing.operations import Operations

NAMES = {"pixel_accuracy": "pixel accuracy", "mean_accuracy": "mean accuracy", "mean_iu": "mean IU",
         "frequency_weighted_iu": "frequency weighted IU"}  # fmt: skip


def same(found: dict[str, float], expected: dict[str, float], names: Any = tuple(NAMES), of: str = "") -> None:
    """LawBroken unless the named metrics agree, up to the order in which at most 20 numbers are added."""
    for name in names:
        close(found[name], expected[name], f"the {NAMES[name]}{of}", atol=1e-12, rtol=0)


@law("segmentation_metrics", cases=metrics_cases)
def a_perfect_prediction_has_one_everywhere(ops: Operations, case: MetricsCase) -> None:
    """Predict the truth and all four metrics are 1, void or not.

    p = t  ⟹  pixel accuracy = mean accuracy = mean IU = frequency weighted IU = 1
    """
    found = ops.segmentation_metrics([(target, target) for _, target in case.batches], case.num_classes)
    same(found, dict.fromkeys(NAMES, 1.0), of=" of the truth itself")


@law("segmentation_metrics", cases=metrics_cases)
def nothing_right_has_zero_everywhere(ops: Operations, case: MetricsCase) -> None:
    """Predict every pixel wrong and all four metrics are 0.

    p ≠ t everywhere  ⟹  all 0
    """
    wrong = [((t % case.num_classes + 1) % case.num_classes, t) for _, t in case.batches]
    found = ops.segmentation_metrics(wrong, case.num_classes)
    same(found, dict.fromkeys(NAMES, 0.0), of=" with (t + 1) mod C predicted")


@law("segmentation_metrics", cases=metrics_cases)
def one_class_everywhere(ops: Operations, case: MetricsCase) -> None:
    """Predicting class k for every pixel gives k's share f of the pixels, and what follows from it.

    pixel accuracy = f,  mean accuracy = 1/K,  mean IU = f/K,  frequency weighted IU = f²
        for the K classes in the truth, k among them;  without k: all 0
    """
    target = case.counted[1]
    for k in sorted({int(target[0]), 0, case.num_classes - 1}):
        found = ops.segmentation_metrics([(np.full_like(t, k), t) for _, t in case.batches], case.num_classes)
        f, K = (target == k).mean(), len(set(target.tolist()))
        expected = {"pixel_accuracy": f, "mean_accuracy": (f > 0) / K, "mean_iu": f / K, "frequency_weighted_iu": f * f}
        same(found, expected, of=f" with {k} predicted everywhere")


@law("segmentation_metrics", cases=metrics_cases)
def the_metrics_of_all_batches_are_no_mean(ops: Operations, case: MetricsCase) -> None:
    """Into which batches a set is cut means nothing: pixels are counted over all of it, then divided once.

    metrics(batch 1, ..., batch B) = metrics(all pixels as one batch)
    """
    found = ops.segmentation_metrics(case.batches, case.num_classes)
    same(found, ops.segmentation_metrics([case.whole], case.num_classes))


@law("segmentation_metrics", cases=metrics_cases)
def numbers_of_classes_mean_nothing(ops: Operations, case: MetricsCase) -> None:
    """Number the classes otherwise, in prediction and truth alike, and all four metrics stay: none is a background.

    metrics(σ(p), σ(t)) = metrics(p, t)
    """
    other = [(renamed(prediction, case), renamed(target, case)) for prediction, target in case.batches]
    found = ops.segmentation_metrics(other, case.num_classes)
    same(found, ops.segmentation_metrics(case.batches, case.num_classes))


@law("segmentation_metrics", cases=metrics_cases)
def classes_that_never_occur_are_left_out(ops: Operations, case: MetricsCase) -> None:
    """A class that neither truth nor prediction has is no part of any mean, neither as 0 nor as 1.

    metrics(p, t, C + 3) = metrics(p, t, C)
    """
    found = ops.segmentation_metrics(case.batches, case.num_classes + 3)
    same(found, ops.segmentation_metrics(case.batches, case.num_classes))


@law("segmentation_metrics", cases=metrics_cases)
def void_pixels_leave_the_metrics(ops: Operations, case: MetricsCase) -> None:
    """A void pixel is neither right nor wrong: the metrics are those of the other pixels.

    metrics(p, t) = metrics(p, t where t is not void)
    """
    found = ops.segmentation_metrics(case.batches, case.num_classes)
    same(found, ops.segmentation_metrics([case.counted], case.num_classes))


@law("segmentation_metrics", cases=metrics_cases, void=False)
def intersection_and_union_are_symmetric(ops: Operations, case: MetricsCase) -> None:
    """Prediction and truth may be exchanged for mean IU and pixel accuracy; the other two know which is which.

    mean IU(t, p) = mean IU(p, t),   pixel accuracy(t, p) = pixel accuracy(p, t)
    """
    turned = [(target, prediction) for prediction, target in case.batches]
    found = ops.segmentation_metrics(turned, case.num_classes)
    same(found, ops.segmentation_metrics(case.batches, case.num_classes), ("mean_iu", "pixel_accuracy"))


@law("segmentation_metrics", cases=metrics_cases)
def two_halves_meet_in_a_third(ops: Operations, case: MetricsCase) -> None:
    """Two equal halves that overlap by half: of four pixels each gets one right, out of the three it touches.

    t = i i j j, p = i j j i  ⟹  accuracies 1/2, both IUs 1/3
    """
    i, j = case.num_classes - 1, int(case.counted[1][0])
    if i == j:
        i -= 1
    n = case.batches[0][1].size
    t, p = np.repeat([i, i, j, j], n).astype(np.uint8), np.repeat([i, j, j, i], n).astype(np.uint8)
    found = ops.segmentation_metrics([(p, t)], case.num_classes)
    expected = {"pixel_accuracy": 1 / 2, "mean_accuracy": 1 / 2, "mean_iu": 1 / 3, "frequency_weighted_iu": 1 / 3}
    same(found, expected, of=f" of t = {i} {i} {j} {j}, p = {i} {j} {j} {i}")


@law("segmentation_metrics", cases=metrics_cases)
def the_accuracies_are_counted_in_pixels(ops: Operations, case: MetricsCase) -> None:
    """Pixel accuracy is the share of right pixels, mean accuracy the mean of that share over the true classes.

    pixel accuracy = mean(p = t),   mean accuracy = mean_i mean(p = t where t = i)
    """
    found, (prediction, target) = ops.segmentation_metrics(case.batches, case.num_classes), case.counted
    right = prediction == target
    each = [right[target == i].mean() for i in sorted(set(target.tolist()))]
    same(found, {"pixel_accuracy": right.mean(), "mean_accuracy": np.mean(each)}, ("pixel_accuracy", "mean_accuracy"))


@law("segmentation_metrics", cases=metrics_cases)
def overlap_is_at_most_accuracy(ops: Operations, case: MetricsCase) -> None:
    """A union is no smaller than the truth in it, so an IU never exceeds the accuracy it belongs to; none exceeds 1.

    0 ≤ mean IU ≤ mean accuracy ≤ 1,   0 ≤ frequency weighted IU ≤ pixel accuracy ≤ 1
    """
    found = ops.segmentation_metrics(case.batches, case.num_classes)
    for smaller, larger in (("mean_iu", "mean_accuracy"), ("frequency_weighted_iu", "pixel_accuracy")):
        low, high = found[smaller], found[larger]
        demand(-1e-12 <= low <= high + 1e-12 and high <= 1 + 1e-12,
               f"The {NAMES[smaller]} is {low:.6g} and the {NAMES[larger]} {high:.6g}; they should be in this order "
               f"between 0 and 1.")  # fmt: skip


@law("segmentation_metrics", cases=metrics_cases)
def a_repaired_pixel_never_hurts(ops: Operations, case: MetricsCase) -> None:
    """Make one wrong pixel right: no metric falls, and pixel accuracy rises by one pixel's share.

    p' = p but for one wrong pixel  ⟹  metrics(p', t) ≥ metrics(p, t),   pixel accuracy + 1/n
    """
    prediction, target = case.counted
    wrong = np.flatnonzero(prediction != target)
    if not len(wrong):
        return
    better = prediction.copy()
    better[wrong[0]] = target[wrong[0]]
    before = ops.segmentation_metrics([(prediction, target)], case.num_classes)
    after = ops.segmentation_metrics([(better, target)], case.num_classes)
    for name, words in NAMES.items():
        demand(after[name] >= before[name] - 1e-12, f"The {words} fell from {before[name]:.6g} to {after[name]:.6g}.")
    close(after["pixel_accuracy"], before["pixel_accuracy"] + 1 / len(target), "the pixel accuracy", atol=1e-12)


@law("segmentation_metrics", cases=metrics_cases)
def nothing_counted_is_not_a_number(ops: Operations, case: MetricsCase) -> None:
    """Without a single pixel that counts there is nothing to say: no metric is 0 or 1 by accident.

    t = void everywhere  ⟹  all four are NaN
    """
    void: Batches = [(prediction, np.full_like(target, VOID)) for prediction, target in case.batches]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        same(ops.segmentation_metrics(void, case.num_classes), dict.fromkeys(NAMES, float("nan")))
