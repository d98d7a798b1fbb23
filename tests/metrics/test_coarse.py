"""What a stride costs: disks and lines whose numbers are known, phases, ties, void, devices and errors."""

from __future__ import annotations

import math

import numpy as np
import pytest

from minifcn.errors import ArgumentError, ArgumentTypeError
from minifcn.labels import VOID
from minifcn.machine.backend import to_numpy
from minifcn.metrics import ConfusionMatrix, coarsened, upper_bound

I, J = np.ogrid[:128, :128]
DISK = ((I - 63.5) ** 2 + (J - 63.5) ** 2 <= 20**2).astype(np.uint8)
LINE = np.zeros((128, 128), np.uint8)
LINE[:, 62:65] = 1


def object_iu(label, stride, phase=0):
    matrix = ConfusionMatrix(2)
    matrix.update(coarsened(label, stride, phase), label)
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
