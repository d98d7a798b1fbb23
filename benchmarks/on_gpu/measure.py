"""From a job to its record: correct, also in memory full of NaN, the same bits twice, and only then the time."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable
from dataclasses import dataclass
from math import ceil
from statistics import median, quantiles
from typing import Any

import minifcn
from benchmarks.checking import errors, problem
from benchmarks.contender import Arrays
from benchmarks.measure import ratio
from benchmarks.on_gpu.ceilings import of
from benchmarks.on_gpu.networks import Network
from benchmarks.on_gpu.precision import precision
from benchmarks.on_gpu.side import OURS, THEIRS, Job, Side, floors
from benchmarks.on_gpu.works import GpuWork
from benchmarks.opponents import pytorch
from benchmarks.opponents.pytorch import CHANNELS_LAST
from benchmarks.record import described, header
from benchmarks.works import EAGER

Record = dict[str, Any]
VARIANTS = (EAGER, CHANNELS_LAST)
PROFILED = 3  # steps


@dataclass(frozen=True)
class Plan:
    """Rounds as many as fit into `seconds`, from `least` to `most`. A sample is as many calls as take `sample` seconds,
    at most `calls`: one call of some microseconds tells more about the launch than about the work."""

    least: int = 5
    most: int = 15
    seconds: float = 3.0
    sample: float = 3e-3
    calls: int = 50
    warm: int = 3


QUICK = Plan(least=3, most=3, seconds=0.0, sample=1e-4, calls=3, warm=1)


def measured(
    work: GpuWork,
    device: Any,
    quick: bool,
    plan: Plan,
    ceilings: Record,
    out_of_time: Callable[[], bool],
    say: Callable[[str], object],
) -> Record:
    """The record; record["ours"]["problem"] tells if ours failed, and then nothing was timed."""
    record: Record = header(work, quick, 1) | {  # type: ignore[arg-type]
        "rehearsal": device.rehearsal, "precision": work.precision, "parts": [], "opponents": [],
        "missing": [{"name": pytorch.NAME, "reason": device.without_torch}] if device.torch is None else [],
        "ours": {"problem": ""},
    }  # fmt: skip
    try:
        job = work.make(quick)
        record["parts"] = job.parts
        with precision(work.precision, device.torch):
            (memory if work.memory else timed)(record, job, device, plan, ceilings, out_of_time)
    except Exception as error:  # the works that follow are still to be measured
        record["ours"]["problem"] = failed(error)
    for entry in ({"name": "minifcn", **record["ours"]}, *record["opponents"]):
        say(f"  {entry['name']}: {entry['problem'] or 'correct'}")
    return record


def failed(error: Exception) -> str:
    return f"failed: {type(error).__name__}: {(str(error).strip().splitlines() or [''])[0]}"


# Correct ------------------------------------------------------------------------------------------------------------


def timed(record: Record, job: Job, device: Any, plan: Plan, ceilings: Record, out_of_time: Callable[[], bool]) -> None:
    expected = job.reference(device)
    limits = job.limits(record["precision"])
    ours = job.ours(device)
    with device.poisoned():
        first = ours.results()
        kept = {name: array.copy() for name, array in first.items()}
        record["ours"]["error"] = errors(first, expected)
        record["ours"]["problem"] = problem(record["ours"]["error"], limits) or unlike(kept, ours.results(), device)
    del first, kept
    if record["ours"]["problem"]:
        return
    sides = []
    for variant in VARIANTS if device.torch is not None else ():
        entry = described(pytorch, variant) | {"threads": 1}
        record["opponents"].append(entry)
        try:
            theirs = job.theirs(device, variant)
            entry["error"] = errors(theirs.results(), expected)
            entry["problem"] = problem(entry["error"], limits)
        except Exception as error:  # one that fails must not take the others with it
            entry["problem"] = failed(error)
            device.release()
        if not entry["problem"]:
            sides.append((entry, theirs))
    del expected
    in_pairs(record, ours, sides, device, plan, out_of_time)
    roofline(record, job, ceilings)
    for entry, side in [(record["ours"], ours), *sides]:
        made = side.arrays([part(0) for part in side.parts])
        if not all(bool(device.xp.isfinite(values).all()) for values in made.values()):
            entry["problem"] = "wrong result: no longer finite at the end"  # a training that ran away
            entry.pop("ratio", None)
    if isinstance(job, Network):
        try:
            record["profile"] = profile(ours)
        except Exception as error:  # the times are measured all the same
            record["profile_problem"] = failed(error)


def unlike(first: Arrays, second: Arrays, device: Any) -> str:
    """Which results of two runs differ in a bit, in words, or ""."""

    def bits(array: Any) -> Any:
        return array.view(f"i{array.dtype.itemsize}")

    wrong = [name for name in first if not bool((bits(first[name]) == bits(second[name])).all())]
    return f"two runs gave different bits in {len(wrong)} results, first {wrong[0]}" if wrong else ""


# Timed --------------------------------------------------------------------------------------------------------------


def calibrated(side: Side, device: Any, plan: Plan) -> list[tuple[int, float]]:
    """For each part how many calls make a sample, and the seconds of one; warms up, too."""
    found = []
    for part in side.parts:
        device.timed(side.whose, part, plan.warm)
        one = min(device.timed(side.whose, part, 1)[0] for _ in range(2))
        count = max(1, min(plan.calls, ceil(plan.sample / max(one, 1e-9))))
        found.append((count, one * count))
    return found


def in_pairs(
    record: Record,
    ours: Side,
    others: list[tuple[Record, Side]],
    device: Any,
    plan: Plan,
    out_of_time: Callable[[], bool],
) -> None:
    """Rounds of ours, theirs, theirs, part by part; adds pairs, ratios and the time of each part."""
    sides = [ours, *(side for _, side in others)]
    counts = [calibrated(side, device, plan) for side in sides]
    cost = sum(seconds for found in counts for _, seconds in found)
    rounds = max(plan.least, min(plan.most, int(plan.seconds / max(cost, 1e-9))))
    samples: list[list[list[tuple[float, float]]]] = []  # of each round, for each side, for each part
    gc.collect()
    gc.disable()
    try:
        for done in range(rounds):
            if done >= 3 and out_of_time():
                break
            turn: list[list[tuple[float, float]]] = [[] for _ in sides]
            for part in range(len(ours.parts)):
                for side, found, made in zip(sides, counts, turn, strict=True):
                    made.append(device.timed(side.whose, side.parts[part], found[part][0]))
            samples.append(turn)
    finally:
        gc.enable()
        gc.collect()
    for place, entry in enumerate([record["ours"], *(entry for entry, _ in others)]):
        by_part = list(zip(*(turn[place] for turn in samples), strict=True))
        entry["calls"] = [count for count, _ in counts[place]]
        entry["seconds"] = [spread([seconds for seconds, _ in part]) for part in by_part]
        entry["wall"] = [median(wall for _, wall in part) for part in by_part]
        if place:
            entry["pairs"] = [
                {"ours": [seconds for seconds, _ in turn[0]], "theirs": [seconds for seconds, _ in turn[place]]}
                for turn in samples
            ]
            entry["ratio"] = ratio(entry["pairs"])


def spread(values: list[float]) -> dict[str, float]:
    """The median, and between which values half of them lie."""
    low, middle, high = quantiles(values, n=4, method="inclusive") if len(values) > 1 else values * 3
    return {"median": middle, "low": low, "high": high}


def roofline(record: Record, job: Job, ceilings: Record) -> None:
    """Adds operations, bytes and the least seconds of each part, and which share of its time that is, for everybody."""
    counts = job.counts()
    record["operations"] = [sum(work for work, _ in part) for part in counts]
    record["bytes"] = [sum(moved for _, moved in part) for part in counts]
    limits = of(ceilings, record["precision"])
    if limits is None:
        return
    record["floor"] = floors(counts, *limits)
    for entry in (record["ours"], *record["opponents"]):
        if "seconds" in entry:
            times = [part["median"] for part in entry["seconds"]]
            entry["shares"] = [least / took for least, took in zip(record["floor"], times, strict=True)]
            entry["share"] = sum(record["floor"]) / sum(times)


def profile(side: Side) -> Record:
    """What each operation of a network takes; waiting for each, so together they take longer than a step does."""
    began = time.perf_counter()
    with minifcn.profile() as found:
        for number in range(PROFILED):
            for part in side.parts:
                part(number)
    entries = [entry.to_dict() for entry in found.rows()]
    return {"steps": PROFILED, "seconds": time.perf_counter() - began, "entries": entries, "text": str(found)}


# Memory -------------------------------------------------------------------------------------------------------------

METHOD = (
    "the most bytes in use during two steps, weights included, after two that do not count; by the pool of each "
    "library, so without what CUDA and its libraries take for themselves"
)


def memory(
    record: Record, job: Job, device: Any, plan: Plan, ceilings: Record, out_of_time: Callable[[], bool]
) -> None:
    assert isinstance(job, Network)
    record["method"], record["parts"] = METHOD, ["peak"]
    job.unload()
    mine = device.peak(OURS, lambda: job.ours(device))
    job.unload()
    record["ours"] |= {"peaks": [mine["bytes"]], "reserved": mine["reserved"]}
    for variant in VARIANTS if device.torch is not None else ():
        entry = described(pytorch, variant) | {"threads": 1}
        record["opponents"].append(entry)
        try:
            peak = device.peak(THEIRS, lambda variant=variant: job.theirs(device, variant))
            pairs = [{"ours": [mine["bytes"]], "theirs": [peak["bytes"]]}]
            entry |= {"pairs": pairs, "ratio": ratio(pairs), "reserved": peak["reserved"]}
        except Exception as error:
            entry["problem"] = failed(error)
            device.release()
