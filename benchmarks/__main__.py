"""The command: measure, write one file per work, and make the table and the picture from all files of the folder."""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from benchmarks import picture, running, table
from benchmarks.machine import ROOT, busy, cores
from benchmarks.works import WORKS, Work
from minifcn.errors import FileError, MinifcnError
from minifcn.weights import write_text_atomic

FULL, QUICK = ROOT / "benchmarks" / "results" / "cpu", ROOT / "runs" / "benchmarks-quick"


def threads(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= cores():
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of threads; this process has {cores()} cores")
    return int(text)


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(
        prog="python -m benchmarks", description="Time minifcn beside every opponent that is installed."
    )
    made.add_argument("--quick", action="store_true", help="small sizes, few repetitions, within a minute")
    made.add_argument("--work", nargs="+", choices=list(WORKS), metavar="NAME", help=f"only these: {', '.join(WORKS)}")
    made.add_argument(
        "--out", type=Path, metavar="DIR", help="folder of the results (default: benchmarks/results/cpu; "
        "with --quick runs/benchmarks-quick)"
    )  # fmt: skip
    made.add_argument("--threads", type=threads, default=cores(), metavar="N", help="default: one per core")
    return made


def main(arguments: Sequence[str] | None = None, run: Callable[[Work, bool, int], Any] = running.run) -> int:
    """The exit status: 0, 1 if a work failed, 2 for wrong arguments."""
    options = parser().parse_args(arguments)
    folder = options.out or (QUICK if options.quick else FULL)
    failed, others = 0, busy()
    try:
        prepare(folder)
        for name in options.work or WORKS:
            begin = time.perf_counter()
            print(f"{name}: {WORKS[name].title}, {WORKS[name].size[options.quick]}", flush=True)
            try:
                record = run(WORKS[name], options.quick, options.threads)
            except running.ChildError as error:
                failed += 1
                print(error, file=sys.stderr)
                continue
            record["machine"]["busy"] = others  # once, as the load of the second work is that of the first
            write_text_atomic(folder / f"{name}.json", json.dumps(record, indent=1, allow_nan=True) + "\n")
            for entry in record["opponents"]:
                said = entry["problem"] or f"{table.number(entry['ratio']['median'])} times ours"
                print(f"  {entry['name']}: {said}")
            print(f"  {time.perf_counter() - begin:.0f} s")
        summarise(folder, options.quick)
    except MinifcnError as error:
        print(error, file=sys.stderr)
        return 2
    return 1 if failed else 0


def prepare(folder: Path) -> None:
    """Now, and not after a quarter of an hour of measuring."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise FileError(f"{folder} cannot be made ({error.strerror}); choose another --out.") from None
    if not os.access(folder, os.W_OK | os.X_OK):
        raise FileError(f"{folder} cannot be written to; change its permissions or choose another --out.")


def summarise(folder: Path, quick: bool) -> None:
    """table.md and ratios.png from the files of the folder; small sizes and full ones do not mix."""
    records = [json.loads(path.read_text(encoding="utf-8")) for path in sorted(folder.glob("*.json"))]
    records = [record for record in records if record.get("quick") == quick and record.get("work") in WORKS]
    if records:
        write_text_atomic(folder / "table.md", table.table(records))
        picture.save(records, folder / "ratios.png")
        print(f"\n{table.targets(records)}\n\nresults, table and picture: {folder}")


if __name__ == "__main__":
    sys.exit(main())
