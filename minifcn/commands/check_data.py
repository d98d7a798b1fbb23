"""`minifcn check-data`: what a data set of files holds, what is odd in it, and whether it can be trained on."""

from __future__ import annotations

import os
import warnings
from collections import Counter as Count
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from minifcn.commands.looking import surveys
from minifcn.commands.reporting import printable
from minifcn.commands.run_folder import writable_folder
from minifcn.data import VOC, CamVid, Folder, Sample, open_files, splits_of
from minifcn.data.folder import passed_over
from minifcn.data.images import resize_sample
from minifcn.data.listing import faults_of
from minifcn.data.survey import Survey, notes, refusals
from minifcn.errors import ArgumentError, FileError, FileWarning
from minifcn.text import padded, width

PICTURE = "samples.png"
SHOWN = {"train": 4}  # samples; 2 of every other split
LONGEST = 640  # pixels: as large as a sample is drawn
SIZES = 6  # are named
Files = CamVid | Folder | VOC


def run(arguments: dict[str, Any]) -> int:
    """0 if `minifcn train` would take the data set, 1 if not."""
    kind, root = arguments["data"], Path(arguments["root"])
    out = writable_folder(Path(arguments["out"] or "."))
    datasets, faults = opened(kind, root, arguments["size"], arguments["sbd"])
    found = surveys(datasets, arguments["quiet"])
    if found:
        print(table(found))
    faults += refusals(found)
    odd = [*notes(found), *(sentence for each in found.values() for sentence in twice(each))]
    if kind == "folder":
        for path in passed_over(root):
            why = "a folder here is not looked into" if path.is_dir() else "not taken for a picture, by its ending"
            odd.append(f"{path}: {why}.")
    tell("to be known", odd)
    tell("wrong, and refused by minifcn train", faults)
    examples = [example for split, dataset in datasets.items() for example in examples_of(dataset, split)]
    if examples:
        draw(examples, datasets, out / PICTURE)
    print("\n" + ("minifcn train refuses this data set." if faults else "minifcn train takes this data set."))
    return 1 if faults else 0


def opened(
    kind: str, root: Path, size: tuple[int, int] | None, sbd: str | None = None
) -> tuple[dict[str, Files], list[str]]:
    """What can be read of each split, and a sentence for all that does not fit."""
    if sbd is not None and kind != "voc":
        raise ArgumentError(f"--sbd is for --data voc, whose images it has labels for, not for {kind}.")
    datasets: dict[str, Files] = {}
    faults: list[str] = []
    splits = list(splits_of(kind, sbd).values())
    for split in splits:
        try:
            dataset = open_files(kind, root, split, size, sbd, strict=False)
        except FileError as error:
            if not datasets and split == splits[-1]:
                raise  # there is no such data set at all
            faults += faults_of(error)
            continue
        faults += dataset.faults
        if len(dataset):
            datasets[split] = dataset
    return datasets, list(dict.fromkeys(faults))


def table(found: Mapping[str, Survey]) -> str:
    """Counts, sizes, and of each class its share of the labelled pixels and the number of images that hold it."""
    surveys = list(found.values())
    classes = printable(surveys[0].classes)
    names = ("images", "void", "in percent of labelled pixels", *classes)
    wide = max(map(width, names))
    lines = [f"{surveys[0].dataset}: {len(classes)} classes, {sum(each.count for each in surveys)} images", ""]

    def row(name: str, cells: Sequence[str]) -> str:
        return padded(name, wide) + "".join(f"{cell:>20}" for cell in cells)

    lines += [row("", list(found)), row("images", [str(each.count) for each in surveys])]
    lines += [row("void", [percent(each.void, each.total) for each in surveys])]
    sizes: Count[tuple[int, int]] = sum((each.sizes for each in surveys), Count())
    told = ", ".join(f"{H}x{W} ({count})" for (H, W), count in sizes.most_common(SIZES))
    more = f", and {len(sizes) - SIZES} more" if len(sizes) > SIZES else ""
    lines += [f"{padded('height x width', wide)}  {told}{more}", ""]
    heading = row("in percent of labelled pixels", ["(images)"] * len(surveys))
    lines += [heading, "-" * len(heading)]
    for c, name in enumerate(classes):
        cells = [f"{percent(each.pixels[c], each.pixels.sum())} ({each.images[c]})" for each in surveys]
        lines.append(row(name, cells))
    return "\n".join(lines)


def percent(part: int, whole: int) -> str:
    """ "-" of nothing, and never 0.0 for what is there."""
    if not whole:
        return "-"
    return "< 0.1" if 0 < 100 * part / whole < 0.1 else f"{100 * part / whole:.1f}"


def twice(found: Survey, most: int = 3) -> list[str]:
    """A sentence if a split holds one image several times."""
    if not found.twice:
        return []
    pairs = ", ".join(f"{second} is {first}" for second, first in found.twice[:most])
    more = f", and {len(found.twice) - most} more" if len(found.twice) > most else ""
    return [f"{found.split} holds images more than once, pixel for pixel: {pairs}{more}."]


def tell(title: str, sentences: Sequence[str]) -> None:
    """Each sentence once; of those that say the same of several files, the first, and then the other files."""
    alike: dict[str, dict[str, str]] = {}  # what is said, but for the name: of each file the sentence
    for sentence in dict.fromkeys(sentences):
        file, _, said = sentence.partition(": ")
        path = Path(file)
        one = said.replace(f"{path.stem}.*", "*") if os.path.lexists(path) else sentence
        alike.setdefault(one, {})[file] = sentence
    if alike:
        print(f"\n{title}:")
    for of in alike.values():
        names = list(of)
        print(f"  {of[names[0]]}")
        if len(names) > 1:
            print(f"    the same of {', '.join(names[1:])}")


def examples_of(dataset: Files, split: str) -> list[tuple[str, Sample]]:
    """Samples spread evenly over the split, each with a title, as large as they will be drawn."""
    examples = []
    indices = np.linspace(0, len(dataset) - 1, min(SHOWN.get(split, 2), len(dataset))).astype(int)
    for index in dict.fromkeys(indices.tolist()):
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", FileWarning)  # told above
                sample = dataset[index]
        except FileError:  # told above
            continue
        H, W = sample.size
        scale = min(1.0, LONGEST / max(H, W))
        small = resize_sample(sample, (max(1, round(scale * H)), max(1, round(scale * W))))
        examples.append((f"{split}: {sample.name}", small))
    return examples


def draw(examples: Sequence[tuple[str, Sample]], datasets: Mapping[str, Files], path: Path) -> None:
    from minifcn.plot import samples, save_figure

    dataset = next(iter(datasets.values()))
    titles = [title for title, _ in examples]
    images, labels = [sample.image for _, sample in examples], [sample.label for _, sample in examples]
    save_figure(samples(images, labels, titles, dataset.classes, dataset.palette), path)
    print(f"\n  {path}  samples: image | label over it")
