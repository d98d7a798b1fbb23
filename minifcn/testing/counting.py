"""How much a call does, counted and not timed: lines of one file that run, and the most bytes that are held at once."""

from __future__ import annotations

import os
import sys
import tracemalloc
from types import FrameType
from typing import Any


class Counting:
    """`with Counting(path) as count:` then `count.lines` and `count.bytes`, if `count.whole`: it counted to the end.

    A line counts each time that it begins to run, a line with a loop on it in every round, and so does each call of a
    function of the file. Bytes are those of Python and NumPy together, beyond what there was before.
    """

    def __init__(self, path: str) -> None:
        self.path = os.path.abspath(path)
        self.lines = self.bytes = 0
        self.whole = False

    def __enter__(self) -> Counting:
        tracemalloc.start()
        self._before = tracemalloc.get_traced_memory()[0]
        self._tracer = self._called
        sys.settrace(self._tracer)
        return self

    def __exit__(self, *error: object) -> None:
        self.whole = sys.gettrace() == self._tracer and tracemalloc.is_tracing()
        sys.settrace(None)
        self.bytes = max(0, tracemalloc.get_traced_memory()[1] - self._before)
        tracemalloc.stop()

    def _called(self, frame: FrameType, event: str, argument: Any) -> Any:
        """Asked once for each call, whether its lines count; the file is not looked at again for each of them."""
        if os.path.abspath(frame.f_code.co_filename) != self.path:
            return None
        self.lines += 1
        return self._ran

    def _ran(self, frame: FrameType, event: str, argument: Any) -> Any:
        self.lines += event == "line"
        return self._ran
