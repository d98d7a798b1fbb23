"""`minifcn lab release`: what a teacher needs to give out the labs and to grade them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from minifcn.labs.forms import source_of, sources


def run(options: Mapping[str, Any]) -> int:
    """Write the release; the first lab that cannot be given out ends it."""
    from minifcn.labs.releasing import ReleaseError, release

    folder = Path(options["folder"])
    chosen = list(sources().values()) if options["only"] is None else [source_of(options["only"])]
    try:
        for told in release(folder, chosen):
            print(told)
    except ReleaseError as error:
        print(error)
        return 1
    print(f"{folder / 'release'} is for students, {folder / 'solution'} is not; {folder / 'course'} is for nbgrader.")
    return 0
