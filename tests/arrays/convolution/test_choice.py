"""The rule of `auto`, what `explain` says of it, with numbers computed by hand, and the memory that is foretold."""

from __future__ import annotations

from unittest import mock

import numpy as np
import pytest

from minifcn import explain, get_num_threads, set_num_threads
from minifcn.arrays import convolution
from minifcn.arrays.convolution import choice, explanation, im2col, pointwise, rows, winograd
from minifcn.arrays.convolution.algorithms import algorithm_for
from minifcn.arrays.convolution.choice import (
    LEAST_CHANNELS,
    LEAST_IN_A_ROW,
    LEAST_PRODUCTS,
    LEAST_TILES,
    MOST_CHANNELS_OF_A_PIXEL,
    choose,
)
from minifcn.arrays.convolution.explanation import WORKSPACES
from minifcn.errors import ArgumentError, ArgumentTypeError
from minifcn.geometry import Geometry
from tests.arrays.convolution.contractions import CONTRACTIONS, extra_memory, fresh_memory, pair_for
from tests.played_cupy import playing

MODULES = {"im2col": im2col, "rows": rows, "winograd": winograd, "pointwise": pointwise}


def same(size):
    return Geometry.of_convolution(size, 3, padding=1)


# --- the rule ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "geometry, images, channels, outputs, name, why",
    [
        (Geometry.of_convolution((5, 7), 1), 1, 1, 1, "pointwise", "one matrix product"),
        (Geometry.of_convolution((5, 7), 1, groups=2), 3, 64, 64, "pointwise", "one matrix product"),
        (Geometry.of_convolution((5, 7), 1, (1, 2)), 1, 64, 64, "im2col", "needs a 3x3 kernel, stride 1"),
        (Geometry.of_convolution((50, 70), 3, 2), 1, 64, 64, "rows", "needs a 3x3 kernel, stride 1"),
        (Geometry.of_convolution((50, 70), 5, padding=2), 1, 64, 64, "rows", "needs a 3x3 kernel"),
        (Geometry.of_convolution((50, 70), 3, groups=2), 1, 64, 64, "rows", "one group"),
        (Geometry.of_convolution((50, 70), 3, padding=3), 1, 64, 64, "rows", "padding of at most 2"),
        (Geometry.of_convolution((50, 70), 3, dilation=2), 1, 64, 64, "rows", "dilation 1"),
        (same((50, 70)), 1, LEAST_CHANNELS - 1, 64, "rows", f"with {LEAST_CHANNELS - 1} channels"),
        (same((50, 70)), 1, 64, LEAST_CHANNELS - 1, "rows", f"with {LEAST_CHANNELS - 1} channels"),
        (same((50, 70)), 1, LEAST_CHANNELS, 70, "winograd", "48 channels or more and 234 tiles of 4x4"),
        (same((50, 70)), 1, 70, LEAST_CHANNELS, "winograd", "48 channels or more and 234 tiles of 4x4"),
        # 64·64·9 multiplications for each pixel: 2713 pixels make 100.01 M of them.
        (same((1, 2712)), 1, 64, 64, "rows", "100 M multiplications are fewer"),
        (same((1, 2713)), 1, 64, 64, "winograd", "679 tiles of 4x4"),
        (same((1, 1356)), 2, 64, 64, "rows", "100 M multiplications are fewer"),
        (same((1, 1357)), 2, 64, 64, "winograd", "680 tiles of 4x4"),
        (same((50, 70)), 0, 64, 64, "rows", "0 M multiplications are fewer"),
        # 50000 multiplications in an output row, and half as many pixels in it as channels on either side.
        (
            same((9, 100)),
            1,
            10,
            50,
            "rows",
            "100 pixels and 0.5 M multiplications in a product of rows; with 10 channels",
        ),
        (Geometry.of_convolution((9, 125), (1, 4), padding=(0, 1), stride=(2, 1)), 1, 10, 10, "im2col", "3x3 kernel"),
        (Geometry.of_convolution((9, 128), (1, 4), stride=(2, 1)), 1, 10, 10, "rows", "0.1 M multiplications"),
        (same((9, 32)), 1, 47, 64, "rows", "with 47 channels"),
        (same((9, 32)), 1, 47, 65, "im2col", "with 47 channels"),
        (same((9, 32)), 1, 65, 47, "im2col", "with 47 channels"),
        (Geometry.of_convolution((9, 102), 3, groups=4), 1, 32, 32, "rows", "100 pixels and 0.1 M"),
        (Geometry.of_convolution((9, 102), 3, groups=8), 1, 32, 32, "im2col", "one group"),
        # Rows of several images are one product: two of 14 pixels and 32256 multiplications, nine if there are so many.
        (same((14, 14)), 1, 16, 16, "im2col", "with 16 channels"),
        (same((14, 14)), 2, 16, 16, "rows", "28 pixels and 0.1 M multiplications in a product of rows"),
        (same((14, 14)), 64, 16, 16, "rows", "98 pixels and 0.2 M multiplications in a product of rows"),
        (same((12, 12)), 1, 280, 280, "winograd", "36 tiles of 2x2"),
        (same((10, 14)), 1, 288, 288, "im2col", "35 tiles of 2x2 are too few"),
        (same((11, 11)), 1, 310, 310, "winograd", "36 tiles of 2x2"),  # the last tiles hang over the edge
        (same((6, 6)), 3, 350, 350, "im2col", "27 tiles of 2x2 are too few"),
        (same((6, 6)), 4, 350, 350, "winograd", "36 tiles of 2x2"),  # of all images together
    ],
)
def test_the_rule(geometry, images, channels, outputs, name, why):
    assert (LEAST_CHANNELS, LEAST_PRODUCTS, LEAST_TILES) == (48, 10**8, 36)
    assert (LEAST_IN_A_ROW, MOST_CHANNELS_OF_A_PIXEL) == (50_000, 2)
    found, reason = choose(geometry, images, channels, outputs)
    assert found == name
    assert why in reason


