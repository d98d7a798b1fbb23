"""Which colour is which class: a swatch and a name each, in lines of equal length, under a picture or a gallery."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from minifcn.errors import ArgumentError
from minifcn.labels import VOID
from minifcn.plot.fonts import boxes_are_known
from minifcn.plot.labels import VOID_COLOUR, Palette, checked_image, checked_label, checked_palette
from minifcn.plot.style import QUIET, new_figure, picture_axes, styled, text_width

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MARGIN, LINE, SWATCH = 0.2, 0.24, 0.14  # inches
SIZE = 9.0  # points
Entry = tuple[np.ndarray, str]  # a colour and what it means


class Legend:
    """Entries in lines across `width` inches, each with room for the longest name. Drawn by `draw`."""

    def __init__(self, entries: Sequence[Entry], width: float) -> None:
        self.entries = entries
        # Letters are set on whole pixels, which can make a long text a little longer than its width.
        cell = SWATCH + 0.08 + 1.08 * text_width([name for _, name in entries], SIZE) + 0.2
        self.width = max(width, cell + 2 * MARGIN)
        lines = math.ceil(len(entries) / max(1, int((self.width - 2 * MARGIN) / cell)))
        self.per_line = math.ceil(len(entries) / lines)  # lines of equal length rather than full ones and a remainder
        self.cell = (self.width - 2 * MARGIN) / self.per_line
        self.height = MARGIN + LINE * lines

    def draw(self, figure: Figure) -> None:
        """At the bottom of a figure that is as wide."""
        from matplotlib.patches import Rectangle

        axes = picture_axes(figure, 0, 0, self.width, self.height)
        axes.set_xlim(0, self.width)
        axes.set_ylim(0, self.height)
        for i, (colour, name) in enumerate(self.entries):
            x = MARGIN + i % self.per_line * self.cell
            y = self.height - MARGIN / 2 - LINE * (i // self.per_line + 0.5)
            corner = (x, y - SWATCH / 2)
            swatch = Rectangle(corner, SWATCH, SWATCH, facecolor=colour / 255, edgecolor=QUIET, linewidth=0.5)
            axes.add_patch(swatch)
            axes.text(x + SWATCH + 0.08, y, name, va="center_baseline", size=SIZE, parse_math=False)


READABLE = 1000  # pixels; a wider picture will be looked at smaller, so its legend is larger
NARROWEST = 320  # pixels; a narrower picture gets white at its right, so that names have room
DPI = 100


def explained(picture: np.ndarray, label: np.ndarray, classes: Sequence[str], palette: Palette) -> np.ndarray:
    """`picture` with a legend below: the classes that occur in `label`, the largest first, each with its share.

    picture: uint8 `(H, W, 3)`. label: integer `(H, W)`. Returns uint8 `(H + legend, max(W, names), 3)`, in which the
    first H rows and W columns are the picture itself.

    Raises ArgumentError for sizes that differ, labels without a colour, and not one colour for each class.
    """
    picture, table = checked_image(picture, "picture"), checked_palette(palette)
    if len(table) != len(classes):
        raise ArgumentError(f"explained: there are {len(classes)} classes but {len(table)} colours; pass one for each.")
    H, W = picture.shape[:2]
    shares = np.bincount(checked_label(label, "label", len(table), (H, W)).reshape(-1), minlength=256) / label.size
    colours = {**dict(enumerate(table)), VOID: np.array(VOID_COLOUR)}
    present = [int(value) for value in np.argsort(-shares, kind="stable") if shares[value] > 0]
    names = {value: "void" if value == VOID else classes[value] for value in present}
    entries = [(colours[value], f"{names[value]} {_percent(shares[value])}") for value in present]
    dpi = DPI * max(1.0, W / READABLE)
    with styled(classes):  # all of them, so that many pictures give one warning
        legend = Legend(entries, max(W, NARROWEST) / dpi)
        width, height = math.ceil(round(legend.width * dpi, 3)), math.ceil(legend.height * dpi)
        figure = new_figure((width + 0.01) / dpi, (height + 0.01) / dpi, dpi=dpi)
        legend.draw(figure)
        below = _pixels(figure)
    canvas = np.full((H + height, width, 3), 255, dtype=np.uint8)
    canvas[:H, :W] = picture
    canvas[H:] = below[:height, :width]
    return canvas


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %" if share >= 0.005 else "< 1 %"


def _pixels(figure: Figure) -> np.ndarray:
    """uint8 `(H, W, 3)`."""
    with boxes_are_known():
        figure.canvas.draw()
    return np.asarray(figure.canvas.buffer_rgba())[:, :, :3]  # type: ignore[attr-defined]
