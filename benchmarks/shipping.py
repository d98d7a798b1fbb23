"""`python -m benchmarks.shipping RUNS`: train the networks that come with the package, and write them.

Nine runs of `minifcn train`, one after the other in the folder RUNS; a run that is already there is not repeated. Of
each network the first seed is what ships, whatever it reached; what all three reached is its record.
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
FIRST = 10  # steps whose losses are kept in the record


def stride_of(name: str) -> int:
    """8 for "fcn8s-scenes"."""
    return int(name.removeprefix("fcn").partition("s")[0])


def command(name: str, seed: int, out: Path | str) -> list[str]:
    return [
        "minifcn",
        "train",
        "--stride",
        str(stride_of(name)),
        "--width",
        "0.5",
        "--seed",
        str(seed),
        "--out",
        str(out),
    ]


def trained(name: str, seed: int, runs: Path) -> Path:
    """The folder of that run, which is made if it is not there."""
    folder = runs / f"fcn{stride_of(name)}s-{seed}"
    if not (folder / "metrics.json").exists():
        typed = [sys.executable, "-m", *command(name, seed, folder), "--quiet"]
        subprocess.run(typed, env=environment(THREADS), check=True)
    return folder


def record_of(name: str, runs: dict[int, Path]) -> dict[str, Any]:
    """What `minifcn.training.pretrained_record` gives, from the metrics of the runs by seed."""
    metrics = {seed: json.loads((folder / "metrics.json").read_text(encoding="utf-8")) for seed, folder in runs.items()}
    ships = min(metrics)
    first = metrics[ships]
    return {
        "command": f"MINIFCN_NUM_THREADS={THREADS} OMP_NUM_THREADS={THREADS} "
        + shlex.join(command(name, ships, Path("runs") / name)),
        "ships": ships,
        "options": first["options"],
        "versions": first["versions"],
        "losses": first["history"][0]["losses"][:FIRST],
        "seeds": [
            {
                "seed": seed,
                "val_mean_iu": max(entry["val_mean_iu"] for entry in found["history"]),
                "test": found["test"],
                "confusion": found["confusion"],
            }
            for seed, found in metrics.items()
        ],
    }


def write(name: str, runs: dict[int, Path], folder: Path = FOLDER) -> dict[str, Any]:
    """Weights and record into `folder`; the record."""
    record = record_of(name, runs)
    (folder / f"{name}.safetensors").write_bytes((runs[record["ships"]] / "weights.safetensors").read_bytes())
    write_text_atomic(folder / f"{name}.json", json.dumps(record, indent=1) + "\n")
    return record


def rows(records: dict[str, dict[str, Any]]) -> list[str]:
    """The rows of the table in the README beside the weights."""
    made = []
    for name, record in records.items():
        scores = [100 * entry["test"]["mean_iu"] for entry in record["seeds"]]
        val = 100 * next(e["val_mean_iu"] for e in record["seeds"] if e["seed"] == record["ships"])
        shown = " / ".join(f"{score:.1f}" for score in scores)
        made.append(
            f"| `{name}` | {val:.1f} | **{scores[0]:.1f}** | {shown} | {sum(scores) / len(scores):.1f}, "
            f"{min(scores):.1f} to {max(scores):.1f} |"
        )
    return made


def main(folder: str) -> None:
    runs = Path(folder)
    records = {name: write(name, {seed: trained(name, seed, runs) for seed in SEEDS}) for name in PRETRAINED}
    print("\n".join(rows(records)))


if __name__ == "__main__":
    main(sys.argv[1])
