"""A fully connected layer as the convolution that it is: the step from a classifier to an FCN."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass
from math import prod
from typing import overload

import numpy as np

from minifcn.arguments import IntOrPair, Pair, integer, pair
from minifcn.errors import ArgumentError, ArgumentTypeError
from minifcn.machine.backend import at_home
from minifcn.nn.containers import Fork, Sequential
from minifcn.nn.layers import Flatten, Identity, Linear, Upsample
from minifcn.nn.module import Module
from minifcn.nn.shapes import AdaptiveAvgPool2d, AdaptiveMaxPool2d
from minifcn.nn.windows import AvgPool2d, Conv2d, MaxPool2d, MaxUnpool2d, Window
from minifcn.tensor import Parameter

NAME = "convolutionalise"


@overload
def convolutionalise(layer: Linear, channels: int, size: IntOrPair) -> Conv2d: ...
@overload
def convolutionalise(layer: Sequential, channels: int, size: IntOrPair) -> Sequential: ...
def convolutionalise(layer: Linear | Sequential, channels: int, size: IntOrPair) -> Conv2d | Sequential:
    """kernel[o, c, k, l] = weight[o, (c·h + k)·w + l]: `Linear` after Flatten, as a convolution with an h x w kernel.

    On a map of h x w it computes what the layer computes of the flattened map, as a map of one pixel. On a larger one
    it computes that for every window, so where things are is not lost: (N, channels, H, W) -> (N, out_features,
    H − h + 1, W − w + 1). A Linear on one pixel, size 1, becomes a 1x1 convolution.

    layer     Linear(channels·h·w, out_features), fed by Flatten: channel by channel, row by row; or a whole classifier,
              a Sequential of convolutions, poolings and forks, Flatten and Linear layers
    channels  of the maps, or for a classifier of the images, that it is fed with
    size      (h, w) of them, or one integer for both
    returns   for a Linear a Conv2d(channels, out_features, (h, w)), for a classifier a Sequential, with parameters of
              its own, of the same values, dtype, device and names, frozen where those of the layer are

    In a classifier every Linear becomes a convolution over the map that it was fed with. Where Flatten stood stands
    Identity, so that the names of the others stay, and so for an adaptive pooling to the size that the map has anyhow.
    One to a single pixel becomes a pooling over the map that slides by one. On an image of the size it scores as the
    classifier does; on a larger one it gives a map of scores, each of the part of the image below it. To slide the
    classifier over the image gives the same where no padding comes between, at a classifier's cost for each score.

    Weights whose maps were flattened in another order, as by TensorFlow (rows, columns, channels), fit as well and give
    nonsense: their order has to be changed before. Raises ArgumentTypeError for a layer that is neither, ArgumentError
    if channels·h·w is not its in_features, and for a layer that it cannot follow. Source: Long, Shelhamer and Darrell
    2015, §3.1.

    >>> import minifcn
    >>> from minifcn import nn
    >>> fc = nn.Linear(2 * 3 * 4, 5, generator=np.random.default_rng(0))
    >>> convolutionalise(fc, 2, (3, 4))
    Conv2d(2, 5, kernel_size=(3, 4), stride=1)
    >>> classifier = nn.Sequential(nn.Conv2d(1, 2, 3), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(2 * 3 * 3, 5))
    >>> [type(layer).__name__ for layer in convolutionalise(classifier, 1, 8)]
    ['Conv2d', 'MaxPool2d', 'Identity', 'Conv2d']
    """
    if not isinstance(layer, Linear | Sequential):
        raise ArgumentTypeError(
            f"{NAME}: a Linear or a Sequential is made into convolutions, got {type(layer).__name__}; pass one."
        )
    fed = Fed(integer(channels, f"{NAME}: channels", 1), *pair(size, f"{NAME}: size", 1))
    if isinstance(layer, Linear):
        return _convolution(layer, fed)
    made, _ = _column(layer, fed)
    return made


@dataclass(frozen=True)
class Fed:
    """What a layer is fed with: C maps of h x w, one behind the other in a row if flattened."""

    C: int
    h: int
    w: int
    flattened: bool = False

    @property
    def size(self) -> Pair:
        return self.h, self.w


def _column(column: Sequential, fed: Fed) -> tuple[Sequential, Fed]:
    made = {}
    for name, layer in column.named_children():
        made[name], fed = _made(name, layer, fed)
    return Sequential(made).train(column.training), fed


def _made(name: str, layer: Module, fed: Fed) -> tuple[Module, Fed]:
    """What stands in the place of one layer, and what the next is fed with."""
    if isinstance(layer, Sequential):
        return _column(layer, fed)
    if isinstance(layer, Linear):
        if not fed.flattened and fed.size != (1, 1):
            raise ArgumentError(
                f"{NAME}: layer {name!r} is a Linear on maps of {fed.h}x{fed.w}; put a Flatten before it."
            )
        return _convolution(layer, fed), Fed(layer.out_features, 1, 1, True)
    if isinstance(layer, Flatten):
        if (layer.start_dim, layer.end_dim) not in ((1, -1), (1, 3)):
            raise ArgumentError(f"{NAME}: layer {name!r} is {layer!r}; only Flatten(1) is followed.")
        return Identity(), Fed(fed.C, fed.h, fed.w, True)
    if isinstance(layer, AdaptiveAvgPool2d | AdaptiveMaxPool2d):
        return _pooling(name, layer, fed)
    if isinstance(layer, Window):
        C = layer.out_channels if isinstance(layer, Conv2d) else fed.C
        return deepcopy(layer), Fed(C, layer.layer(0).made(fed.h), layer.layer(1).made(fed.w))
    if isinstance(layer, Fork):
        ways = [_made(way, part, fed) for way, part in layer.named_children()]
        return deepcopy(layer), Fed(sum(after.C for _, after in ways), *ways[0][1].size)
    if any(isinstance(part, Window | Linear | Upsample | MaxUnpool2d) for part in layer.modules()):
        raise ArgumentError(
            f"{NAME}: layer {name!r} is a {type(layer).__name__}, which cannot be followed; write it as a Sequential."
        )
    return deepcopy(layer), fed


def _pooling(name: str, layer: AdaptiveAvgPool2d | AdaptiveMaxPool2d, fed: Fed) -> tuple[Module, Fed]:
    wanted = pair(layer.output_size, f"{NAME}: output_size", 1)
    if wanted == fed.size:
        return Identity(), fed
    if wanted != (1, 1):
        raise ArgumentError(
            f"{NAME}: layer {name!r} pools maps of {fed.h}x{fed.w} to {wanted[0]}x{wanted[1]}, which no window that "
            f"slides by one pixel does; give the size of image for which the two are equal."
        )
    pool = AvgPool2d if isinstance(layer, AdaptiveAvgPool2d) else MaxPool2d
    return pool(fed.size, 1), Fed(fed.C, 1, 1)


def _convolution(linear: Linear, fed: Fed) -> Conv2d:
    C, (h, w) = fed.C, fed.size
    if prod((C, h, w)) != linear.in_features:
        raise ArgumentError(
            f"{NAME}: a map of {C}x{h}x{w} has {C * h * w} numbers but the layer takes {linear.in_features}; "
            f"pass the channels and the size of the map that was flattened for it."
        )
    layer = Conv2d(C, linear.out_features, (h, w), bias=linear.bias is not None, generator=np.random.default_rng(0))
    layer.weight = _copy(linear.weight, (linear.out_features, C, h, w))
    if linear.bias is not None:
        layer.bias = _copy(linear.bias, (linear.out_features,))
    return layer.train(linear.training)


def _copy(parameter: Parameter, shape: tuple[int, ...]) -> Parameter:
    """A parameter of its own with the same numbers in another shape."""
    with at_home(parameter._array):
        made = Parameter(parameter._array.reshape(shape).copy())
    made.requires_grad = parameter.requires_grad
    return made
