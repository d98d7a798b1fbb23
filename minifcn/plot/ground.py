"""An image laid on the paper, and where its pixels are there: what is drawn over it stands on the right pixel."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil
from typing import TYPE_CHECKING, Any

import numpy as np

from minifcn.plot.style import LINE

if TYPE_CHECKING:
    from matplotlib.axes import Axes

LARGEST = 320  # pixels of a side; a larger image is drawn coarser, as a slider holds a picture for each frame

Corner = tuple[float, float]


@dataclass(frozen=True)
class Ground:
    """The image on the paper, in inches: the middle of its pixel [0, 0] lies at (x, y), the next `pixel` further."""

    x: float
    y: float
    pixel: float

    def at(self, row: Any, column: Any) -> tuple[Any, Any]:
        """(x, y) on the paper."""
        return self.x + column * self.pixel, self.y + row * self.pixel

    def box(self, rows: range, columns: range) -> tuple[Corner, float, float]:
        """The corner, the width and the height of these pixels, as a Rectangle wants them."""
        corner: Corner = self.at(rows.start - 0.5, columns.start - 0.5)
        return corner, len(columns) * self.pixel, len(rows) * self.pixel

    def lay(self, axes: Axes, pixels: np.ndarray) -> None:
        """Draw an image, uint8 (H, W, 3), and a line around it."""
        from matplotlib.patches import Rectangle

        (left, top), width, height = box = self.box(range(pixels.shape[0]), range(pixels.shape[1]))
        # Not smoothed: pixels are what this is about.
        axes.imshow(_coarser(pixels), extent=(left, left + width, top + height, top), interpolation="none",
                    aspect="auto")  # fmt: skip
        axes.add_patch(Rectangle(*box, fill=False, edgecolor=LINE, linewidth=0.8))

    def veil(self, axes: Axes, pixels: np.ndarray, rows: range, columns: range) -> None:
        """Make the image pale, all but these rows and columns."""
        from matplotlib.patches import Rectangle

        H, W = pixels.shape[:2]
        around = [
            (range(rows.start), range(W)),
            (range(rows.stop, H), range(W)),
            (rows, range(columns.start)),
            (rows, range(columns.stop, W)),
        ]
        for some_rows, some_columns in around if len(rows) and len(columns) else [(range(H), range(W))]:
            box = self.box(some_rows, some_columns)
            axes.add_patch(Rectangle(*box, facecolor="white", alpha=0.6, linewidth=0, zorder=1))


def _coarser(pixels: np.ndarray) -> np.ndarray:
    """The image so small that no side is longer than LARGEST."""
    from PIL import Image

    H, W = pixels.shape[:2]
    n = max(H, W) / LARGEST
    if n <= 1:
        return pixels
    return np.asarray(Image.fromarray(pixels).resize((ceil(W / n), ceil(H / n)), Image.Resampling.BOX))
