"""Errors that a GPU finds, said when somebody next waits for it.

A GPU is told what to do and works on its own. To ask it at once whether the labels of a batch were in range would mean
to wait for it, in every step, while it has nothing to do. So what it found stays there, and is looked at when a number
comes back to the host anyway: then the error is raised, before that number is believed.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import numpy as np

MOST = 64  # checks that may wait; then they are made, so that who never asks for a number hears of errors, too


class _OfThisThread(threading.local):
    def __init__(self) -> None:
        self.waiting: list[tuple[Any, Callable[[np.ndarray], None]]] = []


_of_this_thread = _OfThisThread()


def check_later(found: Any, check: Callable[[np.ndarray], None]) -> None:
    """Call check(what is in the small array `found`, on the host) when this thread next reads from its GPU.

    check raises if something is wrong; what else was waiting then is forgotten, as it may follow from the same mistake.
    """
    _of_this_thread.waiting.append((found, check))
    if len(_of_this_thread.waiting) >= MOST:
        check_now()


def check_now() -> None:
    """Make all checks that wait, the oldest first."""
    waiting, _of_this_thread.waiting = _of_this_thread.waiting, []
    for found, check in waiting:
        check(found.get())
