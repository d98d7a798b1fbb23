"""Pooling against loops over every window, exactly; transposes as laws; the cases that broke other libraries."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minifcn import set_num_threads
from minifcn.arrays.pooling.average import avg_pool, avg_pool_transposed
from minifcn.arrays.pooling.maximum import flat_indices, gather_taps, max_pool, maxima, scatter_taps
from minifcn.arrays.pooling.unpooling import gather_flat, unpool
from minifcn.errors import ArgumentError, ArgumentTypeError
from minifcn.geometry import Geometry
from minifcn.machine import limits

laws = settings(max_examples=80, deadline=None, derandomize=True)


# --- geometries and slow oracles --------------------------------------------------------------------------------------


@st.composite
def geometries(draw: st.DrawFn, dilated: bool = True) -> Geometry:
    """H != W, kh != kw, sh != sw; padding up to half of the kernel; floor and ceil; strides around the kernel."""
    unequal = lambda low, high: draw(st.permutations(range(low, high + 1)))[:2]  # noqa: E731
    kernel, stride = unequal(1, 4), unequal(1, 4)
    dilation = unequal(1, 3) if dilated and draw(st.booleans()) else [1, 1]
    padding = [draw(st.integers(0, kernel[a] // 2)) for a in (0, 1)]
    ceil_mode = draw(st.booleans())
    least = [max(dilation[a] * (kernel[a] - 1) + 1 - 2 * padding[a], dilation[a]) for a in (0, 1)]
    size = [least[0] + draw(st.integers(0, 6)), least[1] + draw(st.integers(0, 6))]
    if size[0] == size[1]:
        size[draw(st.integers(0, 1))] += 1
    return Geometry.of_pooling(tuple(size), tuple(kernel), tuple(stride), tuple(padding), tuple(dilation), ceil_mode)


def integers(shape: tuple[int, ...], seed: int = 0, low: int = -9, high: int = 9) -> np.ndarray:
    """Whole numbers as float64: every sum of them is exact."""
    return np.random.default_rng(seed).integers(low, high + 1, shape).astype(np.float64)


def image(geometry: Geometry, seed: int = 0, batch: int = 2, channels: int = 3) -> np.ndarray:
    return integers((batch, channels, *geometry.input_size), seed)


def pooled(geometry: Geometry, seed: int = 0, batch: int = 2, channels: int = 3) -> np.ndarray:
    return integers((batch, channels, *geometry.output_size), seed)


def window(geometry: Geometry, i: int, j: int) -> Iterator[tuple[int, int, int]]:
    """(tap, row, column) of every tap of window (i, j) that falls on the image, in row-major order."""
    (height, width), (kh, kw) = geometry.input_size, geometry.kernel_size
    for k, l in itertools.product(range(kh), range(kw)):
        row = i * geometry.stride[0] - geometry.padding[0] + k * geometry.dilation[0]
        column = j * geometry.stride[1] - geometry.padding[1] + l * geometry.dilation[1]
        if 0 <= row < height and 0 <= column < width:
            yield k * kw + l, row, column


def slow_max_pool(x: np.ndarray, geometry: Geometry) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Values, taps and flat indices, one window at a time: the first NaN, else the first of the largest."""
    shape = (*x.shape[:2], *geometry.output_size)
    values, taps, flat = np.empty(shape, x.dtype), np.empty(shape, np.int64), np.empty(shape, np.int64)
    for n, c, i, j in np.ndindex(*shape):
        best: Any = None
        for tap, row, column in window(geometry, i, j):
            pixel = x[n, c, row, column]
            if best is None or (not np.isnan(best) and (np.isnan(pixel) or pixel > best)):
                best, taps[n, c, i, j], flat[n, c, i, j] = pixel, tap, row * x.shape[3] + column
        values[n, c, i, j] = best
    return values, taps, flat


def slow_scatter(y: np.ndarray, taps: np.ndarray, geometry: Geometry) -> np.ndarray:
    x = np.zeros((*y.shape[:2], *geometry.input_size), y.dtype)
    for n, c, i, j in np.ndindex(*y.shape):
        for tap, row, column in window(geometry, i, j):
            if tap == taps[n, c, i, j]:
                x[n, c, row, column] += y[n, c, i, j]
    return x


