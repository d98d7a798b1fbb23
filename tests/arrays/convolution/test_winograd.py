"""Winograd's algorithm: its matrices exactly, its three contractions within the bound of their own arithmetic."""

from __future__ import annotations

from fractions import Fraction
from unittest import mock

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import minifcn.functional as F
from minifcn import Tensor
from minifcn.arrays import convolution
from minifcn.arrays.convolution import im2col, loops, winograd
from minifcn.arrays.convolution.turned import turned_geometry
from minifcn.arrays.convolution.winograd import blocks as cut
from minifcn.arrays.convolution.winograd import contractions, steps, toom_cook
from minifcn.autograd import gradcheck, gradgradcheck
from minifcn.geometry import Geometry
from minifcn.machine.backend import to_numpy
from minifcn.testing.tolerances import float64_bound
from tests.arrays.convolution.contractions import CONTRACTIONS, blocks_of, check_own_weight, pair_for, shared
from tests.played_cupy import playing
from tests.played_cupy.kernels import RawKernel
from tests.strategies import LAYOUTS, laid_out, whole_numbers

both_tiles = pytest.mark.parametrize("m", [2, 4])
every_contraction = pytest.mark.parametrize("contraction", CONTRACTIONS)


def tiles_of(m):
    return mock.patch.object(contractions, "tile", lambda geometry, images: m)


def shapes(geometry, N, C, O):
    return (N, C, *geometry.input_size), (O, C, 3, 3), (N, O, *geometry.output_size)


def normal(seed, geometry, N, C, O, dtype=np.float64):
    source = np.random.default_rng(seed)
    return [source.standard_normal(shape).astype(dtype) for shape in shapes(geometry, N, C, O)]


# --- the matrices -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("m, r", [(2, 3), (3, 3), (4, 3), (1, 3), (2, 2), (3, 2), (2, 5)])
def test_the_matrices_turn_the_sliding_sum_into_a_product(m, r):
    """Σ_j h_j Σ_i g_i d_{i+j} = Σ_k (G g)_k (A h)_k (B d)_k for all g, h, d: compared coefficient by coefficient."""
    B, G, A = toom_cook.transforms(m, r)
    n = m + r - 1
    assert (B.shape, G.shape, A.shape) == ((n, n), (n, r), (n, m))
    found = np.einsum("ki,kj,ke->ije", G, A, B)
    expected = np.array([[[float(e == i + j) for e in range(n)] for j in range(m)] for i in range(r)])
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-12)
    # In exact arithmetic nothing is left over; the floats are the nearest to fractions with small denominators.
    exact = [[[Fraction(v).limit_denominator(1000) for v in row] for row in matrix.tolist()] for matrix in (G, A, B)]
    for i in range(r):
        for j in range(m):
            for e in range(n):
                assert sum(g[i] * a[j] * b[e] for g, a, b in zip(*exact, strict=True)) == int(e == i + j)


@pytest.mark.parametrize("m", [2, 3, 4])
def test_what_multiplies_pixels_is_whole(m):
    B, _, A = toom_cook.transforms(m)
    for matrix in (B, A):
        np.testing.assert_array_equal(matrix, np.rint(matrix))


def test_the_best_known_matrices_come_out():
    """F(2, 3) of the paper, but for the signs that a row of B and the same row of G may exchange."""
    B, G, A = toom_cook.transforms(2)
    paper_G = np.array([[1, 0, 0], [0.5, 0.5, 0.5], [0.5, -0.5, 0.5], [0, 0, 1]])
    paper_B = np.array([[1, 0, -1, 0], [0, 1, 1, 0], [0, -1, 1, 0], [0, 1, 0, -1]])
    paper_A = np.array([[1, 0], [1, 1], [1, -1], [0, -1]])
    for found, paper in ((G, paper_G), (B, paper_B), (A, paper_A)):
        np.testing.assert_array_equal(np.abs(found), np.abs(paper))


