"""Where lessons and labs lie: beside the package in a checkout, else where the installer put them."""

from __future__ import annotations

import sysconfig
from pathlib import Path

from minifcn.errors import FileError

PACKAGE = Path(__file__).parents[1]


def shelf(pattern: str, what: str) -> Path:
    """The folder `tutorials` in which something matches the pattern.

    what: "the lessons", for the FileError where they are in none of the places.
    """
    places = (
        PACKAGE.parent / "tutorials",
        Path(sysconfig.get_path("data")) / "share" / "minifcn" / "tutorials",
        PACKAGE.parent / "share" / "minifcn" / "tutorials",  # pip install --target
    )
    for place in places:
        if next(place.glob(pattern), None) is not None:
            return place
    raise FileError(f"{what} are in none of {', '.join(map(str, places))}; install minifcn again with pip.")
