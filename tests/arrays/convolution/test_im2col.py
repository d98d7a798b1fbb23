"""im2col in blocks: each row once, however its columns are made; col2im its transpose; memory that does not grow."""

from __future__ import annotations

from contextlib import ExitStack
from unittest import mock

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minifcn.arrays.convolution import blocks as cut
from minifcn.arrays.convolution import columns as layout
from minifcn.arrays.convolution import im2col, loops
from minifcn.geometry import Geometry
from minifcn.machine import product, spread
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
from tests.strategies import geometries, whole_numbers

# --- memory -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("contraction", CONTRACTIONS)
def test_memory_does_not_grow_with_the_image(contraction, threads):
    """The extra memory, beside operands and result, is that of one block for each thread, however many rows there are."""
    generator = np.random.default_rng(7)
    extra = []
    for rows in (128, 512):
        geometry = Geometry.of_convolution((rows, 128), (3, 3), 1, 1)
        x = generator.random((2, 8, rows, 128), np.float32)
        w, y = generator.random((4, 8, 3, 3), np.float32), generator.random((2, 4, rows, 128), np.float32)
        whole = 8 * 9 * y[:, 0].size * 4  # bytes of all columns at once
        fresh_memory(threads)
        extra.append(extra_memory(im2col, contraction, pair_for(contraction, x, w, y), geometry))
    # A block of columns, the padded pixels that they are copied from (a ninth, and the rows above and below), and as
    # many rows of y. In to_input the columns are those of y, and the rows are those of x.
    limit = 1.6 * working_bytes(x) * threads
    assert extra[1] < limit < whole / 2
    if threads == 1:  # otherwise the peak depends on which blocks happen to be made at the same time
        assert extra[1] < 1.2 * extra[0]


# --- blocks -----------------------------------------------------------------------------------------------------------


@given(st.data())
def test_blocks_cover_every_output_row_once_and_fit(data):
    geometry = data.draw(geometries())
    N, C = data.draw(st.integers(0, 5)), data.draw(st.integers(0, 4))
    allowed = data.draw(st.integers(1, 4000))
    outputs, threads = data.draw(st.integers(0, 300)), data.draw(st.integers(1, 4))
    seen = np.zeros((N, geometry.output_size[0]), int)
    with blocks_of(allowed):
        x = np.zeros((N, C, *geometry.input_size))
        found = cut.blocks(x, N, C, geometry, outputs, threads)
        largest = cut.block_size(N, C, geometry, outputs, x.itemsize, allowed, threads)
        for block in found:
            images, first, last = block
            seen[images, first:last] += 1
            assert (images.stop - images.start, last - first) <= largest
            one_row = C * geometry.taps * geometry.output_size[1] * x.itemsize
            assert layout.im2col(x, geometry, block).nbytes <= max(allowed, one_row)
    assert (seen == 1).all()


def test_several_blocks_are_several_for_each_thread():
    """10 rows of 5 windows, of which 4 fit: three blocks for one thread, four for two, three for three."""
    geometry = Geometry.of_convolution((10, 5), 1)
    for threads, count in ((1, 3), (2, 4), (3, 3)):
        with blocks_of(4 * 5 * 2 * 8):
            assert len(cut.blocks(np.zeros((1, 2, 10, 5)), 1, 2, geometry, 1, threads)) == count


