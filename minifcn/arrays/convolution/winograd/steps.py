"""The five steps of contractions.py, each on a block of tiles: from pixels to tiles in the other basis, and back.

    transformed_image     x (N, C, H, W)    -> B x Bᵀ (n², C, P)      P tiles of n x n pixels, which overlap by 2
    transformed_result    y (N, O, OH, OW)  -> A y Aᵀ (n², O, P)      of m x m results, n = m + 2
    transformed_weight    w (O, C, 3, 3)    -> G w Gᵀ (n², O, C)
    place                 (n², O, P) -> Aᵀ (·) A, written to y
    add_taps              (n², O, C) -> Gᵀ (·) G, added to (9, O, C)

On a CPU a step is one copy, which lays the pixels of all tiles side by side, and one product with the matrix for rows
and columns together, B ⊗ B. On a GPU it is one kernel, in which a thread has a tile of one channel in its registers.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import prod

import numpy as np

from minifcn.arrays.convolution.winograd.blocks import Block
from minifcn.arrays.convolution.winograd.toom_cook import both_axes, in_cuda, transforms
from minifcn.geometry import Geometry
from minifcn.machine.backend import Array, is_cupy
from minifcn.machine.kernels import Kernel, contiguous
from minifcn.machine.memory import scratch


def count_of(geometry: Geometry, m: int, block: Block) -> tuple[int, int, int]:
    """How many images, rows and columns of tiles."""
    images, rows = block
    return images.stop - images.start, rows.stop - rows.start, -(-geometry.output_size[1] // m)


# --- the steps ----------------------------------------------------------------------------------------------------


def transformed_image(x: Array, geometry: Geometry, m: int, block: Block, out: Array) -> None:
    """B x Bᵀ of the pixels under each tile, zeros in the padding: (N, C, H, W) -> out (n², C, images·rows·columns)."""
    images, rows = block
    if is_cupy(x):
        (pixels,) = contiguous(x[images])
        corner = rows.start * m - geometry.padding[0], -geometry.padding[1]
        _IMAGE[m](out[0].size, out, pixels, *x.shape[1:], *count_of(geometry, m, block)[1:], *corner)
    else:
        tiles, B = _seen(x, geometry, m, block), both_axes(m, x.dtype)[0]
        np.matmul(B, tiles.reshape(len(B), -1), out=_flat(out))


def transformed_result(y: Array, geometry: Geometry, m: int, block: Block) -> Array:
    """A y Aᵀ of the results of each tile, zeros over the edge: (N, O, OH, OW) -> (n², O, images·rows·columns)."""
    images, rows = block
    count = count_of(geometry, m, block)
    if is_cupy(y):
        made, (results,) = (
            scratch("winograd: result", ((m + 2) ** 2, y.shape[1], prod(count)), y),
            contiguous(y[images]),
        )
        _RESULT[m](made[0].size, made, results, *y.shape[1:], *count[1:], rows.start * m, 0)
        return made
    tiles = scratch("winograd: tiles", (m * m, y.shape[1], prod(count)), y)
    tiles.fill(0)
    for part, results in _places(tiles, y, geometry, m, block):
        part[...] = results
    return _transformed(both_axes(m, y.dtype)[2], tiles, "winograd: result")


def transformed_weight(w: Array, m: int, turned: bool = False) -> Array:
    """G w Gᵀ: (O, C, 3, 3) -> (n², O, C); turned: of the kernel flipped."""
    if is_cupy(w):
        (taps,) = contiguous(w)
        made = scratch("winograd: weight", ((m + 2) ** 2, *w.shape[:2]), w)
        _WEIGHT[m](made[0].size, made, taps, turned)
        return made
    G = both_axes(m, w.dtype)[1]
    made = _transformed(G[:, ::-1] if turned else G, w.reshape(-1, 9).T, "winograd: weight")  # (O, C, 3, 3) -> (9, O·C)
    return made.reshape(len(G), *w.shape[:2])


def place(product: Array, y: Array, geometry: Geometry, m: int, block: Block) -> None:
    """Aᵀ (·) A of (n², O, images·rows·columns), written to the results of a block in y (N, O, OH, OW)."""
    images, rows = block
    if is_cupy(y):
        corner = rows.start * m, 0
        _PLACE[m](product[0].size, y[images], product, *y.shape[1:], *count_of(geometry, m, block)[1:], *corner)
        return
    tiles = _transformed(both_axes(m, y.dtype)[2].T, product, "winograd: tiles")
    for part, results in _places(tiles, y, geometry, m, block):
        results[...] = part


def add_taps(product: Array, taps: Array, m: int) -> None:
    """Gᵀ (·) G of (n², O, C), added to taps (9, O, C)."""
    if is_cupy(taps):
        _TAPS[m](product[0].size, taps, product)
    else:
        taps += _transformed(both_axes(m, taps.dtype)[1].T, product, "winograd: weight")


# --- on a CPU -----------------------------------------------------------------------------------------------------


def _flat(out: Array) -> Array:
    """(n², C, P) -> (n², C·P), the same memory; some of an array's channels lie side by side, too."""
    return np.lib.stride_tricks.as_strided(out, (len(out), out[0].size), (out.strides[0], out.itemsize))


