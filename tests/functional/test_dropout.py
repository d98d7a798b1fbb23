"""Dropout: what is kept, how it is scaled, and where the randomness comes from."""

from __future__ import annotations

import numpy as np
import pytest

import minifcn.functional as F
from minifcn import Tensor
from minifcn.arrays.drawing import PHILOX
from minifcn.errors import ArgumentError, ArgumentTypeError
from minifcn.machine.kernels import KERNELS, Kernel
from tests.onto import close, equal, get, on
from tests.played_cupy import playing


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


def test_an_element_is_kept_where_its_random_number_is_not_below_p():
    x = Tensor(np.ones((3, 50)))
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
        for source in (0, np.random.RandomState(0)):
            with pytest.raises(
                ArgumentTypeError, match=r"generator must be numpy\.random\.default_rng\(seed\) or None, got"
            ):
                function(x, 0.5, generator=source)
        with pytest.raises(ArgumentTypeError, match="x must be a Tensor, got ndarray"):
            function(np.ones((1, 1, 2, 2)))
    with pytest.raises(ArgumentError, match=r"dropout2d: x must have 4 dimensions"):
        F.dropout2d(Tensor(np.ones((2, 2))), generator=seeded())


# --- on a GPU -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "counter, key, words",
    [
        (0, 0, "6627e8d5 e169c58d bc57ac4c 9b00dbd8"),  # from the test vectors of Random123, the authors' library
        (5, 2**40 + 3, None),
    ],
)
def test_random_numbers_of_a_gpu_are_philox(counter, key, words):
    with playing() as cupy:
        parameters = "T* made, long long counter, long long key"
        kernel = Kernel("drawn", parameters, "made[i] = philox(counter, key, i);", PHILOX)
        del KERNELS["drawn"]
        made = cupy.empty(4, np.uint32)
        kernel(4, made, counter, key)
        assert made.tolist() == philox(counter, key)
    if words:
        assert made.tolist() == [int(word, 16) for word in words.split()]


def philox(counter, key):
    """Salmon et al. 2011, in Python's whole numbers."""
    low = 2**32 - 1
    c, k = [counter & low, counter >> 32, 0, 0], [key & low, key >> 32]
    for number in range(10):
        first, second = 0xD2511F53 * c[0], 0xCD9E8D57 * c[2]
        keys = [(start + number * step) & low for start, step in zip(k, (0x9E3779B9, 0xBB67AE85), strict=True)]
        c = [(second >> 32) ^ c[1] ^ keys[0], second & low, (first >> 32) ^ c[3] ^ keys[1], first & low]
    return c


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_a_gpu_draws_its_mask_itself_and_the_same_for_the_same_seed(dtype):
    with playing() as cupy:
        x = Tensor.of(cupy.ones((40, 50, 7), dtype)).requires_grad_()
        first, again, other = (F.dropout(x, 0.3, generator=np.random.default_rng(seed)) for seed in (1, 1, 2))
        values = first.data.get()
        assert values.dtype == dtype
        assert np.array_equal(values, again.data.get()) and not np.array_equal(values, other.data.get())
        kept = values > 0
        assert abs(kept.mean() - 0.7) < 4 * np.sqrt(0.3 * 0.7 / kept.size)  # four deviations of the mean
        for axis in range(3):  # neighbours know nothing of each other
            pairs = np.roll(kept, 1, axis) & kept
            assert abs(pairs.mean() - 0.49) < 0.02
        assert set(np.unique(values).tolist()) == {0.0, float(dtype(1 / 0.7))}
        first.backward(cupy.ones(x.shape, dtype))
        assert np.array_equal(x.grad.data.get(), values)
        assert not F.dropout(x, 1.0, generator=np.random.default_rng(1)).data.get().any()
        channels = F.dropout2d(Tensor.of(cupy.ones((20, 30, 3, 4))), 0.5, generator=np.random.default_rng(1)).data.get()
        assert (channels == channels[:, :, :1, :1]).all() and 0.4 < (channels > 0).mean() < 0.6


def test_a_key_has_63_bits():
    class Asked(np.random.Generator):
        """A generator that says how large a number was wanted."""

        largest = None

        def integers(self, high):
            self.largest = high
            return high - 1

    source = Asked(np.random.PCG64())
    with playing() as cupy:
        F.dropout(Tensor.of(cupy.ones(3)), generator=source)
    assert source.largest == 2**63
