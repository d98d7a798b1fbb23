"""Real processes of a real MPI: sums, a whole training, and every way in which it can end."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import minifcn
from minifcn.machine.mpi import mpiexec
from minifcn.training import CHECKPOINT_FILE, WEIGHTS_FILE
from minifcn.training.checkpoint import read_checkpoint
from minifcn.weights import load_arrays
from tests.parallel.needing import needs_mpi
from tests.training.tiny import same, write_folder

pytestmark = needs_mpi

HERE = str(Path(minifcn.__file__).parent.parent)
ENVIRONMENT = os.environ | {"PYTHONPATH": HERE, "OPENBLAS_NUM_THREADS": "1", "MINIFCN_NUM_THREADS": "1"}
TRAIN = ["train", "--data", "folder", "--root", "yard", "--width", "0.125", "--size", "33x41", "--batch-size", "3",
         "--epochs", "2", "--no-augment", "--quiet"]  # fmt: skip
FILES = {WEIGHTS_FILE, CHECKPOINT_FILE, "metrics.json", "learning_curve.png", "gallery.png", "confusion.png"}


@pytest.fixture
def here(tmp_path: Path) -> Path:
    """A folder with a data set `yard` of 5 pictures to learn from: batches of 3 and of 2."""
    write_folder(tmp_path / "yard")
    return tmp_path


def command(processes: int, *arguments: str) -> list[str]:
    starter = [str(mpiexec()), "-n", str(processes)] if processes > 1 else []
    return [*starter, sys.executable, *arguments]


def call(folder: Path, processes: int, *arguments: str, **changes: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command(processes, *arguments),
        cwd=folder,
        env=ENVIRONMENT | changes,
        capture_output=True,
        text=True,
        timeout=120,
    )


def weights(run: Path) -> dict[str, np.ndarray]:
    return load_arrays(run / WEIGHTS_FILE)[0]


def test_numbers_travel(tmp_path: Path) -> None:
    script = """
import os
import numpy as np
from minifcn.machine import threads
from minifcn.machine.mpi import world
group = world()
for dtype in (np.float16, np.float32, np.float64, np.int64):
    for n in (0, 1, 7, 100_000):
        x = (np.arange(n) % 9).astype(dtype) + group.rank
        assert np.array_equal(group.all_reduce(x), 3 * ((np.arange(n) % 9).astype(dtype)) + 3)
        assert np.array_equal(group.broadcast(x), (np.arange(n) % 9).astype(dtype))
