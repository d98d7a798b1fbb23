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
    assert str(caught.value) == (
        "convolutionalise: a Linear or a Sequential is made into convolutions, got Tensor; pass one."
    )


# --- whole classifiers ------------------------------------------------------------------------------------------------


def valid_classifier(pooled: bool = False) -> nn.Sequential:
    """Whole numbers and no padding: 3x10x9 -> 4 scores."""
    rng = np.random.default_rng(0)
    features = nn.Sequential({"conv": nn.Conv2d(3, 4, 3, generator=rng), "relu": nn.ReLU(), "pool": nn.MaxPool2d(2, 1)})
    top = nn.AdaptiveAvgPool2d(1) if pooled else nn.AdaptiveAvgPool2d((7, 6))
    fed = 4 if pooled else 4 * 7 * 6
    first, last = nn.Linear(fed, 5, generator=rng), nn.Linear(5, 4, generator=rng)
    net = nn.Sequential(features, top, nn.Flatten(), nn.Dropout(generator=rng), first, nn.ReLU(), last).to(np.float64)
    for values in net.parameters():
        values.mutable()[...] = rng.integers(-2, 3, values.shape)
    return net.eval()


@pytest.mark.parametrize("pooled", [False, True])
def test_a_classifier_slid_over_an_image_gives_what_its_convolutions_give_at_once(pooled: bool) -> None:
    net = valid_classifier(pooled)
    everywhere = nn.convolutionalise(net, 3, (10, 9))
    assert list(everywhere.state_dict()) == list(net.state_dict())
    assert not everywhere.training and not any(isinstance(part, nn.Linear) for part in everywhere.modules())
    x = Tensor(np.random.default_rng(1).integers(-3, 4, (2, 3, 12, 12)).astype(float))
    scores = everywhere(x).detach().numpy()
    assert scores.shape == (2, 4, 3, 4)
    for i, j in np.ndindex(3, 4):
        one = net(x[:, :, i : i + 10, j : j + 9]).detach().numpy()
        if pooled:  # a mean of 42 numbers is rounded
            assert np.allclose(scores[:, :, i, j], one, rtol=1e-12)
        else:
            assert np.array_equal(scores[:, :, i, j], one)


def test_what_is_made_of_a_classifier_shares_nothing_with_it() -> None:
    net = valid_classifier()
    net[0]["conv"].requires_grad_(False)
    made = nn.convolutionalise(net, 3, (10, 9))
    for values in made.parameters():
        values.mutable()[...] = 7
    assert not any((values.detach().numpy() == 7).any() for values in net.parameters())
    assert not made[0]["conv"].weight.requires_grad and made[6].weight.requires_grad


def test_a_fork_is_followed() -> None:
    fork = nn.Fork(nn.Conv2d(2, 3, 1), nn.Sequential(nn.Conv2d(2, 4, 3, padding=1)))
    made = nn.convolutionalise(nn.Sequential(fork, nn.Flatten(), nn.Linear(7 * 20, 2)), 2, (4, 5))
    assert (made[2].in_channels, made[2].kernel_size) == (7, (4, 5))


@pytest.mark.parametrize(
    ("layers", "words"),
    [
        ((nn.Linear(12, 2),), "layer '0' is a Linear on maps of 2x3; put a Flatten before it"),
        ((nn.Flatten(), nn.Linear(11, 2)), "a map of 2x2x3 has 12 numbers but the layer takes 11"),
        ((nn.Flatten(0), nn.Linear(12, 2)), r"layer '0' is Flatten\(.*only Flatten\(1\)"),
        ((nn.AdaptiveAvgPool2d((2, 1)),), "layer '0' pools maps of 2x3 to 2x1, which no window"),
        ((nn.Upsample(scale_factor=2),), "layer '0' is a Upsample, which cannot be followed"),
        ((nn.Conv2d(2, 2, 3),), "the kernel does not fit"),
    ],
)
def test_a_classifier_that_cannot_be_followed_is_refused(layers: tuple[nn.Module, ...], words: str) -> None:
    with pytest.raises(ArgumentError, match=words):
        nn.convolutionalise(nn.Sequential(*layers), 2, (2, 3))
