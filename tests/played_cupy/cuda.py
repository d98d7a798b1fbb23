"""`cupy.cuda`, played: two cards of 1 GiB each, streams that are as late as they may be, pinned memory.

A copy on a stream other than the default one happens only when somebody waits for it: who forgets to wait finds NaN.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from functools import partial
from types import ModuleType, SimpleNamespace
from typing import Any, Self

import numpy as np

from tests.played_cupy import cublas
from tests.played_cupy.arrays import current, devices, synchronisations

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
    """What is asked of the default stream (null) happens at once; of any other, when somebody waits for it."""

    def __init__(self, null: bool = False, non_blocking: bool = False) -> None:
        self.null, self.on = null, current.device
        self.waiting: deque[Callable[[], None]] = deque()
        self.asked = 0  # actions, of which those at the end are waiting

    def later(self, action: Callable[[], None]) -> None:
        """Also for tests: a kernel that runs as late as it may."""
        if self.null:
            action()
        else:
            self.waiting.append(action)
            self.asked += 1

    def happen(self, until: int) -> None:
        """The first `until` actions, in their order, but for those that have happened."""
        while self.waiting and self.asked - len(self.waiting) < until:
            self.waiting.popleft()()

    def wait_event(self, event: Event) -> None:
        self.later(event.recorded)  # as it was recorded by now: it may be recorded again

    def record(self, event: Event | None = None) -> Event:
        event = event or Event()
        event.record(self)
        return event

    def synchronize(self) -> None:
        synchronisations.append("stream")
        self.happen(self.asked)

    def __enter__(self) -> Self:
        streams[current.device].append(self)
        return self

    def __exit__(self, *error: object) -> None:
        streams[current.device].pop()


class Event:
    """It has happened when all has that its stream had been asked for; before it is recorded, too."""

    def __init__(self, block: bool = False, disable_timing: bool = False) -> None:
        self.on = current.device
        self.stream, self.until = Stream(null=True), 0

    @property
    def recorded(self) -> Callable[[], None]:
        return partial(self.stream.happen, self.until)

    @property
    def done(self) -> bool:
        return self.stream.asked - len(self.stream.waiting) >= self.until

    def record(self, stream: Stream | None = None) -> None:
        stream = streams[current.device][-1] if stream is None else stream
        if self.on != (current.device if stream.null else stream.on):
            raise CUDARuntimeError("cudaErrorInvalidResourceHandle: invalid resource handle")
        self.stream, self.until = stream, stream.asked

    def synchronize(self) -> None:
        synchronisations.append("event")
        self.stream.happen(self.until)


devices.update({index: Device(index) for index in range(DEVICES)})
streams = {index: [Stream(null=True)] for index in range(DEVICES)}  # of each device, the last one is current
POOL = SimpleNamespace(used_bytes=lambda: 0, total_bytes=lambda: 0, free_bytes=lambda: 0, free_all_blocks=lambda: None)

cuda = ModuleType("cupy.cuda")
members: dict[str, Any] = {
    "Device": Device,
    "Stream": Stream,
    "Event": Event,
    "cublas": cublas,
    "device": SimpleNamespace(get_cublas_handle=lambda: 1),
    "get_current_stream": lambda: streams[current.device][-1],
    "memory": SimpleNamespace(OutOfMemoryError=OutOfMemoryError),
    "runtime": SimpleNamespace(
        CUDARuntimeError=CUDARuntimeError,
        CUDA_R_32F=0,
        CUDA_R_64F=1,
        getDeviceCount=lambda: DEVICES,
        getDeviceProperties=lambda index: {"name": f"played card {index}".encode()},
        runtimeGetVersion=lambda: 13020,
    ),
    "alloc_pinned_memory": lambda size: np.full(size, 255, np.uint8).data,
}
for _name, _member in members.items():
    setattr(cuda, _name, _member)
