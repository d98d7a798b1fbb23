"""The results as bars: how many times slower than minifcn each opponent is, on a logarithmic axis."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from benchmarks.table import COLUMNS, in_order, number, reached
from benchmarks.works import WORKS
from minifcn.plot.style import BLUE, INK, ORANGE, QUIET, new_figure, save_figure, styled

Record = dict[str, Any]
ROW, GAP = 0.2, 0.42  # inches of one bar, and of the title above a group


def save(records: list[Record], path: Path, names: Iterable[str] = WORKS) -> None:
    """One group of bars per work: blue where ours is ahead, orange where it is not; a tick is the ratio asked for.

    names: the works in their order.
    """
    ordered = in_order(records, names)
    groups = [(record, [entry for entry in record["opponents"] if "ratio" in entry]) for record in ordered]
    groups = [(record, entries) for record, entries in groups if entries]
    height = sum(GAP + ROW * len(entries) for _, entries in groups) + 0.8
    with styled():
        figure = new_figure(8.0, height)
        axes = figure.add_axes((0.22, 0.5 / height, 0.7, 1 - 0.6 / height))
        y, ticks, names = 0.0, [], []
        for record, entries in groups:
            y += GAP
            axes.text(0.0, y - ROW * 0.95, f"{record['title']}, {record['size']}", color=INK, fontsize=8,
                      fontweight="bold", va="center", transform=axes.get_yaxis_transform(),
                      bbox={"facecolor": "white", "edgecolor": "none", "pad": 1})  # fmt: skip
            marks = asked(record)
            for entry in entries:
                value, low, high = (entry["ratio"][key] for key in ("median", "low", "high"))
                axes.barh(y, value - 1, ROW * 0.72, left=1, color=BLUE if value >= 1 else ORANGE)
                axes.plot([low, high], [y, y], color=INK, linewidth=0.9)
                target = marks.get(entry["name"], 0.0)
                right = max(value, high, target if target < 1.4 * max(value, high) else 0)  # not upon the tick
                place: dict[str, Any] = {"xy": (right, y), "xytext": (4, 0), "ha": "left"}
                if value < 1:
                    place = {"xy": (min(value, low), y), "xytext": (-4, 0), "ha": "right"}
                axes.annotate(
                    number(value), **place, textcoords="offset points", va="center", fontsize=7.5, color=QUIET
                )
                if target:
                    axes.plot([target] * 2, [y - ROW * 0.46, y + ROW * 0.46], color=INK, linewidth=2.2)
                ticks.append(y)
                names.append(entry["name"])
                y += ROW
        axes.set_xscale("log")
        axes.axvline(1, color=INK, linewidth=1)
        axes.set_ylim(y, 0)
        axes.set_yticks(ticks, names)
        axes.tick_params(axis="y", length=0)
        axes.grid(axis="x")
        axes.set_xlabel(
            "theirs / ours: right of 1, minifcn is faster or needs less; line: half of the pairs; tick: asked"
        )
        low, high = axes.get_xlim()
        low, high = min(low / 1.5, 0.5), high * 1.5
        axes.set_xlim(low, high)
        marked = [step * 10.0**power for power in range(-3, 6) for step in (1, 2, 5)]
        axes.set_xticks([value for value in marked if low <= value <= high])
        axes.set_xticks([], minor=True)
        axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
        save_figure(figure, path)


def asked(record: Record) -> dict[str, float]:
    """The ratio asked for, by the opponent it is asked against."""
    marks: dict[str, float] = {}
    for column in COLUMNS:
        entry = reached(record, column)
        if entry is not None and column in record["targets"]:
            marks[entry["name"]] = max(marks.get(entry["name"], 0.0), record["targets"][column])
    return marks
