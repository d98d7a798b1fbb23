"""A command in several processes: how they are started, that one of them speaks, and that they end together."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from minifcn.commands.terminal import sentence_of
from minifcn.errors import ArgumentError
from minifcn.machine import threads
from minifcn.machine.mpi import mpiexec, world
from minifcn.machine.processes import INSTALL, ProcessGroup, started_as
from minifcn.starting import STATUS

PATIENCE = 2.0  # seconds in which process 0 can say what is wrong everywhere


def is_idle(command: str) -> bool:
    """Whether this process has nothing to do: all commands but `train` are done by the first alone, which says so."""
    rank, size = started_as()
    if size > 1 and rank == 0 and command != "train":
        print(f"minifcn {command}: works in one process; the other {size - 1} have nothing to do.", file=sys.stderr)
    return rank > 0 and command != "train"


def in_processes(count: int | None, typed: Sequence[str]) -> int | None:
    """Do what was typed in `count` processes; the exit status. None if this is one of them, or nobody asked for more.

    The cores are divided among them. Raises ArgumentError for a count below 1, where there is no mpiexec, and in
    processes that are not `count`.
    """
    if count is None:
        return None
    if count < 1:
        raise ArgumentError(f"--processes must be at least 1, got {count}.")
    _, size = started_as()
    if size > 1 and size != count:
        raise ArgumentError(f"--processes {count} was given to {size} processes; leave it out, mpiexec has said it.")
    if size > 1 or count == 1:
        return None
    starter = mpiexec()
    if starter is None or not _has_mpi4py():
        missing = "mpiexec" if starter is None else "mpi4py"
        raise ArgumentError(f"--processes {count} needs {missing}, which is not installed; {INSTALL}.")
    command = [starter, "-n", str(count), sys.executable, "-m", "minifcn", *typed]
    each = str(max(1, threads.get_num_threads() // count))
    environment = os.environ | {threads.VARIABLE: each, "OMP_NUM_THREADS": each, "OPENBLAS_NUM_THREADS": each}
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    if os.name == "nt":
        return subprocess.call(command, env=environment)
    os.execve(starter, command, environment)  # signals go where they belong, and so does the exit status


def _has_mpi4py() -> bool:
    from importlib.util import find_spec

    return find_spec("mpi4py") is not None


@contextmanager
def together(command: str) -> Iterator[ProcessGroup]:
    """The processes that do this command, all inside this block. Process 0 speaks, the others print nothing.

    A process that fails says why, in one sentence, and ends all. What fails everywhere alike is said by process 0: the
    others give it time to do so.
    """
    rank, _ = started_as()
    try:
        group = world()
    except ArgumentError:
        if rank:
            raise SystemExit(2) from None
        raise
    if group.size == 1:
        yield group
        return
    try:
        with contextlib.ExitStack() as silence:
            if group.rank:
                nowhere = silence.enter_context(open(os.devnull, "w", encoding="utf-8"))
                silence.enter_context(contextlib.redirect_stdout(nowhere))
                silence.enter_context(contextlib.redirect_stderr(nowhere))
            yield group
    except BaseException as error:
        who = f"minifcn {command}: " + (f"process {group.rank} of {group.size}: " if group.rank else "")
        interrupted = isinstance(error, KeyboardInterrupt)
        said = "interrupted." if interrupted else sentence_of(error, command)
        status = STATUS if interrupted else 1 if said is None else 2
        leave(group, status, f"{who}{said or ''.join(traceback.format_exception(error))}")
        raise


def leave(group: ProcessGroup, status: int, last_words: str = "") -> None:
    """End all processes of the group, where there are others; process 0 has the first word."""
    if group.rank:
        time.sleep(PATIENCE)
    if group.size > 1:
        if last_words:
            print(last_words, file=sys.stderr)
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        group.abort(status)


def in_how_many(group: ProcessGroup, batch_size: int) -> str:
    """What the first line of a run says of its processes: how many, and to how many of them a batch gives no image."""
    idle = max(0, group.size - batch_size)
    without = f", {idle} of them without an image in a batch of {batch_size}" if idle else ""
    return f"; {group.size} processes{without}" if group.size > 1 else ""


def share_numbers(group: ProcessGroup, numbers: np.ndarray | None) -> np.ndarray | None:
    """The numbers, float32, of process 0, which may have none."""
    told = json.loads(group.broadcast_text(json.dumps(None if numbers is None else numbers.tolist())))
    return None if told is None else np.array(told, np.float32)


@contextmanager
def folder_for(group: ProcessGroup, found: Callable[[], AbstractContextManager[Any]]) -> Iterator[Path]:
    """The folder that process 0 finds, and holds; the others are told which it is."""
    if group.rank:
        yield Path(group.broadcast_text(""))
        return
    with found() as folder:
        group.broadcast_text(str(folder))
        yield folder
