"""Resizing an image as two matrices, one per axis, and the bilinear kernel of FCN.

    y[n, c] = R · x[n, c] · Cᵀ          R is (OH, H) for the rows, C is (OW, W) for the columns

Interpolation is linear and separable, so this product is the whole operation, and its gradient is the same product with
Rᵀ and Cᵀ. Row i of R says which input rows mix into output row i, with weights that sum to 1: one, two or four of them,
so the matrices are bands (bands.py).
"""

from __future__ import annotations

from fractions import Fraction
from functools import lru_cache
from typing import Any

import numpy as np

from minifcn.arguments import integer, pair
from minifcn.arrays.bands import BandMatrix, down_and_across
from minifcn.arrays.half import narrow, sum_dtype, wide
from minifcn.errors import ArgumentError, ArgumentTypeError
from minifcn.geometry import CoordinateMap
from minifcn.machine.backend import Array

MODES = ("bilinear", "bicubic", "nearest", "nearest-exact")
SMOOTH = ("bilinear", "bicubic")  # which mix pixels; the others choose one


def axis_matrix(
    size_in: int,
    size_out: int,
    mode: str = "bilinear",
    align_corners: bool = False,
    scale: float | Fraction | None = None,
    dtype: Any = np.float32,
) -> BandMatrix:
    """The matrix R of one axis, y = R x: row i says which input pixels mix into output pixel i.

        bilinear                   R[i, j] = max(0, 1 − |u(i) − j|)
        bicubic                    R[i, j] = cubic(|u(i) − j|), of four pixels, two on either side
        nearest, nearest-exact     R[i, j] = 1 where j = ⌊u(i)⌋, else 0

    u(i) is where output pixel i lies among the input pixels. With r = size_in / size_out it depends on what shall
    correspond before and after:

        bilinear, bicubic          the centres of pixels: u + ½ = r·(i + ½), so u(i) = r·i + (r − 1)/2
         with align_corners        the first centres, and the last: u(i) = i·(size_in − 1)/(size_out − 1)
        nearest                    the left edges: u(i) = r·i. PyTorch's, although it shifts by up to half a pixel
        nearest-exact              the centres, and the pixel that contains the point: u(i) = r·(i + ½)

    size_in, size_out   pixels before and after, each at least 1
    scale               a factor given by name (`scale_factor`): then r = 1 / scale; of no use with align_corners
    dtype               of the images; for float16 the weights are float32, as nothing is added up in half precision
    returns             (size_out, size_in)

    Beyond the first and the last pixel the border is repeated: a position is clamped to their centres, and of bicubic's
    four pixels each. All positions are exact fractions, so that ⌊·⌋ never falls to the wrong side, which floats cannot
    promise. Raises ArgumentError for an unknown mode, a size below 1, a scale that is not positive, or align_corners
    with a mode that mixes no pixels.
    """
    size_in = integer(size_in, "interpolate: input size", 1)
    size_out = integer(size_out, "interpolate: output size", 1)
    if mode not in MODES:
        raise ArgumentError(f"interpolate: mode {mode!r} is unknown; use one of {', '.join(MODES)}.")
    if align_corners and mode not in SMOOTH:
        raise ArgumentError(
            f"interpolate: align_corners has a meaning for {' and '.join(SMOOTH)} only, not for {mode!r}; omit it."
        )
    position = _source(size_in, size_out, mode, align_corners, scale)
    return _weights_along(position, size_in, size_out, mode, sum_dtype(np.dtype(dtype)))


@lru_cache(maxsize=64)
def _weights_along(position: CoordinateMap, size_in: int, size_out: int, mode: str, dtype: Any) -> BandMatrix:
    # A common denominator turns exact fractions into plain integers: u(i) = (start + i·step) / whole.
    whole = position.scale.denominator * position.offset.denominator
    start, step = int(position.offset * whole), int(position.scale * whole)
    rows: list[dict[int, float]] = []
    for place in range(start, start + size_out * step, step) if step else [start] * size_out:
        if mode == "bicubic":
            shares = _four_shares(place, whole, size_in)
            rows.append({pixel: share / (4 * whole**3) for pixel, share in shares.items()})
            continue
        pixel, rest = divmod(min(max(place, 0), (size_in - 1) * whole), whole)
        mixed = mode == "bilinear" and rest
        rows.append({pixel: (whole - rest) / whole, pixel + 1: rest / whole} if mixed else {pixel: 1})
    return BandMatrix.of_rows(rows, size_in, dtype)


def _source(
    size_in: int, size_out: int, mode: str, align_corners: bool, scale: float | Fraction | None
) -> CoordinateMap:
    """The map from an output position to the input position u that it shows; `axis_matrix` derives the four."""
    if align_corners:
        return CoordinateMap(Fraction(size_in - 1, size_out - 1) if size_out > 1 else Fraction(0), Fraction(0))
    ratio = Fraction(size_in, size_out) if scale is None else 1 / _exact(scale)
    offset = {"nearest": Fraction(0), "nearest-exact": ratio / 2}.get(mode, (ratio - 1) / 2)
    return CoordinateMap(ratio, offset)


