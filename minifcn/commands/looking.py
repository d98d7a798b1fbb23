"""What a command looks at before it computes, and says before it is too late: labels, and what was trained on."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from minifcn.commands.options import BALANCE, Options
from minifcn.commands.reporting import Counter
from minifcn.data import Dataset
from minifcn.data.listing import Faults
from minifcn.data.pairs import fingerprint
from minifcn.data.survey import Survey, notes, refusals, survey
from minifcn.training.balance import median_frequency_weights
from minifcn.training.network import WEIGHTS_FILE
from minifcn.training.trained_on import note_of, trained_on, warning_of


def say(command: str, sentence: str) -> None:
    print(f"minifcn {command}: {sentence}", file=sys.stderr)


def surveys(splits: Mapping[str, Dataset], quiet: bool) -> dict[str, Survey]:
    """A survey of each split, with a bar in a terminal."""
    with Counter(sum(map(len, splits.values())), "look", quiet) as counter:
        return {split: survey(dataset, split, counter) for split, dataset in splits.items()}


@dataclass
class Looked:
    """What a run knows of its data before it begins.

    weights   of the classes, float32 (C,); None where all count alike
    notes     for the weights file: what the network will have been trained on
    """

    weights: np.ndarray | None
    notes: dict[str, str]


def look(splits: Mapping[str, Dataset], options: Options, quiet: bool, run: Path | None = None) -> Looked:
    """Looks at every image and label; Faults if it is no use to train on them. run: the one that goes on, if any.

    Scenes are made by rule, so there is nothing to find in them: only the weights of the classes are counted.
    """
    power = BALANCE.get(options.balance)
    training = splits["train"]
    if options.data == "scenes":
        weights = None if power is None else median_frequency_weights(training, power)
        return Looked(weights, note_of({fingerprint(training, 0)}))
    found = surveys(splits, quiet)
    wrong = refusals(found, options.allow_absent)
    if wrong:
        raise Faults(wrong)
    for note in notes(found, options.allow_absent):
        say("train", note)
    if not quiet:
        void = sum(each.void for each in found.values()) / sum(each.total for each in found.values())
        counts = ", ".join(f"{each.count} {split}" for split, each in found.items())
        print(
            f"looked at all labels ({counts}): {len(training.classes)} classes, {100 * void:.1f} % of the pixels void"
        )
    now = frozenset(found["train"].fingerprints)
    before = trained_on(run) if run is not None and (run / WEIGHTS_FILE).exists() else frozenset()
    if before and before != now:
        say(
            "train",
            f"the training images are not those that this run began with ({len(now - before)} new, {len(before - now)} "
            "gone): it will not repeat what an uninterrupted run would have done.",
        )
        for split in [each for each in splits if each != "train"]:
            if warning := warning_of(before - now, splits[split], split):
                say("train", warning)
    weights = None if power is None else median_frequency_weights(found["train"], power)
    return Looked(weights, note_of(now | before))


def say_trained_on(weights: str, dataset: Dataset, split: str) -> None:
    """Says of a score whether it is one on training data."""
    if warning := warning_of(trained_on(weights), dataset, split):
        say("evaluate", warning)
