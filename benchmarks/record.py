"""One timed work from the job to what is written to its file."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

import benchmarks.ours
from benchmarks.checking import errors, problem
from benchmarks.contender import Contender
from benchmarks.machine import version_of
from benchmarks.measure import Clock, Plan, paired, ratio, results, settle, tries
from benchmarks.opponents import Opponent, why_not
from benchmarks.works import Job, Work
from minifcn.errors import MinifcnError

Record = dict[str, Any]


class WrongResult(MinifcnError, ArithmeticError):
    """minifcn itself computed something else than its float64 reference: nothing is worth timing."""


def timed(
    work: Work,
    job: Job,
    quick: bool,
    threads: int,
    opponents: Sequence[Opponent],
    plan: Plan,
    clock: Clock | None = None,
    tell: Callable[[str], object] = lambda text: None,
) -> Record:
    """Check everybody, try the numbers of threads, measure in pairs. Raises WrongResult if ours is wrong."""
    record, ours, entries, contenders = checked(work, job, quick, threads, opponents, tell)
    measure(record, entries, ours, contenders, plan, Clock() if clock is None else clock)
    return record


def checked(
    work: Work, job: Job, quick: bool, threads: int, opponents: Sequence[Opponent], tell: Callable[[str], object]
) -> tuple[Record, Contender, list[Record], list[tuple[Record, Contender]]]:
    """The record so far, ours, an entry for every opponent that is there, and those whose results are right, as well.

    Raises WrongResult if ours is wrong.
    """
    missing, present = [], []
    for opponent in opponents:
        if not opponent.variants(job):
            continue  # nothing to import it for
        if reason := why_not(opponent):
            missing.append({"name": opponent.NAME, "reason": reason})
        else:
            present.append(opponent)
    expected = benchmarks.ours.reference(job, threads)
    ours = benchmarks.ours.build(job, threads)
    found = errors(job.comparable(ours.arrays(results(ours))), expected)
    if wrong := problem(found, job.limits):
        raise WrongResult(f"{work.name}: minifcn against its float64 reference: {wrong}; nothing was timed.")
    record = header(work, quick, threads) | {"parts": job.parts, "missing": missing, "ours": {"error": found}}
    entries, contenders = [], []
    for opponent in present:
        for variant in opponent.variants(job):
            entry: Record = described(opponent, variant)
            try:
                contender = opponent.build(job, variant, threads)
                entry["error"] = errors(job.comparable(contender.arrays(results(contender))), expected)
                entry["problem"] = problem(entry["error"], job.limits)
            except Exception as error:  # one that fails must not take the others with it; the table names it
                entry["problem"] = f"failed: {type(error).__name__}: {error}"
            entries.append(entry)
            if not entry["problem"]:
                contenders.append((entry, contender))
            tell(f"  {variant}: {entry['problem'] or 'correct'}")
    return record, ours, entries, contenders


def measure(
    record: Record,
    entries: list[Record],
    ours: Contender,
    contenders: list[tuple[Record, Contender]],
    plan: Plan,
    clock: Clock,
) -> None:
    """Adds the times to the record and to the entries of those whose results are right."""
    settle()
    mine = tries(ours, plan, clock)
    record["ours"]["tries"] = {str(threads): seconds for threads, seconds in mine.items()}
    chosen = []
    for entry, contender in contenders:
        tried = tries(contender, plan, clock)
        threads = min(tried, key=lambda count: min(tried[count]))
        entry["tries"], entry["threads"] = {str(count): seconds for count, seconds in tried.items()}, threads
        chosen.append((contender, threads, plan.pairs(min(tried[threads]) + min(min(mine.values())))))
    for (entry, contender), pairs in zip(contenders, paired(ours, chosen, plan, clock), strict=True):
        entry["pairs"], entry["ratio"] = pairs, ratio(pairs)
        if not all(np.isfinite(values).all() for values in contender.arrays(results(contender)).values()):
            entry["problem"] = "wrong result: no longer finite at the end"  # a training that ran away
            del entry["ratio"]
    record["opponents"] = entries


def header(work: Work, quick: bool, threads: int) -> Record:
    return {
        "work": work.name,
        "title": work.title,
        "size": work.size[quick],
        "quick": quick,
        "unit": "bytes" if work.memory else "seconds",
        "threads": threads,
        "targets": work.targets,
    }


def described(opponent: Opponent, variant: str) -> Record:
    packages = {name: version_of(name) for name in opponent.NEEDS}
    return {"name": variant, "opponent": opponent.NAME, "packages": packages, "patch": opponent.PATCH, "problem": ""}
