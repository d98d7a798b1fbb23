"""How the work of im2col and winograd is cut and what memory is foretold for it, with numbers computed by hand."""

from __future__ import annotations

from dataclasses import replace
from unittest import mock

import numpy as np
import pytest

from minifcn.arrays.convolution import blocks as cut
from minifcn.arrays.convolution import winograd
from minifcn.arrays.convolution.winograd import blocks as cut_tiles
from minifcn.errors import AllocationError
from minifcn.geometry import Geometry
from minifcn.machine import limits
from tests.arrays.convolution.contractions import blocks_of, shared
from tests.played_cupy import playing


def convolution(size, kernel, stride=1, padding=0, groups=1):
    return Geometry.of_convolution(size, kernel, stride, padding, groups=groups)


def test_a_row_beyond_all_memory_is_refused_with_its_shape():
    with mock.patch.object(limits, "memory_of", lambda device: 800), pytest.raises(AllocationError) as caught:
        cut.blocks(np.zeros((2, 3, 9, 7)), 2, 3, convolution((9, 7), (3, 2)))
    assert str(caught.value) == (
        "im2col: one output row of columns of shape (3, 3, 2, 1, 1, 6) in float64 takes 864 bytes, but cpu has 800 "
        "bytes of memory; reduce padding or cut the image into narrower pieces."
    )


def test_nothing_said_is_one_output_and_one_thread():
    """Ten rows of one window: three blocks if four rows fit, four for two threads; two outputs want two rows at least."""
    x, geometry = np.zeros((1, 2, 10, 1)), convolution((10, 1), 1)
    with blocks_of(4 * 2 * 8):
        assert [len(cut.blocks(x, 1, 2, geometry, *given)) for given in ((), (1, 1), (1, 2))] == [3, 3, 4]
    with blocks_of(1), mock.patch.object(cut, "LEAST_COLUMNS", 256):
        assert [len(cut.blocks(x, 1, 2, geometry, *given)) for given in ((), (1,), (2,))] == [10, 10, 5]


def test_threads_are_asked_for_by_all_columns_and_their_product():
    x, geometry = np.zeros((2, 6, 9, 8), np.float32), convolution((9, 8), (3, 2), (2, 1), groups=3)
    with mock.patch.object(cut, "threads_for", return_value=5) as asked:
        assert cut.threads_worth(x, 6, 15, geometry) == 5
    (like, columns, products), _ = asked.call_args
    assert like is x and (columns, products) == (2 * 28 * 6 * 6, 2 * 28 * 6 * 6 * 5)
    assert isinstance(columns, int) and isinstance(products, int)


def test_a_weight_of_two_blocks_is_added_up_by_every_thread_and_a_larger_one_once():
    x, geometry = np.zeros((1, 2, 12, 5)), convolution((12, 5), 1)
    with shared(3), mock.patch.object(cut, "LEAST_COLUMNS", 1), mock.patch.object(cut, "working_bytes") as room:
        room.return_value = 4 * 2 * 5 * 8  # four rows
        for nbytes, count, threads in ((2 * 320, 3, 3), (2 * 320 + 1, 3, 1)):
            found = cut.blocks_to_sum(x, 8, nbytes, geometry)
            assert (len(found[0]), found[1]) == (count, threads)
        room.return_value = 5 * 2 * 5 * 8
        assert len(cut.blocks_to_sum(x, 8, 1, geometry)[0]) == 3
        assert (
            len(cut.blocks_to_sum(x[:, :, :10], 8, 1, convolution((10, 5), 1))[0]) == 3
        )  # for 3 threads, of 2 that fit
        assert all(call.args[0].dtype == x.dtype for call in room.call_args_list)


def test_channels_are_shared_if_there_is_more_than_one_block():
    y, geometry = np.zeros((1, 6, 2, 5)), convolution((3, 6), 2)
    with shared(2), blocks_of(1):
        assert cut.shares_of(y, 3, geometry) == [
            (geometry, slice(0, 1), slice(0, 6), slice(0, 1)),
            (geometry, slice(1, 3), slice(0, 6), slice(1, 3)),
        ]
        of_one = replace(geometry, groups=1)
        assert cut.shares_of(y, 4, replace(geometry, groups=2)) == [
            (of_one, slice(0, 2), slice(0, 3), slice(0, 2)),
            (of_one, slice(2, 4), slice(3, 6), slice(0, 2)),
        ]
    with shared(2), blocks_of(1 << 20):
        assert cut.shares_of(y, 3, geometry) == [(geometry, slice(0, 3), slice(0, 6), slice(0, 3))]


