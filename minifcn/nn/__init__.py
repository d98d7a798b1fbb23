"""Modules with parameters, with PyTorch's names: `from minifcn import nn`."""

from minifcn.nn import init, utils
from minifcn.nn.containers import ModuleDict, ModuleList, Sequential
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
from minifcn.nn.module import Layer, Module
from minifcn.nn.windows import AvgPool2d, Conv2d, ConvTranspose2d, MaxPool2d, MaxUnpool2d, Window
from minifcn.tensor import Buffer, Parameter

__all__ = [
    "AvgPool2d",
    "BatchNorm2d",
    "Buffer",
    "Conv2d",
    "ConvTranspose2d",
    "CrossEntropyLoss",
    "Dropout",
    "Dropout2d",
    "Flatten",
    "Identity",
    "Layer",
    "LeakyReLU",
    "Linear",
    "LocalResponseNorm",
    "MaxPool2d",
    "MaxUnpool2d",
    "Module",
    "ModuleDict",
    "ModuleList",
    "Parameter",
    "ReLU",
    "Sequential",
    "Sigmoid",
    "Softmax",
    "Tanh",
    "Upsample",
    "Window",
    "init",
    "utils",
]
