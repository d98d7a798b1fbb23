"""The command: measure, and write step.json and step.md."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from benchmarks import running
from benchmarks.__main__ import prepare, threads
from benchmarks.machine import ROOT, busy, cores
from benchmarks.step import page
from minifcn.errors import MinifcnError
from minifcn.weights import write_text_atomic

FOLDER, ROUNDS = ROOT / "benchmarks" / "results" / "step", 41
NUMBERS_FILE, PAGE_FILE = "step.json", "step.md"


def rounds(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= 1000:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of rounds; pass 1 to 1000")
    return int(text)


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(
        prog="python -m benchmarks.step",
        description="One training step of the default job, operation by operation, beside its roof and PyTorch's step.",
    )
    made.add_argument(
        "--out",
        type=Path,
        default=FOLDER,
        metavar="DIR",
        help="folder of the result (default: benchmarks/results/step)",
    )
    made.add_argument("--threads", type=threads, default=cores(), metavar="N", help="default: one per core")
    made.add_argument("--rounds", type=rounds, default=ROUNDS, metavar="N", help=f"default: {ROUNDS}")
    return made


def measured(count: int, turns: int) -> Any:
    return running.apart("benchmarks.step.child", [str(turns)], count, "step")


def main(arguments: Sequence[str] | None = None, run: Callable[[int, int], Any] = measured) -> int:
    """The exit status: 0, 1 if it could not be measured, 2 for wrong arguments."""
    options = parser().parse_args(arguments)
    others = busy()
    try:
        prepare(options.out)
        record = run(options.threads, options.rounds)
        record["machine"]["busy"] = others
        write_text_atomic(options.out / NUMBERS_FILE, json.dumps(record, indent=1) + "\n")
        write_text_atomic(options.out / PAGE_FILE, page.page(record))
    except running.ChildError as error:
        print(error, file=sys.stderr)
        return 1
    except MinifcnError as error:
        print(error, file=sys.stderr)
        return 2
    print(f"\n{page.families(record)}\n\nresult: {options.out}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
