"""Modules with parameters, with PyTorch's names: `from minifcn import nn`."""

from minifcn.nn import init, utils
from minifcn.nn.containers import Fork, ModuleDict, ModuleList, Sequential
from minifcn.nn.convolutionalise import convolutionalise
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
from minifcn.nn.shapes import (
    AdaptiveAvgPool2d,
    AdaptiveMaxPool2d,
    Fold,
    PixelShuffle,
    PixelUnshuffle,
    Unfold,
    ZeroPad2d,
)
from minifcn.nn.synchronised import SyncBatchNorm
from minifcn.nn.windows import AvgPool2d, Conv2d, ConvTranspose2d, MaxPool2d, MaxUnpool2d, Window
from minifcn.tensor import Buffer, Parameter

__all__ = [
    "GELU",
    "AdaptiveAvgPool2d",
    "AdaptiveMaxPool2d",
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
    "Fold",
    "Fork",
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
    "PixelShuffle",
    "PixelUnshuffle",
    "ReLU",
    "Sequential",
    "SiLU",
    "Sigmoid",
    "Softmax",
    "SyncBatchNorm",
    "Tanh",
    "Unfold",
    "Upsample",
    "Window",
    "ZeroPad2d",
    "convolutionalise",
    "init",
    "utils",
]
