"""What the tests of layers share."""

from __future__ import annotations

import numpy as np

from minifcn import Tensor


def rng(seed=0):
    return np.random.default_rng(seed)


def whole(*shape, seed=0):
    """Whole numbers, so that sums are exact."""
    return Tensor(rng(seed).integers(-9, 10, shape).astype(np.float32))


def values(tensor):
    return tensor.detach().numpy()


def same(a, b):
    np.testing.assert_array_equal(values(a), values(b))
