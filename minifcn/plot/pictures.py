"""The gallery: image | truth | prediction | errors, row by row, and what each colour means."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from minifcn.errors import ArgumentError
from minifcn.labels import VOID
from minifcn.plot.labels import (
    UNCOUNTED_COLOUR,
    WRONG_COLOUR,
    Palette,
    checked_image,
    checked_label,
    checked_palette,
    colorize,
    error_map,
)
from minifcn.plot.legend import Legend
from minifcn.plot.style import new_figure, picture_axes, styled

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# All in inches. Pictures are placed by hand, so that they touch neither each other nor the text at any shape.
WIDTH, MARGIN, GAP, TITLE = 11.0, 0.2, 0.08, 0.25
COLUMNS = ("image", "truth", "prediction", "errors")


def gallery(
    images: Sequence[np.ndarray],
    truths: Sequence[np.ndarray],
    predictions: Sequence[np.ndarray],
    classes: Sequence[str],
    palette: Palette,
) -> Figure:
    """One row per image: the image, its truth, the prediction, and the errors, with the share of pixels that are right.

    images: uint8 `(H, W, 3)`, of sizes that may differ. truths, predictions: integer `(H, W)`, each as its image.
    classes, palette: a name and a colour for each class; the legend shows them all.

    Raises ArgumentError for lists of different lengths, no image at all, sizes that differ within a row, labels
    without a colour, or not one colour for each class.
    """
    counts = (len(images), len(truths), len(predictions))
    if len(set(counts)) > 1 or not counts[0]:
        raise ArgumentError(
            f"gallery: there are {counts[0]} images, {counts[1]} truths and {counts[2]} predictions; "
            f"pass as many of each, at least 1."
        )
    table = checked_palette(palette)
    if len(table) != len(classes):
        raise ArgumentError(f"gallery: there are {len(classes)} classes but {len(table)} colours; pass one for each.")
    rows = [
        _checked_row(i, *row, colours=len(table)) for i, row in enumerate(zip(images, truths, predictions, strict=True))
    ]
    legend = [*zip(table, classes, strict=True)]
    if any((truth == VOID).any() for _, truth, _ in rows):
        void = colorize(np.full((1, 1), VOID), table)[0, 0]
        legend += [(void, "void"), (np.array(UNCOUNTED_COLOUR), "void: not counted")]
    legend += [(np.array(WRONG_COLOUR), "wrong")]
    width = (WIDTH - 2 * MARGIN - 3 * GAP) / 4
    heights = [float(np.clip(width * image.shape[0] / image.shape[1], 0.3, 2 * width)) for image, _, _ in rows]
    with styled(classes):
        below = Legend(legend, WIDTH)
        full_height = MARGIN + TITLE + sum(heights) + GAP * (len(rows) - 1) + below.height + MARGIN
        figure = new_figure(below.width, full_height)
        bottom = full_height - MARGIN - TITLE + GAP
        for i, ((image, truth, prediction), height) in enumerate(zip(rows, heights, strict=True)):
            bottom -= height + GAP
            pictures = (image, colorize(truth, table), colorize(prediction, table), error_map(image, truth, prediction))
            for j, (title, picture) in enumerate(zip(COLUMNS, pictures, strict=True)):
                axes = picture_axes(figure, MARGIN + j * (width + GAP), bottom, width, height)
                axes.imshow(picture)
                if i == 0:
                    axes.set_title(title)
            _note_score(axes, truth, prediction)
        below.draw(figure)
    return figure


def _checked_row(
    i: int, image: np.ndarray, truth: np.ndarray, prediction: np.ndarray, colours: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    image = checked_image(image, f"image {i}")
    size = image.shape[:2]
    truth = checked_label(truth, f"truth {i}", colours, size)
    return image, truth, checked_label(prediction, f"prediction {i}", colours, size)


def _note_score(axes: Axes, truth: np.ndarray, prediction: np.ndarray) -> None:
    counted = truth != VOID
    share = f"{100 * (truth == prediction)[counted].mean():.1f} % right" if counted.any() else "all void"
    box = {"boxstyle": "round,pad=0.3", "facecolor": "black", "alpha": 0.6, "linewidth": 0}
    axes.text(0.98, 0.03, share, transform=axes.transAxes, ha="right", va="bottom", color="white", size=8, bbox=box)
