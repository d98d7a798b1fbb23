"""minifcn: Fully Convolutional Networks for semantic segmentation, from scratch on NumPy, on a GPU through CuPy.

What of PyTorch is here, what is different on purpose, and what is left out: PYTORCH.md, beside this file.
"""

from minifcn import starting as starting  # isort: skip  # first: all that follows takes time to load

from numpy import float16, float32, float64, int32, int64, uint8  # a Tensor's dtypes are NumPy's

from minifcn import cuda, export, functional, nn, optim
from minifcn.arrays.convolution import use_algorithm
from minifcn.arrays.convolution.explanation import explain
from minifcn.autograd import enable_grad, grad, is_grad_enabled, no_grad
from minifcn.creation import (
    arange,
    empty,
    eye,
    from_numpy,
    full,
    full_like,
    linspace,
    ones,
    ones_like,
    rand,
    rand_like,
    randint,
    randn,
    randn_like,
    randperm,
    zeros,
    zeros_like,
)
from minifcn.functional import abs as abs
from minifcn.functional import all as all
from minifcn.functional import any as any
from minifcn.functional import (
    argmax,
    argmin,
    cat,
    clamp,
    convolution_matrix,
    exp,
    flatten,
    log,
    matmul,
    mean,
    permute,
    relu,
    reshape,
    sigmoid,
    softmax,
    sqrt,
    squeeze,
    stack,
    std,
    tanh,
    transpose,
    unsqueeze,
    var,
    where,
)
from minifcn.functional import max as max
from minifcn.functional import min as min
from minifcn.functional import sum as sum
from minifcn.geometry import CoordinateMap, Geometry, ReceptiveField, crop_offset, preimages, receptive_field
from minifcn.machine.memory import empty_cache
from minifcn.machine.profiling import profile
from minifcn.machine.tf32 import get_float32_matmul_precision, set_float32_matmul_precision
from minifcn.machine.threads import get_num_threads, set_num_threads
from minifcn.random import default_generator, manual_seed
from minifcn.tensor import Tensor, as_tensor
from minifcn.weights import load, save

# Last, as in PyTorch it is a function; the module of that name is imported from: `from minifcn.tensor import Tensor`.
from minifcn.creation import tensor  # isort: skip

__version__ = "0.1.0"

# Not among them, since `from minifcn import *` must not hide Python's own: abs, all, any, max, min, sum.
__all__ = [
    "CoordinateMap",
    "Geometry",
    "ReceptiveField",
    "Tensor",
    "arange",
    "argmax",
    "argmin",
    "as_tensor",
    "cat",
    "clamp",
    "convolution_matrix",
    "crop_offset",
    "cuda",
    "default_generator",
    "empty",
    "empty_cache",
    "enable_grad",
    "exp",
    "explain",
    "export",
    "eye",
    "flatten",
    "float16",
    "float32",
    "float64",
    "from_numpy",
    "full",
    "full_like",
    "functional",
    "get_float32_matmul_precision",
    "get_num_threads",
    "grad",
    "int32",
    "int64",
    "is_grad_enabled",
    "linspace",
    "load",
    "log",
    "manual_seed",
    "matmul",
    "mean",
    "nn",
    "no_grad",
    "ones",
    "ones_like",
    "optim",
    "permute",
    "preimages",
    "profile",
    "rand",
    "rand_like",
    "randint",
    "randn",
    "randn_like",
    "randperm",
    "receptive_field",
    "relu",
    "reshape",
    "save",
    "set_float32_matmul_precision",
    "set_num_threads",
    "sigmoid",
    "softmax",
    "sqrt",
    "squeeze",
    "stack",
    "std",
    "tanh",
    "tensor",
    "transpose",
    "uint8",
    "unsqueeze",
    "use_algorithm",
    "var",
    "where",
    "zeros",
    "zeros_like",
]