def slow_avg_pool(x: np.ndarray, geometry: Geometry, count_include_pad: bool, divisor: int | None) -> np.ndarray:
    """The divisor is counted pixel by pixel on an image that is really padded."""
    (height, width), (ph, pw) = geometry.input_size, geometry.padding
    padded = np.pad(x, ((0, 0), (0, 0), (ph, ph), (pw, pw)))
    inside = np.pad(np.ones((height, width)), ((ph, ph), (pw, pw)))
    if count_include_pad:
        inside[:] = 1
    y = np.empty((*x.shape[:2], *geometry.output_size), x.dtype)
    for i, j in np.ndindex(*geometry.output_size):
        rows = slice(i * geometry.stride[0], i * geometry.stride[0] + geometry.kernel_size[0])
        columns = slice(j * geometry.stride[1], j * geometry.stride[1] + geometry.kernel_size[1])
        count = inside[rows, columns].sum() if divisor is None else divisor
        y[:, :, i, j] = padded[:, :, rows, columns].sum(axis=(2, 3)) / count
    return y


def matrix_of(linear: Callable[[np.ndarray], np.ndarray], size: tuple[int, int]) -> np.ndarray:
    """The matrix of a linear map on planes, by one impulse per pixel: row i is the response to impulse i."""
    pixels = size[0] * size[1]
    return linear(np.eye(pixels).reshape(pixels, 1, *size)).reshape(pixels, -1)


# --- max pooling ------------------------------------------------------------------------------------------------------


@laws
@given(geometries(), st.integers(0, 99), st.sampled_from([0, 2, 9]))
def test_max_pool_equals_the_loop(geometry, seed, largest):
    x = integers((2, 3, *geometry.input_size), seed, -largest, largest)  # small ranges are full of ties; 0 is all ties
    values, taps, flat = slow_max_pool(x, geometry)
    y, winners = max_pool(x, geometry)
    np.testing.assert_array_equal(y, values)
    np.testing.assert_array_equal(winners, taps)
    np.testing.assert_array_equal(flat_indices(winners, geometry), flat)


@laws
@given(geometries(), st.integers(0, 99))
def test_max_pool_with_nan_and_infinities_equals_the_loop(geometry, seed):
    x = image(geometry, seed)
    places = np.random.default_rng(seed).random(x.shape)
    x[places < 0.4] = -np.inf
    x[places > 0.85] = np.nan
    x[(places > 0.8) & (places <= 0.85)] = np.inf
    values, taps, flat = slow_max_pool(x, geometry)
    y, winners = max_pool(x, geometry)
    np.testing.assert_array_equal(y, values)
    np.testing.assert_array_equal(winners, taps)
    np.testing.assert_array_equal(flat_indices(winners, geometry), flat)
    np.testing.assert_array_equal(gather_taps(x, winners, geometry), y)


def test_max_pool_by_hand():
    x = np.array([[3.0, 1, 4, 1, 5], [9, 2, 6, 5, 3], [5, 8, 9, 7, 9]])[None, None]
    y, taps = max_pool(x, Geometry.of_pooling((3, 5), (2, 3), (1, 2)))
    assert y.tolist() == [[[[9, 6], [9, 9]]]]
    assert taps.tolist() == [[[[3, 3], [0, 3]]]]  # the 9 of the last row comes first among two


def test_a_window_of_minus_infinity_keeps_its_winner_inside_the_image():
    geometry = Geometry.of_pooling((3, 4), (3, 2), (2, 3), 1, 1, True)
    x = np.full((1, 1, 3, 4), -np.inf)
    y, taps = max_pool(x, geometry)
    assert (y == -np.inf).all()
    indices = flat_indices(taps, geometry)
    assert ((indices >= 0) & (indices < 12)).all()
    gradient = pooled(geometry, 1, 1, 1)
    assert scatter_taps(gradient, taps, geometry).sum() == gradient.sum()


@pytest.mark.parametrize("place", [(0, 0), (1, 2), (2, 4)])
def test_one_nan_reaches_the_windows_that_see_it_and_no_other(place):
    x = integers((1, 1, 3, 5), 4)
    x[0, 0, place[0], place[1]] = np.nan
    geometry = Geometry.of_pooling((3, 5), (2, 3), 1)
    y, _ = max_pool(x, geometry)
    for i, j in np.ndindex(*geometry.output_size):
        seen = place in [(row, column) for _, row, column in window(geometry, i, j)]
        assert np.isnan(y[0, 0, i, j]) == seen


