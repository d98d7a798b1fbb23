"""Processes for a submission that begin with NumPy already imported: copies of one that has run nothing of it.

To import NumPy takes a process longer than most of what a submission does. So one process does that, and the walls
that last, and waits; for each start it forks. What a submission does in one copy, no other copy knows of.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
from contextlib import suppress

PATIENCE = 60.0  # seconds for NumPy's import on a machine that is busy


class Forked:
    """A copy, with what `subprocess.Popen` offers of a process: pid, pipes, returncode, wait and kill."""

    def __init__(self, line: socket.socket) -> None:
        """line: to the process that is copied, which tells the copy's pid, and later how it ended."""
        self._line = line
        (asked, to), (answers, answered), (printed, prints) = (os.pipe() for _ in range(3))
        pipes = os.fdopen(to, "wb"), os.fdopen(answers, "rb"), os.fdopen(printed, "rb")
        self.stdin, self.stdout, self.stderr = pipes
        self.returncode: int | None = None
        try:
            socket.send_fds(line, [b"start"], [asked, answered, prints])
            self.pid = int(self._told(PATIENCE))
        except BaseException:
            for pipe in pipes:
                pipe.close()
            raise
        finally:
            for end in (asked, answered, prints):
                os.close(end)

    def wait(self, timeout: float | None = None) -> int:
        if self.returncode is None:
            try:
                self.returncode = int(self._told(timeout))
            except TimeoutError:
                raise subprocess.TimeoutExpired("a submission", timeout or 0) from None
            except OSError:  # the process that is copied is gone, and with it the knowledge
                self.returncode = -signal.SIGKILL
        return self.returncode

    def kill(self) -> None:
        with suppress(ProcessLookupError, PermissionError):
            os.kill(self.pid, signal.SIGKILL)

    def _told(self, timeout: float | None) -> bytes:
        self._line.settimeout(timeout)
        told = self._line.recv(64)
        if not told:
            raise ConnectionError("the process that is copied has ended")
        return told


class Original:
    """The process that is copied; it reads nothing of a submission, and ends with `end`."""

    def __init__(self, command: list[str], environment: dict[str, str]) -> None:
        """command: takes as one more argument the number of the socket on which it waits (`walled.py`)."""
        self._line, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            self._process = subprocess.Popen(
                [*command, str(theirs.fileno())], env=environment, pass_fds=(theirs.fileno(),), start_new_session=True,
                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            )  # fmt: skip

    def copy(self) -> Forked:
        """One more copy, when the one before has ended. OSError if there is none."""
        return Forked(self._line)

    def end(self) -> None:
        self._line.close()
        self._process.kill()
        self._process.wait()
