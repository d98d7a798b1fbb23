"""The figures: that they show the numbers they were given, and that no text is cut off or lies over another."""

from __future__ import annotations

import math
import subprocess
import sys
from itertools import combinations
from pathlib import Path

import matplotlib
import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text
from PIL import Image

from minifcn.errors import ArgumentError, ArgumentTypeError, FileError
from minifcn.plot import colorize, confusion, error_map, gallery, learning_curve, save_figure

PALETTE = np.array([[30, 30, 40], [228, 87, 86], [76, 120, 168], [242, 183, 1]], dtype=np.uint8)
CLASSES = ("background", "disc", "a rather long name of a class", "cross_$x$")
HISTORY = [
    {"epoch": e, "step": 10 * e, "loss": 2 / e, "val_mean_iu": e / 10 if e % 2 else None, "learning_rate": 0.1 / e}
    for e in range(1, 8)
]


def texts_of(figure: Figure) -> list[Text]:
    """What is drawn: without empty texts, and without the labels of ticks beyond the ends of an axis."""
    figure.draw_without_rendering()
    unseen = set()
    for axis in (axis for axes in figure.axes for axis in (axes.xaxis, axes.yaxis)):
        low, high = sorted(axis.get_view_interval())
        unseen |= {id(tick.label1) for tick in axis.get_major_ticks() if not low <= tick.get_loc() <= high}
    texts = [text for text in figure.findobj(Text) if isinstance(text, Text) and id(text) not in unseen]
    return [text for text in texts if text.get_visible() and text.get_text().strip()]


def words_of(figure: Figure) -> list[str]:
    return [text.get_text() for text in texts_of(figure)]


def check_texts(figure: Figure) -> None:
    """No text is cut by the edge of the figure, and no upright text lies over another."""
    texts = texts_of(figure)
    boxes = [text.get_window_extent() for text in texts]
    width, height = figure.bbox.width, figure.bbox.height
    for text, box in zip(texts, boxes, strict=True):
        assert box.x0 >= 0 and box.y0 >= 0 and box.x1 <= width and box.y1 <= height, text.get_text()
    upright = [(text, box) for text, box in zip(texts, boxes, strict=True) if text.get_rotation() % 90 == 0]
    for (first, a), (second, b) in combinations(upright, 2):
        apart = a.x1 <= b.x0 or b.x1 <= a.x0 or a.y1 <= b.y0 or b.y1 <= a.y0
        assert apart, f"{first.get_text()!r} lies over {second.get_text()!r}"


def axes_titled(figure: Figure, title: str) -> Axes:
    return next(axes for axes in figure.axes if title in (axes.get_title(loc="left"), axes.get_title()))


def points(axes: Axes) -> list[list[tuple[float, float]]]:
    return [list(zip(*map(np.ndarray.tolist, line.get_data()), strict=True)) for line in axes.lines]  # type: ignore[arg-type]


def test_learning_curve_shows_what_was_written_down() -> None:
    figure = learning_curve(HISTORY)
    check_texts(figure)
    assert len(figure.axes) == 3
    assert points(axes_titled(figure, "loss")) == [[(e, 2 / e) for e in range(1, 8)]]
    curve, best = points(axes_titled(figure, "mean IU on held-out images, in percent"))
    assert curve == [(1, 10.0), (3, 30.0), (5, 50.0), (7, 70.0)] and best == [(7, 70.0)]
    assert points(axes_titled(figure, "learning rate")) == [[(e, 0.1 / e) for e in range(1, 8)]]
    assert {"epoch", "last 0.286", "best 70.0 % at epoch 7", "first 0.1, last 0.0143"} <= set(words_of(figure))


def test_learning_curve_marks_the_best_and_not_the_last() -> None:
    history = [{"epoch": e, "val_mean_iu": iu} for e, iu in enumerate([0.1, 0.4, 0.3], start=1)]
    assert "best 40.0 % at epoch 2" in words_of(learning_curve(history))