@pytest.mark.case(42)
@pytest.mark.parametrize(
    ("kernel", "dtype"), [((6, 6), np.uint8), ((16, 16), np.uint8), ((1, 257), np.uint16), ((15, 20), np.uint16)]
)
@pytest.mark.parametrize("filler", ["rising", "falling", "nan last"])
def test_large_windows_count_their_taps_without_wrapping(kernel, dtype, filler):
    geometry = Geometry.of_pooling((kernel[0] + 1, kernel[1] + 2), kernel, 1)
    pixels = geometry.input_pixels
    x = np.arange(pixels, dtype=np.float64).reshape(1, 1, *geometry.input_size)
    if filler == "falling":
        x = -x
    elif filler == "nan last":
        x[..., -1, -1] = np.nan
    values, taps, flat = slow_max_pool(x, geometry)
    y, winners = max_pool(x, geometry)
    assert winners.dtype == dtype
    np.testing.assert_array_equal(y, values)
    np.testing.assert_array_equal(winners, taps)
    np.testing.assert_array_equal(flat_indices(winners, geometry), flat)
    gradient = pooled(geometry, 2, 1, 1)
    np.testing.assert_array_equal(scatter_taps(gradient, winners, geometry), slow_scatter(gradient, taps, geometry))


@laws
@given(geometries(), st.integers(0, 99))
def test_max_pool_commutes_with_increasing_maps(geometry, seed):
    x = image(geometry, seed)
    y, taps = max_pool(x, geometry)
    z, same = max_pool(2 * x**3 + 1, geometry)
    np.testing.assert_array_equal(z, 2 * y**3 + 1)
    np.testing.assert_array_equal(same, taps)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.int16, np.uint8, np.int64])
def test_max_pool_keeps_the_dtype(dtype):
    geometry = Geometry.of_pooling((5, 4), (3, 2), (2, 1), 1)
    x = integers((2, 2, 5, 4), 5, 0, 9).astype(dtype)
    y, taps = max_pool(x, geometry)
    assert y.dtype == dtype and scatter_taps(y, taps, geometry).dtype == dtype
    assert gather_taps(x, taps, geometry).dtype == dtype
    np.testing.assert_array_equal(y, slow_max_pool(x, geometry)[0])


def test_max_pool_of_the_smallest_integers():
    x = np.full((1, 1, 2, 3), np.iinfo(np.int8).min, np.int8)
    y, taps = max_pool(x, Geometry.of_pooling((2, 3), 2, 2, 1, 1, True))
    assert (y == -128).all() and taps.tolist() == [[[[3, 2], [1, 0]]]]


# --- maxima alone -----------------------------------------------------------------------------------------------------
#
# They equal the y of max pooling to the last bit but for two things that NumPy's `maximum` leaves open, since they meet
# in another order: which of 0 and −0 a window keeps that has both and nothing larger, and which of several NaN.


def same_bits(found: np.ndarray, expected: np.ndarray) -> bool:
    return (found.shape, found.dtype, found.tobytes()) == (expected.shape, expected.dtype, expected.tobytes())


@laws
@given(geometries(), st.integers(0, 99), st.sampled_from([0, 2, 9]), st.sampled_from("eflbBq"))
def test_maxima_are_those_of_max_pool_bit_for_bit(geometry, seed, largest, dtype):
    low = 0 if dtype == "B" else -largest
    x = integers((2, 3, *geometry.input_size), seed, low, largest).astype(dtype)
    assert same_bits(maxima(x, geometry), max_pool(x, geometry)[0])
    np.testing.assert_array_equal(maxima(x, geometry), slow_max_pool(x, geometry)[0])


@laws
@given(geometries(), st.integers(0, 99), st.sampled_from("efd"))
def test_maxima_with_one_nan_infinities_and_one_zero_are_those_of_max_pool_bit_for_bit(geometry, seed, dtype):
    x, source = image(geometry, seed), np.random.default_rng(seed)
    places = source.random(x.shape)
    x[x == 0] = -0.0 if seed % 2 else 0.0
    x[places < 0.4] = -np.inf
    x[places > 0.85] = np.nan
    x[(places > 0.8) & (places <= 0.85)] = np.inf
    x = x.astype(dtype)
    assert same_bits(maxima(x, geometry), max_pool(x, geometry)[0])
    np.testing.assert_array_equal(maxima(x, geometry), slow_max_pool(x, geometry)[0])


