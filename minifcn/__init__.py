"""minifcn: Fully Convolutional Networks for semantic segmentation, from scratch on NumPy, on a GPU through CuPy."""

from minifcn.starting import leave_quietly_on_interrupt

leave_quietly_on_interrupt()  # before all that takes time to load

from minifcn import functional, nn, optim  # noqa: E402
from minifcn.arrays.convolution import use_algorithm  # noqa: E402
from minifcn.arrays.convolution.explanation import explain  # noqa: E402
from minifcn.autograd import enable_grad, grad, is_grad_enabled, no_grad  # noqa: E402
from minifcn.functional import convolution_matrix  # noqa: E402
from minifcn.geometry import CoordinateMap, Geometry, ReceptiveField, crop_offset, preimages, receptive_field  # noqa: E402
from minifcn.machine.memory import empty_cache  # noqa: E402
from minifcn.machine.profiling import profile  # noqa: E402
from minifcn.machine.tf32 import get_float32_matmul_precision, set_float32_matmul_precision  # noqa: E402
from minifcn.machine.threads import get_num_threads, set_num_threads  # noqa: E402
from minifcn.tensor import Tensor, as_tensor  # noqa: E402

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