@pytest.mark.parametrize(
    "row, text",
    [
        ([1, 0, -5], "d[0 * from] - T(5.0) * d[2 * from]"),
        ([0, -1, 1], "-d[1 * from] + d[2 * from]"),
        ([-0.25, 0, 0], "-T(0.25) * d[0 * from]"),
    ],
)
def test_a_sum_in_cuda_is_written_without_its_zeros_and_ones(row, text):
    assert toom_cook._sum(row) == text


@both_tiles
def test_a_thread_holds_a_tile_and_no_more(m):
    """What it reads of n² arrays: one further would lie beyond the end."""
    for kernels in (steps._IMAGE, steps._RESULT, steps._WEIGHT, steps._PLACE, steps._TAPS):
        assert f"values[{(m + 2) ** 2}];" in kernels[m].body and f"e < {(m + 2) ** 2};" in kernels[m].body


@pytest.mark.parametrize(
    "size, images, m, tiles",
    [
        ((20, 32), 1, 4, 40),
        ((17, 29), 1, 4, 40),  # the last hang over the edge
        ((20, 28), 1, 2, 140),  # 35 tiles of 4x4
        ((12, 52), 1, 2, 156),  # 39 tiles of 4x4
        ((5, 1), 1, 2, 3),
        ((6, 7), 10, 4, 40),
        ((6, 7), 9, 2, 108),  # 36 tiles of 4x4
        ((30, 30), 0, 2, 0),
    ],
)
def test_small_results_get_small_tiles(size, images, m, tiles):
    """4x4 from 40 tiles on, those of all images together."""
    geometry = Geometry.of_convolution(size, 3, padding=1)
    assert (winograd.tile(geometry, images), winograd.tiles(geometry, images)) == (m, tiles)


# --- the three contractions -------------------------------------------------------------------------------------------


def magnitude(contraction, pair, geometry):
    """What the absolute values of all that is added add up to: the same contraction, every matrix and number absolute."""
    real = steps.both_axes
    with mock.patch.object(steps, "both_axes", lambda *key: tuple(np.abs(matrix) for matrix in real(*key))):
        return getattr(winograd, contraction)(*(np.abs(array) for array in pair), geometry)


@st.composite
def fitting(draw):
    padding = draw(st.tuples(st.integers(0, 2), st.integers(0, 2)))
    size = [draw(st.integers(max(1, 3 - 2 * p), 30)) for p in padding]
    return Geometry.of_convolution(size, 3, padding=padding)


@given(
    fitting(),
    st.integers(0, 3),
    st.integers(1, 5),
    st.integers(1, 5),
    st.sampled_from([2, 4]),
    st.sampled_from([1, 3000, 20000, 2 << 20]),
    st.integers(1, 3),
    st.integers(0, 1000),
)
def test_winograd_is_im2col_within_the_bound_of_its_arithmetic(geometry, N, C, O, m, block, threads, seed):
    x, w, y = normal(seed, geometry, N, C, O)
    kept = [array.copy() for array in (x, w, y)]
    with tiles_of(m), blocks_of(block, winograd), shared(threads):
        for contraction in CONTRACTIONS:
            pair = pair_for(contraction, x, w, y)
            found, expected = (
                getattr(winograd, contraction)(*pair, geometry),
                getattr(im2col, contraction)(*pair, geometry),
            )
            assert (found.shape, found.dtype) == (expected.shape, expected.dtype)
            summed = N * geometry.output_pixels if contraction == "to_weight" else max(C, O)
            terms = summed + 36 + 36 + 36  # and three transforms
            bound = float64_bound(terms, magnitude(contraction, pair, geometry))
            assert (np.abs(found - expected) <= bound).all(), contraction
            assert not any(np.shares_memory(found, array) for array in pair)
    for array, before in zip((x, w, y), kept, strict=True):
        np.testing.assert_array_equal(array, before)


