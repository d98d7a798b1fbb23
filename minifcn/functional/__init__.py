"""Differentiable operations, with PyTorch's names and meaning: `import minifcn.functional as F`."""

from minifcn.functional import profiled as profiled
from minifcn.functional.activation import gelu, leaky_relu, log_softmax, relu, sigmoid, silu, softmax, tanh
from minifcn.functional.arithmetic import (
    abs,
    add,
    broadcast_to,
    divide,
    exp,
    expand,
    log,
    multiply,
    negative,
    power,
    sqrt,
    subtract,
    sum_to,
)
from minifcn.functional.choosing import clamp, where
from minifcn.functional.conv import conv2d, conv_transpose2d
from minifcn.functional.convolution_matrix import convolution_matrix
from minifcn.functional.dice import dice_loss
from minifcn.functional.dropout import dropout, dropout2d
from minifcn.functional.indexing import getitem
from minifcn.functional.loss import cross_entropy, nll_loss
from minifcn.functional.matmul import linear, matmul
from minifcn.functional.normalization import batch_norm, group_norm, layer_norm, local_response_norm
from minifcn.functional.numeric_loss import binary_cross_entropy_with_logits, l1_loss, mse_loss
from minifcn.functional.one_hot import one_hot
from minifcn.functional.pooling import avg_pool2d, max_pool2d, max_unpool2d
from minifcn.functional.reductions import all, amax, amin, any, argmax, argmin, max, mean, min, std, sum, var
from minifcn.functional.resampling import interpolate
from minifcn.functional.shaping import (
    cat,
    crop,
    flatten,
    pad,
    permute,
    reshape,
    squeeze,
    stack,
    transpose,
    unsqueeze,
    view,
)
from minifcn.functional.transfer import astype, clone, contiguous, to

__all__ = [
    "abs",
    "add",
    "all",
    "amax",
    "amin",
    "any",
    "argmax",
    "argmin",
    "astype",
    "avg_pool2d",
    "batch_norm",
    "binary_cross_entropy_with_logits",
    "broadcast_to",
    "cat",
    "clamp",
    "clone",
    "contiguous",
    "conv2d",
    "conv_transpose2d",
    "convolution_matrix",
    "crop",
    "cross_entropy",
    "dice_loss",
    "divide",
    "dropout",
    "dropout2d",
    "exp",
    "expand",
    "flatten",
    "gelu",
    "getitem",
    "group_norm",
    "interpolate",
    "l1_loss",
    "layer_norm",
    "leaky_relu",
    "linear",
    "local_response_norm",
    "log",
    "log_softmax",
    "matmul",
    "max",
    "max_pool2d",
    "max_unpool2d",
    "mean",
    "min",
    "mse_loss",
    "multiply",
    "negative",
    "nll_loss",
    "one_hot",
    "pad",
    "permute",
    "power",
    "relu",
    "reshape",
    "sigmoid",
    "silu",
    "softmax",
    "sqrt",
    "squeeze",
    "stack",
    "std",
    "subtract",
    "sum",
    "sum_to",
    "tanh",
    "to",
    "transpose",
    "unsqueeze",
    "var",
    "view",
    "where",
]
