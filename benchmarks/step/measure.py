"""Rounds of our step and of PyTorch's in turn, and what is made of their times."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from functools import partial
from math import prod
from statistics import median

import numpy as np

from benchmarks import ceilings
from benchmarks.contender import Contender, Step
from benchmarks.measure import Clock, Plan, ratio, results, seconds, settle, tries
from benchmarks.opponents import Opponent
from benchmarks.record import Record, checked
from benchmarks.step.calls import Call, Recorder, recorded
from benchmarks.step.roofs import FAMILIES, PYTHON, Speeds, family, look, of_the_optimizer
from benchmarks.works import OPTIMIZER, NetworkJob, Work, learned
from minifcn.errors import MinifcnError
from minifcn.machine.timetable import OTHER

BETWEEN = Call(OTHER, "beside all operations", "", "", 0.0, 0, 0)


class UnlikeSteps(MinifcnError, RuntimeError):
    """Two steps that did not do the same."""


def machine_gives(threads: int) -> Record:
    """The ceilings, products last: see benchmarks/ceilings.py."""
    return {"GB/s": ceilings.memory(threads), "GFLOP/s": ceilings.products(threads)}


def faster(one: Record, other: Record) -> Record:
    """Of every ceiling what was reached at least once."""
    return {unit: {name: max(value, other[unit][name]) for name, value in one[unit].items()} for unit in one}


def speeds(found: Record) -> Speeds:
    """The fastest product of NumPy's, and the fastest copy."""
    products = max(value for name, value in found["GFLOP/s"].items() if name.startswith("NumPy"))
    return Speeds(1e9 * products, 1e9 * max(found["GB/s"].values()))


def measured(
    work: Work,
    job: NetworkJob,
    threads: int,
    rounds: int,
    opponents: Sequence[Opponent],
    plan: Plan,
    clock: Clock,
    tell: Callable[[str], object] = lambda text: None,
) -> Record:
    """The whole record, but for the machine. Raises WrongResult if ours is wrong, and UnlikeSteps."""
    record, ours, entries, contenders = checked(work, job, False, threads, opponents, tell)
    record |= {"rounds": rounds, "opponents": entries}
    before = machine_gives(threads)
    counted = looked_at(ours, job, threads)
    settle()
    profiles = in_turn(record["ours"], ours, contenders, threads, rounds, plan, clock, tell)
    record["ours"]["recorded"] = [profile.recorded for profile in profiles]
    record["ceilings"] = faster(before, machine_gives(threads))
    found = speeds(record["ceilings"])
    record["speeds"] = asdict(found)
    tell(f"  products {found.products / 1e9:.0f} GFLOP/s, copies {found.copy / 1e9:.1f} GB/s")
    return record | summed(counted, profiles, found)


def in_turn(
    mine: Record,
    ours: Contender,
    contenders: list[tuple[Record, Contender]],
    threads: int,
    rounds: int,
    plan: Plan,
    clock: Clock,
    tell: Callable[[str], object],
) -> list[Recorder]:
    """Our recorded steps. The records `mine` and of the contenders get the seconds of every round, and ratios.

    seconds   of a step after a pause
    again     of the step right after it, as in a training; our recorded step is a third in a row
    """
    profiles: list[Recorder] = []
    step = ours.steps[0].run
    profiled = replace(ours, steps=[Step(lambda _: profiles.append(recorded(step)))])
    seconds(profiled, threads, plan, clock)  # the first does not count
    profiles.clear()
    turns = [(mine, ours, threads)]
    for entry, contender in contenders:
        tried = tries(contender, plan, clock)
        entry["threads"] = min(tried, key=lambda count: min(tried[count]))
        turns.append((entry, contender, entry["threads"]))
    for entry, _, _ in turns:
        entry["seconds"], entry["again"] = [], []
    at_once = replace(plan, pause=0.0)
    for done in range(1, rounds + 1):
        for entry, contender, count in turns:
            entry["seconds"] += seconds(contender, count, plan, clock)
            entry["again"] += seconds(contender, count, at_once, clock)
            if contender is ours:
                seconds(profiled, threads, at_once, clock)
        if done % 10 == 0 or done == rounds:
            tell(f"  round {done} of {rounds}")
    for entry, contender in contenders:
        if all(np.isfinite(values).all() for values in contender.arrays(results(contender)).values()):
            for name, of in (("ratio", "seconds"), ("ratio again", "again")):
                pairs = zip(mine[of], entry[of], strict=True)
                entry[name] = ratio([{"ours": [one], "theirs": [other]} for one, other in pairs])
        else:
            entry["problem"] = "wrong result: no longer finite at the end"  # a training that ran away
    return profiles