def _four_shares(place: int, whole: int, size: int) -> dict[int, int]:
    """Pixel -> its share in what bicubic has at u = place / whole, times 4·whole³; the border stands for all beyond."""
    pixel, rest = divmod(place, whole)
    shares: dict[int, int] = {}
    for j in (-1, 0, 1, 2):
        there = min(max(pixel + j, 0), size - 1)
        shares[there] = shares.get(there, 0) + cubic(abs(rest - j * whole), whole)
    return shares


def cubic(distance: int, whole: int) -> int:
    """The weight of a pixel at d = distance / whole, times 4·whole³, so that it is an integer.

        (a + 2)·d³ − (a + 3)·d² + 1         for d ≤ 1
        a·(d³ − 5·d² + 8·d − 4)             for 1 ≤ d ≤ 2

    with a = −3/4, as in PyTorch and OpenCV; Keys 1981, eq. 4, has −1/2. The curve is smooth, 1 at 0 and 0 at 1 and 2;
    four weights sum to 1. Beyond 1 they are negative: edges are overdrawn.
    """
    n, w = distance, whole
    return 5 * n**3 - 9 * n**2 * w + 4 * w**3 if n <= w else -3 * (n**3 - 5 * n**2 * w + 8 * n * w**2 - 4 * w**3)


def _exact(scale: float | Fraction) -> Fraction:
    """The simple fraction that a float stands for: 1.1 means 11/10, not the nearest binary number above it."""
    try:
        fraction = Fraction(scale).limit_denominator(1_000_000)
    except (TypeError, ValueError, OverflowError):
        raise ArgumentTypeError(f"interpolate: scale must be a finite number, got {scale!r}.") from None
    if fraction <= 0:
        raise ArgumentError(f"interpolate: scale must be positive, at least one millionth, got {scale!r}.")
    return fraction


def resize(x: Array, rows: BandMatrix, columns: BandMatrix) -> Array:
    """y[n, c] = R · x[n, c] · Cᵀ: every plane resized along both axes.

    x       (N, C, H, W)
    rows    R, (OH, H)   from `axis_matrix`
    columns C, (OW, W)
    returns (N, C, OH, OW)

    The transpose of this map, and so its gradient, is `resize(y, rows.T, columns.T)`. A pixel that is NaN
    or infinite reaches the results that it is mixed into, and no other.
    Raises ArgumentError if the matrices do not fit x, ArgumentTypeError if their dtypes do not.
    """
    if x.ndim != 4 or x.shape[2:] != (rows.shape[1], columns.shape[1]):
        raise ArgumentError(
            f"interpolate: x {x.shape} does not fit rows {rows.shape} and columns {columns.shape}; x must be "
            f"(N, C, H, W), rows (OH, H) and columns (OW, W)."
        )
    if not sum_dtype(x.dtype) == rows.dtype == columns.dtype:
        raise ArgumentTypeError(
            f"interpolate: x is {x.dtype}, rows {rows.dtype} and columns {columns.dtype}; "
            f"build the matrices for the dtype of x."
        )
    return narrow(down_and_across(rows, columns, wide(x)), x.dtype)


def bilinear_kernel(kernel_size: int | tuple[int, int], dtype: Any = np.float32) -> np.ndarray:
    """w[i, j] = (1 − |i − c|/f) · (1 − |j − c|/f) with f = ⌈k/2⌉ and c = (k − 1)/2: the tent that upsamples by f.

    kernel_size   k, or (kh, kw), at least 1
    returns       (kh, kw), a NumPy array

    A transposed convolution with stride s and k = 2s (or 2s − 1) and this kernel interpolates linearly between pixels:
    the weights that meet in an output pixel sum to 1 along each axis, away from the border. The centre c is the middle
    of the kernel for every k, so the kernel is symmetric; early Caffe took c = (2f − 1 − f mod 2)/2, which misses the
    middle for k = 2, 3, 6, 7, ..., 62, 63, and FCN-AlexNet needs 63 (BVLC/caffe, pull request 5713).
    Source: Long, Shelhamer and Darrell 2015, §3.3, and the reference code's upsampling filter.
    Raises ArgumentError for k below 1.

    >>> bilinear_kernel(4).tolist()[1]
    [0.1875, 0.5625, 0.5625, 0.1875]
    """
    tents = []
    for k in pair(kernel_size, "bilinear_kernel: kernel_size", 1):
        half = (k + 1) // 2
        # 1 − |i − c|/f over the common denominator 2f, in integers: (2f − |2i − (k − 1)|) / (2f)
        tents.append((2 * half - np.abs(2 * np.arange(k) - (k - 1)), 2 * half))
    (rows, of_rows), (columns, of_columns) = tents
    return (np.outer(rows, columns) / (of_rows * of_columns)).astype(dtype)
