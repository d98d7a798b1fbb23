"""rows in strips: each output row once, the lines that it sees and no others; and the answer that loops give."""

from __future__ import annotations

from unittest import mock

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minifcn.arrays.convolution import lines, loops, rows, strips, turned
from minifcn.errors import AllocationError
from minifcn.geometry import Geometry
from minifcn.machine import limits
from minifcn.machine.limits import working_bytes
from tests.arrays.convolution.contractions import (
    CONTRACTIONS,
    blocks_of,
    check_own_weight,
    extra_memory,
    fresh_memory,
    pair_for,
    shared,
)
from tests.strategies import geometries, laid_out, layouts, operands, transposed_geometries

# --- the answer -------------------------------------------------------------------------------------------------------


@given(st.data())
def test_every_contraction_is_exact(data):
    """For every stride, padding, dilation and group, in strips of every size, of a view of every layout."""
    geometry = data.draw(st.one_of(geometries(), transposed_geometries()))
    x, w, y = (laid_out(array, data.draw(layouts())) for array in data.draw(operands(geometry)))
    kept = [array.copy() for array in (x, w, y)]
    size, enough = data.draw(st.sampled_from([1, 200, 1000, 10**6])), data.draw(st.sampled_from([1, 10**3, 10**6]))
    with blocks_of(size, rows), mock.patch.object(strips, "ENOUGH", enough):
        for contraction in CONTRACTIONS:
            pair = pair_for(contraction, x, w, y)
            found = getattr(rows, contraction)(*pair, geometry)
            np.testing.assert_array_equal(found, getattr(loops, contraction)(*pair, geometry), err_msg=contraction)
            assert found.dtype == x.dtype and not any(np.shares_memory(found, operand) for operand in pair)
    for array, before in zip((x, w, y), kept, strict=True):
        np.testing.assert_array_equal(array, before, err_msg="an operand was changed")


@pytest.mark.parametrize("threads", [2, 3])
@pytest.mark.parametrize("contraction", CONTRACTIONS)
@pytest.mark.parametrize(
    "geometry",
    [
        Geometry.of_convolution((30, 20), 3, padding=1, groups=2),
        Geometry.of_convolution((30, 20), (4, 3), (2, 3), 2, (3, 2), 2),
    ],
)
def test_threads_share_strips(geometry, contraction, threads):
    source = np.random.default_rng(3)
    shapes = (2, 4, *geometry.input_size), (6, 2, *geometry.kernel_size), (2, 6, *geometry.output_size)
    pair = pair_for(contraction, *(source.integers(-9, 10, shape).astype(np.float32) for shape in shapes))
    expected = getattr(loops, contraction)(*pair, geometry)
    for size in (1, 10**6):
        with shared(threads), blocks_of(size, rows):
            np.testing.assert_array_equal(getattr(rows, contraction)(*pair, geometry), expected)


@pytest.mark.parametrize("images", [0, 1, 5])
def test_the_weight_is_memory_of_its_own(images):
    geometry = Geometry.of_convolution((7, 9), (3, 2), (1, 2), 1, (2, 1), 2)
    check_own_weight(rows, geometry, 4, 6, images)


def test_with_stride_1_the_gradient_of_x_is_a_convolution_unless_y_has_many_channels():
    geometry = Geometry.of_convolution((6, 5), 3, padding=1)
    for O, turns in ((2 * strips.MOST_TURNED, True), (2 * strips.MOST_TURNED + 1, False)):
        w, y = np.ones((O, 2, 3, 3)), np.ones((1, O, 6, 5))
        with mock.patch.object(turned, "turned_weight", wraps=turned.turned_weight) as called:
            rows.to_input(w, y, geometry)
        assert called.called == turns


# --- strips -----------------------------------------------------------------------------------------------------------


@given(st.data())
def test_strips_cover_every_output_row_once_and_see_all_that_it_sees(data):
    geometry = data.draw(geometries())
    N, C, threads = data.draw(st.integers(0, 3)), data.draw(st.integers(0, 4)), data.draw(st.integers(1, 4))
    O, enough = data.draw(st.integers(0, 4)), data.draw(st.sampled_from([1, strips.ENOUGH]))
    allowed, each = data.draw(st.integers(1, 4000)), data.draw(st.integers(0, 500))
    (KH, KW), (OH, OW) = geometry.kernel_size, geometry.output_size
    (s, _), (d, _), (p, _) = geometry.stride, geometry.dilation, geometry.padding
    seen = np.zeros((N, OH), int)
    with blocks_of(allowed, rows), mock.patch.object(strips, "ENOUGH", enough):
        found = list(strips.strips(np.zeros((N, C, *geometry.input_size)), C, O, geometry, threads, each))
    for strip in found:
        seen[strip.images, list(strip.outputs)] += 1
        wanted = {i * s - p + k * d for i in strip.outputs for k in range(KH)}
        assert wanted <= set(strip.lines)
        if len(strip.outputs) > 1:
            n = strip.images.stop - strip.images.start
            assert n * len(strip.lines) * C * KW * OW * 8 <= allowed and len(strip.outputs) * each <= allowed
    assert (seen == 1).all()


