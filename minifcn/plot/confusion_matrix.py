"""The confusion matrix as a picture: which class is taken for which, and the IU of each."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from minifcn.errors import ArgumentError
from minifcn.metrics import ConfusionMatrix
from minifcn.plot.style import BLUE, INK, LINE, QUIET, new_figure, picture_axes, styled, text_width

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# All in inches. Placed by hand, so that the bars stand in the rows of the matrix and no name is cut, however long.
CELL, MARGIN, GAP, BARS, HEAD = 0.4, 0.2, 0.15, 1.3, 0.65
NAME_SIZE = 8.5
TITLE = "Confusion, in percent of the pixels of each true class"
MOST_WITH_NUMBERS = 32  # classes; beyond, numbers would be too small to read and the colours must do


def confusion(hist: np.ndarray, classes: Sequence[str]) -> Figure:
    """`100 · hist[i, j] / Σ_k hist[i, k]`: of the pixels of true class i, the percentage predicted as j.

    hist: integer `(C, C)`, as `ConfusionMatrix.hist`; classes: C names. On the right, the IU of each class in percent.
    A number below 0.5 is left out; the row of a class that the truth has not is grey.

    Raises ArgumentError for a hist that is not a square matrix of counts, or not one name for each class.
    """
    matrix = ConfusionMatrix.from_hist(hist)
    if len(classes) != matrix.num_classes:
        raise ArgumentError(
            f"confusion: there are {len(classes)} class names for {matrix.num_classes} classes; pass one for each."
        )
    truth = matrix.hist.sum(axis=1, keepdims=True)
    percent = np.full(matrix.hist.shape, math.nan)
    np.divide(100.0 * matrix.hist, truth, out=percent, where=truth > 0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # an empty matrix is drawn as one: grey
        iu, mean_iu = 100 * matrix.iu(), 100 * matrix.mean_iu()
    size = CELL if len(classes) <= MOST_WITH_NUMBERS else CELL / 2
    side = max(size * len(classes), 2.4)
    names = text_width(classes, NAME_SIZE)
    left, below = MARGIN + 0.3 + names, MARGIN + 0.1 + 0.75 * (names + 0.12)  # the names below lean by 45 degrees
    width = max(left + side + GAP + BARS, MARGIN + text_width([TITLE], 10, "bold")) + MARGIN
    with styled(classes):
        figure = new_figure(width, below + side + HEAD)
        figure.text(MARGIN / width, 1 - 0.3 / figure.get_figheight(), TITLE, size=10, weight="bold")
        cells = picture_axes(figure, left, below, side, side)
        _draw_cells(cells, percent, classes)
        bars = picture_axes(figure, left + side + GAP, below, BARS, side)
        _draw_bars(bars, iu, mean_iu, thickness=min(0.5, 0.2 * len(classes) / side))
    return figure


def _draw_cells(axes: Axes, percent: np.ndarray, classes: Sequence[str]) -> None:
    from matplotlib.colors import LinearSegmentedColormap

    count = len(classes)
    colours = LinearSegmentedColormap.from_list("white to blue", ["#ffffff", "#c6dbef", BLUE, "#0b3866"])
    axes.set_facecolor("#eceef1")  # shows where there is no number
    axes.imshow(percent, cmap=colours, vmin=0, vmax=100, interpolation="nearest")
    axes.set_title("predicted", size=9, weight="normal", color=QUIET)
    axes.set_ylabel("truth", loc="top")
    axes.set_xticks(range(count), classes, rotation=45, ha="right", rotation_mode="anchor", parse_math=False)
    axes.set_yticks(range(count), classes, parse_math=False)
    axes.set_xticks(np.arange(count + 1) - 0.5, minor=True)
    axes.set_yticks(np.arange(count + 1) - 0.5, minor=True)
    axes.tick_params(which="both", length=0, labelsize=NAME_SIZE, labelcolor=INK)
    axes.grid(which="minor", color=LINE, linewidth=0.5)
    for i in np.flatnonzero(np.isnan(percent[:, 0])):
        axes.text((count - 1) / 2, float(i), "not in the truth", ha="center", va="center", size=8, color=QUIET)
    if count > MOST_WITH_NUMBERS:
        return
    for i, j in zip(*np.nonzero(percent >= 0.5), strict=True):
        colour = "white" if percent[i, j] > 52 else INK
        weight = "bold" if i == j else "normal"
        axes.text(j, i, f"{percent[i, j]:.0f}", ha="center", va="center", size=8, color=colour, weight=weight)


def _draw_bars(axes: Axes, iu: np.ndarray, mean_iu: float, thickness: float) -> None:
    rows = np.arange(len(iu))
    axes.set_title("IU" if math.isnan(mean_iu) else f"IU, mean {mean_iu:.1f}", size=9, weight="normal", color=QUIET)
    axes.barh(rows, 100, height=thickness, color="#eceef1")
    axes.barh(rows, np.nan_to_num(iu), height=thickness, color=BLUE)
    axes.set_xlim(0, 165)
    axes.set_ylim(len(iu) - 0.5, -0.5)
    for row, value in enumerate(iu):
        text, colour = ("absent", QUIET) if math.isnan(value) else (f"{value:.1f}", INK)
        axes.text(106, row, text, va="center", size=8, color=colour)
