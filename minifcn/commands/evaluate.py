"""`minifcn evaluate`: the four metrics of the paper for given weights on a data set."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from minifcn import data
from minifcn.commands.looking import say_trained_on
from minifcn.commands.options import check_tf32
from minifcn.commands.prepared import Prepared
from minifcn.commands.reporting import Counter, metrics_table, summary_of, versions
from minifcn.commands.run_folder import writable_folder
from minifcn.errors import ArgumentError, FileError
from minifcn.training import evaluate, load_network, options_of_run
from minifcn.weights import write_text_atomic


def run(arguments: dict[str, Any]) -> int:
    device = arguments["device"] or "cpu"
    check_tf32(arguments.get("tf32", False), device)
    model, card = load_network(arguments["weights"])
    kind = arguments["data"] or card.data
    if arguments["count"] is not None and kind != "scenes":
        raise ArgumentError(f"--count is for generated scenes; --data {kind} is used whole.")
    # What is not said is as it was in training, if the run is there to tell.
    told = options_of_run(arguments["weights"]) if kind == card.data else {}
    size = arguments["size"] or card.size
    root, sbd = root_of(arguments["root"], told.get("root")), root_of(arguments.get("sbd"), told.get("sbd"), "sbd")
    split = arguments["split"] or data.reported_split(kind, sbd)
    seed = arguments["seed"] if arguments["seed"] is not None else told.get("seed", 0)
    dataset = data.open_dataset(kind, root, split, size, seed, arguments["count"], sbd)
    card.check_classes(dataset, str(arguments["weights"]))
    folder = writable_folder(Path(arguments["out"] or "."))
    model.to(device)
    with Counter(len(dataset), "evaluate", arguments["quiet"]) as counter:
        matrix = evaluate(model, Prepared(dataset, card), counter)
        seconds = counter.seconds()
    print(metrics_table(matrix, dataset, split), flush=True)  # before anything that a full disk could stop
    say_trained_on(arguments["weights"], dataset, split)
    from minifcn.plot import confusion, save_figure

    metrics, picture = folder / f"metrics-{split}.json", folder / f"confusion-{split}.png"
    report = {
        "weights": str(arguments["weights"]),
        "data": dataset.name,
        "split": split,
        "size": size,
        "metrics": summary_of(matrix, dataset),
        "confusion": matrix.hist.tolist(),
        "seconds": seconds,
        "versions": versions(device),
    }
    write_text_atomic(metrics, json.dumps(report, indent=1) + "\n")
    save_figure(confusion(matrix.hist, dataset.classes), picture)
    print(f"\n  {metrics}  all numbers\n  {picture}  which class is taken for which")
    return 0


def root_of(given: str | None, told: str | None, option: str = "root") -> str | None:
    """Where the data are: as given, or where the run found them; FileError if they are no longer there."""
    if given is None and told is not None and not Path(told).exists():
        raise FileError(
            f"the data of the run were in {told}, which is no longer there; say with --{option} where they are."
        )
    return told if given is None else given
