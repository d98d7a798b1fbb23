"""Where the time goes: seconds, operations and bytes of every operation, forward and backward apart.

    with minifcn.profile() as record:
        F.cross_entropy(model(images), labels).backward()
    print(record)

What is being done is a stack of frames: an operation, the `backward` of one, the walk of the engine, a part of a
program that was given a name. The seconds of a frame are its own: those of the frames inside are taken off, so nothing
is counted twice and the sum over all is the time that passed. The recorder is a context variable, so a thread records
what it does itself and nothing of the others.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar, Token
from dataclasses import dataclass
from functools import singledispatch
from math import prod
from typing import Any, TypeVar

from minifcn.machine.backend import Array, is_array, is_cupy
from minifcn.machine.timetable import BACKWARD, FORWARD, OTHER, Entry, table

Item = TypeVar("Item")

NOTHING: AbstractContextManager[None] = nullcontext()


@dataclass(slots=True)
class Frame:
    phase: str
    began: float = 0.0
    inner: float = 0.0  # seconds of what is inside, and of writing it down


class Profile:
    """What was recorded. `entries` holds one line per kind of operation; `print` shows them as a table.

    clock: seconds, growing; another one is for tests.
    """

    def __init__(self, clock: Callable[[], float] = time.perf_counter) -> None:
        self.entries: dict[tuple[str, str, str], Entry] = {}
        self._clock = clock
        self._frames: list[Frame] = []
        self._own = 0.0  # seconds spent on writing down
        self._began: float | None = None
        self._ended: float | None = None
        self._token: Token[Profile | None] | None = None
        self._thread = 0

    def start(self) -> None:
        self._thread, self._token = threading.get_ident(), _running.set(self)
        self._began = self._clock()

    def stop(self) -> None:
        """The end of the record; called once, in the thread that started it."""
        if self._token is not None:
            self._ended = self._clock()
            _running.reset(self._token)
            self._token = None

    def here(self) -> bool:
        """Whether the calling thread is the one that is recorded; a copied context may bring the recorder elsewhere."""
        return threading.get_ident() == self._thread

    @property
    def seconds(self) -> float:
        """From start to stop, or to now."""
        if self._began is None:
            return 0.0
        return (self._clock() if self._ended is None else self._ended) - self._began

    def rows(self) -> list[Entry]:
        """All entries, the slowest first, and two for the time that is in none of them: their sum is `seconds`."""
        rest = self.seconds - self._own - sum(entry.seconds for entry in self.entries.values())
        more = [
            Entry(OTHER, "Python between the operations", seconds=max(0.0, rest)),
            Entry(OTHER, "the profile itself", seconds=self._own),
        ]
        return sorted([*self.entries.values(), *more], key=lambda entry: -entry.seconds)

    def __str__(self) -> str:
        return table(self.rows())

    # --- recording ------------------------------------------------------------------------------------------------

    def forward(self, operation: Any, arrays: tuple[Array, ...]) -> Array:
        """operation.forward(*arrays), written down."""
        frame = self._open()
        try:
            result = operation.forward(*arrays)
            if is_cupy(result):  # a GPU has only been told what to do
                result.device.synchronize()
        except BaseException:
            self._frames.pop()
            raise
        ended = self._clock()
        operations = moved = 0
        if operation.in_place or not _is_a_view(result, arrays):
            operations = cost(operation, arrays, result)
            held = (array for array in vars(operation).values() if is_array(array))  # a mask, winners, labels, ...
            moved = sum(map(_bytes, (*arrays, *held, result)))
        self._close(frame, ended, operation.name, details(operation, arrays, result), operations, moved)
        return result

    @contextmanager
    def section(self, name: str, phase: str = OTHER, whole: bool = False) -> Iterator[None]:
        """Time inside the block that is in no other entry is in the entry `name`; with `whole`, all of it."""
        frame = self._open(phase)
        token = _running.set(None) if whole else None
        try:
            yield
        finally:
            if token is not None:
                _running.reset(token)
            self._close(frame, self._clock(), name)

    def _open(self, phase: str = FORWARD) -> Frame:
        """What is done inside a backward is part of it."""
        inside = bool(self._frames) and self._frames[-1].phase == BACKWARD
        frame = Frame(BACKWARD if inside else phase)
        self._frames.append(frame)
        frame.began = self._clock()
        return frame

    def _close(
        self, frame: Frame, ended: float, name: str, detail: str = "", operations: int = 0, moved: int = 0
    ) -> None:
        self._frames.pop()
        if self._token is None:  # stopped meanwhile
            return
        key = (frame.phase, name, detail)
        entry = self.entries.setdefault(key, Entry(*key))
        entry.calls += 1
        entry.seconds += ended - frame.began - frame.inner
        entry.operations += operations
        entry.bytes += moved
        now = self._clock()
        self._own += now - ended
        if self._frames:
            self._frames[-1].inner += now - frame.began


_running: ContextVar[Profile | None] = ContextVar("minifcn_profile", default=None)


def running() -> Profile | None:
    """The recorder of this thread, or None: then there is nothing to do."""
    record = _running.get()
    return record if record is None or record.here() else None


@contextmanager
def profile() -> Iterator[Profile]:
    """Inside `with minifcn.profile() as record:` the time of every operation is recorded; `print(record)` shows it.

    Only of this thread. A profile inside another one takes over, and all of its time is in one line of the outer.

    >>> import minifcn
    >>> x = minifcn.Tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True)
    >>> with minifcn.profile() as record:
    ...     (x @ x).backward(x.detach())
    >>> [(entry.calls, entry.operations, entry.bytes) for entry in record.entries.values() if entry.name == "MatMul"]
    [(1, 16, 48), (2, 32, 96)]
    """
    record = Profile()
    with section("another profile", whole=True):
        record.start()
        try:
            yield record
        finally:
            record.stop()


def section(name: str, *, whole: bool = False) -> AbstractContextManager[None]:
    """A part of a program that gets a line of its own for what no operation in it accounts for, or for the whole."""
    record = running()
    return NOTHING if record is None else record.section(name, OTHER, whole)


def in_backward(operation: Any = None) -> AbstractContextManager[None]:
    """The engine asking one operation for gradients, or walking through the graph from one to the next."""
    record = running()
    if record is None:
        return NOTHING
    return record.section("the walk of the graph" if operation is None else f"{operation.name}.backward", BACKWARD)


def waiting(name: str, items: Iterable[Item]) -> Iterator[Item]:
    """The items; the time until each is there is a section."""
    iterator = iter(items)
    while True:
        with section(name):
            try:
                item = next(iterator)
            except StopIteration:
                return
        yield item


@singledispatch
def cost(operation: Any, operands: tuple[Array, ...], result: Array) -> int:
    """How many additions, multiplications, comparisons, ... `forward` made; each counts as one.

    As many as `operation.per_number` says for each number of the result, or of the first operand if that has more. For
    an operation of which that is not true, functional/profiled.py registers what is.
    """
    return int(operation.per_number) * max(int(operands[0].size), int(result.size))


@singledispatch
def details(operation: Any, operands: tuple[Array, ...], result: Array) -> str:
    """What tells this operation from others of its name, such as sizes."""
    return ""


def _is_a_view(result: Array, arrays: tuple[Array, ...]) -> bool:
    """Whether the result shows the memory of an operand: nothing was computed or moved."""
    base = getattr(result, "base", None)
    return any(result is x or (base is not None and (base is x or base is x.base)) for x in arrays)


def _bytes(array: Array) -> int:
    """Of the memory that the array shows; what it repeats (stride 0) counts once."""
    return array.itemsize * prod(n for n, step in zip(array.shape, array.strides, strict=True) if step or not n)
