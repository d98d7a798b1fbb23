"""What a feature sees: fields of known networks, every small stack tried pixel by pixel, and errors."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import minifcn
import minifcn.functional as F
from minifcn import ReceptiveField, Tensor
from minifcn.errors import ArgumentError, ArgumentTypeError
from minifcn.geometry import CoordinateMap, Crop, Fork, Geometry, WindowLayer, pixels_seen, receptive_field, span_seen

UP = {"transposed": True}


def test_receptive_fields_of_vgg():
    layers, sizes = [], []
    for convolutions_in_stage in (2, 2, 3, 3, 3):
        layers += [(3, 1, 1)] * convolutions_in_stage + [(2, 2)]
        sizes.append(receptive_field(layers).size)
    layers += [(7,), (1,), (1,)]
    assert [*sizes, receptive_field(layers).size] == [6, 16, 44, 100, 212, 404]
    assert minifcn.receptive_field(layers) == ReceptiveField(404, 32)
    assert receptive_field([]) == ReceptiveField(1, 1) == ReceptiveField()


def test_receptive_fields_of_alexnet_and_googlenet():
    layers = [(11, 4), (3, 2), (5, 1), (3, 2), (3, 1), (3, 1), (3, 1), (3, 2), (6, 1), (1, 1)]
    assert receptive_field(layers) == ReceptiveField(355, 32)

    layers = [(7, 2), (3, 2), (3,), (3, 2)]
    for modules, pooled in ((2, True), (5, True), (2, False)):
        layers += [(5,)] * modules + [(3, 2)] * pooled  # 5x5 is the widest branch of an inception
    assert receptive_field(layers) == ReceptiveField(715, 32)
    assert receptive_field([*layers, (7,)]).size == 907  # the paper's number counts the average pool that it removes


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.lists(st.tuples(*(st.integers(*bounds) for bounds in ((1, 4), (1, 3), (0, 2), (1, 3)))), max_size=4))
def test_a_receptive_field_is_what_the_taps_reach(layers):
    field, size = receptive_field(layers), 1
    for kernel, stride, _, dilation in reversed(layers):
        size = (size - 1) * stride + dilation * (kernel - 1) + 1
    sizes = [size]
    for kernel, stride, _, dilation in layers:
        geometry = Geometry.of_convolution((sizes[-1], 1), (kernel, 1), (stride, 1), 0, (dilation, 1))
        sizes.append(geometry.output_size[0])
    assert sizes[-1] == 1
    assert field.size == size
    # Each feature sees as much, and one stride further on than the one before it.
    spans = [span_seen(layers, feature) for feature in (0, 1, 2)]
    assert [len(span) for span in spans] == [size] * 3
    assert [span.start - spans[0].start for span in spans] == [0, field.stride, 2 * field.stride]


def test_after_a_transposed_convolution_the_field_depends_on_the_feature():
    """Bilinear doubling: a pixel of the result meets two of the map, whichever it is; a kernel of 3 one or two."""
    halved = [(2, 2)]
    assert [pixels_seen([*halved, WindowLayer(4, 2, **UP)], i) for i in (2, 3, 4)] == [
        (0, 1, 2, 3),
        (0, 1, 2, 3),
        (2, 3, 4, 5),
    ]
    assert receptive_field([*halved, WindowLayer(4, 2, **UP)]) == ReceptiveField(4, 1)
    assert [len(pixels_seen([*halved, WindowLayer(3, 2, **UP)], i)) for i in (2, 3, 4, 5)] == [4, 2, 4, 2]
    assert receptive_field([*halved, WindowLayer(3, 2, **UP)]) == ReceptiveField(4, 1)
    assert receptive_field([WindowLayer(4, 2, **UP)]) == ReceptiveField(2, Fraction(1, 2))
    # Doubled twice some results mix three pixels; enlarged by four at once none mixes more than two.
    assert receptive_field([WindowLayer(4, 2, **UP), WindowLayer(4, 2, **UP)]).size == 3
    assert receptive_field([WindowLayer(8, 4, **UP)]).size == 2


def test_a_feature_that_no_stamp_reaches_sees_nothing():
    apart = [WindowLayer(1, 3, **UP)]
    assert [pixels_seen(apart, i, size=2) for i in range(4)] == [(0,), (), (), (1,)]
    assert span_seen(apart, 1) == range(0)
    assert receptive_field(apart) == ReceptiveField(1, Fraction(1, 3))


def test_holes_are_seen_as_holes():
    assert pixels_seen([(3, 1, 0, 2)], 1) == (1, 3, 5)
    assert span_seen([(3, 1, 0, 2)], 1) == range(1, 6)
    assert pixels_seen([(1, 3), (2, 1)], 0) == (0, 3)


def test_what_does_not_exist_is_left_out_on_the_way_too():
    """Rows that a stride leaves over are seen by no window, and a feature beyond the last one is none."""
    layers = [(2, 3), (3, 1, 1)]
    assert pixels_seen(layers, 2, size=9) == (3, 4, 6, 7)
    assert pixels_seen(layers, 2) == (3, 4, 6, 7, 9, 10)
    assert pixels_seen([Crop(2), (2, 2)], 0, size=6) == (2, 3)
    assert pixels_seen([(2, 2), WindowLayer(4, 2, 1, output_padding=1, **UP)], 4, size=4) == (2, 3)
    assert pixels_seen([(2, 2), WindowLayer(4, 2, 0, output_padding=1, **UP)], 6, size=4) == ()


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.data())
def test_pools_that_round_up_and_crops_are_followed_as_they_are(data):
    """One image for each pixel, run through average pools, transposed convolutions and crops of what they made."""
    size = data.draw(st.integers(3, 12))
    maps, layers = Tensor(np.eye(size).reshape(size, 1, size, 1)), []
    for _ in range(data.draw(st.integers(0, 3))):
        kind, n = data.draw(st.sampled_from(["pool", "up", "crop"])), maps.shape[2]
        if kind == "crop":
            layer = Crop(data.draw(st.integers(0, min(2, n - 1))))
            maps = maps[:, :, layer.offset :]
        elif kind == "up":
            layer = WindowLayer(data.draw(st.integers(1, 4)), data.draw(st.integers(1, 3)), **UP)
            maps = F.conv_transpose2d(maps, Tensor(np.ones((1, 1, layer.kernel_size, 1))), stride=(layer.stride, 1))
        else:
            kernel = data.draw(st.integers(1, min(3, n)))
            ceil, padding = data.draw(st.booleans()), data.draw(st.integers(0, kernel // 2))
            layer = WindowLayer(kernel, data.draw(st.integers(1, 3)), padding, ceil_mode=ceil)
            maps = F.avg_pool2d(maps, (kernel, 1), (layer.stride, 1), (padding, 0), ceil)
        layers.append(layer)
    seen = maps.numpy()[:, 0, :, 0]
    for feature in range(seen.shape[1]):
        assert pixels_seen(layers, feature, size) == tuple(np.flatnonzero(seen[:, feature]))


def test_wrong_layers_and_features_are_refused():
    for call, error, start in (
        (lambda: receptive_field([(0,)]), ArgumentError, "layer: kernel_size must be between 1"),
        (lambda: receptive_field([(3, 1, 0, 1, True)]), ArgumentError, "a layer must be (kernel_size, stride, padding"),
        (lambda: receptive_field([3]), ArgumentError, "a layer must be (kernel_size, stride, padding, dilation)"),
        (lambda: receptive_field([(3, 1.5)]), ArgumentTypeError, "layer: stride must be an integer, got 1.5"),
        (lambda: pixels_seen([(3,)], -1), ArgumentError, "pixels_seen: feature must be between 0"),
        (lambda: pixels_seen([(3,)], 0, 2), ArgumentError, "conv2d: the kernel does not fit"),
        (
            lambda: pixels_seen([(3,)], 4, 6),
            ArgumentError,
            "pixels_seen: there is no feature 4, 6 rows become 4; choose one below that.",
        ),
    ):
        with pytest.raises(error) as caught:
            call()
        assert str(caught.value).startswith(start)


# --- forks ------------------------------------------------------------------------------------------------------------

INCEPTION = Fork(
    (
        (WindowLayer(1),),
        (WindowLayer(1), WindowLayer(3, padding=1)),
        (WindowLayer(1), WindowLayer(5, padding=2)),
        (WindowLayer(3, padding=1), WindowLayer(1)),
    )
)


def test_behind_a_fork_a_feature_sees_what_its_widest_way_sees():
    assert receptive_field([(3, 2, 1), INCEPTION]) == receptive_field([(3, 2, 1), (5, 1, 2)]) == ReceptiveField(11, 2)
    assert pixels_seen([INCEPTION], 4) == (2, 3, 4, 5, 6)
    assert pixels_seen([INCEPTION], 4, size=6) == (2, 3, 4, 5)
    assert INCEPTION.map == CoordinateMap() and INCEPTION.made(7) == 7
    assert receptive_field([(2, 2), INCEPTION, WindowLayer(4, 2, transposed=True)]).stride == 1


def test_the_ways_of_a_fork_may_leave_holes_that_another_fills():
    fork = Fork(((WindowLayer(3, padding=2, dilation=2),), (WindowLayer(3, padding=1),)))
    assert pixels_seen([fork], 5) == (3, 4, 5, 6, 7)
    assert pixels_seen([Fork((fork.ways[0],))], 5) == (3, 5, 7)


def test_within_a_way_rows_that_its_map_does_not_have_are_not_read():
    twice = Fork(((WindowLayer(3, padding=1), WindowLayer(3, padding=1)),))
    column = (WindowLayer(3, padding=1), WindowLayer(3, padding=1))
    for size in (1, 2, 5):
        assert pixels_seen([twice], 0, size) == pixels_seen(column, 0, size)


@pytest.mark.parametrize(
    ("ways", "words"),
    [
        ((), "a fork has no way"),
        (((WindowLayer(3),), ()), r"the first has scale 1, offset -1, number 2 has scale 1, offset 0"),
        (((WindowLayer(2, 2),), (WindowLayer(2),)), r"the first has scale 1/2, offset -1/4"),
        (((WindowLayer(4, 2, transposed=True), WindowLayer(2, 2)), ()), "a way of a fork enlarges"),
    ],
)
def test_ways_that_do_not_agree_are_refused(ways, words):
    with pytest.raises(ArgumentError, match=words):
        Fork(ways)


def test_ways_that_make_maps_of_two_sizes_are_refused_where_it_shows():
    fork = Fork(((WindowLayer(2, 2, ceil_mode=True),), (WindowLayer(2, 2),)))
    assert fork.made(4) == 2
    with pytest.raises(ArgumentError, match="make 3, 2 rows of 5"):
        fork.made(5)