@pytest.mark.parametrize(
    "outputs, rows", [(1, 2), (7, 2), (47, 2), (48, 3), (160, 10), (255, 15), (256, 16), (400, 16), (10**6, 16)]
)
def test_a_weight_of_many_rows_meets_as_many_columns(outputs, rows):
    """Up to LEAST_COLUMNS: 16 rows of 16 windows, where 2 rows fit."""
    assert cut.LEAST_COLUMNS == 256
    geometry = Geometry.of_convolution((100, 16), (3, 5), padding=(1, 2))
    size = cut.block_size(1, 7, geometry, outputs, 4, 2 * 7 * 15 * 16 * 4)
    # Not more than fit, and as evenly as the 100 rows can be cut.
    assert size == (1, -(-100 // -(-100 // rows)))


@pytest.mark.parametrize("width, stride", [(16, 1), (30, 2)])  # with stride 1 to_input is a convolution
@pytest.mark.parametrize("contraction", CONTRACTIONS)
def test_a_huge_weight_meets_all_columns_at_once_and_its_product_is_cut(contraction, width, stride):
    """Read once, by all threads together; of a smaller one each thread multiplies blocks of its own."""
    geometry = Geometry.of_convolution((4, width), (3, 5), (1, stride), 1)
    assert geometry.output_size == (4, 14)
    C, O = (70, 3) if contraction == "to_input" and stride == 1 else (3, 60)
    source = np.random.default_rng(0)
    shapes = (1, C, 4, width), (O, C, 3, 5), (1, O, 4, 14)
    pair = pair_for(contraction, *(whole_numbers(source, shape, np.float32) for shape in shapes))
    expected, blocks, cuts = getattr(loops, contraction)(*pair, geometry), [], []

    def noted(work, pieces):
        pieces = list(pieces)
        cuts.append(len(pieces))
        for piece in pieces:
            work(piece)

    def counted(*given):
        blocks.append(len(real(*given)))
        return real(*given)

    real = cut.blocks
    with (
        mock.patch.object(cut, "working_bytes", lambda array: 1000),
        mock.patch.object(im2col, "blocks", counted),
        mock.patch.object(cut, "blocks", counted),
        mock.patch.object(product, "for_each", noted),
        shared(3),
    ):
        for least, one in ((256, True), (1, False)):
            blocks.clear(), cuts.clear()
            with mock.patch.object(cut, "LEAST_COLUMNS", least):
                np.testing.assert_array_equal(getattr(im2col, contraction)(*pair, geometry), expected)
            assert (set(blocks) == {1}) is one
            assert (cuts == [3]) is one


def test_a_card_is_told_its_blocks_by_one_thread_and_a_cpu_has_some_for_each(xp):
    geometry, seen = Geometry.of_convolution((12, 5), 3), []
    x, w = (xp.asarray(np.ones(shape)) for shape in ((1, 2, 12, 5), (1, 2, 3, 3)))

    def noted(work, pieces, alone=False):
        seen.append((len(pieces), alone))

    with shared(3), blocks_of(7 * 2 * 9 * 3 * 8), mock.patch.object(im2col, "for_each", noted):
        im2col.to_output(x, w, geometry)
    assert seen == [(3, False) if xp is np else (2, True)]


@pytest.mark.parametrize("threads", [1, 2, 3])
@pytest.mark.parametrize("images", [1, 2, 5])
@pytest.mark.parametrize("groups", [1, 2])
@pytest.mark.parametrize("room", [1, 1500, 30_000])
def test_the_weight_of_several_images_is_added_up_in_memory_of_its_own(threads, images, groups, room):
    """In one block or many, each thread for itself or, where the weight is beyond two blocks, in one."""
    geometry = Geometry.of_convolution((9, 14), (3, 2), (2, 1), (1, 0), groups=groups)
    shares = []

    def noted(work, pieces):
        shares.append(len(pieces))
        real(work, pieces)

    real, weight = spread.for_each, 8 * 6 * (4 // groups) * 6
    with blocks_of(room), shared(threads), mock.patch.object(spread, "for_each", noted):
        check_own_weight(im2col, geometry, 4, 6, images)
        whole = len(cut.blocks(np.zeros((images, 4, 9, 14)), images, 4, geometry, 1, threads))
    assert shares == 3 * [1 if weight > 2 * room else min(threads, whole)]


def test_a_weight_of_64_kib_and_more_is_its_own_too():
    with shared(2), blocks_of(100_000):
        check_own_weight(im2col, Geometry.of_convolution((9, 14), 3), 40, 50, 3, np.float32)


# --- columns ----------------------------------------------------------------------------------------------------------


def columns_by_definition(x, geometry, block):
    """columns[c, k, l, n, i, j] = x[n, c, i·s + k·d − p, j·s + l·d − p], one by one."""
    (images, first, last), (KH, KW), OW = block, geometry.kernel_size, geometry.output_size[1]
    (sh, sw), (dh, dw), (ph, pw) = geometry.stride, geometry.dilation, geometry.padding
    H, W = x.shape[2:]
    columns = np.zeros((x.shape[1], KH, KW, images.stop - images.start, last - first, OW), x.dtype)
    for k, l, i, j in np.ndindex(KH, KW, last - first, OW):
        row, column = (first + i) * sh + k * dh - ph, j * sw + l * dw - pw
        if 0 <= row < H and 0 <= column < W:
            columns[:, k, l, :, i, j] = x[images, :, row, column].T
    return columns


def ways(geometry, block):
    """How columns can be made, by name, each with what makes `im2col` do it: so many taps are believed to be there."""
    windows = (block[2] - block[1]) * geometry.output_size[1]
    rows, width = (
        (count - 1) * geometry.stride[axis] + geometry.reach[axis]
        for axis, count in enumerate((block[2] - block[1], geometry.output_size[1]))
    )
    found = {"tap by tap": 0, "window by window": 1 << 60}
    if rows * width <= windows * windows:
        found["padded"] = windows
    return found


def made(x, geometry, block):
    """The columns, and whether they come from a padded copy."""
    rubbish = np.full(1 << 16, 77, np.uint8)  # what `scratch` gives has been used before

    def used(name, shape, like):
        names.append(name)
        return np.resize(rubbish, int(np.prod(shape)) * like.itemsize).view(like.dtype).reshape(shape)

    names: list[str] = []
    with mock.patch.object(layout, "scratch", used):
        return layout.im2col(x, geometry, block), "im2col: padded" in names


@given(st.data())
def test_three_ways_lead_to_the_same_columns(data):
    geometry = data.draw(geometries())
    generator = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1)))
    N = data.draw(st.integers(0, 3))
    x = whole_numbers(generator, (N, data.draw(st.integers(1, 3)), *geometry.input_size))
    start, first = data.draw(st.integers(0, N)), data.draw(st.integers(0, geometry.output_size[0] - 1))
    last = data.draw(st.integers(first + 1, geometry.output_size[0]))
    block = slice(start, data.draw(st.integers(start, N))), first, last
    expected = columns_by_definition(x, geometry, block)
    np.testing.assert_array_equal(made(x, geometry, block)[0], expected)
    for way, taps in ways(geometry, block).items():
        with mock.patch.object(Geometry, "taps", taps):
            found, padded = made(x, geometry, block)
        np.testing.assert_array_equal(found, expected, err_msg=way)
        assert padded == (way == "padded"), way


