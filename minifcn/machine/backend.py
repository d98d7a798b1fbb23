"""NumPy or CuPy, decided by the array at hand. The only file that imports CuPy.

`array_module(x)` is asked inside every array function, so there is no global device and no switch: hand a function a
CuPy array and it runs on the GPU.
"""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from types import ModuleType
from typing import Any

import numpy as np

from minifcn.errors import ArgumentError, ArgumentTypeError
from minifcn.machine.deferred import check_now

# NumPy's and CuPy's arrays share their interface but no base class, so "an array of either" has no better static type.
Array = Any


def is_cupy(x: object) -> bool:
    """True for a CuPy array. CuPy itself is not imported to find out."""
    # A step of training asks thousands of times, and nearly always about NumPy's.
    return type(x) is not np.ndarray and type(x).__module__.partition(".")[0] == "cupy"


def is_array(x: object) -> bool:
    return isinstance(x, np.ndarray) or (is_cupy(x) and type(x).__name__ == "ndarray")


def array_module(*arrays: Array) -> ModuleType:
    """The module (`numpy` or `cupy`) that owns all the arrays.

    Raises ArgumentTypeError if they live on different devices: nothing is copied behind your back.
    """
    if not any(map(is_cupy, arrays)):
        return np
    if len({device_of(x) for x in arrays}) > 1:
        places = ", ".join(device_of(x) for x in arrays)
        raise ArgumentTypeError(f"the arrays live on different devices ({places}); move them to one with .to(...).")
    return cupy_module()


def device_of(x: Array) -> str:
    """`"cpu"` or `"cuda:<index>"`."""
    return f"cuda:{x.device.id}" if is_cupy(x) else "cpu"


def names_device(text: object) -> bool:
    """Whether `text` is meant as a device ("cpu", "cuda", "cuda:1"), not as a dtype; `full_name` says if it is one."""
    return isinstance(text, str) and text.partition(":")[0] in ("cpu", "cuda")


def full_name(device: str) -> str:
    """`"cpu"`, or `"cuda:<index>"`: without an index that of the current device. ArgumentError for another name."""
    kind, colon, index = str(device).partition(":")
    if kind == "cpu" and not colon:
        return "cpu"
    if kind != "cuda" or (colon and not index.isdecimal()):
        raise ArgumentError(f'device {device!r} is unknown; use "cpu", "cuda" or "cuda:<index>".')
    if colon:
        return f"cuda:{int(index)}"
    cupy = cupy_module()
    try:
        return f"cuda:{cupy.cuda.Device().id}"
    except cupy.cuda.runtime.CUDARuntimeError as error:
        raise ArgumentError(f'device "{device}" cannot be used ({error}); use "cpu".') from error


def to_device(x: Array, device: str) -> Array:
    """`x` on `device` (`"cpu"`, `"cuda"`, `"cuda:1"`); `x` itself when it is there already."""
    name = full_name(device)
    if name == "cpu":
        return to_numpy(x)
    cupy = cupy_module()
    try:
        with cupy.cuda.Device(int(name.removeprefix("cuda:"))) as wanted:
            if is_cupy(x) and x.device.id != wanted.id:
                return cupy.array(x, order="C")  # from card to card CuPy copies only what has no steps
            return cupy.asarray(x)
    except cupy.cuda.runtime.CUDARuntimeError as error:
        raise ArgumentError(f'device "{device}" cannot be used ({error}); use "cpu".') from error


def at_home(x: Array) -> AbstractContextManager[Any]:
    """Inside, what is computed from `x` is computed where `x` lives: CuPy works on one current device at a time."""
    return nullcontext() if not is_cupy(x) else cupy_module().cuda.Device(x.device.id)


def to_numpy(x: Array) -> np.ndarray:
    """`x` on the host. For a GPU's array the host waits, so errors that were found there are raised (deferred.py)."""
    if not is_cupy(x):
        return np.asarray(x)
    check_now()
    with at_home(x):
        return x.get()


def cublas() -> tuple[Any, int]:
    """cuBLAS as CuPy shows it, and the handle of this thread on the current device."""
    cupy_module()
    from cupy.cuda import cublas, device

    return cublas, device.get_cublas_handle()


def cupy_module() -> ModuleType:
    """CuPy. ArgumentError, caused by what the import says, if it is not there."""
    try:
        import cupy
    except ImportError as error:
        raise ArgumentError(
            'device "cuda" needs CuPy, which is not installed; pip install "minifcn[cuda12]" or "minifcn[cuda13]".'
        ) from error
    return cupy
