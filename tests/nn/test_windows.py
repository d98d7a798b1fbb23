"""Convolutions and poolings against their functionals, and where their outputs lie over the input."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

import minifcn.functional as F
from minifcn import CoordinateMap, nn
from minifcn.geometry import WindowLayer, pixels_seen
from tests.nn.tensors import rng, same, values, whole
from tests.onto import device_of, on


def test_conv2d_hands_over_every_setting_in_its_place(xp):
    layer = nn.Conv2d(4, 6, (3, 2), (2, 1), (1, 3), (1, 2), 2, generator=rng()).to(device_of(xp))
    assert layer.weight.shape == (6, 2, 3, 2) and layer.bias.shape == (6,)
    x = whole(2, 4, 7, 9, xp=xp)
    same(layer(x), F.conv2d(x, layer.weight, layer.bias, (2, 1), (1, 3), (1, 2), 2))
    assert layer(x).shape == (2, 6, 4, 13)
    assert nn.Conv2d(4, 6, 3, 1, 0, 1, 1, False).to(device_of(xp)).bias is None
    assert nn.Conv2d(4, 6, 3, bias=False, stride=2).to(device_of(xp))(x).shape == (2, 6, 3, 4)


def test_conv_transpose2d_hands_over_every_setting_in_its_place(xp):
    layer = nn.ConvTranspose2d(4, 6, (3, 2), (2, 3), (1, 0), (1, 2), 2, True, (1, 2), generator=rng()).to(device_of(xp))
    assert layer.weight.shape == (4, 3, 3, 2) and layer.bias.shape == (6,)
    x = whole(2, 4, 3, 5, xp=xp)
    same(layer(x), F.conv_transpose2d(x, layer.weight, layer.bias, (2, 3), (1, 0), (1, 2), 2, (1, 2)))
    assert layer(x).shape == (2, 6, 6, 17)
    # Asked for a size, it chooses the output_padding itself.
    wanted = layer(x, (5, 16))
    assert wanted.shape == (2, 6, 5, 16)
    same(wanted, F.conv_transpose2d(x, layer.weight, layer.bias, (2, 3), (1, 0), (0, 1), 2, (1, 2)))
    assert nn.ConvTranspose2d(4, 6, 3, 1, 0, 0, 1, False).to(device_of(xp)).bias is None


def test_conv_transpose2d_undoes_the_shape_of_conv2d_with_its_weight(xp):
    down = nn.Conv2d(3, 5, (3, 2), 2, 1, generator=rng()).to(device_of(xp))
    up = nn.ConvTranspose2d(5, 3, (3, 2), 2, 1, bias=False, generator=rng()).to(device_of(xp))
    up.load_state_dict({"weight": down.weight})
    x, y = whole(2, 3, 8, 6, xp=xp), whole(2, 5, 4, 4, seed=1, xp=xp)
    up.weight.mutable()[...] = whole(5, 3, 3, 2, seed=2, xp=xp)._array
    down.load_state_dict({"weight": up.weight, "bias": np.zeros(5)})
    # The adjoint law with layers: <down(x), y> = <x, up(y)>.
    assert (values(down(x)) * values(y)).sum() == (values(x) * values(up(y, (8, 6)))).sum() != 0


def test_max_pool2d(xp):
    x = whole(2, 3, 7, 9, xp=xp)
    same(nn.MaxPool2d((2, 3))(x), F.max_pool2d(x, (2, 3)))
    same(
        nn.MaxPool2d((3, 2), (1, 2), (1, 0), (2, 1), False, True)(x),
        F.max_pool2d(x, (3, 2), (1, 2), (1, 0), (2, 1), True),
    )
    pooled, indices = nn.MaxPool2d(2, 2, 0, 1, True)(x)
    expected, places = F.max_pool2d(x, 2, return_indices=True)
    same(pooled, expected)
    same(indices, places)
    assert nn.MaxPool2d(2)(x).shape == (2, 3, 3, 4) and nn.MaxPool2d(2, ceil_mode=True)(x).shape == (2, 3, 4, 5)


def test_avg_pool2d(xp):
    x = whole(2, 3, 7, 9, xp=xp)
    same(nn.AvgPool2d((2, 3))(x), F.avg_pool2d(x, (2, 3)))
    for settings in (((3, 2), (2, 1), (1, 0), True, False), (3, 2, 1, True, True), (3, 1, 1, False, True, 5)):
        same(nn.AvgPool2d(*settings)(x), F.avg_pool2d(x, *settings))
    assert not np.array_equal(values(nn.AvgPool2d(3, 2, 1)(x)), values(nn.AvgPool2d(3, 2, 1, False, False)(x)))


def test_coordinate_maps_of_windows():
    conv = nn.Conv2d(1, 1, (3, 5), (2, 4), (1, 0), (3, 2))
    assert conv.coordinate_map() == conv.coordinate_map(0) == CoordinateMap(Fraction(1, 2), Fraction(1 - 3, 2))
    assert conv.coordinate_map(1) == CoordinateMap(Fraction(1, 4), Fraction(-4, 4))
    assert nn.MaxPool2d(2).coordinate_map() == CoordinateMap(Fraction(1, 2), Fraction(-1, 4))
    assert nn.MaxPool2d(3, 2, 1, 2).coordinate_map() == CoordinateMap(Fraction(1, 2), Fraction(-1, 2))
    assert nn.AvgPool2d(3, 2).coordinate_map() == CoordinateMap(Fraction(1, 2), Fraction(-1, 2))
    up = nn.ConvTranspose2d(1, 1, (4, 3), 2, 1)
    assert up.coordinate_map(0) == CoordinateMap(Fraction(2), Fraction(1, 2))
    assert up.coordinate_map(1) == CoordinateMap(Fraction(2), Fraction(0))


@pytest.mark.parametrize(
    "layer", [nn.Conv2d(1, 1, (3, 4), (2, 3), (1, 2), (2, 1)), nn.AvgPool2d((3, 4), (2, 3), (1, 2))]
)
def test_the_map_says_where_the_centre_of_what_an_output_sees_lies(layer, xp):
    """The gradient of one output is spread over its window: its centre is what the map takes to that output."""
    x = on(xp, np.ones((1, 1, 24, 26), np.float32), requires_grad=True)
    if isinstance(layer, nn.Conv2d):
        layer.weight.mutable()[...] = 1
    i, j = 4, 5
    layer.to(x.device)(x)[0, 0, i, j].backward()
    seen = x.grad.numpy()[0, 0] != 0
    for axis, position in ((0, i), (1, j)):
        rows = np.flatnonzero(seen.any(axis=1 - axis))
        assert layer.coordinate_map(axis)(Fraction(int(rows[0] + rows[-1]), 2)) == position
        assert pixels_seen([layer.layer(axis)], position, x.shape[2 + axis]) == tuple(rows)


def test_a_window_knows_its_layer_along_each_axis():
    layer = nn.Conv2d(1, 1, (3, 5), (2, 1), (1, 0), (1, 2))
    assert (layer.layer(), layer.layer(1)) == (WindowLayer(3, 2, 1, 1), WindowLayer(5, 1, 0, 2))
    assert nn.AvgPool2d((2, 3), ceil_mode=True).layer(1) == WindowLayer(3, 3, ceil_mode=True)
    up = nn.ConvTranspose2d(1, 1, (4, 5), (2, 3), 1, (1, 2), dilation=(1, 2))
    assert up.layer(1) == WindowLayer(5, 3, 1, 2, transposed=True, output_padding=2)
