"""A kernel on more and more of an image: each frame is computed anew, and what was there before is there again."""

from __future__ import annotations

import numpy as np
import pytest

from minifcn import plot
from minifcn.errors import ArgumentError
from minifcn.plot.growing import growing
from tests.plot.test_plot_figures import check_texts
from tests.plot.test_plot_teaching import grid, numbers, written

PLACES = np.array([[1, 10], [100, 1000]])


def test_a_larger_image_keeps_the_results_of_a_smaller_one() -> None:
    frames = growing(np.arange(12).reshape(3, 4), PLACES)
    assert len(frames) == 3  # 2 x 2, 3 x 3, 3 x 4
    assert grid(frames[0], "y: 1 x 1") == written(np.array([5410]))
    assert grid(frames[0], "x: 2 x 2") == written(np.array([0, 1, 4, 5]))
    assert grid(frames[1], "y: 2 x 2") == written(np.array([5410, 6521, 9854, 10965]))
    assert grid(frames[2], "y: 2 x 3") == written(np.array([5410, 6521, 7632, 9854, 10965, 12076]))
    assert "3 x 3 pixels make 2 x 2, always with these 4 numbers" in numbers(frames[1])
    assert len({tuple(figure.get_size_inches()) for figure in frames}) == 1


def test_channels_kernels_and_stride_are_drawn_with_their_numbers() -> None:
    frames = growing(np.ones((2, 4, 5)), np.ones((3, 2, 2, 3)), stride=(2, 1))
    assert grid(frames[-1], "y[2]: 2 x 3") == written(np.full(6, 12))
    assert "w[2, 1]" in numbers(frames[-1])
    assert any("stride (2, 1)" in text for text in numbers(frames[0]))
    check_texts(frames[-1])


def test_what_cannot_be_drawn_is_refused() -> None:
    with pytest.raises(ArgumentError, match="x has 1 channels and weight is for 2"):
        plot.growing(np.ones((3, 3)), np.ones((1, 2, 2, 2)))
    with pytest.raises(ArgumentError, match="growing"):
        plot.growing(np.ones((1, 3)), np.ones((2, 2)))