@laws
@given(geometries(), st.integers(0, 99))
def test_of_both_zeros_and_of_several_nan_maxima_keep_some(geometry, seed):
    """Equal as numbers, and of bits that were in the window."""
    source = np.random.default_rng(seed)
    x = source.choice([0.0, -0.0, -1.0, np.nan, np.nan], (2, 3, *geometry.input_size), p=[0.3, 0.3, 0.3, 0.05, 0.05])
    x.view(np.int64)[np.isnan(x)] += source.integers(0, 3, np.isnan(x).sum())  # NaN of several payloads
    y = maxima(x, geometry)
    np.testing.assert_array_equal(y, max_pool(x, geometry)[0])
    bits, given = y.view(np.int64), x.view(np.int64)
    for n, c, i, j in np.ndindex(*y.shape):
        seen = [given[n, c, row, column] for _, row, column in window(geometry, i, j)]
        assert bits[n, c, i, j] in seen


@pytest.mark.parametrize("dtype", ["b", "i2", "i4", "q", "B", "u2", "e", "f", "d"])
def test_maxima_of_the_smallest_numbers(dtype):
    """Padding is smaller than nothing, whatever the dtype."""
    lowest = -np.inf if dtype in "efd" else np.iinfo(dtype).min
    geometry = Geometry.of_pooling((2, 3), (2, 3), (2, 1), 1, 1, True)
    for value in (lowest, -1 if lowest else 1):
        y = maxima(np.full((1, 2, 2, 3), value, dtype), geometry)
        assert y.dtype == dtype and y.shape == (1, 2, *geometry.output_size) and (y == value).all()


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("room", [1, 700, 1 << 21])
def test_maxima_cut_into_parts_are_the_same(threads, room, monkeypatch):
    """Parts of one plane or of several: what one leaves in the scratch memory is not seen by the next."""
    monkeypatch.setattr(limits, "WORTH_SHARING", 0)
    monkeypatch.setattr("minifcn.machine.spread.working_bytes", lambda _: room)
    set_num_threads(threads)
    for geometry in (Geometry.of_pooling((7, 9), (3, 2), (2, 3), 1, 1, True), Geometry.of_pooling((5, 4), 2, 1, 1, 2)):
        for seed in (1, 2):
            x = image(geometry, seed, 3, 5) - 20
            assert same_bits(maxima(x, geometry), max_pool(x, geometry)[0])


# --- the linear maps of max pooling -----------------------------------------------------------------------------------


@laws
@given(geometries(), st.integers(0, 99), st.booleans())
def test_scatter_and_gather_equal_the_loops_and_are_adjoint(geometry, seed, random_taps):
    x, y = image(geometry, seed), pooled(geometry, seed + 1)
    # Any taps make a linear map, also those that lie in the padding: they carry nothing in either direction.
    taps = max_pool(image(geometry, seed + 2), geometry)[1]
    if random_taps:
        taps = integers(y.shape, seed, 0, geometry.taps - 1).astype(np.uint8)
    scattered, gathered = scatter_taps(y, taps, geometry), gather_taps(x, taps, geometry)
    np.testing.assert_array_equal(scattered, slow_scatter(y, taps, geometry))
    assert (scattered * x).sum() == (y * gathered).sum()


@laws
@given(geometries(), st.integers(0, 99))
def test_gathering_at_the_winners_of_x_is_max_pooling_and_scattering_conserves_the_sum(geometry, seed):
    x, gradient = image(geometry, seed), pooled(geometry, seed)
    y, taps = max_pool(x, geometry)
    np.testing.assert_array_equal(gather_taps(x, taps, geometry), y)
    scattered = scatter_taps(gradient, taps, geometry)
    np.testing.assert_array_equal(scattered.sum(axis=(2, 3)), gradient.sum(axis=(2, 3)))


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_gradient_that_is_not_finite_stays_on_its_winner(value):
    geometry = Geometry.of_pooling((4, 6), (2, 3))
    _, taps = max_pool(integers((1, 1, 4, 6), 8), geometry)
    gradient = np.ones((1, 1, 2, 2))
    gradient[0, 0, 1, 0] = value
    scattered = scatter_taps(gradient, taps, geometry)
    assert np.count_nonzero(~np.isfinite(scattered)) == 1 and np.count_nonzero(scattered) == 4


