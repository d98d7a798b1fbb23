"""Every backbone by its name."""

from __future__ import annotations

from collections.abc import Callable

from minifcn.models.alexnet import alexnet, alexnet_torchvision
from minifcn.models.backbones import Backbone, small, vgg16, vgg16_bn
from minifcn.models.googlenet import googlenet, googlenet_torchvision

BACKBONES: dict[str, Callable[..., Backbone]] = {
    "small": small,
    "vgg16": vgg16,
    "vgg16_bn": vgg16_bn,
    "alexnet": alexnet,
    "alexnet_torchvision": alexnet_torchvision,
    "googlenet": googlenet,
    "googlenet_torchvision": googlenet_torchvision,
}