def test_as_many_multiplications_as_the_limit_are_enough():
    geometry, products = same((50, 70)), 3 * 64 * 80 * 50 * 70 * 9
    for limit, name in ((products, "winograd"), (products + 1, "rows")):
        with mock.patch.object(choice, "LEAST_PRODUCTS", limit):
            assert choose(geometry, 3, 64, 80)[0] == name


@pytest.mark.parametrize("contraction", CONTRACTIONS)
@pytest.mark.parametrize(
    "geometry, C, O, name",
    [(same((24, 25)), 130, 144, "winograd"), (same((24, 25)), 3, 144, "im2col"), (same((24, 25)), 130, 3, "im2col"),
     (same((24, 25)), 33, 40, "rows"),
     (Geometry.of_convolution((5, 7), 1), 3, 4, "pointwise")],
)  # fmt: skip
def test_auto_is_the_default_and_takes_what_the_rule_says(geometry, C, O, name, contraction):
    x, w = np.ones((1, C, *geometry.input_size)), np.ones((O, C, *geometry.kernel_size))
    y = np.ones((1, O, *geometry.output_size))
    assert choose(geometry, 1, C, O)[0] == choose(geometry, 1, O, C)[0] == name
    with mock.patch.object(MODULES[name], contraction, return_value=np.array(7.0)):
        assert getattr(convolution, contraction)(*pair_for(contraction, x, w, y), geometry) == 7


# --- explain ----------------------------------------------------------------------------------------------------------


def test_explain_winograd():
    """2·2·100·96·9·(21·30) operations as a sum; 2 x 6 x 8 tiles of 4x4, 36 products each. Bytes of float64."""
    assert explain(same((21, 30)), 96, 100, images=2, dtype=np.float64, threads=1).splitlines() == [
        "winograd: 3x3, stride 1, 96 channels or more and 96 tiles of 4x4",
        "operations: 0.22 G as a sum over taps, 0.07 G in the products of winograd",
        "bytes: 1.0 MB of x, 0.7 MB of weight, 1.0 MB of y",
        "workspace: 15.6 MB at most, with 1 thread",
    ]
    assert 2 * 2 * 100 * 96 * 9 * 21 * 30 == 217_728_000
    assert 2 * 100 * 96 * 36 * 96 == 66_355_200
    # All tiles are one block, its channels one part (and one channel more, which is how parts are rounded).
    tiles, weight = 36 * 96 * 8, 36 * 96 * 8  # bytes for one channel of x, and for one of y
    image, before, products = 96 * tiles, 97 * tiles, 101 * tiles
    by_remainder = before * 4 * 9 // (6 * 8)  # 4 of 6 columns of a tile, and 9 tiles in a row instead of 8
    taken = image + before + by_remainder + products + products * 16 // 36 + 101 * weight + 101 * weight * 9 // 36
    assert taken + 9 * 100 * 96 * 8 == 15_562_752


