"""The matrices of a sum that slides: Toom and Cook's, from which Winograd's convolution is made (contractions.py).

    Σ_j h_j · (Σ_i g_i · d_{i+j}) = Σ (G·g) ⊙ (A·h) ⊙ (B·d)

Why, and what the points have to do with it, is told in contractions.py.
Source: Winograd 1980, "Arithmetic complexity of computations".
"""

from __future__ import annotations

from fractions import Fraction
from functools import cache
from math import lcm
from typing import Any

import numpy as np

# Small numbers, so that their powers stay small and little is lost in rounding.
POINTS = (0, 1, -1, 2, -2)

Rows = list[list[Fraction]]


@cache
def transforms(m: int, r: int = 3) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """B (n, n), G (n, r) and A (n, m) with Σ_j h_j·y_j = Σ (G·g) ⊙ (A·h) ⊙ (B·d), n = m + r − 1; float64.

    Computed with fractions from the points. A row of B times a number and the same row of G divided by it change
    nothing: so B gets whole numbers. Needs m + r − 2 points of POINTS.

    >>> B, G, A = transforms(2)
    >>> B.tolist()
    [[1.0, 0.0, -1.0, 0.0], [0.0, 1.0, 1.0, 0.0], [0.0, -1.0, 1.0, 0.0], [0.0, -1.0, 0.0, 1.0]]
    """
    n = m + r - 1
    B, G, A = list(zip(*_inverse(_powers(n, n)), strict=True)), _powers(n, r), _powers(n, m)
    whole = [lcm(*(value.denominator for value in row)) for row in B]
    B = [tuple(value * factor for value in row) for row, factor in zip(B, whole, strict=True)]
    G = [[value / factor for value in row] for row, factor in zip(G, whole, strict=True)]
    return tuple(np.array(rows, dtype=np.float64) for rows in (B, G, A))  # type: ignore[return-value]


def _powers(n: int, k: int) -> Rows:
    """V_k: a row of powers 1, t, ..., t^(k−1) for each of n − 1 points, and the row of ∞."""
    finite = [[Fraction(point) ** e for e in range(k)] for point in POINTS[: n - 1]]
    return [*finite, [Fraction(int(e == k - 1)) for e in range(k)]]


def _inverse(matrix: Rows) -> Rows:
    """Gauss and Jordan, exact."""
    n = len(matrix)
    rows = [[*row, *(Fraction(int(i == j)) for j in range(n))] for i, row in enumerate(matrix)]
    for c in range(n):
        pivot = next(i for i in range(c, n) if rows[i][c])
        rows[c], rows[pivot] = rows[pivot], rows[c]
        rows[c] = [value / rows[c][c] for value in rows[c]]
        for i in range(n):
            if i != c and rows[i][c]:
                rows[i] = [a - rows[i][c] * b for a, b in zip(rows[i], rows[c], strict=True)]
    return [row[n:] for row in rows]


@cache
def both_axes(m: int, dtype: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """B ⊗ B (n², n²), G ⊗ G (n², 9) and A ⊗ A (n², m²): rows and columns at once, so that a transform is one GEMM."""
    B, G, A = transforms(m)
    return np.kron(B, B).astype(dtype), np.kron(G, G).astype(dtype), np.kron(A, A).astype(dtype)


def in_cuda(name: str, matrix: np.ndarray) -> str:
    """CUDA C of `name(pixels, made)`: made (a, a) = matrix (a, b) · pixels (b, b) · matrixᵀ, both by rows.

    The sums are written out without their zeros, and all indices are numbers: so the compiler keeps every array in
    registers.

    >>> in_cuda("B", np.array([[4, 0, -5]])).splitlines()[1].strip()
    'made[0 * to] = T(4.0) * d[0 * from] - T(5.0) * d[2 * from];'
    """
    a, b = matrix.shape
    lines = [f"    made[{i} * to] = {_sum(row)};" for i, row in enumerate(matrix.tolist())]
    once = "\n".join(lines)
    return f"""__device__ __forceinline__ void {name}_once(const T* d, int from, T* made, int to) {{
{once}
}}
__device__ __forceinline__ void {name}(const T* pixels, T* made) {{
    T half[{a * b}];
    #pragma unroll
    for (int j = 0; j < {b}; j++) {name}_once(pixels + j, {b}, half + j, {b});
    #pragma unroll
    for (int i = 0; i < {a}; i++) {name}_once(half + i * {b}, 1, made + i * {a}, 1);
}}
"""


def _sum(row: list[float]) -> str:
    """[4, 0, -5] -> "T(4.0) * d[0 * from] - T(5.0) * d[2 * from]"; a factor of 1 is not written."""
    text = ""
    for j, value in enumerate(row):
        if value:
            sign = (" - " if value < 0 else " + ") if text else ("-" if value < 0 else "")
            text += sign + (f"T({float(abs(value))!r}) * " if abs(value) != 1 else "") + f"d[{j} * from]"
    return text
