"""Modules with parameters, with PyTorch's names: `from minifcn import nn`."""

from minifcn.nn import init
from minifcn.nn.convolutionalise import convolutionalise
from minifcn.nn.layers import (
    BatchNorm2d,
    CrossEntropyLoss,
    Dropout,
    Dropout2d,
    Flatten,
    Identity,
    LeakyReLU,
    Linear,
    LocalResponseNorm,
    ReLU,
    Sigmoid,
    Softmax,
    Tanh,
    Upsample,
)
from minifcn.nn.module import Module, Sequential
from minifcn.nn.shapes import (
    AdaptiveAvgPool2d,
    AdaptiveMaxPool2d,
    Fold,
    PixelShuffle,
    PixelUnshuffle,
    Unfold,
    ZeroPad2d,
)
from minifcn.nn.windows import AvgPool2d, Conv2d, ConvTranspose2d, MaxPool2d, MaxUnpool2d, Window
from minifcn.tensor import Buffer, Parameter

__all__ = [
    "AdaptiveAvgPool2d",
    "AdaptiveMaxPool2d",
    "AvgPool2d",
    "BatchNorm2d",
    "Buffer",
    "Conv2d",
    "ConvTranspose2d",
    "CrossEntropyLoss",
    "Dropout",
    "Dropout2d",
    "Flatten",
    "Fold",
    "Identity",
    "LeakyReLU",
    "Linear",
    "LocalResponseNorm",
    "MaxPool2d",
    "MaxUnpool2d",
    "Module",
    "Parameter",
    "PixelShuffle",
    "PixelUnshuffle",
    "ReLU",
    "Sequential",
    "Sigmoid",
    "Softmax",
    "Tanh",
    "Unfold",
    "Upsample",
    "Window",
    "ZeroPad2d",
    "convolutionalise",
    "init",
]
