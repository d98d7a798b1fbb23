"""Sizes on the way down and up again, and where they no longer meet."""

from __future__ import annotations

from typing import TYPE_CHECKING

from minifcn.arguments import integer
from minifcn.geometry import Geometry
from minifcn.plot.frames import Frames
from minifcn.plot.style import BLUE, INK, ORANGE, QUIET, RED, paper, styled

if TYPE_CHECKING:
    from matplotlib.figure import Figure

LEVEL, WIDTH, MARGIN = 0.55, 7.0, 0.25  # inches


def ladder_sizes(
    size: int, stages: int = 5, ceil_mode: bool = False, chain: bool = False
) -> tuple[list[int], list[int]]:
    """The sizes after each of `stages` poolings of 2 with stride 2, and each of them doubled; or, with `chain`, the
    last of them doubled again and again.

    >>> ladder_sizes(255)
    ([255, 127, 63, 31, 15, 7], [254, 126, 62, 30, 14])
    >>> ladder_sizes(255, chain=True)
    ([255, 127, 63, 31, 15, 7], [224, 112, 56, 28, 14])
    """
    down = [integer(size, "ladder: size", 1)]
    for _ in range(integer(stages, "ladder: stages", 1)):
        down.append(Geometry.of_pooling((down[-1], 2), 2, 2, 0, 1, ceil_mode, name="ladder").output_size[0])
    if chain:
        return down, [down[-1] * 2 ** (len(down) - 1 - level) for level in range(len(down) - 1)]
    return down, [2 * n for n in down[1:]]


def ladder(
    first: int, last: int | None = None, stages: int = 5, ceil_mode: bool = False, chain: bool = False
) -> Frames:
    """The sizes of an image of `first` pixels (to `last`, one frame each) down `stages` poolings, and each doubled.

    Pooling by 2 takes floor(n / 2), with ceil_mode ceil(n / 2); what is doubled meets the size above it only where
    nothing was rounded. A level that does not meet is drawn in red, with what is missing or too much.
    chain: nothing is mended on the way up; each size is the one drawn below it, doubled, and what is missing adds up.
    """
    begin = integer(first, "ladder: first", 1)
    end = begin if last is None else integer(last, "ladder: last", begin)
    ladder_sizes(begin, stages, ceil_mode, chain)
    return Frames(lambda n: _drawn(begin + n, stages, ceil_mode, chain), end - begin + 1, "size of the image")


def _drawn(size: int, stages: int, ceil_mode: bool, chain: bool) -> Figure:
    down, up = ladder_sizes(size, stages, ceil_mode, chain)
    height = LEVEL * (len(down) + 1) + 2 * MARGIN
    with styled():
        figure, axes = paper(WIDTH, height)
        room = 2.3  # inches for the longest bar, to either side of the middle
        middle = WIDTH / 2 - 0.3
        for level, n in enumerate(down):
            y = MARGIN + LEVEL * (level + 0.5)
            length = room * n / max(down[0], up[0])
            axes.barh(y, -length, height=0.3, left=middle - 0.3, color=BLUE, alpha=0.55)
            axes.text(middle - 0.35 - length, y, str(n), ha="right", va="center_baseline", color=INK)
            if level < len(up):
                meets = up[level] == n
                doubled = room * up[level] / max(down[0], up[0])
                axes.barh(y, doubled, height=0.3, left=middle + 0.3, color=ORANGE if meets else RED, alpha=0.55,
                          hatch=None if meets else "///", edgecolor="white")  # fmt: skip
                differs = f"{abs(up[level] - n)} {'too many' if up[level] > n else 'missing'}"
                axes.text(middle + 0.35 + doubled, y, f"{up[level]}" + ("" if meets else f", {differs}"), ha="left",
                          va="center_baseline", color=INK if meets else RED)  # fmt: skip
            axes.text(
                middle, y, "image" if level == 0 else f"pool{level}", ha="center", va="center_baseline", color=QUIET
            )
        how = "ceil" if ceil_mode else "floor"
        below = "the size below it" if chain else "the size left below it"
        said = f"left: {how}(n / 2) at each pooling; right: {below}, doubled; hatched: the two do not meet"
        axes.text(MARGIN, height - MARGIN, said, color=QUIET, va="bottom")
    return figure
