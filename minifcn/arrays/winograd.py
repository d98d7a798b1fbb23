"""Winograd's convolution: 3x3 kernels with stride 1, in a basis where the sum over taps is a product of numbers.

Slide r = 3 taps g over a row d: m results come from n = m + r − 1 pixels, by m·r multiplications. n are enough. Let h
be numbers at the results, as y is in T, and write the sum as one over powers of t:

    Σ_j h_j · (Σ_i g_i · d_{i+j}) = Σ_e (coefficient of t^e in g(t)·h(t)) · d_e,   g(t) = Σ g_i·t^i, h(t) = Σ h_j·t^j

The product g·h has n coefficients, so it is known from its values at n points, and there the values of a product are
the products of the values. Let V_k have a row 1, t, ..., t^(k−1) for each point t, and for the point ∞, which reads the
last coefficient, 0, ..., 0, 1. Then the values of g are V_r·g, those of h are V_m·h, and the coefficients are V_n⁻¹
times the product of both, element by element:

    Σ_j h_j · (Σ_i g_i · d_{i+j}) = Σ (V_r·g) ⊙ (V_m·h) ⊙ (V_n⁻ᵀ·d)        G = V_r, A = V_m, B = V_n⁻ᵀ

The form was trilinear and is trilinear still, now without sliding. Along rows and columns alike, tile by tile,

    T(x, w, y) = Σ (B x Bᵀ) ⊙ (G w Gᵀ) ⊙ (A y Aᵀ)

and its three derivatives are the three contractions: n² multiplications for m² results instead of 9·m², that is 36
instead of 144 with m = 4. Summed over channels each of the n² numbers of a tile becomes one matrix product.

The price is rounding. Measured in float32 with normal numbers, 512 channels and 28x30 pixels, the largest error of any
contraction over five seeds was 1.3e-5 of the largest result with m = 4 and 7e-7 with m = 2, where im2col has 4e-7. A
NaN or an infinity makes NaN of all m x m results of each tile that sees it, and of all nine taps of its channels'
weights.

Source: Winograd 1980, "Arithmetic complexity of computations"; Lavin and Gray, CVPR 2016; Toom and Cook's points.
"""

from __future__ import annotations

from fractions import Fraction
from functools import cache
from math import lcm, prod
from typing import Any

import numpy as np

from minifcn.arrays.turned import turned
from minifcn.backend import Array, array_module, threads_for, working_bytes
from minifcn.geometry import Geometry
from minifcn.threads import even_parts, for_each

# Small numbers, so that their powers stay small and little is lost in rounding.
POINTS = (0, 1, -1, 2, -2)

Rows = list[list[Fraction]]
Block = tuple[slice, slice]  # images, and rows of tiles


def fits(geometry: Geometry) -> bool:
    """Whether this algorithm can compute it: 3x3 kernel, stride 1, dilation 1, one group, at most 2 rows of padding."""
    g = geometry
    plain = g.kernel_size == (3, 3) and g.stride == g.dilation == (1, 1) and g.groups == 1
    return plain and max(g.padding) <= 2 and min(g.input_size) > 0


