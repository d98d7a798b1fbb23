"""A process group by MPI, through mpi4py.

MPI keeps a core busy while it waits, which another process may need. So nothing here waits inside MPI: it is told to
begin, and asked again and again whether it is done, with naps in between.
"""

from __future__ import annotations

import os
import shutil
import sys
import time
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from minifcn.errors import ArgumentError
from minifcn.machine import threads
from minifcn.machine.backend import Array, is_cupy
from minifcn.machine.nccl import DTYPES, Cards
from minifcn.machine.processes import ALONE, INSTALL, ProcessGroup, started_as

AWAKE, NAP = 2e-3, 5e-5  # seconds: how long others are waited for without a nap, and how long a nap is
CPUS = 4096  # more cores than a machine has, as all processes must send arrays of one length


class MpiGroup(ProcessGroup):
    """All processes that mpiexec has started. Those of one machine share its cores: each has its part of them."""

    def __init__(self) -> None:
        from mpi4py import MPI

        self._byte = MPI.BYTE
        self.comm = MPI.COMM_WORLD
        self.rank, self.size = self.comm.rank, self.comm.size
        self.library = _name_of(MPI)
        self._cards: Cards | None = None
        here = self.comm.Split_type(MPI.COMM_TYPE_SHARED)
        self.local_rank, self.local_size = here.rank, here.size
        allowed = np.zeros(CPUS, np.uint8)
        allowed[list(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else range(os.cpu_count() or 1)] = 1
        here.Allreduce(MPI.IN_PLACE, allowed, MPI.MAX)  # mpiexec may have given each process cores of its own
        cores = int(allowed.sum())
        self._awake = AWAKE if here.size <= cores else 0.0  # who has no core of its own gives it away at once
        threads.leave_cores(max(1, cores // here.size))

    def all_reduce(self, x: Array) -> Array:
        """Between cards of their own by NCCL, in its order; otherwise as every group."""
        if is_cupy(x) and x.dtype.char in DTYPES:
            if self._cards is None:
                self._cards = Cards(self, self.local_size, x)
            if self._cards.usable:
                return self._cards.all_reduce(x)
        return super().all_reduce(x)

    def all_to_all(self, rows: np.ndarray) -> np.ndarray:
        received = np.empty_like(rows)
        self._wait(self.comm.Ialltoall(self._bytes(rows), self._bytes(received)))
        return received

    def all_gather(self, row: np.ndarray) -> np.ndarray:
        received = np.empty((self.size, *row.shape), row.dtype)
        self._wait(self.comm.Iallgather(self._bytes(row), self._bytes(received)))
        return received

    def broadcast_bytes(self, data: np.ndarray) -> None:
        self._wait(self.comm.Ibcast(self._bytes(data)))

    def abort(self, status: int) -> None:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # MPI would add a line that says the same less clearly
        self.comm.Abort(status)

    def _wait(self, sent: Any) -> None:
        """Until everybody's part is here. In between Python can hear a signal."""
        begin = time.perf_counter()
        while not sent.Test():
            if time.perf_counter() - begin > self._awake:
                time.sleep(NAP)

    def _bytes(self, x: np.ndarray) -> list[Any]:
        """The memory of x as MPI takes it: bytes, whatever they mean."""
        return [x.reshape(-1).view(np.uint8), self._byte]


@cache
def world() -> ProcessGroup:
    """All processes that were started together with this one. MPI is loaded if there are any.

    Raises ArgumentError where they cannot find one another: mpi4py is not there, or that of another MPI. They would
    all do the whole work, one over the other.
    """
    _, size = started_as()
    if size == 1:
        return ALONE
    try:
        group = MpiGroup()
    except (ImportError, RuntimeError) as error:
        reason = str(error).strip(" .").splitlines()[0]
        raise ArgumentError(
            f"{size} processes were started together and cannot find one another, as mpi4py cannot be loaded "
            f"({reason}); {INSTALL}, or start one process."
        ) from error
    if group.size != size:
        raise ArgumentError(
            f"{size} processes were started together but mpi4py sees {group.size}, as it belongs to another MPI "
            f"({group.library}); start them with the mpiexec of that one."
        )
    return group


def mpiexec() -> str | None:
    """The program that starts processes: that beside this Python, which fits its mpi4py, or the system's."""
    beside = Path(sys.executable).parent
    return shutil.which("mpiexec", path=str(beside)) or shutil.which("mpiexec")


def described() -> str:
    """mpi4py, its MPI and their mpiexec in words; or how to get them. MPI is loaded for that, but not begun."""
    try:
        import mpi4py

        mpi4py.rc.initialize = mpi4py.rc.finalize = False
        from mpi4py import MPI
    except (ImportError, RuntimeError) as error:
        absent = isinstance(error, ModuleNotFoundError) and error.name == "mpi4py"
        return f"{'not installed' if absent else f'cannot be used ({error})'}; for several processes {INSTALL}"
    return f"mpi4py {mpi4py.__version__} with {_name_of(MPI)}; started by {mpiexec() or 'no mpiexec'}"


def _name_of(MPI: Any) -> str:
    """ "MPICH 5.0.2"."""
    first = str(MPI.Get_library_version()).splitlines()[0].replace("Version:", "")
    return " ".join(first.partition(",")[0].split()).strip(" \0")