def test_explain_im2col_and_pointwise():
    strided = Geometry.of_convolution((100, 60), (5, 3), (2, 1), groups=2)  # -> 48x58
    assert explain(strided, 4, 6, threads=1).splitlines() == [
        "im2col: winograd needs a 3x3 kernel, stride 1, dilation 1, padding of at most 2 and one group",
        "operations: 0.00 G as a sum over taps, 0.00 G in the products of im2col",
        "bytes: 0.1 MB of x, 0.0 MB of weight, 0.1 MB of y",
        # All columns are one block: 4·99·60 padded pixels, 60·48·58 columns and 6·48·58 results, 4 bytes each: 830016.
        "workspace: 0.8 MB at most, with 1 thread",
        "columns: 0.7 MB in all, made block by block",
    ]
    pointwise_lines = explain(Geometry.of_convolution((1000, 500), 1), 100, 20, threads=1).splitlines()
    assert pointwise_lines == [
        "pointwise: a 1x1 kernel that moves pixel by pixel is one matrix product",
        "operations: 2.00 G as a sum over taps, 2.00 G in the products of pointwise",
        "bytes: 200.0 MB of x, 0.0 MB of weight, 40.0 MB of y",
        "workspace: 0.0 MB at most, with 1 thread",
    ]


def test_explain_tells_the_workspace_for_the_threads_in_use():
    set_num_threads(3)
    assert get_num_threads() == 3
    assert explain(same((50, 70)), 64, 64).endswith("at most, with 3 threads")
    assert explain(same((50, 70)), 64, 64) == explain(same((50, 70)), 64, 64, threads=3)


def test_nothing_is_explained_too():
    assert "bytes: 0.0 MB of x, 0.0 MB of weight, 0.0 MB of y" in explain(same((5, 7)), 0, 0, images=0)
    assert explain(same((5, 7)), 1, 1, threads=2).splitlines()[3].endswith("with 2 threads")


def test_a_million_and_a_thousand_million():
    assert explanation._megabytes(10**13) == "10000000.0 MB"
    assert explanation._billions(10**18) == "1000000000.00 G"


def test_explain_computes_nothing():
    """A layer that no memory could hold is explained all the same."""
    assert explain(same((10**6, 10**6)), 512, 512).startswith("winograd: ")


@pytest.mark.parametrize(
    "options, error, message",
    [
        (
            {"channels": 3},
            ArgumentError,
            "explain: groups 2 must divide the channels 3 and 4; change groups or channels",
        ),
        ({"outputs": 5}, ArgumentError, "explain: groups 2 must divide the channels 4 and 5"),
        ({"channels": -2}, ArgumentError, "explain: channels must be .*-2"),
        ({"outputs": 2.0}, ArgumentTypeError, "explain: outputs must be .*2.0"),
        ({"images": -1}, ArgumentError, "explain: images must be .*-1"),
        ({"threads": 0}, ArgumentError, "explain: threads must be .*0"),
    ],
)
def test_explain_names_what_is_wrong(options, error, message):
    geometry = Geometry.of_convolution((5, 7), 3, groups=2)
    with pytest.raises(error, match=message):
        explain(geometry, **({"channels": 4, "outputs": 4} | options))


# --- memory -----------------------------------------------------------------------------------------------------------

