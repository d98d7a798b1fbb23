"""minifcn: Fully Convolutional Networks for semantic segmentation, from scratch on NumPy, on a GPU through CuPy."""

from minifcn import functional, nn, optim
from minifcn.arrays.convolution import use_algorithm
from minifcn.arrays.convolution.explanation import explain
from minifcn.autograd import enable_grad, grad, is_grad_enabled, no_grad
from minifcn.functional import convolution_matrix
from minifcn.geometry import CoordinateMap, Geometry, ReceptiveField, crop_offset, preimages, receptive_field
from minifcn.machine.memory import empty_cache
from minifcn.machine.profiling import profile
from minifcn.machine.tf32 import get_float32_matmul_precision, set_float32_matmul_precision
from minifcn.machine.threads import get_num_threads, set_num_threads
from minifcn.tensor import Tensor, as_tensor

__version__ = "0.1.0"

__all__ = [
    "CoordinateMap",
    "Geometry",
    "ReceptiveField",
    "Tensor",
    "as_tensor",
    "convolution_matrix",
    "crop_offset",
    "empty_cache",
    "enable_grad",
    "explain",
    "functional",
    "get_float32_matmul_precision",
    "get_num_threads",
    "grad",
    "is_grad_enabled",
    "nn",
    "no_grad",
    "optim",
    "preimages",
    "profile",
    "receptive_field",
    "set_float32_matmul_precision",
    "set_num_threads",
    "use_algorithm",
]
