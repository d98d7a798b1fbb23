"""The whole program without a GPU: NumPy and PyTorch on the CPU in its place, the host's clock for events, no memory.

What comes out are no results: every file says that it is a rehearsal.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from benchmarks.machine import cores, machine
from benchmarks.on_gpu.device import Sample
from benchmarks.on_gpu.side import Side


class Rehearsal:
    """Has what device.Gpu has."""

    rehearsal, place, their_place, cache = True, "cpu", "cpu", 1 << 16

    def __init__(self) -> None:
        self.xp: Any = np
        self.torch: Any = None
        self.without_torch = ""
        try:
            import torch

            self.torch = torch
        except ImportError as error:
            self.without_torch = f"cannot be imported ({type(error).__name__}: {error})"

    def settle(self) -> None:
        pass

    def timed(self, whose: str, run: Callable[[int], Any], count: int) -> Sample:
        began = time.perf_counter()
        for number in range(count):
            run(number)
        passed = max(time.perf_counter() - began, 1e-9) / count
        return passed, passed

    @contextmanager
    def poisoned(self) -> Iterator[None]:
        yield

    def peak(self, whose: str, build: Callable[[], Side]) -> dict[str, int]:
        raise NotImplementedError("memory is not measured in a rehearsal")

    def release(self) -> None:
        pass

    def machine(self) -> dict[str, Any]:
        versions = {"torch": self.torch.__version__} if self.torch is not None else {}
        return {**machine(cores()), "gpu": "none: a rehearsal on the CPU", **versions}
