"""Adaptive pooling: the size of the result is given, and the windows follow from it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, TypeAlias, overload

from minifcn.arguments import Pair, flag, integer, pair
from minifcn.arrays.bands import require_room
from minifcn.arrays.pooling import adaptive
from minifcn.autograd import Operation
from minifcn.errors import ArgumentError
from minifcn.functional.operands import image
from minifcn.functional.pooling import GatherFlat
from minifcn.machine.backend import Array, at_home
from minifcn.machine.limits import require_memory

if TYPE_CHECKING:
    from minifcn.tensor import Tensor

# An integer for rows and columns, or one for each; None keeps the size that the image has.
OutputSize: TypeAlias = "int | tuple[int | None, ...] | list[int | None] | None"


class AdaptiveAvgPool(Operation):
    keeps_operands = False

    def __init__(self, size: Pair) -> None:
        self.size = size

    def forward(self, x: Array) -> Array:
        return adaptive.adaptive_avg_pool(x, self.size)

    def backward(self, grad: Tensor) -> Tensor:
        _, _, H, W = self.shapes[0]
        return AdaptiveAvgPoolTransposed((H, W))(grad)


class AdaptiveAvgPoolTransposed(AdaptiveAvgPool):
    def forward(self, y: Array) -> Array:
        return adaptive.adaptive_avg_pool_transposed(y, self.size)

    def backward(self, grad: Tensor) -> Tensor:
        _, _, OH, OW = self.shapes[0]
        return AdaptiveAvgPool((OH, OW))(grad)


class AdaptiveMaxPool(GatherFlat):
    """x read at the winners of its windows."""


def adaptive_avg_pool2d(x: Tensor, output_size: OutputSize) -> Tensor:
    """y[n, c, i, j] = mean of x[n, c, h, w] over ⌊i·H/OH⌋ ≤ h < ⌈(i + 1)·H/OH⌉ and ⌊j·W/OW⌋ ≤ w < ⌈(j + 1)·W/OW⌉.

    x            (N, C, H, W), H and W at least 1
    output_size  (OH, OW), or one integer for both; None keeps the size of x along that axis. May be larger than x
    returns      (N, C, OH, OW); output_size 1 is the mean of the whole image

    Where OH divides H this is avg_pool2d(x, H/OH); elsewhere windows overlap. A NaN spoils the windows that see it and
    no other. Raises ArgumentError for a size below 1.

    >>> import minifcn
    >>> x = minifcn.Tensor([[[[1.0, 2.0, 3.0, 4.0, 5.0]]]])
    >>> minifcn.functional.adaptive_avg_pool2d(x, (None, 3)).numpy()[0, 0]
    array([[1.5, 3. , 4.5]], dtype=float32)
    """
    x, size = _operands("adaptive_avg_pool2d", x, output_size)
    for length in size:
        require_room("adaptive_avg_pool2d", length, "choose a smaller output_size")
    return AdaptiveAvgPool(size)(x)


# For type checkers: when it gives one Tensor, and when two.
@overload
def adaptive_max_pool2d(x: Tensor, output_size: OutputSize, return_indices: Literal[False] = False) -> Tensor: ...
@overload
def adaptive_max_pool2d(x: Tensor, output_size: OutputSize, return_indices: Literal[True]) -> tuple[Tensor, Tensor]: ...
@overload
def adaptive_max_pool2d(
    x: Tensor, output_size: OutputSize, return_indices: bool = False
) -> Tensor | tuple[Tensor, Tensor]: ...
def adaptive_max_pool2d(
    x: Tensor, output_size: OutputSize, return_indices: bool = False
) -> Tensor | tuple[Tensor, Tensor]:
    """y[n, c, i, j] = the largest x[n, c, h, w] in the window of `adaptive_avg_pool2d`; the first of equal ones.

    x, output_size  as of `adaptive_avg_pool2d`
    returns         (N, C, OH, OW); with return_indices also the int64 positions row·W + column of the winners

    A NaN in a window makes its maximum NaN. Raises ArgumentError for a size below 1.
    """
    x, size = _operands("adaptive_max_pool2d", x, output_size)
    return_indices = flag(return_indices, "adaptive_max_pool2d: return_indices")
    with at_home(x._array):
        positions = adaptive.adaptive_maxima(x._array, size)
    y = AdaptiveMaxPool(positions, (x.shape[2], x.shape[3]))(x)
    return (y, type(x).of(positions)) if return_indices else y


def wanted_size(name: str, output_size: OutputSize) -> tuple[int | None, int | None]:
    """The size of the result, rows and columns; None is that of the image."""
    given = tuple(output_size) if isinstance(output_size, tuple | list) else (output_size, output_size)
    kind = "an integer or a pair of integers"
    if len(given) != 2:
        raise ArgumentError(f"{name}: output_size must be {kind}, got {output_size!r} of length {len(given)}.")
    rows, columns = (n if n is None else integer(n, f"{name}: output_size", 1, kind) for n in given)
    return rows, columns


def _operands(name: str, x: Tensor, output_size: OutputSize) -> tuple[Tensor, Pair]:
    x = image(name, x)
    size = pair(x.shape[2:], f"{name}: input size", 1)
    wanted = wanted_size(name, output_size)
    rows, columns = (kept if n is None else n for n, kept in zip(wanted, size, strict=True))
    require_memory(f"{name}: a result", (*x.shape[:2], rows, columns), x._array, "choose a smaller output_size")
    return x, (rows, columns)
