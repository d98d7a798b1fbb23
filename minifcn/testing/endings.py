"""What is known of a process that ended: what it printed, which line was the last, and how it went."""

from __future__ import annotations

import re
import signal
from pathlib import Path

from minifcn.testing.worker import in_words, same_file, shortened

KEPT = 2000  # bytes of what is printed


class Printed:
    """What was printed: how much, and how it began."""

    def __init__(self) -> None:
        self.size, self.head = 0, b""

    def add(self, data: bytes) -> None:
        self.size += len(data)
        self.head += data[: max(0, KEPT - len(self.head))]

    def __str__(self) -> str:
        return shortened(" ".join(self.head.decode(errors="replace").split()), 200)


def last_line(trace: Path, file: Path) -> str | None:
    """The innermost line of a file in what `faulthandler` noted last."""
    try:
        noted = trace.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    for name, line, function in re.findall(r'File "(.+?)", line (\d+) in (\S+)', noted):
        if same_file(name, str(file)):
            return in_words(str(file), int(line), function)
    return None


def at_place(told: str, place: str | None) -> str:
    return f"{told} ({place})" if place else told


def how_it_ended(status: int) -> str:
    if status >= 0:
        return f"ended the process with status {status}, as os._exit does"
    try:
        name = signal.Signals(-status).name
    except ValueError:
        name = f"signal {-status}"
    reasons = {"SIGKILL": ", as a system does whose memory is used up", "SIGSEGV": ", as an endless recursion does"}
    return f"killed its process with {name}{reasons.get(name, '')}"
