"""A result beside what it should be, as two small tables of numbers: one plane, with the places that differ."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from minifcn.testing.blame import PARTS, Difference
from minifcn.testing.comparing import near, same_array

MOST = 8  # rows and columns of a table

Cells = list[list[tuple[str, bool]]]  # a number in words, and whether it is wrong


@dataclass(frozen=True)
class Beside:
    """title: which part of the result and which plane, "" if there is one only; cut: what is not in the tables."""

    title: str
    found: Cells
    right: Cells
    cut: str = ""


def beside(wrong: Difference) -> list[Beside]:
    """The parts of a result that are wrong, beside the right ones; none where numbers cannot be compared."""
    if wrong.kind not in ("value", "shape", "dtype") or wrong.right.error is not None:
        return []
    names, made = PARTS.get(wrong.call.operation, ("",)), []
    for name, found, right in zip(names, _parts(wrong.call.outcome.value), _parts(wrong.right.value), strict=False):
        if not (_numeric(found) and _numeric(right)):
            continue
        found, right = np.asarray(found), np.asarray(right)
        if not same_array(found, right):
            made.append(_of_arrays(name.removeprefix("the "), found, right, wrong.call.of_float32))
    return made


def _of_arrays(name: str, found: np.ndarray, right: np.ndarray, single: bool) -> Beside:
    if found.shape != right.shape:
        (one, at, cut), (other, _, _) = _plane(found, None), _plane(right, None)
        return Beside(_title(name, at), _cells(one, None), _cells(other, None), cut)
    differs = ~near(found, right, single)
    one, at, cut = _plane(found, differs)
    other, marks = _plane(right, differs)[0], _plane(differs, differs)[0]
    return Beside(_title(name, at), _cells(one, marks, other), _cells(other, marks, one), cut)


def _plane(array: np.ndarray, differs: np.ndarray | None) -> tuple[np.ndarray, str, str]:
    """The last two axes, cut to what can be read: of the first place that differs. Where it lies, and what is left out.

    An array without elements, or without axes, is one plane, too.
    """
    flat = array.reshape((1,) * max(0, 2 - array.ndim) + array.shape)
    first = (0,) * flat.ndim
    if differs is not None and differs.any():
        first = tuple(int(i) for i in np.argwhere(differs.reshape(flat.shape))[0])
    if 0 in flat.shape:
        return np.zeros((0, 0)), "", ""
    plane, more = flat[first[:-2]], [n for n in flat.shape[:-2] if n > 1]
    start = [max(0, min(place - MOST // 2, size - MOST)) for place, size in zip(first[-2:], plane.shape, strict=True)]
    part = plane[start[0] : start[0] + MOST, start[1] : start[1] + MOST]
    H, W = plane.shape
    rows, columns = (f"{a} to {a + n - 1}" for a, n in zip(start, part.shape, strict=True))
    cut = f"rows {rows} and columns {columns} of {H}x{W}" if part.shape != plane.shape else ""
    return part, f"[{', '.join(map(str, first[:-2]))}]" if more else "", cut


def _title(name: str, at: str) -> str:
    return " ".join(filter(None, [name, f"plane {at}" if at else ""]))


def _cells(array: np.ndarray, marks: np.ndarray | None, other: np.ndarray | None = None) -> Cells:
    """The numbers in words; where two differ that read alike in short, all of their digits."""
    made = []
    for i, row in enumerate(array):
        line = []
        for j, number in enumerate(row):
            wrong = marks is not None and bool(marks[i, j])
            text = number_in_words(number)
            if wrong and other is not None and text == number_in_words(other[i, j]):
                text = repr(number.item())
            line.append((text, wrong))
        made.append(line)
    return made


def number_in_words(number: Any) -> str:
    """A whole number without its point, any other with five digits."""
    value = number.item()
    if isinstance(value, float) and np.isfinite(value) and value == round(value) and abs(value) < 1e6:
        return str(int(value))
    return f"{value:.5g}" if isinstance(value, float) else str(value)


def _numeric(value: Any) -> bool:
    return isinstance(value, np.ndarray | np.generic | int | float) and np.asarray(value).dtype.kind in "biuf"


def _parts(value: Any) -> list[Any]:
    return list(value) if isinstance(value, tuple) else [value]


# --- in letters -------------------------------------------------------------------------------------------------------


def in_text(tables: Beside, width: int) -> list[str]:
    """Two tables side by side, or one below the other; brackets are around what is wrong."""
    of = f" ({tables.title})" if tables.title else ""
    left = [f"it gave{of}", *_lines(tables.found)]
    right = ["it should give", *_lines(tables.right)]
    room = max(map(len, left)) + 4
    cut = [f"({tables.cut})"] if tables.cut else []
    if room + max(map(len, right)) > width:
        return [*left, *right, *cut]
    rows = max(len(left), len(right))
    left, right = ([*lines, *[""] * (rows - len(lines))] for lines in (left, right))
    return [f"{one:{room}}{other}".rstrip() for one, other in zip(left, right, strict=True)] + cut


def _lines(cells: Cells) -> list[str]:
    if not cells or not cells[0]:
        return ["  nothing"]
    words = [[f"[{text}]" if wrong else f" {text} " for text, wrong in row] for row in cells]
    wide = max(len(word) for row in words for word in row)
    return [f"  {' '.join(word.rjust(wide) for word in row)}".rstrip() for row in words]
