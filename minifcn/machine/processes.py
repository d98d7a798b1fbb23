"""Processes that compute together, on one machine or on many: how many there are, which one this is, and their sums.

    mpiexec -n 4 minifcn train        each of the four processes finds the other three (mpi.py)

A process has memory of its own, so what several of them make has to travel. A group has three ways to send it (those
of MPI are in mpi.py), and what a training needs is made of them here: an all-reduce, after which every process has the
sum of the arrays of all. With two processes,

                            all_to_all          added up        all_gather
    process 0    a b c d       -->      a b       -->  a+A b+B     -->    a+A b+B c+C d+D
                                        A B
    process 1    A B C D       -->      c d       -->  c+C d+D     -->    a+A b+B c+C d+D
                                        C D

each element is added up by one process, in the order of the ranks. So all hold the same bits, and the same again in
another run. Each sends its array not quite twice, however many they are.
Source: reduce-scatter and all-gather of Rabenseifner 2004, with an order of its own.
"""

from __future__ import annotations

import os
from collections.abc import Mapping

import numpy as np

from minifcn.errors import ArgumentError
from minifcn.machine.backend import Array, cupy_module, device_of, to_device, to_numpy

# How the starters of processes tell a process who it is: rank and size, by MPICH and its kin, and by Open MPI.
VARIABLES = (("PMI_RANK", "PMI_SIZE"), ("OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE"))
INSTALL = 'pip install "minifcn[mpi]"'


class ProcessGroup:
    """`size` processes, of which this one is number `rank`; this class itself is a process alone.

    local_rank   the number of this process among those of its machine

    What is said to do something together has to be called by all, in the same order.
    """

    rank, size, local_rank = 0, 1, 0

    def all_reduce(self, x: Array) -> Array:
        """Σ x over the processes, as a new array. Together; x has the same shape and dtype in all."""
        if self.size == 1:
            return x.copy()
        host = to_numpy(x)
        each = -(-host.size // self.size)  # the length of a slice; the last ones are filled up with zeros
        slices = np.zeros((self.size, each), host.dtype)
        slices.reshape(-1)[: host.size] = host.reshape(-1)
        first, *others = self.all_to_all(slices)
        for other in others:
            first += other
        return to_device(self.all_gather(first).reshape(-1)[: host.size].reshape(x.shape), device_of(x))

    def broadcast(self, x: Array) -> Array:
        """The x of process 0, as a new array. Together; x has the same shape and dtype in all."""
        if self.size == 1:
            return x.copy()
        host = np.array(to_numpy(x), order="C")
        self.broadcast_bytes(host.reshape(-1).view(np.uint8))
        return to_device(host, device_of(x))

    def broadcast_text(self, text: str) -> str:
        """The text of process 0. Together."""
        if self.size == 1:
            return text
        letters = np.frombuffer(text.encode(), np.uint8)
        count = int(self.broadcast(np.array([letters.size]))[0])
        return self.broadcast(letters if self.rank == 0 else np.zeros(count, np.uint8)).tobytes().decode()

    def any(self, wish: bool) -> bool:
        """Whether anybody's wish is true. Together."""
        return wish if self.size == 1 else bool(self.all_reduce(np.array([float(wish)]))[0])

    def device(self, name: str) -> str:
        """Where this process computes, if the group computes on `name`: with "cuda" each has a card of its own.

        Where a machine has more processes than cards they share them. Raises ArgumentError for one card for all.
        """
        if self.size == 1 or name == "cpu":
            return name
        if name != "cuda":
            raise ArgumentError(
                f"{self.size} processes cannot all compute on {name}; pass cuda, and each takes a card."
            )
        return f"cuda:{self.local_rank % max(1, cupy_module().cuda.runtime.getDeviceCount())}"

    def abort(self, status: int) -> None:
        """End all processes, now, with this exit status. Alone it does nothing: whoever fails ends by itself."""

    # Three ways for arrays in the order of memory, for a subclass.

    def all_to_all(self, rows: np.ndarray) -> np.ndarray:
        """rows[r] goes to process r; comes back: the row that each process has sent here, in the order of ranks."""
        raise NotImplementedError

    def all_gather(self, row: np.ndarray) -> np.ndarray:
        """The rows of all processes, in the order of ranks."""
        raise NotImplementedError

    def broadcast_bytes(self, data: np.ndarray) -> None:
        """`data`, uint8, becomes that of process 0."""
        raise NotImplementedError


ALONE = ProcessGroup()


def started_as(environment: Mapping[str, str] = os.environ) -> tuple[int, int]:
    """(rank, size) as whoever started this process has written it into the environment; (0, 1) if nobody has."""
    for rank, size in VARIABLES:
        if rank in environment and environment.get(size, "").isdecimal():
            return int(environment[rank]), int(environment[size])
    return 0, 1
