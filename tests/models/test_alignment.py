"""Where features lie over the image: traces against what gradients really see, and crops against both."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

import minifcn
from minifcn import CoordinateMap, ReceptiveField, Tensor, nn
from minifcn.errors import ArgumentError
from minifcn.models import Alignment, Trace, align, vgg16
from tests.models.trunks import adding_vgg, ones


def at(scale, offset):
    return Trace(CoordinateMap(Fraction(scale), Fraction(offset)))


def test_a_trace_begins_at_the_image():
    assert Trace() == Trace(CoordinateMap(), ())
    assert Trace().field == ReceptiveField(1, 1)
    assert Trace().region(3, 5) == (range(3, 4), range(5, 6))
    assert str(Trace()) == "scale 1, offset 0, sees 1 pixels"


def test_a_trace_goes_through_layers_in_order():
    column = nn.Sequential(
        nn.Conv2d(1, 1, 3), nn.ReLU(), nn.Sequential(nn.MaxPool2d(2), nn.Dropout()), nn.BatchNorm2d(1)
    )
    trace = Trace().through(column)
    assert trace == Trace().through(nn.Conv2d(1, 1, 3)).through(nn.MaxPool2d(2))
    assert trace.map == CoordinateMap(Fraction(1, 2), Fraction(-3, 4))
    assert trace.field == ReceptiveField(4, 2)
    assert trace.through(nn.ConvTranspose2d(1, 1, 4, 2)).map == CoordinateMap(Fraction(1), Fraction(0))
    assert trace.cropped(3).map == CoordinateMap(Fraction(1, 2), Fraction(-15, 4))


def test_a_trace_refuses_layers_that_are_not_square():
    with pytest.raises(
        ArgumentError, match=r"Conv2d\(1, 1, kernel_size=\(3, 1\), .*treats rows and columns differently"
    ):
        Trace().through(nn.Conv2d(1, 1, (3, 1)))


@pytest.mark.parametrize("inner", [nn.Conv2d(1, 1, 3, 2), nn.Upsample(scale_factor=2), nn.MaxUnpool2d(2)])
def test_a_trace_refuses_modules_that_it_cannot_see_through(inner):
    """To take a block with convolutions inside for one that moves nothing would give wrong crops without a word."""

    class Block(nn.Module):
        def __init__(self):
            self.inner = inner

    with pytest.raises(ArgumentError, match=r"cannot follow Block, .*Sequential of convolutions and poolings"):
        Trace().through(nn.Sequential(nn.ReLU(), Block()))


def test_a_region_is_what_the_gradient_of_a_feature_reaches_also_behind_a_transposed_convolution():
    """Every feature of a column with all that moves pixels: padding, a pooling that rounds up, two ways to enlarge."""
    column = nn.Sequential(
        nn.Conv2d(1, 1, 3, padding=2),
        nn.AvgPool2d(2, ceil_mode=True),
        nn.Conv2d(1, 1, 2, 2, dilation=2, padding=1),
        nn.ConvTranspose2d(1, 1, 4, 2, padding=1),
        nn.ConvTranspose2d(1, 1, 3, 2, output_padding=1),
        nn.Conv2d(1, 1, 2),
    )
    for values in column.parameters():
        values.mutable()[...] = 1
    trace, H, W = Trace().through(column).cropped(1), 13, 10
    x = Tensor(np.zeros((1, 1, H, W), np.float32), requires_grad=True)
    y = column(x)[:, :, 1:, 1:]
    sizes = []
    for i, j in np.ndindex(*y.shape[2:]):
        x.grad = None
        y[0, 0, i, j].backward(retain_graph=True)
        rows, columns = np.nonzero(x.grad.numpy()[0, 0])
        if not len(rows):
            rows = columns = np.array([], int)
        found = trace.region(i, j, (H, W))
        assert found == tuple(range(a.min(), a.max() + 1) if len(a) else range(0) for a in (rows, columns)), (i, j)
        within = trace.region(i, j)
        sizes.append(max(map(len, within)))
        assert all(set(part) <= set(whole) for part, whole in zip(found, within, strict=True))
    assert max(sizes) == trace.field.size
    assert trace.field.stride == 1 / trace.map.scale


def test_a_region_has_its_feature_in_the_middle_and_moves_with_the_stride():
    trace = Trace().through(vgg16(width=1 / 64, generator=np.random.default_rng(0)).stages[0])
    assert trace.region(0, 3) == (range(-2, 4), range(4, 10))
    assert trace.region(0, 3, 8) == (range(4), range(4, 8))
    assert trace.region(0, 3, (5, 9)) == (range(4), range(4, 9))
    for feature in (0, 5):
        rows, _ = trace.region(feature, 0)
        assert Fraction(rows[0] + rows[-1], 2) == trace.map.inverse()(feature)
    with pytest.raises(ArgumentError, match=r"there is no feature 3, 6 rows become 3"):
        trace.region(3, 0, 6)


def test_align_crops_the_map_that_begins_earlier():
    assert align(at("1/8", 5), at("1/8", 2)) == Alignment(3, 0)
    assert align(at("1/8", 2), at("1/8", 5)) == Alignment(0, 3)
    assert align(at("1/8", "1/2"), at("1/8", "1/2")) == Alignment(0, 0)
    with pytest.raises(ArgumentError, match=r"the scales differ: 1/8 and 1/16"):
        align(at("1/8", 2), at("1/16", 2))
    with pytest.raises(ArgumentError, match=r"the offset 5/2 is not an integer"):
        align(at("1/8", 0), at("1/8", "5/2"))


def test_an_alignment_crops_both_to_what_they_share():
    first = Tensor(np.arange(2 * 6 * 7.0).reshape(1, 2, 6, 7))
    second = Tensor(np.arange(9 * 4.0).reshape(1, 1, 9, 4))
    a, b = Alignment(2, 0)(first, second)
    np.testing.assert_array_equal(a.numpy(), first.numpy()[:, :, 2:6, 2:6])
    np.testing.assert_array_equal(b.numpy(), second.numpy()[:, :, :4, :4])
    a, b = Alignment(0, 1)(first, second)
    np.testing.assert_array_equal(a.numpy(), first.numpy()[:, :, :6, :3])
    np.testing.assert_array_equal(b.numpy(), second.numpy()[:, :, 1:7, 1:4])


@pytest.mark.parametrize(("padding", "head_padding"), [(1, 3), (100, 0)])
def test_traces_of_vgg_are_what_its_gradients_see(padding, head_padding):
    """The pixels that reach one feature: as many as the receptive field says, and centred where the map says.

    All weights are 1, so the gradient counts the ways from a pixel to the feature, which is symmetric about its centre.
    """
    trunk = adding_vgg(padding, head_padding)
    x = Tensor(np.zeros((1, 3, 440, 470)), requires_grad=True)
    real = vgg16("caffe" if padding == 100 else "compact", width=1 / 64, generator=np.random.default_rng(0))
    y, trace, real_trace = x, Trace(), Trace()
    for position, (part, real_part) in enumerate(
        zip((*trunk.stages, trunk.head), (*real.stages, real.head), strict=True)
    ):
        y, trace, real_trace = part.to("float64")(y), trace.through(part), real_trace.through(real_part)
        assert trace == real_trace
        if position < 2:
            continue
        i, j = (int(trace.map(size // 2)) for size in (440, 470))
        x.grad = None
        y[0, 0, i, j].backward(retain_graph=True)
        ways = x.grad.numpy()[0, 1]
        for axis, feature in ((0, i), (1, j)):
            seen = np.flatnonzero(ways.any(axis=1 - axis))
            centre = trace.map.inverse()(feature)
            assert seen.size == seen[-1] - seen[0] + 1 == trace.field.size
            assert Fraction(int(seen[0] + seen[-1]), 2) == centre
            inside = np.take(ways, seen, axis)
            np.testing.assert_array_equal(inside, np.flip(inside, axis))
    assert trace.field == ReceptiveField(404, 32)


def test_a_trace_follows_a_fork_and_what_the_gradient_reaches_is_what_it_says():
    block = nn.Fork(ones(1), nn.Sequential(ones(1), ones(5, 2)), nn.Sequential(ones(3, 1), nn.Fork(ones(3, 1))))
    net = nn.Sequential(ones(2, 1, 2), block, nn.Conv2d(3, 1, 1, bias=False))
    nn.init.ones_(net[2].weight)
    trace = Trace().through(net)
    x = minifcn.zeros((1, 1, 13, 10), requires_grad=True)
    y = net(x)
    for i, j in ((0, 0), (3, 2), (y.shape[2] - 1, y.shape[3] - 1)):
        (reached,) = minifcn.grad(y[0, 0, i, j], x, retain_graph=True)
        rows, columns = trace.region(i, j, (13, 10))
        expected = np.zeros((13, 10), bool)
        expected[np.ix_(rows, columns)] = True
        assert np.array_equal(reached.numpy()[0, 0] != 0, expected)


def test_a_fork_whose_ways_do_not_agree_is_refused():
    with pytest.raises(ArgumentError, match="the ways of a fork do not agree"):
        Trace().through(nn.Fork(ones(3, 1), ones(3)))