STRANGE = {
    "plain": (Geometry.of_convolution((9, 11), 3, padding=1), "padded"),
    "in groups": (Geometry.of_convolution((9, 11), (2, 3), (1, 2), (1, 0), groups=3), "padded"),
    "dilated": (Geometry.of_convolution((13, 12), (3, 2), (1, 2), 2, (2, 3)), "padded"),
    "windows wholly in padding": (Geometry.of_convolution((3, 2), 2, 1, (5, 6)), "padded"),
    "a window that does not reach the image": (Geometry.of_convolution((9, 10), 3, (1, 30), (1, 8)), "padded"),
    "a row": (Geometry.of_convolution((1, 30), 3, padding=1), "padded"),
    "a column": (Geometry.of_convolution((30, 1), (3, 2), padding=(1, 2)), "padded"),
    "one pixel, much padding": (Geometry.of_convolution((1, 1), 2, 1, (4, 3)), "padded"),
    "no rows": (Geometry.of_convolution((0, 6), 2, padding=(3, 2)), "padded"),
    "rows that no window meets": (Geometry.of_convolution((14, 10), 3, 2), "padded"),
    "stride beyond the kernel": (Geometry.of_convolution((20, 17), (2, 1), (5, 4)), "tap by tap"),
    "stride beyond the image": (Geometry.of_convolution((3, 9), (1, 2), (7, 3)), "tap by tap"),
    "every other pixel": (Geometry.of_convolution((12, 9), 1, 2), "tap by tap"),
    "few windows": (Geometry.of_transposed_convolution((2, 3), (8, 7), (4, 3), 2), "window by window"),
    "output padding": (Geometry.of_transposed_convolution((2, 2), 5, 3, 1, (2, 1)), "window by window"),
    "one window": (Geometry.of_convolution((4, 5), (4, 5)), "window by window"),
}


@pytest.mark.parametrize("images", [0, 1, 3])
@pytest.mark.parametrize("case", STRANGE)
def test_columns_are_as_defined_and_made_in_the_way_that_fits(case, images):
    geometry, way = STRANGE[case]
    x = whole_numbers(np.random.default_rng(3), (images, 3, *geometry.input_size))
    OH = geometry.output_size[0]
    for block in {(0, images, 0, OH), (images // 2, images, OH // 2, OH)}:
        block = slice(*block[:2]), *block[2:]
        found, padded = made(x, geometry, block)
        np.testing.assert_array_equal(found, columns_by_definition(x, geometry, block))
        if block[1:] == (0, OH):
            assert padded == (way == "padded")
            assert (geometry.taps > geometry.output_pixels) == (way == "window by window")


@pytest.mark.parametrize("room", [1, 700, 1 << 21])
@pytest.mark.parametrize("images", [0, 1, 3])
@pytest.mark.parametrize("case", STRANGE)
def test_contractions_are_those_of_the_loops_however_columns_are_made(case, images, room):
    geometry = STRANGE[case][0]
    C, O, source = 3, 6, np.random.default_rng(images)
    shapes = (images, C, *geometry.input_size), (O, C // geometry.groups, *geometry.kernel_size)
    x, w = (whole_numbers(source, shape) for shape in shapes)
    y = whole_numbers(source, (images, O, *geometry.output_size))
    for contraction, threads in ((name, threads) for name in CONTRACTIONS for threads in (1, 3)):
        pair = pair_for(contraction, x, w, y)
        with ExitStack() as stack:
            stack.enter_context(blocks_of(room))
            stack.enter_context(shared(threads))
            found = getattr(im2col, contraction)(*pair, geometry)
        np.testing.assert_array_equal(found, getattr(loops, contraction)(*pair, geometry), err_msg=contraction)


@given(st.data())
def test_col2im_is_the_transpose_of_im2col(data):
    """⟨im2col(x), columns⟩ = ⟨x, col2im(columns)⟩, exactly, and the block decides which rows are met."""
    geometry = data.draw(geometries())
    generator = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1)))
    x = whole_numbers(generator, (2, 3, *geometry.input_size))
    first = data.draw(st.integers(0, geometry.output_size[0] - 1))
    block = slice(0, 2), first, data.draw(st.integers(first + 1, geometry.output_size[0]))
    made = layout.im2col(x, geometry, block)
    columns = whole_numbers(generator, made.shape)
    back = np.zeros_like(x)
    layout.col2im(columns, back, geometry, block)
    assert (made * columns).sum() == (x * back).sum()
