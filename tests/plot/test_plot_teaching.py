"""Pictures with numbers in them: what is drawn is what is computed, nothing overlaps, and a slider needs nobody."""

from __future__ import annotations

import io
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.text import Text
from PIL import Image

from minifcn import Tensor
from minifcn import functional as F
from minifcn.errors import ArgumentError, ArgumentTypeError
from minifcn.plot import arithmetic, frames, sheet
from minifcn.plot.frames import Frames, svg_of
from minifcn.plot.gathering import columns, coverage, matrix
from minifcn.plot.graph import graph, to_dot, walk
from minifcn.plot.ladder import ladder, ladder_sizes
from minifcn.plot.sliding import slide
from minifcn.plot.stamping import spread, stamps

TWIN = np.array([[1, 2], [3, 4]]), np.array([[1, 10], [100, 1000]])
ARTICLE = np.array([[0, 1], [2, 3]])
WALKED = (leaf := Tensor(1.0, requires_grad=True), (leaf + leaf) * (leaf + leaf))
SQUARE = np.arange(9).reshape(3, 3)


def numbers(figure: Figure) -> list[str]:
    """Every text of a figure, in the order in which it was drawn."""
    return [text.get_text() for text in figure.axes[0].texts if text.get_text()]


def grid(figure: Figure, title: str) -> list[str]:
    """The numbers of the grid that is drawn right after its title."""
    texts = numbers(figure)
    after = texts[texts.index(title) + 1 :]
    return after[: next((n for n, text in enumerate(after) if re.search("[a-z:∗=→←]", text)), None)]


def written(values: np.ndarray) -> list[str]:
    return [sheet.written(value) for value in np.asarray(values, float).ravel()]


EVERY: dict[str, Frames] = {
    "slide": slide(np.arange(12).reshape(3, 4), TWIN[1]),
    "slide with borders": slide(np.arange(25).reshape(5, 5) - 12, SQUARE - 4, stride=(2, 1), padding=(1, 0)),
    "slide of channels": slide(np.arange(24).reshape(4, 2, 3), np.arange(16).reshape(2, 2, 2, 2), groups=2),
    "stamps": stamps(*TWIN),
    "stamps cut": stamps(np.ones((2, 3)), SQUARE, stride=2, padding=1, output_padding=1),
    "stamps apart": stamps(ARTICLE, ARTICLE, stride=3, dilation=2),
    "spread": spread(TWIN[0], SQUARE, stride=2, padding=1, output_padding=1),
    "spread with much padding": spread(np.arange(16).reshape(4, 4), ARTICLE, padding=2),
    "columns": columns(np.arange(12).reshape(3, 4), (2, 3), padding=(0, 1), back=True),
    "matrix": matrix(np.arange(12).reshape(3, 4), ARTICLE, padding=1, stride=2),
    "ladder": ladder(253, 256),
    "chain": ladder(253, 256, chain=True),
    "walk": walk(WALKED[1], {"a": WALKED[0]}),
}


@pytest.mark.parametrize("name", EVERY)
def test_no_text_lies_over_another_and_none_leaves_the_picture(name: str) -> None:
    for figure in (EVERY[name][0], EVERY[name].still()):
        figure.canvas.draw()
        edge = figure.bbox
        texts = [t for t in figure.findobj(Text) if t.get_text().strip() and t.get_visible()]
        boxes = [(t.get_text(), t.get_window_extent()) for t in texts if t in figure.axes[0].texts]
        for n, (text, box) in enumerate(boxes):
            assert edge.x0 <= box.x0 and box.x1 <= edge.x1 and edge.y0 <= box.y0 and box.y1 <= edge.y1, text
            for other, second in boxes[:n]:
                wide = min(box.x1, second.x1) - max(box.x0, second.x0)
                high = min(box.y1, second.y1) - max(box.y0, second.y0)
                assert wide <= 1 or high <= 3, (text, other)


