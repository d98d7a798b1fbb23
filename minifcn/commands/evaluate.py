"""`minifcn evaluate`: the four metrics of the paper for given weights on a data set."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from minifcn import data
from minifcn.commands.looking import say_trained_on
from minifcn.commands.reporting import Counter, metrics_table, summary_of, versions
from minifcn.data import Dataset, Sample
from minifcn.errors import ArgumentError, FileError
from minifcn.training import Card, evaluate, load_network
from minifcn.weights import write_text_atomic


def run(arguments: dict[str, Any]) -> int:
    folder = Path(arguments["out"] or ".")
    if not folder.is_dir():
        raise FileError(f"--out {folder} is not a folder; make it first.")
    model, card = load_network(arguments["weights"])
    kind = arguments["data"] or card.data
    if arguments["count"] is not None and kind != "scenes":
        raise ArgumentError(f"--count is for generated scenes; --data {kind} is used whole.")
    size = arguments["size"] or card.size
    dataset = data.open_dataset(
        kind, arguments["root"], arguments["split"], size, arguments["seed"] or 0, arguments["count"]
    )
    card.check_classes(dataset, str(arguments["weights"]))
    model.to(arguments["device"] or "cpu")
    with Counter(len(dataset), "evaluate", arguments["quiet"]) as counter:
        matrix = evaluate(model, Prepared(dataset, card), counter)
        seconds = counter.seconds()
    from minifcn.plot import confusion, save_figure

    metrics, picture = folder / f"metrics-{arguments['split']}.json", folder / f"confusion-{arguments['split']}.png"
    report = {
        "weights": str(arguments["weights"]),
        "data": dataset.name,
        "split": arguments["split"],
        "size": size,
        "metrics": summary_of(matrix, dataset),
        "confusion": matrix.hist.tolist(),
        "seconds": seconds,
        "versions": versions(arguments["device"] or "cpu"),
    }
    write_text_atomic(metrics, json.dumps(report, indent=1) + "\n")
    save_figure(confusion(matrix.hist, dataset.classes), picture)
    print(metrics_table(matrix, dataset, arguments["split"]))
    say_trained_on(arguments["weights"], dataset, arguments["split"])
    print(f"\n  {metrics}  all numbers\n  {picture}  which class is taken for which")
    return 0


class Prepared:
    """A data set whose images are normalised as the network was trained to expect, not by its own mean."""

    def __init__(self, dataset: Dataset, card: Card) -> None:
        self.dataset, self.classes, self.palette, self.name = dataset, dataset.classes, dataset.palette, dataset.name
        self.mean, self.std = np.array(card.mean, np.float32), np.array(card.std, np.float32)

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitem__(self, index: int, /) -> Sample:
        return self.dataset[index]
