"""Which images a network was trained on: a fingerprint of each travels with the weights.

A score on such an image says how well the network remembers, not how well it will do on others. Names cannot tell: an
image may be renamed, and one that is added to a folder without lists may move others from the training data to the
test data. 17 bytes an image are 170 kB for 10,000 of them.
"""

from __future__ import annotations

import os
from collections.abc import Iterable

from minifcn.data import Dataset
from minifcn.data.pairs import fingerprint
from minifcn.training.network import weights_file
from minifcn.weights import load_arrays

TRAINED_ON = "trained_on"  # the key in a weights file


def note_of(fingerprints: Iterable[str]) -> dict[str, str]:
    """For `save_network`."""
    return {TRAINED_ON: "\n".join(sorted(fingerprints))}


def trained_on(weights: str | os.PathLike[str]) -> frozenset[str]:
    """The fingerprints in a weights file or run; none for weights of before they were kept. FileError as usual."""
    return frozenset(load_arrays(weights_file(weights))[1].get(TRAINED_ON, "").splitlines())


def warning_of(known: frozenset[str], dataset: Dataset, split: str) -> str:
    """A sentence if the network was trained on images of `dataset`; else ""."""
    if not known:
        return ""
    seen = [index for index in range(len(dataset)) if fingerprint(dataset, index) in known]
    if not seen:
        return ""
    many = "all" if len(seen) == len(dataset) else f"{len(seen)} of"
    which = "" if len(seen) == len(dataset) else f" ({dataset[seen[0]].name}{', ...' if len(seen) > 1 else ''})"
    return (
        f"the network was trained on {many} the {len(dataset)} {split} images of {dataset.name}{which}: the score says "
        "how well it remembers them, not how well it does on others."
    )
