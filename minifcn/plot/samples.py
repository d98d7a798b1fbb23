"""Samples of a data set: each image beside its label laid over it, and what the colours mean."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from minifcn.errors import ArgumentError
from minifcn.labels import VOID
from minifcn.plot.labels import VOID_COLOUR, Palette, checked_label, checked_palette, contours, overlay
from minifcn.plot.legend import Legend
from minifcn.plot.style import new_figure, picture_axes, styled

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# All in inches: two samples beside each other, each an image and its label.
WIDTH, MARGIN, GAP, TITLE, BETWEEN = 11.0, 0.2, 0.06, 0.26, 0.16


def samples(
    images: Sequence[np.ndarray],
    labels: Sequence[np.ndarray],
    titles: Sequence[str],
    classes: Sequence[str],
    palette: Palette,
) -> Figure:
    """For each sample `image | label over image` under its title, two samples in a row; the legend shows all classes.

    images: uint8 `(H, W, 3)`, of sizes that may differ. labels: integer `(H, W)`, each as its image. Void is striped.

    Raises ArgumentError for lists of different lengths, no sample at all, and what `overlay` refuses.
    """
    counts = (len(images), len(labels), len(titles))
    if len(set(counts)) > 1 or not counts[0]:
        raise ArgumentError(
            f"samples: there are {counts[0]} images, {counts[1]} labels and {counts[2]} titles; pass as many of each, "
            "at least 1."
        )
    table = checked_palette(palette)
    if len(table) != len(classes):
        raise ArgumentError(f"samples: there are {len(classes)} classes but {len(table)} colours; pass one for each.")
    drawn = [_over(image, label, table) for image, label in zip(images, labels, strict=True)]
    width = (WIDTH - 2 * MARGIN - 2 * GAP - BETWEEN) / 4
    heights = [float(np.clip(width * image.shape[0] / image.shape[1], 0.3, 2 * width)) for image in images]
    rows = [max(heights[i : i + 2]) for i in range(0, len(heights), 2)]
    entries = [*zip(table, classes, strict=True), (np.array(VOID_COLOUR), "void (striped)")]
    with styled([*classes, *titles]):
        legend = Legend(entries, WIDTH)
        full = MARGIN + sum(rows) + TITLE * len(rows) + legend.height
        figure = new_figure(legend.width, full)
        top = full - MARGIN
        for i, (image, over, title) in enumerate(zip(images, drawn, titles, strict=True)):
            left = MARGIN + i % 2 * (2 * width + GAP + BETWEEN)
            bottom = top - TITLE - heights[i]
            for j, picture in enumerate((image, over)):
                axes = picture_axes(figure, left + j * (width + GAP), bottom, width, heights[i])
                axes.imshow(picture)
                if j == 0:
                    axes.set_title(title, pad=4.0, parse_math=False)
            top -= (TITLE + rows[i // 2]) * (i % 2)
        legend.draw(figure)
    return figure


def _over(image: np.ndarray, label: np.ndarray, palette: np.ndarray) -> np.ndarray:
    """The label over the image; void in stripes, so that it is seen that nothing is known there."""
    picture = overlay(image, label, palette)
    void = checked_label(label, "label", len(palette), image.shape[:2]) == VOID
    H, W = void.shape
    period = max(4, min(H, W) // 24)
    striped = (np.add.outer(np.arange(H), np.arange(W)) % period) < max(1, period // 3)
    picture[void & striped] = VOID_COLOUR
    picture[void & contours(label)] = VOID_COLOUR
    return picture
