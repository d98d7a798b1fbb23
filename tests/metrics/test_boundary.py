"""Boundary IU: numbers counted by hand, what void and the border mean, data sets, devices and errors."""

from __future__ import annotations

import math

import numpy as np
import pytest

from minifcn.errors import ArgumentError, ArgumentTypeError
from minifcn.labels import VOID
from minifcn.machine.backend import to_numpy
from minifcn.metrics import BoundaryCounts, ConfusionMatrix, boundary_iu
from minifcn.metrics.boundary import contour_band


def square(size, top, left, side, value=1):
    labels = np.zeros((size, size), np.uint8)
    labels[top : top + side, left : left + side] = value
    return labels


def test_a_band_is_as_wide_as_the_distance(xp):
    region = xp.asarray(square(9, 1, 1, 7) == 1)
    for distance, inside in ((1, 5), (2, 3), (3, 1), (4, 0), (100, 0)):
        band = to_numpy(contour_band(region, distance))
        expected = (square(9, 1, 1, 7) == 1) & ~(square(9, 1 + distance, 1 + distance, inside) == 1)
        np.testing.assert_array_equal(band, expected)


def test_where_the_image_ends_there_is_a_contour(xp):
    everything = xp.ones((2, 5, 6), bool)
    band = to_numpy(contour_band(everything, 1))
    assert band.sum() == 2 * (30 - 12) and not band[:, 1:-1, 1:-1].any()
    assert to_numpy(contour_band(everything, 3)).all()
    assert not to_numpy(contour_band(~everything, 3)).any()


def test_numbers_counted_by_hand(xp):
    """A square of 4x4, a column further right: each contour has 12 pixels, and they share the two columns' ends."""
    target, prediction = xp.asarray(square(6, 1, 1, 4)), xp.asarray(square(6, 1, 2, 4))
    counts = BoundaryCounts(2, 1)
    counts.update(prediction, target)
    assert (counts.intersection[1], counts.union[1]) == (6, 18)
    assert (counts.intersection[0], counts.union[0]) == (16, 24)
    np.testing.assert_array_equal(boundary_iu(prediction, target, 2, 1), [16 / 24, 6 / 18])
    assert type(counts.union) is np.ndarray


def test_a_pixel_too_much_costs_a_large_region_as_much_as_a_small_one():
    """Its ordinary IU comes nearer and nearer to 1, the larger it is; its boundary IU hardly moves."""
    ordinary, along_the_contour = [], []
    for side in (8, 16, 32):
        target, prediction = square(40, 2, 2, side), square(40, 1, 1, side + 2)
        matrix = ConfusionMatrix(2)
        matrix.update(prediction, target)
        ordinary.append(matrix.iu()[1])
        along_the_contour.append(boundary_iu(prediction, target, 2, distance=2)[1])
    assert ordinary == sorted(ordinary) and ordinary[-1] - ordinary[0] > 0.2
    assert max(along_the_contour) - min(along_the_contour) < 0.05


def test_void_is_in_no_region(xp):
    target = square(8, 2, 2, 4)
    target[2:6, 4:] = VOID
    right = np.where(target == VOID, 1, target)
    np.testing.assert_array_equal(boundary_iu(xp.asarray(right), xp.asarray(target), 2, 1), [1, 1])
    wild = np.where(target == VOID, 77, target).astype(np.uint8)
    np.testing.assert_array_equal(boundary_iu(wild, target, 2, 1), [1, 1])


def test_classes_that_are_nowhere_and_classes_that_are_only_predicted():
    target, prediction = square(6, 1, 1, 3), square(6, 1, 1, 3, value=2)
    counts = BoundaryCounts(4, 1)
    counts.update(prediction, target)
    np.testing.assert_array_equal(counts.iu(), [1, 0, 0, math.nan])
    assert counts.mean_iu() == 1 / 3
    assert math.isnan(BoundaryCounts(3).mean_iu())


