"""How wide a text is in a terminal, where 木 takes two places and a combining accent none; and the nearest of names."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from difflib import get_close_matches


def width(text: str) -> int:
    """The number of places that `text` takes in a terminal.

    Two for wide and fullwidth characters (Unicode Standard Annex 11), none for those that are drawn over the one before
    (marks, and what joins or directs), one for every other.

    >>> width("tree"), width("木"), width("한국어"), width("e\\u0301")
    (4, 2, 6, 1)
    """
    return sum(_places(character) for character in text)


def padded(text: str, places: int) -> str:
    """`text` with spaces behind it, up to `places` places; longer texts stay as they are."""
    return text + " " * (places - width(text))


def counted(number: int, word: str) -> str:
    """How many of something, in words that fit one, too.

    >>> counted(1, "tensor"), counted(1200, "tensor"), counted(0, "epoch")
    ('1 tensor', '1,200 tensors', '0 epochs')
    """
    return f"{number:,} {word}{'' if number == 1 else 's'}"


def nearest(given: str, known: Iterable[object], likeness: float = 0.6) -> str:
    """The one of `known` that `given` was most likely meant to be, as text; "" if none is so much like it.

    >>> nearest("--optimiser", ["--optimizer", "--out"])
    '--optimizer'
    """
    return next(iter(closest(given, known, most=1, likeness=likeness)), "")


def closest(given: str, known: Iterable[object], most: int, likeness: float = 0.6) -> list[str]:
    """Up to `most` of `known` that are like `given`, as text, the most alike first; capitals and -- do not count."""
    names = {str(name).lstrip("-").lower(): str(name) for name in known}
    return [names[name] for name in get_close_matches(given.lstrip("-").lower(), names, n=most, cutoff=likeness)]


def _places(character: str) -> int:
    if unicodedata.category(character) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1
