"""What a stride costs: disks and lines whose numbers are known, phases, ties, void, devices and errors."""

from __future__ import annotations

import math

import numpy as np
import pytest

from minifcn.errors import ArgumentError, ArgumentTypeError
from minifcn.labels import VOID
from minifcn.machine.backend import to_numpy
from minifcn.metrics import PAPER, WAYS, ConfusionMatrix, coarsened, upper_bound, upper_bounds
from minifcn.metrics.coarse import in_ways

I, J = np.ogrid[:128, :128]
DISK = ((I - 63.5) ** 2 + (J - 63.5) ** 2 <= 20**2).astype(np.uint8)
LINE = np.zeros((128, 128), np.uint8)
LINE[:, 62:65] = 1


def object_iu(label, stride, phase=0, way="majority"):
    matrix = ConfusionMatrix(2)
    matrix.update(coarsened(label, stride, phase, way), label)
    return round(float(matrix.iu()[1]), 3)


def test_what_is_left_of_a_disk_and_of_a_line():
    """The IU of the object alone; ties go to it."""
    assert [object_iu(DISK, stride) for stride in (2, 4, 8, 16, 32)] == [0.963, 0.927, 0.776, 0.776, 0.0]
    assert [object_iu(LINE, stride) for stride in (2, 4, 8, 16, 32)] == [0.75, 0.4, 0.0, 0.0, 0.0]


def test_it_depends_on_the_phase():
    found = {object_iu(DISK, 8, phase) for phase in range(8)}
    assert object_iu(DISK, 8, 0) == 0.776 and object_iu(DISK, 8, 4) == 0.884 and len(found) > 2
    assert object_iu(LINE, 4, (0, 3)) == object_iu(LINE, 4, (2, 3)) != object_iu(LINE, 4, (0, 0))
    moved = np.roll(DISK, (3, 5), (0, 1))
    assert object_iu(DISK, 8, (3, 5)) == object_iu(moved, 8)


def test_the_bound_is_the_mean_over_the_classes():
    for stride in (1, 2, 8):
        matrix = ConfusionMatrix(2)
        matrix.update(coarsened(DISK, stride), DISK)
        assert upper_bound(DISK, stride) == matrix.mean_iu()
    assert upper_bound(DISK, 1) == 1
    both = np.stack([DISK, LINE])
    matrix.update(coarsened(LINE, 8), LINE)
    assert upper_bound(both, 8) == matrix.mean_iu()
    assert upper_bound(np.where(DISK == 1, 7, 3), 8) == upper_bound(DISK, 8)  # whatever the classes are called


def test_blocks_ties_and_void(xp):
    label = np.array([[0, 1, 2, 2, 5], [1, 0, 3, 255, 255], [4, 255, 255, 255, 255]], np.uint8)
    expected = [[1, 1, 2, 2, 5], [1, 1, 2, 2, 5], [4, 4, 255, 255, 255]]
    made = coarsened(xp.asarray(label), 2)
    assert type(made) is xp.ndarray and made.dtype == np.uint8
    np.testing.assert_array_equal(to_numpy(made), expected)
    np.testing.assert_array_equal(to_numpy(coarsened(xp.asarray(label.astype(np.int64)), 2)), expected)
    expected = [[0, 2, 2, 5, 5], [4, 3, 3, 255, 255], [4, 3, 3, 255, 255]]
    np.testing.assert_array_equal(to_numpy(coarsened(xp.asarray(label), 2, (1, 1))), expected)
    assert upper_bound(xp.asarray(label), 1) == 1


def test_every_image_of_a_batch_for_itself(xp):
    labels = np.random.default_rng(0).integers(0, 4, (2, 3, 7, 9)).astype(np.uint8)
    whole = to_numpy(coarsened(xp.asarray(labels), 3, (1, 2)))
    for n in np.ndindex(2, 3):
        np.testing.assert_array_equal(whole[n], coarsened(labels[n], 3, (1, 2)))


def test_a_block_larger_than_the_image_has_one_label():
    np.testing.assert_array_equal(coarsened(DISK[44:84, 44:84], 64), np.ones((40, 40)))
    assert coarsened(np.zeros((0, 5), np.uint8), 4).shape == (0, 5)
    assert coarsened(np.zeros((2, 0, 5), np.uint8), 4, 3).shape == (2, 0, 5)


