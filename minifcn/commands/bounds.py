"""`minifcn bounds`: what a stride costs on a data set, before any network is trained."""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import Any

from minifcn import data
from minifcn.commands.reporting import Counter, versions
from minifcn.commands.run_folder import writable_folder
from minifcn.data import Dataset
from minifcn.errors import ArgumentError
from minifcn.metrics import PAPER, WAYS, ConfusionMatrix
from minifcn.metrics.coarse import in_ways
from minifcn.weights import write_text_atomic

STRIDES = tuple(PAPER)
HEADING = f"{'stride':>6}" + "".join(f"{way:>11}" for way in WAYS) + f"{'pixels right':>14}{'the paper, VOC 2011':>22}"

Found = dict[str, dict[int, ConfusionMatrix]]  # way -> stride -> counts


def run(arguments: dict[str, Any]) -> int:
    """Print the mean IU that the truth itself has at each stride, in each way, beside the paper's."""
    kind, sbd = arguments["data"], arguments["sbd"]
    split = arguments["split"] = arguments["split"] or data.reported_split(kind, sbd)
    if arguments["count"] is not None and kind != "scenes":
        raise ArgumentError(f"--count is for generated scenes; --data {kind} is used whole.")
    size, seed, count = arguments["size"], arguments["seed"], arguments["count"]
    dataset = data.open_dataset(kind, arguments["root"], split, size, seed, count, sbd)
    strides = list(dict.fromkeys(arguments["strides"] or STRIDES))
    folder = None if arguments["out"] is None else writable_folder(Path(arguments["out"]))
    found, seconds = counted(dataset, strides, arguments["quiet"])
    s = "" if len(dataset) == 1 else "s"
    print(f"mean IU in percent of the truth seen in blocks, on {len(dataset)} {split} image{s} of {dataset.name}:\n")
    print(table(found, strides), flush=True)  # before anything that a full disk could stop
    if folder is not None:
        path = folder / f"bounds-{split}.json"
        write_text_atomic(path, json.dumps(report(found, dataset, arguments, seconds), indent=1) + "\n")
        print(f"\n  {path}  all numbers")
    return 0


def counted(dataset: Dataset, strides: list[int], quiet: bool) -> tuple[Found, float]:
    """One confusion matrix for each way and stride, and the seconds; every label is read once."""
    C = len(dataset.classes)
    found = {way: {stride: ConfusionMatrix(C) for stride in strides} for way in WAYS}
    with Counter(len(dataset), "bounds", quiet) as counter:
        for index in range(len(dataset)):
            label = dataset[index].label
            for stride in strides:
                for way, coarse in in_ways(label, stride).items():
                    found[way][stride].update(coarse, label)
            counter(1)
        return found, counter.seconds()


def table(found: Found, strides: list[int]) -> str:
    """A row for each stride; "pixels right" is the pixel accuracy by majority, the largest that blocks allow."""
    lines = [HEADING, "-" * len(HEADING)]
    for stride in strides:
        cells = "".join(f"{percent(found[way][stride].mean_iu):>11}" for way in WAYS)
        right, paper = percent(found["majority"][stride].pixel_accuracy), PAPER.get(stride)
        lines.append(f"{stride:>6}{cells}{right:>14}{'-' if paper is None else paper:>22}")
    return "\n".join(
        [
            *lines,
            "",
            "majority: a block has the label that most of its pixels have; bilinear: the votes of blocks, enlarged;",
            "centre: the label of the pixel in its middle. The paper does not say which way it took.",
        ]
    )


def percent(measure: Any) -> str:
    """ "-" where nothing was counted."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        value = measure()
    return "-" if value != value else f"{100 * value:.1f}"


def report(found: Found, dataset: Dataset, arguments: dict[str, Any], seconds: float) -> dict[str, Any]:
    return {
        "data": dataset.name,
        "split": arguments["split"],
        "size": arguments["size"],
        "images": len(dataset),
        "bounds": [
            {
                "stride": stride,
                **{way: found[way][stride].summary(list(dataset.classes)) for way in WAYS},
                "paper_mean_iu_voc_2011": PAPER.get(stride),
            }
            for stride in found["majority"]
        ],
        "seconds": seconds,
        "versions": versions(),
    }