def test_images_are_added_up_before_anything_is_divided(xp):
    source = np.random.default_rng(0)
    prediction, target = source.integers(0, 3, (2, 4, 7, 9)), source.integers(0, 3, (2, 4, 7, 9)).astype(np.uint8)
    whole, one_by_one = BoundaryCounts(3, 2), BoundaryCounts(3, 2)
    whole.update(xp.asarray(prediction), xp.asarray(target))
    for p, t in zip(prediction.reshape(8, 7, 9), target.reshape(8, 7, 9), strict=True):
        one_by_one.update(xp.asarray(p), xp.asarray(t))
    np.testing.assert_array_equal(whole.intersection, one_by_one.intersection)
    np.testing.assert_array_equal(whole.union, one_by_one.union)
    np.testing.assert_array_equal(boundary_iu(prediction, target, 3, 2), whole.iu())


def test_the_distance_is_two_percent_of_the_diagonal_unless_given():
    """300x400: a diagonal of 500, a distance of 10; a small image has 1."""
    target, prediction = np.zeros((300, 400), np.uint8), np.zeros((300, 400), np.uint8)
    target[100:200, 100:200], prediction[103:203, 100:200] = 1, 1
    np.testing.assert_array_equal(boundary_iu(prediction, target, 2), boundary_iu(prediction, target, 2, 10))
    assert not np.array_equal(boundary_iu(prediction, target, 2), boundary_iu(prediction, target, 2, 9))
    both = np.stack([prediction] * 90), np.stack([target] * 90)  # a batch has no longer diagonal
    np.testing.assert_array_equal(boundary_iu(*both, 2), boundary_iu(prediction, target, 2, 10))
    small = square(9, 2, 2, 5), square(9, 2, 3, 5)
    np.testing.assert_array_equal(boundary_iu(*small, 2), boundary_iu(*small, 2, 1))
    assert repr(BoundaryCounts(2)) == "BoundaryCounts(num_classes=2, distance=None)"


def test_an_image_of_no_pixels_adds_nothing(xp):
    counts = BoundaryCounts(2, 1)
    for shape in ((0, 5), (5, 0), (0, 4, 4)):
        counts.update(xp.zeros(shape, np.uint8), xp.zeros(shape, np.uint8))
    assert not counts.union.any()


@pytest.mark.parametrize(
    ("prediction", "target", "options", "error", "sentence"),
    [
        (
            np.zeros((2, 3), int), np.zeros((3, 2), int), {}, ArgumentError,
            "update: prediction has shape (2, 3) but target has (3, 2); pass equal shapes.",
        ),
        (np.zeros(3, int), np.zeros(3, int), {}, ArgumentError, "update: target must be (..., H, W), got shape (3,); "),
        (np.zeros((2, 2)), np.zeros((2, 2), int), {}, ArgumentTypeError, "update: prediction has dtype float64; pass"),
        (np.zeros((2, 2), int), [[0]], {}, ArgumentTypeError, "update: target is a list; pass a NumPy or CuPy array"),
        (
            np.full((2, 2), 3), np.zeros((2, 2), int), {}, ArgumentError,
            "update: prediction holds 3 but labels run from 0 to 1; map the labels or pass a larger num_classes.",
        ),
        (
            np.zeros((2, 2), int), np.full((2, 2), -1), {}, ArgumentError,
            "update: target holds -1 but labels run from 0 to 1 (and void is 255); map the labels or pass a larger",
        ),
        (
            np.zeros((2, 2), int), np.zeros((2, 2), int), {"distance": 0}, ArgumentError,
            "BoundaryCounts: distance must be between 1",
        ),
        (
            np.zeros((2, 2), int), np.zeros((2, 2), int), {"distance": 1.5}, ArgumentTypeError,
            "BoundaryCounts: distance must be an integer, got 1.5",
        ),
        (np.zeros((2, 2), int), np.zeros((2, 2), int), {"num_classes": 256}, ArgumentError, "num_classes is 256; pass"),
    ],
)  # fmt: skip
def test_a_refusal_says_who_what_and_what_to_do(prediction, target, options, error, sentence):
    with pytest.raises(error) as caught:
        boundary_iu(prediction, target, **{"num_classes": 2, **options})
    assert str(caught.value).startswith(sentence)
