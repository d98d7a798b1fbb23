"""`python -m benchmarks.processes`: one training in 1, 2 and 4 processes, beside threads; four minutes on two cores.

A step of the default job (8 images of 96x128), with the sum of the gradients in it, is timed in the way of a run: each
configuration is started again and again, one after the other, so that all see the same machine. Then `minifcn train` is
run to its end, on fewer images, by one process and by two, as what counts is that the score is the same. It needs MPI:
pip install ".[mpi]". Written are `benchmarks/results/processes.json` and `processes.md`.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from benchmarks.machine import busy, cores, environment, machine
from benchmarks.table import rows
from minifcn.machine.mpi import mpiexec
from minifcn.weights import write_text_atomic

RESULTS = Path(__file__).parent / "results"
ROUNDS, STEPS, WARMING = 3, 12, 3
SUMS = 30

# Name: (processes, threads of each, further options of the training).
WAYS: dict[str, tuple[int, int, tuple[str, ...]]] = {
    "1 process, 1 thread": (1, 1, ()),
    "1 process, 2 threads": (1, 2, ()),
    "2 processes, 1 thread each": (2, 1, ()),
    "2 processes, batch norm of all": (2, 1, ("--sync-batch-norm",)),
    "4 processes, 1 thread each": (4, 1, ()),
}
TRAINED = ("1 process, 2 threads", "2 processes, 1 thread each", "2 processes, batch norm of all")
TRAIN = ["train", "--count", "400", "--seed", "0", "--quiet"]


def started(processes: int, threads: int, *arguments: str) -> None:
    """Run `python -m ARGUMENTS` in so many processes."""
    begin = [str(mpiexec()), "-n", str(processes)] if processes > 1 else []
    subprocess.run(
        [*begin, sys.executable, "-m", *arguments], env=environment(threads), check=True, stdout=subprocess.DEVNULL
    )


def steps(synchronised: bool) -> dict[str, Any]:
    """In one of the processes: the seconds of each step of the default job, and of a sum of its gradients.

    "processor" is how long this process, with all its threads, has computed in a step: on a machine that others use,
    too, it says more than the time that has passed.
    """
    from minifcn import optim
    from minifcn.data import DataLoader, InMemory, open_dataset
    from minifcn.machine.mpi import world
    from minifcn.models import FCN
    from minifcn.nn import SyncBatchNorm
    from minifcn.training import Objective, train_step

    group = world()
    images = InMemory(open_dataset("scenes", None, "train", (96, 128), 0, 8))
    batch = next(iter(DataLoader(images, 8, rank=group.rank, num_replicas=group.size)))
    model = FCN("small", len(images.classes), generator=np.random.default_rng(0))
    if synchronised:
        SyncBatchNorm.convert_sync_batchnorm(model, group)
    optimizer = optim.AdamW(model.parameters(), 3e-3)
    found, processor = [], []
    for step in range(WARMING + STEPS):
        group.any(False)  # all begin together
        begin, before = time.perf_counter(), time.process_time()
        part = Objective().parts(1, None, group).take(0, batch.labels)
        train_step(model, optimizer, batch, None, f"step {step}", part, group=group)
        found.append(time.perf_counter() - begin)
        processor.append(time.process_time() - before)
    gradients = np.zeros(sum(parameter.numel() for parameter in model.parameters()), np.float32)
    sums = []
    for _ in range(SUMS):
        group.any(False)
        begin = time.perf_counter()
        group.all_reduce(gradients)
        sums.append(time.perf_counter() - begin)
    return {
        "rank": group.rank,
        "steps": found[WARMING:],
        "processor": processor[WARMING:],
        "sums": sums,
        "bytes": gradients.nbytes,
    }


def timed() -> dict[str, Any]:
    """The seconds of all rounds of each way."""
    found: dict[str, Any] = {name: {"steps": [], "processor": [], "sums": []} for name in WAYS}
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(ROUNDS):
            for name, (processes, threads, options) in WAYS.items():
                file = Path(folder) / "found.json"
                started(processes, threads, "benchmarks.processes", str(file), *options)
                told = json.loads(file.read_text(encoding="utf-8"))
                for kind in ("steps", "processor", "sums"):
                    found[name][kind] += told[kind]
                found[name]["bytes"] = told["bytes"]
    return found


def trained() -> dict[str, Any]:
    """What the whole command reaches, and in which time."""
    found = {}
    with tempfile.TemporaryDirectory() as folder:
        for number, name in enumerate(TRAINED):
            processes, threads, options = WAYS[name]
            run = Path(folder) / str(number)
            started(processes, threads, "minifcn", *TRAIN, "--out", str(run), *options)
            metrics = json.loads((run / "metrics.json").read_text(encoding="utf-8"))
            found[name] = {"mean_iu": metrics["test"]["mean_iu"], "seconds": metrics["seconds"]}
    return found


def table(found: dict[str, Any]) -> str:
    own = found["machine"]["cores"]
    lines = [
        "# One training in several processes",
        "",
        f"`python -m benchmarks.processes` on {found['machine']['processor']}, {own} cores, with "
        f"{found['busy']:.1f} other processes at work before it began. A step is one of the default job, 8x3x96x128, "
        "with the sum of its gradients over the processes; *computing* is the processor time that one process needs "
        f"for it. Mean IU and seconds are those of a whole `minifcn {' '.join(TRAIN[:-1])}`.",
        "",
    ]
    head = ["", "a step, median (least) ms", "1 thread / this", "computing, ms", "the sum, ms", "mean IU", "seconds"]
    body = []
    alone = median(found["timed"]["1 process, 1 thread"]["steps"])
    for name, (processes, threads, _) in WAYS.items():
        seconds, run = found["timed"][name]["steps"], found["trained"].get(name)
        said = f"{name}, more than there are cores" if processes * threads > own else name
        reached = [f"{100 * run['mean_iu']:.1f}", f"{run['seconds']:.0f}"] if run else ["", ""]
        sums = f"{1e3 * median(found['timed'][name]['sums']):.2f}" if processes > 1 else ""
        computing = f"{1e3 * median(found['timed'][name]['processor']):.0f}"
        step = f"{1e3 * median(seconds):.0f} ({1e3 * min(seconds):.0f})"
        body.append([said, step, f"{alone / median(seconds):.2f}", computing, sums, *reached])
    travels = found["timed"]["2 processes, 1 thread each"]["bytes"]
    return "\n".join(
        [*lines, rows([head, *body]), "", f"The gradients that are summed in each step are {travels / 1e6:.1f} MB.", ""]
    )


def main(arguments: list[str]) -> None:
    if arguments:  # one of the processes that `timed` has started
        told = steps("--sync-batch-norm" in arguments)
        if told.pop("rank") == 0:
            write_text_atomic(arguments[0], json.dumps(told))
        return
    if mpiexec() is None:
        sys.exit('python -m benchmarks.processes needs MPI; pip install ".[mpi]".')
    found: dict[str, Any] = {"busy": busy() or 0.0, "machine": machine(cores())}
    found |= {"timed": timed(), "command": TRAIN, "trained": trained()}
    write_text_atomic(RESULTS / "processes.json", json.dumps(found, indent=1) + "\n")
    write_text_atomic(RESULTS / "processes.md", table(found))
    print(table(found))


if __name__ == "__main__":
    main(sys.argv[1:])