def test_the_gradient_is_the_finite_difference():
    # Distinct integers: a step of half keeps every winner, so the difference quotient is exact.
    geometry = Geometry.of_pooling((5, 4), (3, 2), (2, 1), (1, 0), (1, 2), True)
    x = np.random.default_rng(3).permutation(20).astype(np.float64).reshape(1, 1, 5, 4)
    cotangent = pooled(geometry, 6, 1, 1)
    gradient = scatter_taps(cotangent, max_pool(x, geometry)[1], geometry)
    for place in np.ndindex(*x.shape):
        above, below = x.copy(), x.copy()
        above[place] += 0.5
        below[place] -= 0.25
        change = ((max_pool(above, geometry)[0] - max_pool(below, geometry)[0]) * cotangent).sum()
        assert change == 0.75 * gradient[place]


# --- unpooling --------------------------------------------------------------------------------------------------------


@laws
@given(geometries(), st.integers(0, 99))
def test_unpooling_at_the_winners_is_scattering(geometry, seed):
    x, y = image(geometry, seed), pooled(geometry, seed)
    _, taps = max_pool(x, geometry)
    indices = flat_indices(taps, geometry)
    assert indices.dtype == np.int64
    np.testing.assert_array_equal(unpool(y, indices, geometry.input_size), scatter_taps(y, taps, geometry))
    np.testing.assert_array_equal(gather_flat(x, indices), gather_taps(x, taps, geometry))


@pytest.mark.case(43)
@laws
@given(st.integers(1, 5), st.integers(1, 6), st.integers(1, 40), st.integers(0, 99), st.sampled_from("iIlLbB"))
def test_unpool_adds_duplicates_and_is_adjoint_to_gather_flat(height, width, count, seed, dtype):
    x, y = integers((2, 3, height, width), seed), integers((2, 3, 1, count), seed + 1)
    indices = integers(y.shape, seed, 0, height * width - 1).astype(dtype)
    expected = np.zeros_like(x)
    for n, c, i, j in np.ndindex(*y.shape):
        row, column = divmod(int(indices[n, c, i, j]), width)
        expected[n, c, row, column] += y[n, c, i, j]
    made = unpool(y, indices, (height, width))
    np.testing.assert_array_equal(made, expected)
    assert (made * x).sum() == (y * gather_flat(x, indices)).sum()


@pytest.mark.parametrize("count", [1, 2, 3, 31, 32, 33, 1000])
def test_unpool_adds_any_number_of_values_to_one_pixel(count):
    y = integers((2, 1, 1, count), count)
    indices = np.full(y.shape, 4)
    made = unpool(y, indices, (2, 3))
    np.testing.assert_array_equal(made[:, 0, 1, 1], y.sum(axis=(1, 2, 3)))
    assert np.count_nonzero(made) == np.count_nonzero(y.sum(axis=(1, 2, 3)))


def test_unpool_has_the_same_bits_every_time():
    y = np.random.default_rng(0).standard_normal((1, 2, 9, 50)).astype(np.float32)
    indices = np.random.default_rng(1).integers(0, 20, y.shape)
    first = unpool(y, indices, (4, 5))
    for _ in range(3):
        assert unpool(y.copy(), indices.copy(), (4, 5)).tobytes() == first.tobytes()


@pytest.mark.case(43)
@pytest.mark.parametrize(("bad", "named"), [(-1, -1), (35, 35), (10**12, 10**12)])
def test_an_index_outside_the_plane_is_named_with_the_limit(bad, named):
    indices = np.zeros((2, 1, 2, 2), np.int64)
    indices[1, 0, 1, 0] = bad
    sentence = rf"found an invalid max index {named}: indices must lie in \[0, 35\) for an output of 5x7"
    with pytest.raises(ArgumentError, match=sentence):
        unpool(np.ones((2, 1, 2, 2)), indices, (5, 7))
    with pytest.raises(ArgumentError, match=sentence):
        gather_flat(np.ones((2, 1, 5, 7)), indices)
    indices[1, 0, 1, 0] = 34
    assert unpool(np.ones((2, 1, 2, 2)), indices, (5, 7))[1, 0, 4, 6] == 1


def test_no_images_may_be_unpooled_into_a_plane_of_any_size():
    for size in ((1, 1), (2, 3)):
        assert unpool(np.ones((0, 2, 1, 1)), np.zeros((0, 2, 1, 1), int), size).shape == (0, 2, *size)


