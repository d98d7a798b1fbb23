"""All algorithms give one answer, exactly, in all three contractions; and that answer is the right one.

The operands are whole numbers, so every comparison is `array_equal`: no tolerance hides anything.
"""

from __future__ import annotations

import threading
import tracemalloc
from unittest import mock

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minifcn.arrays import convolution, im2col, loops, matrix
from minifcn.arrays.matrix import SparseMatrix, convolution_matrix
from minifcn.backend import working_bytes
from minifcn.errors import ArgumentError
from minifcn.geometry import Geometry
from tests.strategies import geometries, laid_out, layouts, operands, transposed_geometries, whole_numbers

CONTRACTIONS = ("to_output", "to_input", "to_weight")


def pair_for(contraction, x, w, y):
    return {"to_output": (x, w), "to_input": (w, y), "to_weight": (x, y)}[contraction]


def dense_only():
    return mock.patch.object(matrix, "DENSE_LIMIT_BYTES", 1 << 40)


def sparse_only():
    return mock.patch.object(matrix, "DENSE_LIMIT_BYTES", -1)


def blocks_of(size):
    return mock.patch.object(im2col, "working_bytes", lambda array: size)


def check_agreement(geometry, x, w, y, small_block=1):
    kept = [array.copy() for array in (x, w, y)]
    for contraction in CONTRACTIONS:
        pair = pair_for(contraction, x, w, y)
        expected = getattr(loops, contraction)(*pair, geometry)
        found = {"im2col": getattr(im2col, contraction)(*pair, geometry)}
        with dense_only():
            found["dense matrix"] = getattr(matrix, contraction)(*pair, geometry)
        with sparse_only():
            found["sparse matrix"] = getattr(matrix, contraction)(*pair, geometry)
        with blocks_of(small_block):
            found["im2col in small blocks"] = getattr(im2col, contraction)(*pair, geometry)
        for name, array in found.items():
            np.testing.assert_array_equal(array, expected, err_msg=f"{name}.{contraction} differs from loops")
            assert array.dtype == expected.dtype == x.dtype, f"{name}.{contraction} changed the dtype"
            assert not any(np.shares_memory(array, operand) for operand in pair)
    for array, before in zip((x, w, y), kept, strict=True):
        np.testing.assert_array_equal(array, before, err_msg="an operand was changed")


# --- agreement ------------------------------------------------------------------------------------------------------


@given(st.data())
def test_all_algorithms_agree_exactly(data):
    geometry = data.draw(geometries())
    x, w, y = data.draw(operands(geometry))
    x, w, y = (laid_out(array, data.draw(layouts())) for array in (x, w, y))
    check_agreement(geometry, x, w, y, small_block=data.draw(st.sampled_from([1, 1, 500, 3000])))


@given(st.data())
def test_all_algorithms_agree_exactly_on_transposed_geometries(data):
    geometry = data.draw(transposed_geometries())
    x, w, y = data.draw(operands(geometry))
    check_agreement(geometry, x, w, y)