def test_several_blocks_are_several():
    """What the test above relies on: small blocks cut both images and rows of tiles, and miss none."""
    geometry = Geometry.of_convolution((30, 17), 3, padding=1)
    for size, count in ((1, 3 * 8), (2 << 20, 1)):
        with blocks_of(size, winograd):
            blocks = cut.blocks(np.zeros((3, 2, 30, 17)), geometry, 4)
        assert len(blocks) == count
        seen = np.zeros((3, 8), int)
        for images, rows in blocks:
            seen[images, rows] += 1
        assert (seen == 1).all()


@pytest.mark.parametrize(
    "threads, size, count", [(1, 2 << 20, 1), (3, 2 << 20, 3), (3, 1000, 8), (2, 1, 10), (1, 1, 10)]
)
def test_several_parts_are_several(threads, size, count):
    """All channels once; 8 parts, if 10 channels of 100 numbers are to be about as large as 1000 bytes."""
    with blocks_of(size, winograd), shared(threads):
        parts = cut.parts(10, 100, 1, np.zeros(0))
    assert [i for part in parts for i in range(10)[part]] == list(range(10))
    assert len(parts) == count


@both_tiles
@every_contraction
@pytest.mark.parametrize("threads", [1, 2, 3])
@pytest.mark.parametrize("size", [1, 8000, 40_000])
def test_blocks_and_parts_of_channels_are_put_together(contraction, m, threads, size):
    """Whole numbers, rounded: exactly what im2col says of them, whichever block, part or thread they belong to."""
    geometry = Geometry.of_convolution((15, 10), 3, padding=(2, 1))
    source = np.random.default_rng(5)
    pair = pair_for(contraction, *(whole_numbers(source, shape) for shape in shapes(geometry, 3, 7, 9)))
    expected = getattr(im2col, contraction)(*pair, geometry)
    with tiles_of(m), blocks_of(size, winograd), shared(threads):
        for given, C in ((geometry, 7), (turned_geometry(geometry), 9)):
            blocks = cut.blocks(np.zeros((3, C, *given.input_size)), given, m)
            assert len(blocks) > 1
        found = getattr(winograd, contraction)(*pair, geometry)
    np.testing.assert_array_equal(np.rint(found), expected)


@both_tiles
@pytest.mark.parametrize("threads", [1, 2, 3])
@pytest.mark.parametrize("C, O, size", [(3, 4, 2 << 20), (7, 9, 8000), (50, 40, 100_000)])
def test_the_weight_of_several_images_is_added_up_in_memory_of_its_own(threads, m, C, O, size):
    geometry = Geometry.of_convolution((13, 10), 3, padding=(0, 1))
    for images in (1, 2, 5):
        with tiles_of(m), blocks_of(size, winograd), shared(threads):
            check_own_weight(winograd, geometry, C, O, images)


@both_tiles
@every_contraction
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_whole_numbers_are_exact_when_rounded(contraction, m, dtype):
    geometry = Geometry.of_convolution((13, 18), 3, padding=(0, 2))
    source = np.random.default_rng(3)
    pair = pair_for(contraction, *(whole_numbers(source, shape, dtype) for shape in shapes(geometry, 2, 3, 4)))
    with tiles_of(m):
        found = getattr(winograd, contraction)(*pair, geometry)
    assert found.dtype == dtype
    np.testing.assert_array_equal(np.rint(found), getattr(loops, contraction)(*pair, geometry))


@every_contraction
@pytest.mark.parametrize("N, C, O", [(0, 2, 3), (2, 0, 3), (2, 3, 0), (1, 0, 0), (0, 0, 0)])
def test_nothing_to_add_up_gives_zeros(contraction, N, C, O):
    geometry = Geometry.of_convolution((5, 9), 3, padding=1)
    pair = pair_for(contraction, *normal(0, geometry, N, C, O))
    expected = getattr(loops, contraction)(*pair, geometry)
    np.testing.assert_array_equal(getattr(winograd, contraction)(*pair, geometry), expected)


