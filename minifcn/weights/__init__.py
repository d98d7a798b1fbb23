"""Weights on disk: named arrays in one file, written whole or not at all, read without ever running what it holds."""

from __future__ import annotations

from minifcn.weights.atomic import atomic_path, write_text_atomic
from minifcn.weights.files import FORMAT, SUFFIXES, load_arrays, load_metadata, save_arrays
from minifcn.weights.state import load, save

__all__ = [
    "FORMAT",
    "SUFFIXES",
    "atomic_path",
    "load",
    "load_arrays",
    "load_metadata",
    "save",
    "save_arrays",
    "write_text_atomic",
]
