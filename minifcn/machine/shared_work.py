"""One work that several threads do together: its pieces, who has begun, and what went wrong."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence
from itertools import count
from queue import SimpleQueue
from typing import Any


class Here(threading.local):
    """What a thread knows of itself: which it is, 0 if it is none of ours, and whether it is doing a piece."""

    number, working = 0, False


class SharedWork:
    """work(piece) for every piece of all shares, one share for each thread.

    Whoever asks for it calls `do`, and then `wait`; the others call `help`, whenever they come to it. One that comes
    too late, as it was busy with another work, finds nothing left, and nobody has waited for it.
    """

    def __init__(self, here: Here, work: Callable[[Any], object], shares: Sequence[Sequence[Any]]) -> None:
        self._here = here
        numbers = count()
        # The work stands beside each piece and nowhere else: a thread forgets a work only with the next one, and what
        # it still holds must not keep the arrays that the pieces are about.
        self._shares = [deque((next(numbers), work, piece) for piece in share) for share in shares]
        self._failed: list[tuple[bool, int, BaseException]] = []
        self._begun: list[None] = []  # one for each, as appending needs no lock, and counting would
        self._ended: list[None] = []
        self._told: SimpleQueue[None] = SimpleQueue()

    def do(self) -> None:
        """A thread does its own share, and then what others have left of theirs."""
        self._here.working = True
        try:
            while not self._drained():
                pass
        finally:
            self._here.working = False

    def help(self) -> None:
        """`do`, by a thread that is waited for."""
        self._begun.append(None)
        self.do()
        self._ended.append(None)
        self._told.put(None)

    def wait(self) -> None:
        """Until nobody is doing a piece any more, and none will. May be interrupted, and called again."""
        for share in self._shares:
            share.clear()
        while len(self._ended) < len(self._begun):
            self._told.get()

    def raise_what_failed(self) -> None:
        """The error of the first piece that failed; but an interruption goes before an error."""
        if self._failed:
            try:
                raise min(self._failed, key=lambda failure: failure[:2])[2]
            finally:
                # Or the error and its traceback would keep one another alive, and all arrays with them.
                self._failed.clear()

    def _drained(self) -> bool:
        """Whether no piece is left; not so if one has failed."""
        number = -1
        try:
            while (job := self._next()) is not None:
                number, work, piece = job
                # Pieces before one that failed are still done, so that the first to fail is always found.
                if all(error and number < other for error, other, _ in self._failed):
                    work(piece)
                del job, work, piece
        except BaseException as error:
            self._failed.append((isinstance(error, Exception), number, error))
            return False
        return True

    def _next(self) -> Any:
        """The next of this thread's own pieces, or the last of another's; None if there are none left."""
        for place in range(len(self._shares)):
            share = self._shares[(self._here.number + place) % len(self._shares)]
            try:
                return share.pop() if place else share.popleft()  # a deque needs no lock
            except IndexError:
                pass
        return None
