"""What is around a command: streams without readers or letters, warnings as sentences, one KeyboardInterrupt."""

from __future__ import annotations

import errno
import io
import signal
import sys
import threading
import time
import warnings
from collections.abc import Iterator

import pytest

from minifcn.commands import terminal
from minifcn.commands.terminal import CLOSED_PIPE, Lasting, lasting_streams, one_interrupt, plain_warnings, status_after


class Failing(io.StringIO):
    """A stream that fails with error number `number`, from its second text on."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self.number, self.texts = number, 0

    def write(self, text: str, /) -> int:
        self.texts += 1
        if self.texts > 1:
            raise OSError(self.number, "said so")
        return super().write(text)


def test_letters_that_a_terminal_has_not_are_escaped() -> None:
    raw = io.BytesIO()
    stream = Lasting(io.TextIOWrapper(raw, encoding="cp1252"))
    print("Straße 木", file=stream)
    assert raw.getvalue() == "Straße \\u6728\n".encode("cp1252"), "and the line is there at once"
    assert (stream.encoding, stream.writable(), stream.isatty()) == ("cp1252", True, False)


@pytest.mark.parametrize(
    ("number", "status", "said"),
    [
        (errno.EPIPE, CLOSED_PIPE, ""),
        (errno.EIO, CLOSED_PIPE, ""),
        (errno.ENOSPC, 1, "minifcn x: the output could not be written (said so); the work itself is done.\n"),
    ],
)
def test_what_nobody_reads_is_dropped_and_told_by_the_status(number: int, status: int, said: str) -> None:
    out, err = Lasting(Failing(number)), Lasting(io.StringIO())
    for _ in range(3):
        out.write("words")
    out.flush()
    assert status_after(out, err, 0, "minifcn x") == status
    assert err.stream is not None and err.stream.getvalue() == said  # type: ignore[attr-defined]
    assert status_after(out, err, 2, "minifcn x") == 2, "what went wrong itself counts more"
    assert status_after(err, out, 0, "minifcn x") == 0


def test_streams_that_are_not_there() -> None:
    stream = Lasting(None)
    assert stream.write("abc") == 3 and not stream.isatty() and stream.failure is None
    stream.flush()
    with pytest.raises(io.UnsupportedOperation):
        stream.fileno()


def test_the_streams_are_put_back() -> None:
    before = sys.stdout, sys.stderr
    with pytest.raises(ZeroDivisionError), lasting_streams() as (out, err):
        assert (sys.stdout, sys.stderr) == (out, err)
        raise ZeroDivisionError
    assert (sys.stdout, sys.stderr) == before


def test_a_warning_is_a_sentence_said_once(capsys: pytest.CaptureFixture[str]) -> None:
    before = warnings.showwarning
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        with plain_warnings("minifcn x"):
            for text in ("a.", "a.", "b."):
                warnings.warn(text, RuntimeWarning, stacklevel=1)
    assert capsys.readouterr().err == "minifcn x: a.\nminifcn x: b.\n"
    assert warnings.showwarning is before


@pytest.fixture
def own_handler() -> Iterator[None]:
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("own_handler")
def test_many_interrupts_are_one_and_a_late_one_ends_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    ended, now = [], [5.0]
    monkeypatch.setattr(terminal.os, "_exit", ended.append)
    monkeypatch.setattr(terminal.time, "monotonic", lambda: now[0])
    with pytest.raises(KeyboardInterrupt), one_interrupt():
        try:
            signal.raise_signal(signal.SIGINT)
        finally:
            signal.raise_signal(signal.SIGINT)  # while the first is on its way
            assert ended == []
            now[0] += 1.0
            signal.raise_signal(signal.SIGINT)
            assert ended == [130]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


@pytest.mark.usefixtures("own_handler")
def test_an_interrupt_that_python_drops_is_raised_anew_and_not_printed(capsys: pytest.CaptureFixture[str]) -> None:
    class Interrupted:
        def __del__(self) -> None:
            signal.raise_signal(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt), one_interrupt():
        Interrupted()
        for _ in range(1000):
            time.sleep(0.01)
    assert capsys.readouterr().err == ""


def test_what_is_ignored_stays_ignored_and_other_threads_change_nothing() -> None:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with one_interrupt():
            signal.raise_signal(signal.SIGINT)
    finally:
        signal.signal(signal.SIGINT, before)

    def work() -> None:
        with one_interrupt():
            assert signal.getsignal(signal.SIGINT) is before

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
