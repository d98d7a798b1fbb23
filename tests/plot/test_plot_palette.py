"""The colours of squares can be told apart in grey and with marks, and what is written on them can be read."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from matplotlib.colors import to_hex

from minifcn.plot import sheet
from minifcn.plot.gathering import columns, coverage
from minifcn.plot.palette import MARKS, OWNERS, Paint, contrast, ink_on, lighter, owner, shade, signed
from minifcn.plot.sliding import slide
from minifcn.plot.stamping import stamps
from minifcn.plot.style import INK, QUIET, RED

READABLE = 4.5  # WCAG 2.2, success criterion 1.4.3


def test_contrast_is_that_of_wcag() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.005)  # a well-known pair: just not enough


def test_every_two_colours_differ_in_grey_and_neighbours_more() -> None:
    assert min(contrast(a, b) for a, b in itertools.combinations(OWNERS, 2)) > 1.13
    for apart in (1, 3):  # side by side, and one over the other in a kernel three wide
        assert min(contrast(OWNERS[n], OWNERS[n + apart]) for n in range(len(OWNERS) - apart)) > 1.45


@pytest.mark.parametrize("colour", OWNERS)
def test_numbers_are_readable_on_every_colour(colour: str) -> None:
    assert contrast(colour, INK) >= READABLE
    assert contrast(lighter(colour), sheet.GHOST_ON_COLOUR) >= READABLE  # a square that is only thought


def test_words_and_faint_numbers_are_readable_on_white() -> None:
    for colour in (INK, QUIET, RED, sheet.GHOST):
        assert contrast(colour, "#ffffff") >= READABLE


def test_the_frame_stands_out_from_every_colour() -> None:
    assert min(contrast(sheet.WINDOW, colour) for colour in (*OWNERS, "#ffffff")) > 2


def test_captions_speak_of_bars_where_there_are_some() -> None:
    for size, words in ((2, "A colour is a tap of w"), (3, "A colour with its bars is a tap of w")):
        figure = slide(np.ones((4, 4)), np.ones((size, size)))[0]
        assert any(text.get_text().startswith(words) for text in figure.axes[0].texts)


def test_numbers_are_readable_on_every_shade_and_every_score() -> None:
    for row in shade(np.arange(12).reshape(3, 4)):
        assert all(isinstance(paint, Paint) and contrast(paint.colour, INK) >= READABLE for paint in row)
    for colour in signed(np.linspace(-1, 1, 201), 1.0).tolist():
        assert contrast(colour, ink_on(colour, "#000000")) >= READABLE


def test_scores_go_from_dark_to_light_so_that_a_sign_is_seen_in_grey() -> None:
    against_white = [contrast(colour, "#ffffff") for colour in signed(np.linspace(-1, 1, 21), 1.0).tolist()]
    assert against_white == sorted(against_white, reverse=True)
    assert (signed(np.zeros(3), 0.0) == signed(np.zeros(3), 1.0)).all()  # nothing but zeros is grey, not an error


def test_the_ninth_thing_has_the_first_colour_and_a_mark_and_64_differ() -> None:
    assert owner(0) == Paint(OWNERS[0]) and owner(8) == Paint(OWNERS[0], 1)
    assert len({owner(n) for n in range(64)}) == 64
    shapes = [tuple(Paint("#ffffff", mark).bars((0.0, 0.0, 1.0, 1.0))) for mark in range(len(MARKS))]
    assert len(set(shapes)) == len(MARKS)


@pytest.mark.parametrize("mark", range(len(MARKS)))
def test_marks_leave_the_middle_to_the_number_and_stay_inside(mark: int) -> None:
    for x, y, w, h in Paint("#ffffff", mark).bars((2.0, 3.0, 0.25, 1.0)):
        assert x >= 2.0 and x + w <= 2.25 and y >= 3.0 and y + h <= 4.0
        assert y + h < 3.2 or y > 3.8


def bars(figure: Any) -> int:
    """How many bars of marks a figure has: those in ink without a line."""
    found = [p for p in figure.axes[0].patches if to_hex(p.get_facecolor()) == INK and p.get_linewidth() == 0]
    return sum(len(patch.get_path().to_polygons()) for patch in found)


@pytest.mark.parametrize(("size", "marks"), [(2, 0), (3, 1), (5, 8 + 8 + 2)])
def test_taps_beyond_eight_are_marked_in_window_and_kernel(size: int, marks: int) -> None:
    figure = slide(np.ones((size, size)), np.ones((size, size)))[0]
    assert bars(figure) == 2 * marks  # of 25 taps 8 have a bar below, 8 one above, 1 both


def test_the_column_and_the_stamps_are_marked_too() -> None:
    assert bars(columns(np.ones((3, 3)), 3)[0]) == 2
    assert bars(stamps(np.ones((3, 3)), [[1]])[-1]) == 2 and bars(stamps(np.ones((3, 3)), [[1]])[8]) == 0


def test_no_square_is_drawn_through() -> None:
    for figure in (coverage((3, 3), 2), stamps(np.ones((2, 2)), np.ones((2, 2)), padding=1)[-1]):
        assert all(patch.get_alpha() is None for patch in figure.axes[0].patches)