@pytest.mark.parametrize("name", EVERY)
def test_all_frames_have_one_size(name: str) -> None:
    chosen = {0, len(EVERY[name]) // 2, len(EVERY[name]) - 1}
    assert len({tuple(EVERY[name][n].get_size_inches()) for n in chosen}) == 1


def test_the_last_frame_of_a_slide_shows_the_convolution_and_its_last_sum() -> None:
    figure = slide(np.arange(12).reshape(3, 4), TWIN[1])[-1]
    assert grid(figure, "y: 2 x 3") == written([5410, 6521, 7632, 9854, 10965, 12076])
    assert "y[1, 2] = 6·1 + 7·10" in numbers(figure) and "= 12076" in numbers(figure)


def test_a_slide_hides_what_is_not_computed_yet() -> None:
    assert grid(slide(np.arange(12).reshape(3, 4), TWIN[1])[1], "y: 2 x 3") == written([5410, 6521])


def test_groups_see_their_own_channels_and_no_others() -> None:
    x, w = np.arange(24.0).reshape(4, 2, 3), np.arange(16.0).reshape(2, 2, 2, 2)
    figure = slide(x, w, groups=2)[-1]
    y = F.conv2d(Tensor(x[None]), Tensor(w), groups=2).numpy()[0]
    assert grid(figure, "y[1]: 1 x 2") == written(y[1])
    assert "w[1, 0]" in numbers(figure) and "w[0, 0]" not in numbers(figure)


@pytest.mark.parametrize("made", [EVERY["slide with borders"], EVERY["stamps cut"], EVERY["spread"], EVERY["columns"]])
def test_the_parameters_stand_inside_every_picture(made: Frames) -> None:
    for figure in made[:: len(made) - 1]:
        assert any("stride" in text and "padding" in text for text in numbers(figure))


def test_stamps_add_up_to_the_transposed_convolution() -> None:
    assert grid(stamps(*TWIN)[-1], "x: 3 x 3") == written([1, 12, 20, 103, 1234, 2040, 300, 3400, 4000])
    assert grid(stamps(*TWIN)[1], "x: 3 x 3") == written([1, 10, 0, 100, 1000, 0, 0, 0, 0])
    assert grid(stamps(*TWIN)[0], "x: 3 x 3") == written(np.zeros(9))


def test_a_line_between_what_stays_and_what_is_cut_away_is_a_whole_one() -> None:
    figure = stamps(np.ones((2, 2)), np.ones((3, 3)), stride=2, padding=1).still()
    patches = [patch for patch in figure.axes[0].patches if not patch.get_fill()]
    dashed, whole = (
        [p.zorder for p in patches if (p.get_linestyle() != "solid") == dashes] for dashes in (True, False)
    )
    assert dashed and whole and max(dashed) < min(whole)


def test_output_padding_cuts_less_away_and_adds_zeros_only_beyond_the_stamps() -> None:
    y, w = np.array([[1, 10, 100]]), np.array([[1, 2, 3]])
    whole = written([1, 2, 13, 20, 130, 200, 300])
    for extra, n in ((0, 5), (1, 6)):
        made = stamps(y, w, (1, 2), (0, 1), (0, extra))[-1]
        assert grid(made, f"x: 1 x {n}, with what is cut away") == whole
    made = stamps(y, w, (1, 3), (0, 1), (0, 2))[-1]
    assert grid(made, "x: 1 x 9, with what is cut away") == written([1, 2, 3, 10, 20, 30, 100, 200, 300, 0])


@pytest.mark.parametrize("stride", [1, 2, 3])
@pytest.mark.parametrize("padding", [0, 1])
@pytest.mark.parametrize("dilation", [1, 2])
def test_zeros_in_between_give_what_the_stamps_give(stride: int, padding: int, dilation: int) -> None:
    y, w = np.arange(1, 5).reshape(2, 2), np.arange(1, 7).reshape(2, 3)
    extra = min(1, max(stride, dilation) - 1)
    given = Tensor(y[None, None] * 1.0), Tensor(w[None, None] * 1.0), None, stride, padding, extra, 1, dilation
    x = F.conv_transpose2d(*given).numpy()[0, 0]
    figure = spread(y, w, stride, padding, extra, dilation)[-1]
    assert grid(figure, f"x: {x.shape[0]} x {x.shape[1]}") == written(x)
    assert f"output_padding {extra}" in numbers(figure)[-1]


def test_columns_are_those_of_im2col_and_back_is_how_often_a_pixel_was_copied() -> None:
    made = columns(np.ones((3, 4)), 2, back=True)
    assert grid(made[5], "columns: 4 x 6") == ["1"] * 24
    assert grid(made[-1], "columns added back") == written([1, 2, 2, 1, 2, 4, 4, 2, 1, 2, 2, 1])


def test_the_matrix_is_the_matrix_and_lights_the_row_of_the_window() -> None:
    figure = matrix(np.arange(12).reshape(3, 4), [[1, 2], [3, 4]])[-1]
    rows = grid(figure, "C: 6 x 12, a row for each result, a column for each pixel")
    assert rows[:12] == written([1, 2, 0, 0, 3, 4, 0, 0, 0, 0, 0, 0])
    assert grid(figure, "y: 2 x 3") == written([34, 44, 54, 74, 84, 94])


def test_coverage_counts_windows() -> None:
    assert grid(coverage((5, 5), 3, 2), "windows over each pixel of 5 x 5")[:5] == written([1, 1, 2, 1, 1])


def test_sizes_on_the_ladder() -> None:
    assert ladder_sizes(256) == ([256, 128, 64, 32, 16, 8], [256, 128, 64, 32, 16])
    assert ladder_sizes(253, 2, ceil_mode=True) == ([253, 127, 64], [254, 128])
    assert "254, 1 missing" in numbers(ladder(255)[0]) and "256" in numbers(ladder(256)[0])
    assert ladder_sizes(255, chain=True)[1] == [224, 112, 56, 28, 14]
    assert ladder_sizes(255, ceil_mode=True, chain=True) == ([255, 128, 64, 32, 16, 8], [256, 128, 64, 32, 16])
    assert "224, 31 missing" in numbers(ladder(255, chain=True)[0])
    assert "256, 1 too many" in numbers(ladder(255, ceil_mode=True, chain=True)[0])


@pytest.mark.parametrize("case", arithmetic.CASES, ids=lambda case: case.name)
def test_the_fifteen_cases_have_the_sizes_of_their_paper(case: Any) -> None:
    sizes = {
        "no padding, no strides": 2, "arbitrary padding, no strides": 6, "same padding, no strides": 5,
        "full padding, no strides": 7, "no padding, strides": 2, "padding, strides": 3, "padding, strides, odd": 3,
        "dilation": 3,
    }  # fmt: skip
    small = sizes[case.name.removesuffix(", transposed")]
    assert case.geometry.output_size == (small, small)
    last = case.frames()[-1]
    if case.transposed:
        assert f"y: {small} x {small}" in numbers(last) and f"x: {case.size} x {case.size}" in numbers(last)
        assert case.output_padding == (1 if "odd" in case.name else 0)
    else:
        assert f"y: {small} x {small}" in numbers(last) and f"x: {case.size} x {case.size}" in numbers(last)


def test_fifteen() -> None:
    assert len({case.name for case in arithmetic.CASES}) == 15


def test_a_slider_holds_every_number_as_text_and_asks_nobody() -> None:
    html = stamps(*TWIN)._repr_html_()
    assert re.findall(r">(1234|2040|3400)</text>", html)
    assert not re.search(r"https?://(?!www\.w3\.org)|<script|@import|\bsrc=", html)
    assert html.count('<div class="minifcn-frame" hidden>') == 4 and html.count('class="minifcn-frame"') == 5
    ids = re.findall(r'\bid="([^"]+)"', html)
    assert len(ids) == len(set(ids))
    assert {name for name in re.findall(r'href="#([^"]+)"|url\(#([^)]+)\)', html) for name in name if name} <= set(ids)


def test_a_slider_is_a_white_card_on_any_page_and_its_control_too() -> None:
    """Without its own colours a page in dark mode would put light words on it and a dark control."""
    card = re.findall(r'<div class="minifcn-frames" style="([^"]*)"', stamps(*TWIN)._repr_html_())[0].split(";")
    assert {"background:#fff", "color:#22272e", "color-scheme:light", "border-radius:8px"} <= set(card)
    assert "color:inherit" in re.findall(r'<label style="([^"]*)"', stamps(*TWIN)._repr_html_())[0]
    assert "fill: #ffffff" in svg_of(stamps(*TWIN).still())  # the paper is in the picture itself


def test_two_sliders_on_a_page_do_not_share_a_name_and_one_drawn_twice_is_the_same() -> None:
    first, second = stamps(*TWIN)._repr_html_(), stamps(ARTICLE, ARTICLE)._repr_html_()
    assert not set(re.findall(r'\bid="([^"]+)"', first)) & set(re.findall(r'\bid="([^"]+)"', second))
    assert first == stamps(*TWIN)._repr_html_()


def test_what_is_too_large_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ArgumentError, match="100 frames were asked for, 1 to 64 are possible"):
        slide(np.ones((10, 10)), [[1]])
    with pytest.raises(ArgumentError, match="a grid of 50 x 50 numbers cannot be read"):
        coverage((50, 50), 3)
    with pytest.raises(ArgumentError, match="has 42 columns; at most 40"):
        matrix(np.ones((6, 7)), ARTICLE)
    monkeypatch.setattr(frames, "MOST_BYTES", 1000)
    with pytest.raises(ArgumentError, match="the slider would have .* bytes, at most 1000"):
        stamps(*TWIN)._repr_html_()


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (lambda: slide("abc", [[1]]), ArgumentTypeError, "x is 'abc'; a picture needs numbers"),
        (lambda: slide(np.ones(3), [[1]]), ArgumentError, r"x has shape \(3,\); a picture needs \(H, W\) or \(C, H, W\)"),
        (lambda: slide(np.ones((2, 0)), [[1]]), ArgumentError, "at least one number"),
        (lambda: stamps(np.ones((1, 2, 2)), [[1]]), ArgumentError, r"y has shape \(1, 2, 2\)"),
        (lambda: stamps(ARTICLE, ARTICLE, output_padding=1), ArgumentError, "output_padding"),
        (lambda: columns(ARTICLE, 3), ArgumentError, "columns: .*kernel"),
        (lambda: ladder(0), ArgumentError, "ladder: first"),
        (lambda: graph(Tensor([1.0])), ArgumentError, "this tensor has no graph"),
    ],
)  # fmt: skip
def test_what_cannot_be_drawn_is_refused(call: Any, error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=text):
        call()


