"""From what a mask file stores to the index of a class: by value, by colour, or by the colours of a palette."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from minifcn.data.classes import ClassFile
from minifcn.data.pictures import Picture
from minifcn.data.sample import Label
from minifcn.errors import FileError
from minifcn.labels import VOID, values_of

Colour = tuple[int, ...]


def label_of(picture: Picture, classes: ClassFile, path: Path) -> Label:
    """uint8 (H, W) of class indices, 255 for void; FileError, naming `path`, for colours that are of no class.

    Values of no class are let through, for `check_sample` to refuse.
    """
    if picture.pixels.ndim == 3:
        return _from_colours(picture.pixels, classes, path)
    if picture.palette is not None and any(classes.given):
        return _from_palette(picture.pixels, picture.palette, classes, path)
    return _from_values(picture.pixels, classes)


def shown(values: Label, palette: NDArray[np.uint8]) -> dict[int, Colour]:
    """The colour in which a file's own palette shows each index that occurs."""
    return {i: tuple(palette[i].tolist()) for i in values_of(values) if i < len(palette)}


def misplaced(values: Label, palette: NDArray[np.uint8], meant: Mapping[Colour, int]) -> tuple[int, int] | None:
    """The first index that a file's own palette shows in the colour `meant` for another, and that one; None is well."""
    seen = shown(values, palette)
    return next(((i, meant[colour]) for i, colour in seen.items() if meant.get(colour, i) != i), None)


def _from_values(mask: Label, classes: ClassFile) -> Label:
    """Every ignored value becomes 255."""
    if not classes.ignore:
        return mask
    table = np.arange(256, dtype=np.uint8)
    table[list(classes.ignore)] = VOID
    return table[mask]


def _from_palette(values: Label, palette: NDArray[np.uint8], classes: ClassFile, path: Path) -> Label:
    """By index where the palette shows each class as classes.toml does; else by colour; FileError if neither can be.

    A program that saves an indexed picture may number the colours anew, and then only the colours say the class. A
    palette of greys, grey i for index i, says nothing: that is how a grey picture becomes an indexed one.
    """
    colours = shown(values, palette)
    odd = [i for i, colour in colours.items() if not _agrees(i, colour, classes)]
    if not odd:
        return _from_values(values, classes)
    known = {tuple(colour) for colour in _colours(classes).tolist()}
    if classes.coloured and known.issuperset(colours.values()) and len(colours) == len(values_of(values)):
        return _from_colours(palette[values], classes, path)
    first = next((i for i in odd if i < len(classes.names) or _is_void(i, classes)), None)
    if first is None or all(colour == (i, i, i) for i, colour in colours.items()):
        return _from_values(values, classes)
    if _is_void(first, classes):
        meant = "is void, and the color is that of a class"
    else:
        meant = f"is {classes.names[first]}, which classes.toml gives the color {list(classes.given[first] or ())}"
    raise FileError(
        f"{path}: the palette of the mask shows index {first} as {list(colours[first])}, but index {first} {meant}; "
        "put the colours of the palette in classes.toml, or leave color out there if the indices are right."
    )


def _agrees(index: int, colour: Colour, classes: ClassFile) -> bool:
    if _is_void(index, classes):
        return colour not in classes.given
    return index < len(classes.names) and classes.given[index] in (None, colour)


def _is_void(index: int, classes: ClassFile) -> bool:
    return index == VOID or index in classes.ignore


def _colours(classes: ClassFile) -> NDArray[np.uint8]:
    """(n, 3): those of the classes, in order, then those that are void."""
    return np.concatenate([classes.palette, np.array(classes.ignore_colors, dtype=np.uint8).reshape(-1, 3)])


def _from_colours(mask: NDArray[np.uint8], classes: ClassFile, path: Path) -> Label:
    """uint8 (H, W, 3) of colours -> uint8 (H, W) of class indices; FileError that names the colours of no class."""
    if not classes.coloured:
        grey = bool((mask == mask[..., :1]).all())
        remedy = (
            "give all of them, or keep one of its three equal channels"
            if grey
            else "give all of them, or save an indexed PNG"
        )
        raise FileError(
            f"{path}: the mask holds RGB colours, but not every class in classes.toml has a color; {remedy}."
        )
    colours = _colours(classes)
    values = np.full(len(colours), VOID, dtype=np.uint8)
    values[: len(classes.names)] = np.arange(len(classes.names))
    label, unknown = by_colour(mask, colours, values)
    if unknown:
        raise FileError(
            f"{path}: the mask holds colours of no class: {told(unknown)}; add them to classes.toml, to a class or to "
            "ignore_colors (many near shades come from smoothing or JPEG: save the mask without)."
        )
    return label


def by_colour(mask: NDArray[np.uint8], colours: NDArray[np.uint8], values: Label) -> tuple[Label, list[Colour]]:
    """For each pixel the value of its colour; and the colours that are none, ascending.

    mask     uint8 (H, W, 3)
    colours  uint8 (n, 3), no two alike
    values   uint8 (n,)
    """
    keys = _key(colours)
    ascending = np.argsort(keys)
    seen = _key(mask)  # (H, W)
    place = np.searchsorted(keys[ascending], seen).clip(max=len(keys) - 1)
    unknown = np.unique(seen[keys[ascending][place] != seen]).tolist()
    return values[ascending][place], [(key >> 16, key >> 8 & 255, key & 255) for key in unknown]


def told(colours: Sequence[Colour], most: int = 6) -> str:
    """ "(1, 2, 3), (1, 2, 4) and 2 more"."""
    more = f" and {len(colours) - most} more" if len(colours) > most else ""
    return ", ".join(str(colour) for colour in colours[:most]) + more


def _key(colours: NDArray[np.uint8]) -> NDArray[np.int64]:
    """(..., 3) -> (...): red 65536 + green 256 + blue."""
    return colours.astype(np.int64) @ np.array([65536, 256, 1], dtype=np.int64)
