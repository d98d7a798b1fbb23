"""Interleaved timing: ours, theirs, ours, theirs, and the ratio of each pair.

A machine that others use too is now fast, now slow. Two runs next to each other see the same machine, so the ratio of
the pair says more than two milliseconds do, and the median of many ratios more than one. Between two runs is a pause:
the threads of a library spin for some milliseconds when they have nothing to do, and would take the other's cores.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median, quantiles
from typing import Any

from benchmarks.contender import Contender


@dataclass(frozen=True)
class Plan:
    """How often: as many pairs as fit into `seconds`, but at least `least` and at most `most`.

    tries: runs with each number of threads before one is chosen; the first, which warms up, does not count.
    """

    least: int = 7
    most: int = 21
    seconds: float = 40.0
    tries: int = 3
    pause: float = 0.05

    def pairs(self, seconds_of_one: float) -> int:
        return max(self.least, min(self.most, int(self.seconds / max(seconds_of_one, 1e-9))))


QUICK = Plan(least=3, most=3, seconds=0.0, tries=2, pause=0.03)


@dataclass(frozen=True)
class Clock:
    """Time, and letting it pass; a test has one of its own."""

    now: Callable[[], float] = time.perf_counter
    sleep: Callable[[float], None] = time.sleep


def results(contender: Contender) -> list[Any]:
    """What the steps return, untimed."""
    contender.use(contender.counts[-1])
    return [step.run(step.before()) for step in contender.steps]


def seconds(contender: Contender, threads: int, plan: Plan, clock: Clock) -> list[float]:
    """One run: the seconds of each step."""
    contender.use(threads)
    gc.collect()
    clock.sleep(plan.pause)
    found = []
    gc.disable()
    try:
        for step in contender.steps:
            given = step.before()
            begin = clock.now()
            made = step.run(given)
            found.append(clock.now() - begin)
            del made, given
    finally:
        gc.enable()
    return found


def settle() -> None:
    """Take what lives now out of garbage collection: to search all of those libraries takes a third of a second."""
    gc.collect()
    gc.freeze()


def tries(contender: Contender, plan: Plan, clock: Clock) -> dict[int, list[float]]:
    """For each number of threads the seconds of every run that counts."""
    return {
        threads: [sum(seconds(contender, threads, plan, clock)) for _ in range(plan.tries)][1:]
        for threads in contender.counts
    }


def paired(
    ours: Contender, theirs: list[tuple[Contender, int, int]], plan: Plan, clock: Clock
) -> list[list[dict[str, list[float]]]]:
    """For each of (contender, threads, number of pairs): its pairs, one round after the other over all contenders."""
    found: list[list[dict[str, list[float]]]] = [[] for _ in theirs]
    for turn in range(max((count for _, _, count in theirs), default=0)):
        for pairs, (contender, threads, count) in zip(found, theirs, strict=True):
            if turn < count:
                mine = seconds(ours, ours.counts[-1], plan, clock)
                pairs.append({"ours": mine, "theirs": seconds(contender, threads, plan, clock)})
    return found


def ratio(pairs: list[dict[str, list[float]]]) -> dict[str, float]:
    """theirs / ours of every pair: the median, and between which values half of them lie."""
    ratios = [sum(pair["theirs"]) / sum(pair["ours"]) for pair in pairs]
    if len(ratios) == 1:
        return {"median": ratios[0], "low": ratios[0], "high": ratios[0]}
    low, _, high = quantiles(ratios, n=4, method="inclusive")
    return {"median": median(ratios), "low": low, "high": high}
