"""The small text files that say which samples belong to a split, read by one rule.

    text     UTF-8, with or without a byte order mark, or UTF-16 with one
    line     `image` or `image label`: one path or two, with white space between them; an empty line says nothing
    path     with / or \\; of all its folders the data set says which count
    space    stands in a path only before an ending such as .png, which shows where the first path ends
    letter   é is é, whether it is stored as one character or as e and an accent (macOS): names are compared as NFC

A line that can be read in two ways (`a b`: a name with a space, or two names?) is settled by the names that there are.
"""

from __future__ import annotations

import codecs
import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from minifcn.data.pictures import SUFFIXES
from minifcn.errors import ArgumentError, FileError

SPLITS = ("train", "val", "test")
MARKS = {  # UTF-32 first: its mark begins with that of UTF-16
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
TWO_PATHS = re.compile(rf"(.+?(?:{'|'.join(re.escape(suffix) for suffix in SUFFIXES)}))\s+(\S.*)", re.IGNORECASE)


class Faults(FileError):
    """Everything that is wrong with a data set: `faults` has a sentence for each, the message is the first."""

    def __init__(self, faults: Sequence[str]) -> None:
        self.faults = tuple(faults)
        more = len(faults) - 1
        first = faults[0].rstrip(".")
        told = f" (and {more} more fault{'s' * (more > 1)}; minifcn check-data lists all)" if more else ""
        super().__init__(f"{first}{told}.")


def faults_of(error: FileError) -> tuple[str, ...]:
    """The sentences of an error that may have several."""
    return error.faults if isinstance(error, Faults) else (str(error),)


@dataclass(frozen=True)
class Line:
    """A line of a list: `text` is all of it, `paths` the one or two that it names, with / and as NFC."""

    number: int
    text: str
    paths: tuple[str, ...]


def checked_split(split: str, who: str) -> str:
    """`split` if it is one of SPLITS; else an ArgumentError that begins with `who`."""
    if split not in SPLITS:
        raise ArgumentError(f"{who}: the split {split!r} is not known; choose one of {', '.join(SPLITS)}.")
    return split


def one_form(name: str) -> str:
    """`name` as NFC, so that equal names are equal texts."""
    return unicodedata.normalize("NFC", name)


def read_text(path: Path) -> str:
    """The text of a small file, UTF-8 or UTF-16 with a byte order mark; FileError if it is neither."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise FileError(f"{path}: it cannot be read ({error.strerror}); check the path.") from error
    encoding = next((MARKS[mark] for mark in MARKS if data.startswith(mark)), "utf-8-sig")
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as error:
        name = encoding.removesuffix("-sig").upper()
        raise FileError(f"{path}: byte {error.start + 1} of it is no {name} text; save it as UTF-8.") from error
    if "\0" in text:
        raise FileError(f"{path}: it holds zero bytes, as UTF-16 without a byte order mark does; save it as UTF-8.")
    return text


def read_list(path: Path) -> list[Line]:
    """The lines of `path` that are not empty; FileError if there is none, or if it is no text."""
    texts = enumerate(map(str.strip, one_form(read_text(path)).splitlines()), start=1)
    lines = [Line(number, text, _paths(text.replace("\\", "/"))) for number, text in texts if text]
    if not lines:
        raise FileError(f"{path}: the list is empty; it must name at least one sample.")
    return lines


def lines_of(path: Path, faults: list[str]) -> list[Line]:
    """`read_list`, or none: then what is wrong with the list is added to `faults`."""
    try:
        return read_list(path)
    except FileError as error:
        faults += faults_of(error)
        return []


def read_names(path: Path, faults: list[str]) -> list[str]:
    """The names in a list that has one a line; what is wrong with it is added to `faults`."""
    lines = lines_of(path, faults)
    for line in lines:
        if len(line.text.split()) > 1:
            faults.append(f"{path}, line {line.number}: {line.text!r} is no name; a line is the name of one image.")
    names = [line.text for line in lines if len(line.text.split()) == 1]
    faults += listed_twice(names, path)
    return names


def _paths(text: str) -> tuple[str, ...]:
    """One path or two. Of names without endings only `a b` is taken for two, and `a b c` for one with spaces."""
    two = TWO_PATHS.fullmatch(text)
    words = two.groups() if two else text.split()
    return tuple(words) if len(words) == 2 else (text,)


def stem_of(path: str) -> str:
    """The name in `path` without folders, and without its ending if that is one of a picture."""
    name = path.rpartition("/")[2]
    stem, dot, ending = name.rpartition(".")
    return stem if stem and dot + ending.lower() in SUFFIXES else name


def listed_twice(names: Sequence[str], path: Path) -> Iterator[str]:
    """A sentence for each sample that is named twice."""
    seen: set[str] = set()
    for name in names:
        if name in seen:
            yield f"{path}: {name} is listed twice; a sample counts once."
        seen.add(name)


def overlaps(splits: Mapping[str, Sequence[str]], folder: Path) -> Iterator[str]:
    """A sentence for each two splits that share a sample: a result on it would be one on training data."""
    for first, second in (("train", "val"), ("train", "test"), ("val", "test")):
        shared = sorted(set(splits.get(first, ())) & set(splits.get(second, ())))
        if shared:
            yield (
                f"{folder}: {first}.txt and {second}.txt share {len(shared)} "
                f"sample{'s' if len(shared) > 1 else ''}, the first is {shared[0]}; the splits must not overlap."
            )
