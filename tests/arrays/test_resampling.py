"""Resizing against a sampling loop in fractions, its transpose as a law, and the bilinear kernel by its properties."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minifcn.arrays.bands import BandMatrix
from minifcn.arrays.resampling import MODES, axis_matrix, bilinear_kernel, resize
from minifcn.errors import ArgumentError, ArgumentTypeError

laws = settings(max_examples=120, deadline=None, derandomize=True)
sizes = st.integers(1, 12)
all_modes = pytest.mark.parametrize(
    ("mode", "align_corners"),
    [("bilinear", False), ("bilinear", True), ("bicubic", False), ("bicubic", True), ("nearest", False),
     ("nearest-exact", False)],
)  # fmt: skip


def sample(signal: list[Any], size_out: int, mode: str, align_corners: bool, ratio: Fraction) -> list[Fraction]:
    """Each output pixel looked up in the signal, which is thought to go on with its first and last value for ever."""

    def at(pixel: int) -> Any:
        return signal[min(max(pixel, 0), len(signal) - 1)]

    result = []
    for i in range(size_out):
        if mode == "nearest":
            result.append(Fraction(at(math.floor(ratio * i))))
        elif mode == "nearest-exact":
            # The pixel whose interval [j, j + 1) contains the centre of output pixel i.
            centre = ratio * (2 * i + 1) / 2
            result.append(Fraction(at(math.floor(centre))))
        else:
            if align_corners:
                place = Fraction(i * (len(signal) - 1), size_out - 1) if size_out > 1 else Fraction(0)
            else:
                place = ratio * (2 * i + 1) / 2 - Fraction(1, 2)
            left = math.floor(place)
            if mode == "bilinear":
                result.append(at(left) + (place - left) * (at(left + 1) - at(left)))
            else:
                result.append(cubic_between([at(left + j) for j in (-1, 0, 1, 2)], place - left))
    return result


def cubic_between(four: list[Any], t: Fraction) -> Fraction:
    """The cubic through the two in the middle whose slopes there are 3/4 of the rise from neighbour to neighbour."""
    before, first, second, after = (Fraction(value) for value in four)
    start, end = (second - before) * Fraction(3, 4), (after - first) * Fraction(3, 4)
    hermite = (1 + 2 * t) * (1 - t) ** 2, t * (1 - t) ** 2, t**2 * (3 - 2 * t), t**2 * (t - 1)
    return sum(weight * value for weight, value in zip(hermite, (first, start, second, end), strict=True))


def integers(shape: tuple[int, ...], seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(-9, 10, shape).astype(np.float64)


def band(matrix: np.ndarray) -> BandMatrix:
    return BandMatrix.of_rows([dict(enumerate(row)) for row in matrix], matrix.shape[1], matrix.dtype)


# --- one axis ---------------------------------------------------------------------------------------------------------


@all_modes
@laws
@given(sizes, sizes, st.integers(0, 99))
def test_a_matrix_samples_the_signal(mode, align_corners, size_in, size_out, seed):
    signal = [int(value) for value in integers((size_in,), seed)]
    expected = sample(signal, size_out, mode, align_corners, Fraction(size_in, size_out))
    matrix = axis_matrix(size_in, size_out, mode, align_corners, dtype=np.float64).toarray()
    assert matrix.shape == (size_out, size_in)
    np.testing.assert_allclose(matrix @ np.array(signal), [float(value) for value in expected], rtol=0, atol=1e-13)


@all_modes
@laws
@given(sizes, st.fractions(Fraction(1, 4), 4, max_denominator=12), st.integers(0, 99))
def test_a_given_scale_wins_over_the_sizes(mode, align_corners, size_in, scale, seed):
    size_out = math.floor(size_in * scale)
    if size_out == 0:
        return
    signal = [int(value) for value in integers((size_in,), seed)]
    expected = sample(signal, size_out, mode, align_corners, 1 / scale)
    for number in (scale, float(scale)):  # a float stands for the simple fraction next to it
        matrix = axis_matrix(size_in, size_out, mode, align_corners, number, dtype=np.float64).toarray()
        np.testing.assert_allclose(matrix @ np.array(signal), [float(value) for value in expected], rtol=0, atol=1e-13)


@pytest.mark.parametrize("factor", [1, 2, 4, 8])
def test_enlarging_by_a_power_of_two_is_exact_in_single_precision(factor):
    x = integers((2, 3, 5, 7), factor).astype(np.float32)
    y = resize(x, axis_matrix(5, factor * 5), axis_matrix(7, 2 * 7))
    for n, c in np.ndindex(2, 3):
        rows = [sample(list(row), 14, "bilinear", False, Fraction(1, 2)) for row in x[n, c].astype(int).tolist()]
        columns = [
            sample(list(column), 5 * factor, "bilinear", False, Fraction(1, factor))
            for column in zip(*rows, strict=True)
        ]
        np.testing.assert_array_equal(y[n, c], np.array(columns, np.float32).T)


@all_modes
@laws
@given(sizes, sizes)
def test_every_output_is_a_mean_of_inputs(mode, align_corners, size_in, size_out):
    matrix = axis_matrix(size_in, size_out, mode, align_corners, dtype=np.float64).toarray()
    assert (matrix >= (-0.15 if mode == "bicubic" else 0)).all()
    np.testing.assert_allclose(matrix.sum(axis=1), 1, rtol=0, atol=1e-15)
    used = np.count_nonzero(matrix, axis=1)
    assert (used >= 1).all() and (used <= {"bilinear": 2, "bicubic": 4}.get(mode, 1)).all()


@all_modes
@pytest.mark.parametrize("size", [1, 2, 7])
def test_the_same_size_is_the_identity(mode, align_corners, size):
    np.testing.assert_array_equal(axis_matrix(size, size, mode, align_corners).toarray(), np.eye(size))


@pytest.mark.parametrize("mode", ["bilinear", "bicubic", "nearest-exact"])
@pytest.mark.parametrize(("size_in", "size_out"), [(2, 6), (3, 8), (9, 5), (5, 3)])  # no centre lies on an edge
def test_centred_modes_do_not_shift_the_image(mode, size_in, size_out):
    matrix = axis_matrix(size_in, size_out, mode).toarray()
    np.testing.assert_array_equal(matrix[::-1, ::-1], matrix)


def test_values_by_hand():
    ramp = np.array([0.0, 1])
    assert (axis_matrix(2, 4, dtype=np.float64).toarray() @ ramp).tolist() == [0, 0.25, 0.75, 1]
    assert (axis_matrix(2, 4, align_corners=True, dtype=np.float64).toarray() @ ramp).tolist() == [0, 1 / 3, 2 / 3, 1]
    chosen = {
        (size_in, size_out, mode): axis_matrix(size_in, size_out, mode).toarray().argmax(axis=1).tolist()
        for size_in, size_out in ((3, 5), (5, 3))
        for mode in ("nearest", "nearest-exact")
    }
    assert chosen == {
        (3, 5, "nearest"): [0, 0, 1, 1, 2],
        (3, 5, "nearest-exact"): [0, 0, 1, 2, 2],
        (5, 3, "nearest"): [0, 1, 3],
        (5, 3, "nearest-exact"): [0, 2, 4],
    }


def test_a_cubic_overdraws_an_edge_and_reaches_two_pixels():
    """Halfway between two pixels the weights are −3/32, 19/32, 19/32, −3/32."""
    middle = axis_matrix(6, 12, "bicubic", dtype=np.float64).toarray()
    np.testing.assert_array_equal(axis_matrix(4, 1, "bicubic", dtype=np.float64).toarray() * 32, [[-3, 19, 19, -3]])
    edge = middle @ np.array([0.0, 0, 0, 1, 1, 1])
    assert edge.min() < 0 and edge.max() > 1
    assert np.count_nonzero(middle[5]) == 4


def test_one_pixel_out_of_many_and_many_out_of_one():
    assert axis_matrix(4, 1, dtype=np.float64).toarray().tolist() == [[0, 0.5, 0.5, 0]]
    assert axis_matrix(4, 1, align_corners=True).toarray().tolist() == [[1, 0, 0, 0]]
    for align_corners in (False, True):
        assert axis_matrix(1, 5, align_corners=align_corners).toarray().tolist() == [[1]] * 5


def test_a_position_on_the_edge_of_two_pixels_is_not_left_to_rounding():
    # (20 + 1/2) · 8 / 41 is 4 exactly; in single precision it comes out below and would choose pixel 3.
    assert axis_matrix(8, 41, "nearest-exact").toarray()[20].argmax() == 4
    # 11 / 1.1 is 10, although the float 1.1 lies above 11/10; 5 / (5/3) is 3.
    assert axis_matrix(20, 22, "nearest", scale=1.1).toarray()[11].argmax() == 10
    assert axis_matrix(6, 10, "nearest", scale=5 / 3).toarray()[5].argmax() == 3


def test_nearest_by_an_integer_repeats_pixels():
    np.testing.assert_array_equal(axis_matrix(3, 12, "nearest").toarray(), np.kron(np.eye(3), np.ones((4, 1))))
    np.testing.assert_array_equal(axis_matrix(3, 12, "nearest-exact").toarray(), np.kron(np.eye(3), np.ones((4, 1))))


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_the_dtype_is_kept(dtype):
    matrix = axis_matrix(3, 5, dtype=dtype)
    assert matrix.dtype == (np.float32 if dtype == np.float16 else dtype)  # nothing is added up in half precision
    assert resize(np.ones((1, 2, 3, 3), dtype), matrix, matrix).dtype == dtype
    assert axis_matrix(3, 5).dtype == np.float32


# --- both axes --------------------------------------------------------------------------------------------------------


@all_modes
@laws
@given(sizes, sizes, sizes, sizes)
def test_resize_is_the_kronecker_product_of_its_axes(mode, align_corners, height, width, out_height, out_width):
    rows = axis_matrix(height, out_height, mode, align_corners, dtype=np.float64)
    columns = axis_matrix(width, out_width, mode, align_corners, dtype=np.float64)
    x = integers((2, 3, height, width), height)
    expected = x.reshape(6, -1) @ np.kron(rows.toarray(), columns.toarray()).T
    y = resize(x, rows, columns)
    assert y.shape == (2, 3, out_height, out_width)
    np.testing.assert_allclose(y.reshape(6, -1), expected, rtol=0, atol=1e-12)


@laws
@given(sizes, sizes, sizes, sizes, st.integers(0, 99))
def test_resize_and_its_transpose_are_exactly_adjoint(height, width, out_height, out_width, seed):
    # The law concerns any two matrices; with integers in them it holds exactly, in either order of the products.
    x, y = integers((2, 3, height, width), seed), integers((2, 3, out_height, out_width), seed + 1)
    rows, columns = integers((out_height, height), seed + 2), integers((out_width, width), seed + 3)
    forward = resize(x, band(rows), band(columns))
    back = resize(y, band(rows).T, band(columns).T)
    np.testing.assert_array_equal(forward, np.einsum("ih,nchw,jw->ncij", rows, x, columns))
    assert (forward * y).sum() == (x * back).sum()


@pytest.mark.parametrize(("out_height", "out_width"), [(2, 40), (40, 2), (3, 3), (40, 50)])
def test_both_orders_of_the_products_agree(out_height, out_width):
    x, rows, columns = integers((2, 3, 9, 8)), integers((out_height, 9), 1), integers((out_width, 8), 2)
    made = resize(x, band(rows), band(columns))
    np.testing.assert_array_equal(made, np.einsum("ih,nchw,jw->ncij", rows, x, columns))


def test_the_layout_in_memory_changes_nothing():
    x, rows, columns = integers((2, 3, 6, 5)), band(integers((4, 6), 1)), band(integers((7, 5), 2))
    expected = resize(x, rows, columns)
    spaced = np.zeros((2, 3, 12, 15))
    spaced[:, :, ::2, ::3] = x
    frozen = x.copy()
    frozen.flags.writeable = False
    for strange in (np.asfortranarray(x), spaced[:, :, ::2, ::3], x[:, :, ::-1, ::-1].copy()[:, :, ::-1, ::-1], frozen):
        np.testing.assert_array_equal(resize(strange, rows, columns), expected)
        np.testing.assert_array_equal(strange, x)


def test_the_identity_is_a_copy():
    x = integers((1, 2, 3, 4))
    y = resize(x, axis_matrix(3, 3, dtype=np.float64), axis_matrix(4, 4, dtype=np.float64))
    np.testing.assert_array_equal(y, x)
    assert not np.shares_memory(x, y)


@pytest.mark.parametrize(("batch", "channels"), [(0, 3), (2, 0)])
def test_an_empty_batch_gives_an_empty_result(batch, channels):
    y = resize(np.ones((batch, channels, 3, 4), np.float32), axis_matrix(3, 6), axis_matrix(4, 2))
    assert y.shape == (batch, channels, 6, 2) and y.dtype == np.float32


@all_modes
@pytest.mark.parametrize("value, is_it", [(np.nan, np.isnan), (np.inf, lambda y: ~np.isfinite(y))])
@pytest.mark.parametrize("size", [((5, 6), (9, 13)), ((40, 41), (64, 41)), ((40, 33), (7, 80))])
def test_what_is_not_finite_reaches_what_sees_it_and_no_other(mode, align_corners, value, is_it, size):
    """The small ones are multiplied as one full matrix each, if all is finite."""
    rows, columns = (axis_matrix(*pair, mode, align_corners, dtype=np.float64) for pair in zip(*size, strict=True))
    source = np.random.default_rng(0)
    for R, C in ((rows, columns), (rows.T, columns.T)):
        x = source.standard_normal((2, 2, R.shape[1], C.shape[1]))
        whole = resize(x, R, C)
        seen = np.flatnonzero(R.toarray().any(0))[-2:-1], np.flatnonzero(C.toarray().any(0))[:1]
        x[1, 0, seen[0], seen[1]] = value
        found, expected = resize(x, R, C), np.zeros(whole.shape, bool)
        expected[1, 0] = np.outer(R.toarray()[:, seen[0]] != 0, C.toarray()[:, seen[1]] != 0)
        np.testing.assert_array_equal(is_it(found), expected)
        np.testing.assert_allclose(found[~expected], whole[~expected], rtol=0, atol=1e-13)


@pytest.mark.parametrize("mode", MODES)
def test_half_precision_is_rounded_once(mode):
    """Weights and sums have single precision; 1/3 in half precision would be wrong in its fourth digit."""
    x = np.random.default_rng(0).standard_normal((1, 2, 7, 9)).astype(np.float16)
    rows, columns = axis_matrix(7, 12, mode, dtype=np.float16), axis_matrix(9, 5, mode, dtype=np.float16)
    single = resize(x.astype(np.float32), rows, columns)
    np.testing.assert_array_equal(resize(x, rows, columns), single.astype(np.float16))


def test_the_weights_of_a_size_are_made_once():
    first = axis_matrix(5, 9, "bicubic")
    assert axis_matrix(5, 9, "bicubic") is first
    assert axis_matrix(5, 9, "bicubic", dtype=np.float64) is not first


# --- errors -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "error", "content"),
    [
        (
            (3, 5, "cubic"),
            ArgumentError,
            "mode 'cubic' is unknown; use one of bilinear, bicubic, nearest, nearest-exact",
        ),
        (
            (3, 5, "nearest", True),
            ArgumentError,
            "align_corners has a meaning for bilinear and bicubic only, not for 'nearest'; omit it.",
        ),
        ((0, 5), ArgumentError, "interpolate: input size must be between 1 and .*, got 0"),
        ((3, 0), ArgumentError, "interpolate: output size must be between 1 and .*, got 0"),
        ((3, 2.5), ArgumentTypeError, "interpolate: output size must be an integer, got 2.5"),
        ((3, 5, "bilinear", False, 0.0), ArgumentError, "scale must be positive.*, got 0.0"),
        ((3, 5, "bilinear", False, -1.5), ArgumentError, "scale must be positive.*, got -1.5"),
        ((3, 5, "bilinear", False, math.nan), ArgumentTypeError, "scale must be a finite number, got nan"),
        ((3, 5, "bilinear", False, math.inf), ArgumentTypeError, "scale must be a finite number, got inf"),
        ((3, 5, "bilinear", False, (2, 2)), ArgumentTypeError, r"scale must be a finite number, got \(2, 2\)"),
    ],
)
def test_axis_matrix_errors(arguments, error, content):
    with pytest.raises(error, match=content):
        axis_matrix(*arguments)


def test_the_smallest_scale_is_one_millionth():
    assert axis_matrix(3, 1, scale=Fraction(1, 1_999_999)).shape == (1, 3)  # nearer to a millionth than to 0
    with pytest.raises(ArgumentError, match="scale must be positive, at least one millionth, got Fraction"):
        axis_matrix(3, 1, scale=Fraction(1, 2_000_001))


def test_resize_errors():
    x = np.ones((1, 2, 3, 4), np.float32)
    with pytest.raises(ArgumentError, match=r"x \(1, 2, 3, 4\) does not fit rows \(8, 4\) and columns \(6, 3\)"):
        resize(x, axis_matrix(4, 8), axis_matrix(3, 6))
    with pytest.raises(ArgumentError, match=r"x \(3, 4\) does not fit"):
        resize(x[0, 0], axis_matrix(3, 8), axis_matrix(4, 6))
    with pytest.raises(ArgumentTypeError, match="x is float32, rows float64 and columns float32"):
        resize(x, axis_matrix(3, 8, dtype=np.float64), axis_matrix(4, 6))
    with pytest.raises(ArgumentTypeError, match="x is float16, rows float32 and columns float64"):
        resize(x.astype(np.float16), axis_matrix(3, 8), axis_matrix(4, 6, dtype=np.float64))


# --- the bilinear kernel ----------------------------------------------------------------------------------------------


def test_bilinear_kernel_equals_the_filter_of_the_reference_networks():
    for k in range(1, 65):
        factor = (k + 1) // 2
        centre = Fraction(factor - 1) if k % 2 == 1 else factor - Fraction(1, 2)
        tent = [1 - abs(i - centre) / factor for i in range(k)]
        expected = np.array([[float(a * b) for b in tent] for a in tent])
        np.testing.assert_array_equal(bilinear_kernel(k, np.float64), expected)


def test_bilinear_kernel_is_symmetric_also_where_early_caffe_was_not():
    wrong = []
    for k in range(1, 65):
        kernel = bilinear_kernel(k, np.float64)
        np.testing.assert_array_equal(kernel, kernel[::-1])
        np.testing.assert_array_equal(kernel, kernel.T)
        assert (kernel.max() == 1) == (k % 2 == 1)
        assert (kernel > 0).all()
        factor = math.ceil(k / 2)
        early = np.array([1 - abs(i / factor - (2 * factor - 1 - factor % 2) / (2 * factor)) for i in range(k)])
        if not np.allclose(np.outer(early, early), kernel):
            wrong.append(k)
    assert wrong == [k for k in range(1, 65) if k % 4 in (2, 3)]  # 2, 3, 6, 7, ..., 62, 63


@pytest.mark.parametrize("stride", [1, 2, 3, 4, 8, 16, 32])
@pytest.mark.parametrize("odd", [0, 1])
def test_the_weights_that_meet_in_a_pixel_sum_to_one(stride, odd):
    kernel = bilinear_kernel(2 * stride - odd, np.float64)
    for a, b in {(0, 0), (stride - 1, stride // 2), (stride // 2, stride - 1)}:
        assert kernel[a::stride, b::stride].sum() == 1


@pytest.mark.parametrize("stride", [1, 2, 3, 4, 5, 8])
def test_stamps_of_the_kernel_interpolate_like_a_resize_away_from_the_border(stride):
    kernel_size, padding = 2 * stride - stride % 2, math.ceil((stride - 1) / 2)
    stamp = bilinear_kernel((kernel_size, 1), np.float64)[:, 0] / bilinear_kernel((1, 1), np.float64)[0, 0]
    signal = integers((9,), stride)
    canvas = np.zeros((9 - 1) * stride + kernel_size)
    for i, value in enumerate(signal):
        canvas[i * stride : i * stride + kernel_size] += value * stamp
    upsampled = canvas[padding : padding + 9 * stride]
    resized = axis_matrix(9, 9 * stride, dtype=np.float64).toarray() @ signal
    inside = slice(stride, -stride) if stride > 1 else slice(None)
    np.testing.assert_allclose(upsampled[inside], resized[inside], rtol=0, atol=1e-13)


def test_bilinear_kernel_values_shapes_and_errors():
    assert bilinear_kernel(4, np.float64)[0].tolist() == [1 / 16, 3 / 16, 3 / 16, 1 / 16]
    assert bilinear_kernel(1).tolist() == [[1]] and bilinear_kernel(2).tolist() == [[0.25] * 2] * 2
    assert bilinear_kernel((3, 4)).shape == (3, 4) and bilinear_kernel(5).dtype == np.float32
    np.testing.assert_array_equal(bilinear_kernel((3, 4), np.float64), bilinear_kernel((4, 3), np.float64).T)
    for k in (0, -3):
        with pytest.raises(ArgumentError, match=f"bilinear_kernel: kernel_size must be between 1 and .*, got {k}"):
            bilinear_kernel(k)
    with pytest.raises(ArgumentTypeError, match="bilinear_kernel: kernel_size must be an integer .* got 4.0"):
        bilinear_kernel(4.0)  # type: ignore[arg-type]


def test_the_modes_are_the_documented_ones():
    assert MODES == ("bilinear", "bicubic", "nearest", "nearest-exact")
