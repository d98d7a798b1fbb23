"""DeconvNet: mirrored, unpooled to the very place and size, for images of every size."""

from __future__ import annotations

import numpy as np
import pytest

from minifcn import Tensor, no_grad, zeros
from minifcn import functional as F
from minifcn.errors import ArgumentError
from minifcn.models import Backbone, DeconvNet, small
from minifcn.nn import Conv2d, ConvTranspose2d, MaxPool2d, ReLU, Sequential, init


def narrow(name: str = "small", classes: int = 3) -> DeconvNet:
    return DeconvNet(name, classes, width=1 / 16, generator=np.random.default_rng(0))


@pytest.mark.parametrize("name", ["small", "vgg16", "vgg16_bn"])
def test_images_of_every_size_are_scored_at_their_size(name):
    net = narrow(name).eval()
    with no_grad():
        for H in (1, 2, 3, 31, 32, 33, 65):
            assert net(zeros((2, 3, H, 66 - H))).shape == (2, 3, H, 66 - H)


def test_the_way_back_is_the_way_there_in_the_mirror():
    with init.only_shapes():
        net = DeconvNet("vgg16", 21)
    for n in range(1, 6):
        there = [layer for layer in getattr(net, f"stage{n}") if isinstance(layer, Conv2d)]
        back = [layer for layer in getattr(net, f"back{n}") if isinstance(layer, ConvTranspose2d)]
        shapes = [layer.weight.shape for layer in reversed(there)]
        if n == 1:
            shapes[-1] = (64, 64, 3, 3)  # scores are wanted, not colours
        assert [layer.weight.shape for layer in back] == shapes
    assert [layer.weight.shape for layer in net.back6 if isinstance(layer, ConvTranspose2d)] == [(4096, 512, 7, 7)]
    # Noh et al. 2015 count about 252 million, in two fully connected layers, their transpose and two VGG16 trunks.
    assert 250e6 < sum(values.numel() for values in net.parameters()) < 253e6


def test_it_begins_at_ln_of_the_number_of_classes_and_all_of_it_learns():
    net = narrow()
    x = Tensor(np.random.default_rng(1).standard_normal((2, 3, 33, 40)).astype(np.float32))
    label = np.random.default_rng(2).integers(0, 3, (2, 33, 40))
    loss = F.cross_entropy(net(x), label)
    assert abs(loss.item() - np.log(3)) < 1e-6
    init.kaiming_normal_(net.score.weight, generator=np.random.default_rng(3))
    F.cross_entropy(net(x), label).backward()
    assert [key for key, values in net.named_parameters() if values.grad is None] == []
    assert np.any(net.stage1["conv1_1"].weight.grad.numpy())


def test_what_is_unpooled_stands_where_its_maximum_was():
    """Layers that pass everything on: then only the largest pixel of each 32x32 square is left, at its place."""
    stages = tuple(Sequential(MaxPool2d(2, ceil_mode=True)) for _ in range(5))
    net = DeconvNet(Backbone((Sequential(_passing(3), MaxPool2d(2)), *stages[1:]), Sequential(), 3, 3, 3), 3).eval()
    net.back1 = Sequential()
    init.zeros_(net.score.weight)
    for channel in range(3):
        net.score.weight.mutable()[channel, channel] = 1
    image = np.random.default_rng(4).permutation(3 * 64 * 32).reshape(1, 3, 64, 32).astype(np.float32) + 1
    with no_grad():
        found = net(Tensor(image)).numpy()
    for c in range(3):
        for top in (0, 32):
            square = image[0, c, top : top + 32]
            assert np.array_equal(found[0, c, top : top + 32], np.where(square == square.max(), square, 0))


def _passing(C: int) -> Conv2d:
    layer = Conv2d(C, C, 1, bias=False)
    layer.weight.mutable()[...] = np.eye(C)[:, :, None, None]
    return layer


def test_a_backbone_that_has_no_mirror_image_is_refused():
    with pytest.raises(ArgumentError, match=r"must end in a 2x2 max pooling of stride 2, not in ReLU\(\)"):
        narrow("alexnet")
    stages = small(width=1 / 16).stages
    wrong = Sequential(Conv2d(1, 1, 3), ReLU(), MaxPool2d(2))
    with pytest.raises(ArgumentError, match=r"Conv2d\(.* does not keep the size"):
        DeconvNet(Backbone((*stages[:4], wrong), Sequential(), 1, 1, 1))
    with pytest.raises(ArgumentError, match="num_classes must be between 1 and"):
        DeconvNet("small", 0)
