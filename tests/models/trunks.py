"""Backbones for the tests: other geometries than VGG's, with one channel wherever one is enough."""

from __future__ import annotations

import numpy as np

from minifcn.models import Backbone
from minifcn.nn import AvgPool2d, Conv2d, MaxPool2d, Module, Sequential, init


def ones(kernel_size: int, padding: int = 0, stride: int = 1, before: int = 1) -> Conv2d:
    """A convolution that only adds up what it sees."""
    layer = Conv2d(before, 1, kernel_size, stride, padding, bias=False, generator=np.random.default_rng(0))
    init.ones_(layer.weight)
    return layer


def pool(kernel_size: int = 2, padding: int = 0, stride: int = 2, ceil_mode: bool = True) -> MaxPool2d:
    return MaxPool2d(kernel_size, stride, padding, ceil_mode=ceil_mode)


def backbone(*parts: tuple[Module, ...]) -> Backbone:
    """From five stages and a head, each a tuple of layers; one channel everywhere."""
    return Backbone(tuple(Sequential(*part) for part in parts[:5]), Sequential(*parts[5]), 1, 1, 1)


def adding_vgg(padding: int = 1, head_padding: int = 3) -> Backbone:
    """The geometry of VGG16 where everything adds up: its gradient shows what each feature sees, in whole numbers."""
    stages = []
    for stage, count in enumerate((2, 2, 3, 3, 3)):
        convolutions = [ones(3, 1) for _ in range(count)]
        if stage == 0:
            convolutions[0] = ones(3, padding, before=3)
        stages.append((*convolutions, AvgPool2d(2, ceil_mode=True, divisor_override=1)))
    return backbone(*stages, (ones(7, head_padding), ones(1)))


def alexnet(padding: int = 100) -> Backbone:
    """CaffeNet as FCN-AlexNet uses it: 11x11 with stride 4, poolings 3x3 with stride 2, fc6 6x6."""
    return backbone(
        (ones(11, padding, 4, before=3), pool(3)),
        (ones(5, 2), pool(3)),
        (ones(3, 1),),
        (ones(3, 1),),
        (ones(3, 1), pool(3)),
        (ones(6), ones(1)),
    )


def googlenet() -> Backbone:
    """The strides of GoogLeNet: only its four unpadded poolings move anything."""
    return backbone(
        (ones(7, 3, 2, before=3),),
        (pool(3),),
        (ones(3, 1), pool(3)),
        (ones(3, 1), pool(3)),
        (ones(5, 2), pool(3)),
        (ones(1),),
    )


def bare(padding: int = 0, ceil_mode: bool = True, last_stride: int = 2) -> Backbone:
    """Five poolings after one 3x3 convolution, and nothing else."""
    pools = [(pool(ceil_mode=ceil_mode),) for _ in range(3)]
    return backbone(
        (ones(3, padding, before=3), pool(ceil_mode=ceil_mode)),
        *pools,
        (pool(last_stride, 0, last_stride, ceil_mode),),
        (ones(1),),
    )
