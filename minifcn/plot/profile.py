"""A profile as a picture: one bar per kind of operation, the slowest on top, forward and backward in two colours."""

from __future__ import annotations

from typing import TYPE_CHECKING

from minifcn.errors import ArgumentError
from minifcn.machine.profiling import Profile
from minifcn.machine.timetable import BACKWARD, FORWARD, OTHER, Entry, shortened
from minifcn.plot.style import BLUE, INK, ORANGE, QUIET, new_figure, styled, text_width

if TYPE_CHECKING:
    from matplotlib.figure import Figure

COLOURS = {FORWARD: BLUE, BACKWARD: ORANGE, OTHER: QUIET}
MOST = 30  # bars
BAR, GAP, HEAD, SIDE = 0.24, 0.1, 0.5, 0.15  # inches
LONGEST = 4.2  # inches of the longest bar
SIZE, TITLE = 8.5, 10.0  # points


def profile_bars(record: Profile, steps: int = 1) -> Figure:
    """Draws the own time of every operation, in milliseconds per step, with its share and what was achieved.

    steps: how many steps of training were recorded. Raises ArgumentError for an empty record or steps below 1.
    """
    rows = record.rows()
    seconds = sum(row.seconds for row in rows)
    if steps < 1 or seconds <= 0:
        raise ArgumentError(
            f"profile_bars: {steps} steps of {seconds} seconds cannot be drawn; record at least one step."
        )
    shown = shortened(rows, most=MOST)
    labels = [row.label.replace("->", "→") for row in shown]
    notes = [_note(row, seconds, steps) for row in shown]
    # Letters are set on whole pixels, which can make a long text a little longer than its width.
    left, right = (1.03 * text_width(texts, SIZE) + SIDE + GAP for texts in (labels, notes))
    per = f"in each of {steps} steps" if steps > 1 else "in all"
    words = [(f"where the time goes: {1e3 * seconds / steps:.1f} ms {per}", INK, "bold")]
    for phase, colour in COLOURS.items():
        share = sum(row.seconds for row in rows if row.phase == phase) / seconds
        words.append((f"■ {phase} {100 * share:.0f} %", colour, "normal"))
    lengths = [1.03 * text_width([text], TITLE, weight) + 3 * GAP for text, _, weight in words]
    width = max(left + LONGEST + right, SIDE + sum(lengths))
    height = HEAD + BAR * len(shown) + SIDE
    with styled():
        figure = new_figure(width, height)
        axes = figure.add_axes((left / width, SIDE / height, LONGEST / width, BAR * len(shown) / height))
        longest = rows[0].seconds
        for number, (row, label, note) in enumerate(zip(shown, labels, notes, strict=True)):
            # The others together are no bar: it would be the longest, and say that none of them matters.
            length = row.seconds / longest if row.phase in COLOURS else 0.0
            axes.barh(number, length, height=0.72, color=COLOURS.get(row.phase, QUIET))
            axes.text(length + GAP / LONGEST, number, note, va="center", color=QUIET, fontsize=SIZE)
            axes.text(-GAP / LONGEST, number, label, ha="right", va="center", color=INK, fontsize=SIZE)
        axes.set_xlim(0, 1)
        axes.set_ylim(len(shown) - 0.5, -0.5)
        axes.set_axis_off()
        at = SIDE
        for (text, colour, weight), length in zip(words, lengths, strict=True):
            place = at / width, 1 - HEAD / 2 / height
            figure.text(*place, text, color=colour, fontsize=TITLE, fontweight=weight, va="center")
            at += length
    return figure


def _note(row: Entry, seconds: float, steps: int) -> str:
    parts = [f"{1e3 * row.seconds / steps:.2f} ms", f"{100 * row.seconds / seconds:.1f} %"]
    if row.rate is not None and row.rate >= 1e9:
        parts.append(f"{row.rate / 1e9:.0f} GFLOP/s")
    return " · ".join(parts)