assert group.broadcast_text("Öl" if group.rank == 0 else "") == "Öl"
assert group.any(group.rank == 2) and not group.any(False)
assert threads.get_num_threads() == max(1, len(os.sched_getaffinity(0)) // 3), threads.get_num_threads()
ranks = group.all_reduce(np.eye(3)[group.rank])
if group.rank == 0:
    print(ranks.tolist())
"""
    environment = {name: value for name, value in ENVIRONMENT.items() if not name.endswith("_NUM_THREADS")}
    done = subprocess.run(
        command(3, "-c", script), cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=120
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "[1.0, 1.0, 1.0]\n", "")


def test_a_training_is_that_of_one_process(here: Path) -> None:
    """With the batch norm of all: but for rounding. In the words and files of one process."""
    one = call(here, 1, "-m", "minifcn", *TRAIN, "--out", "run")
    (here / "run").rename(here / "one")
    two = call(here, 1, "-m", "minifcn", *TRAIN, "--out", "run", "--processes", "2", "--sync-batch-norm")
    assert (one.returncode, two.returncode, two.stderr) == (0, 0, "")
    assert {path.name for path in (here / "run").iterdir()} == FILES
    found, expected = (json.loads((here / run / "metrics.json").read_text())["history"] for run in ("run", "one"))
    for mine, alone in zip(found, expected, strict=True):
        np.testing.assert_allclose(mine["losses"], alone["losses"], rtol=1e-3)
        assert mine["learning_rates"] == alone["learning_rates"]
    said, of_one = (done.stdout.split("\n") for done in (two, one))
    assert said[0] == f"{of_one[0]}; 2 processes" and len(said) == len(of_one)
    assert not list(here.rglob(".lock"))


def test_it_goes_on_to_the_same_bits_and_with_another_number_of_processes(here: Path) -> None:
    """SIGTERM to mpiexec, amid the steps: all stop after the same one, and say so once."""
    whole = call(here, 2, "-m", "minifcn", *TRAIN, "--out", "whole")
    assert whole.returncode == 0, whole.stderr
    status, err = ended(here, 2, lambda process, _: process.send_signal(signal.SIGTERM))
    assert status == 130 and err.count("SIGTERM: finishing this step") == 1, err
    assert err.count("Everything is saved; go on with: minifcn train --resume run") == 1
    _, state, _, _ = read_checkpoint(here / "run" / CHECKPOINT_FILE)
    assert (state.epoch, state.step) != (0, 0)
    for number in (2, 3):
        (here / f"on{number}").mkdir()
        (here / f"on{number}" / CHECKPOINT_FILE).write_bytes((here / "run" / CHECKPOINT_FILE).read_bytes())
        again = call(here, number, "-m", "minifcn", "train", "--resume", f"on{number}", "--epochs", "2")
        assert (again.returncode, again.stderr) == (0, "")
    assert same(weights(here / "on2"), weights(here / "whole"))
    assert {path.name for path in (here / "on3").iterdir()} == FILES


SLOW = """
import os, sys, time
from minifcn.machine.processes import started_as
from minifcn.training import loop
true_step, (rank, _) = loop.train_step, started_as()
def step(*given, **options):
    if not os.path.exists(f"ready-{rank}"):
        with open(f"ready-{rank}.new", "w") as file:
            file.write(str(os.getpid()))
        os.rename(f"ready-{rank}.new", f"ready-{rank}")
    time.sleep(0.4)
    if os.path.exists(f"fail-{rank}"):
        raise MemoryError("of the test")
    return true_step(*given, **options)
loop.train_step = step
from minifcn.cli import main
sys.exit(main(sys.argv[1:]))
"""


def ended(
    folder: Path,
    processes: int,
    end: Callable[[subprocess.Popen[str], list[int]], Any],
    what: Sequence[str] = (*TRAIN, "--out", "run"),
) -> tuple[int, str]:
    """A training with steps of half a second, brought to its end amid the first; its status and what it says."""
    with subprocess.Popen(
        command(processes, "-c", SLOW, *what), cwd=folder, env=ENVIRONMENT, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    ) as process:  # fmt: skip
        try:
            ready = [folder / f"ready-{rank}" for rank in range(processes)]
            begin = time.monotonic()
            while not all(path.exists() for path in ready) and time.monotonic() - begin < 60:
                time.sleep(0.02)
            end(process, [int(path.read_text()) for path in ready])
            _, err = process.communicate(timeout=60)
        finally:
            process.kill()
    return process.returncode, err


@pytest.mark.parametrize("rank", [0, 1])
def test_a_process_that_fails_says_why_and_ends_all(here: Path, rank: int) -> None:
    status, err = ended(here, 2, lambda process, _: (here / f"fail-{rank}").touch())
    who = f"process {rank} of 2: " if rank else ""
    assert (status, err) == (
        2,
        f"minifcn train: {who}out of memory (of the test); choose a smaller --batch-size or --size.\n",
    )


def test_a_process_that_is_killed_ends_all_and_what_was_saved_is_there(here: Path) -> None:
    first = call(here, 2, "-m", "minifcn", *TRAIN, "--epochs", "1", "--out", "run")
    assert first.returncode == 0, first.stderr
    before = (here / "run" / CHECKPOINT_FILE).read_bytes()
    resumed = ["train", "--resume", "run", "--epochs", "2"]
    status, _ = ended(here, 2, lambda process, numbers: os.kill(numbers[1], signal.SIGKILL), resumed)
    assert status != 0 and (here / "run" / CHECKPOINT_FILE).read_bytes() == before
    again = call(here, 2, "-m", "minifcn", *resumed)
    assert (again.returncode, again.stderr) == (0, "")


def test_what_is_wrong_everywhere_is_said_once(here: Path) -> None:
    done = call(here, 3, "-m", "minifcn", *TRAIN, "--lr", "-1")
    assert (done.returncode, done.stderr) == (2, "minifcn train: --lr must be greater than 0 and finite, got -1.0.\n")


def test_without_mpi4py_nobody_begins(here: Path) -> None:
    """The processes could not find one another, and would all train in one folder."""
    (here / "hidden" / "mpi4py").mkdir(parents=True)
    (here / "hidden" / "mpi4py" / "__init__.py").write_text("raise ImportError('hidden')\n")
    hidden = os.pathsep.join([str(here / "hidden"), HERE])
    done = call(here, 2, "-m", "minifcn", *TRAIN, "--out", "run", PYTHONPATH=hidden)
    assert done.returncode == 2 and not (here / "run").exists()
    assert done.stderr == (
        "minifcn train: 2 processes were started together and cannot find one another, as mpi4py cannot be loaded "
        '(hidden); pip install "minifcn[mpi]", or start one process.\n'
    )
