"""D3, windows: what a person who knows PyTorch types about windows, sizes and pixels works here, too."""

from __future__ import annotations

import numpy as np
import pytest

import minifcn.functional as F
from minifcn import Tensor, nn
from tests.onto import close, equal, get
from tests.strategies import whole_numbers

SOURCE = np.random.default_rng(0)
X = Tensor(whole_numbers(SOURCE, (2, 4, 6, 8)), requires_grad=True)


def test_d3_unfold_and_fold_are_im2col_and_col2im():
    weight = Tensor(whole_numbers(SOURCE, (3, 4, 3, 3)))
    columns = F.unfold(X, kernel_size=3, padding=1, stride=2)
    assert columns.shape == (2, 4 * 9, 3 * 4)
    product = weight.reshape((3, -1)) @ columns
    expected = F.conv2d(X, weight, stride=2, padding=1)
    equal(get(product), get(expected).reshape(2, 3, -1))
    back = F.fold(columns.detach(), output_size=(6, 8), kernel_size=3, padding=1, stride=2)
    times_seen = F.fold(F.unfold(Tensor(np.ones(X.shape)), 3, 1, 1, 2), (6, 8), 3, 1, 1, 2)
    equal(back / times_seen, X)
    unfold, fold = nn.Unfold(kernel_size=2, stride=2), nn.Fold(output_size=(6, 8), kernel_size=2, stride=2)
    equal(fold(unfold(X)), X)


def test_d3_each_of_unfold_and_fold_is_the_others_gradient():
    x = Tensor(get(X), requires_grad=True)
    c = Tensor(whole_numbers(SOURCE, (2, 16, 35)))
    F.unfold(x, 2).backward(c)
    equal(x.grad, F.fold(c, (6, 8), 2))


@pytest.mark.parametrize("kernel, dilation", [(3, 1), (4, 1), ((2, 5), (3, 2))])
def test_d3_padding_same_keeps_the_size(kernel, dilation):
    layer = nn.Conv2d(4, 3, kernel, padding="same", dilation=dilation, generator=SOURCE).to(np.float64)
    assert layer(X).shape == (2, 3, 6, 8)
    assert "padding=same" in repr(layer)
    functional = F.conv2d(X, layer.weight, layer.bias, padding="same", dilation=dilation)
    equal(layer(X), functional)


def test_d3_padding_valid_is_none():
    layer = nn.Conv2d(4, 3, 3, 2, padding="valid", generator=SOURCE).to(np.float64)
    assert layer(X).shape == (2, 3, 2, 3)


def test_d3_adaptive_pooling_gives_the_size_that_is_asked_for():
    for size, made in ((1, (1, 1)), ((3, 5), (3, 5)), ((None, 2), (6, 2))):
        assert nn.AdaptiveAvgPool2d(size)(X).shape == (2, 4, *made)
        assert F.adaptive_max_pool2d(X, size).shape == (2, 4, *made)
    mean = get(F.adaptive_avg_pool2d(X, output_size=1))[..., 0, 0]
    close(mean, get(X).mean((2, 3)), rtol=1e-14)


def test_d3_pixels_are_shuffled_and_back():
    up = nn.PixelShuffle(2)(X)
    assert up.shape == (2, 1, 12, 16)
    equal(nn.PixelUnshuffle(2)(up), X)


@pytest.mark.parametrize("align_corners", [False, True])
def test_d3_bicubic(align_corners):
    ramp = Tensor(np.tile(np.arange(8.0), (1, 1, 6, 1)), requires_grad=True)
    y = F.interpolate(ramp, size=(12, 16), mode="bicubic", align_corners=align_corners)
    assert y.shape == (1, 1, 12, 16)
    y.sum().backward()
    close(get(ramp.grad).sum(), y.numel(), rtol=1e-13)  # weights sum to 1
    layer = nn.Upsample(scale_factor=2, mode="bicubic", align_corners=align_corners)
    equal(layer(ramp), y)


def test_d3_layers_in_place_and_zeros_around():
    x = X.detach()
    before = get(x).copy()
    for layer in (nn.ReLU(inplace=True), nn.ReLU(True), nn.LeakyReLU(0.1, inplace=True), nn.Dropout(0.5, True).eval()):
        layer(x)
    equal(x, before)
    equal(nn.ReLU(inplace=True)(x), np.maximum(before, 0))
    assert nn.ZeroPad2d((1, 2, 3, 4))(X).shape == (2, 4, 6 + 7, 8 + 3)
