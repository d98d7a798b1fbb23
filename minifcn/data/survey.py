"""What the labels of a data set hold, looked at before anything is computed on them.

A mask that says something else than was meant leaves no trace in a loss: a class that never occurs makes the task
easier, and the score better. So every image and label of every split is read once, before the first step.
"""

from __future__ import annotations

import os
import warnings
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from minifcn.data.listing import faults_of
from minifcn.data.pairs import fingerprint
from minifcn.data.sample import Dataset, check_sample
from minifcn.errors import FileError, FileWarning
from minifcn.labels import VOID

THREADS = 4  # decoding a picture waits for no other
WORDS = {"train": "training", "val": "validation", "test": "test"}


@dataclass
class Survey:
    """What was found in one split, at the size at which it is used.

    pixels, images   int64 (C,): the pixels of each class, and the images that hold it
    labelled         int64 (C,): the labelled pixels of the images that hold the class
    void             pixels that are 255
    all_void         names of samples without a labelled pixel
    sizes            (H, W): how many samples have it
    fingerprints     what tells an image from others: the name of the sample
    faults           a sentence for each sample that cannot be read, or is not what it should be
    remarks          what images hold and is not used: the names of the files
    """

    dataset: str
    split: str
    classes: tuple[str, ...]
    count: int
    pixels: NDArray[np.int64]
    images: NDArray[np.int64]
    labelled: NDArray[np.int64]
    void: int = 0
    all_void: list[str] = field(default_factory=list)
    sizes: Counter[tuple[int, int]] = field(default_factory=Counter)
    fingerprints: dict[str, str] = field(default_factory=dict)
    twice: list[tuple[str, str]] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    remarks: dict[str, list[str]] = field(default_factory=dict)

    @property
    def absent(self) -> list[str]:
        """The classes that never occur."""
        return [name for name, pixels in zip(self.classes, self.pixels, strict=True) if not pixels]

    @property
    def total(self) -> int:
        """All pixels, void ones too."""
        return int(self.pixels.sum()) + self.void

    @property
    def labels(self) -> str:
        """ "the 12 training labels of yard"."""
        s = "" if self.count == 1 else "s"
        return f"the {self.count} {WORDS.get(self.split, self.split)} label{s} of {self.dataset}"


def survey(dataset: Dataset, split: str, report: Callable[[int], object] = lambda count: None) -> Survey:
    """Reads every sample of `dataset` once, several at a time; `report(1)` after each. Raises nothing for bad files."""
    C = len(dataset.classes)
    found = Survey(dataset.name, split, tuple(dataset.classes), len(dataset), *np.zeros((3, C), np.int64))

    def look(index: int) -> tuple[str, tuple[int, int], NDArray[np.int64], str] | FileError:
        try:
            sample = check_sample(dataset[index], C)
            counts = np.bincount(sample.label.reshape(-1), minlength=VOID + 1)
            return sample.name, sample.size, counts, fingerprint(dataset, index)
        except FileError as error:
            return error

    workers = ThreadPoolExecutor(min(THREADS, os.cpu_count() or 1), thread_name_prefix="minifcn-survey")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FileWarning)  # told below, with the number of files
            for seen in workers.map(look, range(len(dataset))):
                _add(found, seen)
                report(1)
    finally:  # an interrupt does not wait for what has not begun
        workers.shutdown(cancel_futures=True)
    remarks: Mapping[str, Sequence[object]] = getattr(dataset, "remarks", {})
    found.remarks = {remark: sorted(map(str, files)) for remark, files in remarks.items()}
    return found


def _add(found: Survey, seen: tuple[str, tuple[int, int], NDArray[np.int64], str] | FileError) -> None:
    if isinstance(seen, FileError):
        found.faults += faults_of(seen)
        return
    name, size, counts, mark = seen
    inside = counts[: len(found.classes)]
    found.pixels += inside
    found.images += inside > 0
    found.labelled += np.where(inside > 0, inside.sum(), 0)
    found.void += int(counts[VOID])
    found.sizes[size] += 1
    if not inside.any():
        found.all_void.append(name)
    if mark in found.fingerprints:
        found.twice.append((name, found.fingerprints[mark]))
    found.fingerprints.setdefault(mark, name)


