"""What is around a command: streams that may not show a letter or may be closed, warnings, and Ctrl-C.

No work is lost because nobody listens: where the output cannot be written the command goes on, and its exit status says
so at the end.
"""

from __future__ import annotations

import _thread
import errno
import io
import os
import signal
import sys
import threading
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout, suppress
from typing import TextIO

from minifcn import starting
from minifcn.errors import MinifcnError

CLOSED_PIPE = 141  # the status of a process that a closed pipe ended: 128 and the number of SIGPIPE
GONE = {errno.EPIPE, errno.EINVAL, errno.EIO, errno.ECONNRESET}  # of a pipe (EINVAL: of Windows) and of a terminal
TOGETHER = 0.3  # seconds; Ctrl-C again within them is the same wish: an impatient hand, or a wrapper that passes it on


class Lasting(io.TextIOBase):
    """A stream that outlives its reader: what cannot be encoded is escaped, and what cannot be written is dropped.

    Each line is passed on at once, so that a log tells how far a run is. `failure` is the first error of writing.
    """

    def __init__(self, stream: TextIO | None) -> None:
        self.stream = stream
        self.failure: OSError | None = None

    def write(self, text: str, /) -> int:
        if self.stream is not None and self.failure is None:
            try:
                self._pass_on(self.stream, text)
            except OSError as error:
                self._give_up(error)
        return len(text)

    def flush(self) -> None:
        if self.stream is not None and self.failure is None:
            try:
                self.stream.flush()
            except OSError as error:
                self._give_up(error)

    def isatty(self) -> bool:
        return self.stream is not None and self.stream.isatty()

    def fileno(self) -> int:
        if self.stream is None:
            raise io.UnsupportedOperation("fileno")
        return self.stream.fileno()

    def writable(self) -> bool:
        return True

    @property
    def encoding(self) -> str:  # type: ignore[override]
        return getattr(self.stream, "encoding", None) or "utf-8"

    def _pass_on(self, stream: TextIO, text: str) -> None:
        try:
            stream.write(text)
        except UnicodeEncodeError:
            stream.write(text.encode(self.encoding, "backslashreplace").decode(self.encoding))
        if "\n" in text:
            stream.flush()

    def _give_up(self, error: OSError) -> None:
        """What is still in the buffers goes nowhere; or Python would try again when it ends, and complain."""
        self.failure = error
        with suppress(OSError, ValueError):  # of a stream that is no file
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self.fileno())
            os.close(nowhere)


@contextmanager
def lasting_streams() -> Iterator[tuple[Lasting, Lasting]]:
    """stdout and stderr as streams that last, for what is printed inside."""
    out, err = Lasting(sys.stdout), Lasting(sys.stderr)
    with redirect_stdout(out), redirect_stderr(err):
        try:
            yield out, err
        finally:
            out.flush()
            err.flush()


def status_after(out: Lasting, err: Lasting, status: int, who: str) -> int:
    """The exit status of a command that would end with `status`, if part of its output was lost."""
    if out.failure is None or status:
        return status
    if out.failure.errno in GONE:
        return CLOSED_PIPE
    err.write(f"{who}: the output could not be written ({out.failure.strerror}); the work itself is done.\n")
    return 1


def sentence_of(error: BaseException, command: str) -> str | None:
    """What a user is told of an error, without a traceback; None for one that is no user's matter."""
    if isinstance(error, MinifcnError):
        return str(error)
    if isinstance(error, MemoryError):
        smaller = "--batch-size or --size" if command == "train" else "--size"
        return f"out of memory ({error}); choose a smaller {smaller}."
    if isinstance(error, OSError):
        place = f"{error.filename}: " if error.filename else ""
        return f"{place}{error.strerror or error}; check the path and its permissions."
    return None


@contextmanager
def plain_warnings(who: str) -> Iterator[None]:
    """A warning is a sentence for the user, said once, without the line of our code that gave it."""
    said: set[str] = set()

    def show(message: Warning | str, *_: object, **__: object) -> None:
        text = str(message)
        if text not in said:
            said.add(text)
            print(f"{who}: {text}", file=sys.stderr)

    before = warnings.showwarning
    warnings.showwarning = show
    try:
        yield
    finally:
        warnings.showwarning = before


class OneInterrupt:
    """Ctrl-C raises KeyboardInterrupt once; while that is on its way, more of them do no harm, and a late one ends."""

    def __init__(self) -> None:
        self.since: float | None = None

    def __call__(self, number: int, frame: object) -> None:
        now = time.monotonic()
        if self.since is None:
            self.since = now
            raise KeyboardInterrupt
        if now - self.since >= TOGETHER:
            os._exit(starting.STATUS)

    def again(self) -> None:
        """Python has dropped a KeyboardInterrupt, as it must in a finalizer: it is raised anew, a moment later."""
        self.since = None
        threading.Timer(0.05, _thread.interrupt_main).start()


@contextmanager
def one_interrupt() -> Iterator[None]:
    """Inside, Ctrl-C is one KeyboardInterrupt, and never a traceback that is "ignored".

    Where it is ignored on purpose (`nohup`, a job in the background), or somebody else handles it, that is left so.
    """
    before = signal.getsignal(signal.SIGINT)
    main = threading.current_thread() is threading.main_thread()
    if not main or before not in (signal.default_int_handler, starting.leave):
        yield
        return
    handler, hook = OneInterrupt(), sys.unraisablehook

    def unraisable(lost: sys.UnraisableHookArgs) -> None:
        if issubclass(lost.exc_type, KeyboardInterrupt):
            handler.again()
        else:
            hook(lost)

    signal.signal(signal.SIGINT, handler)
    sys.unraisablehook = unraisable
    try:
        yield
    finally:
        sys.unraisablehook = hook
        signal.signal(signal.SIGINT, before)
