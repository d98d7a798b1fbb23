"""The crops of an FCN derived in words and numbers: what `FCN.explain()` returns and `minifcn explain` prints.

(`minifcn.explain` is another thing: which algorithm computes a convolution, and why.)
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

from minifcn.arguments import IntOrPair, Pair, pair
from minifcn.models.alignment import Trace
from minifcn.models.at_once import scales_of
from minifcn.models.fusion import IMAGE, Double
from minifcn.nn import Conv2d, Fork, Module, Sequential, Window

if TYPE_CHECKING:
    from minifcn.models.fcn import FCN

HEAD = """\
FCN-{stride}s on {backbone}: where every feature lies over the image, here of {H}x{W}

An image pixel at position u has its centre at scale*u + offset in a feature map.
  convolution, pooling:    scale 1/s, offset (p - (k - 1)/2)/s
  transposed convolution:  scale s,   offset (k - 1)/2 - p
  one after the other:     (a2*a1, a2*b1 + b2)
"""
BETWEEN = "Two maps are added where they show the same pixels: the crop is the difference of their offsets."
MIDDLE = """
Why not {middle}? The enlarged score is {h}x{w} here and the image {H}x{W}, so the middle would be cut out by a crop of
({h} - {H})/2 = {middle}. But poolings round up, which adds rows at the end alone, so the middle of the score is not the
middle of the image, and that number changes from size to size. The offsets do not: the crop is {crop}."""


def derivation(model: FCN, image_size: IntOrPair) -> str:
    """The text: where each layer puts its features, then each crop."""
    H, W = size = pair(image_size, "explain: image_size", 1)
    rows = list(_rows(model, size))
    head = HEAD.format(stride=model.stride, backbone=model.backbone, H=H, W=W)
    return "\n".join([head, *_table(rows), "", BETWEEN, *_crops(model, rows, size)]) + scales_of(model)


@dataclass(frozen=True)
class Row:
    """One layer: its window (None for a fork as a whole), where it leads, and what it costs."""

    name: str
    window: Window | None
    trace: Trace
    size: Pair

    @property
    def parameters(self) -> int:
        return 0 if self.window is None else sum(values.numel() for values in self.window.parameters())

    @property
    def operations(self) -> int:
        """Multiplications with a weight, each with an addition, for one image."""
        return self.size[0] * self.size[1] * self.window.weight.numel() if isinstance(self.window, Conv2d) else 0


def _rows(model: FCN, size: Pair) -> Iterator[Row]:
    """One for every window of the stages, the head and the score, and one for every fork."""
    stages = (model.stage1, model.stage2, model.stage3, model.stage4, model.stage5)
    trace = IMAGE
    for part in (*stages, model.head, Sequential({"score": model.score})):
        for row in _rows_of(part, "", trace, size):
            yield row
            if not row.name.startswith(" "):  # what follows comes after the fork, not after the last of its ways
                trace, size = row.trace, row.size


def _rows_of(column: Module, indent: str, trace: Trace, size: Pair) -> Iterator[Row]:
    for name, layer in column.named_children():
        if isinstance(layer, Fork):
            for branch, way in layer.named_children():
                yield from _rows_of(way, f"  {branch}.", trace, size)
        elif not isinstance(layer, Window):
            continue
        trace = trace.through(layer)
        step = trace.steps[-1]
        size = (step.made(size[0]), step.made(size[1]))
        yield Row(indent + name, layer if isinstance(layer, Window) else None, trace, size)


def _table(rows: list[Row]) -> Iterator[str]:
    first = max(12, *(len(row.name) + 1 for row in rows))
    yield (
        f"{'layer':<{first}}{'kernel':>6}{'stride':>7}{'pad':>4}{'size':>10}{'scale':>6}{'offset':>8}{'sees':>5}"
        f"{'parameters':>13}{'operations':>12}"
    )
    for row in rows:
        window, place = row.window, row.trace.map
        slides = "" if window is None else f"{window.kernel_size[0]:>6}{window.stride[0]:>7}{window.padded_before():>4}"
        cost = f"{row.parameters:>13,}{row.operations / 1e6:>10,.0f} M" if isinstance(window, Conv2d) else ""
        yield (
            f"{row.name:<{first}}{slides:<17}{f'{row.size[0]}x{row.size[1]}':>10}{place.scale!s:>6}{place.offset!s:>8}"
            f"{row.trace.field.size:>5}{cost}"
        )
    parameters, operations = (sum(getattr(row, name) for row in rows) for name in ("parameters", "operations"))
    yield f"together {parameters:,} parameters, and {operations:,} multiplications with one of them (operations)"


def _crops(model: FCN, rows: list[Row], image: Pair) -> Iterator[str]:
    """One line for every time that the score is enlarged, from coarse to fine."""
    score, sizes = model.traces["score"], {row.trace: row.size for row in rows}
    made = sizes[score]  # by and by that of the enlarged score
    for name, step in (("pool4", model.fuse_pool4), ("pool3", model.fuse_pool3)):
        if isinstance(step, Double):
            first, second = step.alignment.first, step.alignment.second
            which, crop = ("the score", first) if first else (name, second)
            pool = model.traces[name]
            yield f"  {_enlarged(step.up, score)};  {name}: offset {pool.map.offset};  crop {which} by {crop}"
            made = _both(_up(step.up, made), first, sizes[pool], second)
        score = step.after(score)
    crop, (h, w) = model.upscore.alignment.first, _up(model.upscore.up, made)
    yield f"  {_enlarged(model.upscore.up, score)};  image: offset 0;  crop the score by {crop}"
    middle = Fraction(h - image[0], 2)
    if middle != crop:
        yield MIDDLE.format(h=h, w=w, H=image[0], W=image[1], middle=middle, crop=crop)


def _up(up: Window, size: Pair) -> Pair:
    return up.layer(0).made(size[0]), up.layer(1).made(size[1])


def _both(score: Pair, first: int, pool: Pair, second: int) -> Pair:
    """The size that two maps share behind their crops."""
    return min(score[0] - first, pool[0] - second), min(score[1] - first, pool[1] - second)


def _enlarged(up: Window, score: Trace) -> str:
    upsampled = score.through(up).map
    return f"upsampled x{up.stride[0]} (kernel {up.kernel_size[0]}): scale {upsampled.scale}, offset {upsampled.offset}"
