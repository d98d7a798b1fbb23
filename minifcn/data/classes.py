"""`classes.toml`: the names of one's own classes, and what of the rest differs from the usual.

    ignore = [250]                       # mask values that are void; 255 always is
    ignore_colors = [[0, 0, 0]]          # colours that are void, for masks in colour
    drawn_on = "shown"                   # or "stored": what masks lie over where images are turned, see pairs.py
    mean = [104.4, 107.8, 109.8]         # RGB, 0..255; measured on the images when left out
    std = [78.4, 79.6, 78.5]

    [[class]]                            # the first class is the value 0 in the masks
    name = "road"
    color = [128, 64, 128]               # how it is drawn, and how masks in colour show it; may be left out

    [[class]]
    name = "grass"

Keys of the whole file stand above the first `[[class]]`: below it they would belong to the class.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unicodedata import category

import numpy as np
from numpy.typing import NDArray

from minifcn.data.listing import one_form, read_text
from minifcn.data.sample import values_text
from minifcn.errors import FileError
from minifcn.labels import VOID

EXAMPLE = 'for example: class = [{name = "grass", color = [0, 128, 0]}, {name = "path"}]'
KEYS = ("class", "ignore", "ignore_colors", "drawn_on", "mean", "std")
DRAWN_ON = ("shown", "stored")


@dataclass(frozen=True, eq=False)
class ClassFile:
    """What a `classes.toml` says. `palette` is uint8 (C, 3); `given`: the colours in it that the file itself gave."""

    names: tuple[str, ...]
    palette: NDArray[np.uint8]
    given: tuple[tuple[int, int, int] | None, ...]
    ignore: tuple[int, ...]
    ignore_colors: tuple[tuple[int, int, int], ...]
    drawn_on: str | None
    mean: NDArray[np.float32] | None
    std: NDArray[np.float32] | None

    @property
    def coloured(self) -> bool:
        """Whether every class has a colour of the file's own."""
        return all(colour is not None for colour in self.given)


def default_palette(count: int) -> NDArray[np.uint8]:
    """uint8 (count, 3): the colours of PASCAL VOC, in which neighbouring classes look far apart.

    The bits of a class are dealt out to the colours: bits 0, 3 and 6 to red, 1, 4 and 7 to green, 2 and 5 to blue. In a
    colour the lowest of them becomes the highest bit, so class 1 is a dark red, 2 a dark green, 3 both.
    Source: Everingham et al., the VOC development kit.

    >>> default_palette(4).tolist()
    [[0, 0, 0], [128, 0, 0], [0, 128, 0], [128, 128, 0]]
    """
    index = np.arange(count)
    palette = np.zeros((count, 3), dtype=np.uint8)
    for bit in range(8):
        palette[:, bit % 3] |= ((index >> bit & 1) << (7 - bit // 3)).astype(np.uint8)
    return palette


def read_classes(path: Path) -> ClassFile:
    """What the `classes.toml` at `path` says.

    FileError: the file is missing, no TOML, names fewer than two classes, or a value in it does not fit.
    """
    if not path.exists():
        raise FileError(f"{path}: the file does not exist; it names the classes, {EXAMPLE}.")
    try:
        table = tomllib.loads(read_text(path))
    except tomllib.TOMLDecodeError as error:
        raise FileError(f"{path}: it is not readable as TOML ({str(error).rstrip('.')}).") from error
    _known(table, KEYS, path, "the file")
    entries = table.get("class")
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise FileError(f"{path}: it holds no [[class]] entries; {EXAMPLE}.")
    if not 2 <= len(entries) <= VOID:
        raise FileError(f"{path}: it names {len(entries)} class{'es' * (len(entries) != 1)}; 2 to {VOID} are possible.")
    names: list[str] = []
    colours = []
    for number, entry in enumerate(entries):
        _known(entry, ("name", "color"), path, f"class {number}")
        name = entry.get("name")
        if not isinstance(name, str) or not name.strip():
            raise FileError(f"{path}: class {number} has the name {name!r}; it must be a text that is not empty.")
        if any(category(letter) in ("Cc", "Zl", "Zp") for letter in name):
            raise FileError(f"{path}: class {number} has the name {name!r}; it must be one line, without tabs.")
        name = one_form(name)
        if name in names:
            raise FileError(f"{path}: the name {name!r} is given to class {names.index(name)} and to class {number}.")
        names.append(name)
        colours.append(_colour(entry["color"], path, f"the color of {name!r}") if "color" in entry else None)
    given = [colour for colour in colours if colour is not None]
    ignore_colors = table.get("ignore_colors", [])
    if not isinstance(ignore_colors, list):
        raise FileError(f"{path}: ignore_colors is {ignore_colors!r}; it must be a list of colours, as [[0, 0, 0]].")
    void = [_colour(colour, path, "a colour of ignore_colors") for colour in ignore_colors]
    twice = next((colour for n, colour in enumerate(given + void) if colour in (given + void)[:n]), None)
    if twice is not None:
        raise FileError(f"{path}: the color {list(twice)} is given twice; each class and void need their own.")
    palette = default_palette(len(names))
    for number, colour in enumerate(colours):
        if colour is not None:
            palette[number] = colour
    mean, std = _statistic(table, "mean", 0.0, path), _statistic(table, "std", 0.1, path)
    ignore = _ignored(table.get("ignore", []), tuple(names), path)
    drawn_on = table.get("drawn_on")
    if drawn_on not in (None, *DRAWN_ON):
        raise FileError(f'{path}: drawn_on is {drawn_on!r}; it must be "shown" or "stored".')
    return ClassFile(tuple(names), palette, tuple(colours), ignore, tuple(void), drawn_on, mean, std)


def _known(table: dict[str, Any], keys: tuple[str, ...], path: Path, where: str) -> None:
    for key in table:
        if key not in keys:
            hint = "; keys of the whole file stand above the first [[class]]" if key in KEYS else ""
            raise FileError(f"{path}: {where} has the key {key!r}; it may have {', '.join(keys)}{hint}.")


def _colour(value: Any, path: Path, what: str) -> tuple[int, int, int]:
    whole = isinstance(value, list) and len(value) == 3 and all(type(part) is int for part in value)
    if not whole or not all(0 <= part <= 255 for part in value):
        raise FileError(f"{path}: {what} is {value!r}; it must be three integers in 0..255, [red, green, blue].")
    return value[0], value[1], value[2]


def _statistic(table: dict[str, Any], key: str, least: float, path: Path) -> NDArray[np.float32] | None:
    if key not in table:
        return None
    value = table[key]
    fits = isinstance(value, list) and len(value) == 3 and all(type(part) in (int, float) for part in value)
    if not fits or not all(least <= part <= 255 for part in value):
        raise FileError(f"{path}: {key} is {value!r}; it must be three numbers in {least:g}..255, RGB.")
    return np.array(value, dtype=np.float32)


def _ignored(value: Any, names: tuple[str, ...], path: Path) -> tuple[int, ...]:
    if not isinstance(value, list) or not all(type(part) is int and 0 <= part <= 255 for part in value):
        raise FileError(f"{path}: ignore is {value!r}; it must be a list of mask values between 0 and 255.")
    taken = [part for part in value if part < len(names)]
    if taken:
        classed = ", ".join(names[part] for part in taken)
        raise FileError(
            f"{path}: ignore holds {values_text(taken)}, which the list of classes gives to {classed}; the classes are "
            f"0..{len(names) - 1}."
        )
    return tuple(value)
