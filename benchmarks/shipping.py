"""`python -m benchmarks.shipping RUNS`: train the networks that come with the package, and write them.

Twelve runs of `minifcn train`, one after the other in the folder RUNS; a run that is already there is not repeated. Of
each network the first seed is what ships, whatever it reached; what all three reached is its record. FCN-8s is trained
with learned upsampling as well, and only what it reaches is kept.
"""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

from benchmarks.machine import environment
from minifcn.training.shipped import FOLDER, PRETRAINED
from minifcn.weights import write_text_atomic

SEEDS = (0, 1, 2)
THREADS = 1  # for one number of threads a run is the same to the last bit
LEARNED = "fcn8s-scenes"  # is trained with learned kernels, too, for comparison
FIRST = 10  # steps whose losses are kept in the record


def stride_of(name: str) -> int:
    """8 for "fcn8s-scenes"."""
    return int(name.removeprefix("fcn").partition("s")[0])


def command(name: str, seed: int, out: Path | str, learned: bool = False) -> list[str]:
    stride = str(stride_of(name))
    more = ["--learn-upsampling"] if learned else []
    return ["minifcn", "train", "--stride", stride, "--width", "0.5", *more, "--seed", str(seed), "--out", str(out)]


def trained(name: str, seed: int, runs: Path, learned: bool = False) -> Path:
    """The folder of that run, which is made if it is not there."""
    folder = runs / f"fcn{stride_of(name)}s-{'learned-' if learned else ''}{seed}"
    if not (folder / "metrics.json").exists():
        typed = [sys.executable, "-m", *command(name, seed, folder, learned), "--quiet"]
        subprocess.run(typed, env=environment(THREADS), check=True)
    return folder


def read(folder: Path) -> dict[str, Any]:
    return dict(json.loads((folder / "metrics.json").read_text(encoding="utf-8")))


def reached(metrics: dict[str, Any]) -> dict[str, Any]:
    """What a run reached; its best epoch was chosen on validation."""
    return {
        "seed": metrics["options"]["seed"],
        "val_mean_iu": max(entry["val_mean_iu"] for entry in metrics["history"]),
        "test": metrics["test"],
        "confusion": metrics["confusion"],
    }


def record_of(name: str, runs: list[Path], learned: list[Path]) -> dict[str, Any]:
    """What `minifcn.training.pretrained_record` gives, from the runs, the first of which ships.

    learned: runs of the same seeds with --learn-upsampling, of which only what they reached is kept.
    """
    metrics = [read(folder) for folder in runs]
    first, threads = metrics[0], f"MINIFCN_NUM_THREADS={THREADS} OMP_NUM_THREADS={THREADS}"
    typed = command(name, first["options"]["seed"], Path("runs") / name)
    record = {
        "command": f"{threads} {shlex.join(typed)}",
        "ships": first["options"]["seed"],
        "options": first["options"],
        "versions": first["versions"],
        "losses": first["history"][0]["losses"][:FIRST],
        "seeds": [reached(found) for found in metrics],
    }
    if learned:
        record["learned_upsampling"] = [reached(read(folder)) for folder in learned]
    return record


def write(name: str, runs: list[Path], learned: list[Path], folder: Path = FOLDER) -> dict[str, Any]:
    """Weights and record into `folder`; the record."""
    record = record_of(name, runs, learned)
    (folder / f"{name}.safetensors").write_bytes((runs[0] / "weights.safetensors").read_bytes())
    write_text_atomic(folder / f"{name}.json", json.dumps(record, indent=1) + "\n")
    return record


def row(name: str, record: dict[str, Any], key: str = "seeds") -> str:
    """The row of a network in the table of the README beside the weights."""
    entries = record[key]
    scores = [100 * entry["test"]["mean_iu"] for entry in entries]
    shown = " / ".join(f"{score:.1f}" for score in scores)
    called = f"`{name}`" if key == "seeds" else f"{name}, learned kernels (not shipped)"
    return (
        f"| {called} | {100 * entries[0]['val_mean_iu']:.1f} | {scores[0]:.1f} | {shown} | "
        f"{sum(scores) / len(scores):.1f}, {min(scores):.1f} to {max(scores):.1f} |"
    )


def rows(records: dict[str, dict[str, Any]]) -> list[str]:
    return [
        row(name, record, key)
        for name, record in records.items()
        for key in ("seeds", "learned_upsampling")
        if key in record
    ]


def main(folder: str) -> None:
    runs = Path(folder)
    records = {}
    for name in PRETRAINED:
        frozen = [trained(name, seed, runs) for seed in SEEDS]
        learned = [trained(name, seed, runs, learned=True) for seed in SEEDS] if name == LEARNED else []
        records[name] = write(name, frozen, learned)
    print("\n".join(rows(records)))


if __name__ == "__main__":
    main(sys.argv[1])
