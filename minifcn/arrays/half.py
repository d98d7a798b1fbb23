"""Half precision stores numbers; it does not add them up.

A float16 has 11 binary digits: 2048 + 1 is 2048 again, so a sum of ones would stop growing there. Whatever adds up many
numbers reads float16 as float32 and rounds once, at the end. What is beyond 65504 then becomes infinite, as IEEE 754
has it: an answer, not an accident to warn of.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from minifcn.machine.backend import Array


def sum_dtype(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """The dtype in which numbers of `dtype` are added up: float32 for float16, everything else in its own."""
    return np.dtype(np.float32) if dtype == np.float16 else dtype


def wide(x: Array) -> Array:
    """float16 as float32; everything else as it is, not copied."""
    return x.astype(sum_dtype(x.dtype), copy=False)


@np.errstate(over="ignore")
def narrow(y: Array, dtype: np.dtype[Any]) -> Array:
    """The way back: y as float16 if `dtype`, that of what was widened, is float16; otherwise y itself."""
    return y.astype(dtype) if dtype == np.float16 else y
