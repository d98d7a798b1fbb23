"""Sizes, taps, coordinate maps, receptive fields and crops: integers and exact fractions, no arrays."""

from minifcn.geometry.coordinates import CoordinateMap, crop_offset
from minifcn.geometry.field import Crop, Fork, ReceptiveField, WindowLayer, pixels_seen, receptive_field, span_seen
from minifcn.geometry.preimages import preimages
from minifcn.geometry.window import Geometry

__all__ = [
    "CoordinateMap",
    "Crop",
    "Fork",
    "Geometry",
    "ReceptiveField",
    "WindowLayer",
    "crop_offset",
    "pixels_seen",
    "preimages",
    "receptive_field",
    "span_seen",
]
