"""What there is: memory of a device, room for a block, threads worth their while; and what to say when it runs out."""

from __future__ import annotations

import os
from functools import cache
from math import prod

from minifcn.errors import AllocationError
from minifcn.machine import threads
from minifcn.machine.backend import Array, at_home, cupy_module, device_of, is_cupy

LEAST_ON_GPU, MOST_ON_GPU = 8 << 20, 64 << 20  # bytes of a block of columns

UNITS = ("bytes", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB")


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
# thread, and to be woken by it, take about 0.1 ms together in a virtual machine. A product of matrices makes as many
# multiplications as PRODUCTS in the time of one such operation, which waits for memory.
WORTH_SHARING = 1 << 20
PRODUCTS = 16


def threads_for(x: Array, elements: int, multiplications: int = 0) -> int:
    """How many threads should share a work where `x` lives: one on a GPU, or for very little.

    elements: how many numbers are computed or moved; multiplications: those in products of matrices.
    """
    enough = elements + multiplications // PRODUCTS >= WORTH_SHARING
    return threads.get_num_threads() if enough and not is_cupy(x) else 1
