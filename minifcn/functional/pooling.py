"""Pooling and unpooling. Each is linear once the winners are known, and its backward is its transpose."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, overload

from minifcn.arguments import IntOrPair, Pair, flag, pair
from minifcn.arrays import pooling
from minifcn.arrays.accepted import checked_array
from minifcn.autograd import Movement, Operation, Variable, is_grad_enabled
from minifcn.errors import ArgumentError, ArgumentTypeError
from minifcn.functional.operands import image, same_device
from minifcn.geometry import Geometry
from minifcn.machine.backend import Array, at_home
from minifcn.machine.limits import require_memory

if TYPE_CHECKING:
    from minifcn.tensor import Tensor


class MaxPool(Operation):
    """The largest of each window. Ties go to the first in row-major order: one pixel receives the gradient."""

    keeps_operands = False

    def __init__(self, geometry: Geometry, winners: bool, ceil_mode: bool = False) -> None:
        """winners: whether anybody will ask who won. ceil_mode: the rule that made the geometry, for other sizes."""
        self.geometry, self.winners, self.ceil_mode = geometry, winners, ceil_mode

    def forward(self, x: Array) -> Array:
        if not self.winners:
            return pooling.maxima(x, self.geometry)
        y, self.taps = pooling.max_pool(x, self.geometry)
        return y

    def backward(self, grad: Tensor) -> Tensor:
        return ScatterTaps(self.taps, self.geometry)(grad)


class GatherTaps(Movement):
    """Read x at the winners of an earlier max pooling."""

    def __init__(self, taps: Array, geometry: Geometry) -> None:
        self.taps, self.geometry = taps, geometry

    def forward(self, x: Array) -> Array:
        return pooling.gather_taps(x, self.taps, self.geometry)

    def backward(self, grad: Tensor) -> Tensor:
        return ScatterTaps(self.taps, self.geometry)(grad)


class ScatterTaps(GatherTaps):
    """Add y at the winners: the transpose of GatherTaps."""

    def forward(self, y: Array) -> Array:
        return pooling.scatter_taps(y, self.taps, self.geometry)

    def backward(self, grad: Tensor) -> Tensor:
        return GatherTaps(self.taps, self.geometry)(grad)


class AvgPool(Operation):
    keeps_operands = False

    def __init__(
        self, geometry: Geometry, count_include_pad: bool, divisor_override: int | None, ceil_mode: bool = False
    ) -> None:
        self.geometry, self.counting, self.ceil_mode = geometry, (count_include_pad, divisor_override), ceil_mode

    def forward(self, x: Array) -> Array:
        return pooling.avg_pool(x, self.geometry, *self.counting)

    def backward(self, grad: Tensor) -> Tensor:
        return AvgPoolTransposed(self.geometry, *self.counting)(grad)


class AvgPoolTransposed(AvgPool):
    def forward(self, y: Array) -> Array:
        return pooling.avg_pool_transposed(y, self.geometry, *self.counting)

    def backward(self, grad: Tensor) -> Tensor:
        return AvgPool(self.geometry, *self.counting)(grad)


class Unpool(Movement):
    def __init__(self, indices: Array, size: Pair) -> None:
        self.indices, self.size = indices, size

    def forward(self, y: Array) -> Array:
        return pooling.unpool(y, self.indices, self.size)

    def backward(self, grad: Tensor) -> Tensor:
        return GatherFlat(self.indices, self.size)(grad)


class GatherFlat(Unpool):
    def forward(self, x: Array) -> Array:
        return pooling.gather_flat(x, self.indices)

    def backward(self, grad: Tensor) -> Tensor:
        return Unpool(self.indices, self.size)(grad)


# For type checkers: when it gives one Tensor, and when two. The function itself follows them.
@overload
def max_pool2d(x: Tensor, kernel_size: IntOrPair, stride: IntOrPair | None = None, padding: IntOrPair = 0,
               dilation: IntOrPair = 1, ceil_mode: bool = False,
               return_indices: Literal[False] = False) -> Tensor: ...  # fmt: skip
@overload
def max_pool2d(x: Tensor, kernel_size: IntOrPair, stride: IntOrPair | None = None, padding: IntOrPair = 0,
               dilation: IntOrPair = 1, ceil_mode: bool = False, *,
               return_indices: Literal[True]) -> tuple[Tensor, Tensor]: ...  # fmt: skip
@overload
def max_pool2d(x: Tensor, kernel_size: IntOrPair, stride: IntOrPair | None = None, padding: IntOrPair = 0,
               dilation: IntOrPair = 1, ceil_mode: bool = False,
               return_indices: bool = False) -> Tensor | tuple[Tensor, Tensor]: ...  # fmt: skip
def max_pool2d(
    x: Tensor,
    kernel_size: IntOrPair,
    stride: IntOrPair | None = None,
    padding: IntOrPair = 0,
    dilation: IntOrPair = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Tensor | tuple[Tensor, Tensor]:
    """y[n, c, i, j] = max over (k, l) of x[n, c, i·s + k·d − p, j·s + l·d − p].

    x         (N, C, H, W), H and W at least 1
    stride    default: the kernel size
    padding   at most half the (dilated) kernel; padded places never win, they count as −∞
    ceil_mode let a last window hang over the edge (Caffe's rule, which FCN needs), see Geometry.of_pooling
    returns   (N, C, OH, OW); with return_indices also the int64 positions row·W + column of the winners

    A NaN in a window makes its maximum NaN. Raises ArgumentError for parameters that do not fit.
    """
    x, ceil_mode = image("max_pool2d", x), flag(ceil_mode, "max_pool2d: ceil_mode")
    return_indices = flag(return_indices, "max_pool2d: return_indices")
    geometry = Geometry.of_pooling(x.shape[2:], kernel_size, stride, padding, dilation, ceil_mode)
    pool = MaxPool(geometry, return_indices or (is_grad_enabled() and x.requires_grad), ceil_mode)
    y = pool(x)
    if not return_indices:
        return y
    with at_home(x._array):
        return y, type(x).of(pooling.flat_indices(pool.taps, geometry))


def avg_pool2d(
    x: Tensor,
    kernel_size: IntOrPair,
    stride: IntOrPair | None = None,
    padding: IntOrPair = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Tensor:
    """y[n, c, i, j] = Σ over (k, l) of x[n, c, i·s + k − p, j·s + l − p] / divisor.

    The divisor is the number of window places inside the padded image, or with count_include_pad=False inside the
    image itself; what hangs over the edge in ceil mode never counts. divisor_override replaces it by one number.
    x (N, C, H, W), H and W at least 1 -> (N, C, OH, OW). Raises ArgumentError for parameters that do not fit.
    """
    x, ceil_mode = image("avg_pool2d", x), flag(ceil_mode, "avg_pool2d: ceil_mode")
    count_include_pad = flag(count_include_pad, "avg_pool2d: count_include_pad")
    geometry = Geometry.of_pooling(x.shape[2:], kernel_size, stride, padding, 1, ceil_mode, name="avg_pool2d")
    return AvgPool(geometry, count_include_pad, divisor_override, ceil_mode)(x)


def max_unpool2d(
    x: Tensor,
    indices: Tensor | Array,
    kernel_size: IntOrPair,
    stride: IntOrPair | None = None,
    padding: IntOrPair = 0,
    output_size: IntOrPair | None = None,
) -> Tensor:
    """y[n, c, indices[n, c, i, j]] += x[n, c, i, j], zero elsewhere; the planes of y are counted row by row.

    x, indices   (N, C, H, W), the indices from max_pool2d(..., return_indices=True)
    output_size  default (H − 1)·stride − 2·padding + kernel; may differ from it by less than the stride
    returns      (N, C, *output_size)

    Positions that occur twice (overlapping windows) add up; PyTorch leaves them undefined.
    Raises ArgumentError for indices outside the output, AllocationError for a result larger than all memory.
    Source: Zeiler and Fergus 2014; Noh et al. 2015.
    """
    x = image("max_unpool2d", x)
    array = indices._array if isinstance(indices, Variable) else indices
    if getattr(array, "shape", None) != x.shape:
        raise ArgumentError(
            f"max_unpool2d: indices must have the shape of x, {x.shape}, got {getattr(array, 'shape', None)}."
        )
    if array.dtype.kind not in "iu":
        raise ArgumentTypeError(f"max_unpool2d: indices must be integers, got {array.dtype}.")
    array = checked_array(array, name="the indices of max_unpool2d")
    same_device("max_unpool2d", x._array, array, "x and indices")
    kernel = pair(kernel_size, "max_unpool2d: kernel_size", 1)
    step = kernel if stride is None else pair(stride, "max_unpool2d: stride", 1)
    edge = pair(padding, "max_unpool2d: padding", 0)
    rows, columns = ((x.shape[2 + a] - 1) * step[a] - 2 * edge[a] + kernel[a] for a in (0, 1))
    if rows < 1 or columns < 1:
        raise ArgumentError(
            f"max_unpool2d: the output would be {rows}x{columns} (input {x.shape[2]}x{x.shape[3]}, kernel {kernel}, "
            f"stride {step}, padding {edge}); reduce padding."
        )
    size = pair((rows, columns), "max_unpool2d: output size", 1)
    if output_size is not None:
        size = pair(output_size, "max_unpool2d: output_size", 1)
        if not (abs(size[0] - rows) < step[0] and abs(size[1] - columns) < step[1]):
            raise ArgumentError(
                f"max_unpool2d: output_size {size} cannot be reached from {x.shape[2:]} with stride {step}; choose "
                f"rows from {max(1, rows - step[0] + 1)} to {rows + step[0] - 1} and columns from "
                f"{max(1, columns - step[1] + 1)} to {columns + step[1] - 1}."
            )
    require_memory("max_unpool2d: a result", (*x.shape[:2], *size), x._array, "reduce stride or kernel_size")
    with at_home(array):
        return Unpool(array.copy(), size)(x)  # backward needs the indices as they are now