@pytest.mark.parametrize(
    "size, kernel, stride, padding, dilation, groups, N, C, O",
    [
        ((5, 7), (3, 2), (2, 3), (1, 2), (2, 1), 1, 2, 3, 4),  # everything unequal at once
        ((4, 6), (4, 6), 1, 0, 1, 1, 2, 2, 3),  # the kernel is the image
        ((1, 1), (1, 1), 1, 0, 1, 1, 1, 1, 1),
        ((1, 9), (1, 4), (5, 2), (0, 1), 1, 1, 3, 2, 1),  # one row
        ((3, 2), (1, 1), (4, 5), 0, (3, 2), 1, 2, 2, 2),  # the stride is larger than the image
        ((0, 3), (2, 1), 1, (1, 0), 1, 1, 2, 1, 2),  # nothing but padding
        ((5, 4), (3, 2), (2, 1), 1, 1, 3, 2, 6, 3),  # groups
        ((5, 4), (2, 3), 1, 1, 1, 4, 2, 4, 8),  # depthwise, two outputs each
        ((6, 5), (2, 3), (1, 2), 0, 1, 1, 0, 2, 3),  # no images
        ((6, 5), (2, 3), (1, 2), 0, 1, 1, 2, 0, 3),  # no input channels
        ((6, 5), (2, 3), (1, 2), 0, 1, 1, 2, 2, 0),  # no output channels
        ((3, 30), (2, 3), (1, 2), 1, 1, 1, 1, 24, 2),  # 24 channels: a multiple of every vector width, minus some
        ((2, 2), (3, 4), (3, 3), (5, 4), (2, 2), 1, 1, 1, 2),  # windows that see only padding
    ],
)
def test_edges_agree_exactly(size, kernel, stride, padding, dilation, groups, N, C, O):
    geometry = Geometry.of_convolution(size, kernel, stride, padding, dilation, groups)
    generator = np.random.default_rng(C + 10 * O)
    x = whole_numbers(generator, (N, C, *geometry.input_size))
    w = whole_numbers(generator, (O, C // groups, *geometry.kernel_size))
    y = whole_numbers(generator, (N, O, *geometry.output_size))
    check_agreement(geometry, x, w, y)


def test_one_array_may_be_both_operands():
    geometry = Geometry.of_convolution((2, 3), (2, 3), 1, (1, 2))
    array = whole_numbers(np.random.default_rng(0), (2, 2, 2, 3))
    expected = loops.to_output(array, array.copy(), geometry)
    np.testing.assert_array_equal(im2col.to_output(array, array, geometry), expected)
    np.testing.assert_array_equal(matrix.to_output(array, array, geometry), expected)


# --- the adjoint law ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("algorithm", ["loops", "matrix", "im2col"])
@given(st.data())
def test_three_legs_of_one_trilinear_form(algorithm, data):
    """⟨conv(x, w), y⟩ = ⟨x, convᵀ(w, y)⟩ = ⟨w, conv_weight(x, y)⟩, exactly: it is the same number T(x, w, y)."""
    geometry = data.draw(st.one_of(geometries(), transposed_geometries()))
    x, w, y = (array.astype(np.float64) for array in data.draw(operands(geometry)))
    with convolution.use_algorithm(algorithm):
        legs = (
            (convolution.to_output(x, w, geometry) * y).sum(),
            (x * convolution.to_input(w, y, geometry)).sum(),
            (w * convolution.to_weight(x, y, geometry)).sum(),
        )
    assert legs[0] == legs[1] == legs[2]


# --- laws that tie the answer to something else than another convolution --------------------------------------------


def output(x, w, stride=1, padding=0, dilation=1, groups=1, algorithm="im2col"):
    geometry = Geometry.of_convolution(x.shape[2:], w.shape[2:], stride, padding, dilation, groups)
    with convolution.use_algorithm(algorithm):
        return convolution.to_output(x, w, geometry)


def transposed(y, w, stride=1, padding=0, output_padding=0, groups=1, dilation=1, algorithm="im2col"):
    geometry = Geometry.of_transposed_convolution(
        y.shape[2:], w.shape[2:], stride, padding, output_padding, groups, dilation
    )
    with convolution.use_algorithm(algorithm):
        return convolution.to_input(w, y, geometry)


every_algorithm = pytest.mark.parametrize("algorithm", ["loops", "matrix", "im2col"])


@every_algorithm
@given(st.data())
def test_parameters_mean_what_their_names_say(algorithm, data):
    """Padding is np.pad, dilation a kernel stuffed with zeros, stride a choice of rows, groups separate convolutions."""
    geometry = data.draw(geometries())
    x, w, _ = data.draw(operands(geometry, empty=False))
    (ph, pw), (dh, dw), (sh, sw) = geometry.padding, geometry.dilation, geometry.stride
    padded = np.pad(x, ((0, 0), (0, 0), (ph, ph), (pw, pw)))
    stuffed = np.zeros((*w.shape[:2], *geometry.reach), w.dtype)
    stuffed[:, :, ::dh, ::dw] = w
    parts = [
        output(padded[:, a : a + w.shape[1]], stuffed[b : b + len(w) // geometry.groups], algorithm=algorithm)
        for a, b in zip(range(0, x.shape[1], w.shape[1]), range(0, len(w), len(w) // geometry.groups), strict=True)
    ]
    plain = np.concatenate(parts, axis=1)[:, :, ::sh, ::sw]
    found = output(x, w, geometry.stride, geometry.padding, geometry.dilation, geometry.groups, algorithm)
    np.testing.assert_array_equal(found, plain)


@every_algorithm
def test_plain_convolution_against_numpy_windows(algorithm):
    """The bottom of the previous law, by another road: every window cut out by NumPy and summed."""
    generator = np.random.default_rng(1)
    x, w = whole_numbers(generator, (2, 3, 6, 8)), whole_numbers(generator, (4, 3, 3, 2))
    windows = np.lib.stride_tricks.sliding_window_view(x, (3, 2), axis=(2, 3))  # (N, C, OH, OW, KH, KW)
    expected = np.einsum("ncijkl,ockl->noij", windows, w)
    np.testing.assert_array_equal(output(x, w, algorithm=algorithm), expected)


@every_algorithm
def test_a_single_one_copies_and_shifts(algorithm):
    x = whole_numbers(np.random.default_rng(2), (2, 1, 5, 7))
    for k in range(3):
        for l in range(4):
            w = np.zeros((1, 1, 3, 4))
            w[0, 0, k, l] = 1  # cross-correlation: tap (k, l) reads (i + k, j + l), nothing is flipped
            np.testing.assert_array_equal(output(x, w, algorithm=algorithm), x[:, :, k : k + 3, l : l + 4])


@every_algorithm
def test_one_by_one_is_a_matrix_product(algorithm):
    generator = np.random.default_rng(3)
    x, w = whole_numbers(generator, (2, 3, 4, 5)), whole_numbers(generator, (6, 3, 1, 1))
    expected = np.tensordot(w[:, :, 0, 0], x, (1, 1)).transpose(1, 0, 2, 3)
    np.testing.assert_array_equal(output(x, w, algorithm=algorithm), expected)


@every_algorithm
def test_stamps_side_by_side_are_a_kronecker_product(algorithm):
    """Stride = kernel: the stamps of a transposed convolution touch and never meet."""
    generator = np.random.default_rng(4)
    y, w = whole_numbers(generator, (1, 1, 3, 4)), whole_numbers(generator, (1, 1, 2, 5))
    found = transposed(y, w, stride=(2, 5), algorithm=algorithm)
    np.testing.assert_array_equal(found[0, 0], np.kron(y[0, 0], w[0, 0]))


@every_algorithm
@given(st.data())
def test_conservation(algorithm, data):
    """Without padding nothing is lost: the sum of the result is the product of the sums, channel by channel."""
    geometry = data.draw(transposed_geometries())
    _, w, y = (array.astype(np.float64) for array in data.draw(operands(geometry)))
    whole = Geometry.of_transposed_convolution(
        geometry.output_size, geometry.kernel_size, geometry.stride, 0, 0, 1, geometry.dilation
    )
    with convolution.use_algorithm(algorithm):
        x = convolution.to_input(w, y, whole)
    expected = y.sum((2, 3)) @ w.sum((2, 3))  # (N, O) @ (O, C)
    np.testing.assert_array_equal(x.sum((2, 3)), expected)


# --- worked examples ------------------------------------------------------------------------------------------------

SEED = np.array([[[[0.0, 1.0], [2.0, 3.0]]]])


@every_algorithm
def test_seed_example(algorithm):
    np.testing.assert_array_equal(transposed(SEED, SEED, algorithm=algorithm)[0, 0], [[0, 0, 1], [0, 4, 6], [4, 12, 9]])


@every_algorithm
def test_seed_example_with_stride(algorithm):
    """Stride spreads the stamps, dilation spreads the kernel: two different things, though both leave gaps."""
    np.testing.assert_array_equal(
        transposed(SEED, SEED, stride=2, algorithm=algorithm)[0, 0],
        [[0, 0, 0, 1], [0, 0, 2, 3], [0, 2, 0, 3], [4, 6, 6, 9]],
    )
    np.testing.assert_array_equal(
        transposed(SEED, SEED, dilation=2, algorithm=algorithm)[0, 0],
        [[0, 0, 0, 1], [0, 0, 2, 3], [0, 2, 0, 3], [4, 6, 6, 9]],
    )
    other = np.array([[[[5.0, 7.0], [11.0, 13.0]]]])
    spread_stamps = [[0, 0, 5, 7], [0, 0, 11, 13], [10, 14, 15, 21], [22, 26, 33, 39]]
    spread_kernel = [[0, 5, 0, 7], [10, 15, 14, 21], [0, 11, 0, 13], [22, 33, 26, 39]]
    np.testing.assert_array_equal(transposed(SEED, other, stride=2, algorithm=algorithm)[0, 0], spread_stamps)
    np.testing.assert_array_equal(transposed(SEED, other, dilation=2, algorithm=algorithm)[0, 0], spread_kernel)


@every_algorithm
def test_place_value_example(algorithm):
    """Each digit of the result names the input pixel it came from, so a flipped or exchanged kernel shows."""
    x = np.array([[[[1.0, 2.0], [3.0, 4.0]]]])
    kernel = np.array([[[[1.0, 10.0], [100.0, 1000.0]]]])
    np.testing.assert_array_equal(
        transposed(x, kernel, algorithm=algorithm)[0, 0], [[1, 12, 20], [103, 1234, 2040], [300, 3400, 4000]]
    )
    np.testing.assert_array_equal(transposed(x, kernel, padding=1, algorithm=algorithm)[0, 0], [[1234]])


@every_algorithm
def test_transposed_is_not_inverse(algorithm):
    """Cᵀ C x has the size of x but other values; the pseudo-inverse brings back what C has kept."""
    x = whole_numbers(np.random.default_rng(5), (1, 1, 4, 4))
    w = np.array([[[[1.0, 2.0], [0.0, -1.0]]]])
    back = transposed(output(x, w, algorithm=algorithm), w, algorithm=algorithm)
    assert back.shape == x.shape
    assert not np.allclose(back, x)
    C = convolution_matrix(w, (4, 4))
    recovered = np.linalg.pinv(C) @ output(x, w, algorithm=algorithm).ravel()
    np.testing.assert_allclose(C @ recovered, C @ x.ravel(), atol=1e-9)


@every_algorithm
def test_output_padding_is_a_row_of_the_matrix_not_appended_zeros(algorithm):
    y, w = np.array([[[[1.0, 10.0, 100.0]]]]), np.array([[[[1.0, 2.0, 3.0]]]])
    rows = {0: [2, 13, 20, 130, 200], 1: [2, 13, 20, 130, 200, 300]}
    for extra, expected in rows.items():
        found = transposed(y, w, (1, 2), (0, 1), (0, extra), algorithm=algorithm)
        np.testing.assert_array_equal(found[0, 0, 0], expected)


# --- the matrix -----------------------------------------------------------------------------------------------------


def matrix_by_impulses(w, geometry):
    """Column by column: what the loops make of an image with a single 1."""
    C = w.shape[1] * geometry.groups
    impulses = np.eye(C * geometry.input_pixels).reshape(-1, C, *geometry.input_size)
    return loops.to_output(impulses, w.astype(np.float64), geometry).reshape(len(impulses), -1).T


@given(st.data())
def test_matrix_entry_by_entry(data):
    geometry = data.draw(geometries().filter(lambda g: 0 < g.input_pixels <= 24))
    x, w, y = data.draw(operands(geometry, empty=False))
    arguments = (geometry.input_size, geometry.stride, geometry.padding, geometry.dilation, geometry.groups)
    dense = convolution_matrix(w, *arguments)
    sparse = convolution_matrix(w, *arguments, sparse=True)
    assert isinstance(sparse, SparseMatrix)
    assert dense.dtype == w.dtype
    assert dense.shape == sparse.shape == (y[:1].size, x[:1].size)
    assert sparse.T.shape == dense.T.shape
    np.testing.assert_array_equal(dense, matrix_by_impulses(w, geometry))
    np.testing.assert_array_equal(sparse.toarray(), dense)
    np.testing.assert_array_equal(sparse.T.toarray(), dense.T)
    np.testing.assert_array_equal(sparse.T.T.toarray(), dense)
    vectors, images = x.reshape(len(x), -1).T, y.reshape(len(y), -1).T
    np.testing.assert_array_equal(sparse @ vectors, dense @ vectors)
    np.testing.assert_array_equal(sparse @ vectors[:, 0], dense @ vectors[:, 0])
    np.testing.assert_array_equal(sparse.T @ images, dense.T @ images)
    np.testing.assert_array_equal(sparse.T @ images[:, 0], dense.T @ images[:, 0])


def test_transposed_matrix_is_transposed_convolution():
    generator = np.random.default_rng(6)
    w, y = whole_numbers(generator, (2, 3, 3, 2)), whole_numbers(generator, (1, 2, 3, 4))
    made = transposed(y, w, stride=(2, 3), padding=(1, 0), output_padding=(1, 2))
    C = convolution_matrix(w, made.shape[2:], stride=(2, 3), padding=(1, 0))
    np.testing.assert_array_equal(C.T @ y.ravel(), made.ravel())


@pytest.mark.parametrize("shape, size", [((0, 1, 2, 2), (3, 3)), ((2, 0, 2, 2), (3, 4))])
def test_matrix_without_channels(shape, size):
    C = convolution_matrix(np.zeros(shape), size)
    assert C.shape == (shape[0] * (size[0] - 1) * (size[1] - 1), shape[1] * size[0] * size[1])


def test_matrix_errors():
    w = np.ones((3, 2, 2, 2))
    with pytest.raises(ArgumentError, match=r"weight must have 4 dimensions .* got shape \(2, 2\)"):
        convolution_matrix(w[0, 0], (3, 3))
    with pytest.raises(ArgumentError, match=r"groups 2 must divide the 3 output channels"):
        convolution_matrix(w, (3, 3), groups=2)
    with pytest.raises(ArgumentError, match=r"padded input 1x3 .* effective kernel 2x2"):
        convolution_matrix(w, (1, 3))
    with pytest.raises(
        ArgumentError, match=r"shape \(12, 18\) cannot multiply an array of shape \(17,\).*pass \(18,\)"
    ):
        convolution_matrix(w, (3, 3), sparse=True) @ np.zeros(17)


def test_nan_stays_in_its_stamp_except_in_the_dense_matrix():
    """0 · NaN is NaN: the dense matrix touches every output with every input."""
    y = SEED.copy()
    y[0, 0, 0, 0] = np.nan
    for algorithm in ("loops", "im2col"):
        assert np.isnan(transposed(y, SEED, algorithm=algorithm)).sum() == 4
    with sparse_only():
        assert np.isnan(transposed(y, SEED, algorithm="matrix")).sum() == 4
    with dense_only():
        assert np.isnan(transposed(y, SEED, algorithm="matrix")).sum() == 9


# --- memory ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("contraction", CONTRACTIONS)
def test_memory_does_not_grow_with_the_image(contraction):
    """The extra memory, beside operands and result, is that of one block, however many rows there are."""
    generator = np.random.default_rng(7)
    extra = []
    for rows in (128, 512):
        geometry = Geometry.of_convolution((rows, 128), (3, 3), 1, 1)
        x = generator.random((2, 8, rows, 128), np.float32)
        w, y = generator.random((4, 8, 3, 3), np.float32), generator.random((2, 4, rows, 128), np.float32)
        whole = 8 * 9 * y[:, 0].size * 4  # bytes of all columns at once
        tracemalloc.start()
        try:
            result = getattr(im2col, contraction)(*pair_for(contraction, x, w, y), geometry)
            extra.append(tracemalloc.get_traced_memory()[1] - result.nbytes)
        finally:
            tracemalloc.stop()
    limit = 3 * working_bytes(x)  # two blocks of columns (the old one lives until the next is made) and some rows of y
    assert extra[1] < limit < whole / 2
    assert extra[1] < 1.2 * extra[0]


@given(st.data())
def test_blocks_cover_every_output_row_once_and_fit(data):
    geometry = data.draw(geometries())
    N, C = data.draw(st.integers(0, 5)), data.draw(st.integers(0, 4))
    allowed = data.draw(st.integers(1, 4000))
    seen = np.zeros((N, geometry.output_size[0]), int)
    with blocks_of(allowed):
        x = np.zeros((N, C, *geometry.input_size))
        for block in im2col.blocks(x, N, C, geometry):
            images, first, last = block
            seen[images, first:last] += 1
            one_row = C * geometry.taps * geometry.output_size[1] * x.itemsize
            assert im2col.im2col(x, geometry, block).nbytes <= max(allowed, one_row)
    assert (seen == 1).all()


@given(st.data())
def test_col2im_is_the_transpose_of_im2col(data):
    """⟨im2col(x), columns⟩ = ⟨x, col2im(columns)⟩, exactly, and the block decides which rows are met."""
    geometry = data.draw(geometries())
    generator = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1)))
    x = whole_numbers(generator, (2, 3, *geometry.input_size))
    first = data.draw(st.integers(0, geometry.output_size[0] - 1))
    block = slice(0, 2), first, data.draw(st.integers(first + 1, geometry.output_size[0]))
    made = im2col.im2col(x, geometry, block)
    columns = whole_numbers(generator, made.shape)
    back = np.zeros_like(x)
    im2col.col2im(columns, back, geometry, block)
    assert (made * columns).sum() == (x * back).sum()


# --- the choice -----------------------------------------------------------------------------------------------------


def test_choice_is_nested_and_restored_after_an_error():
    assert convolution._chosen.get() == "im2col"
    with convolution.use_algorithm("matrix"):
        with pytest.raises(ZeroDivisionError), convolution.use_algorithm("loops"):
            assert convolution._chosen.get() == "loops"
            raise ZeroDivisionError
        assert convolution._chosen.get() == "matrix"
    assert convolution._chosen.get() == "im2col"


@pytest.mark.parametrize("name", ["matrix", "loops", "im2col"])
def test_the_chosen_algorithm_is_the_one_that_runs(name):
    geometry = Geometry.of_convolution((2, 3), (1, 1))
    chosen = convolution.ALGORITHMS[name]
    arrays = np.ones((1, 1, 2, 3)), np.ones((1, 1, 1, 1)), np.ones((1, 1, 2, 3))
    for contraction in CONTRACTIONS:
        with mock.patch.object(chosen, contraction, return_value="mine"), convolution.use_algorithm(name):
            assert getattr(convolution, contraction)(*pair_for(contraction, *arrays), geometry) == "mine"


def test_an_unknown_algorithm_is_refused():
    message = "algorithm 'fft' is unknown; choose one of loops, matrix, im2col"
    with pytest.raises(ArgumentError, match=message), convolution.use_algorithm("fft"):
        pytest.fail("the block was entered")


def test_each_thread_has_its_own_choice():
    seen = []
    with convolution.use_algorithm("matrix"):
        thread = threading.Thread(target=lambda: seen.append(convolution._chosen.get()))
        thread.start()
        thread.join()
    assert seen == ["im2col"]
