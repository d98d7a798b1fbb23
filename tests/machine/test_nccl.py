"""Sums between cards, against a double of NCCL that works on the memory which its pointers point to."""

from __future__ import annotations

import ctypes
import threading
from types import ModuleType, SimpleNamespace
from typing import Any, ClassVar

import numpy as np
import pytest

from minifcn.machine.nccl import Cards
from minifcn.machine.processes import ProcessGroup
from tests.parallel.group import in_threads

KINDS: dict[int, type] = {7: np.float32, 8: np.float64}
NAME = tuple(range(-64, 64))


class Communicator:
    """NcclCommunicator(ndev, commId, rank), whose processes are threads."""

    together: ClassVar[dict[int, np.ndarray]] = {}
    barrier = threading.Barrier(2)

    def __init__(self, size: int, name: tuple[int, ...], rank: int) -> None:
        assert (size, name) == (2, NAME), "all know the name that process 0 has made"
        self.rank = rank

    def allReduce(self, source: int, target: int, count: int, kind: int, operation: int, stream: int) -> None:
        dtype = np.dtype(KINDS[kind])

        def memory(pointer: int) -> np.ndarray:
            return np.frombuffer((ctypes.c_char * (count * dtype.itemsize)).from_address(pointer), dtype)

        assert (operation, stream) == (0, 99)
        self.together[self.rank] = memory(source).copy()
        self.barrier.wait(20)
        memory(target)[...] = self.together[0] + self.together[1]
        self.barrier.wait(20)


def nccl(available: bool = True) -> Any:
    return SimpleNamespace(
        available=available, get_unique_id=lambda: NAME, NcclCommunicator=Communicator,
        NCCL_FLOAT32=7, NCCL_FLOAT64=8, NCCL_SUM=0,
    )  # fmt: skip


@pytest.fixture
def cards(played: ModuleType, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.setattr(played.cuda, "nccl", nccl(), raising=False)
    monkeypatch.setattr(played.cuda, "get_current_stream", lambda: SimpleNamespace(ptr=99))
    return played


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_sum_of_two_cards(cards: ModuleType, dtype: type) -> None:
    def summed(group: ProcessGroup) -> tuple[bool, list[float], int, list[float]]:
        with cards.cuda.Device(group.rank):
            x = cards.asarray(np.arange(6, dtype=dtype).reshape(2, 3)).T
            x = x + x.dtype.type(group.rank)
        found = Cards(group, 2, x)
        total = found.all_reduce(x)
        return found.usable, total.get().ravel().tolist(), total.device.id, x.get().ravel().tolist()

    expected = (np.arange(6).reshape(2, 3).T * 2 + 1).ravel().tolist()
    for rank, (usable, total, device, before) in enumerate(in_threads(2, summed)):
        assert usable and total == expected and device == rank
        assert before == (np.arange(6).reshape(2, 3).T + rank).ravel().tolist()


def test_without_nccl_or_a_card_for_each_nobody_uses_it(cards: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    x = cards.zeros(1, np.float32)
    assert not any(in_threads(3, lambda group: Cards(group, 3, x).usable)), "three processes, two cards"
    monkeypatch.setattr(cards.cuda, "nccl", nccl(available=False))
    assert not any(in_threads(2, lambda group: Cards(group, 2, x).usable))
