"""Weights of classes: the median frequency over the frequency, where frequency asks how full the images are with it."""

from __future__ import annotations

import numpy as np
import pytest

from minifcn.data import VOID, Sample
from minifcn.errors import ArgumentError
from minifcn.training.balance import median_frequency_weights


class Labels:
    name = "hand-made"
    classes = ("common", "rare", "half")

    def __init__(self, *labels: list[list[int]]) -> None:
        self.labels = [np.array(label, np.uint8) for label in labels]

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> Sample:
        label = self.labels[index]
        return Sample(np.zeros((*label.shape, 3), np.uint8), label, f"{index}")


def test_the_formula_by_hand() -> None:
    # Pixels: common 4 + 6 of 8 + 8, rare 2 of 8 (in the second alone), half 4 of 8 (in the first alone); void is nothing.
    data = Labels([[0, 0, 0, 0, VOID], [2, 2, 2, 2, VOID]], [[0, 0, 0, 1], [0, 0, 0, 1]])
    found = median_frequency_weights(data)
    assert found.dtype == np.float32
    frequency = np.array([10 / 16, 2 / 8, 4 / 8])
    np.testing.assert_allclose(found, 0.5 / frequency, rtol=1e-6)
    assert found.argmax() == 1
    np.testing.assert_allclose(median_frequency_weights(data, 0.5), (0.5 / frequency) ** 0.5, rtol=1e-6)
    np.testing.assert_allclose(median_frequency_weights(data, 0.5), np.sqrt(0.5 / frequency), rtol=1e-6)
    assert (median_frequency_weights(data, 0.0) == 1).all()


def test_images_without_labelled_pixels_change_nothing() -> None:
    data = Labels([[0, 1, 2, 2]])
    empty = Labels([[0, 1, 2, 2]], [[VOID, VOID]])
    assert np.array_equal(median_frequency_weights(data), median_frequency_weights(empty))


def test_classes_that_never_occur_are_named() -> None:
    with pytest.raises(
        ArgumentError, match=r"class weights: rare, half never occur in hand-made; use --balance none\."
    ):
        median_frequency_weights(Labels([[0, 0, VOID]]))
