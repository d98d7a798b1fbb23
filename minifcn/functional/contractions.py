"""The two gradients of a convolution as functions of their own, beside `conv2d`: the three derivatives of T by name.

    y = ∂T/∂y (x, w)    conv2d(x, weight)
    x = ∂T/∂x (w, y)    conv2d_input(input_size, weight, grad_output)
    w = ∂T/∂w (x, y)    conv2d_weight(x, weight_size, grad_output)

T is the form of `conv.py`, whose operations these are; what is written here is what is asked of their arguments. A
convolution maps several sizes to one, so the size of what is missing has to be said: names and order are those of
PyTorch's torch.nn.grad.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from minifcn.arguments import IntOrPair, integer
from minifcn.errors import ArgumentError
from minifcn.functional.conv import ToInput, ToWeight
from minifcn.functional.operands import Shape, image, kernel, same_kind
from minifcn.geometry import Geometry
from minifcn.machine.limits import require_memory

if TYPE_CHECKING:
    from minifcn.tensor import Tensor


def conv2d_input(
    input_size: Sequence[int],
    weight: Tensor,
    grad_output: Tensor,
    stride: IntOrPair = 1,
    padding: IntOrPair = 0,
    dilation: IntOrPair = 1,
    groups: int = 1,
) -> Tensor:
    """x[n, c, i·s + k·d − p, j·s + l·d − p] += grad_output[n, o, i, j] · weight[o, c, k, l]: what conv2d's x receives.

    The gradient of ⟨conv2d(x, weight), grad_output⟩ with respect to x, whatever x is: conv2d is linear in it. It is
    `conv_transpose2d` with the result's size said in full; rows that no window sees receive zeros.

    input_size   (N, C, H, W), the shape of x and of the result
    weight       (O, C/groups, KH, KW)
    grad_output  (N, O, OH, OW), the shape of conv2d(x, weight, ...)
    stride, padding, dilation, groups   those of the convolution

    Differentiable in weight and grad_output, to any order. Raises ArgumentError for shapes and parameters that do not
    fit, ArgumentTypeError for dtypes and devices that differ. Source: Dumoulin and Visin 2016, §4.

    >>> import minifcn
    >>> square = minifcn.Tensor([[[[0.0, 1.0], [2.0, 3.0]]]])
    >>> conv2d_input((1, 1, 3, 3), square, square).numpy()[0, 0]
    array([[ 0.,  0.,  1.],
           [ 0.,  4.,  6.],
           [ 4., 12.,  9.]], dtype=float32)
    """
    name = "conv2d_input"
    size = _sizes(name, "input_size", input_size, "(N, C, H, W)")
    weight, grad_output = kernel(name, weight), image(name, grad_output, "grad_output")
    same_kind(name, grad_output, weight, "grad_output and weight")
    geometry = _geometry(name, size, weight.shape, grad_output.shape, stride, padding, dilation, groups)
    require_memory(f"{name}: a result", size, grad_output._array, "reduce input_size")
    return ToInput(geometry)(weight, grad_output)


def conv2d_weight(
    x: Tensor,
    weight_size: Sequence[int],
    grad_output: Tensor,
    stride: IntOrPair = 1,
    padding: IntOrPair = 0,
    dilation: IntOrPair = 1,
    groups: int = 1,
) -> Tensor:
    """w[o, c, k, l] = Σ_{n,i,j} x[n, c, i·s + k·d − p, j·s + l·d − p] · grad_output[n, o, i, j]: what weight receives.

    The gradient of ⟨conv2d(x, weight), grad_output⟩ with respect to weight, whatever weight is. It is a convolution of
    x with grad_output in which stride and dilation have changed places, summed over images instead of channels.

    x            (N, C, H, W)
    weight_size  (O, C/groups, KH, KW), the shape of weight and of the result
    grad_output  (N, O, OH, OW), the shape of conv2d(x, weight, ...)
    stride, padding, dilation, groups   those of the convolution

    Differentiable in x and grad_output, to any order. Raises as `conv2d_input`. Source: the form T of `conv.py`.

    >>> import minifcn
    >>> x = minifcn.Tensor([[[[0.0, 1.0, 2.0], [3.0, 4.0, 5.0], [6.0, 7.0, 8.0]]]])
    >>> corner = minifcn.Tensor([[[[1.0, 0.0], [0.0, 0.0]]]])   # only the first window is asked for
    >>> conv2d_weight(x, (1, 1, 2, 2), corner).numpy()[0, 0]
    array([[0., 1.],
           [3., 4.]], dtype=float32)
    """
    name = "conv2d_weight"
    size = _sizes(name, "weight_size", weight_size, "(O, C/groups, KH, KW)")
    x, grad_output = image(name, x), image(name, grad_output, "grad_output")
    same_kind(name, x, grad_output, "x and grad_output")
    geometry = _geometry(name, x.shape, size, grad_output.shape, stride, padding, dilation, groups)
    require_memory(f"{name}: a result", size, x._array, "reduce weight_size")
    return ToWeight(geometry)(x, grad_output)


def _sizes(name: str, argument: str, value: Sequence[int], layout: str) -> Shape:
    """Four sizes as plain integers."""
    sizes = tuple(value) if isinstance(value, tuple | list) else (value,)
    if len(sizes) != 4:
        raise ArgumentError(f"{name}: {argument} must be the four sizes {layout}, got {value!r}; pass .shape.")
    return tuple(integer(size, f"{name}: {argument}", 0) for size in sizes)


def _geometry(
    name: str,
    x: Shape,
    weight: Shape,
    grad_output: Shape,
    stride: IntOrPair,
    padding: IntOrPair,
    dilation: IntOrPair,
    groups: int,
) -> Geometry:
    """That of the convolution of an image and a weight of these shapes, whose result has the shape of grad_output."""
    groups = integer(groups, f"{name}: groups", 1)
    if x[1] != weight[1] * groups:
        raise ArgumentError(
            f"{name}: x has {x[1]} channels but weight expects {weight[1] * groups} (x is {x}, weight is {weight}, "
            f"groups {groups}); change one of the three."
        )
    if weight[0] % groups:
        raise ArgumentError(
            f"{name}: groups {groups} must divide the {weight[0]} channels of weight {weight}; change groups."
        )
    geometry = Geometry.of_convolution(x[2:], weight[2:], stride, padding, dilation, groups, name=name)
    made = (x[0], weight[0], *geometry.output_size)
    if grad_output != made:
        raise ArgumentError(
            f"{name}: grad_output has shape {grad_output}, but conv2d makes {made} of x {x} and weight {weight}; "
            f"pass that shape, or the sizes and parameters that it belongs to."
        )
    return geometry
