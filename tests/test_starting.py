"""Who is the command line, and whose signals are left alone."""

from __future__ import annotations

import signal

import pytest

from minifcn import starting


@pytest.mark.parametrize(
    ("argv", "given", "answer"),
    [
        (["-m", "train"], ["python", "-m", "minifcn", "train"], True),
        (["-m", "train"], ["python", "-W", "error", "-mminifcn", "train"], True),
        (["/usr/bin/minifcn", "train"], ["python", "/usr/bin/minifcn", "train"], True),
        (["C:/Scripts/minifcn.exe"], ["C:/Scripts/minifcn.exe"], True),
        (["-m"], ["python", "-m", "minifcn.testing"], False),
        (["-m"], ["python", "-m", "pytest", "minifcn"], False),
        (["-c"], ["python", "-c", "import minifcn"], False),
        (["train.py"], ["python", "train.py", "-m", "minifcn"], False),
        ([], [], False),
    ],
)
def test_who_is_the_command_line(argv: list[str], given: list[str], answer: bool) -> None:
    assert starting.is_the_command_line(argv, given) is answer


def test_only_pythons_own_handler_is_replaced_and_only_there(monkeypatch: pytest.MonkeyPatch) -> None:
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        starting.leave_quietly_on_interrupt()
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler, "this is no command line"
        monkeypatch.setattr(starting, "is_the_command_line", lambda *_: True)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        starting.leave_quietly_on_interrupt()
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
        signal.signal(signal.SIGINT, signal.default_int_handler)
        starting.leave_quietly_on_interrupt()
        assert signal.getsignal(signal.SIGINT) is starting.leave
    finally:
        signal.signal(signal.SIGINT, before)


def test_leaving_says_so(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    left: list[int] = []
    monkeypatch.setattr(starting.os, "_exit", left.append)
    starting.leave(2, None)
    assert left == [130] and capfd.readouterr().err == "minifcn: interrupted.\n"