@pytest.mark.parametrize("way", WAYS)
def test_stride_1_changes_nothing_and_a_uniform_map_never_changes(way):
    label = np.random.default_rng(1).integers(0, 5, (9, 7)).astype(np.uint8)
    label[2, 3] = VOID
    np.testing.assert_array_equal(coarsened(label, 1, 0, way), label)
    same = np.full((7, 5), 3, np.int64)
    for stride in (2, 3, 8):
        np.testing.assert_array_equal(coarsened(same, stride, (1, 0), way), same)


def test_the_ways_by_hand():
    """One row of three blocks of 2x2, with 4, 1 and 0 pixels of class 1."""
    label = np.array([[1, 1, 0, 0, 0, 0], [1, 1, 1, 0, 0, 0]], np.uint8)
    np.testing.assert_array_equal(coarsened(label, 2), [[1, 1, 0, 0, 0, 0]] * 2)
    # The middle of a block of 2x2 is its last pixel.
    np.testing.assert_array_equal(coarsened(label.copy()[::-1, ::-1], 2, 0, "centre"), [[0, 0, 0, 0, 1, 1]] * 2)
    np.testing.assert_array_equal(coarsened(label[:, 1:], 2, 0, "centre"), [[1, 1, 0, 0, 0]] * 2)
    # Class 1 has 4, 4·3/4 + 1/4 = 3.25, 4·1/4 + 3/4 = 1.75, .75, .25 and 0 votes of four.
    np.testing.assert_array_equal(coarsened(label, 2, 0, "bilinear"), [[1, 1, 0, 0, 0, 0]] * 2)
    # With 4, 2 and 0 of them: 4, 3.5, 2.5, 1.5, .5, 0; the contour lies inside the middle block.
    half = np.array([[1, 1, 1, 0, 0, 0]] * 2, np.uint8)
    np.testing.assert_array_equal(coarsened(half, 2, 0, "bilinear"), half)
    np.testing.assert_array_equal(coarsened(half, 2), [[1, 1, 1, 1, 0, 0]] * 2)


def test_a_checkerboard_by_hand():
    """Every 2x2 block of a checkerboard is a tie, which the larger label wins: IU 1/2 of it, 0 of the other."""
    checkers = np.indices((6, 8)).sum(0) % 2
    assert upper_bound(checkers, 2) == upper_bound(checkers, 4) == 0.25
    assert upper_bound(np.kron(checkers, np.ones((2, 2), int)), 2) == 1  # whole blocks of one label
    assert upper_bound(np.kron(checkers, np.ones((2, 2), int)), 2, 1) < 1


