"""Small images side by side, each pixel a square: grey, or in colours."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from minifcn.errors import ArgumentError
from minifcn.plot.style import INK, LINE, QUIET, new_figure, picture_axes, styled, text_width

if TYPE_CHECKING:
    from matplotlib.figure import Figure

HEIGHT, GAP, MARGIN, TITLE, NOTE = 2.0, 0.25, 0.1, 0.32, 0.28  # inches
TYPE, SMALL = 9.5, 9.0  # sizes of type, in points


def images(
    *arrays: Any, titles: Sequence[str] | None = None, notes: Sequence[str] | None = None,
    low: float = 0.0, high: float = 255.0,
) -> Figure:  # fmt: skip
    """Arrays (H, W) in grey, or (3, H, W) in colours, side by side and equally high: `images(x, y, high=1)`.

    titles, notes: a line above and a line below each. low, high: the values that are black and white; what lies beyond
    is drawn as these. Raises ArgumentError for no array, another number of lines, another shape, or low not below high.
    """
    if not arrays:
        raise ArgumentError("images: there is no array to draw; pass at least one.")
    for name, lines in (("titles", titles), ("notes", notes)):
        if lines is not None and len(lines) != len(arrays):
            raise ArgumentError(f"images: there are {len(arrays)} arrays and {len(lines)} {name}; pass one for each.")
    if not low < high:
        raise ArgumentError(f"images: low is {low} and high is {high}; black must lie below white.")
    pixels = [_pixels(np.asarray(array, np.float64), low, high) for array in arrays]
    above, below = titles or [""] * len(arrays), notes or [""] * len(arrays)
    widths = [
        max(HEIGHT * p.shape[1] / p.shape[0], 1.05 * text_width([title], TYPE), 1.05 * text_width([note], SMALL))
        for p, title, note in zip(pixels, above, below, strict=True)
    ]
    full = 2 * MARGIN + sum(widths) + GAP * (len(arrays) - 1)
    with styled():
        bottom = MARGIN + (NOTE if notes else 0.0)
        figure = new_figure(full, bottom + HEIGHT + (TITLE if titles else 0.0) + MARGIN)
        left = MARGIN
        for picture, title, note, width in zip(pixels, above, below, widths, strict=True):
            axes = picture_axes(figure, left, bottom, HEIGHT * picture.shape[1] / picture.shape[0], HEIGHT)
            axes.imshow(picture, interpolation="nearest")
            axes.spines[:].set(visible=True, color=LINE)
            axes.set_title(title, fontsize=TYPE, fontweight="normal", color=INK, parse_math=False)
            axes.text(0, -0.03, note, transform=axes.transAxes, va="top", size=SMALL, color=QUIET, parse_math=False)
            left += width + GAP
    return figure


def _pixels(array: np.ndarray, low: float, high: float) -> np.ndarray:
    """(H, W, 3), 0 to 1."""
    if array.ndim not in (2, 3) or (array.ndim == 3 and len(array) != 3) or not array.size:
        raise ArgumentError(f"images: an array has shape {array.shape}; draw (H, W), or (3, H, W) in colours.")
    if not np.isfinite(array).all():
        raise ArgumentError("images: an array has values that are not finite; they have no grey.")
    part = np.clip((array - low) / (high - low), 0.0, 1.0)
    return np.repeat(part[..., None], 3, axis=-1) if part.ndim == 2 else part.transpose(1, 2, 0)