def refusals(found: Mapping[str, Survey], allow_absent: bool = False) -> list[str]:
    """A sentence for each reason not to train on the split "train" and measure on the others."""
    said = [fault for each in found.values() for fault in each.faults]
    training = found.get("train")
    if training is None or training.faults:
        return said
    if not training.pixels.any():
        return [
            *said,
            f"all {training.void} pixels of {training.labels} are void ({VOID}, and what is ignored), so there is "
            "nothing to learn; write 0, 1, ... for the classes.",
        ]
    if training.absent and not allow_absent:
        first = training.absent[0]
        hint = (
            f" ({VOID} is void and never a class: where it means {first}, write the index of that class in its place, "
            f"as mask[mask == {VOID}] = {training.classes.index(first)} does, and give what is really void another "
            "value, which ignore = [...] in classes.toml names)"
            if training.void
            else ""
        )
        at = f" at {'x'.join(map(str, *training.sizes))}" if len(training.sizes) == 1 else ""
        said.append(
            f"{named(training.absent)} in {training.labels}{at}, which hold {shares(training)}{hint}; correct the "
            "masks, leave out the class, or pass --allow-absent to train all the same."
        )
    return said


def notes(found: Mapping[str, Survey], allow_absent: bool = False) -> list[str]:
    """A sentence for each thing that should be known of the numbers that will come out."""
    said = []
    for split, each in found.items():
        if each.faults:
            continue
        if not each.pixels.any():
            kept = {"val": ", and the weights of the last epoch are kept"}.get(split, "")
            said.append(f"all pixels of {each.labels} are void: there is no score on them{kept}.")
            continue
        if each.absent and (split != "train" or allow_absent):
            said.append(f"{named(each.absent)} in {each.labels}: a score on them says nothing of it.")
        if each.all_void and split == "train":
            said.append(
                f"{len(each.all_void)} of {each.labels} "
                f"{'is' if len(each.all_void) == 1 else 'are'} all void (first {each.all_void[0]}): nothing is learnt "
                "from such an image."
            )
        said += [f"{remark_of(remark, files)}." for remark, files in each.remarks.items()]
    return said + shared(found)


def shared(found: Mapping[str, Survey]) -> list[str]:
    """A sentence for each two splits that hold the same image, under whatever names."""
    said = []
    for first, second in (("train", "val"), ("train", "test"), ("val", "test")):
        if first not in found or second not in found:
            continue
        one, other = found[first].fingerprints, found[second].fingerprints
        same = [mark for mark in other if mark in one]
        if same:
            more = f" and {len(same) - 1} more" if len(same) > 1 else ""
            said.append(
                f"the {WORDS[second]} image {other[same[0]]} is the {WORDS[first]} image {one[same[0]]}, pixel for "
                f"pixel{more}: the splits should not overlap."
            )
    return said


def remark_of(remark: str, files: Sequence[str]) -> str:
    more = f" (and {len(files) - 1} more such image{'s' * (len(files) > 2)})" if len(files) > 1 else ""
    return f"{files[0]}{more}: {remark}"


def named(absent: Sequence[str]) -> str:
    """ "the class tree never occurs"."""
    return f"the class {absent[0]} never occurs" if len(absent) == 1 else f"the classes {', '.join(absent)} never occur"


def shares(found: Survey, most: int = 5) -> str:
    """The largest classes and void, each with its share of all pixels."""
    parts = [(int(p), n) for p, n in zip(found.pixels, found.classes, strict=True) if p]
    parts = sorted(parts, key=lambda part: -part[0])[:most] + ([(found.void, "void")] if found.void else [])
    return ", ".join(f"{name} ({100 * pixels / found.total:.1f} %)" for pixels, name in parts)
