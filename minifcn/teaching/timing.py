"""How long a call takes: the shortest of a few, as everything else that the machine does only adds to it."""

from __future__ import annotations

import time
from collections.abc import Callable

from minifcn.errors import ArgumentError


def seconds(function: Callable[[], object], repeats: int = 5) -> float:
    """The seconds that `function()` takes: the shortest of `repeats` calls, after one that warms up.

    Compare two by their ratio, measured one after the other: seconds themselves say more about the machine.

    >>> seconds(lambda: sum(range(100_000))) > seconds(lambda: sum(range(10)))
    True
    """
    if repeats < 1:
        raise ArgumentError(f"seconds: repeats is {repeats}; at least 1 call must be timed.")
    function()
    times = []
    for _ in range(repeats):
        begin = time.perf_counter()
        function()
        times.append(time.perf_counter() - begin)
    return min(times)
