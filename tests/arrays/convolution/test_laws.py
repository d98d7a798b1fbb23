"""Laws and worked examples that tie convolution to something else than another convolution. Whole numbers: all exact."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from minifcn import convolution_matrix
from minifcn.arrays import convolution
from minifcn.geometry import Geometry
from tests.arrays.convolution.contractions import SEED, dense_only, every_algorithm, output, sparse_only, transposed
from tests.strategies import geometries, operands, transposed_geometries, whole_numbers

# --- laws -----------------------------------------------------------------------------------------------------------


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