# (N, C, O, bytes of a number, threads), (bytes of a block, LEAST_COLUMNS), what is foretold: for each thread padded
# pixels + columns + results of its block, and the weights.
FORETOLD = {
    "several blocks, a small weight": (
        convolution((11, 10), (1, 2), groups=2), (1, 4, 8, 8, 3), (500, 256),
        3 * (4 * 10 + 4 * 2 * 9 + 8 * 9) * 8 + 5 * 256,  # turned round, and two for each thread but one
    ),
    "fewer channels in a share, more rows in a block": (
        convolution((5, 8), (1, 2), 1, (1, 0)), (2, 3, 2, 4, 2), (500, 1),
        2 * (1 * 2 + 2) * 7 * 7 * 4 + 48,  # 7 rows of 1 channel, 4 of 2 channels, 2 of 3
    ),
    "one block": (
        convolution((10, 5), (4, 1), 1, (1, 0)), (3, 3, 1, 8, 1), (100_000, 256),
        (3 * 3 * 12 * 5 + 3 * 4 * 3 * 9 * 5 + 3 * 9 * 5) * 8,
    ),
    "the way back is the larger convolution": (
        convolution((6, 10), (4, 2), groups=2), (3, 8, 8, 8, 3), (1000, 1),
        3 * (8 * 4 * 11 + 8 * 8 * 10 + 8 * 10) * 8 + 2048,
    ),
    "one block, a weight beyond two": (
        convolution((4, 4), (4, 4)), (3, 3, 4, 8, 1), (500, 256), (2 * 3 * 3 * 16 + 3 * 4) * 8,
    ),
    "groups are shared": (
        convolution((12, 11), (3, 1), 1, (1, 1), 2), (2, 2, 8, 8, 3), (3000, 256),
        3 * (1 * 3 + 8) * 8 * 13 * 8 + 192,
    ),
    "no more pixels than columns": (
        convolution((12, 8), (1, 4), (2, 3), (1, 0), 3), (1, 9, 12, 8, 3), (200, 256),
        3 * (2 * 9 * 4 * 2 * 2 + 12 * 2 * 2) * 8 + 1152,
    ),
    "a weight as large as two blocks": (
        convolution((9, 8), 2, 2), (1, 3, 4, 8, 2), (192, 1),
        2 * (3 * 2 * 8 + 3 * 4 * 4 + 4 * 4) * 8 + 3 * 384,
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", FORETOLD)
def test_the_workspace_is_what_is_held_at_once(case):
    geometry, (N, C, O, itemsize, threads), (room, least), foretold = FORETOLD[case]
    with blocks_of(room), mock.patch.object(cut, "LEAST_COLUMNS", least):
        found = cut.workspace(geometry, N, C, O, itemsize, threads)
    assert found == foretold and isinstance(found, int)


# --- winograd ---------------------------------------------------------------------------------------------------------


def tiled(size, padding):
    return Geometry.of_convolution(size, 3, padding=padding)


@pytest.mark.parametrize(
    "C, geometry, m, itemsize, room, least, rows",
    [
        (2, tiled((3, 7), (1, 2)), 4, 4, 50_000, 1, 115),  # 36 numbers of 2 channels for each of 3 tiles: 864 bytes
        (5, tiled((18, 21), (0, 1)), 2, 8, 300, 1, 1),  # 7040 bytes
        (5, tiled((12, 10), (1, 2)), 4, 4, 1, 256, 85),  # three tiles a row
        (0, tiled((17, 11), 2), 4, 4, 1, 1, 2),
    ],
)
def test_a_block_is_twice_the_room_or_as_many_tiles_as_a_weight_is_worth(C, geometry, m, itemsize, room, least, rows):
    with mock.patch.object(cut_tiles, "LEAST_TILES", least):
        assert cut_tiles.rows_of_tiles(C, geometry, m, itemsize, room) == rows


def test_blocks_of_tiles_are_several_images_or_rows_of_one():
    geometry = tiled((28, 30), (0, 2))  # 13 rows of 16 tiles of 2x2, 2 channels of 16 numbers of 4 bytes: 2 KiB a row
    x = np.zeros((4, 2, 28, 30), np.float32)
    for room, images, rows in ((30_000, 2, 13), (13 * 1024, 1, 13), (13 * 1024 - 1, 1, 12), (1, 1, 1)):
        with blocks_of(room, winograd):
            assert cut_tiles.blocks(x, geometry, 2) == [
                (slice(i, i + images), slice(first, min(first + rows, 13)))
                for i in range(0, 4, images)
                for first in range(0, 13, rows)
            ]


def test_channels_of_tiles_are_cut_for_threads_and_for_the_cache():
    """7 channels of 24 float32: 672 bytes; 5 of 17: 340."""
    x = np.zeros(3, np.float32)
    with mock.patch.object(cut_tiles, "working_bytes", return_value=300) as room:
        with mock.patch.object(cut_tiles, "threads_for", return_value=1) as asked:
            assert cut_tiles.parts(7, 24, 33, x) == [slice(0, 3), slice(3, 7)]
            assert cut_tiles.parts(5, 17, 33, x) == [slice(0, 5)]
        with mock.patch.object(cut_tiles, "threads_for", return_value=3):
            assert len(cut_tiles.parts(7, 24, 33, x)) == 3
    assert asked.call_args_list == [((x, 168, 168 * 33),), ((x, 85, 85 * 33),)]
    assert all(call.args[0] is x for call in room.call_args_list)
    with playing() as cupy:
        assert cut_tiles.parts(7, 24, 33, cupy.zeros(3)) == [slice(0, 7)]


def test_the_workspace_of_winograd_is_what_two_threads_hold():
    """2 images of 5x4 tiles of 4x4, 6 channels; a block is a row of tiles, for a channel 36·4·4 = 576 bytes."""
    with blocks_of(300, winograd), mock.patch.object(cut_tiles, "LEAST_TILES", 3):
        found = cut_tiles.workspace(tiled((20, 12), (1, 2)), 2, 6, 6, 4, 2)
    before, weight, products = 2 * (2 * 300 + 576), 2 * (4 * 300 + 36 * 6 * 4), 2 * (4 * 300 + 576)
    by_remainder = before * 4 * 5 // (6 * 4)  # 4 columns of 6, and a fifth tile in a row of 4
    block = 6 * 576 + by_remainder + before + weight + weight * 9 // 36 + products + products * 16 // 36
    assert found == block + 9 * 6 * 6 * 4 and isinstance(found, int)
