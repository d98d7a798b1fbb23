"""Strides that become dilations: the features that were there are there still; and four windows at once."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from minifcn import Tensor, nn, no_grad, zeros
from minifcn.errors import ArgumentError
from minifcn.models import BACKBONES, FCN, Backbone, Trace, aspp, dilated, small
from minifcn.nn import Conv2d, Fork, Sequential


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def narrow(name: str, alignment: str = "compact") -> Backbone:
    return BACKBONES[name](alignment, 1 / 16, generator=rng())


def whole(backbone: Backbone) -> Sequential:
    """Stages and head as one column, as in use, not in training."""
    return Sequential(*backbone.stages, backbone.head).eval()


@pytest.mark.parametrize("stride", [8, 16])
@pytest.mark.parametrize("name", sorted(BACKBONES))
def test_the_features_that_were_there_are_there_still(name, stride):
    """At the places that the coordinate maps say, wherever the window of a feature meets no border."""
    before = narrow(name)
    after = dilated(before, stride)
    coarse, fine = Trace().through(whole(before)), Trace().through(whole(after))
    assert fine.map.scale == Fraction(1, stride) and coarse.map.scale == Fraction(1, 32)
    assert fine.field.size == coarse.field.size
    size = 32 * (fine.field.size // 32 + 4)
    image = Tensor(rng(1).standard_normal((1, 3, size, size)).astype(np.float32))
    with no_grad():
        few, many = whole(before)(image).numpy(), whole(after)(image).numpy()
    compared = 0
    for i in range(few.shape[2]):
        rows, _ = coarse.region(i, i)
        place = fine.map(coarse.map.inverse()(i))
        assert place.denominator == 1
        if rows[0] >= 0 and rows[-1] < size:
            j = int(place)
            assert np.allclose(few[0, :, i, i], many[0, :, j, j], rtol=1e-3, atol=1e-5)
            compared += 1
    assert compared >= 2 and np.any(few)


@pytest.mark.parametrize("head", ["dilated", "aspp"])
@pytest.mark.parametrize("name", sorted(BACKBONES))
def test_images_of_every_size_are_covered(name, head):
    backbone = dilated(narrow(name))
    net = FCN(aspp(backbone, 1 / 64, generator=rng()) if head == "aspp" else backbone, 2, 32).eval()
    with no_grad():
        for H in (1, 2, 9, 33, 64):
            assert net(zeros((1, 3, H, 66 - H))).shape == (1, 2, H, 66 - H)


def test_the_backbone_that_was_given_stays_as_it_was():
    before = narrow("vgg16")
    weight = before.stages[4]["conv5_1"].weight
    after = dilated(before)
    assert before.stages[3]["pool4"].stride == (2, 2) and before.head["fc6"].dilation == (1, 1)
    assert (after.stages[3]["pool4"].stride, after.stages[4]["conv5_1"].dilation) == ((1, 1), (2, 2))
    assert (after.head["fc6"].dilation, after.head["fc6"].padding) == ((4, 4), (12, 12))
    assert after.stages[4]["conv5_1"].weight is not weight
    assert np.array_equal(after.stages[4]["conv5_1"].weight.detach().numpy(), weight.detach().numpy())


def test_the_four_scores_of_aspp_are_added_by_the_score_layer():
    net = FCN(aspp(dilated(narrow("small")), 1 / 64, generator=rng()), 2, 32).eval()
    (fork,) = net.head
    assert isinstance(fork, Fork) and [way["fc6"].dilation[0] for way in fork] == [6, 12, 18, 24]
    net.score.weight.mutable()[...] = rng(2).standard_normal(net.score.weight.shape)
    x = Tensor(rng(3).standard_normal((1, 8, 9, 7)).astype(np.float32))
    with no_grad():
        at_once, apart = net.score(net.head(x)).numpy(), 0
        for place, way in enumerate(fork):
            C = way["fc7"].out_channels
            weight = net.score.weight[:, place * C : (place + 1) * C]
            apart = apart + _scored(way(x), weight)
    assert np.allclose(at_once, apart, atol=1e-5)


def _scored(x: Tensor, weight: Tensor) -> np.ndarray:
    return np.einsum("nchw,oc->nohw", x.numpy(), weight.numpy()[:, :, 0, 0])


def test_what_cannot_be_is_refused():
    with pytest.raises(ArgumentError, match="dilated: stride must be 8 or 16, got 4"):
        dilated(small(), 4)
    stages = small(width=1 / 16).stages
    odd = Sequential(nn.AvgPool2d(2), nn.AvgPool2d(2))
    with pytest.raises(ArgumentError, match=r"dilated: AvgPool2d\(.*cannot be dilated"):
        dilated(Backbone((*stages[:4], odd), Sequential(), 1, 1, 1))
    same = Sequential(nn.MaxPool2d(2), Conv2d(1, 1, 3, padding="same"))
    with pytest.raises(ArgumentError, match="with padding in numbers"):
        dilated(Backbone((*stages[:4], same), Sequential(), 1, 1, 1))
