"""The learning curve: loss, mean IU on held-out images and learning rate, one under the other."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from minifcn.errors import ArgumentError, ArgumentTypeError
from minifcn.plot.style import BLUE, ORANGE, QUIET, new_figure, styled

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Curves = dict[str, tuple[np.ndarray, np.ndarray]]  # the points of each, without those that are not finite
KEYS = ("loss", "val_loss", "val_mean_iu", "learning_rate")
FEW = 40  # up to so many points each is marked; beyond, a running mean shows where the cloud of points goes


def learning_curve(history: Sequence[Mapping[str, Any]]) -> Figure:
    """Draws what a training run wrote down, one entry per epoch or per some steps.

    history: dicts with `epoch` and `step`, and `loss`, `val_loss`, `val_mean_iu` (0 to 1) and `learning_rate`. Any may
    be missing, None or not finite: what is there is drawn. The abscissa is `epoch` if it grows from entry to entry,
    else `step` if that does, else the number of the entry.

    Raises ArgumentError for an empty history and for one in which there is nothing to draw, ArgumentTypeError for an
    entry that is not a number.
    """
    if not history:
        raise ArgumentError("learning_curve: the history is empty; train for at least one step.")
    unit, x = _abscissa(history)
    curves: Curves = {}
    for key in KEYS:
        y = _column(history, key)
        if np.isfinite(y).any():
            curves[key] = (x[np.isfinite(y)], y[np.isfinite(y)])
    panels: list[tuple[float, Callable[[Axes, Curves, str], None]]] = []  # height, and who draws it
    if curves.keys() & {"loss", "val_loss"}:
        panels.append((1.0, _draw_loss))
    if "val_mean_iu" in curves:
        panels.append((1.0, _draw_iu))
    if "learning_rate" in curves:
        panels.append((0.5, _draw_rate))
    if not panels:
        raise ArgumentError("learning_curve: no entry of the history has a finite loss, mean IU or learning rate.")
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    heights = [height for height, _ in panels]
    with styled():
        figure = new_figure(7.2, 0.5 + 2.2 * sum(heights), layout=ConstrainedLayoutEngine(w_pad=0.08, h_pad=0.08))
        column = figure.subplots(len(panels), 1, sharex=True, squeeze=False, height_ratios=heights)[:, 0]
        for axes, (_, draw) in zip(column, panels, strict=True):
            axes.grid(axis="y")
            axes.margins(x=0.02)
            draw(axes, curves, unit)
        column[-1].set_xlabel(unit)
        column[-1].locator_params(axis="x", integer=True)
        if len(x) == 1:
            column[-1].set_xlim(x[0] - 1, x[0] + 1)
    return figure


def _draw_loss(axes: Axes, curves: Curves, unit: str) -> None:
    axes.set_title("loss")
    for key, colour, label in (("loss", BLUE, "training"), ("val_loss", ORANGE, "held-out")):
        if key in curves:
            _draw_curve(axes, *curves[key], colour, label)
    if len(axes.get_legend_handles_labels()[0]) > 1:
        axes.legend(loc="upper right", ncols=2)
    elif "loss" in curves:
        _note(axes, f"last {curves['loss'][1][-1]:.3g}")
    if axes.dataLim.ymin >= 0:
        axes.set_ylim(0.0, 1.06 * axes.dataLim.ymax or 1.0)  # of the whole height, or the highest points are cut


def _draw_iu(axes: Axes, curves: Curves, unit: str) -> None:
    x, y = curves["val_mean_iu"]
    best, y = int(np.argmax(y)), 100 * y
    axes.set_title("mean IU on held-out images, in percent")
    _note(axes, f"best {y[best]:.1f} % at {unit} {x[best]:g}")
    _draw_curve(axes, x, y, BLUE, "held-out")
    axes.plot(
        x[best],
        y[best],
        "o",
        markersize=9,
        markerfacecolor="none",
        markeredgecolor=ORANGE,
        markeredgewidth=1.6,
        clip_on=False,
    )
    axes.set_ylim(0.0, 100.0 if y[best] > 50 else max(1.25 * y[best], 1.0))


def _draw_rate(axes: Axes, curves: Curves, unit: str) -> None:
    x, y = curves["learning_rate"]
    axes.set_title("learning rate")
    _note(axes, f"first {y[0]:.3g}, last {y[-1]:.3g}")
    axes.plot(x, y, color=QUIET, marker="o" if len(x) == 1 else "")
    axes.set_ylim(0.0, 1.06 * y.max() or 1.0)
    axes.locator_params(axis="y", nbins=3)


def _draw_curve(axes: Axes, x: np.ndarray, y: np.ndarray, colour: str, label: str) -> None:
    if len(y) <= FEW:
        axes.plot(x, y, color=colour, marker="o", markersize=3.5, label=label, clip_on=False)
        return
    axes.plot(x, y, color=colour, alpha=0.25, linewidth=0.8)
    axes.plot(x, _running_mean(y, len(y) // 20), color=colour, label=label)


def _running_mean(y: np.ndarray, reach: int) -> np.ndarray:
    """The mean over `reach` neighbours on either side, as many as there are near the ends."""
    window = np.ones(2 * reach + 1)
    return np.convolve(y, window)[reach:-reach] / np.convolve(np.ones(len(y)), window)[reach:-reach]


def _note(axes: Axes, text: str) -> None:
    axes.set_title(text, loc="right", color=QUIET, fontweight="normal", fontsize=9)


def _abscissa(history: Sequence[Mapping[str, Any]]) -> tuple[str, np.ndarray]:
    for key in ("epoch", "step"):
        x = _column(history, key)
        if np.isfinite(x).all() and (np.diff(x) > 0).all():
            return key, x
    return "entry", np.arange(1.0, len(history) + 1)


def _column(history: Sequence[Mapping[str, Any]], key: str) -> np.ndarray:
    """One number per entry, nan where there is none."""
    column = np.full(len(history), np.nan)
    for i, entry in enumerate(history):
        value = entry.get(key)
        if value is not None:
            try:
                column[i] = float(value)
            except (TypeError, ValueError):
                raise ArgumentTypeError(f"learning_curve: {key} of entry {i} is {value!r}; give a number.") from None
    return column
