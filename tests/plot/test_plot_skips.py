"""What an FCN adds lies on one place of the image, and is seen to be apart when the crop is wrong."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
from matplotlib.figure import Figure

from minifcn.errors import ArgumentError, ArgumentTypeError
from minifcn.models import FCN
from minifcn.plot import alignment
from minifcn.plot.frames import svg_of

IMAGE = np.zeros((96, 128, 3), np.uint8)


def network(stride: int = 8, padding: str = "compact", **more: Any) -> FCN:
    return FCN("vgg16", 2, stride, padding, width=0.01, generator=np.random.default_rng(0), **more)


def texts(figure: Figure) -> list[str]:
    return re.findall(r"<text [^>]*>(.*?)</text>", svg_of(figure))


def lines(figure: Figure) -> np.ndarray:
    """How far each line on the image goes, in inches: (n, 2)."""
    bottom = figure.axes[0].get_images()[0].get_extent()[2]
    found = []
    for line in figure.axes[0].get_lines():
        x, y = line.get_data()
        if len(x) == 2 and line.get_marker() == "None" and max(y) <= bottom:
            found.append((abs(x[1] - x[0]), abs(y[1] - y[0])))
    return np.array(found)


@pytest.mark.parametrize(
    ("stride", "padding", "crops"),
    [
        (8, "compact", ["score x2 loses 1 row and column", "fused4 x2 loses 1 row", "fused3 x8 loses 4 rows"]),
        (16, "compact", ["score x2 loses 1 row", "fused4 x16 loses 8 rows"]),
        (32, "compact", ["score x32 loses 16 rows"]),
        (8, "caffe", ["pool4 loses 5 rows", "pool3 loses 9 rows", "fused3 x8 loses 31 rows"]),
        (16, "caffe", ["pool4 loses 5 rows", "fused4 x16 loses 27 rows"]),
        (32, "caffe", ["score x32 loses 19 rows and columns"]),
    ],
)
def test_the_crops_are_those_of_the_network_and_what_is_added_lies_together(
    stride: int, padding: str, crops: list[str]
) -> None:
    made = alignment(IMAGE, network(stride, padding))
    assert len(made) == len(crops)
    for n, crop in enumerate(crops):
        assert any(crop in text for text in texts(made[n])), texts(made[n])
        apart = lines(made[n])
        assert len(apart) > 10 and np.abs(apart).max() < 1e-9
        assert "What is added shows one place of the image." in texts(made[n])


@pytest.mark.parametrize("off_by", [1, -1, 2])
def test_a_wrong_crop_is_seen_by_as_many_pixels_as_it_is_wrong(off_by: int) -> None:
    made = alignment(IMAGE, network(), off_by)
    for n, stride in enumerate((16, 8, 1)):
        left, right, _, _ = made[n].axes[0].get_images()[0].get_extent()
        apart = lines(made[n]) / ((right - left) / IMAGE.shape[1])
        assert np.allclose(apart, abs(off_by) * stride)
        pixels = abs(off_by) * stride
        assert any(f"lies {pixels} pixel{'s' if pixels > 1 else ''} apart" in text for text in texts(made[n]))


def test_positions_are_derived_in_front_of_the_reader() -> None:
    said = texts(alignment(IMAGE, network())[0])
    assert "score x2: feature k lies at pixel 16·k − 17/2" in said
    assert "pool4: feature k lies at pixel 16·k + 15/2" in said
    assert "crop = (15/2 − (−17/2)) / 16 = 1: score x2 loses 1 row and column" in said
    assert said.count("FCN-8s: score x2 + pool4") == 1


def test_the_ruler_shows_which_number_meets_which() -> None:
    said = texts(alignment(IMAGE, network(padding="caffe"))[2])
    place = said.index("31")
    assert said[place + 1] == "0" and "15" in said  # 31 of the score over pixel 0; 15, sixteen before, is cropped


def test_a_staged_network_doubles_without_adding() -> None:
    made = alignment(IMAGE, network(32, upsampling="staged"))
    assert [texts(figure)[0] for figure in made] == [
        "FCN-32s: score x2, to the size of pool4", "FCN-32s: fused4 x2, to the size of pool3",
        "FCN-32s: fused3 x8, to the size of the image",
    ]  # fmt: skip


def test_what_cannot_be_drawn_is_refused() -> None:
    with pytest.raises(ArgumentTypeError, match="model is 3; pass an FCN"):
        alignment(IMAGE, 3)  # type: ignore[arg-type]
    with pytest.raises(ArgumentError, match="alignment: an image has shape"):
        alignment(np.ones(3), network())
    with pytest.raises(ArgumentTypeError, match="off_by must be an integer"):
        alignment(IMAGE, network(), 0.5)  # type: ignore[arg-type]
