"""CUDA kernels: a few lines of CUDA C that a GPU runs once per item, all items side by side.

    DOUBLED = Kernel("doubled", "T* y, const T* x", "y[i] = 2 * x[i];")
    DOUBLED(y.size, y, x)                     # items 0 <= i < y.size

What the lines may use:

    i, count       the item, and how many there are
    T, L, ...      one capital letter: whatever number type the array has that is passed there; T is the first
    Index          a whole number large enough for all arrays: 64 bits where 32 are too few, as a division of 64 bits
                   takes several times as long
    thread         with `by_block`: which of the THREADS threads of one item
    block_sum(v)   with `by_block`: the sum of v over all threads of the item, for each of them

One thread is one item; with `by_block` a block of threads is. Items must not write what others read or write: then it
does not matter in which order they run, and every run gives the same bits. For speed, neighbouring items should read
and write neighbouring numbers: a GPU fetches those of 32 threads together.

As CuPy compiles them, float32 numbers below 1.2e-38 count as 0, and a product and a sum are rounded once together: so
the last bit may be another than NumPy's.

A kernel stands beside its NumPy twin, in the same file. Compiled once for each combination of types, by CuPy, which
keeps it in a file for the next process.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from minifcn.machine.backend import Array, array_module, at_home, is_cupy

LARGEST = 2**31  # what a whole number of 32 bits does not reach
THREADS = 256  # in a block; enough of them hide the time that memory takes, whatever the card

C_NAMES = {
    "bool": "bool",
    "uint8": "unsigned char",
    "int8": "signed char",
    "uint16": "unsigned short",
    "int16": "short",
    "uint32": "unsigned int",
    "int32": "int",
    "uint64": "unsigned long long",
    "int64": "long long",
    "float32": "float",
    "float64": "double",
}

BLOCK_SUM = """
__device__ T block_sum(T value) {
    // Halves are added to halves, always in the same order: the same bits on every run.
    __shared__ T parts[THREADS];
    const int thread = threadIdx.x;
    parts[thread] = value;
    __syncthreads();
    for (int half = THREADS / 2; half > 0; half /= 2) {
        if (thread < half) parts[thread] += parts[thread + half];
        __syncthreads();
    }
    const T total = parts[0];
    __syncthreads();
    return total;
}
"""

SCALARS = {"double": np.dtype(np.float64), "long long": np.dtype(np.int64)}

KERNELS: dict[str, Kernel] = {}
"""All kernels by name, for the tests that compile every one."""


class Kernel:
    """`body` in CUDA C for each item; `parameters` as in C: pointers to arrays, and numbers.

    before: functions and constants that the body uses. by_block: an item is the work of a block, not of one thread.
    """

    def __init__(self, name: str, parameters: str, body: str, before: str = "", by_block: bool = False) -> None:
        self.name, self.body, self.before, self.by_block = name, body, before, by_block
        self.parameters = [
            (kind.removeprefix("const ").rstrip("*"), kind.endswith("*"), text)
            for text in (" ".join(part.split()) for part in parameters.split(","))
            for kind in [text.rpartition(" ")[0]]
        ]
        self._compiled: dict[tuple[Any, ...], Any] = {}
        KERNELS[name] = self

    @property
    def letters(self) -> list[str]:
        """The types that arrays decide, in the order in which they are met."""
        return list(dict.fromkeys(kind for kind, pointer, _ in self.parameters if pointer and len(kind) == 1))

    def __call__(self, count: int, *arguments: Any) -> None:
        """Run items 0 <= i < count. Arrays must be contiguous and on one device; where letters agree, so must types.

        It only tells the GPU: the call is back before the items are.
        """
        if count == 0:
            return
        arrays = [argument for argument, (_, pointer, _) in zip(arguments, self.parameters, strict=True) if pointer]
        cupy = array_module(*arrays)
        types = self._types(arguments)
        wide = max(count + THREADS, *(int(array.size) for array in arrays)) >= LARGEST
        key = (cupy, wide, *types.values())
        if key not in self._compiled:
            self._compiled[key] = cupy.RawKernel(self.source(types, wide), self.name)
        numbers = SCALARS | types | {"Index": np.dtype(np.int64 if wide else np.int32)}
        values = [
            argument if pointer else numbers[kind].type(argument)
            for argument, (kind, pointer, _) in zip(arguments, self.parameters, strict=True)
        ]
        blocks = count if self.by_block else -(-count // THREADS)
        with at_home(arrays[0]):
            self._compiled[key]((blocks,), (THREADS,), (numbers["Index"].type(count), *values))

    def _types(self, arguments: tuple[Any, ...]) -> dict[str, np.dtype[Any]]:
        types: dict[str, np.dtype[Any]] = {}
        for argument, (kind, pointer, text) in zip(arguments, self.parameters, strict=True):
            if not pointer:
                continue
            if not argument.flags.c_contiguous:
                raise ValueError(f"{self.name}: {text} is a view with steps, of shape {argument.shape}.")
            if len(kind) == 1 and types.setdefault(kind, argument.dtype) != argument.dtype:
                raise ValueError(f"{self.name}: {text} is {argument.dtype}, but {kind} is {types[kind]}.")
        return types

    def source(self, types: dict[str, np.dtype[Any]], wide: bool) -> str:
        """The whole text that is compiled. (No two arguments overlap, which __restrict__ says.)"""
        names = "\n".join(f"typedef {C_NAMES[dtype.name]} {letter};" for letter, dtype in types.items())
        declared = ", ".join(text.replace("*", "* __restrict__") for _, _, text in self.parameters)
        item = "blockIdx.x" if self.by_block else "blockIdx.x * (Index)THREADS + threadIdx.x"
        thread = "    const int thread = threadIdx.x;\n" if self.by_block else ""
        return f"""{names}
typedef {"long long" if wide else "int"} Index;
#define THREADS {THREADS}
{BLOCK_SUM if self.by_block else ""}{self.before}
extern "C" __global__ void __launch_bounds__(THREADS) {self.name}(const Index count, {declared}) {{
    const Index i = {item};
    if (i >= count) return;
{thread}{self.body}
}}
"""


def run_on(*arrays: Array) -> bool:
    """Whether kernels can take the arrays: they are on a GPU, and of types that CUDA C knows, which float16 is not."""
    return all(is_cupy(array) and array.dtype.name in C_NAMES for array in arrays)


def contiguous(*arrays: Array) -> tuple[Array, ...]:
    """The arrays, those that are views with steps copied: as a kernel needs them."""
    return tuple(array if array.flags.c_contiguous else array.copy() for array in arrays)
