"""NumPy or CuPy, decided by the array at hand. The only file that imports CuPy.

`array_module(x)` is asked inside every array function, so there is no global device and no switch: hand a function a
CuPy array and it runs on the GPU.
"""

from __future__ import annotations

import os
from contextlib import AbstractContextManager, nullcontext
from functools import cache
from math import prod
from types import ModuleType
from typing import Any

import numpy as np

from minifcn import threads
from minifcn.deferred import check_now
from minifcn.errors import AllocationError, ArgumentError, ArgumentTypeError

LEAST_ON_GPU, MOST_ON_GPU = 8 << 20, 64 << 20  # bytes of a block of columns

UNITS = ("bytes", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB")

# NumPy's and CuPy's arrays share their interface but no base class, so "an array of either" has no better static type.
Array = Any


def is_cupy(x: object) -> bool:
    """True for a CuPy array. CuPy itself is not imported to find out."""
    return type(x).__module__.partition(".")[0] == "cupy"


def is_array(x: object) -> bool:
    return isinstance(x, np.ndarray) or (is_cupy(x) and type(x).__name__ == "ndarray")


def array_module(*arrays: Array) -> ModuleType:
    """The module (`numpy` or `cupy`) that owns all the arrays.

    Raises ArgumentTypeError if they live on different devices: nothing is copied behind your back.
    """
    on_gpu = [is_cupy(x) for x in arrays]
    if not any(on_gpu):
        return np
    if len({device_of(x) for x in arrays}) > 1:
        places = ", ".join(device_of(x) for x in arrays)
        raise ArgumentTypeError(f"the arrays live on different devices ({places}); move them to one with .to(...).")
    return cupy_module()


def device_of(x: Array) -> str:
    """`"cpu"` or `"cuda:<index>"`."""
    return f"cuda:{x.device.id}" if is_cupy(x) else "cpu"


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


def working_bytes(x: Array) -> int:
    """How large a block of temporary columns may be where `x` lives.

    On a CPU a block should stay in the cache between being written and being multiplied (measured: 0.5 to 4 MB are
    equally fast, whole images are two to five times slower). On a GPU a block must be large enough to fill the card.
    There it is a part of all the memory, not of what is free at the moment: blocks decide in which order numbers are
    added up, and the same step shall give the same bits, whatever else is in memory.
    """
    if not is_cupy(x):
        return 2 << 20
    return max(LEAST_ON_GPU, min(MOST_ON_GPU, (memory_of(device_of(x)) or 0) // 64))


@cache
def memory_of(device: str) -> int | None:
    """All the memory of a device in bytes, used or free; None where the system does not say."""
    if device != "cpu":
        return int(cupy_module().cuda.Device(int(device.partition(":")[2])).mem_info[1])
    try:
        pages = os.sysconf("SC_PHYS_PAGES")
        return pages * os.sysconf("SC_PAGE_SIZE") if pages > 0 else None
    except (AttributeError, ValueError, OSError):  # Windows has no sysconf, and elsewhere a name may be unknown
        return None


def ran_out(error: Exception) -> bool:
    """Whether it says that there was no memory left: cuBLAS and the driver of a GPU have errors of their own for it."""
    of_gpu = any(kind.__module__.partition(".")[0] in ("cupy", "cupy_backends") for kind in type(error).__mro__)
    return isinstance(error, MemoryError) or (of_gpu and any(text in str(error) for text in _NO_MEMORY))


_NO_MEMORY = ("OUT_OF_MEMORY", "ALLOC_FAILED", "MemoryAllocation")


def out_of_memory(name: str, arrays: tuple[Array, ...]) -> AllocationError:
    """The error to raise when memory ran out in the operation `name` on `arrays`."""
    device = device_of(arrays[0])
    limit, used = memory_of(device), ""
    if limit is not None:
        used = f", which has {_readable(limit)}"
        if device != "cpu":
            with at_home(arrays[0]):
                in_use = cupy_module().get_default_memory_pool().used_bytes()
            used += f" ({_readable(in_use)} of it in use here)"
    shapes = " and ".join(str(tuple(x.shape)) for x in arrays)
    return AllocationError(
        f"{name}: there is no memory left on {device}{used}, for operands of shape {shapes}; make the batch or the "
        f"images smaller, or use minifcn.no_grad() where no gradient is wanted."
    )


def require_memory(name: str, shape: tuple[int, ...], like: Array, remedy: str) -> None:
    """Raises AllocationError if an array of `shape`, of the dtype and on the device of `like`, can never fit there.

    Asked before memory is taken, and only where a slip in an argument (a padding of 10⁶) can ask for terabytes. What is
    too large merely beside all else that lives at the moment is left to NumPy and CuPy: they raise MemoryErrors, too.
    """
    needed, device = prod(shape) * like.dtype.itemsize, device_of(like)
    limit = memory_of(device)
    if limit is not None and needed > limit:
        raise AllocationError(
            f"{name} of shape {shape} in {like.dtype} takes {_readable(needed)}, but {device} has {_readable(limit)} "
            f"of memory; {remedy}."
        )


def _readable(count: int) -> str:
    """1536 -> "1.5 KiB"."""
    power = min((max(count, 1).bit_length() - 1) // 10, len(UNITS) - 1)
    return f"{count / 1024**power:.4g} {UNITS[power]}"


# A work of less than this many additions or the like is done sooner than threads could be asked to share it: to wake a
# thread, and to be woken by it, take 0.1 to 0.2 ms together in a virtual machine. A product of matrices makes as many
# multiplications as PRODUCTS in the time of one such operation, which waits for memory.
WORTH_SHARING = 1 << 21
PRODUCTS = 16


def threads_for(x: Array, elements: int, multiplications: int = 0) -> int:
    """How many threads should share a work where `x` lives: one on a GPU, or for very little.

    elements: how many numbers are computed or moved; multiplications: those in products of matrices.
    """
    enough = elements + multiplications // PRODUCTS >= WORTH_SHARING
    return threads.get_num_threads() if enough and not is_cupy(x) else 1


def cupy_module() -> ModuleType:
    """CuPy. ArgumentError, caused by what the import says, if it is not there."""
    try:
        import cupy
    except ImportError as error:
        raise ArgumentError(
            'device "cuda" needs CuPy, which is not installed; pip install "minifcn[cuda12]" or "minifcn[cuda13]".'
        ) from error
    return cupy
