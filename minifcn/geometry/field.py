"""What one feature sees of the image: its pixels, one by one, walked back from layer to layer. Integers, all exact.

Rows and columns do not mix in a sliding window, so one axis at a time is enough: a feature sees the pixels whose row is
among the rows it sees, and whose column is among the columns.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import prod
from typing import TypeAlias

from minifcn.arguments import integer
from minifcn.errors import ArgumentError
from minifcn.geometry.window import Geometry


@dataclass(frozen=True)
class WindowLayer:
    """One layer with a sliding window, along one axis: a convolution or pooling, or a transposed convolution."""

    kernel_size: int
    stride: int = 1
    padding: int = 0
    dilation: int = 1
    transposed: bool = False
    output_padding: int = 0
    ceil_mode: bool = False

    def __post_init__(self) -> None:
        for name, smallest in {"kernel_size": 1, "stride": 1, "padding": 0, "dilation": 1, "output_padding": 0}.items():
            integer(getattr(self, name), f"layer: {name}", smallest)

    def made(self, size: int) -> int:
        """How many rows it makes of so many."""
        one, window = (size, 1), ((self.kernel_size, 1), (self.stride, 1), (self.padding, 0))
        if self.transposed:
            extra = (self.output_padding, 0)
            return Geometry.of_transposed_convolution(one, *window, extra, 1, (self.dilation, 1)).input_size[0]
        if self.ceil_mode:
            return Geometry.of_pooling(one, *window, (self.dilation, 1), True).output_size[0]
        return Geometry.of_convolution(one, *window, (self.dilation, 1)).output_size[0]

    def read(self, rows: set[int]) -> set[int]:
        """The rows that these rows of the result are made from: i·s + k·d − p of the one meets i of the other."""
        shifts = [k * self.dilation - self.padding for k in range(self.kernel_size)]
        if self.transposed:
            return {(r - shift) // self.stride for r in rows for shift in shifts if (r - shift) % self.stride == 0}
        return {i * self.stride + shift for i in rows for shift in shifts}


@dataclass(frozen=True)
class Crop:
    """The first rows dropped."""

    offset: int

    def made(self, size: int) -> int:
        return max(0, size - self.offset)

    def read(self, rows: set[int]) -> set[int]:
        return {row + self.offset for row in rows}


@dataclass(frozen=True)
class ReceptiveField:
    """The square of the image that one feature sees: `size` pixels wide, moving `stride` pixels per feature."""

    size: int = 1
    stride: int | Fraction = 1


Step: TypeAlias = WindowLayer | Crop


def receptive_field(layers: Sequence[Step | Sequence[int]]) -> ReceptiveField:
    """1 + Σ d·(K − 1)·(strides before), and the product of all strides: what a feature sees, and how it moves.

    layers: from the image on, each a tuple (kernel_size, stride, padding, dilation), of which the last ones may be left
    out (1, 0, 1), or a `WindowLayer`. Padding moves the field and does not widen it: `pixels_seen` says where it lies.

    After a transposed convolution a feature moves by a fraction of a pixel of the map before, and what it sees depends
    on how it lies over that map: `size` is that of the features that see most, and `stride` the mean from one feature
    to the next, a whole number or a Fraction. Raises ArgumentError for a number that is too small, or a tuple of
    another length. Source: Araujo et al. 2019, eq. 1; behind transposed convolutions each feature of a period is tried.

    >>> receptive_field([(3,), (3,), (2, 2)])            # two 3x3 convolutions and a 2x2 pooling
    ReceptiveField(size=6, stride=2)
    >>> receptive_field([(2, 2), WindowLayer(4, 2, transposed=True)])   # halved and bilinearly doubled
    ReceptiveField(size=4, stride=1)
    """
    steps = [_step(layer) for layer in layers]
    windows = [step for step in steps if isinstance(step, WindowLayer)]
    upwards = prod(window.stride for window in windows if window.transposed)
    if any(window.transposed for window in windows):
        # Features that lie `upwards` apart see the same, further on.
        size = max(len(_span(_seen(steps, feature))) for feature in range(upwards))
    else:
        size = 1
        for window in reversed(windows):  # from a window on its map to what that sees of the map before
            size = (size - 1) * window.stride + window.dilation * (window.kernel_size - 1) + 1
    stride = Fraction(prod(window.stride for window in windows if not window.transposed), upwards)
    return ReceptiveField(size, int(stride) if stride.denominator == 1 else stride)


def pixels_seen(layers: Sequence[Step | Sequence[int]], feature: int, size: int | None = None) -> tuple[int, ...]:
    """All rows (or columns) of the image that change feature number `feature`, ascending.

    From the last layer back to the image: row i of a map is made from the rows i·s + k·d − p of the map before, and row
    i·s + k·d − p of a transposed convolution's from row i. Dilation leaves holes, and so does a stride larger than the
    kernel; a feature of a transposed convolution that no stamp reaches sees nothing.

    layers   as for `receptive_field`
    size     rows of the image. Without it the image has no end: rows below 0 lie in the padding. With it rows that do
             not exist, in the image and in every map on the way, are left out

    Raises ArgumentError for a size that the layers cannot take, and a feature that the last map does not have.

    >>> pixels_seen([(3, 1, 1), (2, 2)], 0)
    (-1, 0, 1, 2)
    >>> pixels_seen([(3, 1, 1), (2, 2)], 0, size=6)
    (0, 1, 2)
    """
    steps = [_step(layer) for layer in layers]
    feature = integer(feature, "pixels_seen: feature", 0)
    if size is None:
        return tuple(sorted(_seen(steps, feature)))
    sizes = [integer(size, "pixels_seen: size", 1)]
    for step in steps:
        sizes.append(step.made(sizes[-1]))
    if feature >= sizes[-1]:
        raise ArgumentError(
            f"pixels_seen: there is no feature {feature}, {sizes[0]} rows become {sizes[-1]}; choose one below that."
        )
    return tuple(sorted(_seen(steps, feature, sizes)))


def span_seen(layers: Sequence[Step | Sequence[int]], feature: int, size: int | None = None) -> range:
    """From the first to the last of `pixels_seen`: empty if there is none."""
    return _span(set(pixels_seen(layers, feature, size)))


def _seen(steps: Sequence[Step], feature: int, sizes: Sequence[int] = ()) -> set[int]:
    """The pixels; with the sizes of all maps, from the image on, without the rows that do not exist."""
    rows = {feature}
    for place in reversed(range(len(steps))):
        rows = steps[place].read(rows)
        if sizes:
            rows = {row for row in rows if 0 <= row < sizes[place]}
    return rows


def _span(rows: set[int]) -> range:
    return range(min(rows), max(rows) + 1) if rows else range(0)


def _step(layer: Step | Sequence[int]) -> Step:
    if isinstance(layer, WindowLayer | Crop):
        return layer
    if not isinstance(layer, tuple | list) or not 1 <= len(layer) <= 4:
        raise ArgumentError(
            f"a layer must be (kernel_size, stride, padding, dilation) or a WindowLayer, got {layer!r}."
        )
    return WindowLayer(*layer)
