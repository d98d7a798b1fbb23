"""`cupy.cuda`, played: two cards of 1 GiB each, streams that are as late as they may be, pinned memory.

A copy on a stream other than the default one happens only when somebody waits for it: who forgets to wait finds NaN.
"""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType, SimpleNamespace
from typing import Any, Self

import numpy as np

from tests.played_cupy import cublas
from tests.played_cupy.arrays import current, synchronisations

DEVICES = 2


class CUDARuntimeError(RuntimeError):
    pass


class OutOfMemoryError(MemoryError):
    pass


class Device:
    mem_info = (1 << 29, 1 << 30)
    compute_capability = "90"

    def __init__(self, index: int | None = None) -> None:
        self.id = current.device if index is None else index
        if not 0 <= self.id < DEVICES:
            raise CUDARuntimeError("cudaErrorInvalidDevice: invalid device ordinal")

    def __enter__(self) -> Self:
        self.before, current.device = current.device, self.id
        return self

    def __exit__(self, *error: object) -> None:
        current.device = self.before

    def synchronize(self) -> None:
        synchronisations.append("device")


class Stream:
    """null: what is asked of it happens at once; any other waits until it is waited for."""

    def __init__(self, null: bool = False, non_blocking: bool = False) -> None:
        self.null = null
        self.waiting: list[Callable[[], None]] = []

    def later(self, action: Callable[[], None]) -> None:
        action() if self.null else self.waiting.append(action)

    def happen(self) -> None:
        waiting, self.waiting = self.waiting, []
        for action in waiting:
            action()

    def wait_event(self, event: Event) -> None:
        if self.null:
            event.happen()
        else:
            self.later(event.happen)

    def record(self, event: Event | None = None) -> Event:
        event = event or Event()
        event.record(self)
        return event

    def synchronize(self) -> None:
        synchronisations.append("stream")
        self.happen()

    def __enter__(self) -> Self:
        streams.append(self)
        return self

    def __exit__(self, *error: object) -> None:
        streams.pop()


class Event:
    """It has happened when all has that its stream was asked for before."""

    def __init__(self, block: bool = False, disable_timing: bool = False) -> None:
        self.before: list[Callable[[], None]] = []

    def record(self, stream: Stream | None = None) -> None:
        stream = stream or streams[-1]
        waiting, done = list(stream.waiting), []

        def happen() -> None:
            for action in waiting:
                if action in stream.waiting:
                    stream.waiting.remove(action)
                    action()
            done.append(True)

        self.before = [happen]

    def happen(self) -> None:
        before, self.before = self.before, []
        for action in before:
            action()

    def synchronize(self) -> None:
        synchronisations.append("event")
        self.happen()


streams = [Stream(null=True)]
POOL = SimpleNamespace(used_bytes=lambda: 0, total_bytes=lambda: 0, free_bytes=lambda: 0, free_all_blocks=lambda: None)

cuda = ModuleType("cupy.cuda")
members: dict[str, Any] = {
    "Device": Device,
    "Stream": Stream,
    "Event": Event,
    "cublas": cublas,
    "device": SimpleNamespace(get_cublas_handle=lambda: 1),
    "get_current_stream": lambda: streams[-1],
    "memory": SimpleNamespace(OutOfMemoryError=OutOfMemoryError),
    "runtime": SimpleNamespace(
        CUDARuntimeError=CUDARuntimeError, CUDA_R_32F=0, CUDA_R_64F=1, getDeviceCount=lambda: DEVICES
    ),
    "alloc_pinned_memory": lambda size: np.full(size, 255, np.uint8).data,
}
for _name, _member in members.items():
    setattr(cuda, _name, _member)
