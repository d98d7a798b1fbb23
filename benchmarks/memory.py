"""The peak of the memory that a work takes, weights included, in a process of its own.

What is there after the imports does not count: it is the size of a library, not of a network. Nor does what was needed
only to draw the first weights, where the system can start its high-water mark again (Linux).
"""

from __future__ import annotations

import gc
import resource
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.contender import Contender

STATUS, RESET = Path("/proc/self/status"), Path("/proc/self/clear_refs")
STEPS = 2  # an optimiser makes its buffers in the first step; the second one finds them there


def measured(build: Callable[[], Contender]) -> dict[str, Any]:
    """{"bytes", "method"} of building a contender and running it; what it imports must be imported already."""
    gc.collect()
    baseline = now()
    contender = build()
    gc.collect()
    reset = restart()
    contender.use(contender.counts[-1])
    for _ in range(STEPS):
        for step in contender.steps:
            step.run(step.before())
    method = "peak of the steps" if reset else "peak of building and of the steps"
    return {"bytes": peak() - baseline, "method": f"{method}, less what was there after the imports"}


def now() -> int:
    """The resident memory of this process in bytes; its peak where the system tells nothing else."""
    return field("VmRSS") or peak()


def peak() -> int:
    """Not ru_maxrss where there is better: Linux lets a new program inherit that of the one that started it."""
    unit = 1 if sys.platform == "darwin" else 1024
    return field("VmHWM") or resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def field(name: str) -> int:
    """A line of /proc/self/status in bytes, or 0."""
    try:
        lines = STATUS.read_text(encoding="ascii").splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith(f"{name}:")), 0)


def restart() -> bool:
    """Let the high-water mark begin again from what is used now; False where that cannot be done."""
    if not field("VmHWM"):
        return False
    try:
        RESET.write_text("5", encoding="ascii")
    except OSError:
        return False
    return True
