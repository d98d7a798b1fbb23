"""`--sweep`: our convolutions with other settings of the library, one knob at a time, against what it does by itself.

A knob is one entry of KNOBS: its name, a function that sets a value inside `with setter(value):`, and the values.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from statistics import median
from typing import Any

import minifcn
from benchmarks.checking import errors, problem
from benchmarks.on_gpu.convolutions import FORWARD, INPUT, WEIGHT, Convolutions
from benchmarks.on_gpu.measure import Plan, calibrated, failed
from benchmarks.on_gpu.precision import FP32, TF32, precision
from minifcn.machine import limits

DEFAULT = "as it is"


@dataclass(frozen=True)
class Knob:
    name: str
    setter: Callable[[Any], AbstractContextManager[Any]]
    values: Sequence[Any]


@contextmanager
def blocks_of(mebibytes: int) -> Iterator[None]:
    """How much of a card's memory a block of columns or tiles may take."""
    before = limits.MOST_ON_GPU
    limits.MOST_ON_GPU = mebibytes << 20
    try:
        yield
    finally:
        limits.MOST_ON_GPU = before


KNOBS: tuple[Knob, ...] = (
    Knob("algorithm", minifcn.use_algorithm, ("im2col", "winograd")),
    Knob("MiB of a block", blocks_of, (8, 16, 32, 128, 256)),
)


def swept(
    device: Any,
    tiny: bool,
    plan: Plan,
    out_of_time: Callable[[], bool],
    say: Callable[[str], object],
    knobs: Sequence[Knob] = KNOBS,
    batches: Sequence[int] = (1, 16),
) -> dict[str, Any]:
    """{"runs": [...], "left_out": [...]}: each run with its milliseconds by layer, or with what is wrong with it."""
    runs: list[dict[str, Any]] = []
    left_out: list[str] = []
    settings = [(DEFAULT, None, None), *((knob.name, knob, value) for knob in knobs for value in knob.values)]
    for images in (min(batch, 2) if tiny else batch for batch in batches):
        for kind in (FORWARD, INPUT, WEIGHT):
            job = Convolutions(kind, images, tiny)
            for name in (FP32, TF32):
                for knob_name, knob, value in settings:
                    run: dict[str, Any] = {"knob": knob_name, "value": str(value), "kind": kind, "images": images,
                                           "precision": name, "parts": job.parts, "problem": ""}  # fmt: skip
                    if out_of_time():
                        left_out.append(words(run))
                        continue
                    try:
                        with precision(name, device.torch):
                            expected = job.reference(device)
                            if knob is None:
                                one(run, job, device, plan, expected)
                            else:
                                with knob.setter(value):
                                    one(run, job, device, plan, expected)
                    except Exception as error:
                        run["problem"] = failed(error)
                    runs.append(run)
                    say(f"  {words(run)}: {run['problem'] or format(1e3 * sum(run['seconds']), '.3f') + ' ms'}")
    return {"runs": runs, "left_out": left_out}


def one(run: dict[str, Any], job: Convolutions, device: Any, plan: Plan, expected: Any) -> None:
    side = job.ours(device)
    run["error"] = errors(side.results(), expected)
    run["problem"] = problem(run["error"], job.limits(run["precision"]))
    if not run["problem"]:
        counts = calibrated(side, device, plan)
        run["seconds"] = [
            median(device.timed(side.whose, part, count)[0] for _ in range(plan.least))
            for part, (count, _) in zip(side.parts, counts, strict=True)
        ]


def words(run: dict[str, Any]) -> str:
    setting = run["knob"] if run["knob"] == DEFAULT else f"{run['knob']} = {run['value']}"
    return f"{setting}, {run['kind']}, batch {run['images']}, {run['precision']}"
