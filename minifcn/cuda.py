"""Is there a GPU? `device = "cuda" if minifcn.cuda.is_available() else "cpu"`. Tensors go there with `.to(device)`."""

from __future__ import annotations

from minifcn.errors import ArgumentError
from minifcn.machine.backend import cupy_module


def device_count() -> int:
    """How many GPUs CuPy can use; 0 without CuPy, a driver or a card. `minifcn doctor` says what is missing."""
    try:
        runtime = cupy_module().cuda.runtime
    except ArgumentError:  # CuPy is not installed
        return 0
    try:
        return int(runtime.getDeviceCount())
    except runtime.CUDARuntimeError:
        return 0


def is_available() -> bool:
    """Whether CuPy can use a GPU."""
    return device_count() > 0
