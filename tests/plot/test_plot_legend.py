"""A picture with a legend below: the picture itself is untouched, and every class that occurs is named in its colour."""

from __future__ import annotations

import numpy as np
import pytest

from minifcn.errors import ArgumentError
from minifcn.plot import explained, legend
from minifcn.plot.legend import NARROWEST, Legend

PALETTE = np.array([[90, 60, 30], [250, 0, 0], [0, 120, 255]], np.uint8)
CLASSES = ("ground", "block", "sky")


def colours(picture: np.ndarray) -> set[tuple[int, ...]]:
    return set(map(tuple, picture.reshape(-1, 3).tolist()))


@pytest.mark.parametrize("size", [(1, 1), (3, 700), (500, 3), (40, 50), (60, 2500)])
def test_the_picture_stays_and_what_occurs_is_named(size: tuple[int, int]) -> None:
    H, W = size
    picture = np.random.default_rng(0).integers(0, 256, (H, W, 3)).astype(np.uint8)
    label = np.zeros(size, np.uint8)
    label[: H // 2] = 2
    result = explained(picture, label, CLASSES, PALETTE)
    assert np.array_equal(result[:H, :W], picture)
    assert result.shape[1] == max(W, NARROWEST) and (result[:H, W:] == 255).all()
    below = colours(result[H:])
    for c in (0, 1, 2):
        assert (tuple(PALETTE[c].tolist()) in below) == (c in label), CLASSES[c]
    assert result.shape[0] - H <= 60 * max(1, W / 1000)


def test_names_and_shares_the_largest_first(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str] = []

    class Noted(Legend):
        def __init__(self, entries: list[legend.Entry], width: float) -> None:
            super().__init__(entries, width)
            seen.extend(name for _, name in entries)

    monkeypatch.setattr(legend, "Legend", Noted)
    label = np.zeros((20, 20), np.uint8)
    label[:11] = 2
    label[0, 0], label[19, :4] = 1, 255
    explained(np.zeros((20, 20, 3), np.uint8), label, CLASSES, PALETTE)
    assert seen == ["sky 55 %", "ground 44 %", "void 1 %", "block < 1 %"]


def test_a_long_name_makes_room() -> None:
    result = explained(np.zeros((9, 9, 3), np.uint8), np.zeros((9, 9), np.uint8), ["w" * 90], PALETTE[:1])
    assert result.shape[1] > NARROWEST
    assert (result[:, -2:] == 255).all(), "nothing is cut at the right"


def test_what_does_not_fit() -> None:
    picture, label = np.zeros((4, 5, 3), np.uint8), np.zeros((4, 5), np.uint8)
    with pytest.raises(ArgumentError, match="explained: there are 2 classes but 3 colours; pass one for each"):
        explained(picture, label, CLASSES[:2], PALETTE)
    with pytest.raises(ArgumentError, match=r"label has the size \(4, 4\) but the image has \(4, 5\)"):
        explained(picture, label[:, :4], CLASSES, PALETTE)
