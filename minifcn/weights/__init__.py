"""Weights on disk: named arrays in one file, written whole or not at all, read without ever running what it holds."""

from __future__ import annotations

from minifcn.weights.atomic import atomic_path, write_text_atomic
from minifcn.weights.files import FORMAT, SUFFIXES, load_arrays, load_metadata, save_arrays
from minifcn.weights.naming import canonical_names, torchvision_names
from minifcn.weights.preprocessing import Preprocessing, preprocessing_of
from minifcn.weights.pretrained import Fate, LoadReport, load_pretrained
from minifcn.weights.state import load, save

__all__ = [
    "FORMAT",
    "SUFFIXES",
    "Fate",
    "LoadReport",
    "Preprocessing",
    "atomic_path",
    "canonical_names",
    "load",
    "load_arrays",
    "load_metadata",
    "load_pretrained",
    "preprocessing_of",
    "save",
    "save_arrays",
    "torchvision_names",
    "write_text_atomic",
]
