"""Curves: what is drawn is what was given, they differ without colour, and what cannot be drawn is said."""

from __future__ import annotations

import numpy as np
import pytest

from minifcn.errors import ArgumentError
from minifcn.plot.lines import lines


def test_each_curve_is_drawn_under_its_name_and_differs_in_grey() -> None:
    curves = {name: np.arange(5.0) * n for n, name in enumerate("abcdef")}
    (axes,) = lines(np.arange(5), curves, "title", "place", "value").axes
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("place", "value")
    assert [text.get_text() for text in axes.get_legend().get_texts()] == list(curves)
    for drawn, curve in zip(axes.lines, curves.values(), strict=True):
        np.testing.assert_array_equal(drawn.get_ydata(), curve)
    assert len({drawn.get_marker() for drawn in axes.lines}) == 6


def test_many_points_are_not_marked() -> None:
    (axes,) = lines(np.arange(50), {"a": np.zeros(50), "b": np.ones(50)}).axes
    assert {drawn.get_marker() for drawn in axes.lines} == {""}
    assert axes.lines[0].get_linestyle() != axes.lines[1].get_linestyle()


@pytest.mark.parametrize(
    ("curves", "words"),
    [({}, "0 curves"), ({name: [1, 2] for name in "abcdefg"}, "7 curves"), ({"a": [1, 2, 3]}, r"\(3,\).*\(2,\)")],
)
def test_what_cannot_be_drawn_is_said(curves: dict, words: str) -> None:
    with pytest.raises(ArgumentError, match=words):
        lines([0, 1], curves)