def test_a_moving_picture_is_saved_as_gif_html_or_a_still(tmp_path: Path) -> None:
    made = stamps(*TWIN)
    for name in ("a.gif", "a.html", "a.png", "a.svg"):
        made.save(tmp_path / name)
    with Image.open(tmp_path / "a.gif") as gif:
        assert gif.n_frames == 5
        for number in (0, 4):  # its few colours are those that were drawn
            gif.seek(number)
            buffer = io.BytesIO()
            made[number].savefig(buffer, format="png", dpi=100, facecolor="white")
            shown, drawn = (np.asarray(picture.convert("RGB"), np.int64) for picture in (gif, Image.open(buffer)))
            assert np.abs(shown - drawn).max() < 40
    assert (tmp_path / "a.html").read_text(encoding="utf-8") == made._repr_html_()
    assert ">1234</text>" in svg_of(made.still())
    with pytest.raises(ArgumentError, match="0.02 to 60 seconds, got 0"):
        made.save(tmp_path / "b.gif", seconds=0)
    assert not (tmp_path / "b.gif").exists()


def test_a_figure_shows_itself_in_a_notebook() -> None:
    assert stamps(*TWIN).still()._repr_png_().startswith(b"\x89PNG")
    assert coverage((4, 4), 2)._repr_png_() == coverage((4, 4), 2)._repr_png_()