def test_learning_curve_shows_only_what_there_is() -> None:
    figure = learning_curve([{"epoch": 1, "loss": 2.5, "val_mean_iu": None}])
    check_texts(figure)
    assert [axes.get_title(loc="left") for axes in figure.axes] == ["loss"]
    figure = learning_curve([{"loss": 3.0, "val_loss": 2.0}, {"loss": math.nan}, {"loss": 1.0, "val_loss": math.inf}])
    check_texts(figure)
    assert points(figure.axes[0]) == [[(1, 3.0), (3, 1.0)], [(1, 2.0)]]
    assert {"training", "held-out", "entry"} <= set(words_of(figure))


def test_learning_curve_over_steps_when_epochs_repeat() -> None:
    history = [{"epoch": n // 50, "step": n, "loss": 2.0 + (-1) ** n} for n in range(200)]
    figure = learning_curve(history)
    check_texts(figure)
    cloud, mean = points(figure.axes[0])
    assert cloud == [(n, 2.0 + (-1) ** n) for n in range(200)]
    assert len(mean) == 200 and all(abs(y - 2.0) < 0.1 for _, y in mean), "the running mean, at its ends too"
    assert "step" in words_of(figure)


def test_learning_curve_errors() -> None:
    with pytest.raises(ArgumentError, match="history is empty"):
        learning_curve([])
    with pytest.raises(ArgumentError, match="no entry of the history has a finite loss"):
        learning_curve([{"epoch": 1, "loss": math.nan}, {"epoch": 2, "val_mean_iu": None}])
    with pytest.raises(ArgumentTypeError, match="loss of entry 1 is 'low'; give a number"):
        learning_curve([{"loss": 1.0}, {"loss": "low"}])


def rows(sizes: list[tuple[int, int]]) -> tuple[list[np.ndarray], list[np.ndarray], list[np.ndarray]]:
    rng = np.random.default_rng(0)
    images = [rng.integers(0, 256, (*size, 3), dtype=np.uint8) for size in sizes]
    truths = [rng.choice(np.array([0, 1, 2, 3, 255], np.uint8), size) for size in sizes]
    return images, truths, [rng.integers(0, 4, size) for size in sizes]


@pytest.mark.parametrize(
    "sizes", [[(96, 128)], [(360, 480), (96, 128), (48, 20)], [(1, 1)], [(3, 300)] * 3, [(400, 9)]]
)
def test_gallery_shows_the_pictures_row_by_row(sizes: list[tuple[int, int]]) -> None:
    images, truths, predictions = rows(sizes)
    figure = gallery(images, truths, predictions, CLASSES, PALETTE)
    check_texts(figure)
    assert len(figure.axes) == 4 * len(sizes) + 1
    for n, (image, truth, prediction) in enumerate(zip(images, truths, predictions, strict=True)):
        shown = [np.asarray(axes.images[0].get_array()) for axes in figure.axes[4 * n : 4 * n + 4]]
        expected = [image, colorize(truth, PALETTE), colorize(prediction, PALETTE), error_map(image, truth, prediction)]
        assert all(np.array_equal(a, b) for a, b in zip(shown, expected, strict=True))
    assert [axes.get_title(loc="left") for axes in figure.axes[:4]] == ["image", "truth", "prediction", "errors"]
    assert figure.get_figheight() < 2 + 6 * len(sizes), "a tall image does not make an endless page"
    boxes = [axes.get_position() for axes in figure.axes]
    assert all(not a.overlaps(b) for a, b in combinations(boxes, 2))


def test_gallery_names_every_colour() -> None:
    figure = gallery(*rows([(20, 30)]), CLASSES, PALETTE)
    assert words_of(figure)[-7:] == [*CLASSES, "void", "void: not counted", "wrong"]
    swatches = [patch.get_facecolor()[:3] for patch in figure.axes[-1].patches]
    np.testing.assert_allclose(np.array(swatches[:4]) * 255, PALETTE)
    image, label = np.zeros((2, 3, 3), np.uint8), np.array([[0, 1, 1], [0, 3, 2]])
    assert "void" not in words_of(gallery([image], [label], [label], CLASSES, PALETTE)), "where there is none"


def test_gallery_says_how_many_pixels_are_right() -> None:
    image = np.zeros((2, 4, 3), np.uint8)
    truth = np.array([[0, 0, 1, 255], [1, 1, 2, 255]])
    right = np.array([[0, 0, 1, 0], [1, 1, 3, 0]])
    void = np.full((2, 4), 255)
    figure = gallery([image, image, image], [truth, truth, void], [right, np.full((2, 4), 3), right], CLASSES, PALETTE)
    scores = [axes.texts[0].get_text() for axes in figure.axes[3:12:4]]
    assert scores == ["83.3 % right", "0.0 % right", "all void"]


def test_gallery_with_many_classes_of_long_names() -> None:
    classes = [f"class number {n} with a name that goes on and on {'m' * (n % 5 * 9)}" for n in range(21)]
    palette = np.random.default_rng(1).integers(0, 256, (21, 3))
    check_texts(gallery(*rows([(375, 500)]), classes, palette))


def test_gallery_errors() -> None:
    images, truths, predictions = rows([(4, 6), (5, 3)])
    with pytest.raises(ArgumentError, match="2 images, 2 truths and 1 predictions"):
        gallery(images, truths, predictions[:1], CLASSES, PALETTE)
    with pytest.raises(ArgumentError, match="0 images, 0 truths and 0 predictions; pass as many of each, at least 1"):
        gallery([], [], [], CLASSES, PALETTE)
    with pytest.raises(ArgumentError, match="3 classes but 4 colours"):
        gallery(images, truths, predictions, CLASSES[:3], PALETTE)
    with pytest.raises(ArgumentError, match=r"truth 0 has the size \(5, 3\) but the image has \(4, 6\)"):
        gallery(images, truths[::-1], predictions, CLASSES, PALETTE)
    with pytest.raises(ArgumentError, match=r"prediction 1 holds 9 but there are colours for 0 to 3"):
        gallery(images, truths, [predictions[0], predictions[1] * 0 + 9], CLASSES, PALETTE)
    with pytest.raises(ArgumentTypeError, match="image 1 is of dtype float64"):
        gallery([images[0], images[1] / 255], truths, predictions, CLASSES, PALETTE)


def test_confusion_shows_percent_of_each_row_and_the_iu() -> None:
    hist = np.array([[90, 10, 0, 0], [30, 60, 10, 0], [0, 0, 0, 0], [1, 0, 0, 999]])
    figure = confusion(hist, CLASSES)
    check_texts(figure)
    cells, bars = figure.axes
    shown = {(round(t.get_position()[1]), round(t.get_position()[0])): t.get_text() for t in cells.texts}
    numbers = {place: text for place, text in shown.items() if text.isdigit()}
    assert numbers == {(0, 0): "90", (0, 1): "10", (1, 0): "30", (1, 1): "60", (1, 2): "10", (3, 3): "100"}
    assert [text for text in shown.values() if not text.isdigit()] == ["not in the truth"]
    percent = cells.images[0].get_array()
    assert percent is not None and percent[1].tolist() == [30, 60, 10, 0] and np.ma.getmaskarray(percent)[2].all()
    # 90 / 131, 60 / 110, 0 / 10, 999 / 1000
    assert [text.get_text() for text in bars.texts] == ["68.7", "54.5", "0.0", "99.9"]
    assert "IU, mean 55.8" in words_of(figure)
    for labels in (cells.get_xticklabels(), cells.get_yticklabels()):
        assert [label.get_text() for label in labels] == list(CLASSES)
        assert not any(label.get_parse_math() for label in labels)


@pytest.mark.parametrize("count", [1, 2, 11, 21, 40])
def test_confusion_is_readable_at_any_number_of_classes(count: int) -> None:
    rng = np.random.default_rng(count)
    hist = rng.integers(0, 1000, (count, count)) + 9000 * np.eye(count, dtype=int)
    figure = confusion(hist, [f"class {n} {'x' * (n % 12)}" for n in range(count)])
    check_texts(figure)
    cells, bars = figure.axes
    assert bool(cells.texts) == (count <= 32)
    left, right = cells.get_position(), bars.get_position()
    assert (left.y0, left.y1) == pytest.approx((right.y0, right.y1))
    assert cells.get_ylim() == bars.get_ylim(), "each bar stands in the row of its class"


@pytest.mark.filterwarnings("error")
def test_confusion_of_nothing_is_drawn_as_such() -> None:
    figure = confusion(np.zeros((3, 3), int), ["a", "b", "c"])
    check_texts(figure)
    assert words_of(figure).count("not in the truth") == words_of(figure).count("absent") == 3
    assert "IU" in words_of(figure)


def test_confusion_errors() -> None:
    with pytest.raises(ArgumentError, match="2 class names for 3 classes"):
        confusion(np.eye(3, dtype=int), ["a", "b"])
    with pytest.raises(ArgumentError, match=r"shape \(2, 3\)"):
        confusion(np.zeros((2, 3), int), ["a", "b"])
    with pytest.raises(ArgumentError, match="holds -1"):
        confusion(np.array([[-1]]), ["a"])


@pytest.mark.parametrize(("suffix", "start"), [(".png", b"\x89PNG"), (".pdf", b"%PDF"), (".svg", b"<?xml")])
def test_save_figure(tmp_path: Path, suffix: str, start: bytes) -> None:
    path = tmp_path / f"figure{suffix}"
    save_figure(learning_curve(HISTORY), path)
    assert path.read_bytes().startswith(start)
    assert [entry.name for entry in tmp_path.iterdir()] == [path.name]


def test_save_figure_makes_the_same_pixels_at_the_size_asked_for(tmp_path: Path) -> None:
    pictures = []
    for name, dpi in (("a.png", 60), ("b.png", 60), ("c.png", 120)):
        save_figure(confusion(np.eye(3, dtype=int), ["a", "b", "c"]), tmp_path / name, dpi=dpi)
        with Image.open(tmp_path / name) as picture:
            pictures.append(np.asarray(picture.convert("RGB")))
    assert np.array_equal(pictures[0], pictures[1])
    assert abs(pictures[2].shape[0] - 2 * pictures[0].shape[0]) <= 1
    assert (pictures[0][0, 0] == 255).all() and pictures[0].min() < 100


def test_save_figure_errors(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    figure = learning_curve(HISTORY)
    with pytest.raises(ArgumentError, match=r"curve.jpg cannot be a figure; name it \*.png, \*.pdf or \*.svg"):
        save_figure(figure, tmp_path / "curve.jpg")
    with pytest.raises(FileError, match="does not exist; make it"):
        save_figure(figure, tmp_path / "none" / "curve.png")
    path = tmp_path / "curve.png"
    path.write_bytes(b"old")

    def fail(self: Figure, temporary: Path, **_: object) -> None:
        temporary.write_bytes(b"half")
        raise RuntimeError("the drawing broke")

    monkeypatch.setattr(Figure, "savefig", fail)
    with pytest.raises(RuntimeError, match="the drawing broke"):
        save_figure(figure, path)
    assert path.read_bytes() == b"old" and [entry.name for entry in tmp_path.iterdir()] == ["curve.png"]


def test_figures_need_no_pyplot_and_leave_the_settings_of_the_user_alone() -> None:
    settings = dict(matplotlib.rcParams)
    for figure in (learning_curve(HISTORY), confusion(np.eye(2, dtype=int), ["a", "b"])):
        assert isinstance(figure.canvas, FigureCanvasAgg)
    assert dict(matplotlib.rcParams) == settings
    program = (
        "import sys; import minifcn.plot as plot; import minifcn.metrics, minifcn.weights\n"
        "assert not {'matplotlib', 'PIL', 'safetensors'} & set(sys.modules), 'loaded before they are used'\n"
        "plot.learning_curve([{'loss': 1.0}])\n"
        "assert 'matplotlib.pyplot' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
