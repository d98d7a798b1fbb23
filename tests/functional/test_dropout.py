"""Dropout: what is kept, how it is scaled, and where the randomness comes from."""

from __future__ import annotations

import numpy as np
import pytest

import minifcn.functional as F
from minifcn import Tensor
from minifcn.errors import ArgumentError, ArgumentTypeError
from tests.onto import close, equal, get, on


def seeded(seed=0):
    return np.random.default_rng(seed)


def test_elements_are_dropped_or_scaled_and_gradients_alike(xp):
    x = on(xp, np.arange(1.0, 1001).reshape(2, 5, 10, 10), requires_grad=True)
    y = F.dropout(x, 0.2, generator=seeded())
    kept = get(y) != 0
    close(get(y)[kept], get(x)[kept] / 0.8, rtol=1e-15)
    assert 0.76 < kept.mean() < 0.84
    y.backward(on(xp, np.full(x.shape, 3.0)))
    close(x.grad, kept * 3 / 0.8, rtol=1e-15)


def test_whole_channels_are_dropped(xp):
    x = on(xp, np.ones((20, 30, 2, 3)))
    y = get(F.dropout2d(x, 0.5, generator=seeded()))
    equal(y, np.broadcast_to(y[:, :, :1, :1], y.shape))
    assert set(np.unique(y)) == {0.0, 2.0}
    assert 0.42 < (y[:, :, 0, 0] != 0).mean() < 0.58
    assert len({tuple(row) for row in y[:, :, 0, 0]}) > 1  # images differ


def test_the_generator_decides(xp):
    x = on(xp, np.ones((4, 100)))
    one, same, other = (F.dropout(x, generator=seeded(seed)).data for seed in (1, 1, 2))
    equal(one, same)
    assert (one != other).any()
    source = seeded(1)
    F.dropout(x, generator=source)
    assert (F.dropout(x, generator=source).data != one).any()  # a second call draws anew


def test_an_element_is_kept_where_its_random_number_is_not_below_p(xp):
    x = on(xp, np.ones((3, 50)))
    keep = seeded(6).random(x.shape, np.float32) >= 0.3  # single precision: half the work, and the same for every dtype
    equal(F.dropout(x, 0.3, generator=seeded(6)).data != 0, keep)

    class Constant(np.random.Generator):
        def random(self, shape, dtype):
            return np.full(shape, 0.25, dtype)

    assert F.dropout(x, 0.25, generator=Constant(np.random.PCG64())).data.all()  # numbers come from [0, 1): 0 is one


def test_half_of_the_elements_are_dropped_by_default(xp):
    x = on(xp, np.ones((4, 100, 1, 1)))
    for function in (F.dropout, F.dropout2d):
        assert set(np.unique(get(function(x, generator=seeded())))) == {0.0, 2.0}


def test_identities_and_extremes(xp):
    x = on(xp, np.ones((2, 3, 1, 2), np.float32))
    for function in (F.dropout, F.dropout2d):
        assert function(x, 0.5, training=False) is x
        assert function(x, 0.0) is x
        found = function(x, 1.0, generator=seeded())
        equal(found, np.zeros(x.shape))
        assert found.dtype == np.float32


def test_errors():
    x = Tensor(np.ones((1, 1, 2, 2)))
    for function in (F.dropout, F.dropout2d):
        for p in (-0.1, 1.5, float("nan"), "0.5", None):
            with pytest.raises(ArgumentError, match=f"dropout.*: p must be a probability between 0 and 1, got {p!r}"):
                function(x, p, generator=seeded())
        for source in (None, 0, np.random.RandomState(0)):
            with pytest.raises(ArgumentTypeError, match=r"training needs generator=numpy\.random\.default_rng\(seed\)"):
                function(x, 0.5, generator=source)
        with pytest.raises(ArgumentTypeError, match="x must be a Tensor, got ndarray"):
            function(np.ones((1, 1, 2, 2)))
    with pytest.raises(ArgumentError, match=r"dropout2d: x must have 4 dimensions"):
        F.dropout2d(Tensor(np.ones((2, 2))), generator=seeded())
