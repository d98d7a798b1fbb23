"""How images are prepared, in the words of those who made the weights and in ours: the same numbers."""

from __future__ import annotations

import numpy as np
import pytest

from minifcn.errors import ArgumentError
from minifcn.weights import Preprocessing, preprocessing_of

PIXEL = np.array([10.0, 130.0, 250.0])  # red, green, blue


def prepared(by: Preprocessing) -> np.ndarray:
    mean, std = by.in_rgb()
    return (PIXEL - mean) / std


def test_torchvision() -> None:
    wanted = (PIXEL / 255 - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225]
    np.testing.assert_allclose(prepared(preprocessing_of("torchvision", "vgg16")), wanted)
    np.testing.assert_allclose(prepared(preprocessing_of("torchvision", "googlenet_torchvision")), 2 * PIXEL / 255 - 1)


def test_caffe_and_keras_see_blue_first() -> None:
    wanted = PIXEL[::-1] - [104.00699, 116.66877, 122.67892]
    np.testing.assert_allclose(prepared(preprocessing_of("caffe"))[::-1], wanted)
    np.testing.assert_allclose(prepared(preprocessing_of("caffe", "googlenet"))[::-1], PIXEL[::-1] - [104, 117, 123])
    np.testing.assert_allclose(prepared(preprocessing_of("keras"))[::-1], PIXEL[::-1] - [103.939, 116.779, 123.68])


@pytest.mark.parametrize("kind", ["torchvision", "caffe", "keras"])
def test_it_travels_as_text(kind: str) -> None:
    assert Preprocessing.from_json(preprocessing_of(kind).to_json()) == preprocessing_of(kind)


@pytest.mark.parametrize(
    "text",
    [
        "{}", "[]", "3", "no json", '{"channels": "GBR", "top": 1, "mean": [0, 0, 0], "std": [1, 1, 1]}',
        '{"channels": "RGB", "top": 0, "mean": [0, 0, 0], "std": [1, 1, 1]}',
        '{"channels": "RGB", "top": 1, "mean": [0, 0], "std": [1, 1, 1]}',
        '{"channels": "RGB", "top": 1, "mean": [0, 0, NaN], "std": [1, 1, 1]}',
        '{"channels": "RGB", "top": 1, "mean": [0, 0, 0], "std": [1, 0, 1]}',
    ],
)  # fmt: skip
def test_text_that_says_nothing(text: str) -> None:
    with pytest.raises((ValueError, TypeError, KeyError)):
        Preprocessing.from_json(text)


def test_an_unknown_kind() -> None:
    with pytest.raises(ArgumentError, match="'tf' is unknown; use one of torchvision, caffe, keras"):
        preprocessing_of("tf")
