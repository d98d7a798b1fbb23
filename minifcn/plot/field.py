"""Where on the image a feature looks: what it sees, its centre, and how far on the next one looks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import ceil
from textwrap import wrap
from typing import TYPE_CHECKING, Any

import numpy as np

from minifcn.errors import ArgumentError, ArgumentTypeError
from minifcn.models import FCN
from minifcn.models.alignment import Trace
from minifcn.nn import Module
from minifcn.plot.frames import MOST_FRAMES, Frames
from minifcn.plot.given import picture, signed_range
from minifcn.plot.ground import Ground
from minifcn.plot.sheet import WINDOW
from minifcn.plot.style import INK, QUIET, paper, styled

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WIDTH, TALLEST, MARGIN, LINE, TYPE = 6.2, 4.6, 0.2, 0.22, 9.0  # inches, the last in points
APART = 0.16  # inches from one dot to the next, or more
LETTERS = 84  # in a line below the picture

Place = tuple[int, int]


def field(
    image: Any, layers: FCN | Trace | Module | Mapping[str, Trace | Module], place: Place | None = None
) -> Frames:
    """What a feature sees of the image. Of one map: a frame for each feature. Of several maps: a frame for each map.

        rows of the image that row i of a map is made from: i·s + k·d − p, walked back from layer to layer

    image: (H, W, 3), (H, W), or (3, H, W) and (1, 3, H, W) as a network takes it. layers is one map or several:

    - a `Trace`, or layers that a Trace can follow: features one after the other, at most 64 that are spread evenly, or
      only that at `place` = (i, j).
    - an FCN, or a dict of the former by name: each map at the feature whose centre is nearest to the centre of feature
      `place` of the last map, which is one in the middle unless said. An FCN's maps are its poolings and its score.

    Drawn are a frame around the pixels that are seen, dashed where it leaves the image and only padding is; thin ones
    for the maps before; and a dot in the centre of each feature, or of every n-th where they would touch. Regions are
    those of `Trace.region`, exact.

    Raises what a Trace raises for layers that it cannot follow and an image that they cannot take, and ArgumentError
    for what is no image and a place that is not there.
    """
    pixels = picture(image, "field")
    maps = [_Map(name, trace, (pixels.shape[0], pixels.shape[1])) for name, trace in _traces(layers).items()]
    last = maps[-1]
    if place is not None:
        _check_place(place, last)
    if len(maps) == 1:
        views = [[(last, at)] for at in (_spread(last.size) if place is None else [place])]
    else:
        chosen = (last.size[0] // 2, last.size[1] // 2) if place is None else place
        places = [(one, one.nearest(last.centre(*chosen))) for one in maps[:-1]] + [(last, chosen)]
        views = [places[: n + 1] for n in range(len(places))]
    shown = _shown(last.image_size, [one.trace.region(*at) for seen in views for one, at in seen])
    lines = max(len(_said(seen, range(0), range(0), 1)) for seen in views)
    return Frames(lambda n: _drawn(pixels, *shown, views[n], lines), len(views), "feature" if len(maps) == 1 else "map")


@dataclass(frozen=True)
class _Map:
    """A feature map over an image of `image_size`."""

    name: str
    trace: Trace
    image_size: Place

    @property
    def size(self) -> Place:
        rows, columns = self.image_size
        for step in self.trace.steps:
            rows, columns = step.made(rows), step.made(columns)
        return rows, columns

    def centre(self, i: int, j: int) -> tuple[Fraction, Fraction]:
        """Where feature [i, j] lies on the image, in pixels; 0 is the middle of the first."""
        back = self.trace.map.inverse()
        return back(i), back(j)

    def nearest(self, at: Sequence[Fraction]) -> Place:
        """The feature whose centre is nearest to a position on the image."""
        i, j = (min(max(round(self.trace.map.scale * u + self.trace.map.offset), 0), n - 1)
                for u, n in zip(at, self.size, strict=True))  # fmt: skip
        return i, j


def _traces(layers: Any) -> dict[str, Trace]:
    found: dict[str, Trace] = {}
    if isinstance(layers, FCN):
        trace = Trace()
        stages = (layers.stage1, layers.stage2, layers.stage3, layers.stage4, layers.stage5)
        for number, stage in enumerate(stages, 1):
            found[f"pool{number}"] = trace = trace.through(stage)
        return {**found, "score": layers.traces["score"]}
    for name, given in (layers if isinstance(layers, Mapping) else {"map": layers}).items():
        if not isinstance(given, Trace | Module):
            raise ArgumentTypeError(
                f"field: {given!r:.60} is no Trace, no layer and no FCN; pass one, or a dict of them by name."
            )
        found[str(name)] = given if isinstance(given, Trace) else Trace().through(given)
    if not found:
        raise ArgumentError("field: there is no map to draw; pass at least one Trace or layer.")
    return found


def _check_place(place: Any, last: _Map) -> None:
    H, W = last.size
    if not (isinstance(place, tuple) and len(place) == 2 and all(isinstance(n, int) for n in place)):
        raise ArgumentTypeError(f"field: place is {place!r:.60}; pass a feature as (i, j), integers.")
    if not (0 <= place[0] < H and 0 <= place[1] < W):
        raise ArgumentError(f"field: there is no feature {list(place)}, {last.name} has {H} x {W}; choose one of them.")


def _spread(size: Place) -> list[Place]:
    """Every place, or those of every n-th row and column, n as small as the frames allow."""
    n = 1
    while ceil(size[0] / n) * ceil(size[1] / n) > MOST_FRAMES:
        n += 1
    return [(i, j) for i in range(0, size[0], n) for j in range(0, size[1], n)]


def _shown(size: Place, regions: Sequence[tuple[range, range]]) -> tuple[range, range]:
    """The rows and columns that are drawn: the image and all that is seen, but not more than half an image of padding.

    All pixels of the image are drawn, one more on each side, and as much of the padding as half the image.
    """
    rows, columns = (
        range(
            max(-size[axis] // 2, min([0, *(region[axis].start for region in regions if region[axis])])) - 1,
            min(size[axis] * 3 // 2, max([size[axis], *(region[axis].stop for region in regions)])) + 1,
        )
        for axis in (0, 1)
    )
    return rows, columns


def _drawn(pixels: np.ndarray, rows: range, columns: range, views: list[tuple[_Map, Place]], lines: int) -> Figure:
    from matplotlib.patches import Rectangle

    one, at = views[-1]
    pixel = min((WIDTH - 2 * MARGIN) / len(columns), TALLEST / len(rows))
    ground = Ground(MARGIN + (0.5 - columns.start) * pixel, MARGIN + (0.5 - rows.start) * pixel, pixel)
    below = MARGIN + len(rows) * pixel
    inside = one.trace.region(*at, one.image_size)
    every = 1
    while float(one.trace.map.inverse().scale) * pixel * every < APART:
        every *= 2
    with styled([view.name for view, _ in views]):
        figure, axes = paper(WIDTH, below + MARGIN + LINE * lines)
        ground.lay(axes, pixels)
        ground.veil(axes, pixels, *inside)
        paper_of_image = Rectangle(*ground.box(rows, columns), transform=axes.transData)
        outlines: list[tuple[tuple[range, range], dict[str, Any]]] = [
            *((view.trace.region(*place), {"edgecolor": INK, "linewidth": 0.9}) for view, place in views[:-1]),
            (one.trace.region(*at), {"edgecolor": WINDOW, "linewidth": 1.4, "linestyle": (0, (3, 2))}),
            (inside, {"edgecolor": WINDOW, "linewidth": 2.4}),
        ]
        for region, how in outlines:
            if all(region):
                axes.add_patch(Rectangle(*ground.box(*region), fill=False, zorder=3, **how))
                axes.patches[-1].set_clip_path(paper_of_image)
        _dots(axes, ground, one, rows, columns, every)
        y, x = one.centre(*at)
        axes.plot(*ground.at(float(y), float(x)), "+", color="white", markersize=13, markeredgewidth=4, zorder=5)
        axes.plot(*ground.at(float(y), float(x)), "+", color=INK, markersize=12, markeredgewidth=1.8, zorder=6)
        for n, line in enumerate(_said(views, *inside, every)):
            axes.text(MARGIN, below + LINE * (n + 1.2), line, size=TYPE, color=QUIET if n else INK, parse_math=False)
    return figure


def _dots(axes: Axes, ground: Ground, one: _Map, rows: range, columns: range, every: int) -> None:
    """The centres of every n-th feature, as far as they are on what is drawn."""
    back = one.trace.map.inverse()
    y, x = (
        [float(back(i)) for i in range(0, n, every) if drawn.start <= back(i) <= drawn.stop - 1]
        for n, drawn in zip(one.size, (rows, columns), strict=True)
    )
    across, down = (part.ravel() for part in np.meshgrid(x, y))
    axes.plot(*ground.at(down, across), "o", markersize=2.4, markerfacecolor="white", markeredgecolor=INK,
              markeredgewidth=0.6, zorder=4)  # fmt: skip


def _said(views: list[tuple[_Map, Place]], seen_rows: range, seen_columns: range, every: int) -> list[str]:
    (one, (i, j)), (H, W) = views[-1], views[-1][0].size
    rows, columns = one.trace.region(i, j)
    y, x = (f"{float(u):g}".replace("-", "−") for u in one.centre(i, j))
    lines = [
        f"{one.name}: feature [{i}, {j}] of {H} x {W} sees {len(rows)} x {len(columns)} pixels",
        f"rows {signed_range(rows)}, columns {signed_range(columns)}; "
        f"of these {len(seen_rows)} x {len(seen_columns)} are in the image",
        f"+ is its centre, ({y}, {x}); the next feature sees the same {one.trace.field.stride} pixels further",
        f"dots: centres of features{f', one in {every} to each side' if every > 1 else ''}",
    ]
    if len(views) > 1:
        sizes = ", ".join(f"{view.name} {view.trace.field.size}" for view, _ in views)
        lines[-1] += "; thin: the maps before"
        lines += wrap(f"what each sees: {sizes}", LETTERS)
    return lines