def test_values_are_gathered_from_planes_only():
    for x, indices in (
        (np.ones((1, 2, 3)), np.zeros((1, 2, 1, 1), int)),
        (np.ones((1, 2, 3, 4)), np.zeros((1, 2), int)),
    ):
        with pytest.raises(ArgumentError, match=r"^max_unpool2d: x .* and indices .* must be \(N, C, H, W\) and"):
            gather_flat(x, indices)


@pytest.mark.parametrize("dtype", [np.float32, bool])
def test_indices_must_be_integers(dtype):
    with pytest.raises(ArgumentTypeError, match=f"indices must be integers, got {np.dtype(dtype)}"):
        unpool(np.ones((1, 1, 2, 2)), np.zeros((1, 1, 2, 2), dtype), (5, 7))


# --- average pooling --------------------------------------------------------------------------------------------------


@laws
@given(geometries(dilated=False), st.integers(0, 99), st.booleans(), st.sampled_from([None, 1, 5]))
def test_avg_pool_equals_the_loop(geometry, seed, count_include_pad, divisor):
    x = image(geometry, seed)
    np.testing.assert_array_equal(
        avg_pool(x, geometry, count_include_pad, divisor), slow_avg_pool(x, geometry, count_include_pad, divisor)
    )


@laws
@given(geometries(dilated=False), st.booleans(), st.sampled_from([None, 3]))
def test_avg_pool_and_its_transpose_have_transposed_matrices(geometry, count_include_pad, divisor):
    forward = matrix_of(lambda x: avg_pool(x, geometry, count_include_pad, divisor), geometry.input_size)
    back = matrix_of(lambda y: avg_pool_transposed(y, geometry, count_include_pad, divisor), geometry.output_size)
    np.testing.assert_array_equal(back, forward.T)


@laws
@given(geometries(dilated=False), st.integers(0, 99))
def test_sums_of_windows_are_exactly_adjoint(geometry, seed):
    x, y = image(geometry, seed), pooled(geometry, seed + 1)
    summed, spread = avg_pool(x, geometry, divisor_override=1), avg_pool_transposed(y, geometry, divisor_override=1)
    assert (summed * y).sum() == (x * spread).sum()


@laws
@given(geometries(dilated=False))
def test_a_mean_that_ignores_padding_keeps_a_constant_image(geometry):
    x = np.full((1, 1, *geometry.input_size), 6.0)
    assert (avg_pool(x, geometry, count_include_pad=False) == 6).all()


def test_avg_pool_and_its_transpose_count_padding_by_default():
    geometry = Geometry.of_pooling((3, 4), 2, 1, 1)
    for function, array in ((avg_pool, image(geometry)), (avg_pool_transposed, pooled(geometry))):
        np.testing.assert_array_equal(function(array, geometry), function(array, geometry, True))
        assert (function(array, geometry) != function(array, geometry, False)).any()


def test_a_global_average_is_the_mean():
    x = integers((2, 3, 15, 20), 7)
    y = avg_pool(x, Geometry.of_pooling((15, 20), (15, 20)))
    np.testing.assert_array_equal(y[:, :, 0, 0], x.sum(axis=(2, 3)) / 300)


def test_half_precision_is_summed_in_single_precision():
    # 2048 + 1 is 2048 in half precision: summed there, the ones would be lost.
    x = np.ones((1, 1, 1, 2049), np.float16)
    x[..., 0] = 2048
    y = avg_pool(x, Geometry.of_pooling((1, 2049), (1, 2049)), divisor_override=16)
    assert y.dtype == np.float16 and y.item() == 256
    one_winner = np.zeros((1, 1, 1, 4), np.uint8)
    one_winner[0, 0, 0] = [3, 2, 1, 0]  # four windows, one pixel
    geometry = Geometry.of_pooling((1, 7), (1, 4), 1)
    gradient = np.array([2048, 1, 1, 2], np.float16).reshape(1, 1, 1, 4)
    assert scatter_taps(gradient, one_winner, geometry)[0, 0, 0, 3] == 2052


# --- layout, emptiness, purity ----------------------------------------------------------------------------------------


