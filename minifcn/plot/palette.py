"""The colours of squares: eight that differ in hue and in lightness, and marks for more than eight things.

The hues are those of Okabe and Ito (2008), told apart with every kind of colour blindness. Each is mixed with white
until it has a lightness of its own, so that they are told apart in grey, too; a number in dark ink can be read on all.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

# Sky, vermilion, orange, blue, grey, green, yellow, pink. Each has 1.15 times the luminance of the next darker one, and
# those that stand side by side, or one over the other in a kernel of width three, differ by at least 1.5 times.
OWNERS = ("#99d2f2", "#e39456", "#f4d48c", "#5aa4cd", "#e5e5e5", "#61c3a8", "#faf6c0", "#e1b0cb")
LOW, ZERO, HIGH = (0, 52, 110), (150, 150, 150), (255, 236, 110)  # of a value below, at and above zero: ever lighter

Box = tuple[float, float, float, float]  # left, top, width, height
FROM, THICK, SIDE = 0.05, 0.09, 0.12  # of a bar: from the edge of the square, thickness, room at its ends
# The n-th eight things have the bars of MARKS[n]: at the bottom or the top of the square, whole or as dots.
MARKS: tuple[tuple[tuple[str, str], ...], ...] = (
    (), (("bottom", "whole"),), (("top", "whole"),), (("top", "whole"), ("bottom", "whole")),
    (("bottom", "dots"),), (("top", "dots"),), (("top", "dots"), ("bottom", "dots")),
    (("top", "dots"), ("bottom", "whole")),
)  # fmt: skip


@dataclass(frozen=True)
class Paint:
    """What fills a square: a colour, and which of MARKS lies on it."""

    colour: str
    mark: int = 0

    def bars(self, box: Box) -> list[Box]:
        """The bars of the mark on a square, or on a stripe of it. They leave the middle to the number."""
        x, y, w, h = box
        made = []
        for edge, kind in MARKS[self.mark]:
            top = y + FROM * h if edge == "top" else y + (1 - FROM - THICK) * h
            pieces = 1 if kind == "whole" else 3
            room = (1 - 2 * SIDE) * w / (2 * pieces - 1)
            made += [(x + SIDE * w + 2 * piece * room, top, room, THICK * h) for piece in range(pieces)]
        return made


Fill = Paint | Sequence[Paint] | None  # of a square: one paint, stripes of several, or none


def owner(number: int) -> Paint:
    """The paint of the `number`-th of several things: 64 that differ, as many as a picture has frames.

    The first eight differ by their colour. After each eight the colours begin again, with another mark.
    """
    return Paint(OWNERS[number % len(OWNERS)], number // len(OWNERS) % len(MARKS))


def colour_of(count: int) -> str:
    """How captions begin that say what the paint of `count` things means."""
    return "A colour" if count <= len(OWNERS) else "A colour with its bars"


def lighter(colour: str, part: float = 0.5) -> str:
    """The colour mixed with white."""
    return _hex(np.array(_rgb(colour)) * part + 255 * (1 - part))


def shade(values: np.ndarray) -> list[list[Fill]]:
    """A paint for each square, from white for the least to a blue for the most; white if all are equal."""
    values = np.asarray(values, np.float64)
    low, high = float(values.min()), float(values.max())
    part = (values - low) / (high - low) if high > low else np.zeros(values.shape)
    dark = np.array([140, 167, 199])  # numbers stay readable on it
    return [[Paint(_hex(255 + p * (dark - 255))) for p in row] for row in part.tolist()]


def signed(values: np.ndarray, most: float) -> np.ndarray:
    """uint8 (..., 3): dark blue for −most, grey for 0, light yellow for +most. In grey it goes from dark to light."""
    values = np.asarray(values, np.float64)
    part = np.clip(values / most, -1, 1)[..., None] if most > 0 else np.zeros((*values.shape, 1))
    low, zero, high = (np.array(colour, np.float64) for colour in (LOW, ZERO, HIGH))
    colours: np.ndarray = np.rint(zero + np.abs(part) * (np.where(part < 0, low, high) - zero)).astype(np.uint8)
    return colours


def brightness(colour: str | Sequence[int]) -> float:
    """The relative luminance, 0 to 1, of an sRGB colour. Source: WCAG 2.2, "relative luminance"."""
    c = np.array(_rgb(colour) if isinstance(colour, str) else colour, np.float64) / 255
    linear = np.where(c <= 0.04045, c / 12.92, ((c + 0.055) / 1.055) ** 2.4)
    return float(linear @ [0.2126, 0.7152, 0.0722])


def contrast(first: str | Sequence[int], second: str | Sequence[int]) -> float:
    """(L₁ + 0.05) / (L₂ + 0.05), L₁ the lighter: 1 to 21, text wants 4.5. Source: WCAG 2.2, "contrast ratio"."""
    dark, light = sorted((brightness(first), brightness(second)))
    return (light + 0.05) / (dark + 0.05)


def ink_on(colour: Sequence[int], dark: str, light: str = "#ffffff") -> str:
    """Of the two inks the one that is read better on `colour`."""
    return dark if contrast(colour, dark) >= contrast(colour, light) else light


def _rgb(colour: str) -> tuple[int, int, int]:
    red, green, blue = (int(colour[n : n + 2], 16) for n in (1, 3, 5))
    return red, green, blue


def _hex(colour: np.ndarray) -> str:
    return "#{:02x}{:02x}{:02x}".format(*np.rint(colour).astype(int).tolist())
