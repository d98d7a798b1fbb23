"""`python -m benchmarks.child FILE THREADS WORK full|quick [VARIANT]`: one work in a process of its own.

Every work begins with a fresh memory, and what breaks in one does not reach the next. With a VARIANT ("minifcn" is
ours), the work is one of memory, and only that contender lives in the process.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any


def main(file: str, count: str, name: str, size: str, variant: str = "") -> int:
    from benchmarks.machine import confine

    threads, quick = int(count), size == "quick"
    confine(threads)
    from benchmarks.works import WORKS

    work = WORKS[name]
    found = remembered(work, quick, threads, variant) if variant else run(work, quick, threads)
    Path(file).write_text(json.dumps(found), encoding="utf-8")
    return 0


def run(work: Any, quick: bool, threads: int) -> dict[str, Any]:
    from benchmarks.machine import machine
    from benchmarks.measure import QUICK, Plan
    from benchmarks.opponents import OPPONENTS
    from benchmarks.record import timed

    before = machine(threads)
    record = timed(
        work,
        work.job(quick),
        quick,
        threads,
        OPPONENTS,
        QUICK if quick else Plan(),
        tell=lambda text: print(text, flush=True),
    )
    return record | {"machine": before}


def remembered(work: Any, quick: bool, threads: int, variant: str) -> dict[str, Any]:
    import benchmarks.ours
    from benchmarks.memory import measured
    from benchmarks.opponents import pytorch

    job = work.job(quick)
    if variant == "minifcn":
        return measured(lambda: benchmarks.ours.build(job, threads))
    pytorch.load()
    return measured(lambda: pytorch.build(job, variant, threads))


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