# --- the matrices -------------------------------------------------------------------------------------------------


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
def _both_axes(m: int, dtype: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """B ⊗ B (n², n²), G ⊗ G (n², 9) and A ⊗ A (n², m²): rows and columns at once, so that a transform is one GEMM."""
    B, G, A = transforms(m)
    return np.kron(B, B).astype(dtype), np.kron(G, G).astype(dtype), np.kron(A, A).astype(dtype)


def tile(geometry: Geometry) -> int:
    """m: 4, or 2 where the result is so small that much of a 4x4 tile would hang over its edge."""
    return 2 if min(geometry.output_size) <= 4 else 4


def tiles(geometry: Geometry) -> int:
    """How many tiles cover the result of one image."""
    m = tile(geometry)
    return prod(-(-size // m) for size in geometry.output_size)


# --- tiles --------------------------------------------------------------------------------------------------------


def _blocks(x: Array, channels: int, geometry: Geometry, m: int) -> list[Block]:
    """Images and rows of tiles whose transformed pixels fit `working_bytes`, at least one block for each thread."""
    N, n = len(x), m + 2
    rows, columns = (-(-size // m) for size in geometry.output_size)
    bytes_per_row = max(1, n * n * channels * columns * x.dtype.itemsize)
    threads = threads_for(x, geometry.output_pixels * N * channels)
    fitting = max(1, min(2 * working_bytes(x) // bytes_per_row, -(-rows * N // threads)))
    images = max(1, fitting // rows)
    starts = range(0, rows, fitting)
    return [
        (slice(i, min(i + images, N)), slice(start, min(start + fitting, rows)))
        for i in range(0, N, images)
        for start in starts
    ]


def _seen(x: Array, geometry: Geometry, m: int, block: Block) -> Array:
    """The n x n pixels under each tile of a block, zeros in the padding: (N, C, H, W) -> (n², C, images·tiles)."""
    xp, (images, rows), n = array_module(x), block, m + 2
    C, columns = x.shape[1], -(-geometry.output_size[1] // m)
    count, height = images.stop - images.start, rows.stop - rows.start
    part = xp.zeros((C, count, height * m + 2, columns * m + 2), x.dtype)  # the tiles overlap by 2
    for_rows, for_columns = rows.start * m - geometry.padding[0], -geometry.padding[1]
    top, bottom = max(0, for_rows), min(x.shape[2], for_rows + part.shape[2])
    left, right = max(0, for_columns), min(x.shape[3], for_columns + part.shape[3])
    part[:, :, top - for_rows : bottom - for_rows, left - for_columns : right - for_columns] = x[
        images, :, top:bottom, left:right
    ].swapaxes(0, 1)
    tiles = xp.empty((n, n, C, count, height, columns), x.dtype)
    for i in range(n):
        for j in range(n):
            tiles[i, j] = part[:, :, i : i + (height - 1) * m + 1 : m, j : j + (columns - 1) * m + 1 : m]
    return tiles.reshape(n * n, C, count * height * columns)


def _placed(tiles: Array, y: Array, m: int, block: Block) -> None:
    """Write (m², O, images·tiles) to a block's results in y (N, O, OH, OW); what hangs over the edge is dropped."""
    (images, rows), (_, O, OH, OW) = block, y.shape
    columns = -(-OW // m)
    tiles = tiles.reshape(m, m, O, images.stop - images.start, rows.stop - rows.start, columns)
    part = y[images, :, rows.start * m : min(OH, rows.stop * m)].swapaxes(0, 1)
    for i in range(m):
        for j in range(m):
            place = part[:, :, i::m, j::m]
            place[...] = tiles[i, j, :, :, : place.shape[2], : place.shape[3]]


def _transformed(matrix: Array, tiles: Array) -> Array:
    """(a, b) times (b, C, P) -> (a, C, P)."""
    return (matrix @ tiles.reshape(len(tiles), -1)).reshape(len(matrix), *tiles.shape[1:])


# --- the three contractions ---------------------------------------------------------------------------------------


def to_output(x: Array, w: Array, geometry: Geometry) -> Array:
    """Convolution. x (N, C, H, W), w (O, C, 3, 3) -> y (N, O, OH, OW): Aᵀ (Σ_c G w Gᵀ ⊙ B x Bᵀ) A for each tile."""
    xp, (O, C), m = array_module(x, w), w.shape[:2], tile(geometry)
    B, G, A = (xp.asarray(matrix) for matrix in _both_axes(m, x.dtype))
    y = xp.empty((len(x), O, *geometry.output_size), x.dtype)
    weight = (G @ w.reshape(O * C, 9).T).reshape(len(G), O, C)

    def compute(block: Block) -> None:
        image = _transformed(B, _seen(x, geometry, m, block))  # (n², C, P)
        _placed(_transformed(A.T, weight @ image), y, m, block)  # (n², O, C) @ (n², C, P)

    for_each(compute, _blocks(x, C + O, geometry, m))
    return y


def to_input(w: Array, y: Array, geometry: Geometry) -> Array:
    """Transposed convolution. w (O, C, 3, 3), y (N, O, OH, OW) -> x (N, C, H, W).

    With stride 1 it is a convolution of y, see turned.py.
    """
    return to_output(y, *turned(w, geometry))


def to_weight(x: Array, y: Array, geometry: Geometry) -> Array:
    """What the weight receives. x (N, C, H, W), y (N, O, OH, OW) -> w (O, C, 3, 3): Gᵀ (Σ B x Bᵀ ⊙ A y Aᵀ) G."""
    xp, C, O, m = array_module(x, y), x.shape[1], y.shape[1], tile(geometry)
    B, G, A = (xp.asarray(matrix) for matrix in _both_axes(m, x.dtype))
    blocks = _blocks(x, C + O, geometry, m)
    # Each thread adds up its own share of the blocks; the shares are added in order, so the bits do not depend on luck.
    shares = even_parts(len(blocks), threads_for(x, geometry.output_pixels * len(x) * (C + O)))
    sums: list[Any] = [None] * len(shares)

    def compute(number: int) -> None:
        total = xp.zeros((len(B), O, C), x.dtype)
        for block in blocks[shares[number]]:
            image = _transformed(B, _seen(x, geometry, m, block))  # (n², C, P)
            result = _transformed(A, _taken(y, m, block))  # (n², O, P)
            total += result @ image.swapaxes(1, 2)
        sums[number] = total

    for_each(compute, range(len(shares)))
    total = sums[0]
    for other in sums[1:]:
        total += other
    return (G.T @ total.reshape(len(G), O * C)).T.reshape(O, C, 3, 3)


def _taken(y: Array, m: int, block: Block) -> Array:
    """The results of a block as tiles, zeros over the edge: y (N, O, OH, OW) -> (m², O, images·tiles)."""
    xp, (images, rows), (_, O, OH, OW) = array_module(y), block, y.shape
    columns, count, height = -(-OW // m), images.stop - images.start, rows.stop - rows.start
    tiles = xp.zeros((m, m, O, count, height, columns), y.dtype)
    part = y[images, :, rows.start * m : min(OH, rows.stop * m)].swapaxes(0, 1)
    for i in range(m):
        for j in range(m):
            place = part[:, :, i::m, j::m]
            tiles[i, j, :, :, : place.shape[2], : place.shape[3]] = place
    return tiles.reshape(m * m, O, count * height * columns)
