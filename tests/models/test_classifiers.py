"""The classifiers with the counts that are published, and each as convolutions."""

from __future__ import annotations

import numpy as np
import pytest

from minifcn import Tensor, no_grad
from minifcn.errors import ArgumentError
from minifcn.models import BACKBONES, classifier, image_size
from minifcn.nn import Linear, convolutionalise, init


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("vgg16", 138_357_544),
        ("vgg16_bn", 138_365_992),
        ("alexnet", 60_965_224),
        ("alexnet_torchvision", 61_100_840),
        ("googlenet", 6_998_552),
        ("googlenet_torchvision", 6_624_904),
    ],
)
def test_the_published_number_of_parameters(name, parameters):
    with init.only_shapes():
        net = classifier(name)
    assert sum(values.numel() for values in net.parameters()) == parameters


@pytest.mark.parametrize("name", sorted(set(BACKBONES) - {"small"}))
def test_at_its_own_size_the_convolutions_score_as_the_classifier_and_a_map_beyond(name):
    size = image_size(name)
    net = classifier(name, 5, 1 / 32, generator=np.random.default_rng(0)).eval()
    everywhere = convolutionalise(net, 3, size)
    assert list(net.state_dict()) == list(everywhere.state_dict())
    x = Tensor(np.random.default_rng(1).standard_normal((2, 3, size, size)).astype(np.float32))
    larger = Tensor(np.zeros((1, 3, size + 32, size + 64), np.float32))
    with no_grad():
        one, many = net(x).numpy(), everywhere(x).numpy()
        assert one.shape == (2, 5) and many.shape == (2, 5, 1, 1)
        assert np.allclose(many[:, :, 0, 0], one, rtol=1e-4, atol=1e-5 * np.abs(one).max())
        assert everywhere(larger).shape == (1, 5, 2, 3)


def test_only_the_last_layer_knows_the_classes():
    shapes = [
        {key: values.shape for key, values in classifier("alexnet", C, 1 / 32).state_dict().items()} for C in (3, 9)
    ]
    assert {key for key in shapes[0] if shapes[0][key] != shapes[1][key]} == {"fc8.weight", "fc8.bias"}
    assert isinstance(classifier("googlenet", 3, 1 / 32)["fc"], Linear)


def test_an_unknown_name_is_refused():
    for call in (classifier, image_size):
        with pytest.raises(ArgumentError, match="classifier 'small' is unknown; use one of vgg16, vgg16_bn, alexnet"):
            call("small")