WORKS = {
    "im2col": (Geometry.of_convolution((128, 128), 3, padding=1), 2, 8, 4),
    "im2col, strided": (Geometry.of_convolution((100, 128), (3, 5), (2, 1), 1), 2, 40, 64),
    "im2col, few outputs": (same((200, 128)), 1, 64, 2),
    "im2col, in groups": (Geometry.of_convolution((64, 128), 3, padding=1, groups=4), 1, 64, 32),
    "im2col, small images": (Geometry.of_convolution((12, 9), 3, 2), 40, 64, 80),
    "im2col, large weight": (Geometry.of_convolution((12, 16), 7, padding=3), 1, 64, 400),
    "im2col, several blocks and a large weight": (Geometry.of_convolution((60, 61), 3, 2), 2, 200, 400),
    "im2col, upsampling": (Geometry.of_transposed_convolution((12, 16), 16, 8, groups=6), 3, 6, 6),
    "im2col, turned": (same((90, 128)), 2, 64, 48),
    "rows": (same((300, 128)), 2, 16, 16),
    "rows, strided": (Geometry.of_convolution((400, 128), (3, 5), (2, 1), 1), 2, 8, 16),
    "rows, in groups": (Geometry.of_convolution((200, 128), 3, padding=1, groups=4), 1, 32, 32),
    "rows, dilated": (Geometry.of_convolution((200, 128), 3, padding=2, dilation=2), 1, 32, 16),
    "rows, of small images": (Geometry.of_convolution((29, 28), 3, 2), 40, 24, 30),
    "rows, stamped": (same((300, 64)), 2, 4, 24),
    "rows, many outputs": (same((300, 64)), 1, 8, 64),
    "winograd": (same((100, 128)), 2, 32, 64),
    "winograd, few inputs": (same((130, 57)), 3, 3, 100),
    "winograd, many channels": (same((14, 14)), 1, 256, 256),
    "winograd, other tiles on the way back": (Geometry.of_convolution((130, 3), 3, padding=2), 1, 3, 200),
    "winograd, small images": (same((7, 9)), 30, 100, 70),
    "pointwise": (Geometry.of_convolution((64, 50), 1), 2, 200, 300),
}


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("work", WORKS)
def test_the_workspace_is_enough_and_not_much_too_large(work, threads):
    (geometry, N, C, O), name, source = WORKS[work], work.partition(",")[0], np.random.default_rng(0)
    x = source.random((N, C, *geometry.input_size), np.float32)
    w = source.random((O, C // geometry.groups, *geometry.kernel_size), np.float32)
    y = source.random((N, O, *geometry.output_size), np.float32)
    foretold, needed = WORKSPACES[name](geometry, N, C, O, 4, threads), []
    for contraction in CONTRACTIONS:
        fresh_memory(threads)
        needed.append(extra_memory(MODULES[name], contraction, pair_for(contraction, x, w, y), geometry))
    small = 100_000 * (
        1 + threads
    )  # Python's own objects: futures, slices, views; and a buffer of NumPy's in each thread
    assert max(needed) <= foretold + small, f"{needed} bytes, {foretold} were foretold"
    if threads == 1:  # with more, the peaks of the threads need not meet
        assert foretold <= 2.5 * max(needed), f"{needed} bytes, {foretold} were foretold"


def test_pointwise_needs_room_only_to_add_up_several_images():
    geometry = Geometry.of_convolution((64, 50), 1, groups=2)
    needed = [WORKSPACES["pointwise"](geometry, N, 200, 300, 8, 2) for N in (0, 1, 2, 5)]
    assert needed == [0, 0, 240_000, 240_000] and all(isinstance(number, int) for number in needed)


def test_the_workspace_does_not_grow_with_the_image():
    """Nor with the batch: one row of columns or tiles is the least, and a block the most.

    In im2col and rows each thread has blocks of its own; in winograd they share one, and the channels of the other side.
    """
    most = {"im2col": 4.1, "rows": 4.1, "winograd": 1.2}
    for name in most:
        sizes = [WORKSPACES[name](same((rows, 100)), N, 32, 32, 4, 2) for rows, N in ((1000, 1), (5000, 7))]
        assert sizes[0] == sizes[1], name
        one, four = (WORKSPACES[name](same((1000, 100)), 1, 32, 32, 4, threads) for threads in (1, 4))
        assert one < sizes[0] < four < most[name] * one, name


@pytest.mark.parametrize(
    "channels, outputs, name",
    [
        (8, 8, "winograd"),
        (7, 7, "im2col"),
        (16, 80, "winograd"),
        (16, 81, "im2col"),
        (81, 16, "im2col"),
        (3, 64, "im2col"),
    ],
)
def test_on_a_gpu_the_numbers_that_are_moved_decide(channels, outputs, name):
    geometry = Geometry.of_convolution((200, 200), 3, padding=1)
    found, reason = choose(geometry, 16, channels, outputs, on_gpu=True)
    assert found == name
    assert f"{min(channels, outputs)} channels" in reason


def test_explain_on_a_gpu_follows_its_rule_and_knows_no_workspace():
    geometry = Geometry.of_convolution((200, 200), 3, padding=1)
    told = explain(geometry, 16, 16, images=16, device="cuda:1")
    assert told.startswith("winograd: 3x3, stride 1, 16 channels or more and 40000 tiles of 4x4")
    assert "workspace" not in told
    assert explain(geometry, 16, 16, images=16).startswith("rows: 200 pixels and 0.5 M multiplications")


def test_the_array_decides_which_rule_is_taken():
    geometry = Geometry.of_convolution((200, 200), 3, padding=1)
    x = np.zeros((16, 16, 1, 1), np.float32)
    with playing() as cupy:
        assert algorithm_for(geometry, x, 16) == "rows"
        assert algorithm_for(geometry, cupy.asarray(x), 16) == "winograd"
