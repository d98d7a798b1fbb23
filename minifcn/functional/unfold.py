"""im2col and col2im under PyTorch's names: every window laid out as a column, and columns added back to an image.

    unfold(x)[n, (c, k, l), (i, j)] = x[n, c, i·s + k·d − p, j·s + l·d − p]

Both are linear and each is the transpose of the other, so each is the other's gradient. With them a convolution is one
product of matrices, conv2d(x, w) = w.reshape(O, −1) @ unfold(x), and a transposed one is fold(wᵀ @ y).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from minifcn.arguments import IntOrPair, pair
from minifcn.arrays.convolution import unfolding
from minifcn.autograd import Movement, Operation
from minifcn.errors import ArgumentError
from minifcn.functional.operands import floating, image
from minifcn.geometry import Geometry
from minifcn.machine.backend import Array
from minifcn.machine.limits import require_memory

if TYPE_CHECKING:
    from minifcn.tensor import Tensor


class Unfold(Movement):
    """im2col."""

    def __init__(self, geometry: Geometry) -> None:
        self.geometry = geometry

    def forward(self, x: Array) -> Array:
        return unfolding.unfold(x, self.geometry)

    def backward(self, grad: Tensor) -> Tensor:
        return Fold(self.geometry)(grad)


class Fold(Operation):
    """col2im: the transpose of Unfold."""

    keeps_operands = False

    def __init__(self, geometry: Geometry) -> None:
        self.geometry = geometry

    def forward(self, y: Array) -> Array:
        return unfolding.fold(y, self.geometry)

    def backward(self, grad: Tensor) -> Tensor:
        return Unfold(self.geometry)(grad)


def unfold(
    x: Tensor, kernel_size: IntOrPair, dilation: IntOrPair = 1, padding: IntOrPair = 0, stride: IntOrPair = 1
) -> Tensor:
    """y[n, c·KH·KW + k·KW + l, i·OW + j] = x[n, c, i·s + k·d − p, j·s + l·d − p], and 0 in the padding: im2col.

    x        (N, C, H, W)
    kernel_size, dilation, padding, stride   integers or pairs (rows, columns), as of `conv2d`
    returns  (N, C·KH·KW, L), a column for each of the L = OH·OW windows in row-major order

    A pixel is repeated for each window that sees it, up to KH·KW times; a convolution itself works in blocks and never
    holds all columns. Raises ArgumentError for a window that does not fit, AllocationError for a result larger than all
    memory. Source: Chellapilla, Puri and Simard 2006.

    >>> import minifcn
    >>> x = minifcn.Tensor([[[[0.0, 1.0, 2.0], [3.0, 4.0, 5.0], [6.0, 7.0, 8.0]]]])
    >>> columns = minifcn.functional.unfold(x, 2)
    >>> columns.numpy()[0]
    array([[0., 1., 3., 4.],
           [1., 2., 4., 5.],
           [3., 4., 6., 7.],
           [4., 5., 7., 8.]], dtype=float32)
    >>> (minifcn.Tensor([[0.0, 1.0, 2.0, 3.0]]) @ columns).numpy()   # as conv2d with [[0, 1], [2, 3]]
    array([[[19., 25., 37., 43.]]], dtype=float32)
    """
    x = image("unfold", x)
    geometry = Geometry.of_convolution(x.shape[2:], kernel_size, stride, padding, dilation, name="unfold")
    shape = (x.shape[0], x.shape[1] * geometry.taps, geometry.output_pixels)
    require_memory("unfold: a result", shape, x._array, "increase stride or cut the image into pieces")
    return Unfold(geometry)(x)


def fold(
    x: Tensor,
    output_size: IntOrPair,
    kernel_size: IntOrPair,
    dilation: IntOrPair = 1,
    padding: IntOrPair = 0,
    stride: IntOrPair = 1,
) -> Tensor:
    """y[n, c, i·s + k·d − p, j·s + l·d − p] += x[n, c·KH·KW + k·KW + l, i·OW + j]; the padding is dropped: col2im.

    The transpose of `unfold` with the same parameters, not its inverse: a pixel receives a sum over all windows that
    see it. fold(unfold(1)) counts them, and fold(unfold(x)) / fold(unfold(1)) is x where each pixel is seen.

    x            (N, C·KH·KW, L), L being the number of windows in an image of `output_size`
    output_size  (H, W) of the image that is made
    returns      (N, C, H, W)

    Raises ArgumentError for an x that does not have so many rows and columns, AllocationError for a result larger than
    all memory. Source: as `unfold`.

    >>> import minifcn
    >>> minifcn.functional.fold(minifcn.Tensor([[[1.0] * 4] * 4]), output_size=3, kernel_size=2).numpy()[0, 0]
    array([[1., 2., 1.],
           [2., 4., 2.],
           [1., 2., 1.]], dtype=float32)
    """
    x = floating("fold", x)
    if x.ndim != 3:
        remedy = "index it with [None]" if x.ndim == 2 else "reshape it"
        raise ArgumentError(
            f"fold: x must have 3 dimensions (N, C·KH·KW, L), got {x.ndim} (shape {x.shape}); {remedy}."
        )
    size = pair(output_size, "fold: output_size", 0)
    geometry = Geometry.of_convolution(size, kernel_size, stride, padding, dilation, name="fold")
    (KH, KW), (OH, OW), (H, W) = geometry.kernel_size, geometry.output_size, geometry.input_size
    if x.shape[1] % geometry.taps:
        raise ArgumentError(
            f"fold: x has {x.shape[1]} rows (shape {x.shape}), which a kernel of {KH}x{KW} does not divide into "
            f"channels; pass C·{geometry.taps} rows or change kernel_size."
        )
    if x.shape[2] != geometry.output_pixels:
        raise ArgumentError(
            f"fold: x has {x.shape[2]} columns (shape {x.shape}), but there are {OH}x{OW} = {OH * OW} windows in an "
            f"image of {H}x{W} (kernel {KH}x{KW}, stride {geometry.stride}, padding {geometry.padding}, dilation "
            f"{geometry.dilation}); pass the parameters that x was unfolded with."
        )
    shape = (x.shape[0], x.shape[1] // geometry.taps, H, W)
    require_memory("fold: a result", shape, x._array, "reduce output_size")
    return Fold(geometry)(x)
