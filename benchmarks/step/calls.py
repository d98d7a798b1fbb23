"""A step call by call: `minifcn.profile()` adds up what is alike, here every call keeps its place in the step."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from minifcn.machine.backend import Array
from minifcn.machine.profiling import Frame, Profile
from minifcn.machine.timetable import OTHER


@dataclass(slots=True)
class Call:
    """One run of an operation, or what a section of the step took beside the operations in it.

    within      the innermost section that it was in: "BatchNorm.backward", or "" in forward
    section     whether it is one itself
    operations  additions, multiplications, ... that it makes
    bytes       of what it reads and writes
    """

    phase: str
    name: str
    detail: str
    within: str
    seconds: float
    operations: int
    bytes: int
    section: bool = True

    @property
    def kind(self) -> tuple[str, str, str, str]:
        return self.phase, self.name, self.detail, self.within


Look = Callable[[Call, Any, tuple[Array, ...], Array], object]


class Recorder(Profile):
    """look: is shown every operation with its operands and its result, and may write into its call.

    What it takes is counted as time of the step, so a step that is looked at is not one that is timed.
    """

    def __init__(self, look: Look | None = None) -> None:
        super().__init__()
        self.calls: list[Call] = []
        self._look = look
        self._sections = [""]

    def forward(self, operation: Any, arrays: tuple[Array, ...]) -> Array:
        result = super().forward(operation, arrays)
        call = self.calls[-1]
        call.section = False
        if self._look is not None:
            self._look(call, operation, arrays, result)
        return result

    @contextmanager
    def section(self, name: str, phase: str = OTHER, whole: bool = False) -> Iterator[None]:
        self._sections.append(name)
        try:
            with super().section(name, phase, whole):
                yield
        finally:
            self._sections.pop()

    @property
    def between(self) -> float:
        """Seconds that were in no operation and in no section."""
        return max(0.0, self.recorded - sum(call.seconds for call in self.calls))

    @property
    def recorded(self) -> float:
        """Seconds of the step, without those of writing them down."""
        return self.seconds - self._own

    def _close(
        self, frame: Frame, ended: float, name: str, detail: str = "", operations: int = 0, moved: int = 0
    ) -> None:
        own = ended - frame.began - frame.inner
        self.calls.append(Call(frame.phase, name, detail, self._sections[-1], own, operations, moved))
        super()._close(frame, ended, name, detail, operations, moved)


def recorded(step: Callable[[Any], Any], look: Look | None = None) -> Recorder:
    """One run of the step."""
    record = Recorder(look)
    record.start()
    try:
        step(None)
    finally:
        record.stop()
    return record
