"""Functions of bare arrays: on every array module the same numbers, and arrays of that module."""

from __future__ import annotations

import numpy as np
import pytest

from minifcn.arrays import convolution, resampling
from minifcn.arrays.convolution.algorithms import ALGORITHMS
from minifcn.arrays.pooling import average as averaging
from minifcn.arrays.pooling import maximum as pooling
from minifcn.arrays.pooling import unpooling
from minifcn.geometry import Geometry
from tests.arrays.convolution.contractions import CONTRACTIONS, dense_only, pair_for, sparse_only
from tests.onto import close, equal
from tests.strategies import whole_numbers

GEOMETRIES = {
    "3x3": Geometry.of_convolution((7, 9), 3, 1, 1),
    "1x1": Geometry.of_convolution((4, 5), 1, groups=2),
    "everything": Geometry.of_convolution((8, 9), (2, 3), (3, 2), (1, 2), (2, 1), 2),
    "long row": Geometry.of_convolution((1, 70), (1, 5), (1, 2), (0, 3)),
    "transposed": Geometry.of_transposed_convolution((3, 4), (3, 2), (2, 3), (1, 0), (1, 2), 2, (2, 1)),
}
DTYPES = [np.float16, np.float32, np.float64]


def operands(geometry, dtype, N=2, C=4, O=6):
    source = np.random.default_rng(0)
    shapes = (
        (N, C, *geometry.input_size),
        (O, C // geometry.groups, *geometry.kernel_size),
        (N, O, *geometry.output_size),
    )
    return [whole_numbers(source, shape, dtype) for shape in shapes]


def of_one_kind(made, expected, xp):
    assert isinstance(made, xp.ndarray)
    assert (made.dtype, made.shape) == (expected.dtype, expected.shape)


CALLS = [(name, dtype) for name in (*ALGORITHMS, "sparse matrix", "auto") for dtype in DTYPES if name != "loops"]


@pytest.mark.parametrize("geometry", GEOMETRIES.values(), ids=GEOMETRIES)
@pytest.mark.parametrize(("algorithm", "dtype"), [("loops", np.float64), *CALLS])
def test_contractions(xp, algorithm, geometry, dtype):
    name = algorithm.rpartition(" ")[2]
    for contraction in CONTRACTIONS:
        pair = pair_for(contraction, *operands(geometry, dtype))
        with convolution.use_algorithm("loops"):
            expected = getattr(convolution, contraction)(*pair, geometry)
        with convolution.use_algorithm(name), sparse_only() if algorithm == "sparse matrix" else dense_only():
            made = getattr(convolution, contraction)(*map(xp.asarray, pair), geometry)
        of_one_kind(made, expected, xp)
        rounding = {np.float16: 2, np.float32: 1e-3, np.float64: 1e-10}[dtype] if name in ("winograd", "auto") else 0
        close(made, expected, rtol=0, atol=rounding)


POOLS = {
    "2x2": Geometry.of_pooling((6, 8), 2),
    "overlapping": Geometry.of_pooling((7, 6), (3, 2), (2, 1), (1, 0), (1, 2), True),
}


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("geometry", POOLS.values(), ids=POOLS)
def test_pooling(xp, geometry, dtype):
    source = np.random.default_rng(1)
    x = whole_numbers(source, (2, 3, *geometry.input_size), dtype)
    y = whole_numbers(source, (2, 3, *geometry.output_size), dtype)
    x[0, 1, 2, 3], x[1, 2, 0, 0] = np.nan, -np.inf
    best, taps = pooling.max_pool(x, geometry)
    flat = pooling.flat_indices(taps, geometry)
    there = pooling.max_pool(xp.asarray(x), geometry)
    pairs = [
        (there[0], best),
        (there[1], taps),
        (pooling.flat_indices(there[1], geometry), flat),
        (pooling.maxima(xp.asarray(x), geometry), best),
        (pooling.scatter_taps(xp.asarray(y), there[1], geometry), pooling.scatter_taps(y, taps, geometry)),
        (pooling.gather_taps(xp.asarray(x), there[1], geometry), best),
        (unpooling.gather_flat(xp.asarray(x), xp.asarray(flat)), best),
        (
            unpooling.unpool(xp.asarray(y), xp.asarray(flat), geometry.input_size),
            unpooling.unpool(y, flat, geometry.input_size),
        ),
    ]
    for made, expected in pairs:
        of_one_kind(made, expected, xp)
        equal(made, expected)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("count_include_pad", "divisor"), [(True, None), (False, None), (True, 3)])
def test_averaging(xp, count_include_pad, divisor, dtype):
    geometry = Geometry.of_pooling((7, 6), (3, 2), (2, 1), (1, 0), ceil_mode=True)
    source = np.random.default_rng(2)
    x = whole_numbers(source, (2, 3, *geometry.input_size), dtype)
    y = whole_numbers(source, (2, 3, *geometry.output_size), dtype)
    for function, given in ((averaging.avg_pool, x), (averaging.avg_pool_transposed, y)):
        made, expected = (function(a, geometry, count_include_pad, divisor) for a in (xp.asarray(given), given))
        of_one_kind(made, expected, xp)
        close(made, expected, rtol=1e-3 if dtype == np.float16 else 16 * np.finfo(dtype).eps)  # thirds, and their sums


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("size", [(9, 4), (5, 20)])
def test_resizing(xp, size, dtype):
    source = np.random.default_rng(3)
    x = whole_numbers(source, (2, 3, 5, 6), dtype)
    y = whole_numbers(source, (2, 3, *size), dtype)
    R, C = (resampling.axis_matrix(old, new, "bicubic", dtype=dtype) for old, new in zip((5, 6), size, strict=True))
    for given, rows, columns in ((x, R, C), (y, R.T, C.T)):
        made = resampling.resize(xp.asarray(given), rows, columns)
        expected = np.einsum("ih,nchw,jw->ncij", rows.toarray(), given.astype(np.float64), columns.toarray())
        of_one_kind(made, expected.astype(dtype), xp)
        close(made, expected, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("dtype", ["uint8", "int16", "int64"])
def test_whole_numbers_are_pooled_everywhere(xp, dtype):
    """Nearly all of them equal, so that the order among equals counts."""
    geometry = Geometry.of_pooling((7, 10), (3, 2), (2, 1), (1, 0))
    x = np.random.default_rng(0).integers(0, 3, (2, 3, 7, 10)).astype(dtype)
    y, taps = pooling.max_pool(x, geometry)
    found, winners = pooling.max_pool(xp.asarray(x), geometry)
    for here, there in (
        (found, y),
        (winners, taps),
        (pooling.maxima(xp.asarray(x), geometry), y),
        (pooling.scatter_taps(xp.asarray(y), winners, geometry), pooling.scatter_taps(y, taps, geometry)),
        (pooling.gather_taps(xp.asarray(x), winners, geometry), y),
    ):
        assert here.dtype == there.dtype
        equal(here, there)
