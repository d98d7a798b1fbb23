"""Whether operations are recorded. A context variable: each thread has its own answer, and exceptions restore it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_recording: ContextVar[bool] = ContextVar("minifcn_recording", default=True)


def is_grad_enabled() -> bool:
    return _recording.get()


@contextmanager
def set_grad_enabled(enabled: bool) -> Iterator[None]:
    token = _recording.set(enabled)
    try:
        yield
    finally:
        _recording.reset(token)


@contextmanager
def no_grad() -> Iterator[None]:
    """Inside `with no_grad():`, or a function decorated with `@no_grad()`, results do not remember their operands."""
    with set_grad_enabled(False):
        yield


@contextmanager
def enable_grad() -> Iterator[None]:
    """The opposite of `no_grad`, for a piece of code inside one."""
    with set_grad_enabled(True):
        yield
