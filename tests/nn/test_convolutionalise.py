"""A Linear as a convolution: the same numbers on one window, on every window of a larger map, and errors."""

from __future__ import annotations

import numpy as np
import pytest

from minifcn import Tensor, nn
from minifcn.errors import ArgumentError, ArgumentTypeError
from tests.onto import device_of, equal, get, on


def whole_linear(features, out, xp=np, bias=True, dtype=np.float64):
    """A Linear of whole numbers, on the device of `xp`."""
    layer = nn.Linear(features, out, bias, generator=np.random.default_rng(0))
    source = np.random.default_rng(1)
    for values in layer.parameters():
        values.mutable()[...] = source.integers(-9, 10, values.shape)
    return layer.to(dtype).to(device_of(xp))


def whole_map(xp, *shape):
    return on(xp, np.random.default_rng(2).integers(-9, 10, shape).astype(float))


def test_on_a_map_of_that_size_it_computes_what_the_layer_computes(xp):
    linear = whole_linear(4 * 2 * 3, 5, xp)
    convolution = nn.convolutionalise(linear, 4, (2, 3))
    x = whole_map(xp, 6, 4, 2, 3)
    found = convolution(x)
    assert found.shape == (6, 5, 1, 1)
    equal(found[:, :, 0, 0], linear(nn.Flatten()(x)))


def test_on_a_larger_map_it_slides(xp):
    linear = whole_linear(3 * 2 * 2, 4, xp)
    x = whole_map(xp, 2, 3, 5, 4)
    found = nn.convolutionalise(linear, 3, 2)(x)
    assert found.shape == (2, 4, 4, 3)
    for i, j in np.ndindex(4, 3):
        equal(found[:, :, i, j], linear(nn.Flatten()(x[:, :, i : i + 2, j : j + 2])))


def test_a_classifier_becomes_a_network_for_every_size(xp):
    """Two fully connected layers, as VGG has them: the second becomes a 1x1 convolution."""
    first, second = whole_linear(3 * 4 * 4, 6, xp), whole_linear(6, 2, xp)
    classifier = nn.Sequential(nn.Flatten(), first, nn.ReLU(), second)
    everywhere = nn.Sequential(nn.convolutionalise(first, 3, 4), nn.ReLU(), nn.convolutionalise(second, 6, 1))
    x = whole_map(xp, 1, 3, 6, 5)
    scores = everywhere(x)
    assert scores.shape == (1, 2, 3, 2)
    equal(scores[:, :, 2, 1], classifier(x[:, :, 2:6, 1:5]))
    with pytest.raises(ArgumentError, match="linear: x has 90 features"):
        classifier(x)


def test_what_it_is_made_of_is_its_own_and_what_it_was(xp):
    linear = whole_linear(2 * 3 * 4, 5, xp, bias=False, dtype=np.float32).eval()
    linear.requires_grad_(False)
    made = nn.convolutionalise(linear, 2, [3, 4])
    assert repr(made) == "Conv2d(2, 5, kernel_size=(3, 4), stride=1, bias=False, frozen)"
    assert made.weight.dtype == np.float32 and type(made.weight._array) is xp.ndarray and not made.training
    assert made.bias is None
    before = get(linear.weight).copy()
    made.weight.mutable()[...] = 0
    equal(linear.weight, before)
    learned = nn.convolutionalise(whole_linear(6, 2, xp), 6, 1)
    assert [name for name, _ in learned.named_parameters()] == ["weight", "bias"] and learned.training
    assert all(values.requires_grad for values in learned.parameters())


def test_the_gradient_is_that_of_the_layer():
    linear = whole_linear(2 * 2 * 3, 3)
    made = nn.convolutionalise(linear, 2, (2, 3))
    x, y = whole_map(np, 4, 2, 2, 3), whole_map(np, 4, 3)
    (linear(nn.Flatten()(x)) * y).sum().backward()
    (made(x).reshape(4, 3) * y).sum().backward()
    equal(made.weight.grad.reshape(3, 12), linear.weight.grad)
    equal(made.bias.grad, linear.bias.grad)


@pytest.mark.parametrize(
    ("arguments", "error", "sentence"),
    [
        (
            (8, (2, 3)), ArgumentError,
            "convolutionalise: a map of 8x2x3 has 48 numbers but the layer takes 24; pass the channels and the size of "
            "the map that was flattened for it.",
        ),
        ((0, 1), ArgumentError, "convolutionalise: channels must be between 1 and 2147483647, got 0."),
        (
            (4, (2, 3, 1)), ArgumentError,
            "convolutionalise: size must be an integer or a pair of integers, got (2, 3, 1) of length 3.",
        ),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_refused_with_both_numbers(arguments, error, sentence):
    with pytest.raises(error) as caught:
        nn.convolutionalise(whole_linear(24, 5), *arguments)
    assert str(caught.value) == sentence


def test_what_is_no_linear_layer_is_refused():
    with pytest.raises(ArgumentTypeError) as caught:
        nn.convolutionalise(Tensor(np.zeros((2, 4))), 4, 1)
    assert str(caught.value) == "convolutionalise: linear must be a Linear layer, got Tensor; pass one."
