"""A data set of arrays: what it measures, and what it refuses. And how data sets print."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from minifcn.data import DataLoader, InMemory, Resize, Scenes
from minifcn.errors import ArgumentError, ArgumentTypeError, FileError

IMAGE = np.arange(72, dtype=np.uint8).reshape(4, 6, 3)
LABEL = np.arange(24, dtype=np.uint8).reshape(4, 6) % 3


def test_pairs_become_samples_and_are_copied() -> None:
    image, label = IMAGE.copy(), LABEL.astype(np.int64)
    label[0, 0] = 255
    data = InMemory.of([(image, label), [IMAGE[::-1], LABEL.tolist()]], name="mine")
    assert len(data) == 2 and data.name == "mine" and data.classes == ("class 0", "class 1", "class 2")
    assert data.palette.shape == (3, 3) and data[0].label.dtype == np.uint8 and data[0].label[0, 0] == 255
    image[...] = 0
    label[...] = 0
    np.testing.assert_array_equal(data[0].image, IMAGE)
    assert data[0].label[0, 1] == 1
    np.testing.assert_array_equal(data[-1].label, LABEL)
    image[0, 0] = 1  # the caller's array is not locked


def test_mean_and_deviation_are_those_of_all_pixels() -> None:
    images = [IMAGE, np.full((2, 3, 3), 7, np.uint8)]
    data = InMemory.of([(image, np.zeros(image.shape[:2], np.uint8)) for image in images])
    pixels = np.concatenate([image.reshape(-1, 3) for image in images]).astype(float)
    np.testing.assert_allclose(data.mean, pixels.mean(0), rtol=1e-6)
    np.testing.assert_allclose(data.std, pixels.std(0), rtol=1e-6)
    flat = InMemory.of([(images[1], np.zeros((2, 3), np.uint8))])
    assert flat.std.tolist() == [1, 1, 1] and not next(iter(DataLoader(flat, 1))).images.any()


def test_a_loader_checks_the_labels_against_the_classes() -> None:
    with pytest.raises(FileError, match="pair 0: the label holds value 2, but the 2 classes are 0..1"):
        next(iter(DataLoader(InMemory.of([(IMAGE, LABEL)], ["a", "b"]), 1)))
    with pytest.raises(FileError, match="pair 0: the image is 4x6 but its label is 6x4"):
        next(iter(DataLoader(InMemory.of([(IMAGE, LABEL.T)]), 1)))


@pytest.mark.parametrize(
    ("pairs", "error", "message"),
    [
        ([], ArgumentError, "there is no pair of image and label"),
        ([IMAGE], ArgumentTypeError, r"element 0 is a ndarray, not a pair \(image, label\)"),
        ([(IMAGE, LABEL), (IMAGE,)], ArgumentTypeError, "element 1 is a tuple, not a pair"),
        ([(IMAGE / 255, LABEL)], ArgumentTypeError, r"the image of pair 0 is float64 \(4, 6, 3\); it must be uint8"),
        ([(IMAGE[..., 0], LABEL)], ArgumentTypeError, r"the image of pair 0 is uint8 \(4, 6\)"),
        ([(IMAGE, LABEL / 2)], ArgumentTypeError, r"the label of pair 0 is float64 \(4, 6\)"),
        ([(IMAGE, LABEL.astype(int) - 1)], ArgumentTypeError, "the label of pair 0 is int64"),
    ],
)
def test_errors(pairs: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        InMemory.of(pairs)


def test_data_sets_and_loaders_print_what_they_are() -> None:
    scenes = Scenes(5, size=(20, 28), split="val")
    assert repr(scenes) == f"Scenes('scenes', 5 samples, {len(scenes.classes)} classes, split 'val', 20x28)"
    loader = DataLoader(InMemory.of([(IMAGE, LABEL)], ["a"]), 2, shuffle=True, transform=None)
    assert repr(loader) == (
        "DataLoader(InMemory(Given('given', 1 sample, 1 class)), batch_size=2, shuffle=True, transform=None, seed=0, "
        "drop_last=False, prefetch=False): 1 batches"
    )
    assert "Resize" in repr(DataLoader(scenes, 2, transform=Resize((8, 8))))


def test_what_is_no_data_set_is_refused_by_the_loader() -> None:
    for wrong in ([(IMAGE, LABEL)], (IMAGE, LABEL), IMAGE):
        with pytest.raises(ArgumentTypeError, match=rf"got {type(wrong).__name__}; .* InMemory\.of\(pairs, classes\)"):
            DataLoader(wrong, 1)  # type: ignore[arg-type]
