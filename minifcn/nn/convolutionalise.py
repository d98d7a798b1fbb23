"""A fully connected layer as the convolution that it is: the step from a classifier to an FCN."""

from __future__ import annotations

import numpy as np

from minifcn.arguments import IntOrPair, integer, pair
from minifcn.errors import ArgumentError, ArgumentTypeError
from minifcn.machine.backend import at_home
from minifcn.nn.layers import Linear
from minifcn.nn.windows import Conv2d
from minifcn.tensor import Parameter


def convolutionalise(linear: Linear, channels: int, size: IntOrPair) -> Conv2d:
    """kernel[o, c, k, l] = weight[o, (c·h + k)·w + l]: `linear` after Flatten, as a convolution with an h x w kernel.

    On a map of h x w it computes what `linear` computes of the flattened map, as a map of one pixel. On a larger one it
    computes that for every window, so where things are is not lost: (N, channels, H, W) -> (N, out_features,
    H − h + 1, W − w + 1). A Linear on one pixel, size 1, becomes a 1x1 convolution.

    linear    Linear(channels·h·w, out_features), fed by Flatten: channel by channel, row by row
    channels  of the map that was flattened
    size      (h, w) of that map, or one integer for both
    returns   Conv2d(channels, out_features, (h, w)) with parameters of its own, of the same values, dtype and device,
              frozen where those of `linear` are

    Weights whose maps were flattened in another order, as by TensorFlow (rows, columns, channels), fit as well and give
    nonsense: their order has to be changed before. Raises ArgumentTypeError for a layer that is no Linear,
    ArgumentError if channels·h·w is not its in_features. Source: Long, Shelhamer and Darrell 2015, §3.1.

    >>> import minifcn
    >>> from minifcn import nn
    >>> fc = nn.Linear(2 * 3 * 4, 5, generator=np.random.default_rng(0))
    >>> convolutionalise(fc, 2, (3, 4))
    Conv2d(2, 5, kernel_size=(3, 4), stride=1)
    """
    name = "convolutionalise"
    if not isinstance(linear, Linear):
        raise ArgumentTypeError(f"{name}: linear must be a Linear layer, got {type(linear).__name__}; pass one.")
    C, (h, w) = integer(channels, f"{name}: channels", 1), pair(size, f"{name}: size", 1)
    if C * h * w != linear.in_features:
        raise ArgumentError(
            f"{name}: a map of {C}x{h}x{w} has {C * h * w} numbers but the layer takes {linear.in_features}; "
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
