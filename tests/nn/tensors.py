"""What the tests of layers share."""

from __future__ import annotations

import numpy as np

from tests.onto import on


def rng(seed=0):
    return np.random.default_rng(seed)


def whole(*shape, seed=0, xp=np):
    """Whole numbers, so that sums are exact."""
    return on(xp, rng(seed).integers(-9, 10, shape).astype(np.float32))


def values(tensor):
    return tensor.detach().numpy()


def same(a, b):
    np.testing.assert_array_equal(values(a), values(b))
