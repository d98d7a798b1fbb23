"""`minifcn lab score`: which of a lab's planted mistakes its checks notice, and by which law."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from minifcn.labs.catalogue import LABS, lab_of
from minifcn.labs.scoring import lab_score


def run(options: Mapping[str, Any]) -> int:
    """Print the score of one lab, or of all; the exit status is 1 if a mistake costs no points, or a right one does."""
    labs = list(LABS.values()) if options["number"] is None else [lab_of(options["number"])]
    survivors = 0
    for lab in labs:
        found = lab_score(lab)
        print(found, end="\n\n" if lab is not labs[-1] else "\n", flush=True)
        survivors += len(found.survivors) + len(found.alarms)
    return 1 if survivors else 0
