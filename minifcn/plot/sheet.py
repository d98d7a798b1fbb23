"""A sheet of squared paper: grids of numbers side by side, as one would write them down with a pencil.

Everything is placed in squares, x to the right and y downwards, so a figure is as large as what stands on it, and
nothing overlaps by construction. A grid that is too narrow for its title is given the room of the title.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from minifcn.errors import ArgumentError
from minifcn.plot.palette import Box, Fill, Paint, lighter
from minifcn.plot.style import INK, QUIET, new_figure, styled, text_width

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from matplotlib.path import Path

SQUARE = 0.42  # inches
NUMBER, TITLE, CAPTION = 11.0, 9.5, 9.0  # sizes of type, in points
TITLE_ROOM, LINE_ROOM, GAP, MARGIN = 0.75, 0.5, 1.3, 0.35  # in squares
FAINT = "#b6bcc4"  # what is there only in thought: padding, a zero put in, a pixel that is cut away
EDGE = "#8b929b"  # the lines of squares
GHOST, GHOST_ON_COLOUR = "#6b7280", "#424851"  # numbers in squares that are faint, and of those the coloured ones
WINDOW = "#a94a00"  # the frame around what is being looked at: darker than every colour of a square
EDGES: dict[str, dict[str, Any]] = {
    "plain": {"edgecolor": EDGE, "zorder": 2},  # a line that both kinds share is a whole one
    "faint": {"edgecolor": FAINT, "zorder": 1, "linestyle": (0, (2, 2))},
}

LARGEST = 1600  # squares of one grid that can still be read


def written(value: float) -> str:
    """A number as it stands in a square: 5, −3, 0.25, 1e+06, nan; at most three digits after the point."""
    if np.isnan(value):
        return "nan"
    if np.isinf(value):
        return "∞" if value > 0 else "−∞"
    value = float(value) + 0.0  # −0 is written 0
    text = f"{value:.0f}" if value.is_integer() and abs(value) < 1e6 else f"{value:.3g}"
    return text.replace("-", "−")


@dataclass(frozen=True)
class Grid:
    """Where the squares of an (H, W) array stand on the sheet."""

    top: float
    left: float
    height: int
    width: int

    def centre(self, i: float, j: float) -> tuple[float, float]:
        """(x, y) of the middle of square [i, j]."""
        return self.left + j + 0.5, self.top + i + 0.5


class Sheet:
    """Grids, frames, arrows and lines of text; `figure()` draws them.

    Grids are put in columns from left to right: `column()` begins one, `grid()` puts the next below the last.
    """

    def __init__(self) -> None:
        self._fills: dict[str, list[Box]] = {}
        self._edges: dict[str, list[Box]] = {}
        self._bars: list[Box] = []
        self._frames: list[tuple[Box, str]] = []
        self._arrows: list[tuple[tuple[float, float], tuple[float, float], str]] = []
        self._texts: list[tuple[float, float, str, dict[str, Any]]] = []
        self._left = self._right = self._top = self._bottom = self._first = 0.0
        self._widest = 0.0

    def column(self, gap: float = GAP, sign: str = "") -> None:
        """Begin to the right of everything so far, `gap` squares away, with a `sign` (∗, =, →) in between."""
        if self._right:
            self._left = self._right + gap
            if sign:
                at = self._right + gap / 2, self._first + TITLE_ROOM + 0.5
                self._text(*at, sign, size=14, ha="center", va="center")
        self._top = self._first

    def row(self) -> None:
        """Begin again at the left, below everything so far."""
        self._widest = max(self._widest, self._right)
        self._left = self._right = 0.0
        self._top = self._first = self._bottom + LINE_ROOM

    def grid(
        self, values: np.ndarray, title: str = "", *, fills: Sequence[Sequence[Fill]] | None = None,
        faint: np.ndarray | None = None, blank: np.ndarray | None = None, numbers: bool = True,
    ) -> Grid:  # fmt: skip
        """Put an (H, W) array on the sheet, one number in each square.

        fills: a paint, several (stripes), or None for each square. faint: True where a number is only thought, such as
        padding: edges are dashed there, numbers and colours paler. blank: True where the square stays empty.
        numbers: False draws squares without what is in them.
        """
        values = np.asarray(values)
        if values.ndim != 2:
            raise ArgumentError(
                f"a grid of numbers has rows and columns, this array has shape {values.shape}; "
                "pass one channel, as x[0, 0]."
            )
        H, W = values.shape
        if H * W > LARGEST:
            raise ArgumentError(f"a grid of {H} x {W} numbers cannot be read; draw at most {LARGEST} squares.")
        place = Grid(self._top + TITLE_ROOM, self._left, H, W)
        if title:
            self._text(self._left, place.top - 0.22, title, size=TITLE, ha="left", va="bottom", color=INK)
        texts = [[written(value) for value in row] for row in values.tolist()]
        longest = max((len(text) for row in texts for text in row), default=1)
        size = min(NUMBER, 38.0 / max(longest, 1))
        for i, j in np.ndindex(H, W):
            ghost = faint is not None and bool(faint[i, j])
            fill = None if fills is None else fills[i][j]
            paints = [] if fill is None else [fill] if isinstance(fill, Paint) else list(fill)
            self._square(place, i, j, paints, "faint" if ghost else "plain")
            if numbers and not (blank is not None and blank[i, j]):
                self._text(*place.centre(i, j), texts[i][j], size=size, ha="center", va="center_baseline",
                           color=(GHOST_ON_COLOUR if paints else GHOST) if ghost else INK)  # fmt: skip
        self._top = place.top + H
        self._bottom = max(self._bottom, self._top)
        self._right = max(self._right, self._left + max(W, self._squares(title, TITLE)))
        return place

    def frame(self, grid: Grid, top: float, left: float, height: float, width: float, colour: str = WINDOW) -> None:
        """A thick frame around `height` x `width` squares of a grid, from its square [top, left]."""
        self._frames.append(((grid.left + left, grid.top + top, width, height), colour))

    def arrow(self, start: tuple[float, float], end: tuple[float, float], colour: str = QUIET) -> None:
        """From (x, y) to (x, y)."""
        self._arrows.append((start, end, colour))

    def lines(self, lines: Sequence[str], color: str = QUIET) -> None:
        """Lines of text below everything so far, from the left edge."""
        for line in lines:
            self._text(0.0, self._bottom + LINE_ROOM, line, size=CAPTION, ha="left", va="bottom", color=color)
            self._right = max(self._right, self._squares(line, CAPTION))
            self._bottom += LINE_ROOM

    @property
    def size(self) -> tuple[float, float]:
        """(width, height) in squares of what stands on the sheet."""
        return max(self._right, self._widest), self._bottom

    def figure(self, size: tuple[float, float] | None = None) -> Figure:
        """The figure, as large as what stands on the sheet, or of another `size` in squares."""
        from matplotlib.patches import FancyArrowPatch, PathPatch, Rectangle

        width, height = (side + 2 * MARGIN for side in (self.size if size is None else size))
        with styled():
            figure = new_figure(width * SQUARE, height * SQUARE)
            axes = figure.add_axes((0, 0, 1, 1))
            axes.set(xlim=(-MARGIN, width - MARGIN), ylim=(height - MARGIN, -MARGIN))
            axes.axis("off")  # and artists, not patches, below: the limits stay, so nobody need measure them
            for colour, boxes in self._fills.items():
                axes.add_artist(PathPatch(_outlines(boxes), facecolor=colour, linewidth=0, zorder=0))
            if self._bars:
                axes.add_artist(PathPatch(_outlines(self._bars), facecolor=INK, linewidth=0, zorder=1))
            for style, boxes in self._edges.items():
                axes.add_artist(PathPatch(_outlines(boxes), fill=False, linewidth=0.8, **EDGES[style]))
            for (x, y, w, h), colour in self._frames:
                axes.add_artist(Rectangle((x, y), w, h, fill=False, edgecolor=colour, linewidth=2.4, zorder=3))
            for start, end, colour in self._arrows:
                head: dict[str, Any] = {"arrowstyle": "-|>", "mutation_scale": 9, "shrinkA": 0, "shrinkB": 0}
                axes.add_artist(FancyArrowPatch(start, end, color=colour, linewidth=1.0, zorder=5, **head))
            for x, y, text, how in self._texts:
                axes.text(x, y, text, parse_math=False, zorder=4, **how)
        return figure

    def _square(self, place: Grid, i: int, j: int, paints: Sequence[Paint], style: str) -> None:
        x, y = place.left + j, place.top + i
        for part, paint in enumerate(paints):
            stripe = x + part / len(paints), y, 1 / len(paints), 1.0
            colour = lighter(paint.colour) if style == "faint" else paint.colour
            self._fills.setdefault(colour, []).append(stripe)
            self._bars += paint.bars(stripe)
        self._edges.setdefault(style, []).append((x, y, 1.0, 1.0))

    def _text(self, x: float, y: float, text: str, **how: Any) -> None:
        self._texts.append((x, y, text, how))

    @staticmethod
    def _squares(text: str, size: float) -> float:
        """The width of a text in squares."""
        return 1.05 * text_width([text], size) / SQUARE if text else 0.0  # small type is set a little wider on a screen


def _outlines(boxes: Sequence[Box]) -> Path:
    """Many boxes as one path: a picture of a hundred squares is then not a hundred pictures of one."""
    from matplotlib.path import Path

    return Path.make_compound_path(
        *(Path([(x, y), (x + w, y), (x + w, y + h), (x, y + h), (x, y)], closed=True) for x, y, w, h in boxes)
    )


def numbers(*arrays: Any, titles: Sequence[str] | None = None, signs: Sequence[str] = ()) -> Figure:
    """Arrays (H, W) of numbers side by side: `numbers(y, w, x, signs=("∗", "="))`.

    titles: one for each array. signs: what stands between an array and the next; nothing unless said.
    Raises ArgumentError for no array, another number of titles, or an array that is no (H, W) of at most 1600 squares.
    """
    if not arrays:
        raise ArgumentError("numbers: there is no array to draw; pass at least one.")
    if titles is not None and len(titles) != len(arrays):
        raise ArgumentError(f"numbers: there are {len(arrays)} arrays and {len(titles)} titles; pass one for each.")
    sheet = Sheet()
    for n, array in enumerate(arrays):
        sheet.column(sign=signs[n - 1] if 0 < n <= len(signs) else "")
        sheet.grid(np.asarray(array, np.float64), "" if titles is None else titles[n])
    return sheet.figure()