def looked_at(ours: Contender, job: NetworkJob, threads: int) -> list[Call]:
    """The calls of a step that is not timed, with what their roofs need."""
    ours.use(threads)
    calls = recorded(ours.steps[0].run, look).calls
    numbers = sum(prod(value.shape) for _, value in learned(job.network()))
    for call in calls:
        if call.section and call.name == OPTIMIZER:
            of_the_optimizer(call, numbers)
    return calls


def summed(counted: list[Call], profiles: list[Recorder], found: Speeds) -> Record:
    """{"families": [line, ...], "operations": [line, ...], "step": line}, times as medians over the profiles.

    counted: the calls of a step with operations and bytes. Raises UnlikeSteps if a profile has other ones.
    """
    times = [times_of(counted, profile) for profile in profiles]
    calls = [*counted, BETWEEN]
    made = partial(line, calls, times, found)
    every = range(len(calls))
    by_family: dict[str, list[int]] = {name: [] for name in FAMILIES}
    by_kind: dict[tuple[str, ...], list[int]] = {}
    for i in every:
        by_family[family(calls[i])].append(i)
        by_kind.setdefault((family(calls[i]), *calls[i].kind), []).append(i)
    kinds = [
        made(members) | {"family": name, "phase": phase, "operation": " ".join(filter(None, (operation, detail)))}
        | {"within": within, "limit": found.limit(calls[members[0]])}
        for (name, phase, operation, detail, within), members in by_kind.items()
    ]  # fmt: skip
    return {
        "families": [made(members) | {"family": name} for name, members in by_family.items()],
        "operations": sorted(kinds, key=lambda one: -median(one["seconds"])),
        "step": made(list(every)),
    }


def times_of(counted: list[Call], profile: Recorder) -> list[float]:
    """Seconds of every call that was counted, and of what is beside them.

    The engine may copy a gradient in one step and not in the next: what is Python's need not be the same.
    """
    took = dict(zip(numbered(profile.calls), profile.calls, strict=True))
    keys = numbered(counted)
    missing = [call for key, call in zip(keys, counted, strict=True) if key not in took]
    more = [call for key, call in took.items() if key not in set(keys)]
    if unlike := [call.name for call in (*missing, *more) if family(call) != PYTHON]:
        raise UnlikeSteps(f"{unlike[0]} is not in every step as often as in the first; a work must always do the same.")
    beside = profile.between + sum(call.seconds for call in more)
    return [*(took[key].seconds if key in took else 0.0 for key in keys), beside]


def numbered(calls: list[Call]) -> list[tuple[str, str, str, int]]:
    """A name for every call: what it is and the how many-th of its like; not its detail, which grows when looked at."""
    seen: Counter[tuple[str, str, str]] = Counter()
    names = []
    for call in calls:
        kind = (call.phase, call.name, call.within)
        names.append((*kind, seen[kind]))
        seen[kind] += 1
    return names


def line(calls: list[Call], times: list[list[float]], found: Speeds, members: list[int]) -> Record:
    """Some calls as one: seconds in each round, and the sums of the rest. Roof: seconds."""
    some = [calls[i] for i in members]
    return {
        "calls": sum(not call.section for call in some),
        "operations": sum(call.operations for call in some),
        "bytes": sum(call.bytes for call in some),
        "roof": sum(found.roof(call) for call in some if family(call) != PYTHON),
        "seconds": [sum(took[i] for i in members) for took in times],
    }
