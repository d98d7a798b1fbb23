"""Differentiable operations, with PyTorch's names and meaning: `import minifcn.functional as F`."""

from minifcn.functional import profiled as profiled
from minifcn.functional.activation import gelu, leaky_relu, log_softmax, relu, sigmoid, silu, softmax, tanh
from minifcn.functional.adaptive import adaptive_avg_pool2d, adaptive_max_pool2d
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
from minifcn.functional.contractions import conv2d_input, conv2d_weight
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
from minifcn.functional.shuffling import pixel_shuffle, pixel_unshuffle
from minifcn.functional.sizing import crop_like, insert_zeros, pad_to_multiple
from minifcn.functional.transfer import astype, clone, contiguous, to
from minifcn.functional.unfold import fold, unfold

__all__ = [
    "abs",
    "adaptive_avg_pool2d",
    "adaptive_max_pool2d",
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
    "conv2d_input",
    "conv2d_weight",
    "conv_transpose2d",
    "convolution_matrix",
    "crop",
    "crop_like",
    "cross_entropy",
    "dice_loss",
    "divide",
    "dropout",
    "dropout2d",
    "exp",
    "expand",
    "flatten",
    "fold",
    "gelu",
    "getitem",
    "group_norm",
    "insert_zeros",
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
    "pad_to_multiple",
    "permute",
    "pixel_shuffle",
    "pixel_unshuffle",
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
    "unfold",
    "unsqueeze",
    "var",
    "view",
    "where",
]