def _seen(x: Array, geometry: Geometry, m: int, block: Block) -> Array:
    """The n x n pixels under each tile of a block, zeros in the padding: (N, C, H, W) -> (n², C, images·rows·columns).

    A tile's column j is the image's column j, j + m, j + 2m, ... Sorted by their remainder first, so that these lie
    side by side, the image is read once with steps, and the n² copies made of it need none.
    """
    (images, rows), (C, H), n = block, x.shape[1:3], m + 2
    count, height, columns = count_of(geometry, m, block)
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
    rows_of_tiles = np.lib.stride_tricks.as_strided(
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
    tiles = tiles.reshape(m, m, O, *count_of(geometry, m, block))
    part = y[images, :, rows.start * m : min(OH, rows.stop * m)].swapaxes(0, 1)
    for i in range(m):
        for j in range(m):
            place = part[:, :, i::m, j::m]
            yield tiles[i, j, :, :, : place.shape[2], : place.shape[3]], place


def _transformed(matrix: np.ndarray, tiles: Array, name: str) -> Array:
    """(a, b) times (b, ...) -> (a, ...), in the scratch memory of that name."""
    made = scratch(name, (len(matrix), *tiles.shape[1:]), tiles)
    np.matmul(matrix, tiles.reshape(len(tiles), -1), out=made.reshape(len(matrix), -1))
    return made


# --- on a GPU -----------------------------------------------------------------------------------------------------

_PLANES = "Index C, Index H, Index W, Index rows, Index columns, Index above, Index before"
_TILE = """
    // One thread for each tile of each channel. Neighbours are neighbouring tiles: each of the n² numbers they write or
    // read side by side; their pixels are m apart, and the first to be fetched bring along the rest.
    const Index tiles = count / C, p = i % tiles, image = p / columns / rows;
    const Index top = above + p / columns % rows * {m}, left = before + p % columns * {m};"""
_PAIR = """
    // One thread for each pair of channels: each of the n² numbers, and of the 9 in between, side by side."""


def _each(size: int, line: str) -> str:
    """CUDA C of `line` for all a and b below size, written out by the compiler."""
    return f"""
    #pragma unroll
    for (int a = 0; a < {size}; a++) {{
        #pragma unroll
        for (int b = 0; b < {size}; b++) {line}
    }}"""


def _every(count: int, line: str) -> str:
    """CUDA C of `line` for all e below count."""
    return f"""
    #pragma unroll
    for (int e = 0; e < {count}; e++) {line}"""


def _tiles_kernel(name: str, matrix: np.ndarray, m: int) -> Kernel:
    """(matrix) d (matrix)ᵀ of the pixels d under each tile: those of x with B, and of y with A."""
    n, k = matrix.shape
    return Kernel(
        f"{name}_{m}",
        f"T* made, const T* x, {_PLANES}",
        _TILE.format(m=m)
        + f"""
    const T* plane = x + (image * C + i / tiles) * H * W;
    T pixels[{k * k}], values[{n * n}];"""
        + _each(
            k,
            f"""{{
            const Index h = top + a, w = left + b;
            pixels[a * {k} + b] = 0 <= h && h < H && 0 <= w && w < W ? plane[h * W + w] : T(0);
        }}""",
        )
        + """
    transform(pixels, values);"""
        + _every(n * n, "made[e * count + i] = values[e];"),
        in_cuda("transform", matrix),
    )


def _place_kernel(A: np.ndarray, m: int) -> Kernel:
    n = m + 2
    return Kernel(
        f"winograd_place_{m}",
        f"T* y, const T* product, {_PLANES}",
        _TILE.format(m=m)
        + f"""
    T* plane = y + (image * C + i / tiles) * H * W;
    T results[{m * m}], values[{n * n}];"""
        + _every(n * n, "values[e] = product[e * count + i];")
        + """
    transform(values, results);"""
        + _each(m, f"if (top + a < H && left + b < W) plane[(top + a) * W + left + b] = results[a * {m} + b];"),
        in_cuda("transform", A.T),
    )


def _weight_kernel(G: np.ndarray, m: int) -> Kernel:
    n = m + 2
    return Kernel(
        f"winograd_weight_{m}",
        "T* made, const T* w, Index turned",
        _PAIR
        + f"""
    T taps[9], values[{n * n}];"""
        + _every(9, "taps[e] = w[i * 9 + (turned ? 8 - e : e)];")
        + """
    transform(taps, values);"""
        + _every(n * n, "made[e * count + i] = values[e];"),
        in_cuda("transform", G),
    )


def _taps_kernel(G: np.ndarray, m: int) -> Kernel:
    n = m + 2
    return Kernel(
        f"winograd_taps_{m}",
        "T* taps, const T* product",
        _PAIR
        + f"""
    T sums[9], values[{n * n}];"""
        + _every(n * n, "values[e] = product[e * count + i];")
        + """
    transform(values, sums);"""
        + _every(9, "taps[e * count + i] += sums[e];"),
        in_cuda("transform", G.T),
    )


_IMAGE, _RESULT, _WEIGHT, _PLACE, _TAPS = {}, {}, {}, {}, {}
for _m in (2, 4):
    _B, _G, _A = transforms(_m)
    _IMAGE[_m] = _tiles_kernel("winograd_image", _B, _m)
    _RESULT[_m] = _tiles_kernel("winograd_result", _A, _m)
    _WEIGHT[_m], _TAPS[_m] = _weight_kernel(_G, _m), _taps_kernel(_G, _m)
    _PLACE[_m] = _place_kernel(_A, _m)
