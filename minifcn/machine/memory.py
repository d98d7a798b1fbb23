"""Memory that is kept for the next array of its size.

New memory is slow on a CPU: the system hands it out page by page, each filled with zeros, and takes it back when it is
let go. On the machine of the benchmarks a page of 4 KiB takes 2.2 µs; the 12.8 MB that one layer of VGG16 makes at
224x224 take 7 ms, nearly as long as its convolution. But training makes arrays of the same sizes step after step.

    empty(shape, dtype, like)   for a result: its memory comes back when the last array that shows it is gone
    scratch(name, shape, like)  for what a thread fills, reads and forgets: always the same memory
    empty_cache()               let go of all that is kept

What is kept and what is in use together are at most `SPARE` bytes more than was once in use at the same time, so that
a chain of results of falling sizes finds them all again. On a GPU, CuPy's own pool does the same, and both functions
are `cupy.empty`.
"""

from __future__ import annotations

import os
import sys
import threading
from collections import OrderedDict, deque
from contextlib import suppress
from math import prod
from typing import Any

import numpy as np

from minifcn.machine.backend import Array, array_module, cupy_module, is_cupy

LEAST = 64 << 10  # bytes; smaller arrays come from memory that the process has
SCRATCH = 32 << 20  # bytes; scratch memory larger than that is not kept
SPARE = 64 << 20  # bytes


def empty(shape: tuple[int, ...], dtype: Any, like: Array) -> Array:
    """A new array that holds anything, where `like` lives."""
    if is_cupy(like):
        return array_module(like).empty(shape, dtype)
    needed = prod(shape) * np.dtype(dtype).itemsize
    if needed < LEAST:
        return np.empty(shape, dtype)
    return np.asarray(_Lent(_shelf.take(needed), shape, np.dtype(dtype)))


def zeros(shape: tuple[int, ...], dtype: Any, like: Array) -> Array:
    """A new array of zeros, where `like` lives."""
    made = empty(shape, dtype, like)
    made.fill(0)
    return made


def scratch(name: str, shape: tuple[int, ...], like: Array) -> Array:
    """An array of `shape` that holds anything, of the dtype of `like` and where it lives.

    It is the caller's until the same thread asks for the same name again, whatever the shape. So it must not be
    returned to those who know nothing of that.
    """
    if is_cupy(like):
        return array_module(like).empty(shape, like.dtype)
    needed = prod(shape) * like.dtype.itemsize
    blocks = _of_this_thread.blocks
    if name in blocks and blocks[name].nbytes >= needed:
        block = blocks[name]
    else:
        blocks.pop(name, None)  # before more is asked for
        block = np.empty(needed, np.uint8)
        if needed <= SCRATCH:
            blocks[name] = block
    return block[:needed].view(like.dtype).reshape(shape)


def owns(array: Array) -> bool:
    """Whether the array is the one that its memory was made for, and shows no other's."""
    return array.base is None or isinstance(array.base, _Lent)


def empty_cache() -> None:
    """Give back to the system what is kept for later: of results, the calling thread's scratch memory, and CuPy's."""
    _shelf.clear()
    _of_this_thread.blocks.clear()
    if "cupy" in sys.modules:
        cupy = cupy_module()
        with suppress(cupy.cuda.runtime.CUDARuntimeError):  # there may be no card
            for index in range(cupy.cuda.runtime.getDeviceCount()):
                with cupy.cuda.Device(index):
                    cupy.get_default_memory_pool().free_all_blocks()


class _OfThisThread(threading.local):
    def __init__(self) -> None:
        self.blocks: dict[str, np.ndarray] = {}


class _Lent:
    """NumPy keeps the owner of an array's memory for as long as any array shows it: this one then brings it back."""

    def __init__(self, memory: np.ndarray, shape: tuple[int, ...], dtype: Any) -> None:
        self.memory, self.shelf = memory, _shelf  # as the interpreter ends, its name may go before the last array does
        self.__array_interface__ = memory.__array_interface__ | {"shape": shape, "typestr": dtype.str}

    def __del__(self) -> None:
        self.shelf.put(self.memory)


class _Shelf:
    """Blocks by number, the oldest first, and for each size the numbers of those that have it."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        # An array may die anywhere, also in the middle of `take`: what it brings back waits here until the next one.
        self._returned: deque[np.ndarray] = deque()
        self._blocks: OrderedDict[int, np.ndarray] = OrderedDict()
        self._of_size: dict[int, list[int]] = {}
        self._count = self._kept = self._used = self._most = 0

    def take(self, size: int) -> np.ndarray:
        with self._lock:
            self._put_away()
            numbers = self._of_size.get(size)
            memory = self._remove(numbers[-1]) if numbers else self._new(size)
            self._used += size
            self._most = max(self._most, self._used)
        return memory

    def put(self, memory: np.ndarray) -> None:
        self._returned.append(memory)  # a deque needs no lock

    def clear(self) -> None:
        with self._lock:
            self._put_away()
            while self._blocks:
                self._remove(next(iter(self._blocks)))
            self._most = self._used

    def _new(self, size: int) -> np.ndarray:
        while self._blocks and self._kept + self._used + size > self._most + SPARE:
            self._remove(next(iter(self._blocks)))
        return np.empty(size, np.uint8)

    def _put_away(self) -> None:
        while self._returned:
            memory = self._returned.popleft()
            self._used -= memory.nbytes
            self._kept += memory.nbytes
            self._count += 1
            self._blocks[self._count] = memory
            self._of_size.setdefault(memory.nbytes, []).append(self._count)

    def _remove(self, number: int) -> np.ndarray:
        memory = self._blocks.pop(number)
        numbers = self._of_size[memory.nbytes]
        numbers.remove(number)
        if not numbers:
            del self._of_size[memory.nbytes]
        self._kept -= memory.nbytes
        return memory


_of_this_thread = _OfThisThread()
_shelf = _Shelf()
if hasattr(os, "register_at_fork"):
    # Whoever holds the lock finishes first: the child has no other thread that could.
    os.register_at_fork(
        before=lambda: _shelf._lock.acquire(),
        after_in_parent=lambda: _shelf._lock.release(),
        after_in_child=lambda: _shelf._lock.release(),
    )
