"""Letters that matplotlib's own font lacks, from a font that is installed; and one warning where none has them.

DejaVu Sans, which comes with matplotlib, knows Latin, Greek, Cyrillic, Arabic and more, but neither Chinese, Japanese
nor Korean. matplotlib takes each letter from the first font of a list that has it, so only the list has to be right.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import cache

BOXES = (
    "last resort",
    "lastresort",
    ".lastresort",
    "adobe blank",
)  # fonts that have a box, or nothing, for every letter
OWN = "DejaVu Sans"  # comes with matplotlib, so figures are the same everywhere
# Fonts that are known to have many letters come first; any other that is installed is asked after them.
LIKELY = ("noto sans cjk", "source han sans", "pingfang", "hiragino sans", "apple sd gothic", "microsoft yahei",
          "malgun gothic", "yu gothic", "meiryo", "nanum", "wenquanyi", "droid sans fallback", "arial unicode",
          "noto sans", "unifont")  # fmt: skip


def families(texts: Iterable[str]) -> list[str]:
    """DejaVu Sans, and for what it lacks of `texts` the fewest further fonts that are found."""
    return _chosen(frozenset("".join(texts)))[0]


def warn_of_boxes(texts: Iterable[str]) -> None:
    """A RuntimeWarning that names the letters of `texts` that no installed font has: they are drawn as boxes."""
    if missing := _chosen(frozenset("".join(texts)))[1]:
        warnings.warn(
            f"no font that is installed has {' '.join(missing)}, so pictures show boxes instead; install one that has "
            f"them, for example Noto Sans CJK.",
            RuntimeWarning,
            stacklevel=4,
        )


def _chosen(letters: frozenset[str]) -> tuple[list[str], list[str]]:
    """(families, letters that none of them has)."""
    chosen, fonts = [OWN], _fonts()
    missing = {letter for letter in letters if letter.isprintable()} - _letters(*fonts[OWN])
    for name in sorted(fonts, key=_rank) if missing else ():
        if missing & _letters(*fonts[name]):
            chosen.append(name)
            missing -= _letters(*fonts[name])
        if not missing:
            break
    return chosen, sorted(missing)


@contextmanager
def boxes_are_known() -> Iterator[None]:
    """matplotlib's own words are left out: a warning for every letter that it lacks, in every size (`warn_of_boxes` has
    said it), and a line for every font that has no bold letters.
    """
    log = logging.getLogger("matplotlib.font_manager")
    level = log.level
    log.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="Glyph .* missing from", category=UserWarning)
            yield
    finally:
        log.setLevel(level)


def _rank(name: str) -> tuple[int, str]:
    places = (place for place, likely in enumerate(LIKELY) if name.lower().startswith(likely))
    return next(places, len(LIKELY)), name


def _fonts() -> dict[str, tuple[str, int]]:
    """(file, font within the file) of each family that matplotlib has found."""
    from matplotlib.font_manager import fontManager

    ordinary = [entry for entry in fontManager.ttflist if entry.style == "normal" and entry.weight in (400, "normal")]
    found: dict[str, tuple[str, int]] = {}
    for entry in [*ordinary, *fontManager.ttflist]:
        if not entry.name.lower().startswith(BOXES):
            found.setdefault(entry.name, (entry.fname, getattr(entry, "index", 0)))
    return found


@cache
def _letters(path: str, index: int) -> frozenset[str]:
    from matplotlib.ft2font import FT2Font

    try:
        font = FT2Font(path) if not index else FT2Font(path, face_index=index)
        return frozenset(map(chr, font.get_charmap()))
    except (OSError, RuntimeError, TypeError, ValueError):  # a damaged font, or a kind that FreeType cannot read
        return frozenset()