@every_contraction
@pytest.mark.parametrize("layout", LAYOUTS)
def test_the_layout_in_memory_does_not_matter(contraction, layout):
    geometry = Geometry.of_convolution((9, 14), 3, padding=1)
    arranged = [laid_out(array, layout) for array in pair_for(contraction, *normal(1, geometry, 2, 3, 4))]
    copies = [array.copy(order="C") for array in arranged]
    found, expected = (getattr(winograd, contraction)(*pair, geometry) for pair in (arranged, copies))
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-12)


# --- rounding and NaN -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("m, stated", [(2, 1e-6), (4, 2e-5)])
@every_contraction
def test_float32_is_off_by_what_the_docstring_says(contraction, m, stated):
    """Beside float64 im2col of the same float32 numbers. What was measured there, 7e-7 and 1.3e-5, and a margin."""
    geometry = Geometry.of_convolution((14, 15), 3, padding=1)
    C, O = (32, 512) if contraction == "to_input" else (512, 32)
    x, w, y = normal(5, geometry, 1, C, O, np.float32)
    pair = pair_for(contraction, x, w, y)
    expected = getattr(im2col, contraction)(*(array.astype(np.float64) for array in pair), geometry)
    with tiles_of(m):
        found = getattr(winograd, contraction)(*pair, geometry)
    assert found.dtype == np.float32
    error = np.abs(found - expected).max() / np.abs(expected).max()
    assert 1e-8 < error < stated


@both_tiles
@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize("row, column", [(0, 0), (5, 7), (3, 4), (11, 12)])
def test_nan_spoils_the_tiles_that_see_it(m, value, row, column):
    geometry = Geometry.of_convolution((12, 13), 3, padding=1)
    x, w, _ = normal(2, geometry, 2, 3, 4)
    x[1, 2, row, column] = value
    expected = np.zeros((2, 4, 12, 13), bool)
    for top in range(0, 12, m):
        for left in range(0, 13, m):
            if 0 <= row - top + 1 < m + 2 and 0 <= column - left + 1 < m + 2:
                expected[1, :, top : top + m, left : left + m] = True
    with tiles_of(m), np.errstate(invalid="ignore"):
        np.testing.assert_array_equal(np.isnan(winograd.to_output(x, w, geometry)), expected)


@both_tiles
def test_nan_spoils_the_weights_of_its_channel(m):
    geometry = Geometry.of_convolution((12, 13), 3, padding=1)
    x, _, y = normal(2, geometry, 2, 3, 4)
    x[1, 2, 5, 7] = np.nan
    y[0, 1, 3, 3] = np.nan
    expected = np.zeros((4, 3, 3, 3), bool)
    expected[:, 2] = expected[1] = True
    with tiles_of(m), np.errstate(invalid="ignore"):
        np.testing.assert_array_equal(np.isnan(winograd.to_weight(x, y, geometry)), expected)


# --- through the functions --------------------------------------------------------------------------------------------

STRANGE = {
    "1x1": ((5, 6), 1, 1, 0, 1, 1),
    "3x2": ((5, 6), (3, 2), 1, 1, 1, 1),
    "5x5": ((5, 6), 5, 1, 2, 1, 1),
    "stride": ((5, 6), 3, (1, 2), 1, 1, 1),
    "dilation": ((7, 6), 3, 1, 1, (2, 1), 1),
    "groups": ((5, 6), 3, 1, 1, 1, 2),
    "padding 3": ((5, 6), 3, 1, (1, 3), 1, 1),
    "nothing but padding": ((0, 6), 3, 1, 2, 1, 1),
}


