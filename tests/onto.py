"""Tests on every array module (the fixture `xp`): tensors are made there, and what comes out is compared as NumPy's."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import numpy as np

from minifcn import Tensor
from minifcn.machine.backend import to_numpy


def on(xp: ModuleType, values: Any, requires_grad: bool = False, dtype: Any = None) -> Tensor:
    """`Tensor(values, requires_grad, dtype=dtype)`, with its array of `xp`."""
    return Tensor(xp.asarray(Tensor(values, dtype=dtype)._array), requires_grad)


def get(x: Any) -> np.ndarray:
    """The values of a Tensor, an array of any module or a number."""
    return to_numpy(x._array if isinstance(x, Tensor) else x)


def equal(found: Any, expected: Any, **options: Any) -> None:
    np.testing.assert_array_equal(get(found), get(expected), **options)


def close(found: Any, expected: Any, **bounds: Any) -> None:
    np.testing.assert_allclose(get(found), get(expected), **bounds)


def device_of(xp: ModuleType) -> str:
    """Where `on` puts a Tensor: what a module has to be moved to, to be beside it."""
    return "cpu" if xp is np else "cuda"


def moved_to(values: Any, device: str) -> Any:
    """A bare array on "cuda:0" or "cuda:1", whichever card is the current one."""
    import cupy

    with cupy.cuda.Device(int(device.partition(":")[2])):
        return cupy.asarray(values)
