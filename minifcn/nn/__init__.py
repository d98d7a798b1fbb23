"""Modules with parameters, with PyTorch's names: `from minifcn import nn`."""

from minifcn.nn import init, utils
from minifcn.nn.containers import ModuleDict, ModuleList, Sequential
from minifcn.nn.layers import (
    GELU,
    Dropout,
    Dropout2d,
    Flatten,
    Identity,
    LeakyReLU,
    Linear,
    ReLU,
    Sigmoid,
    SiLU,
    Softmax,
    Tanh,
    Upsample,
)
from minifcn.nn.losses import BCEWithLogitsLoss, CrossEntropyLoss, DiceLoss, L1Loss, Loss, MSELoss, NLLLoss
from minifcn.nn.module import Layer, Module
from minifcn.nn.normalization import BatchNorm2d, GroupNorm, LayerNorm, LocalResponseNorm
from minifcn.nn.windows import AvgPool2d, Conv2d, ConvTranspose2d, MaxPool2d, MaxUnpool2d, Window
from minifcn.tensor import Buffer, Parameter

__all__ = [
    "GELU",
    "AvgPool2d",
    "BCEWithLogitsLoss",
    "BatchNorm2d",
    "Buffer",
    "Conv2d",
    "ConvTranspose2d",
    "CrossEntropyLoss",
    "DiceLoss",
    "Dropout",
    "Dropout2d",
    "Flatten",
    "GroupNorm",
    "Identity",
    "L1Loss",
    "Layer",
    "LayerNorm",
    "LeakyReLU",
    "Linear",
    "LocalResponseNorm",
    "Loss",
    "MSELoss",
    "MaxPool2d",
    "MaxUnpool2d",
    "Module",
    "ModuleDict",
    "ModuleList",
    "NLLLoss",
    "Parameter",
    "ReLU",
    "Sequential",
    "SiLU",
    "Sigmoid",
    "Softmax",
    "Tanh",
    "Upsample",
    "Window",
    "init",
    "utils",
]
