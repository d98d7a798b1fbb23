"""A process group of threads, for what can be asked without MPI: the same sums, over lists in one memory."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from minifcn.machine.processes import ProcessGroup


class ThreadGroup(ProcessGroup):
    """One of `size` threads. table: where all lay down what they send."""

    def __init__(self, rank: int, size: int, table: list[Any], barrier: threading.Barrier) -> None:
        self.rank = self.local_rank = rank
        self.size, self.table, self.barrier = size, table, barrier

    def _told(self, mine: Any) -> list[Any]:
        """What everybody has laid down."""
        self.table[self.rank] = mine
        self.barrier.wait(20)
        told = list(self.table)
        self.barrier.wait(20)
        return told

    def all_to_all(self, rows: np.ndarray) -> np.ndarray:
        return np.stack([sent[self.rank] for sent in self._told(rows)])

    def all_gather(self, row: np.ndarray) -> np.ndarray:
        return np.stack(self._told(row))

    def broadcast_bytes(self, data: np.ndarray) -> None:
        data[...] = self._told(data.copy())[0]


def in_threads(size: int, action: Callable[[ProcessGroup], Any]) -> list[Any]:
    """action(group) in each of `size` threads; what they return, in the order of the ranks."""
    table, barrier = [None] * size, threading.Barrier(size)

    def act(rank: int) -> Any:
        try:
            return action(ThreadGroup(rank, size, table, barrier))
        except BaseException:
            barrier.abort()  # or the others would wait for this one
            raise

    with ThreadPoolExecutor(size) as pool:
        done = [pool.submit(act, rank) for rank in range(size)]
        failed = [e for d in done if (e := d.exception()) and not isinstance(e, threading.BrokenBarrierError)]
    if failed:
        raise failed[0]
    return [each.result() for each in done]
