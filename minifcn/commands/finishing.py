"""The end of `minifcn train`: what the best weights reach on the test data, and the pictures of the run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from minifcn import data
from minifcn.commands.options import Options
from minifcn.commands.reporting import metrics_table, summary_of, versions
from minifcn.data import Dataset
from minifcn.metrics import ConfusionMatrix
from minifcn.models import Network
from minifcn.text import counted
from minifcn.training import CHECKPOINT_FILE, WEIGHTS_FILE, predictions
from minifcn.training.staged import METRICS_FILE
from minifcn.weights import write_text_atomic

GALLERY_ROWS = 6


def finish(
    folder: Path,
    options: Options,
    test: Dataset,
    model: Network,
    matrix: ConfusionMatrix,
    history: list[dict[str, Any]],
    processes: int,
) -> None:
    """Say what the best weights reach, write metrics and pictures, and say where everything is."""
    seconds = history[-1]["seconds"]
    reported = data.reported_split(options.data, options.sbd)
    print(metrics_table(matrix, test, reported), flush=True)  # before anything that a full disk could stop
    from minifcn.plot import confusion, gallery, learning_curve, save_figure

    rows = np.linspace(0, len(test) - 1, min(GALLERY_ROWS, len(test))).astype(int)
    examples = list(predictions(model, test, rows))
    save_figure(learning_curve(curve(history)), folder / "learning_curve.png")
    save_figure(confusion(matrix.hist, test.classes), folder / "confusion.png")
    palette = np.array(test.palette, np.uint8)
    images, truths, labels = zip(*((s.image, s.label, p) for s, p in examples), strict=True)
    save_figure(gallery(images, truths, labels, test.classes, palette), folder / "gallery.png")
    report = {
        "options": options.to_dict(),
        "test": summary_of(matrix, test),
        "confusion": matrix.hist.tolist(),
        "history": history,
        "seconds": seconds,
        "processes": processes,
        "versions": versions(options.device),
    }
    write_text_atomic(folder / METRICS_FILE, json.dumps(report, indent=1) + "\n")  # the last: a run with it is finished
    scored = any(entry["val_mean_iu"] is not None for entry in history)
    kept = (
        f"the best of {counted(len(history), 'epoch')} on validation" if scored else "the last epoch (none has a score)"
    )
    print(f"\ntrained in {seconds:.0f} s; {kept} is in {folder}:")
    for name, what in (
        (WEIGHTS_FILE, "the weights"),
        (METRICS_FILE, "all numbers"),
        ("learning_curve.png", "loss and mean IU, epoch by epoch"),
        ("gallery.png", "image | truth | prediction | errors"),
        ("confusion.png", "which class is taken for which"),
        (CHECKPOINT_FILE, "for --resume"),
    ):
        print(f"  {folder / name}  {what}")


def curve(history: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """One point per step, at a fraction of its epoch; what was measured once per epoch stands at the last of them.

    A learning rate stands where its step begins, so that the first is the one that was asked for; a loss where it ends.
    """
    points: dict[float, dict[str, Any]] = {}
    for entry in history:
        count, start = len(entry["losses"]), entry["epoch"] - 1
        rates = entry.get("learning_rates", [])  # which older runs did not write down
        if len(rates) == count:
            for i, rate in enumerate(rates):
                points.setdefault(start + i / count, {})["learning_rate"] = rate
        for i, loss in enumerate(entry["losses"]):
            points.setdefault(start + (i + 1) / count, {})["loss"] = loss
        points[entry["epoch"]]["val_mean_iu"] = entry["val_mean_iu"]
    return [{"epoch": epoch, **values} for epoch, values in points.items()]
