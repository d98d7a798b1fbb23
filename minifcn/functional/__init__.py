"""Differentiable operations, with PyTorch's names and meaning: `import minifcn.functional as F`."""

from minifcn.functional import profiled as profiled
from minifcn.functional.activation import leaky_relu, log_softmax, relu, sigmoid, softmax, tanh
from minifcn.functional.adaptive import adaptive_avg_pool2d, adaptive_max_pool2d
from minifcn.functional.arithmetic import (
    abs,
    add,
    broadcast_to,
    clamp,
    divide,
    exp,
    log,
    multiply,
    negative,
    power,
    sqrt,
    subtract,
    sum_to,
)
from minifcn.functional.contractions import conv2d_input, conv2d_weight
from minifcn.functional.conv import conv2d, conv_transpose2d
from minifcn.functional.convolution_matrix import convolution_matrix
from minifcn.functional.dropout import dropout, dropout2d
from minifcn.functional.loss import cross_entropy
from minifcn.functional.matmul import linear, matmul
from minifcn.functional.normalization import batch_norm, local_response_norm
from minifcn.functional.pooling import avg_pool2d, max_pool2d, max_unpool2d
from minifcn.functional.reductions import amax, argmax, mean, sum, var
from minifcn.functional.resampling import interpolate
from minifcn.functional.shaping import cat, crop, flatten, getitem, pad, permute, reshape, stack, transpose
from minifcn.functional.shuffling import pixel_shuffle, pixel_unshuffle
from minifcn.functional.sizing import crop_like, insert_zeros, pad_to_multiple
from minifcn.functional.transfer import astype, to
from minifcn.functional.unfold import fold, unfold

__all__ = [
    "abs",
    "adaptive_avg_pool2d",
    "adaptive_max_pool2d",
    "add",
    "amax",
    "argmax",
    "astype",
    "avg_pool2d",
    "batch_norm",
    "broadcast_to",
    "cat",
    "clamp",
    "conv2d",
    "conv2d_input",
    "conv2d_weight",
    "conv_transpose2d",
    "convolution_matrix",
    "crop",
    "crop_like",
    "cross_entropy",
    "divide",
    "dropout",
    "dropout2d",
    "exp",
    "flatten",
    "fold",
    "getitem",
    "insert_zeros",
    "interpolate",
    "leaky_relu",
    "linear",
    "local_response_norm",
    "log",
    "log_softmax",
    "matmul",
    "max_pool2d",
    "max_unpool2d",
    "mean",
    "multiply",
    "negative",
    "pad",
    "pad_to_multiple",
    "permute",
    "pixel_shuffle",
    "pixel_unshuffle",
    "power",
    "relu",
    "reshape",
    "sigmoid",
    "softmax",
    "sqrt",
    "stack",
    "subtract",
    "sum",
    "sum_to",
    "tanh",
    "to",
    "transpose",
    "unfold",
    "var",
]