@pytest.mark.parametrize("case", STRANGE)
def test_what_does_not_fit_is_computed_by_im2col(case):
    geometry = Geometry.of_convolution(*STRANGE[case])
    assert not winograd.fits(geometry)
    arrays = np.ones(geometry.input_size), np.ones(geometry.kernel_size), np.ones(geometry.output_size)
    operands = [np.stack([[array] * 4] * 4) for array in arrays]
    for contraction in CONTRACTIONS:
        with mock.patch.object(im2col, contraction, return_value=np.array(7.0)), convolution.use_algorithm("winograd"):
            pair = pair_for(contraction, *operands)
            assert getattr(convolution, contraction)(*pair, geometry) == 7


def test_what_fits_is_computed_by_winograd():
    for padding in (0, 1, (2, 0)):
        geometry = Geometry.of_convolution((5, 6), 3, padding=padding)
        assert winograd.fits(geometry)
        operands = normal(0, geometry, 1, 2, 3)
        for contraction in CONTRACTIONS:
            chosen = mock.patch.object(winograd, contraction, return_value=np.array(7.0))
            with chosen, convolution.use_algorithm("winograd"):
                assert getattr(convolution, contraction)(*pair_for(contraction, *operands), geometry) == 7


@both_tiles
def test_gradients_of_gradients_are_right(m):
    source = np.random.default_rng(m)
    x, w, y = (
        Tensor(source.standard_normal(shape), requires_grad=True)
        for shape in ((2, 2, 4, 5), (3, 2, 3, 3), (2, 3, 4, 5))
    )
    with tiles_of(m), convolution.use_algorithm("winograd"):
        for check in (gradcheck, gradgradcheck):
            assert check(lambda x, w: F.conv2d(x, w, padding=1), (x, w))
            assert check(lambda y, w: F.conv_transpose2d(y, w, padding=1), (y, w))


# --- wherever it is computed ------------------------------------------------------------------------------------------


@both_tiles
@pytest.mark.parametrize("room", [None, 1, 3000])
@pytest.mark.parametrize("size, padding", [((3, 3), 0), ((5, 9), (2, 0)), ((13, 6), 1), ((8, 21), (0, 2)), ((1, 1), 1)])
def test_it_is_the_sum_over_taps_on_every_array_module(xp, m, room, size, padding, monkeypatch):
    """One block and many, tiles that hang over, images and channels in unequal numbers; loops are the oracle."""
    geometry = Geometry.of_convolution(size, 3, padding=padding)
    x, w, y = normal(7, geometry, 3, 2, 5)
    if room:
        monkeypatch.setattr(cut, "working_bytes", lambda array: room)
        monkeypatch.setattr(cut, "LEAST_TILES", 1)
    arrays = {"x": x, "w": w, "y": y}
    with tiles_of(m):
        for name, first, second in (("to_output", "x", "w"), ("to_input", "w", "y"), ("to_weight", "x", "y")):
            expected = getattr(loops, name)(arrays[first], arrays[second], geometry)
            found = getattr(winograd, name)(xp.asarray(arrays[first]), xp.asarray(arrays[second]), geometry)
            np.testing.assert_allclose(to_numpy(found), expected, rtol=0, atol=1e-11 * np.abs(expected).max())


def test_a_gpu_transforms_every_channel_in_one_go():
    """Five kernels, and for each contraction one product of n² matrices: no loop over channels or images on the host."""
    geometry = Geometry.of_convolution((19, 23), 3, padding=1)
    with playing() as cupy:
        x, w, y = (cupy.asarray(array) for array in normal(7, geometry, 2, 64, 96, np.float32))
        del RawKernel.launches[:], cupy.cuda.cublas.products[:]
        winograd.to_output(x, w, geometry)
        winograd.to_input(w, y, geometry)
        winograd.to_weight(x, y, geometry)
        assert RawKernel.launches == [
            "winograd_image_4", "winograd_weight_4", "winograd_place_4",
            "winograd_image_4", "winograd_weight_4", "winograd_place_4",
            "winograd_image_4", "winograd_result_4", "winograd_taps_4",
        ]  # fmt: skip
        assert [count for *_, count, _ in cupy.cuda.cublas.products] == [36, 36, 36]
