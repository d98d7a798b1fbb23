"""The small text files that say which samples belong to a split."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from minifcn.errors import ArgumentError, FileError

SPLITS = ("train", "val", "test")


def checked_split(split: str, who: str) -> str:
    """`split` if it is one of SPLITS; else an ArgumentError that begins with `who`."""
    if split not in SPLITS:
        raise ArgumentError(f"{who}: the split {split!r} is not known; choose one of {', '.join(SPLITS)}.")
    return split


def read_list(path: Path) -> list[tuple[int, str]]:
    """The lines of `path` that are not empty, each with its number, counted from 1; FileError if there is none."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise FileError(f"{path}: the list cannot be read as text ({type(error).__name__}).") from error
    lines = [(number, line.strip()) for number, line in enumerate(text.splitlines(), start=1) if line.strip()]
    if not lines:
        raise FileError(f"{path}: the list is empty; it must name at least one sample.")
    return lines


def check_listed_once(names: Sequence[str], path: Path) -> None:
    """FileError if a sample is named twice."""
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise FileError(f"{path}: {name} is listed twice; a sample counts once.")
        seen.add(name)


def check_apart(splits: Mapping[str, Sequence[str]], folder: Path) -> None:
    """FileError if a sample is in two splits: a result on it would be one on training data."""
    for first, second in (("train", "val"), ("train", "test"), ("val", "test")):
        shared = sorted(set(splits.get(first, ())) & set(splits.get(second, ())))
        if shared:
            raise FileError(
                f"{folder}: {first}.txt and {second}.txt share {len(shared)} "
                f"sample{'s' if len(shared) > 1 else ''}, the first is {shared[0]}; the splits must not overlap."
            )
