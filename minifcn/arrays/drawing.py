"""What dropout multiplies with: 0 with probability p, else 1 / (1 − p), drawn where it is needed."""

from __future__ import annotations

import numpy as np

from minifcn.arrays.half import narrow, sum_dtype
from minifcn.machine.backend import Array, at_home, is_cupy
from minifcn.machine.kernels import Kernel
from minifcn.machine.memory import empty


def dropout_factors(shape: tuple[int, ...], p: float, generator: np.random.Generator, like: Array) -> Array:
    """An array of `shape`, of the dtype of `like` and where it lives; 0 < p <= 1.

    On a GPU only a key of 63 bits comes from the generator, and the factors are drawn there.
    """
    kept = 1 / (1 - p) if p < 1 else 0.0
    if is_cupy(like):
        key = int(generator.integers(2**63))
        with at_home(like):
            factor = empty(shape, sum_dtype(like.dtype), like)
            _DROPOUT(factor.size, factor, key, p, kept)
            return narrow(factor, like.dtype)
    keep = generator.random(shape, np.float32) >= p
    factor = keep.astype(like.dtype) / (1 - p) if p < 1 else np.zeros(shape, like.dtype)
    return factor.astype(like.dtype)


PHILOX = """
// The word `lane` (0..3) of the four that Philox-4x32-10 makes of a counter and a key: Salmon et al. 2011, "Parallel
// random numbers: as easy as 1, 2, 3". Whoever knows the key knows every number, in any order: no state, no waiting.
__device__ unsigned int philox(unsigned long long counter, unsigned long long key, int lane) {
    unsigned int c0 = counter, c1 = counter >> 32, c2 = 0, c3 = 0, k0 = key, k1 = key >> 32;
    for (int round = 0; round < 10; round++) {
        const unsigned long long first = 0xD2511F53ULL * c0, second = 0xCD9E8D57ULL * c2;
        c0 = (unsigned int)(second >> 32) ^ c1 ^ k0;
        c1 = (unsigned int)second;
        c2 = (unsigned int)(first >> 32) ^ c3 ^ k1;
        c3 = (unsigned int)first;
        k0 += 0x9E3779B9;
        k1 += 0xBB67AE85;
    }
    return lane == 0 ? c0 : lane == 1 ? c1 : lane == 2 ? c2 : c3;
}
"""

_DROPOUT = Kernel(
    "dropout",
    "T* factor, long long key, T p, T kept",
    """
    // One thread for each number, written side by side. 24 random bits are a number in [0, 1), exact in float32.
    const T drawn = T(philox(i / 4, key, i % 4) >> 8) / T(16777216);
    factor[i] = drawn >= p ? kept : T(0);""",
    before=PHILOX,
)
