"""The layers without weights that change a shape, against their functionals; repr and errors."""

from __future__ import annotations

import numpy as np
import pytest

import minifcn.functional as F
from minifcn import Tensor, nn
from minifcn.errors import ArgumentError, ArgumentTypeError
from tests.nn.tensors import same, whole
from tests.onto import equal


def test_every_layer_hands_over_its_settings_in_their_place(xp):
    x = whole(2, 4, 6, 8, xp=xp)
    columns = F.unfold(x, (2, 3), (3, 2), (2, 1), (1, 3))
    for layer, given, expected in (
        (nn.Unfold((2, 3), (3, 2), (2, 1), (1, 3)), x, columns),
        (nn.Unfold(3), x, F.unfold(x, 3)),
        (nn.Fold((6, 8), (2, 3), (3, 2), (2, 1), (1, 3)), columns, F.fold(columns, (6, 8), (2, 3), (3, 2), (2, 1), (1, 3))),
        (nn.Fold(4, 2), whole(2, 8, 9, xp=xp), F.fold(whole(2, 8, 9, xp=xp), 4, 2)),
        (nn.AdaptiveAvgPool2d((4, 3)), x, F.adaptive_avg_pool2d(x, (4, 3))),
        (nn.AdaptiveAvgPool2d(1), x, F.adaptive_avg_pool2d(x, 1)),
        (nn.AdaptiveAvgPool2d((None, 5)), x, F.adaptive_avg_pool2d(x, (None, 5))),
        (nn.AdaptiveMaxPool2d((4, 3)), x, F.adaptive_max_pool2d(x, (4, 3))),
        (nn.PixelShuffle(2), x, F.pixel_shuffle(x, 2)),
        (nn.PixelUnshuffle(2), x, F.pixel_unshuffle(x, 2)),
        (nn.ZeroPad2d((1, 2, 3, -1)), x, F.pad(x, (1, 2, 3, -1))),
        (nn.ZeroPad2d(2), x, F.pad(x, (2, 2, 2, 2))),
    ):  # fmt: skip
        same(layer(given), expected)
        assert list(layer.parameters()) == []
    y, indices = nn.AdaptiveMaxPool2d(2, True)(x)
    values, places = F.adaptive_max_pool2d(x, 2, True)
    same(y, values)
    equal(indices, places)


def test_in_place_is_taken_and_changes_nothing(xp):
    x = whole(2, 3, 4, 5, xp=xp)
    before = x.numpy().copy()
    same(nn.ReLU(inplace=True)(x), F.relu(x))
    same(nn.ReLU(True)(x), nn.ReLU()(x))
    same(nn.LeakyReLU(0.5, True)(x), F.leaky_relu(x, 0.5))
    same(nn.Dropout(0.0, True)(x), x)
    equal(x, before)


@pytest.mark.parametrize(
    ("layer", "text"),
    [
        (nn.Unfold(3), "Unfold(kernel_size=(3, 3), dilation=(1, 1), padding=(0, 0), stride=(1, 1))"),
        (nn.Fold((4, 5), 2), "Fold(output_size=(4, 5), kernel_size=(2, 2), dilation=(1, 1), padding=(0, 0), stride=(1, 1))"),
        (nn.AdaptiveAvgPool2d(1), "AdaptiveAvgPool2d(output_size=(1, 1))"),
        (nn.AdaptiveAvgPool2d((None, 7)), "AdaptiveAvgPool2d(output_size=(None, 7))"),
        (nn.AdaptiveMaxPool2d(1, True), "AdaptiveMaxPool2d(output_size=(1, 1), return_indices=True)"),
        (nn.PixelShuffle(2), "PixelShuffle(upscale_factor=2)"),
        (nn.PixelUnshuffle(3), "PixelUnshuffle(downscale_factor=3)"),
        (nn.ZeroPad2d(1), "ZeroPad2d((1, 1, 1, 1))"),
    ],
)  # fmt: skip
def test_repr(layer, text):
    assert repr(layer) == text


@pytest.mark.parametrize(
    ("build", "error", "message"),
    [
        (lambda: nn.Unfold(0), ArgumentError, r"Unfold: kernel_size .* got 0"),
        (lambda: nn.Fold(-1, 2), ArgumentError, r"Fold: output_size .* got -1"),
        (lambda: nn.Fold(4, 2, "2"), ArgumentTypeError, r"Fold: dilation .* got '2'"),
        (lambda: nn.AdaptiveAvgPool2d(0), ArgumentError, r"AdaptiveAvgPool2d: output_size .* got 0"),
        (lambda: nn.AdaptiveMaxPool2d((1, 2, 3)), ArgumentError, r"AdaptiveMaxPool2d: output_size .* of length 3"),
        (lambda: nn.PixelShuffle(2.0), ArgumentTypeError, r"PixelShuffle: upscale_factor must be an integer, got 2.0"),
        (lambda: nn.PixelUnshuffle(0), ArgumentError, r"PixelUnshuffle: downscale_factor .* got 0"),
        (
            lambda: nn.ZeroPad2d((1, 2)),
            ArgumentError,
            r"ZeroPad2d: padding must be an integer or \(left, right, top, bottom\), got \(1, 2\) of length 2",
        ),
        (lambda: nn.ZeroPad2d(1.5), ArgumentTypeError, r"ZeroPad2d: padding must be an integer, got 1.5"),
    ],
)
def test_wrong_settings_are_refused_when_the_layer_is_built(build, error, message):
    with pytest.raises(error, match=message):
        build()


def test_a_network_of_pytorchs_layers_trains():
    """What segmentation heads are made of: pooled context, an even kernel of the same size, pixels out of channels."""
    rng = np.random.default_rng(0)
    net = nn.Sequential(
        nn.ZeroPad2d((1, 0, 1, 0)),
        nn.Conv2d(3, 8, (2, 4), padding="same", generator=rng),
        nn.ReLU(inplace=True),
        nn.PixelUnshuffle(2),
        nn.Conv2d(32, 8, 1, padding="valid", generator=rng),
        nn.PixelShuffle(2),
        nn.Upsample(scale_factor=2, mode="bicubic"),
        nn.AdaptiveAvgPool2d((None, 1)),
    )
    y = net(Tensor(rng.standard_normal((2, 3, 5, 7)).astype(np.float32)))
    assert y.shape == (2, 2, 12, 1)
    y.sum().backward()
    assert all(parameter.grad is not None and parameter.grad.numpy().any() for parameter in net.parameters())