def layouts(x: np.ndarray) -> dict[str, np.ndarray]:
    """The same numbers, laid out in memory in every awkward way."""
    spaced = np.zeros((*x.shape[:2], 2 * x.shape[2], 3 * x.shape[3]), x.dtype)
    spaced[:, :, ::2, ::3] = x
    frozen = x.copy()
    frozen.flags.writeable = False
    return {
        "fortran": np.asfortranarray(x),
        "transposed": np.ascontiguousarray(x.transpose(3, 1, 0, 2)).transpose(2, 1, 3, 0),
        "spaced": spaced[:, :, ::2, ::3],
        "flipped": x[:, ::-1, ::-1, ::-1].copy()[:, ::-1, ::-1, ::-1],
        "read-only": frozen,
    }


@pytest.mark.case(32)
@pytest.mark.case(33)
@pytest.mark.parametrize("layout", ["fortran", "transposed", "spaced", "flipped", "read-only"])
def test_the_layout_in_memory_changes_nothing(layout):
    geometry = Geometry.of_pooling((6, 9), (3, 2), (2, 3), 1, 1, True)
    x, y = image(geometry, 1), pooled(geometry, 2)
    _, taps = max_pool(x, geometry)
    indices = flat_indices(taps, geometry)
    strange_x, strange_y = layouts(x)[layout], layouts(y)[layout]
    strange_taps, strange_indices = layouts(taps)[layout], layouts(indices)[layout]
    for plain, strange in (
        (max_pool(x, geometry)[0], max_pool(strange_x, geometry)[0]),
        (max_pool(x, geometry)[0], maxima(strange_x, geometry)),
        (taps, max_pool(strange_x, geometry)[1]),
        (scatter_taps(y, taps, geometry), scatter_taps(strange_y, strange_taps, geometry)),
        (gather_taps(x, taps, geometry), gather_taps(strange_x, strange_taps, geometry)),
        (indices, flat_indices(strange_taps, geometry)),
        (unpool(y, indices, (6, 9)), unpool(strange_y, strange_indices, (6, 9))),
        (gather_flat(x, indices), gather_flat(strange_x, strange_indices)),
        (avg_pool(x, geometry), avg_pool(strange_x, geometry)),
        (avg_pool_transposed(y, geometry), avg_pool_transposed(strange_y, geometry)),
    ):
        np.testing.assert_array_equal(plain, strange)


@pytest.mark.case(34)
def test_a_broadcast_gradient_counts_for_every_window():
    geometry = Geometry.of_pooling((6, 9), (3, 2), (2, 3))
    _, taps = max_pool(image(geometry), geometry)
    ones = np.broadcast_to(np.float64(1), taps.shape)
    np.testing.assert_array_equal(scatter_taps(ones, taps, geometry), scatter_taps(ones.copy(), taps, geometry))
    np.testing.assert_array_equal(avg_pool_transposed(ones, geometry), avg_pool_transposed(ones.copy(), geometry))


def calls(x: np.ndarray, y: np.ndarray, taps: np.ndarray, indices: np.ndarray, geometry: Geometry) -> list[np.ndarray]:
    return [
        *max_pool(x, geometry),
        maxima(x, geometry),
        scatter_taps(y, taps, geometry),
        gather_taps(x, taps, geometry),
        flat_indices(taps, geometry),
        unpool(y, indices, geometry.input_size),
        gather_flat(x, indices),
        avg_pool(x, geometry),
        avg_pool_transposed(y, geometry),
    ]


@pytest.mark.parametrize(("batch", "channels"), [(0, 3), (2, 0), (0, 0)])
def test_an_empty_batch_and_no_channels_give_empty_results_of_the_right_shape(batch, channels):
    geometry = Geometry.of_pooling((6, 9), (3, 2), (2, 3), 1)
    x, y = image(geometry, 0, batch, channels), pooled(geometry, 0, batch, channels)
    taps = np.zeros(y.shape, np.uint8)
    small, large = y.shape, x.shape
    shapes = [result.shape for result in calls(x, y, taps, taps.astype(np.int64), geometry)]
    assert shapes == [small, small, small, large, small, small, large, small, small, large]


@pytest.mark.case(35)
@pytest.mark.parametrize("kernel", [1, (3, 2)])
def test_inputs_stay_as_they_are_and_results_share_no_memory_with_them(kernel):
    geometry = Geometry.of_pooling((6, 9), kernel, 1)  # with kernel 1 every operation is the identity
    x, y = image(geometry, 1), pooled(geometry, 2)
    _, taps = max_pool(x, geometry)
    given = [x, y, taps, flat_indices(taps, geometry)]
    before = [array.copy() for array in given]
    results = calls(x, y, taps, given[3], geometry)
    for array, old in zip(given, before, strict=True):
        np.testing.assert_array_equal(array, old)
    assert not any(np.shares_memory(result, array) for result in results for array in given)


