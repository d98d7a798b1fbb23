"""Dropout: set random elements, or whole channels, to zero while training."""

from __future__ import annotations

from typing import Any

import numpy as np

from minifcn.arrays.half import narrow, sum_dtype
from minifcn.errors import ArgumentError, ArgumentTypeError
from minifcn.functional.arithmetic import Scale
from minifcn.functional.operands import floating, image, unchanged
from minifcn.machine.backend import Array, at_home, is_cupy
from minifcn.machine.kernels import Kernel
from minifcn.machine.memory import empty


def dropout(x: Any, p: float = 0.5, training: bool = True, *, generator: np.random.Generator | None = None) -> Any:
    """Each element is 0 with probability p, else x / (1 − p), so the expectation stays x. Identity if not training.

    generator: the source of randomness; needed in training, since there is no global one. Any shape. On a GPU it gives
    the key of another one there: the same generator gives the same mask each time, but not that of a CPU.
    Source: Srivastava et al. 2014.
    """
    x = floating("dropout", x)
    return _dropped("dropout", x, x.shape, p, training, generator)


def dropout2d(x: Any, p: float = 0.5, training: bool = True, *, generator: np.random.Generator | None = None) -> Any:
    """Dropout of whole channels: x (N, C, H, W), each (n, c) plane is kept or zeroed. Source: Tompson et al. 2015."""
    x = image("dropout2d", x)
    return _dropped("dropout2d", x, (*x.shape[:2], 1, 1), p, training, generator)


def _dropped(
    name: str, x: Any, shape: tuple[int, ...], p: float, training: bool, generator: np.random.Generator | None
) -> Any:
    if not isinstance(p, int | float | np.floating) or not 0 <= p <= 1:
        raise ArgumentError(f"{name}: p must be a probability between 0 and 1, got {p!r}.")
    if not training or p == 0:
        return unchanged(x)
    if not isinstance(generator, np.random.Generator):
        raise ArgumentTypeError(
            f"{name}: training needs generator=numpy.random.default_rng(seed), got {type(generator).__name__}."
        )
    if is_cupy(x._array):
        return Scale(_drawn_on_a_gpu(shape, p, generator, x._array))(x)
    keep = generator.random(shape, np.float32) >= p
    factor = keep.astype(x.dtype) / (1 - p) if p < 1 else np.zeros(shape, x.dtype)
    return Scale(factor.astype(x.dtype))(x)


def _drawn_on_a_gpu(shape: tuple[int, ...], p: float, generator: np.random.Generator, like: Array) -> Array:
    """The factors, drawn where they are needed: only a key of 63 bits comes from the generator."""
    key = int(generator.integers(2**63))
    with at_home(like):
        factor = empty(shape, sum_dtype(like.dtype), like)
        _DROPOUT(factor.size, factor, key, p, 1 / (1 - p) if p < 1 else 0.0)
        return narrow(factor, like.dtype)


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
