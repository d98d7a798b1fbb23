"""Addition at positions that repeat: every occurrence counts, in a fixed order."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from minifcn.arrays.scatter import add_at
from tests.onto import close, equal


@given(st.lists(st.integers(0, 5), max_size=40), st.integers(0, 2**32 - 1))
def test_every_occurrence_is_added(positions, seed):
    source = np.random.default_rng(seed)
    x = source.integers(-9, 10, (2, 3)).astype(float)
    values = source.integers(-9, 10, len(positions)).astype(float)
    expected = x.copy()
    for at, value in zip(positions, values, strict=True):
        expected.flat[at] += value
    add_at(x, np.array(positions, int), values)
    np.testing.assert_array_equal(x, expected)


def test_shaped_positions_and_the_same_bits(xp):
    source = np.random.default_rng(0)
    positions, values = source.integers(0, 4, (30, 5)), source.standard_normal((30, 5)).astype(np.float32)
    results = [xp.zeros(4, np.float32) for _ in range(2)]
    for x in results:
        add_at(x, xp.asarray(positions), xp.asarray(values))
    equal(*results)
    exact = [values[positions == at].astype(np.float64).sum() for at in range(4)]
    close(results[0], exact, atol=1e-5)
