"""Ctrl-C during a training: first a question, which the loop answers between two steps; then it is meant.

The same for the signals by which a machine says that it ends (SIGTERM) or that the terminal is gone (SIGHUP).
"""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType

TOGETHER = 0.3  # seconds; signals so close are one wish: an impatient hand, or a wrapper that passes it on once more
SIGNALS = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))
NOTICE = "finishing this step, then saving; once more to stop now"


class Stop:
    """`stop()`: has somebody asked to stop?

    A second signal, later than `TOGETHER` after the first, is `meant`: it raises KeyboardInterrupt. Within `held()` it
    waits for the end of the block, because what is being saved then is what the first one asked for.

    silent: nothing is said of it, as another process says it.
    """

    def __init__(
        self, meant: Callable[[int, FrameType | None], object] = signal.default_int_handler, silent: bool = False
    ) -> None:
        self.meant, self.silent = meant, silent
        self.last: float | None = None
        self.holding = self.waiting = False

    def __call__(self) -> bool:
        return self.last is not None

    def signalled(self, number: int, frame: FrameType | None) -> None:
        now = time.monotonic()
        if self.last is None:
            self.last = now
            self.say(f"{'Ctrl-C' if number == signal.SIGINT else signal.Signals(number).name}: {NOTICE}")
        elif now - self.last >= TOGETHER:
            self.last = now
            if self.holding and not self.waiting:
                self.waiting = True
                self.say("saving; it stops right after")
            else:
                self.meant(number, frame)

    def say(self, text: str) -> None:
        if not self.silent:
            say(text)

    @contextmanager
    def held(self) -> Iterator[None]:
        """What is done inside is done to its end; only a third signal breaks it."""
        self.holding = True
        try:
            yield
        finally:
            self.holding = False
        if self.waiting:
            self.waiting = False
            raise KeyboardInterrupt


@contextmanager
def stop_on_interrupt(silent: bool = False) -> Iterator[Stop]:
    """Turns the first Ctrl-C into a question, so that a step is never cut in two; a second one is meant.

    Signals belong to the main thread; in another one nothing is changed and the answer is always no. A signal that is
    ignored on purpose, as `nohup` does, stays ignored.
    """
    if threading.current_thread() is not threading.main_thread():
        yield Stop()
        return
    found = {number: signal.getsignal(number) for number in SIGNALS}
    before = {number: handler for number, handler in found.items() if handler not in (signal.SIG_IGN, None)}
    meant = before.get(signal.SIGINT)
    stop = Stop(meant, silent) if callable(meant) else Stop(silent=silent)
    for number in before:
        signal.signal(number, stop.signalled)
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def say(text: str) -> None:
    """A line on stderr, straight to the file: the signal may have come amid a print, which cannot be begun again."""
    with suppress(OSError):
        os.write(2, f"\n{text}\n".encode())