# --- errors -----------------------------------------------------------------------------------------------------------


def test_an_array_of_another_size_is_refused_with_both_shapes():
    geometry = Geometry.of_pooling((6, 9), (3, 2))
    wrong_x, wrong_y, taps = np.ones((2, 3, 9, 6)), np.ones((2, 3, 4, 2)), np.zeros((2, 3, 2, 4), np.uint8)
    for call, content in (
        (lambda: max_pool(wrong_x, geometry), r"max_pool2d: x must be \(N, C, 6, 9\), got \(2, 3, 9, 6\)"),
        (lambda: maxima(wrong_x, geometry), r"max_pool2d: x must be \(N, C, 6, 9\), got \(2, 3, 9, 6\)"),
        (lambda: max_pool(np.ones((6, 9)), geometry), r"max_pool2d: x must be \(N, C, 6, 9\), got \(6, 9\)"),
        (lambda: gather_taps(wrong_x, taps, geometry), r"max_pool2d: x must be \(N, C, 6, 9\)"),
        (
            lambda: gather_taps(np.ones((2, 3, 6, 9)), wrong_y, geometry),
            r"^max_pool2d: taps must be \(N, C, 2, 4\), got \(2, 3, 4, 2\)",
        ),
        (lambda: gather_taps(np.ones((1, 3, 6, 9)), taps, geometry), r"x \(1, 3, 6, 9\) and taps \(2, 3, 2, 4\)"),
        (lambda: scatter_taps(wrong_y, taps, geometry), r"max_pool2d: y must be \(N, C, 2, 4\), got \(2, 3, 4, 2\)"),
        (
            lambda: scatter_taps(np.ones((1, 3, 2, 4)), taps, geometry),
            r"^max_pool2d: y \(1, 3, 2, 4\) and taps \(2, 3, 2, 4\)",
        ),
        (lambda: flat_indices(taps[0], geometry), r"max_pool2d: taps must be \(N, C, 2, 4\), got \(3, 2, 4\)"),
        (lambda: avg_pool(wrong_x, geometry), r"avg_pool2d: x must be \(N, C, 6, 9\), got \(2, 3, 9, 6\)"),
        (lambda: avg_pool_transposed(wrong_y, geometry), r"avg_pool2d: y must be \(N, C, 2, 4\)"),
        (lambda: unpool(wrong_y, taps, (6, 9)), r"max_unpool2d: y \(2, 3, 4, 2\) and indices \(2, 3, 2, 4\)"),
        (lambda: gather_flat(np.ones((1, 3, 6, 9)), taps), r"x \(1, 3, 6, 9\) and indices \(2, 3, 2, 4\) must be"),
    ):
        with pytest.raises(ArgumentError, match=content):
            call()


@pytest.mark.parametrize("dtype", [bool, np.complex64, object])
def test_max_pool_needs_numbers_with_an_order(dtype):
    for pool in (max_pool, maxima):
        with pytest.raises(ArgumentTypeError, match=f"x must hold real numbers, got {np.dtype(dtype)}"):
            pool(np.ones((1, 1, 4, 5), dtype), Geometry.of_pooling((4, 5), 2))


def test_avg_pool_errors():
    geometry = Geometry.of_pooling((4, 5), 2)
    with pytest.raises(ArgumentTypeError, match="a mean needs floating point, got uint8"):
        avg_pool(np.ones((1, 1, 4, 5), np.uint8), geometry)
    for divisor in (0, -2):
        with pytest.raises(ArgumentError, match=f"divisor_override must be between 1 and .*, got {divisor}"):
            avg_pool(np.ones((1, 1, 4, 5)), geometry, divisor_override=divisor)
    with pytest.raises(ArgumentTypeError, match="divisor_override must be an integer"):
        avg_pool(np.ones((1, 1, 4, 5)), geometry, divisor_override=2.0)  # type: ignore[arg-type]
    with pytest.raises(ArgumentError, match=r"dilation must be 1, got \(2, 1\)"):
        avg_pool(np.ones((1, 1, 4, 5)), Geometry.of_pooling((4, 5), 2, dilation=(2, 1)))
