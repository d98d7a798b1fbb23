"""Kills a process in the middle of saving: `python killed_writer.py FILE` prints what each death left of FILE.

One line per death: what was killed, the signal, and "old" or "new", whichever file a reader finds. Every death happens
in a process of its own, forked from one that has imported everything already.
"""

from __future__ import annotations

import os
import resource
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from minifcn.weights import load_arrays, save_arrays

STEPS = ("open", "close", "stat", "fsync", "chmod", "replace")
OLD, NEW = np.zeros(50), np.ones(70)
path = Path(sys.argv[1])


def die(*_: object) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def kill_at(step: str, after: bool) -> None:
    """SIGKILL just before, or just after, the first call of os.<step>."""
    original: Callable[..., Any] = getattr(os, step)
    setattr(os, step, lambda *given, **options: die(original(*given, **options)) if after else die())


def kill_at_byte(count: int) -> None:
    """A signal that ends the process as soon as it writes beyond `count` bytes."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (count, count))
    signal.signal(signal.SIGXFSZ, signal.SIG_DFL)


def report(name: str, prepare: Callable[[], None]) -> None:
    save_arrays(path, {"a": OLD})
    child = os.fork()
    if child == 0:
        prepare()
        save_arrays(path, {"a": NEW})
        os._exit(0)
    status = os.waitpid(child, 0)[1]
    cause = signal.Signals(os.WTERMSIG(status)).name if os.WIFSIGNALED(status) else "finished"
    found = load_arrays(path, require_format=True)[0]["a"]
    print(name, cause, "old" if np.array_equal(found, OLD) else "new" if np.array_equal(found, NEW) else "neither")


save_arrays(path, {"a": NEW})
size = path.stat().st_size
for step in STEPS:
    for when in ("before", "after"):
        report(f"{when} {step}", lambda step=step, when=when: kill_at(step, when == "after"))
for count in range(0, size + 1, max(1, size // 60)):
    report(f"at byte {count}", lambda count=count: kill_at_byte(count))
report(f"at byte {size}", lambda: kill_at_byte(size))
