"""Every picture of the collection: no text over another, readable in grey, and a few compared with those kept."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from matplotlib.patches import PathPatch
from PIL import Image

from minifcn.plot import palette, sheet, skips
from minifcn.plot.collection import PICTURES
from minifcn.plot.palette import Paint
from tests.plot import pictures


@pytest.mark.parametrize("name", PICTURES)
def test_no_text_lies_over_another_and_each_is_readable_on_what_is_behind_it(name: str) -> None:
    for figure in pictures.frames_of(name):
        assert not pictures.overlaps(figure)
        assert not pictures.unreadable(figure)


def test_a_text_over_another_is_found() -> None:
    figure = next(pictures.frames_of("graph"))
    figure.axes[0].text(*figure.axes[0].texts[-1].get_position(), "over it", ha="center", va="center")
    figure.axes[0].text(-1, 0, "outside")
    found = [set(pair) for pair in pictures.overlaps(figure)]
    assert {"outside", "the edge of the picture"} in found and any("over it" in pair for pair in found)


def test_a_text_that_is_hard_to_read_is_found() -> None:
    figure = next(pictures.frames_of("coverage"))
    figure.axes[0].texts[1].set_color("#808893")
    assert pictures.unreadable(figure)


@pytest.mark.parametrize("name", pictures.CHOSEN)
def test_pictures_look_as_those_that_were_kept(name: str, tmp_path: Path) -> None:
    wrong = pictures.compared(name, pictures.coarse(pictures.pixels_of(pictures.chosen(name))), tmp_path)
    assert not wrong, wrong


def test_kept_pictures_are_small() -> None:
    assert sum(path.stat().st_size for path in pictures.KEPT.iterdir()) < 150_000
    assert {path.stem for path in pictures.KEPT.iterdir()} == set(pictures.CHOSEN)


def test_a_lost_colour_a_lost_mark_a_lost_ring_and_a_lost_paleness_are_seen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def drawn(name: str) -> str:
        return pictures.compared(name, pictures.coarse(pictures.pixels_of(pictures.chosen(name))), tmp_path)

    with monkeypatch.context() as changed:
        changed.setattr(palette, "MARKS", ((),) * len(palette.MARKS))
        assert "slide-stride-2 has changed" in drawn("slide-stride-2")
    with monkeypatch.context() as changed:
        changed.setattr(palette, "OWNERS", (*palette.OWNERS[:4], "#ffffff", *palette.OWNERS[5:]))  # the palest but one
        said = drawn("slide-stride-2")
    with monkeypatch.context() as changed:
        changed.setattr(sheet, "lighter", lambda colour: colour)
        assert "stamps-output-padding has changed" in drawn("stamps-output-padding")
    with monkeypatch.context() as changed:
        changed.setattr(skips, "_rings", lambda *at: None)
        assert "alignment-off-by-one has changed" in drawn("alignment-off-by-one")
    path = Path(re.findall(r"; (.*?) shows", said)[0])
    with Image.open(path) as picture:
        assert path.parent == tmp_path and picture.size[0] > 100 and "python -m tests.plot.pictures" in said


def test_a_taller_picture_is_never_alike(tmp_path: Path) -> None:
    made = pictures.coarse(pictures.pixels_of(pictures.chosen("streams")))
    assert "has changed by inf" in pictures.compared("streams", np.concatenate([made, made]), tmp_path)


def test_stripes_have_the_marks_of_their_owners() -> None:
    made = sheet.Sheet()
    made.column()
    made.grid(np.ones((1, 1)), fills=[[(Paint("#99d2f2"), Paint("#99d2f2", 1))]])
    bars = [
        p for p in made.figure().axes[0].patches if isinstance(p, PathPatch) and p.get_zorder() == 1 and p.get_fill()
    ]
    (box,) = [patch.get_path().get_extents() for patch in bars]
    assert 0.5 < box.x0 < box.x1 < 1.0
