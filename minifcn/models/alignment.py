"""Where feature maps lie over the image, followed layer by layer; FCN's crops come from here.

A `Trace` goes through a network beside the data: it carries the coordinate map from the image to the current feature
map, and the way back to the pixels that one feature sees. When two feature maps must be added, `align` compares their
traces and says how many rows and columns of one come before the first of the other. No crop is ever written down as a
constant.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce
from typing import Any

from minifcn import functional as F
from minifcn import nn
from minifcn.arguments import IntOrPair, pair
from minifcn.errors import ArgumentError
from minifcn.geometry import (
    CoordinateMap,
    Crop,
    Fork,
    ReceptiveField,
    WindowLayer,
    crop_offset,
    receptive_field,
    span_seen,
)
from minifcn.nn import MaxUnpool2d, Module, Sequential, Upsample, Window

UNMOVED = CoordinateMap()


@dataclass(frozen=True)
class Trace:
    """The way from the image to one feature map; `Trace()` is the image itself.

    map: where the centre of an image pixel lies in the feature map.
    steps: the windows and crops on the way, of one axis.
    """

    map: CoordinateMap = UNMOVED
    steps: tuple[WindowLayer | Crop | Fork, ...] = ()

    @property
    def field(self) -> ReceptiveField:
        """What one feature sees of the image: of those behind a transposed convolution, the one that sees most."""
        return receptive_field(self.steps)

    def region(self, i: int, j: int, image_size: IntOrPair | None = None) -> tuple[range, range]:
        """The rows and columns of the image that feature (i, j) sees, each from the first to the last, exactly.

        Without the image's size (H, W) the image has no end: negative rows lie in the padding. With it, what does not
        exist counts nowhere on the way. Dilated kernels leave holes between: `geometry.pixels_seen` names every row.
        """
        H, W = (None, None) if image_size is None else pair(image_size, "region: image_size", 1)
        return span_seen(self.steps, i, H), span_seen(self.steps, j, W)

    def through(self, layer: Module) -> Trace:
        """After `layer`: a column is followed from layer to layer, the ways of a fork side by side.

        Layers that do not move anything (ReLU, batch norm, dropout, ...) leave it as it is. ArgumentError for ways that
        do not agree, and for a module of another kind that has windows inside: to pass it over would give wrong crops.
        """
        if isinstance(layer, Window):
            if layer.coordinate_map(0) != layer.coordinate_map(1):
                raise ArgumentError(f"{layer!r} treats rows and columns differently; a Trace follows square layers.")
            return self.then(layer.layer())
        if isinstance(layer, nn.Fork):
            return self.then(Fork(tuple(Trace().through(way).steps for way in layer)))
        if isinstance(layer, Sequential):
            return reduce(Trace.through, layer, self)
        if any(isinstance(part, Window | Upsample | MaxUnpool2d) for part in layer.modules()):
            raise ArgumentError(
                f"a Trace cannot follow {type(layer).__name__}, which moves pixels in a way of its own; "
                f"write it as a Sequential of convolutions and poolings, or a Fork of such."
            )
        return self

    def cropped(self, offset: int) -> Trace:
        """Without its first rows and columns."""
        return self.then(Crop(offset))

    def then(self, step: WindowLayer | Crop | Fork) -> Trace:
        return Trace(self.map.then(step.map), (*self.steps, step))

    def __str__(self) -> str:
        scale, offset = self.map.scale, self.map.offset
        return f"scale {scale}, offset {offset}, sees {self.field.size} pixels"


@dataclass(frozen=True)
class Alignment:
    """Rows (and columns) to drop at the beginning of two feature maps so that they lie over each other."""

    first: int
    second: int

    def __call__(self, a: Any, b: Any) -> tuple[Any, Any]:
        """Both maps cropped to the part that they share: (N, C, H, W), (N, C', H', W') -> equal H and W."""
        size = tuple(min(a.shape[i] - self.first, b.shape[i] - self.second) for i in (2, 3))
        return F.crop(a, size, self.first), F.crop(b, size, self.second)


def align(first: Trace, second: Trace) -> Alignment:
    """Which begins earlier (image pixel 0 lies further inside), and by how much; ArgumentError if no crop helps."""
    if first.map.offset >= second.map.offset:
        return Alignment(crop_offset(first.map, second.map), 0)
    return Alignment(0, crop_offset(second.map, first.map))
