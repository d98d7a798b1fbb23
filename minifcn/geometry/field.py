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
from minifcn.geometry.coordinates import CoordinateMap
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

    @property
    def map(self) -> CoordinateMap:
        """Where the centre of a row lands in the result."""
        of = CoordinateMap.of_transposed_convolution if self.transposed else CoordinateMap.of_convolution
        return of(self.kernel_size, self.stride, self.padding, self.dilation)

    def widened(self, size: int) -> int:
        """How many neighbouring rows are read for `size` neighbouring rows of the result; not of a transposed layer."""
        return (size - 1) * self.stride + self.dilation * (self.kernel_size - 1) + 1

    def read(self, rows: set[int], size: int | None = None) -> set[int]:
        """The rows that these rows of the result are made from: i·s + k·d − p of the one meets i of the other.

        size   of the map that is read: rows that it does not have are left out. Without it the map has no end.
        """
        shifts = [k * self.dilation - self.padding for k in range(self.kernel_size)]
        if self.transposed:
            met = {(r - shift) // self.stride for r in rows for shift in shifts if (r - shift) % self.stride == 0}
        else:
            met = {i * self.stride + shift for i in rows for shift in shifts}
        return _existing(met, size)


@dataclass(frozen=True)
class Crop:
    """The first rows dropped."""

    offset: int

    @property
    def map(self) -> CoordinateMap:
        return CoordinateMap.of_crop(self.offset)

    def made(self, size: int) -> int:
        return max(0, size - self.offset)

    def widened(self, size: int) -> int:
        return size

    def read(self, rows: set[int], size: int | None = None) -> set[int]:
        return _existing({row + self.offset for row in rows}, size)


@dataclass(frozen=True)
class Fork:
    """Several ways from one map, whose results lie over each other and are joined channel by channel (GoogLeNet).

    ways: each a tuple of steps, () for the map as it is. ArgumentError if they do not agree in scale and offset, as
    then no channel of the one shows what stands beside it in the other, or if one of them enlarges.
    """

    ways: tuple[tuple[Step, ...], ...]

    def __post_init__(self) -> None:
        if not self.ways:
            raise ArgumentError("a fork has no way; give it one or more.")
        if any(step.map.scale > 1 for way in self.ways for step in way):
            raise ArgumentError("a way of a fork enlarges its map; put the transposed convolution before or behind it.")
        maps = [_map_of(way) for way in self.ways]
        for number, other in enumerate(maps[1:], start=2):
            if other != maps[0]:
                raise ArgumentError(
                    f"the ways of a fork do not agree: the first has {_told(maps[0])}, number {number} has "
                    f"{_told(other)}; choose strides that are equal, and paddings that keep the centre: "
                    f"dilation·(kernel_size - 1)/2."
                )

    @property
    def map(self) -> CoordinateMap:
        return _map_of(self.ways[0])

    def made(self, size: int) -> int:
        sizes = []
        for way in self.ways:
            made = size
            for step in way:
                made = step.made(made)
            sizes.append(made)
        if len(set(sizes)) > 1:
            raise ArgumentError(
                f"the ways of a fork make {', '.join(map(str, sizes))} rows of {size}; they must make as many."
            )
        return sizes[0]

    def widened(self, size: int) -> int:
        """That of the way that sees most: as their centres agree, it sees what all the others see."""
        return max(_widened(way, size) for way in self.ways)

    def read(self, rows: set[int], size: int | None = None) -> set[int]:
        return set().union(*(_read(way, rows, size) for way in self.ways))


@dataclass(frozen=True)
class ReceptiveField:
    """The square of the image that one feature sees: `size` pixels wide, moving `stride` pixels per feature."""

    size: int = 1
    stride: int | Fraction = 1


Step: TypeAlias = WindowLayer | Crop | Fork


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
    upwards = int(prod(step.map.scale for step in steps if step.map.scale > 1))
    size = _widened(steps, 1)
    if upwards > 1:  # then features that lie `upwards` apart see the same, further on
        size = max(len(_span(_read(steps, {feature}))) for feature in range(upwards))
    stride = 1 / prod((step.map.scale for step in steps), start=Fraction(1))
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
    if size is not None:
        made = integer(size, "pixels_seen: size", 1)
        for step in steps:
            made = step.made(made)
        if feature >= made:
            raise ArgumentError(
                f"pixels_seen: there is no feature {feature}, {size} rows become {made}; choose one below that."
            )
    return tuple(sorted(_read(steps, {feature}, size)))


def span_seen(layers: Sequence[Step | Sequence[int]], feature: int, size: int | None = None) -> range:
    """From the first to the last of `pixels_seen`: empty if there is none."""
    return _span(set(pixels_seen(layers, feature, size)))


def _read(steps: Sequence[Step], rows: set[int], size: int | None = None) -> set[int]:
    """The rows of the first map, of that size, that these rows behind all steps are made from."""
    sizes = [size]
    for step in steps:
        sizes.append(None if sizes[-1] is None else step.made(sizes[-1]))
    for step, before in zip(reversed(steps), reversed(sizes[:-1]), strict=True):
        rows = step.read(rows, before)
    return rows


def _existing(rows: set[int], size: int | None) -> set[int]:
    return rows if size is None else {row for row in rows if 0 <= row < size}


def _widened(steps: Sequence[Step], size: int) -> int:
    for step in reversed(steps):  # from a window on its map to what that sees of the map before
        size = step.widened(size)
    return size


def _map_of(steps: Sequence[Step]) -> CoordinateMap:
    whole = CoordinateMap()
    for step in steps:
        whole = whole.then(step.map)
    return whole


def _told(place: CoordinateMap) -> str:
    return f"scale {place.scale}, offset {place.offset}"


def _span(rows: set[int]) -> range:
    return range(min(rows), max(rows) + 1) if rows else range(0)


def _step(layer: Step | Sequence[int]) -> Step:
    if isinstance(layer, Step):
        return layer
    if not isinstance(layer, tuple | list) or not 1 <= len(layer) <= 4:
        raise ArgumentError(
            f"a layer must be (kernel_size, stride, padding, dilation) or a WindowLayer, got {layer!r}."
        )
    return WindowLayer(*layer)
