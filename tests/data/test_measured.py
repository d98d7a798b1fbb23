"""Mean and standard deviation: those of all pixels, exactly, from images of any number and size."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image as pillow

from minifcn.data import Folder, InMemory
from minifcn.data.measured import Measured, evenly, mean_and_deviation

Image = NDArray[np.uint8]


def images(low: int = 0, high: int = 256) -> list[Image]:
    rng = np.random.default_rng(0)
    return [rng.integers(low, high, (*size, 3)).astype(np.uint8) for size in ((4, 7), (1, 1), (9, 2))]


class Counted(Measured):
    """Counts how often its images are asked for."""

    asked = 0

    def _images_to_measure(self) -> Iterator[Image]:
        self.asked += 1
        return iter(images())


def test_they_are_those_of_all_pixels_however_these_are_cut_into_images() -> None:
    pixels = np.concatenate([image.reshape(-1, 3) for image in images()])
    mean, std = mean_and_deviation(images())
    np.testing.assert_allclose(mean, pixels.mean(0), rtol=1e-7)
    np.testing.assert_allclose(std, pixels.std(0), rtol=1e-7)
    assert mean.dtype == std.dtype == np.float32 and mean.shape == std.shape == (3,)
    for found, expected in zip(mean_and_deviation([pixels[:, None]]), (mean, std), strict=True):
        np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize(("low", "high"), [(7, 8), (7, 9)])  # one grey, and two neighbours: a deviation of 0, and of ½
def test_a_deviation_below_1_counts_as_1(low: int, high: int) -> None:
    mean, std = mean_and_deviation(images(low, high))
    assert std.tolist() == [1, 1, 1] and (mean >= low).all() and (mean < high).all()


def test_many_white_pixels_are_summed_without_rounding() -> None:
    halves = [np.full((1000, 1000, 3), value, np.uint8) for value in (254, 252)] * 20
    mean, std = mean_and_deviation(halves)
    assert mean.tolist() == [253, 253, 253] and std.tolist() == [1, 1, 1]


def test_they_are_measured_once_and_when_asked_for() -> None:
    data = Counted()
    assert data.asked == 0
    np.testing.assert_array_equal(data.mean, mean_and_deviation(images())[0])
    np.testing.assert_array_equal(data.std, mean_and_deviation(images())[1])
    assert data.asked == 1
    with pytest.raises(NotImplementedError):
        _ = Measured().mean


def test_arrays_and_files_of_the_same_pixels_have_the_same(tmp_path: Path) -> None:
    (tmp_path / "classes.toml").write_text('[[class]]\nname = "one"\n[[class]]\nname = "two"\n')
    for index, image in enumerate(images()):
        for folder, pixels in (("images", image), ("masks", np.zeros(image.shape[:2], np.uint8))):
            (tmp_path / folder).mkdir(exist_ok=True)
            pillow.fromarray(pixels).save(tmp_path / folder / f"p{index}.png")
    arrays = InMemory.of([(image, np.zeros(image.shape[:2], np.uint8)) for image in images()])
    (tmp_path / "train.txt").write_text("p0\np1\np2\n")
    files = Folder(tmp_path, "train")
    np.testing.assert_array_equal(files.mean, arrays.mean)
    np.testing.assert_array_equal(files.std, arrays.std)


@pytest.mark.parametrize(
    ("length", "most", "expected"),
    [(3, 5, [0, 1, 2]), (10, 4, [0, 2, 5, 7]), (0, 5, []), (250, 100, [k * 250 // 100 for k in range(100)])],
)
def test_some_are_spread_evenly(length: int, most: int, expected: list[int]) -> None:
    assert evenly(range(length), most) == expected
