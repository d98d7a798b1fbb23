"""Adding values at index positions, where one position may be named many times."""

from __future__ import annotations

from minifcn.machine.backend import Array, array_module


def add_at(x: Array, positions: Array, values: Array) -> None:
    """x.ravel()[positions] += values in place, every occurrence counted. x must be contiguous.

    `x[positions] += values` would keep only one of several additions to the same element. Here equal positions are
    summed first, in a fixed order, so the result has the same bits on every run and no atomics are needed on a GPU.
    """
    flat, keys, sums = x.reshape(-1), positions.ravel(), values.ravel()
    taken = array_module(x).zeros(flat.shape, dtype=bool)
    taken[keys] = True
    if int(taken.sum()) < keys.size:  # some element is named more than once
        keys, sums = sum_duplicates(keys, sums)
    flat[keys] += sums


def sum_duplicates(keys: Array, values: Array) -> tuple[Array, Array]:
    """Each key once, with the sum of its values: equal neighbours are added in pairs until all keys differ.

    A stable sort fixes the order of every sum, and a pair is one assignment without collisions, so a GPU needs no
    atomics. It takes as many rounds as the most frequent key has binary digits.
    """
    xp = array_module(keys)
    order = xp.argsort(keys, kind="stable")
    keys, values = keys[order], values[order]
    while True:
        first = xp.ones(keys.shape, dtype=bool)
        first[1:] = keys[1:] != keys[:-1]
        if bool(first.all()):
            return keys, values
        starts = xp.flatnonzero(first)
        place = xp.arange(keys.size) - starts[xp.cumsum(first) - 1]  # 0, 1, 2, ... within the run of each key
        second = xp.flatnonzero(place % 2 == 1)
        values[second - 1] += values[second]
        kept = place % 2 == 0
        keys, values = keys[kept], values[kept]