def test_the_graph_of_a_diamond() -> None:
    a = Tensor(1.0, requires_grad=True)
    b = a + a
    text = to_dot(b + b, {"a": a})
    assert text.count("n0 -> n1;") == 2 and text.count("n1 -> n2;") == 2 and 'label="a ()"' in text
    figure = graph(b + b, {"a": a})
    assert numbers(figure).count("Add") == 2 and "a ()" in numbers(figure)


def test_the_walk_through_a_diamond_tells_what_each_node_receives_and_when() -> None:
    a = Tensor(1.0, requires_grad=True)
    b = a + a
    frames = walk(b + b, {"a": a})
    told = [[text for text in numbers(frame) if "←" in text] for frame in frames]
    assert told == [[], ["Add ← 1"], ["Add ← 2", "Add ← 1"], ["a () ← 4", "Add ← 2", "Add ← 1"]]
    assert a.grad is None
    (b + b).backward()
    assert a.grad is not None and a.grad.item() == 4
    styles = [[arrow.arrowprops["arrowstyle"] for arrow in frame.axes[0].texts if not arrow.get_text()]
              for frame in frames]  # fmt: skip
    assert [style.count("<|-") for style in styles] == [0, 2, 4, 4]


def test_the_walk_begins_with_the_gradient_that_is_given_and_leaves_the_graph_usable() -> None:
    x = Tensor([1.0, 2.0], requires_grad=True)
    y = x * x
    assert "x (2,) ← [2, −4]" in numbers(walk(y, {"x": x}, [1.0, -1.0]).still())
    wide = Tensor(np.ones(5), requires_grad=True)
    assert "leaf (5,) ← (5,)" in numbers(walk(wide.sum())[-1])
    y.backward(Tensor([1.0, 1.0]))


def test_every_node_stands_above_what_is_made_from_it() -> None:
    x, w = Tensor(np.ones((1, 1, 4, 4)), requires_grad=True), Tensor(np.ones((2, 1, 2, 2)), requires_grad=True)
    y = F.relu(F.conv2d(x, w))
    figure = graph((y * y).sum() + y.mean(), {"x": x, "w": w})
    place = {text.get_text(): text.get_position()[1] for text in figure.axes[0].texts if text.get_text()}
    assert place["x (1, 1, 4, 4)"] < place["ToOutput"] < place["ReLU"] < place["Add"]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (5, "5"),
        (-3, "−3"),
        (0.25, "0.25"),
        (1 / 3, "0.333"),
        (1e7, "1e+07"),
        (np.nan, "nan"),
        (-np.inf, "−∞"),
        (-0.0, "0"),
    ],
)
def test_numbers_are_written_as_one_writes_them(value: float, text: str) -> None:
    assert sheet.written(value) == text
