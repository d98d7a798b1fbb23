"""`python -m benchmarks.step.child FILE THREADS ROUNDS`: the measurement in a process of its own, as child.py's are."""

from __future__ import annotations

import json
import sys
from pathlib import Path


def main(file: str, count: str, rounds: str) -> int:
    from benchmarks.machine import confine, machine

    threads = int(count)
    confine(threads)
    from benchmarks.measure import Clock, Plan
    from benchmarks.opponents import pytorch
    from benchmarks.step.measure import measured
    from benchmarks.works import WORKS, default_job

    work, before = WORKS["default-job"], machine(threads)
    found = measured(
        work, default_job(False), threads, int(rounds), [pytorch], Plan(), Clock(), lambda text: print(text, flush=True)
    )  # fmt: skip
    Path(file).write_text(json.dumps(found | {"machine": before}), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
