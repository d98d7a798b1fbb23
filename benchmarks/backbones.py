"""`python -m benchmarks.backbones RUNS`: the paper's Table 1 in small, on generated scenes.

FCN-32s on AlexNet, VGG16 and GoogLeNet, each with a quarter of its channels, from nothing, with the same images, the
same number of steps and three seeds: nine runs of `minifcn train`, one after the other in the folder RUNS; one that is
already there is not repeated. What they reached is written to `benchmarks/results/backbones.json` and `backbones.md`.
"""

from __future__ import annotations

import json
import shlex
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any

from benchmarks.machine import environment, machine
from benchmarks.table import rows
from minifcn.models import FCN
from minifcn.nn import init
from minifcn.weights import write_text_atomic

RESULTS = Path(__file__).parent / "results"
SEEDS = (0, 1, 2)
THREADS = 1  # for one number of threads a run is the same to the last bit
WIDTH = 0.25
BUDGET = ["--stride", "32", "--width", str(WIDTH), "--count", "800", "--epochs", "5", "--lr", "0.001"]
# Mean IU on PASCAL VOC 2011 val, of networks that ImageNet had taught: Long, Shelhamer and Darrell 2015, Table 1.
PAPER = {"alexnet": 39.8, "vgg16": 56.0, "googlenet": 42.5}
CONCLUSION = """\
Who says "background" of every pixel has a mean IU of 8.1, so VGG16 has hardly begun to learn in these 500 steps: it is
16 plain convolutions deep. *Sees* is the side of its receptive field, in pixels.

What may be concluded: how far each gets from nothing, with these few channels, images and steps. And two seeds differ
by the range, so a smaller difference between two networks says nothing. What may not be concluded: which of them is
better. In the paper they had learned from a million photographs before, and had all their channels; and they were
tested on photographs of twenty kinds of things, not on drawn shapes. GoogLeNet has no batch norm here, as it had none
then."""


def command(name: str, seed: int, out: Path | str) -> list[str]:
    return ["minifcn", "train", "--backbone", name, *BUDGET, "--seed", str(seed), "--out", str(out)]


def reached(name: str, seed: int, runs: Path) -> dict[str, Any]:
    """The metrics of that run, which is made if it is not there."""
    folder = runs / f"{name}-{seed}"
    if not (folder / "metrics.json").exists():
        typed = [sys.executable, "-m", *command(name, seed, folder), "--quiet"]
        subprocess.run(typed, env=environment(THREADS), check=True)
    return dict(json.loads((folder / "metrics.json").read_text(encoding="utf-8")))


def record(runs: Path) -> dict[str, Any]:
    networks = {}
    for name in PAPER:
        metrics = [reached(name, seed, runs) for seed in SEEDS]
        with init.only_shapes():
            net = FCN(name, len(metrics[0]["test"]["classes"]), 32, width=WIDTH)
        networks[name] = {
            "mean_iu": [found["test"]["mean_iu"] for found in metrics],
            "parameters": sum(values.numel() for values in net.parameters() if values.requires_grad),
            "sees": net.traces["score"].field.size,
        }
    typed = shlex.join(command("NAME", 0, "RUN")).replace("--seed 0", "--seed SEED")
    return {"command": typed, "seeds": SEEDS, "machine": machine(THREADS), "networks": networks}


def table(found: dict[str, Any]) -> str:
    lines = [
        "# The three backbones of the paper, in small",
        "",
        "`python -m benchmarks.backbones RUNS` on " + found["machine"]["processor"] + ", one thread. Each run:",
        "",
        f"    {found['command']}",
        "",
    ]
    seeds = "mean IU of the seeds 0, 1, 2"
    head = ["backbone", "parameters", "sees", seeds, "mean", "range", "in the paper, on photographs"]
    body = []
    for name, network in found["networks"].items():
        scores = [100 * score for score in network["mean_iu"]]
        reached = [" / ".join(f"{s:.1f}" for s in scores), f"{statistics.mean(scores):.1f}"]
        spread = f"{max(scores) - min(scores):.1f}"
        body.append([name, f"{network['parameters']:,}", str(network["sees"]), *reached, spread, str(PAPER[name])])
    return "\n".join([*lines, rows([head, *body]), "", CONCLUSION, ""])


def main() -> None:
    if len(sys.argv) != 2 or sys.argv[1].startswith("-"):
        sys.exit("usage: python -m benchmarks.backbones RUNS, the folder where the nine runs are kept")
    found = record(Path(sys.argv[1]))
    write_text_atomic(RESULTS / "backbones.json", json.dumps(found, indent=1) + "\n")
    write_text_atomic(RESULTS / "backbones.md", table(found))
    print(table(found))


if __name__ == "__main__":
    main()
