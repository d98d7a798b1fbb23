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

from collections.abc import Callable, Iterator
from fractions import Fraction
from functools import cache
from math import lcm, prod
from typing import Any

import numpy as np

from minifcn.arrays.turned import turned_geometry
from minifcn.backend import Array, array_module, threads_for, working_bytes
from minifcn.geometry import Geometry
from minifcn.memory import empty, scratch
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


def tile(geometry: Geometry, images: int) -> int:
    """m: 4, or 2 for results so small that 4 would leave fewer than 40 tiles, and these hang over the edges.

    Each of the n² products multiplies by as many columns as there are tiles, and a matrix must be read from memory for
    them, however few they are: with m = 2 there are more columns, and 16 products instead of 36.
    """
    return 4 if images * _tiles(geometry, 4) >= 40 else 2


def tiles(geometry: Geometry, images: int) -> int:
    """How many tiles cover the results of all images."""
    return images * _tiles(geometry, tile(geometry, images))


def _tiles(geometry: Geometry, m: int) -> int:
    return prod(-(-size // m) for size in geometry.output_size)


# --- tiles --------------------------------------------------------------------------------------------------------


# Tiles in a block at least: the weight is transformed anew for each, so it should be multiplied by many.
LEAST_TILES = 256


def _blocks(x: Array, geometry: Geometry, m: int) -> list[Block]:
    """Images and rows of tiles."""
    N, C = x.shape[:2]
    rows = -(-geometry.output_size[0] // m)
    fitting = rows_of_tiles(C, geometry, m, x.dtype.itemsize, working_bytes(x))
    images = max(1, fitting // rows)
    return [
        (slice(i, min(i + images, N)), slice(start, min(start + fitting, rows)))
        for i in range(0, N, images)
        for start in range(0, rows, fitting)
    ]


def rows_of_tiles(C: int, geometry: Geometry, m: int, itemsize: int, room: int) -> int:
    """How many rows a block has at most: their transformed pixels fit twice the room, or they are LEAST_TILES."""
    columns = -(-geometry.output_size[1] // m)
    bytes_per_row = max(1, (m + 2) ** 2 * C * columns * itemsize)
    return max(1, 2 * room // bytes_per_row, LEAST_TILES // columns)


def _parts(channels: int, values: int, products: int, x: Array) -> list[slice]:
    """All channels cut so that every thread has work, and a part's `values` per channel are about `working_bytes`.

    products: how many multiplications each of the values takes part in.
    """
    total = channels * values
    threads = threads_for(x, total, total * products)
    return even_parts(channels, max(threads, total * x.dtype.itemsize // working_bytes(x)))


def _count(geometry: Geometry, m: int, block: Block) -> tuple[int, int, int]:
    """How many images, rows and columns of tiles."""
    images, rows = block
    return images.stop - images.start, rows.stop - rows.start, -(-geometry.output_size[1] // m)


def _seen(x: Array, geometry: Geometry, m: int, block: Block) -> Array:
    """The n x n pixels under each tile of a block, zeros in the padding: (N, C, H, W) -> (n², C, images·rows·columns).

    A tile's column j is the image's column j, j + m, j + 2m, ... Sorted by their remainder first, so that these lie
    side by side, the image is read once with steps, and the n² copies made of it need none.
    """
    (images, rows), (C, H), n = block, x.shape[1:3], m + 2
    count, height, columns = _count(geometry, m, block)
    sorted_ = scratch("winograd: columns by remainder", (m, C, count, height * m + 2, columns + 1), x)
    sorted_.fill(0)
    above, left = rows.start * m - geometry.padding[0], -geometry.padding[1]  # the block's corner in the image
    top, bottom = max(0, above), min(H, above + height * m + 2)
    for q in range(m):
        first = max(0, -((left + q) // m))  # the first that is not padding
        part = x[images, :, top:bottom, left + q + first * m :: m][..., : columns + 1 - first]
        sorted_[q, :, :, top - above : bottom - above, first : first + part.shape[3]] = part.swapaxes(0, 1)
    tiles = scratch("winograd: tiles", (n, n, C, count, height, columns), x)
    by_q, by_c, by_image, by_row, by_column = sorted_.strides
    rows_of_tiles = array_module(x).lib.stride_tricks.as_strided(
        sorted_, (n, m, C, count, height, columns + 1), (by_row, by_q, by_c, by_image, m * by_row, by_column)
    )
    tiles[:, :m] = rows_of_tiles[..., :-1]
    tiles[:, m:] = rows_of_tiles[:, :2, ..., 1:]  # the tiles overlap by 2
    return tiles.reshape(n * n, C, count * height * columns)


def _places(tiles: Array, y: Array, geometry: Geometry, m: int, block: Block) -> Iterator[tuple[Array, Array]]:
    """Pairs of equal shape: a part of tiles (m², O, images·rows·columns), and what it stands for in y (N, O, OH, OW).

    Together the pairs cover all results of the block; what hangs over the edge is in none.
    """
    (images, rows), (_, O, OH, _) = block, y.shape
    tiles = tiles.reshape(m, m, O, *_count(geometry, m, block))
    part = y[images, :, rows.start * m : min(OH, rows.stop * m)].swapaxes(0, 1)
    for i in range(m):
        for j in range(m):
            place = part[:, :, i::m, j::m]
            yield tiles[i, j, :, :, : place.shape[2], : place.shape[3]], place


def _taken(y: Array, geometry: Geometry, m: int, block: Block) -> Array:
    """The results of a block as tiles, zeros over the edge: y (N, O, OH, OW) -> (m², O, images·rows·columns)."""
    tiles = scratch("winograd: tiles", (m * m, y.shape[1], prod(_count(geometry, m, block))), y)
    tiles.fill(0)
    for part, place in _places(tiles, y, geometry, m, block):
        part[...] = place
    return tiles


def _placed(tiles: Array, y: Array, geometry: Geometry, m: int, block: Block) -> None:
    """Write (m², O, images·rows·columns) to a block's results in y (N, O, OH, OW)."""
    for part, place in _places(tiles, y, geometry, m, block):
        place[...] = part


def _transformed(matrix: Array, tiles: Array, name: str) -> Array:
    """(a, b) times (b, ...) -> (a, ...), in the scratch memory of that name."""
    made = scratch(name, (len(matrix), *tiles.shape[1:]), tiles)
    array_module(tiles).matmul(matrix, tiles.reshape(len(tiles), -1), out=made.reshape(len(matrix), -1))
    return made


def _image(x: Array, B: Array, geometry: Geometry, m: int, block: Block) -> Array:
    """B x Bᵀ of a block: (n², C, P), P tiles."""
    C, P, n_squared = x.shape[1], prod(_count(geometry, m, block)), len(B)
    image = scratch("winograd: image", (n_squared, C, P), x)

    def transform(channels: slice) -> None:
        tiles = _seen(x[:, channels], geometry, m, block)
        columns = slice(channels.start * P, channels.stop * P)
        array_module(x).matmul(B, tiles.reshape(n_squared, -1), out=image.reshape(n_squared, C * P)[:, columns])

    for_each(transform, _parts(C, n_squared * P, n_squared, x))
    return image


# --- the three contractions ---------------------------------------------------------------------------------------
#
# Block by block of tiles: first all channels of x are transformed, then for some channels of y at a time the weight is,
# multiplied, and what comes out transformed back. Both are small enough to be still in the cache when they are read,
# and different channels are the work of different threads.


def to_output(x: Array, w: Array, geometry: Geometry) -> Array:
    """Convolution. x (N, C, H, W), w (O, C, 3, 3) -> y (N, O, OH, OW): Aᵀ (Σ_c G w Gᵀ ⊙ B x Bᵀ) A for each tile."""
    G = _both_axes(tile(geometry, len(x)), x.dtype)[1]

    def weight(outputs: slice) -> Array:
        return _weight(w[outputs], G)

    return _convolved(x, w.shape[0], weight, geometry)


def to_input(w: Array, y: Array, geometry: Geometry) -> Array:
    """Transposed convolution. w (O, C, 3, 3), y (N, O, OH, OW) -> x (N, C, H, W).

    With stride 1 it is a convolution of y (turned.py): the taps the other way round, the weight's channels exchanged.
    """
    back = turned_geometry(geometry)
    G = _both_axes(tile(back, len(y)), y.dtype)[1][:, ::-1]

    def weight(inputs: slice) -> Array:
        return _weight(w[:, inputs], G).swapaxes(1, 2)

    return _convolved(y, w.shape[1], weight, back)


def _weight(w: Array, G: np.ndarray) -> Array:
    """G w Gᵀ: (O, C, 3, 3) -> (n², O, C)."""
    taps = w.reshape(-1, 9).T  # (O, C, 3, 3) -> (9, O·C)
    made = _transformed(array_module(w).asarray(G), taps, "winograd: weight")
    return made.reshape(len(G), *w.shape[:2])


def _convolved(x: Array, O: int, weight: Callable[[slice], Array], geometry: Geometry) -> Array:
    """y of x (N, C, H, W) and of weight(outputs) (n², outputs, C), which is asked for some of O outputs at a time."""
    xp, m = array_module(x), tile(geometry, len(x))
    B, _, A = (xp.asarray(matrix) for matrix in _both_axes(m, x.dtype))
    y = empty((len(x), O, *geometry.output_size), x.dtype, x)
    for block in _blocks(x, geometry, m):
        image = _image(x, B, geometry, m, block)
        n_squared, C, P = image.shape

        def multiply(outputs: slice, image: Array = image, block: Block = block) -> None:
            made = scratch("winograd: product", (len(B), outputs.stop - outputs.start, image.shape[2]), x)
            xp.matmul(weight(outputs), image, out=made)  # (n², O, C) @ (n², C, P)
            _placed(_transformed(A.T, made, "winograd: tiles"), y[:, outputs], geometry, m, block)

        for_each(multiply, _parts(O, n_squared * (C + P) // 2, min(C, P), x))
    return y


def to_weight(x: Array, y: Array, geometry: Geometry) -> Array:
    """What the weight receives. x (N, C, H, W), y (N, O, OH, OW) -> w (O, C, 3, 3): Gᵀ (Σ B x Bᵀ ⊙ A y Aᵀ) G."""
    xp, C, O, m = array_module(x, y), x.shape[1], y.shape[1], tile(geometry, len(x))
    B, G, A = (xp.asarray(matrix) for matrix in _both_axes(m, x.dtype))
    taps = xp.zeros((9, O, C), x.dtype)
    for block in _blocks(x, geometry, m):
        image = _image(x, B, geometry, m, block)
        n_squared, _, P = image.shape

        def multiply(outputs: slice, image: Array = image, block: Block = block) -> None:
            result = _transformed(A, _taken(y[:, outputs], geometry, m, block), "winograd: result")
            made = scratch("winograd: product", (len(B), outputs.stop - outputs.start, C), x)
            xp.matmul(result, image.swapaxes(1, 2), out=made)  # (n², O, P) @ (n², P, C)
            taps[:, outputs] += _transformed(G.T, made, "winograd: weight")

        for_each(multiply, _parts(O, n_squared * (C + P) // 2, min(C, P), x))
    w = empty((O, C, 3, 3), x.dtype, x)
    w.reshape(O, C, 9)[...] = taps.transpose(1, 2, 0)
    return w
