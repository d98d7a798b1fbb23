"""`python -m benchmarks.gpu`: everything that there is to measure on a GPU, by one command and within its time."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.__main__ import prepare
from benchmarks.machine import ROOT
from benchmarks.on_gpu import ceilings, device, exact, report, sweep
from benchmarks.on_gpu.measure import QUICK, Plan, measured
from benchmarks.on_gpu.rehearsal import Rehearsal
from benchmarks.on_gpu.report import CEILINGS, EXACT, SWEEP
from benchmarks.on_gpu.works import WORKS
from minifcn.errors import FileError, MinifcnError

FULL = ROOT / "benchmarks" / "results" / "gpu"
TRIALS = {"quick": ROOT / "runs" / "benchmarks-gpu-quick", "rehearse": ROOT / "runs" / "benchmarks-gpu-rehearsal"}
EXACT_SECONDS = 30.0  # what the integers take at most, with the kernels that are compiled for them
LAST = 10.0  # seconds for the page and the picture


def seconds(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 1 <= value <= 86400:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds from 1 to 86400")
    return value


def parser() -> argparse.ArgumentParser:
    names = [EXACT, *WORKS]
    made = argparse.ArgumentParser(
        prog="python -m benchmarks.gpu", description="Check and time minifcn on a GPU beside PyTorch."
    )
    made.add_argument("--out", type=Path, metavar="DIR", help="folder of the results (default: benchmarks/results/gpu; "
                      "with --quick or --rehearse one under runs/)")  # fmt: skip
    made.add_argument("--seconds", type=seconds, default=450.0, metavar="N",
                      help="no work is begun that would not end within N seconds (default: 450)")  # fmt: skip
    made.add_argument("--work", nargs="+", choices=names, metavar="NAME", help=f"only these: {', '.join(names)}")
    made.add_argument("--quick", action="store_true", help="tiny sizes, few repetitions: a trial, not a result")
    made.add_argument("--rehearse", action="store_true", help="without a GPU: the whole program on the CPU, no result")
    made.add_argument("--sweep", action="store_true", help="our convolutions by the knobs of on_gpu/sweep.py, too")
    return made


class Lost(MinifcnError, RuntimeError):
    """Nothing more can be measured: after some errors CUDA refuses everything until the process ends."""


say = partial(print, flush=True)


class Benchmark:
    """One run of the command: its device, folder and deadline, and what went wrong."""

    def __init__(self, options: argparse.Namespace, used: Any) -> None:
        trial = "rehearse" if options.rehearse else "quick" if options.quick else ""
        self.device, self.quick, self.began = used, bool(trial), time.monotonic()
        self.folder = options.out or (TRIALS[trial] if trial else FULL)
        self.end = self.began + options.seconds - LAST
        self.names = options.work
        self.plan = QUICK if self.quick else Plan()
        self.left_out: list[str] = []
        self.failed: list[str] = []
        self.machine: dict[str, Any] = {}
        self.found: dict[str, Any] = {}  # the ceilings
        prepare(self.folder)
        keep_apart(self.folder, used.rehearsal)

    def left(self) -> float:
        return self.end - time.monotonic()

    def out_of_time(self) -> bool:
        return self.left() < 0

    def fits(self, name: str, needed: float) -> bool:
        """Whether a work is asked for and there is time for it; tiny ones need little."""
        if self.names is not None and name not in self.names:
            return False
        if self.left() < (needed / 3 if self.quick else needed):
            self.left_out.append(name)
            say(f"{name}: left out, {max(0.0, self.left()):.0f} s are left and it may take {needed:.0f}")
            return False
        return True

    def write(self, name: str, record: dict[str, Any]) -> None:
        same = {"quick": self.quick, "rehearsal": self.device.rehearsal, "machine": self.machine}
        report.write(self.folder, name, record | same)
        report.write_page(self.folder, self.quick, self.device.rehearsal, self.left_out)

    def run(self, with_sweep: bool) -> None:
        self.machine = self.device.machine()
        say(f"{self.machine['gpu']}, {self.left():.0f} s")
        try:
            self.timed(CEILINGS, self.ceilings)
            self.works(with_sweep)
        except Lost as error:
            self.failed.append(str(error))

    def ceilings(self) -> None:
        self.found = ceilings.measured(self.device, self.quick)
        self.write(CEILINGS, {"work": CEILINGS, "found": self.found})
        say("\n".join(f"  {line}" for line in ceilings.lines(self.found)))

    def works(self, with_sweep: bool) -> None:
        if self.fits(EXACT, EXACT_SECONDS):
            self.timed(EXACT, self.integers)
        for name, work in WORKS.items():
            if work.memory and self.device.rehearsal:
                if name in (self.names or ()):
                    say(f"{name}: left out, memory is not measured in a rehearsal")
            elif self.fits(name, work.seconds):
                self.timed(f"{name}: {work.title}, {work.size[self.quick]}", partial(self.work, name))
        if with_sweep:
            self.timed(SWEEP, self.sweep)

    def timed(self, title: str, do: Callable[[], object]) -> None:
        begin = time.monotonic()
        say(title)
        try:
            do()
            self.device.release()
        except MinifcnError:
            raise
        except Exception as error:
            raise Lost(f"{title.partition(':')[0]} ended the measuring ({type(error).__name__}: {error})") from None
        say(f"  {time.monotonic() - begin:.0f} s, {self.left():.0f} s left")

    def integers(self) -> None:
        checks = exact.checks(self.device, say)
        wrong = [check for check in checks if check["problem"]]
        self.write(EXACT, {"work": EXACT, "checks": checks})
        say(f"  {len(checks) - len(wrong)} of {len(checks)} are right")
        if wrong:
            self.failed.append(EXACT)

    def work(self, name: str) -> None:
        work = WORKS[name]
        record = measured(work, self.device, self.quick, self.plan, self.found, self.out_of_time, say)
        self.write(name, record)
        if record["ours"]["problem"]:
            self.failed.append(name)
        else:
            say(f"  PyTorch / ours: {report.ratio(record)}")

    def sweep(self) -> None:
        if not sweep.KNOBS:
            say("  there are no knobs: only what the library does by itself")
        found = sweep.swept(self.device, self.quick, self.plan, self.out_of_time, say, sweep.KNOBS)
        self.left_out += [f"{SWEEP}: {words}" for words in found["left_out"]]
        self.write(SWEEP, {"work": SWEEP} | found)
        if any(run["problem"] for run in found["runs"]):
            self.failed.append(SWEEP)

    def finish(self) -> int:
        """Page, picture and the short table, which is what one sees; the exit status."""
        rehearsal = self.device.rehearsal
        report.write_page(self.folder, self.quick, rehearsal, self.left_out)
        try:
            report.write_picture(self.folder, self.quick, rehearsal)
        except Exception as error:  # the numbers are worth more than the picture
            self.failed.append("ratios.png")
            say(f"ratios.png failed: {type(error).__name__}: {error}", file=sys.stderr)
        if rehearsal:
            say("\nA REHEARSAL on the CPU with tiny sizes: no result.")
        say(f"\n{report.short(report.load(self.folder, self.quick, rehearsal))}\n")
        say(f"results, table and picture: {self.folder} ({time.monotonic() - self.began:.0f} s)")
        if self.left_out:
            say(f"left out, as the time was over: {', '.join(self.left_out)}")
        if self.failed:
            say(f"FAILED: {', '.join(self.failed)}")
        return 1 if self.failed else 0


def keep_apart(folder: Path, rehearsal: bool) -> None:
    """A rehearsal never stands among results. Raises FileError."""
    for path in sorted(folder.glob("*.json")):
        try:
            other = json.loads(path.read_text(encoding="utf-8")).get("rehearsal")
        except (ValueError, AttributeError) as error:
            raise FileError(f"{path} is no record of this command ({error}); choose another --out.") from None
        if other is not rehearsal:
            kinds = ("a rehearsal", "results") if rehearsal else ("results", "a rehearsal or another command's records")
            raise FileError(
                f"{kinds[0]} cannot be written into {folder}, which holds {kinds[1]}; choose another --out."
            )


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit status: 0, 1 if something was wrong or failed, 2 for wrong arguments or where there is no GPU."""
    options = parser().parse_args(arguments)
    try:
        benchmark = Benchmark(options, Rehearsal() if options.rehearse else device.find())
        benchmark.run(options.sweep)
        return benchmark.finish()
    except MinifcnError as error:
        say(error, file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
