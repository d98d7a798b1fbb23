"""Elementwise work in parts is the same work."""

from __future__ import annotations

import numpy as np
import pytest

from minifcn.machine import limits
from minifcn.machine.spread import parts_of, spread, sum_into
from minifcn.machine.threads import set_num_threads


@pytest.mark.parametrize("threads", [1, 2, 3])
@pytest.mark.parametrize("shape", [(), (0, 3), (7,), (2, 3, 5), (1, 1, 4)])
def test_every_place_is_computed_once(shape, threads, monkeypatch):
    monkeypatch.setattr(limits, "WORTH_SHARING", 0)
    set_num_threads(threads)
    x = np.arange(np.prod(shape, dtype=int), dtype=float).reshape(shape)
    counts = np.zeros(shape)

    def compute(y, x, counts):
        np.multiply(x, 2, out=y)
        counts += 1

    y = spread(compute, np.empty(shape), x, counts)
    np.testing.assert_array_equal(y, 2 * x)
    np.testing.assert_array_equal(counts, np.ones(shape))


def test_leading_axes_are_taken_as_one(monkeypatch):
    monkeypatch.setattr(limits, "WORTH_SHARING", 0)
    set_num_threads(4)
    x, scale = np.ones((2, 3, 4, 5)), np.arange(6.0).reshape(2, 3)
    seen = []

    def compute(y, x, scale):
        seen.append(x.shape)
        np.multiply(x, scale[:, None, None], out=y)

    np.testing.assert_array_equal(spread(compute, np.empty_like(x), x, scale, axes=2), x * scale[..., None, None])
    assert sum(shape[0] for shape in seen) == 6
    assert len(seen) == 4
    assert {shape[1:] for shape in seen} == {(4, 5)}


def test_little_work_is_done_at_once():
    seen = []
    set_num_threads(2)
    spread(lambda y, x: seen.append(len(x)), np.empty(100), np.zeros(100))
    assert seen == [100]


@pytest.mark.parametrize("in_cache, least", [(False, 100), (True, 34)])
def test_work_is_shared_from_a_limit_on(in_cache, least, monkeypatch):
    """What reads its arrays several times is more work for the same elements."""
    monkeypatch.setattr(limits, "WORTH_SHARING", 100)
    set_num_threads(3)
    for size, parts in ((least - 1, 1), (least, 3), (10 * least, 3)):
        sizes = []
        spread(lambda y, x, sizes=sizes: sizes.append(len(x)), np.empty(size), np.zeros(size), in_cache=in_cache)
        assert len(sizes) == parts
        assert sum(sizes) == size


def test_parts_that_stay_in_the_cache(monkeypatch):
    """Twice the array in blocks of what fits, whether or not it is worth sharing."""
    set_num_threads(2)
    monkeypatch.setattr("minifcn.machine.spread.working_bytes", lambda _: 1000)
    for elements, parts in ((10, 1), (250, 4), (1000, 16)):
        x = np.zeros(elements)
        assert len(parts_of(1000, x, in_cache=True)) == parts
        assert len(parts_of(3, x, in_cache=True)) == min(3, parts)
        assert len(parts_of(1000, x)) == 1


def test_any_layout_may_be_read(monkeypatch):
    monkeypatch.setattr(limits, "WORTH_SHARING", 0)
    set_num_threads(2)
    x = np.random.default_rng(0).random((300, 4, 200)).transpose(2, 1, 0)[::-1]
    y = spread(lambda y, x: np.add(x, 1, out=y), np.empty(x.shape), x)
    np.testing.assert_array_equal(y, x + 1)


def test_a_card_is_given_everything_at_once(played):
    assert parts_of(1000, played.zeros(1 << 20), in_cache=True) == [slice(0, 1000)]


def test_room_and_threads_are_those_of_the_largest_array(monkeypatch):
    """Which is asked for the cache only where something is read twice."""
    asked = []
    monkeypatch.setattr("minifcn.machine.spread.working_bytes", lambda x: asked.append((x.size, "room")) or 1 << 20)
    monkeypatch.setattr("minifcn.machine.spread.threads_for", lambda x, n: asked.append((x.size, n)) or 1)
    y, x = np.empty((4, 1)), np.zeros((4, 5))
    spread(lambda y, x: None, y, x, axes=1)
    assert asked == [(20, 20)]
    spread(lambda y, x: None, y, x, axes=1, in_cache=True)
    assert asked[1:] == [(20, "room"), (20, 60)]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("threads, firsts", [(1, [0]), (2, [0, 3]), (3, [0, 2, 4]), (9, list(range(7)))])
def test_pieces_are_added_up_by_every_thread_for_itself(threads, firsts, dtype):
    """The first of a share is written, the others are added; what was in the result is not."""
    seen = []

    def add(piece, into, first):
        seen.append((piece, first, into.dtype))
        into[...] = 10**piece if first else into + 10**piece

    set_num_threads(2)
    total = np.full((2, 3), np.nan, dtype)
    sum_into(total, add, range(7), threads)
    np.testing.assert_array_equal(total, np.full((2, 3), 1111111))
    assert sorted(piece for piece, *_ in seen) == list(range(7))
    assert sorted(piece for piece, first, _ in seen if first) == firsts
    assert {kind for *_, kind in seen} == {np.dtype(dtype)}


def test_the_sum_of_no_pieces_is_zero():
    total = np.full(3, np.nan)
    sum_into(total, lambda *piece: None, [], 2)
    assert total.tolist() == [0, 0, 0]
