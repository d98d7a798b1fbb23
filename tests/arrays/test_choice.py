"""The rule of `auto`, what `explain` says of it, with numbers computed by hand, and the memory that is foretold."""

from __future__ import annotations

import tracemalloc
from unittest import mock

import numpy as np
import pytest

from minifcn import explain, get_num_threads, set_num_threads
from minifcn.arrays import choice, convolution, im2col, pointwise, winograd
from minifcn.arrays.choice import LEAST_CHANNELS, LEAST_TILES, choose, workspace
from minifcn.errors import ArgumentError, ArgumentTypeError
from minifcn.geometry import Geometry
from tests.arrays.contractions import CONTRACTIONS, pair_for

MODULES = {"im2col": im2col, "winograd": winograd, "pointwise": pointwise}


def same(size):
    return Geometry.of_convolution(size, 3, padding=1)


# --- the rule ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "geometry, images, channels, outputs, name, why",
    [
        (Geometry.of_convolution((5, 7), 1), 1, 1, 1, "pointwise", "one matrix product"),
        (Geometry.of_convolution((5, 7), 1, groups=2), 3, 64, 64, "pointwise", "one matrix product"),
        (Geometry.of_convolution((5, 7), 1, (1, 2)), 1, 64, 64, "im2col", "needs a 3x3 kernel, stride 1"),
        (Geometry.of_convolution((50, 70), 3, 2), 1, 64, 64, "im2col", "needs a 3x3 kernel, stride 1"),
        (Geometry.of_convolution((50, 70), 5, padding=2), 1, 64, 64, "im2col", "needs a 3x3 kernel"),
        (Geometry.of_convolution((50, 70), 3, groups=2), 1, 64, 64, "im2col", "one group"),
        (Geometry.of_convolution((50, 70), 3, padding=3), 1, 64, 64, "im2col", "padding of at most 2"),
        (Geometry.of_convolution((50, 70), 3, dilation=2), 1, 64, 64, "im2col", "dilation 1"),
        (same((50, 70)), 1, LEAST_CHANNELS - 1, 64, "im2col", f"with {LEAST_CHANNELS - 1} channels"),
        (same((50, 70)), 1, 64, LEAST_CHANNELS - 1, "im2col", f"with {LEAST_CHANNELS - 1} channels"),
        (same((50, 70)), 1, LEAST_CHANNELS, 64, "winograd", "234 tiles"),
        (same((24, 24)), 1, 64, 64, "winograd", "36 tiles of 4x4"),
        (same((24, 20)), 1, 64, 64, "im2col", "30 tiles of 4x4 are too few"),
        (same((24, 20)), 2, 64, 64, "winograd", "60 tiles of 4x4"),
        (same((23, 21)), 1, 64, 64, "winograd", "36 tiles of 4x4"),  # the last tiles hang over the edge
        (same((3, 24)), 1, 64, 64, "im2col", "24 tiles of 2x2"),  # a low result has smaller tiles
        (same((50, 70)), 0, 64, 64, "im2col", "0 tiles"),
    ],
)
def test_the_rule(geometry, images, channels, outputs, name, why):
    assert LEAST_TILES == 36
    found, reason = choose(geometry, images, channels, outputs)
    assert found == name
    assert why in reason


@pytest.mark.parametrize("contraction", CONTRACTIONS)
@pytest.mark.parametrize(
    "geometry, C, O, name",
    [(same((24, 25)), 33, 40, "winograd"), (same((24, 25)), 3, 40, "im2col"), (same((24, 25)), 40, 3, "im2col"),
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
    """2·2·50·40·9·(21·30) operations as a sum; 6 x 8 tiles of 4x4, 36 products each. Bytes of float64."""
    assert explain(same((21, 30)), 40, 50, images=2, dtype=np.float64, threads=3).splitlines() == [
        "winograd: 3x3, stride 1, 40 channels or more and 96 tiles of 4x4",
        "operations: 0.05 G as a sum over taps, 0.01 G in the products of winograd",
        "bytes: 0.4 MB of x, 0.1 MB of weight, 0.5 MB of y",
        # Blocks of 4 MiB would hold more than the 2 x 6 rows of 8 tiles with 36·90 numbers: 3·(3·2488320 + 2·576000).
        "workspace: 25.9 MB at most, with 3 threads",
    ]
    assert 2 * 2 * 50 * 40 * 9 * 21 * 30 == 45_360_000
    assert 2 * 50 * 40 * 36 * 96 == 13_824_000


def test_explain_im2col_and_pointwise():
    strided = Geometry.of_convolution((100, 60), (5, 3), (2, 1), groups=2)  # -> 48x58
    assert explain(strided, 4, 6, threads=1).splitlines() == [
        "im2col: winograd needs a 3x3 kernel, stride 1, dilation 1, padding of at most 2 and one group",
        "operations: 0.00 G as a sum over taps, 0.00 G in the products of im2col",
        "bytes: 0.1 MB of x, 0.0 MB of weight, 0.1 MB of y",
        # Two blocks of columns, all of them, and 6 channels of results: 2·668160 + 66816 + 2·720.
        "workspace: 1.4 MB at most, with 1 thread",
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
    assert "at most, with 3 threads" in explain(same((50, 70)), 64, 64)


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
    "winograd": (same((100, 128)), 2, 32, 64),
    "winograd, many channels": (same((14, 14)), 1, 256, 256),
    "pointwise": (Geometry.of_convolution((64, 50), 1), 2, 200, 300),
}


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("work", WORKS)
def test_the_workspace_is_enough_and_not_much_too_large(work, threads):
    set_num_threads(threads)
    (geometry, N, C, O), name, source = WORKS[work], work.partition(",")[0], np.random.default_rng(0)
    x = source.random((N, C, *geometry.input_size), np.float32)
    w = source.random((O, C // geometry.groups, *geometry.kernel_size), np.float32)
    y = source.random((N, O, *geometry.output_size), np.float32)
    foretold, needed = workspace(name, geometry, (N, C, O), 4, threads), []
    for contraction in CONTRACTIONS:
        tracemalloc.start()
        try:
            result = getattr(MODULES[name], contraction)(*pair_for(contraction, x, w, y), geometry)
            needed.append(tracemalloc.get_traced_memory()[1] - result.nbytes)
        finally:
            tracemalloc.stop()
    small = 100_000  # Python's own objects: futures, slices, views
    assert max(needed) <= foretold + small, f"{needed} bytes, {foretold} were foretold"
    if name != "pointwise" and threads == 1:  # with more, the peaks of the threads need not meet
        assert foretold <= 2.5 * max(needed)


def test_the_workspace_does_not_grow_with_the_image():
    """Nor with the batch: one row of columns or tiles is the least, and a block the most."""
    for name in ("im2col", "winograd"):
        sizes = [workspace(name, same((rows, 100)), (N, 32, 32), 4, 2) for rows, N in ((1000, 1), (5000, 7))]
        assert sizes[0] == sizes[1], name
    assert choice.workspace("winograd", same((1000, 100)), (1, 32, 32), 4, 4) == 2 * sizes[0]
