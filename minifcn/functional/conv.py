"""Convolution and transposed convolution: one trilinear form, three operations.

    T(x, w, y) = Σ x[n, c, i·s + k·d − p, j·s + l·d − p] · w[o, c, k, l] · y[n, o, i, j]

T is linear in each of x, w and y. Its three partial derivatives are the three operations below, and the derivatives of
each are the other two: if y = ∂T/∂y (x, w) receives g, then x and w receive the derivatives of Σ y·g = T(x, w, g),
which are ∂T/∂x (w, g) and ∂T/∂w (x, g): g stands in the place of y. So each `backward` below names the gradient it is
given after its own result. Transposed convolution *is* the gradient of convolution with respect to its input: they are
the same class. And since each backward is written with the other two, gradients of any order exist.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from minifcn.arguments import IntOrPair, integer
from minifcn.arrays import convolution
from minifcn.arrays.elementwise import add_bias
from minifcn.autograd import Gradients, Operation
from minifcn.errors import ArgumentError
from minifcn.functional.operands import image, kernel, same_kind, tensor
from minifcn.functional.padding import padded_by_name
from minifcn.functional.reductions import sum
from minifcn.geometry import Geometry
from minifcn.machine.backend import Array
from minifcn.machine.limits import require_memory

if TYPE_CHECKING:
    from minifcn.tensor import Tensor


class Contraction(Operation):
    """A derivative of T for one geometry; which one, the three classes below say."""

    def __init__(self, geometry: Geometry) -> None:
        self.geometry = geometry


class ToOutput(Contraction):
    """y = ∂T/∂y (x, w): convolution."""

    def forward(self, x: Array, w: Array) -> Array:
        return convolution.to_output(x, w, self.geometry)

    def backward(self, y: Tensor) -> Gradients:
        x, w = self.operands
        return lambda: ToInput(self.geometry)(w, y), lambda: ToWeight(self.geometry)(x, y)


class ToInput(Contraction):
    """x = ∂T/∂x (w, y): transposed convolution."""

    def forward(self, w: Array, y: Array) -> Array:
        return convolution.to_input(w, y, self.geometry)

    def backward(self, x: Tensor) -> Gradients:
        w, y = self.operands
        return lambda: ToWeight(self.geometry)(x, y), lambda: ToOutput(self.geometry)(x, w)


class ToWeight(Contraction):
    """w = ∂T/∂w (x, y): what the weight receives."""

    def forward(self, x: Array, y: Array) -> Array:
        return convolution.to_weight(x, y, self.geometry)

    def backward(self, w: Tensor) -> Gradients:
        x, y = self.operands
        return lambda: ToInput(self.geometry)(w, y), lambda: ToOutput(self.geometry)(x, w)


class AddBias(Operation):
    """y[n, o, i, j] += bias[o], in place: y is a result that nobody else has seen."""

    keeps_operands, in_place = False, True

    def forward(self, y: Array, bias: Array) -> Array:
        return add_bias(y, bias)

    def backward(self, grad: Tensor) -> Gradients:
        return grad, lambda: sum(grad, (0, 2, 3))


def conv2d(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: IntOrPair = 1,
    padding: IntOrPair | str = 0,
    dilation: IntOrPair = 1,
    groups: int = 1,
) -> Tensor:
    """y[n, o, i, j] = bias[o] + Σ_{c,k,l} x[n, c, i·s + k·d − p, j·s + l·d − p] · weight[o, c, k, l].

    This is cross-correlation: the kernel is not flipped, as everywhere in deep learning.

    x        (N, C, H, W), of which any may be 0: a sum over nothing is 0
    weight   (O, C/groups, KH, KW)
    bias     (O,)
    stride, padding, dilation   integers or pairs (rows, columns); padding adds zeros on both sides, "valid" adds none,
             and "same" so many that OH, OW = H, W: at stride 1 only, the odd row and column at the end
    groups   output channel o meets only the input channels of its group; C and O must be divisible by it
    returns  (N, O, OH, OW), OH = floor((H + 2·padding − dilation·(KH − 1) − 1) / stride) + 1

    Raises ArgumentError (ValueError) for shapes and parameters that do not fit, ArgumentTypeError (TypeError) for
    dtypes and devices that differ, AllocationError (MemoryError) for a result larger than all memory.
    Source: Dumoulin and Visin 2016; Goodfellow et al. 2016, eq. 9.6.

    Good to know: "im2col" and "rows" multiply the zeros of the padding, which others skip: an infinite weight on
    the border gives NaN by the one, infinity by the others.

    >>> import minifcn
    >>> x = minifcn.Tensor([[[[0.0, 1.0, 2.0], [3.0, 4.0, 5.0], [6.0, 7.0, 8.0]]]])
    >>> weight = minifcn.Tensor([[[[0.0, 1.0], [2.0, 3.0]]]])
    >>> minifcn.functional.conv2d(x, weight).numpy()[0, 0]
    array([[19., 25.],
           [37., 43.]], dtype=float32)
    """
    x, weight = _operands("conv2d", x, weight, "(O, C/groups, KH, KW)")
    groups = integer(groups, "conv2d: groups", 1)
    x, padding = padded_by_name("conv2d", x, weight.shape[2:], stride, padding, dilation)
    geometry = Geometry.of_convolution(x.shape[2:], weight.shape[2:], stride, padding, dilation, groups)
    O, channels = weight.shape[:2]
    if x.shape[1] != channels * groups:
        fits = x.shape[1] % groups == 0
        right = (O, x.shape[1] // groups, *weight.shape[2:])
        remedy = f"pass weight of shape {right} or change groups" if fits else "change groups"
        raise ArgumentError(
            f"conv2d: x has {x.shape[1]} channels but weight expects {channels * groups} (weight is {weight.shape}, "
            f"groups {groups}); {remedy}."
        )
    _divisible("conv2d", O, groups, weight)
    shape = (x.shape[0], O, *geometry.output_size)
    require_memory("conv2d: a result", shape, x._array, "reduce padding or cut the image into pieces")
    return _with_bias("conv2d", ToOutput(geometry)(x, weight), bias)


def conv_transpose2d(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: IntOrPair = 1,
    padding: IntOrPair = 0,
    output_padding: IntOrPair = 0,
    groups: int = 1,
    dilation: IntOrPair = 1,
    output_size: IntOrPair | None = None,
) -> Tensor:
    """y[n, c, i·s + k·d − p, j·s + l·d − p] += x[n, o, i, j] · weight[o, c, k, l]: each input stamps the kernel.

    The transpose of `conv2d` with the same weight and parameters, that is, the gradient of `conv2d` with respect to
    its input: it restores the size, not the values. `padding` crops the result, as it pads in the convolution.

    x        (N, in, H, W)
    weight   (in, out/groups, KH, KW): the layout of the convolution that goes the other way
    bias     (out,)
    output_padding, output_size   which size is made, of those that the convolution maps to (H, W)
    returns  (N, out, (H − 1)·stride − 2·padding + dilation·(KH − 1) + 1 + output_padding, ...)

    A weight given as (out, in, KH, KW) by mistake is noticed only where in differs from out.
    Raises as `conv2d`. Source: Dumoulin and Visin 2016, §4; Zeiler et al. 2010.

    >>> import minifcn
    >>> square = minifcn.Tensor([[[[0.0, 1.0], [2.0, 3.0]]]])
    >>> minifcn.functional.conv_transpose2d(square, square).numpy()[0, 0]
    array([[ 0.,  0.,  1.],
           [ 0.,  4.,  6.],
           [ 4., 12.,  9.]], dtype=float32)
    """
    x, weight = _operands("conv_transpose2d", x, weight, "(in, out/groups, KH, KW)")
    geometry = Geometry.of_transposed_convolution(
        x.shape[2:], weight.shape[2:], stride, padding, output_padding, groups, dilation, output_size
    )
    if x.shape[1] != weight.shape[0]:
        raise ArgumentError(
            f"conv_transpose2d: x has {x.shape[1]} channels but weight expects {weight.shape[0]} (weight is "
            f"{weight.shape}); its layout is (in, out/groups, KH, KW), so pass one whose first size is {x.shape[1]}."
        )
    _divisible("conv_transpose2d", x.shape[1], geometry.groups, weight)
    shape = (x.shape[0], weight.shape[1] * geometry.groups, *geometry.input_size)
    require_memory("conv_transpose2d: a result", shape, x._array, "reduce stride or cut the image into pieces")
    return _with_bias("conv_transpose2d", ToInput(geometry)(weight, x), bias)


def _operands(name: str, x: Tensor, weight: Tensor, layout: str) -> tuple[Tensor, Tensor]:
    x, weight = image(name, x), kernel(name, weight, layout)
    same_kind(name, x, weight, "x and weight")
    return x, weight


def _divisible(name: str, channels: int, groups: int, weight: Tensor) -> None:
    if channels % groups:
        raise ArgumentError(
            f"{name}: groups {groups} must divide the {channels} channels of weight {weight.shape}; change groups."
        )


def _with_bias(name: str, y: Tensor, bias: Tensor | None) -> Tensor:
    if bias is None:
        return y
    if tensor(name, bias, "bias").shape != (y.shape[1],):
        raise ArgumentError(f"{name}: bias must have shape ({y.shape[1]},), got {bias.shape}; one number per channel.")
    same_kind(name, y, bias, "x and bias")
    return AddBias()(y, bias)
