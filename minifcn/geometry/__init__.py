"""Sizes, taps, coordinate maps, receptive fields and crops: integers and exact fractions, no arrays."""

from minifcn.geometry.coordinates import CoordinateMap, ReceptiveField, crop_offset
from minifcn.geometry.window import Geometry

__all__ = ["CoordinateMap", "Geometry", "ReceptiveField", "crop_offset"]
