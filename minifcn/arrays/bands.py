"""Matrices that are zero but for a band: each number of the result mixes a few neighbours of what went in.

Neighbouring rows that mix the same pixels make up a small full matrix, so the band is a staircase of such matrices.
R of `axis_matrix` for 3 -> 6 pixels, with its four stairs:

    1    .    .      mixes pixel 0
    ¾    ¼    .      both mix pixels 0 and 1
    ¼    ¾    .
    .    ¾    ¼      both mix pixels 1 and 2
    .    ¼    ¾
    .    .    1      mixes pixel 2

Each stair is multiplied by the pixels that it mixes, so it takes the time of the band, not that of the matrix, and a
pixel that is NaN or infinite reaches only what mixes it. The transpose of such a matrix is another.

Very small products are slow. So stairs of a few rows are taken together, with the zeros between them: a product with 0
is nothing, unless it is NaN. Where something is not finite, it is done again stair by stair.

On a GPU each number of the result is one thread, which adds up its own few products.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

from minifcn.machine.backend import Array, array_module, is_cupy
from minifcn.machine.kernels import Kernel, contiguous
from minifcn.machine.limits import require_memory, threads_for
from minifcn.machine.memory import empty
from minifcn.machine.threads import even_parts, for_each, one_blas_thread

LEAST = 16  # numbers of a stair, or rows taken together, from which on BLAS is fast (measured: 8 to 32)
# A multiplication across costs as much as so many down: the products are of thin matrices, whose numbers lie apart in
# memory (measured: 3 to 6).
ACROSS = 4
ROOM = 64  # numbers of 8 bytes that a row of a matrix takes while it is made: lists and dictionaries are large


class Stair(NamedTuple):
    """The rows `rows` of the matrix, which are zero but at `pixels`, where they have `weights` (rows, pixels)."""

    rows: slice
    pixels: slice | list[int]  # ascending
    weights: np.ndarray


@dataclass(frozen=True, eq=False)
class BandMatrix:
    """A matrix (rows, columns) by the numbers that are not zero, row after row; of NumPy, whatever it multiplies.

    starts    (rows + 1,)   row i has the numbers starts[i] up to, but not including, starts[i + 1]
    pixels    (numbers,)    the columns that they stand in, ascending in each row
    weights   (numbers,)    the numbers
    """

    columns: int
    starts: np.ndarray
    pixels: np.ndarray
    weights: np.ndarray

    @classmethod
    def of_rows(cls, rows: Iterable[Mapping[int, float]], columns: int, dtype: Any) -> BandMatrix:
        """From the numbers of each row by their columns; a zero is left out."""
        kept = [sorted((pixel, weight) for pixel, weight in row.items() if weight) for row in rows]
        starts = np.cumsum([0, *map(len, kept)])
        pixels, weights = ([pair[part] for row in kept for pair in row] for part in (0, 1))
        return cls(columns, starts, np.array(pixels, np.intp), np.array(weights, dtype))

    @property
    def shape(self) -> tuple[int, int]:
        return len(self.starts) - 1, self.columns

    @property
    def dtype(self) -> np.dtype[Any]:
        return self.weights.dtype

    @property
    def count(self) -> int:
        """How many numbers are not zero."""
        return len(self.pixels)

    @cached_property
    def T(self) -> BandMatrix:
        rows = np.repeat(np.arange(self.shape[0]), np.diff(self.starts))
        order = np.argsort(self.pixels, kind="stable")  # in each column the rows stay in their order
        starts = np.concatenate(([0], np.cumsum(np.bincount(self.pixels, minlength=self.columns))))
        return BandMatrix(self.shape[0], starts, rows[order], self.weights[order])

    def toarray(self) -> np.ndarray:
        """All the zeros written out."""
        matrix = np.zeros(self.shape, self.dtype)
        matrix[np.repeat(np.arange(self.shape[0]), np.diff(self.starts)), self.pixels] = self.weights
        return matrix

    @cached_property
    def stairs(self) -> list[Stair]:
        """Neighbouring rows with the same pixels, together: no zeros in the weights."""
        pixels = self.pixels.tolist()
        seen = [pixels[first:end] for first, end in pairwise(self.starts.tolist())]
        begins = [i for i in range(len(seen)) if i == 0 or seen[i] != seen[i - 1]]
        stairs = []
        for first, end in pairwise([*begins, len(seen)]):
            mixed, weights = seen[first], self.weights[self.starts[first] : self.starts[end]]
            gapless = mixed == list(range(mixed[0], mixed[-1] + 1)) if mixed else False
            there = slice(mixed[0], mixed[-1] + 1) if gapless else mixed
            stairs.append(Stair(slice(first, end), there, weights.reshape(end - first, len(mixed))))
        return stairs

    @cached_property
    def tiles(self) -> list[Stair]:
        """The stairs, but neighbours with few numbers taken together, up to LEAST rows or a few more, with zeros.

        At most LEAST numbers for each that is not zero: stairs that lie far apart, of an image made much smaller, stay.
        """
        tiles: list[Stair] = []
        growing = False
        for stair in self.stairs:
            small = stair.weights.size < LEAST
            if small and growing:
                together = self._whole(tiles[-1].rows.start, stair.rows.stop)
                if together.weights.size <= LEAST * np.count_nonzero(together.weights):
                    tiles.pop()
                    stair = together
            growing = small and stair.rows.stop - stair.rows.start < LEAST
            tiles.append(stair)
        return tiles

    def _whole(self, first: int, end: int) -> Stair:
        """Rows first … end − 1 from their first pixel to their last, zeros written out."""
        part = slice(self.starts[first], self.starts[end])
        pixels = self.pixels[part]
        left, right = (int(pixels.min()), int(pixels.max()) + 1) if len(pixels) else (0, 0)
        weights = np.zeros((end - first, right - left), self.dtype)
        counts = np.diff(self.starts[first : end + 1])
        weights[np.repeat(np.arange(end - first), counts), pixels - left] = self.weights[part]
        return Stair(slice(first, end), slice(left, right), weights)


def require_room(name: str, rows: int, remedy: str) -> None:
    """AllocationError if a matrix of so many rows can never be made; `name` is what the user called."""
    require_memory(f"{name}: a band of weights", (rows, ROOM), np.empty(0, np.int64), remedy)


def columns_first(rows: BandMatrix, columns: BandMatrix) -> bool:
    """Whether R · (x · Cᵀ) takes less time than (R · x) · Cᵀ."""
    (out_height, height), (out_width, width) = rows.shape, columns.shape
    first = ACROSS * height * columns.count + out_width * rows.count
    return first < width * rows.count + ACROSS * out_height * columns.count


def down_and_across(rows: BandMatrix, columns: BandMatrix, x: Array) -> Array:
    """Every plane multiplied from both sides, R · x[n, c] · Cᵀ, in the faster order: (N, C, H, W) -> (N, C, OH, OW)."""
    planes = array_module(x).ascontiguousarray(x).reshape(x.shape[0] * x.shape[1], *x.shape[2:])
    first = columns_first(rows, columns)
    made = down(rows, across(columns, planes)) if first else across(columns, down(rows, planes))
    return made.reshape(*x.shape[:2], *made.shape[1:])


def down(matrix: BandMatrix, x: Array) -> Array:
    """Every plane multiplied from the left, matrix · x[p]: x (planes, columns, W) -> (planes, rows, W)."""
    y = empty((len(x), matrix.shape[0], x.shape[2]), x.dtype, x)
    if is_cupy(x):
        return _banded(matrix, x, y, x.shape[2])

    def compute(stair: Stair) -> None:
        _multiply(stair.weights, x[:, stair.pixels], y[:, stair.rows])

    return _staircase(compute, matrix, x, y)


def across(matrix: BandMatrix, x: Array) -> Array:
    """Every plane multiplied from the right, x[p] · matrixᵀ: x (planes, H, columns) -> (planes, H, rows)."""
    y = empty((*x.shape[:2], matrix.shape[0]), x.dtype, x)
    if is_cupy(x):
        return _banded(matrix, x, y, 1)
    lines, made = x.reshape(-1, x.shape[2]), y.reshape(-1, y.shape[2])

    def compute(stair: Stair) -> None:
        _multiply(lines[:, stair.pixels], stair.weights.T, made[:, stair.rows])

    return _staircase(compute, matrix, x, y)


@np.errstate(invalid="ignore")  # ∞ − ∞ is an answer, and 0 · ∞ is asked again: no accidents to warn of
def _staircase(compute: Callable[[Stair], None], matrix: BandMatrix, x: Array, y: Array) -> Array:
    """y, filled by compute(stair) for all stairs, of which each thread takes a share."""

    def each(stairs: list[Stair]) -> None:
        def share(part: slice) -> None:
            for stair in stairs[part]:
                compute(stair)

        with one_blas_thread():
            for_each(share, even_parts(len(stairs), threads_for(y, max(x.size, y.size))))

    each(matrix.tiles)
    if len(matrix.tiles) < len(matrix.stairs) and not _finite(min(x, y, key=lambda array: int(array.size))):
        each(matrix.stairs)
    return y


@np.errstate(over="ignore", invalid="ignore")
def _finite(x: Array) -> bool:
    """Whether all of x is finite. (It may say no of numbers so large that their sum is not: then only time is lost.)"""
    return bool(np.isfinite(x.sum()))


def _multiply(a: Array, b: Array, out: Array) -> None:
    """out = a @ b. (NumPy leaves it to BLAS only where there is something to add up.)"""
    if a.shape[-1] == 1:
        np.multiply(a, b, out=out)
    else:
        np.matmul(a, b, out=out)


# --- on a GPU -----------------------------------------------------------------------------------------------------


def _banded(matrix: BandMatrix, x: Array, y: Array, inner: int) -> Array:
    xp = array_module(x)
    starts, pixels, weights = map(xp.asarray, (matrix.starts, matrix.pixels, matrix.weights))
    _BANDED(y.size, y, *contiguous(x), weights, starts, pixels, *matrix.shape, inner)
    return y


_BANDED = Kernel(
    "banded",
    "T* y, const T* x, const T* weights, const S* starts, const S* pixels, Index rows, Index columns, Index inner",
    """
    // One thread for each number of y, (planes, rows, inner). Neighbours write side by side, and what they read lies
    // side by side (down), or is the same or close by (across).
    const Index plane = i / inner / rows, row = i / inner % rows;
    const T* from = x + plane * columns * inner + i % inner;
    T sum = 0;
    for (Index k = starts[row]; k < Index(starts[row + 1]); k++) sum += weights[k] * from[Index(pixels[k]) * inner];
    y[i] = sum;""",
)
