"""Small images: what is black and white, colours, lines above and below, and what cannot be drawn."""

from __future__ import annotations

import numpy as np
import pytest

from minifcn.errors import ArgumentError
from minifcn.plot.images import images


def test_grey_runs_from_low_to_high_and_what_lies_beyond_is_drawn_as_these() -> None:
    figure = images([[-10, 0], [5, 10]], [[10, 10], [10, 30]], high=10)
    drawn = [axes.images[0].get_array() for axes in figure.axes]
    np.testing.assert_array_equal(drawn[0][..., 0], [[0, 0], [0.5, 1]])
    np.testing.assert_array_equal(drawn[1], np.ones((2, 2, 3)))


def test_three_channels_are_colours() -> None:
    red = np.zeros((3, 2, 4))
    red[0] = 255
    (axes,) = images(red).axes
    np.testing.assert_array_equal(axes.images[0].get_array(), np.broadcast_to([1.0, 0, 0], (2, 4, 3)))


def test_lines_stand_above_and_below_and_the_figure_is_wide_enough_for_them() -> None:
    narrow = np.zeros((8, 2))
    figure = images(narrow, narrow, titles=["a title that is wide", "b"], notes=["c", "a note that is wider than all"])
    assert [axes.get_title(loc="left") for axes in figure.axes] == ["a title that is wide", "b"]
    figure.canvas.draw()
    boxes = [axes.get_tightbbox() for axes in figure.axes]
    assert boxes[0].x1 <= boxes[1].x0 and boxes[1].x1 <= figure.bbox.x1


@pytest.mark.parametrize(
    ("arrays", "given", "words"),
    [
        ((), {}, "at least one"),
        (([[1]],), {"titles": ["a", "b"]}, "1 arrays and 2 titles"),
        (([[1]],), {"notes": []}, "1 arrays and 0 notes"),
        ((np.zeros((2, 2, 2)),), {}, r"\(2, 2, 2\)"),
        ((np.zeros((0, 2)),), {}, r"\(0, 2\)"),
        (([[np.nan]],), {}, "not finite"),
        (([[1]],), {"low": 1, "high": 1}, "black must lie below white"),
    ],
)
def test_what_cannot_be_drawn_is_said(arrays: tuple, given: dict, words: str) -> None:
    with pytest.raises(ArgumentError, match=words):
        images(*arrays, **given)
