"""The classifiers that the backbones come from: VGG16, AlexNet and GoogLeNet with their fully connected layers.

An FCN is a classifier whose last layers have become convolutions (`nn.convolutionalise`). Here they are as they were
trained on ImageNet: an image of one size in, one score for each class out.
"""

from __future__ import annotations

import numpy as np

from minifcn.arguments import integer
from minifcn.errors import ArgumentError
from minifcn.machine.backend import at_home
from minifcn.models.backbones import CLASSIFIER
from minifcn.models.named import BACKBONES
from minifcn.nn import AdaptiveAvgPool2d, Conv2d, Flatten, Linear, Module, Sequential
from minifcn.random import Generator, generator_for
from minifcn.tensor import Parameter

# Height and width of the image that each is made for, and the name of its last layer.
SIZES = {
    "vgg16": (224, "fc8"),
    "vgg16_bn": (224, "fc8"),
    "alexnet": (227, "fc8"),
    "alexnet_torchvision": (224, "fc8"),
    "googlenet": (224, "fc"),
    "googlenet_torchvision": (224, "fc"),
}


def classifier(
    name: str, num_classes: int = 1000, width: float = 1.0, *, generator: Generator | None = None
) -> Sequential:
    """The classifier of that name: image (N, 3, S, S) -> scores (N, num_classes), S = `image_size(name)`.

    The layers of the backbone of that name, under the same names, padded as the classifier pads; then Flatten and fully
    connected layers fc6, fc7, fc8 (GoogLeNet: the mean over its last map, dropout and fc).

    width    factor on every channel count
    Raises ArgumentError for a name that is unknown.

    >>> from minifcn.models import classifier, image_size
    >>> from minifcn.nn import convolutionalise
    >>> net = classifier("alexnet", 10, width=1 / 32)
    >>> everywhere = convolutionalise(net, 3, image_size("alexnet"))
    """
    _known(name)
    built = BACKBONES[name](CLASSIFIER, width, generator=generator)
    layers: dict[str, Module] = {}
    for stage in built.stages:
        layers |= stage.layers
    head = built.head.layers
    if not any(isinstance(layer, Conv2d) for layer in head.values()):
        layers["pool5"] = AdaptiveAvgPool2d(1)
    layers["flatten"] = Flatten()
    layers |= {key: _linear(layer) if isinstance(layer, Conv2d) else layer for key, layer in head.items()}
    classes = integer(num_classes, "classifier: num_classes", 1)
    layers[SIZES[name][1]] = Linear(built.head_channels, classes, generator=generator_for(name, generator))
    return Sequential(layers)


def image_size(name: str) -> int:
    """Height and width of the image that the classifier of that name is made for."""
    return SIZES[_known(name)][0]


def _known(name: str) -> str:
    if name not in SIZES:
        raise ArgumentError(f"classifier {name!r} is unknown; use one of {', '.join(SIZES)}.")
    return name


def _linear(convolution: Conv2d) -> Linear:
    """The layer that `convolutionalise` would make this convolution of."""
    shape = convolution.weight.shape
    layer = Linear(int(np.prod(shape[1:])), shape[0], generator=np.random.default_rng(0))
    with at_home(convolution.weight._array):
        layer.weight = Parameter(convolution.weight._array.reshape(shape[0], -1))
    layer.bias = convolution.bias
    return layer
