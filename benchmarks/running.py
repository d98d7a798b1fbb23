"""From a work to its record: the processes that are started for it, and what comes back."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from benchmarks.machine import ROOT, environment, machine
from benchmarks.measure import ratio
from benchmarks.opponents import pytorch, why_not
from benchmarks.record import Record, described, header
from benchmarks.works import Work
from minifcn.errors import MinifcnError

REPETITIONS = {True: 1, False: 3}  # of a process that measures memory; its peak hardly varies


class ChildError(MinifcnError, RuntimeError):
    """A work whose process failed."""


def run(work: Work, quick: bool, threads: int, start: Callable[..., Any] | None = None) -> Record:
    """The record of a work; `start` runs one process and returns what it found. Raises ChildError."""
    start = child if start is None else start
    if not work.memory:
        found: Record = start(work.name, threads, quick)
        return found
    reason = why_not(pytorch)
    variants = [] if reason else pytorch.variants(work.job(quick))[: 1 if quick else None]
    turns = [(i, variant) for i in range(REPETITIONS[quick]) for variant in ("minifcn", *variants)]
    with ThreadPoolExecutor(2) as pool:  # nothing is timed, so two at a time do not disturb each other
        peaks = dict(zip(turns, pool.map(lambda turn: start(work.name, threads, quick, turn[1]), turns), strict=True))
    mine = [peaks[i, "minifcn"] for i in range(REPETITIONS[quick])]
    record = header(work, quick, threads) | {"machine": machine(threads), "parts": ["peak"]}
    record["missing"] = [{"name": pytorch.NAME, "reason": reason}] if reason else []
    record["ours"], record["method"] = {"peaks": [one["bytes"] for one in mine]}, mine[0]["method"]
    record["opponents"] = []
    for variant in variants:
        pairs = [{"ours": [one["bytes"]], "theirs": [peaks[i, variant]["bytes"]]} for i, one in enumerate(mine)]
        entry = described(pytorch, variant) | {"threads": threads, "pairs": pairs, "ratio": ratio(pairs)}
        record["opponents"].append(entry)
    return record


def child(name: str, threads: int, quick: bool, variant: str = "") -> dict[str, Any]:
    """Run benchmarks/child.py."""
    arguments = [name, "quick" if quick else "full", *([variant] if variant else [])]
    return apart("benchmarks.child", arguments, threads, ", ".join(filter(None, (name, variant))))


def apart(module: str, arguments: list[str], threads: int, name: str) -> dict[str, Any]:
    """What `python -m MODULE FILE THREADS ARGUMENTS` writes to its file, all libraries with `threads` threads.

    Its progress is printed as it comes, its warnings only if it fails: then ChildError, which gives it the name.
    """
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "found.json"
        command = [sys.executable, "-m", module, str(file), str(threads), *arguments]
        done = subprocess.run(command, cwd=ROOT, env=environment(threads), stderr=subprocess.PIPE, text=True)
        if done.returncode or not file.exists():
            lines = done.stderr.strip().splitlines()
            reason = lines[-1] if lines else f"exit status {done.returncode}"
            raise ChildError(f"{name}: the process failed: {reason}")
        found: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
        return found
