"""Ctrl-C in a training: asked once, meant the second time, and never in the middle of saving."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator

import pytest

from minifcn.training import Stop, interrupts, stop_on_interrupt


@pytest.fixture(autouse=True)
def python_own_handler() -> Iterator[None]:
    """Whoever started the tests may have the signal ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    lines: list[str] = []
    monkeypatch.setattr(interrupts, "say", lines.append)
    return lines


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """[now]; it stands still until a test moves it."""
    now = [0.0]
    monkeypatch.setattr(interrupts.time, "monotonic", lambda: now[0])
    return now


def test_the_first_signal_asks_and_the_second_is_meant(said: list[str], clock: list[float]) -> None:
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt), stop_on_interrupt() as should_stop:
        assert not should_stop()
        signal.raise_signal(signal.SIGINT)
        assert should_stop() and said == ["Ctrl-C: finishing this step, then saving; once more to stop now"]
        clock[0] += 2 * interrupts.TOGETHER
        signal.raise_signal(signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is before


def test_signals_in_a_row_are_one_wish(said: list[str], clock: list[float]) -> None:
    with stop_on_interrupt() as should_stop:
        for _ in range(5):
            signal.raise_signal(signal.SIGINT)
            clock[0] += 0.05
        assert should_stop() and len(said) == 1


@pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="a terminal that is closed sends no signal here")
@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP"])
def test_a_machine_that_ends_and_a_terminal_that_closes_ask_too(said: list[str], name: str) -> None:
    number = getattr(signal, name)
    before = signal.signal(number, signal.SIG_DFL)  # whoever runs the tests with nohup ignores one of them
    try:
        with stop_on_interrupt() as should_stop:
            os.kill(os.getpid(), number)
            assert should_stop() and said[0].startswith(f"{name}: finishing this step")
        assert signal.getsignal(number) == signal.SIG_DFL
    finally:
        signal.signal(number, before)


def test_what_is_ignored_on_purpose_stays_ignored() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with stop_on_interrupt() as should_stop:
        signal.raise_signal(signal.SIGINT)
        assert not should_stop()


def test_saving_is_done_to_its_end_unless_a_third_signal_breaks_it(said: list[str], clock: list[float]) -> None:
    saved = []
    with pytest.raises(KeyboardInterrupt), stop_on_interrupt() as stop:
        signal.raise_signal(signal.SIGINT)
        with stop.held():
            clock[0] += 1.0
            signal.raise_signal(signal.SIGINT)
            saved.append("whole")
        pytest.fail("it goes on after saving")
    assert saved == ["whole"] and said[1] == "saving; it stops right after"
    with pytest.raises(KeyboardInterrupt), stop_on_interrupt() as stop:
        signal.raise_signal(signal.SIGINT)
        with stop.held():
            for _ in range(2):
                clock[0] += 1.0
                signal.raise_signal(signal.SIGINT)
            saved.append("in spite of all")
    assert saved == ["whole"]


def test_without_a_second_signal_nothing_breaks() -> None:
    stop = Stop()
    with stop.held():
        pass
    assert not stop()


def test_other_threads_leave_signals_alone() -> None:
    before, answers = signal.getsignal(signal.SIGINT), []

    def work() -> None:
        with stop_on_interrupt() as should_stop:
            answers.append((should_stop(), signal.getsignal(signal.SIGINT) is before))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert answers == [(False, True)]


def test_what_is_said_needs_no_stream_of_pythons(capfd: pytest.CaptureFixture[str]) -> None:
    interrupts.say("a word")
    assert capfd.readouterr().err == "\na word\n"
