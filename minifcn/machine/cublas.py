"""Products of matrices on a GPU, by cuBLAS: for stacks of matrices and for views, without a copy where it can be.

cuBLAS reads matrices by columns, NumPy writes them by rows: what is a matrix to one is its transpose to the other. So
it is asked for outᵀ = bᵀ aᵀ, which by rows is out = a b, and nothing has to be turned round. A matrix whose rows lie
side by side, or whose columns do, it can read as it is: a transposed view costs nothing. A stack is one call if its
matrices lie at equal distances, 0 included: one weight for all images. CuPy's own matmul would copy every view, and
every matrix that a stack repeats.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np

from minifcn.machine.backend import Array, array_module, cublas
from minifcn.machine.tf32 import get_float32_matmul_precision


def fits(dtype: Any) -> bool:
    """Whether it can multiply them: float32 and float64. (float16 is widened before, see arrays/half.py.)"""
    return dtype in (np.float32, np.float64)


def multiply(a: Array, b: Array, out: Array, add: bool = False) -> None:
    """out (..., n, m) = a (..., n, k) @ b (..., k, m), or added to what is in out; stacks are broadcast.

    The rows of out must lie side by side, each contiguous.
    """
    if not out.size:
        return
    if not a.shape[-1]:  # a sum of nothing
        if not add:
            out.fill(0)
        return
    xp, stack = array_module(a, b, out), out.shape[:-2]
    a, b = xp.broadcast_to(a, (*stack, *a.shape[-2:])), xp.broadcast_to(b, (*stack, *b.shape[-2:]))
    _multiply(_readable(a), _readable(b), out, add)


def _multiply(a: Array, b: Array, out: Array, add: bool) -> None:
    """Stack by stack, until what is left lies at equal distances."""
    stack = out.shape[:-2]
    steps = [_distance(array, stack) for array in (a, b, out)]
    if None in steps:
        for i in range(stack[0]):
            _multiply(a[i], b[i], out[i], add)
        return
    blas, handle = cublas()
    single = out.dtype == np.float32
    kind = 0 if single else 1  # CUDA_R_32F and CUDA_R_64F
    compute = blas.CUBLAS_COMPUTE_32F if single else blas.CUBLAS_COMPUTE_64F
    if single and get_float32_matmul_precision() != "highest":
        compute = blas.CUBLAS_COMPUTE_32F_FAST_TF32
    factor, kept = np.ones(1, out.dtype), np.full(1, add, out.dtype)  # read before the call is back
    (by_columns_a, leading_a), (by_columns_b, leading_b), (_, leading) = (_layout(array) for array in (a, b, out))
    (n, m), k, count = out.shape[-2:], a.shape[-1], int(np.prod(stack))
    sizes, automatic = (by_columns_b, by_columns_a, m, n, k), -1  # cuBLAS may choose how
    if count == 1:  # a call of its own, as cuBLAS can cut a single sum of many products between multiprocessors
        blas.gemmEx(
            handle, *sizes, factor.ctypes.data, b.data.ptr, kind, leading_b, a.data.ptr, kind, leading_a,
            kept.ctypes.data, out.data.ptr, kind, leading, compute, automatic,
        )  # fmt: skip
    else:
        blas.gemmStridedBatchedEx(
            handle, *sizes, factor.ctypes.data, b.data.ptr, kind, leading_b, steps[1], a.data.ptr, kind, leading_a,
            steps[0], kept.ctypes.data, out.data.ptr, kind, leading, steps[2], count, compute, automatic,
        )  # fmt: skip


def _readable(x: Array) -> Array:
    """x, or a copy if neither its rows nor its columns lie side by side, or its stack goes backwards."""
    forwards = all(stride >= 0 for stride in x.strides)
    return x if forwards and _layout(x)[1] else array_module(x).ascontiguousarray(x)


def _layout(x: Array) -> tuple[int, int]:
    """(0, from row to row) if the numbers of a row are neighbours, (1, from column to column) if those of a column are.

    Distances in numbers; (0, 0) if neither is so.
    """
    (rows, columns), (down, right) = x.shape[-2:], (stride // x.itemsize for stride in x.strides[-2:])
    if (columns == 1 or right == 1) and (rows == 1 or down >= columns):
        return 0, down if rows > 1 else columns
    if (rows == 1 or down == 1) and (columns == 1 or right >= rows):
        return 1, right if columns > 1 else rows
    return 0, 0


def _distance(x: Array, stack: tuple[int, ...]) -> int | None:
    """From one matrix of the stack to the next, if it is always the same; in numbers."""
    steps = [(size, stride // x.itemsize) for size, stride in zip(stack, x.strides, strict=False) if size > 1]
    for (_, outer), (size, inner) in pairwise(steps):
        if outer != size * inner:
            return None
    return steps[-1][1] if steps else 0
