"""Curves over one axis, told apart by colour, by dashes and by marks, so also in grey."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from minifcn.errors import ArgumentError
from minifcn.plot.style import new_figure, styled

if TYPE_CHECKING:
    from matplotlib.figure import Figure

COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#000000", "#e69f00")
DASHES = ("-", "--", "-.", ":", (0, (5, 1, 1, 1, 1, 1)), (0, (8, 3)))
MARKS = ("o", "s", "^", "D", "x", "v")
FEW = 40  # up to so many points each is marked


def lines(x: Any, curves: Mapping[str, Any], title: str = "", xlabel: str = "", ylabel: str = "") -> Figure:
    """Curves over common places: `lines(np.arange(3), {"a": [1, 2, 4], "b": [0, 1, 0]})`, at most six.

    x: (n,), the places. curves: the values (n,) by their names, which the legend shows; nan is left out.
    Raises ArgumentError for no curve or more than six, and for a curve that has not a value for each place.
    """
    places = np.asarray(x, np.float64)
    if not 1 <= len(curves) <= len(COLOURS):
        raise ArgumentError(f"lines: there are {len(curves)} curves; 1 to {len(COLOURS)} can be told apart.")
    values = {name: np.asarray(curve, np.float64) for name, curve in curves.items()}
    for name, curve in values.items():
        if places.ndim != 1 or curve.shape != places.shape:
            raise ArgumentError(
                f"lines: {name!r} has shape {curve.shape} and x {places.shape}; give one value for each place."
            )
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    with styled(curves):
        figure = new_figure(6.6, 3.2, layout=ConstrainedLayoutEngine(w_pad=0.08, h_pad=0.08))
        axes = figure.subplots()
        axes.grid()
        axes.set_title(title)
        axes.set(xlabel=xlabel, ylabel=ylabel)
        for (name, curve), colour, dash, mark in zip(values.items(), COLOURS, DASHES, MARKS, strict=False):
            marked = mark if len(places) <= FEW else ""
            axes.plot(places, curve, color=colour, linestyle=dash, marker=marked, markersize=4.5, label=name)
        axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5))
    return figure