def test_a_single_image_is_cut_for_all_threads():
    geometry = Geometry.of_convolution((12, 9), 3, padding=1)
    for threads in (1, 2, 3):
        found = list(strips.strips(np.zeros((1, 2, 12, 9)), 2, 2, geometry, threads))
        assert [len(strip.outputs) for strip in found] == [12 // threads] * threads
        assert [len(strip.lines) for strip in found] == [12 // threads + 2] * threads


@pytest.mark.parametrize("N, together", [(1, 1), (3, 3), (6, 6), (7, 7), (9, 9), (40, 9)])
def test_short_rows_of_several_images_are_one_product(N, together):
    """Of 14 pixels at most nine are 128 columns; and seven are as many multiplications as are enough."""
    geometry = Geometry.of_convolution((6, 14), 3, padding=1)
    assert strips.images_together(geometry, N, 8, 8) == together
    assert strips.images_together(geometry, N, 16, 16) == min(N, 7)
    assert strips.products_of_row(geometry, 16, 16) * 6 < strips.ENOUGH < strips.products_of_row(geometry, 16, 16) * 7
    assert strips.images_together(geometry, N, 64, 64) == 1
    found = list(strips.strips(np.zeros((N, 8, 6, 14)), 8, 8, geometry, 1))
    assert [strip.images for strip in found] == [slice(n, min(n + together, N)) for n in range(0, N, together)]


def test_dilated_rows_are_laid_out_by_their_remainder():
    geometry = Geometry.of_convolution((9, 9), 3, (2, 1), 0, (3, 1))
    assert geometry.output_size == (2, 7)
    found = list(strips.strips(np.zeros((1, 1, 9, 9)), 1, 1, geometry, 1))
    assert found == [
        strips.Strip(slice(0, 1), range(0, 2, 3), range(0, 7, 3)),
        strips.Strip(slice(0, 1), range(1, 2, 3), range(2, 9, 3)),
    ]


def test_columns_are_a_view_that_overlaps_itself():
    geometry = Geometry.of_convolution((6, 5), (3, 2))
    x = np.arange(60.0).reshape(1, 2, 6, 5)
    (strip,) = strips.strips(x, 2, 1, geometry, 1)
    laid_out_once, columns = lines.lines_of(x, geometry, strip), lines.columns_of(x, geometry, strip)
    assert laid_out_once.shape == (1, 6, 2, 2, 1, 4) and columns.shape == (1, 4, 12, 4)
    assert np.shares_memory(laid_out_once, columns)  # it is scratch memory, the same both times
    # Output row 1, tap (2, 1) of channel 0: row 3 of the image, from its column 1 on.
    np.testing.assert_array_equal(columns[0, 1, 2 * 4 + 1], x[0, 0, 3, 1:])


# --- memory -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("contraction", CONTRACTIONS)
def test_memory_does_not_grow_with_the_image(contraction, threads):
    generator, extra = np.random.default_rng(7), []
    for height in (256, 1024):
        geometry = Geometry.of_convolution((height, 128), 3, padding=1)
        x = generator.random((2, 8, height, 128), np.float32)
        w, y = generator.random((4, 8, 3, 3), np.float32), generator.random((2, 4, height, 128), np.float32)
        fresh_memory(threads)
        extra.append(extra_memory(rows, contraction, pair_for(contraction, x, w, y), geometry))
    assert extra[1] < 2.1 * working_bytes(x) * threads < 3 * y[0].nbytes * 4 * threads
    if threads == 1:
        assert extra[1] < 1.2 * extra[0]


def test_a_line_that_no_memory_can_hold_is_refused():
    geometry = Geometry.of_convolution((3, 3), 3, padding=(1, 10**8))
    with (
        mock.patch.object(limits, "memory_of", lambda device: 10**9),
        pytest.raises(AllocationError, match="rows: one line of columns of shape .* reduce padding"),
    ):
        list(strips.strips(np.zeros((1, 1, 3, 3)), 1, 1, geometry, 1))
