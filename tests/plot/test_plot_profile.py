"""The picture of a profile: a bar for each line, in the colour of its phase, and no text over another."""

from __future__ import annotations

from pathlib import Path

import pytest
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.patches import Rectangle
from PIL import Image

from minifcn.errors import ArgumentError
from minifcn.machine.profiling import Profile
from minifcn.machine.timetable import BACKWARD, FORWARD, OTHER, Entry
from minifcn.plot import profile_bars, save_figure
from minifcn.plot.style import BLUE, ORANGE, QUIET
from tests.plot.test_plot_figures import check_texts, words_of

ROWS = [
    Entry(BACKWARD, "ToInput", "64x64 stride 32 in 21 groups, 21->21 channels, 12x16->416x544, im2col", 2, 4.0, 10**12),
    Entry(FORWARD, "ToOutput", "3x3, 8->16 channels, 9x9, winograd", 2, 3.0, 3 * 10**11),
    Entry(OTHER, "waiting for data", "", 3, 2.0),
    Entry(FORWARD, "ReLU", "", 4, 0.5, 10**6),
    Entry(FORWARD, "Add", "", 4, 0.02),
    Entry(BACKWARD, "Add", "", 4, 0.01),
]


class Recorded(Profile):
    def __init__(self, rows: list[Entry]) -> None:
        self.given = rows

    def rows(self) -> list[Entry]:
        return self.given


def bars(axes: Axes) -> list[tuple[float, str]]:
    found = [patch for patch in axes.patches if isinstance(patch, Rectangle)]
    assert [round(patch.get_y() + patch.get_height() / 2) for patch in found] == list(range(len(found)))
    return [(patch.get_width(), to_hex(patch.get_facecolor())) for patch in found]


def test_the_bars(tmp_path: Path) -> None:
    figure = profile_bars(Recorded(ROWS), steps=2)
    check_texts(figure)
    (axes,) = figure.axes
    assert bars(axes) == [(1.0, ORANGE), (0.75, BLUE), (0.5, QUIET), (0.125, BLUE), (0.0, QUIET)]
    words = words_of(figure)
    assert "ToInput 64x64 stride 32 in 21 groups, 21→21 channels, 12x16→416x544, im2col" in words
    assert {"ToOutput 3x3, 8→16 channels, 9x9, winograd", "waiting for data", "ReLU", "2 others"} <= set(words)
    assert {"2000.00 ms · 42.0 % · 250 GFLOP/s", "1000.00 ms · 21.0 %", "15.00 ms · 0.3 %"} <= set(words)
    assert "where the time goes: 4765.0 ms in each of 2 steps" in words
    assert {"■ forward 37 %", "■ backward 42 %", "■ other 21 %"} <= set(words)
    save_figure(figure, tmp_path / "profile.png")
    with Image.open(tmp_path / "profile.png") as picture:
        assert picture.size == tuple(int(150 * side) for side in figure.get_size_inches())


@pytest.mark.parametrize("count", [1, 100])
def test_few_and_many(count: int) -> None:
    figure = profile_bars(Recorded([Entry(FORWARD, f"Operation{i}", "", 1, 1.0) for i in range(count)]))
    check_texts(figure)
    assert len(figure.axes[0].patches) == min(count, 31)
    assert f"where the time goes: {1000 * count}.0 ms in all" in words_of(figure)
    assert ("70 others" in words_of(figure)) == (count == 100)


@pytest.mark.parametrize(("rows", "steps"), [([], 1), (ROWS, 0)])
def test_nothing_to_draw(rows: list[Entry], steps: int) -> None:
    with pytest.raises(ArgumentError, match=f"profile_bars: {steps} steps of .* cannot be drawn; record at least one"):
        profile_bars(Recorded(rows), steps)