def test_bilinear_is_that_of_interpolate():
    """The votes of the blocks as scores, enlarged by the operation that networks use."""
    from minifcn import functional as F
    from minifcn.tensor import Tensor

    label = np.random.default_rng(2).integers(0, 3, (12, 20)).astype(np.uint8)
    for s in (2, 4):
        blocks = label.reshape(12 // s, s, 20 // s, s)
        votes = np.stack([(blocks == c).sum((1, 3)) for c in range(3)])[None].astype(np.float64)
        enlarged = F.interpolate(Tensor(votes), (12, 20), mode="bilinear").data[0]
        expected = 2 - enlarged[::-1].argmax(0)  # of equal votes the largest label
        np.testing.assert_array_equal(coarsened(label, s, 0, "bilinear"), expected)


@pytest.mark.parametrize("way", WAYS)
def test_void_has_no_say_in_any_way(way, xp):
    label = np.full((6, 6), VOID, np.uint8)
    label[1, 1], label[0, 4] = 2, 1
    made = to_numpy(coarsened(xp.asarray(label), 3, 0, way))
    assert set(made[:3, :3].ravel().tolist()) == {2} if way != "bilinear" else made[0, 0] == 2
    assert made[0, 5] == 1 and (way == "bilinear" or (made[3:] == VOID).all())
    assert upper_bound(xp.asarray(label), 3, 0, way) == 1


def test_pixel_accuracy_never_rises_on_nested_strides():
    rng = np.random.default_rng(3)
    for _ in range(30):
        label = rng.integers(0, 4, (rng.integers(1, 30), rng.integers(1, 30)))
        label[rng.random(label.shape) < 0.2] = VOID
        label[0, 0] = 0
        found = upper_bounds([label], (1, 2, 4, 12, 36)).values()
        accuracies = [matrix.pixel_accuracy() for matrix in found]
        assert accuracies == sorted(accuracies, reverse=True) and accuracies[0] == 1


def test_mean_iu_may_rise_on_nested_strides():
    """A class that is second in every small block, and first in a large one."""
    corner = np.array([[0, 0, 0, 0], [1, 1, 2, 2], [0, 0, 1, 2], [3, 3, 3, 3]])
    label = np.concatenate([corner, *(np.full((4, 40), c) for c in (1, 2, 3))], 1)
    fine, coarse = upper_bounds([label], (2, 4)).values()
    assert fine.pixel_accuracy() > coarse.pixel_accuracy()
    assert fine.mean_iu() < coarse.mean_iu()


def test_classes_permuted_permute_their_iu():
    """Blocks of 3x3 and two labels have no ties."""
    label = np.random.default_rng(4).integers(0, 2, (12, 15))
    there, back = (upper_bounds([of], [3], num_classes=2)[3] for of in (label, 1 - label))
    np.testing.assert_array_equal(there.hist, back.hist[::-1, ::-1])
    np.testing.assert_array_equal(there.iu(), back.iu()[::-1])


def test_labels_of_all_sizes_are_counted_together():
    parts = [DISK, LINE[:50], DISK[30:90, 7:]]
    for way in WAYS:
        found = upper_bounds(iter(parts), (1, 8), 0, way)
        matrix = ConfusionMatrix(2)
        for part in parts:
            matrix.update(coarsened(part, 8, 0, way), part)
        assert list(found) == [1, 8] and found[1].mean_iu() == 1
        assert found[8].mean_iu() == matrix.mean_iu()
    assert object_iu(DISK, 8, 0, "bilinear") == 0.93 and object_iu(DISK, 8, 0, "centre") == 0.776
    assert PAPER[32] == 86.1 and list(PAPER.values()) == sorted(PAPER.values())


def test_all_void_is_no_number():
    with pytest.warns(RuntimeWarning, match="no pixel was counted"):
        assert math.isnan(upper_bound(np.full((4, 4), VOID), 2))


@pytest.mark.parametrize("measure", [coarsened, upper_bound])
@pytest.mark.parametrize(
    ("arguments", "error", "sentence"),
    [
        ((DISK, 0), ArgumentError, "coarsened: stride must be between 1 and 2147483647, got 0."),
        ((DISK, 2.0), ArgumentTypeError, "coarsened: stride must be an integer, got 2.0 (float)."),
        (
            (DISK, 4, (1, 4)), ArgumentError,
            "coarsened: phase (1, 4) must be smaller than stride 4; it repeats after that.",
        ),
        ((DISK, 4, -1), ArgumentError, "coarsened: phase must be between 0 and 2147483647, got -1."),
        ((DISK, 4, 0, "mean"), ArgumentError, "coarsened: way is 'mean'; choose one of majority, bilinear, centre."),
        ((DISK[0], 2), ArgumentError, "coarsened: label must be (..., H, W), got shape (128,); pass whole images."),
        ((DISK * 1.0, 2), ArgumentTypeError, "coarsened: label has dtype float64; pass integer labels (argmax of the"),
        (
            (DISK - np.int64(1), 2), ArgumentError,
            "coarsened: label holds -1 to 0 but labels run from 0 to 254 (and void is 255); map the labels.",
        ),
    ],
)  # fmt: skip
def test_a_refusal_says_who_what_and_what_to_do(measure, arguments, error, sentence):
    with pytest.raises(error) as caught:
        measure(*arguments)
    assert str(caught.value).startswith(sentence)


@pytest.mark.parametrize("shape", [(7, 9), (2, 5, 8), (0, 5)])
def test_every_way_at_once_is_each_way_by_itself(shape: tuple[int, ...]) -> None:
    label = np.random.default_rng(3).choice(np.array([0, 1, 4, 255], np.uint8), shape)
    for stride, phase in ((1, 0), (2, (0, 1)), (4, 3)):
        for ways in (WAYS, ("centre",), ("bilinear", "centre")):
            found = in_ways(label, stride, phase, ways)
            assert tuple(found) == ways
            for way, coarse in found.items():
                np.testing.assert_array_equal(coarse, coarsened(label, stride, phase, way))
                assert coarse.dtype == label.dtype
