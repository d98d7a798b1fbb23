"""Where the pixels of two maps lie that an FCN adds, and what its crop has to do with it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np

from minifcn.arguments import integer
from minifcn.errors import ArgumentTypeError
from minifcn.models import FCN
from minifcn.models.alignment import Trace
from minifcn.models.fusion import Double, Fuse
from minifcn.plot.frames import Frames
from minifcn.plot.given import picture
from minifcn.plot.ground import Ground
from minifcn.plot.sheet import GHOST, WINDOW
from minifcn.plot.style import INK, QUIET, paper, styled, text_width

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WIDTH, TALLEST, MARGIN, LINE, TYPE, INDEX = 6.6, 3.6, 0.2, 0.22, 9.0, 7.5  # inches; the last two in points
RULER = 0.34  # inches from one row of the ruler to the next
APART = 0.3  # inches from one pair that is drawn to the next, or more
DOT = "#0072b2"
MOST_OFF = 1000


def alignment(image: Any, model: FCN, off_by: int = 0) -> Frames:
    """Which pixels of two maps an FCN adds, and where on the image these lie: a frame for each time it crops.

        position on the image of feature k: the coordinate map turned round, stride · k + offset
        crop = (offset of the one − offset of the other) / stride

    image: (H, W, 3), (H, W), (3, H, W) or (1, 3, H, W). model: an FCN; its traces say where everything lies. off_by:
    how many rows and columns too many (or, below 0, too few) are cropped, to see what becomes of it.

    A ring is a feature of the score made larger, a dot one of the map that is added to it, and a line joins those that
    are added. With the right crop each dot lies in its ring. Below, a ruler shows the same along the columns, with the
    numbers of the features before the crop. In the last frame the score meets the image itself.

    Raises ArgumentTypeError for what is no FCN, and ArgumentError for what is no image.
    """
    if not isinstance(model, FCN):
        raise ArgumentTypeError(f"alignment: model is {model!r:.60}; pass an FCN.")
    pixels, wrong = picture(image, "alignment"), integer(off_by, "alignment: off_by", -MOST_OFF)
    steps = list(_steps(model))
    names = 0.15 + 1.05 * text_width([crop.name for crop in steps], TYPE)
    widest = max(crop.stride for crop in steps)
    return Frames(lambda n: _drawn(pixels, steps[n], wrong, names, widest), len(steps), "crop")


@dataclass(frozen=True)
class _Crop:
    """The score, enlarged, and the map that it meets; `first` and `second` rows are cropped at their beginning."""

    name: str
    title: str
    score: Trace
    other_name: str
    other: Trace
    first: int
    second: int

    @property
    def stride(self) -> Fraction:
        return self.score.map.inverse().scale

    def cropped(self, off_by: int) -> tuple[int, int]:
        """What is cropped of the two if it is `off_by` too many."""
        first = self.first + off_by
        return max(first, 0), self.second - min(first, 0)


def _steps(model: FCN) -> Iterator[_Crop]:
    score, name = model.traces["score"], "score"
    for number, step in ((4, model.fuse_pool4), (3, model.fuse_pool3)):
        if isinstance(step, Double):
            up, pool = score.through(step.up), f"pool{number}"
            title = f"{name} x2 + {pool}" if isinstance(step, Fuse) else f"{name} x2, to the size of {pool}"
            cropped = step.alignment.first, step.alignment.second
            yield _Crop(f"{name} x2", f"FCN-{model.stride}s: {title}", up, pool, model.traces[pool], *cropped)
            name = f"fused{number}"
        score = step.after(score)
    times = model.upscore.up.stride[0]
    up = score.through(model.upscore.up)
    title = f"FCN-{model.stride}s: {name} x{times}, to the size of the image"
    yield _Crop(f"{name} x{times}", title, up, "image", Trace(), model.upscore.alignment.first, 0)


def _drawn(pixels: np.ndarray, crop: _Crop, off_by: int, names: float, widest: Fraction) -> Figure:
    (H, W), stride = pixels.shape[:2], float(crop.stride)
    beyond = max(float(widest), W / 16)  # pixels to the left and the right of the image: what is cropped away is there
    pixel = min((WIDTH - 2 * MARGIN - names) / (W + 2 * beyond), TALLEST / (H + 2))
    ground = Ground(MARGIN + names + (beyond + 0.5) * pixel, MARGIN + LINE + 1.5 * pixel, pixel)
    ruler = MARGIN + LINE + (H + 2) * pixel + 0.55 * RULER
    every = 1
    while stride * pixel * every < APART:
        every *= 2
    lines = _said(crop, off_by, every)
    with styled():
        figure, axes = paper(WIDTH, ruler + 2.6 * RULER + LINE * len(lines) + MARGIN)
        axes.text(MARGIN, MARGIN + 0.5 * LINE, crop.title, size=TYPE + 1, color=INK, va="center")
        ground.lay(axes, pixels)
        ground.veil(axes, pixels, range(0), range(0))
        down, across = (_pairs(crop, off_by, size, every) for size in (H, W))
        _marked(axes, ground, [(v, u, y, x) for _, _, v, y in down if _both(v, y, H) for _, _, u, x in across
                               if _both(u, x, W)])  # fmt: skip
        _ruled(axes, ground, ruler, crop, off_by, across, every, (-beyond, W - 1 + beyond))
        for n, line in enumerate(lines):
            axes.text(MARGIN, ruler + 2.6 * RULER + LINE * n, line, size=TYPE, color=QUIET, va="center")
    return figure


Pair = tuple[int, int, float, float]  # the number of a feature of the score and of the other; where the two lie


def _pairs(crop: _Crop, off_by: int, size: int, every: int) -> list[Pair]:
    """What is added, along one axis of the image."""
    (first, second), score, other = crop.cropped(off_by), crop.score.map.inverse(), crop.other.map.inverse()
    count = min(_count(crop.score, size) - first, _count(crop.other, size) - second)
    return [(k + first, k + second, float(score(k + first)), float(other(k + second))) for k in range(0, count, every)]


def _count(trace: Trace, size: int) -> int:
    for step in trace.steps:
        size = step.made(size)
    return size


def _both(first: float, second: float, size: int) -> bool:
    return all(-0.5 <= u <= size - 0.5 for u in (first, second))


def _marked(axes: Axes, ground: Ground, pairs: list[tuple[float, float, float, float]]) -> None:
    """Rings, dots and what joins them, on the image."""
    v, u, y, x = np.array(pairs, float).reshape(-1, 4).T
    rings, dots = ground.at(v, u), ground.at(y, x)
    axes.plot(np.stack([rings[0], dots[0]]), np.stack([rings[1], dots[1]]), color=INK, linewidth=1.0, zorder=3)
    _rings(axes, *rings)
    _dots(axes, *dots)


def _rings(axes: Axes, x: Any, y: Any) -> None:
    axes.plot(x, y, "o", markersize=8, markerfacecolor="none", markeredgecolor=WINDOW, markeredgewidth=1.8, zorder=4)


def _dots(axes: Axes, x: Any, y: Any) -> None:
    axes.plot(x, y, "o", markersize=3.6, color=DOT, markeredgewidth=0, zorder=5)


def _ruled(
    axes: Axes, ground: Ground, top: float, crop: _Crop, off_by: int, pairs: list[Pair], every: int,
    ends: tuple[float, float],
) -> None:  # fmt: skip
    """The same along the columns, above the score and below the other map, with the numbers of features."""
    upper, lower = top + 0.55 * RULER, top + 1.35 * RULER
    axes.text(MARGIN, upper, crop.name, size=TYPE, color=WINDOW, va="center_baseline")
    axes.text(MARGIN, lower, crop.other_name, size=TYPE, color=DOT, va="center_baseline")
    first, second = crop.cropped(off_by)
    dropped = [(m, float(crop.score.map.inverse()(m)), upper) for m in range(first - every, -1, -every)]
    dropped += [(m, float(crop.other.map.inverse()(m)), lower) for m in range(second - every, -1, -every)]
    for m, u, y in dropped:
        if ends[0] <= u <= ends[1]:
            x = ground.at(0, u)[0]
            axes.plot(x, y, "x", markersize=5, color=GHOST, zorder=4)
            axes.text(x, y + (0.42 if y == lower else -0.42) * RULER, str(m), size=INDEX, color=GHOST, ha="center",
                      va="center_baseline")  # fmt: skip
    for m, n, u, x in pairs:
        if ends[0] <= min(u, x) and max(u, x) <= ends[1]:
            left, right = ground.at(0, u)[0], ground.at(0, x)[0]
            axes.plot([left, right], [upper, lower], color=INK, linewidth=1.0, zorder=3)
            _rings(axes, left, upper)
            _dots(axes, right, lower)
            axes.text(left, upper - 0.42 * RULER, str(m), size=INDEX, color=INK, ha="center", va="center_baseline")
            axes.text(right, lower + 0.42 * RULER, str(n), size=INDEX, color=INK, ha="center", va="center_baseline")


def _said(crop: _Crop, off_by: int, every: int) -> list[str]:
    score, other = crop.score.map.inverse(), crop.other.map.inverse()
    right = Fraction(crop.first - crop.second)
    verdict = "What is added shows one place of the image."
    if off_by:
        apart = _counted(abs(off_by) * crop.stride, "pixel")
        verdict = f"Here {_loses(crop, off_by)}: what is added lies {apart} apart, down and across."
    return [
        f"{crop.name}: feature k lies at pixel {_line(score.scale, score.offset)}",
        f"{crop.other_name}: feature k lies at pixel {_line(other.scale, other.offset)}",
        f"crop = ({_fraction(other.offset)} − {_bracket(score.offset)}) / {score.scale} = {_fraction(right)}: "
        f"{_loses(crop, 0)}",
        verdict,
        "A line joins what is added; × is cropped" + (f"; one feature in {every} is drawn" if every > 1 else ""),
    ]


def _loses(crop: _Crop, off_by: int) -> str:
    """Which of the two loses how much: score x2 loses 1 row and column."""
    first, second = crop.cropped(off_by)
    name, rows = (crop.other_name, second) if second else (crop.name, first)
    return f"{name} loses {_counted(Fraction(rows), 'row')} and {'column' if rows == 1 else 'columns'}"


def _counted(number: Fraction, thing: str) -> str:
    return f"{number} {thing}{'' if number == 1 else 's'}"


def _line(scale: Fraction, offset: Fraction) -> str:
    times = "k" if scale == 1 else f"{scale}·k"
    return times if not offset else f"{times} {'+' if offset > 0 else '−'} {abs(offset)}"


def _fraction(value: Fraction) -> str:
    return str(value).replace("-", "−")


def _bracket(value: Fraction) -> str:
    return f"({_fraction(value)})" if value < 0 else _fraction(value)
