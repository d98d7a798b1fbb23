"""Score maps of an FCN's streams, added up: what each of them says, and what the sum says after it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import floor, log10
from typing import TYPE_CHECKING, Any

import numpy as np

from minifcn.arguments import integer
from minifcn.autograd import no_grad
from minifcn.errors import ArgumentError, ArgumentTypeError
from minifcn.models import FCN
from minifcn.plot.frames import Frames
from minifcn.plot.given import factor, picture
from minifcn.plot.labels import Palette, checked_palette
from minifcn.plot.palette import OWNERS, ink_on, signed
from minifcn.plot.sheet import written
from minifcn.plot.style import INK, LINE, QUIET, paper, styled, text_width
from minifcn.tensor import Tensor

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

PANEL, GAP, MARGIN, ROOM, ROW, TYPE = 2.0, 0.42, 0.2, 0.28, 0.22, 9.0  # inches; the last in points
BAR, SCALE = 0.16, 0.6  # inches: how high the scale is, and with its numbers
MEANING = ("against the class", "for the class")


def streams(
    image: Any, scores: FCN | Mapping[str, Any], label: int | None = None,
    stream_weights: Mapping[str, float] | None = None, *, classes: Sequence[str] | None = None,
    palette: Palette | None = None,
) -> Frames:  # fmt: skip
    """The scores that an FCN adds up, and the sums: a frame for each stream that joins, score, pool4, pool3.

        fused4 = score, enlarged, + pool4        fused3 = fused4, enlarged, + pool3

    image: (H, W, 3), (H, W), (3, H, W) or (1, 3, H, W). scores: what `FCN.streams` returned for this one image; or an
    FCN, which is then asked: the image has to be one that it takes, (1, 3, H, W). stream_weights: what is handed to
    the FCN, or with which the scores were made; it stands in the picture, 1 where none is given. The network is asked
    in the mode in which it is, so call `eval()` first where that matters.

    label: the class whose scores are drawn, all maps in one scale from −m to m, m the largest of all: dark blue
    speaks against the class, grey says nothing, light yellow speaks for it. Without a label each place has the colour
    of the class with the highest score: of eight colours, or the palette's (C, 3), with its number where there is room;
    classes: their names.

    Raises what `FCN.streams` raises, and ArgumentError for scores that are not those of one image, a label that is no
    class, and more than eight classes without a label or a palette.
    """
    pixels = picture(image, "streams")
    weights = {"score": 1.0, "pool4": 1.0, "pool3": 1.0, **(stream_weights or {})}
    if isinstance(scores, FCN):
        with no_grad():
            scores = scores.streams(image if isinstance(image, Tensor) else Tensor(image), stream_weights)
    maps = _maps(scores)
    C = len(maps["score"])
    if label is not None:
        label = integer(label, "streams: label", 0)
        if label >= C:
            raise ArgumentError(f"streams: there is no class {label}, the scores are of {C}; choose 0 to {C - 1}.")
        look: _Look = _Scores(label, max(float(np.abs(scores_of[label]).max()) for scores_of in maps.values()))
    else:
        if palette is None and len(OWNERS) < C:
            raise ArgumentError(f"streams: {C} classes need a palette, only {len(OWNERS)} have colours; pass a label.")
        colours = checked_palette(palette) if palette is not None else checked_palette([_rgb(one) for one in OWNERS])
        if len(colours) < C:
            raise ArgumentError(f"streams: there are {C} classes but {len(colours)} colours; pass one for each.")
        look = _Labels(colours, classes, sorted({int(c) for one in maps.values() for c in np.unique(one.argmax(0))}))
    rows = _rows(maps, weights)
    return Frames(lambda n: _drawn(pixels, rows, n, look, weights), len(rows), "stream")


@dataclass(frozen=True)
class _Shown:
    """One map with what stands above it."""

    name: str
    title: str
    values: np.ndarray  # (C, h, w)


_Row = tuple[_Shown, ...]  # the score; or the sum before, enlarged, a stream, and their sum; or the sum, enlarged


@dataclass(frozen=True)
class _Scores:
    """How one class is drawn."""

    label: int
    most: float

    def colours(self, values: np.ndarray) -> np.ndarray:
        return signed(values[self.label], self.most)

    def texts(self, values: np.ndarray) -> list[list[str]]:
        digits = 1 - floor(log10(self.most)) if self.most > 0 else 0  # two of the largest, and as many after the point
        return [[written(round(value, digits)) for value in row] for row in values[self.label].tolist()]


@dataclass(frozen=True)
class _Labels:
    """How the class with the highest score is drawn."""

    palette: np.ndarray
    classes: Sequence[str] | None
    present: Sequence[int]

    def colours(self, values: np.ndarray) -> np.ndarray:
        colours: np.ndarray = self.palette[values.argmax(0)]
        return colours

    def texts(self, values: np.ndarray) -> list[list[str]]:
        return [[str(value) for value in row] for row in values.argmax(0).tolist()]

    def name(self, number: int) -> str:
        named = self.classes or ()
        return f"{number} {named[number]}" if number < len(named) else f"{number}"


_Look = _Scores | _Labels


def _maps(scores: Any) -> dict[str, np.ndarray]:
    """float64 (C, h, w) by name."""
    if not isinstance(scores, Mapping) or "score" not in scores:
        raise ArgumentTypeError("streams: scores must be an FCN or what FCN.streams returns, a dict with 'score'.")
    maps = {}
    for name, given in scores.items():
        held = np.asarray(given.detach().numpy() if isinstance(given, Tensor) else given, np.float64)
        if held.ndim != 4 or len(held) != 1:
            raise ArgumentError(f"streams: {name} has shape {held.shape}; pass the scores of one image, (1, C, h, w).")
        maps[name] = held[0]
    return maps


def _rows(maps: Mapping[str, np.ndarray], weights: Mapping[str, float]) -> list[_Row]:
    def titled(name: str, what: str = "") -> str:
        h, w = maps[name].shape[1:]
        return f"{what or name}: {h} x {w}"

    def counted(name: str) -> str:
        return titled(name, name if weights[name] == 1 else f"{written(weights[name])} · {name}")

    rows: list[_Row] = [(_Shown("score", counted("score"), maps["score"]),)]
    before = "score"
    for level in "43":
        fused, pool = f"fused{level}", f"pool{level}"
        if pool in maps:
            enlarged = maps[fused] - maps[pool]
            rows.append((
                _Shown(before, titled(fused, f"{before}, enlarged"), enlarged),
                _Shown(pool, counted(pool), maps[pool]),
                _Shown(fused, titled(fused), maps[fused]),
            ))  # fmt: skip
            before = fused
        elif fused in maps and maps[fused].shape != maps[before].shape:
            rows.append((_Shown(fused, titled(fused, f"{before}, enlarged"), maps[fused]),))
            before = fused
    return rows


def _drawn(pixels: np.ndarray, rows: list[_Row], n: int, look: _Look, weights: Mapping[str, float]) -> Figure:
    H, W = pixels.shape[:2]
    wide = PANEL if W >= H else max(0.6, PANEL * W / H)
    high = min(wide * H / W, 2 * PANEL)
    places = [MARGIN + number * (PANEL + GAP) for number in range(3)]
    width = places[-1] + PANEL + MARGIN
    below = MARGIN + len(rows) * (ROOM + high) + 0.15
    with styled(look.classes or () if isinstance(look, _Labels) else ()):
        figure, axes = paper(width, below + SCALE + ROW * 2)
        _panel(axes, places[0], MARGIN, wide, high, f"image: {H} x {W}", pixels)
        axes.text(places[1] + wide / 2, MARGIN + ROOM + high / 2, "→", size=16, color=QUIET, ha="center", va="center")
        for number, row in enumerate(rows[: n + 1]):
            top = MARGIN + number * (ROOM + high)
            columns = [2] if len(row) == 1 else [0, 1, 2]
            for column, shown in zip(columns, row, strict=True):
                _panel(axes, places[column], top, wide, high, shown.title, look.colours(shown.values),
                       look.texts(shown.values))  # fmt: skip
                if column < 2:
                    axes.text(places[column] + (wide + PANEL + GAP) / 2, top + ROOM + high / 2, "+="[column], size=14,
                              color=INK, ha="center", va="center")  # fmt: skip
        if isinstance(look, _Scores):
            _scale(axes, width, below, look)
        else:
            _legend(axes, width, below, look)
        for line, text in enumerate(_said(rows, n, weights)):
            axes.text(MARGIN, below + SCALE + ROW * (line + 0.3), text, size=TYPE, color=QUIET, va="center")
    return figure


def _panel(
    axes: Axes, left: float, top: float, wide: float, high: float, title: str, colours: np.ndarray,
    texts: list[list[str]] | None = None,
) -> None:  # fmt: skip
    """A map of pixels, uint8 (h, w, 3), with a number in each where there is room."""
    from matplotlib.patches import Rectangle

    top += ROOM
    axes.text(left, top - 0.07, title, size=TYPE, color=INK, va="bottom", parse_math=False)
    axes.imshow(colours, extent=(left, left + wide, top + high, top), interpolation="none", aspect="auto")
    axes.add_patch(Rectangle((left, top), wide, high, fill=False, edgecolor=LINE, linewidth=0.8))
    if texts is None:
        return
    h, w = colours.shape[:2]
    size = min(TYPE, 0.5 * 72 * high / h)  # points, half as high as a pixel of the map
    longest = max((text for row in texts for text in row), key=len)
    size = min(size, 0.78 * wide / w / text_width([longest], 1.0))
    if size < 5:
        return
    for i, j in np.ndindex(h, w):
        colour = colours[i, j].tolist()
        axes.text(left + (j + 0.5) * wide / w, top + (i + 0.5) * high / h, texts[i][j], size=size, ha="center",
                  va="center_baseline", color=ink_on(colour, "#000000"))  # fmt: skip


def _scale(axes: Axes, width: float, top: float, look: _Scores) -> None:
    """The one scale of all maps."""
    left, wide = MARGIN + 1.35, width - 2 * MARGIN - 2.7
    steps = signed(np.linspace(-1, 1, 101)[None], 1.0)
    axes.imshow(steps, extent=(left, left + wide, top + BAR, top), interpolation="none", aspect="auto")
    axes.text(left - 0.1, top + BAR / 2, MEANING[0], size=TYPE, color=QUIET, ha="right", va="center_baseline")
    axes.text(left + wide + 0.1, top + BAR / 2, MEANING[1], size=TYPE, color=QUIET, va="center_baseline")
    for part, value in enumerate((-look.most, 0.0, look.most)):
        axes.text(left + part * wide / 2, top + BAR + 0.05, written(value), size=TYPE, color=INK, ha="center", va="top")
    axes.text(MARGIN, top + BAR + 0.05, f"class {look.label}", size=TYPE, color=INK, va="top")


def _legend(axes: Axes, width: float, top: float, look: _Labels) -> None:
    """The classes that are the highest somewhere, as many as fit."""
    from matplotlib.patches import Rectangle

    x, y = MARGIN, top
    for number in look.present:
        name = look.name(number)
        room = BAR + 0.07 + 1.05 * text_width([name], TYPE) + 0.2
        if x + room > width:
            x, y = MARGIN, y + ROW
        colour = look.palette[number] / 255
        axes.add_patch(Rectangle((x, y), BAR, BAR, facecolor=colour, edgecolor=QUIET, linewidth=0.6))
        axes.text(x + BAR + 0.07, y + BAR / 2, name, size=TYPE, color=INK, va="center_baseline", parse_math=False)
        x += room


def _said(rows: list[_Row], n: int, weights: Mapping[str, float]) -> list[str]:
    """What has been added so far, with the weight of each stream."""
    names = [row[len(row) // 2].name for row in rows[: n + 1]]  # of the three in a row, the one in the middle joins
    added = " + ".join(f"{factor(weights[name])} · {name}" for name in names if name in weights)
    last = "This sum is enlarged to the size of the image." if n == len(rows) - 1 else "More will be added."
    return [f"added so far: {added}; numbers are rounded", last]


def _rgb(colour: str) -> tuple[int, int, int]:
    red, green, blue = (int(colour[n : n + 2], 16) for n in (1, 3, 5))
    return red, green, blue
