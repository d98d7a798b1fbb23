"""The two functions of cuBLAS that minifcn calls, on the memory that their pointers point to."""

from __future__ import annotations

import ctypes
from typing import Any

import numpy as np

CUBLAS_COMPUTE_32F, CUBLAS_COMPUTE_64F, CUBLAS_COMPUTE_32F_FAST_TF32 = 68, 70, 77
CUBLAS_GEMM_DEFAULT = -1
CUBLAS_OP_N, CUBLAS_OP_T = 0, 1
FLOATS: dict[int, tuple[Any, tuple[int, ...]]] = {
    0: (np.float32, (CUBLAS_COMPUTE_32F, CUBLAS_COMPUTE_32F_FAST_TF32)),
    1: (np.float64, (CUBLAS_COMPUTE_64F,)),
}
products: list[tuple[int, int, int, int, int]] = []
"""(m, n, k, how many, how computed) of every product, for tests that count."""


def gemmStridedBatchedEx(
    handle: int, transa: int, transb: int, m: int, n: int, k: int, alpha: int, A: int, Atype: int, lda: int,
    strideA: int, B: int, Btype: int, ldb: int, strideB: int, beta: int, C: int, Ctype: int, ldc: int, strideC: int,
    batchCount: int, computeType: int, algo: int,
) -> None:  # fmt: skip
    """C = alpha·op(A)·op(B) + beta·C, all by columns: element (i, j) of A lies at A + i + j·lda, in numbers."""
    dtype, allowed = FLOATS[Atype]
    if not (Atype == Btype == Ctype and computeType in allowed and algo == CUBLAS_GEMM_DEFAULT):
        raise RuntimeError("CUBLAS_STATUS_NOT_SUPPORTED")
    rows_a, rows_b = (k if transa else m), (n if transb else k)
    if min(m, n, k, batchCount) < 1 or lda < rows_a or ldb < rows_b or ldc < m:
        raise RuntimeError("CUBLAS_STATUS_INVALID_VALUE")
    products.append((m, n, k, batchCount, computeType))

    def matrices(pointer: int, rows: int, columns: int, leading: int, stride: int) -> np.ndarray:
        size = np.dtype(dtype).itemsize
        numbers = (batchCount - 1) * stride + (columns - 1) * leading + rows
        memory = np.frombuffer((ctypes.c_char * (numbers * size)).from_address(pointer), dtype)
        return np.lib.stride_tricks.as_strided(
            memory, (batchCount, rows, columns), (stride * size, size, leading * size), writeable=True
        )

    a = matrices(A, rows_a, m + k - rows_a, lda, strideA)
    b = matrices(B, rows_b, k + n - rows_b, ldb, strideB)
    c = matrices(C, m, n, ldc, strideC)
    a, b = (a.swapaxes(1, 2) if transa else a), (b.swapaxes(1, 2) if transb else b)
    factor, kept = (dtype(ctypes.cast(p, ctypes.POINTER(_C[dtype]))[0]) for p in (alpha, beta))
    made = factor * (a @ b)
    c[...] = made if kept == 0 else made + kept * c  # what was there is not read if beta is 0, be it NaN


def gemmEx(
    handle: int, transa: int, transb: int, m: int, n: int, k: int, alpha: int, A: int, Atype: int, lda: int,
    B: int, Btype: int, ldb: int, beta: int, C: int, Ctype: int, ldc: int, computeType: int, algo: int,
) -> None:  # fmt: skip
    """The same for one matrix."""
    gemmStridedBatchedEx(
        handle, transa, transb, m, n, k, alpha, A, Atype, lda, 0, B, Btype, ldb, 0, beta, C, Ctype, ldc, 0, 1,
        computeType, algo,
    )  # fmt: skip


_C: dict[Any, Any] = {np.float32: ctypes.c_float, np.float64: ctypes.c_double}
