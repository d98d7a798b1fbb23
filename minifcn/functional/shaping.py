"""Moving elements about without changing them. Each operation is undone by its transpose, which is its backward.

As in PyTorch, `reshape`, `flatten`, `permute`, `transpose`, `crop` and `getitem` without index arrays give views where
they can: results that show the memory of x, so a write into one is seen in the other (and noticed by `backward`). What
changes nothing gives x itself (inside no_grad without its graph). `cat`, `stack` and `pad` always copy.
"""

from __future__ import annotations

import operator
from collections.abc import Sequence
from functools import partial
from math import prod
from typing import TYPE_CHECKING

from minifcn.arguments import IntOrPair, integer, number, pair
from minifcn.autograd import Gradient, Gradients, Movement
from minifcn.errors import ArgumentError, ArgumentTypeError
from minifcn.functional.indexing import GetItem
from minifcn.functional.operands import Shape, alike, dimension, dimensions, same_kind, tensor, unchanged
from minifcn.machine.backend import Array, array_module
from minifcn.machine.limits import require_memory

if TYPE_CHECKING:
    from minifcn.tensor import Tensor


class Reshape(Movement):
    def __init__(self, shape: Shape) -> None:
        self.shape = shape

    def forward(self, x: Array) -> Array:
        return x.reshape(self.shape)

    def backward(self, grad: Tensor) -> Tensor:
        return reshape(grad, self.shapes[0])


class Permute(Movement):
    def __init__(self, dims: tuple[int, ...]) -> None:
        self.dims = dims

    def forward(self, x: Array) -> Array:
        return x.transpose(self.dims)

    def backward(self, grad: Tensor) -> Tensor:
        inverse = tuple(sorted(range(len(self.dims)), key=self.dims.__getitem__))
        return Permute(inverse)(grad)


class Concatenate(Movement):
    def __init__(self, dim: int) -> None:
        self.dim = dim

    def forward(self, *arrays: Array) -> Array:
        return array_module(*arrays).concatenate(arrays, axis=self.dim)

    def backward(self, grad: Tensor) -> Gradients:
        parts: list[Gradient] = []
        start = 0
        for shape in self.shapes:
            key = (slice(None),) * self.dim + (slice(start, start + shape[self.dim]),)
            parts.append(partial(GetItem(key), grad))
            start += shape[self.dim]
        return tuple(parts)


class Pad(Movement):
    """Add (or, where negative, cut) elements before and after each dimension; its transpose has the signs changed."""

    def __init__(self, widths: tuple[tuple[int, int], ...], value: float = 0.0) -> None:
        self.widths, self.value = widths, value

    def forward(self, x: Array) -> Array:
        shape = tuple(size + before + after for size, (before, after) in zip(x.shape, self.widths, strict=True))
        padded = array_module(x).full(shape, self.value, x.dtype)
        target = tuple(slice(max(b, 0), n - max(a, 0)) for n, (b, a) in zip(shape, self.widths, strict=True))
        source = tuple(slice(max(-b, 0), n - max(-a, 0)) for n, (b, a) in zip(x.shape, self.widths, strict=True))
        padded[target] = x[source]
        return padded

    def backward(self, grad: Tensor) -> Tensor:
        return Pad(tuple((-before, -after) for before, after in self.widths))(grad)


def reshape(x: Tensor, shape: int | Sequence[int]) -> Tensor:
    """The same elements in another shape; one size may be -1. A view where the layout in memory allows one."""
    x = tensor("reshape", x)
    try:
        sizes = tuple(operator.index(size) for size in (shape if isinstance(shape, tuple | list) else (shape,)))
    except TypeError:
        raise ArgumentTypeError(f"reshape: the sizes must be integers, got {shape!r}.") from None
    known = prod(size for size in sizes if size != -1)
    unknown = sizes.count(-1)
    fits = (unknown == 0 and known == x.numel()) or (unknown == 1 and known > 0 and x.numel() % known == 0)
    if not fits or any(size < -1 for size in sizes):
        raise ArgumentError(f"reshape: {x.shape} has {x.numel()} elements, which do not fill {sizes}.")
    full = tuple(x.numel() // known if size == -1 else size for size in sizes)
    return unchanged(x) if full == x.shape else Reshape(full)(x)


def flatten(x: Tensor, start_dim: int = 0, end_dim: int = -1) -> Tensor:
    """Join the dimensions start_dim..end_dim into one, in row-major order (C, H, W for an image). As `reshape`."""
    first, last = dimension("flatten", start_dim, tensor("flatten", x).ndim), dimension("flatten", end_dim, x.ndim)
    return reshape(x, (*x.shape[:first], prod(x.shape[first : last + 1]), *x.shape[last + 1 :]))


def view(x: Tensor, shape: int | Sequence[int]) -> Tensor:
    """As `reshape`, but never a copy: ArgumentError where the layout in memory does not allow a view."""
    shown = reshape(x, shape)
    if shown._version is not x._version:
        raise ArgumentError(
            f"view: the memory of x (shape {x.shape}) is not in the order that {shown.shape} needs; use "
            f".reshape(...), which copies, or .contiguous() first."
        )
    return shown


def unsqueeze(x: Tensor, dim: int) -> Tensor:
    """A new dimension of size 1 at `dim`, counted in the result. A view."""
    axis = dimension("unsqueeze", dim, tensor("unsqueeze", x).ndim + 1)
    return reshape(x, (*x.shape[:axis], 1, *x.shape[axis:]))


def squeeze(x: Tensor, dim: int | tuple[int, ...] | None = None) -> Tensor:
    """Without the dimensions of size 1: all, or those among `dim`; one of another size stays. A view."""
    dims = dimensions("squeeze", dim, tensor("squeeze", x).ndim)
    return reshape(x, tuple(size for axis, size in enumerate(x.shape) if size != 1 or axis not in dims))


def permute(x: Tensor, dims: Sequence[int]) -> Tensor:
    """Dimensions in another order: result.shape[i] = x.shape[dims[i]]. A view."""
    if not isinstance(dims, tuple | list):
        raise ArgumentTypeError(f"permute: dims must be a tuple of dimensions, got {dims!r} ({type(dims).__name__}).")
    order = dimensions("permute", tuple(dims), tensor("permute", x).ndim)
    if len(order) != x.ndim:
        raise ArgumentError(f"permute: {len(order)} dims for a tensor of {x.ndim} dimensions; name each one once.")
    return Permute(order)(x)


def transpose(x: Tensor, dim0: int, dim1: int) -> Tensor:
    """Exchange two dimensions. A view."""
    order = list(range(tensor("transpose", x).ndim))
    first, second = dimension("transpose", dim0, x.ndim), dimension("transpose", dim1, x.ndim)
    order[first], order[second] = second, first
    return Permute(tuple(order))(x)


def cat(tensors: Sequence[Tensor], dim: int = 0) -> Tensor:
    """Join tensors along an existing dimension; all other sizes must agree."""
    if not tensors:
        raise ArgumentError("cat: nothing to join, the sequence of tensors is empty.")
    parts = alike("cat", *tensors)
    axis = dimension("cat", dim, parts[0].ndim)
    for part in parts[1:]:
        if part.ndim != parts[0].ndim or any(
            m != n for i, (m, n) in enumerate(zip(part.shape, parts[0].shape, strict=True)) if i != axis
        ):
            raise ArgumentError(
                f"cat: shapes {parts[0].shape} and {part.shape} differ outside dim {axis}; crop, pad or resize one."
            )
    return Concatenate(axis)(*parts)


def stack(tensors: Sequence[Tensor], dim: int = 0) -> Tensor:
    """Join tensors of one shape along a new dimension."""
    if not tensors:
        raise ArgumentError("stack: nothing to join, the sequence of tensors is empty.")
    parts = [tensor("stack", x, "each operand") for x in tensors]
    for part in parts[1:]:
        same_kind("stack", parts[0], part)
    axis = dimension("stack", dim, parts[0].ndim + 1)
    return cat([unsqueeze(x, axis) for x in parts], axis)


def pad(x: Tensor, pad: Sequence[int], mode: str = "constant", value: float = 0.0) -> Tensor:
    """Extend the last dimensions: pad = (left, right, top, bottom, ...), from the last dimension backwards.

    Negative widths cut. Only mode "constant" exists here; 0 is what convolution means by padding. Raises ArgumentError
    for widths that cut too much, AllocationError for a result larger than all memory.
    """
    if mode != "constant":
        raise ArgumentError(f'pad: mode {mode!r} is not available; use "constant".')
    value = number(value, "pad: value", finite=False)
    if not isinstance(pad, tuple | list):
        raise ArgumentTypeError(
            f"pad: give the widths as a tuple, (left, right) or (left, right, top, bottom), got {pad!r}."
        )
    widths = [integer(width, "pad", -(2**31)) for width in pad]
    if len(widths) % 2 or len(widths) > 2 * tensor("pad", x).ndim:
        raise ArgumentError(
            f"pad: {len(widths)} widths for {x.ndim} dimensions; give (left, right), (left, right, top, bottom), ..."
        )
    pairs = [(widths[i], widths[i + 1]) for i in range(0, len(widths), 2)]
    full = ((0, 0),) * (x.ndim - len(pairs)) + tuple(reversed(pairs))
    for axis, (before, after) in enumerate(full):
        if x.shape[axis] + min(before, 0) + min(after, 0) < 0:
            raise ArgumentError(f"pad: widths {(before, after)} cut more than the {x.shape[axis]} of dimension {axis}.")
    shape = tuple(integer(x.shape[axis] + sum(width), "pad: size of the result", 0) for axis, width in enumerate(full))
    require_memory("pad: a result", shape, x._array, "reduce the widths")
    return Pad(full, value)(x)


def crop(x: Tensor, size: IntOrPair, offset: IntOrPair = 0) -> Tensor:
    """The window of `size` (rows, columns) that begins at `offset` in the last two dimensions.

    x: (..., H, W) -> (..., size[0], size[1]), a view. ArgumentError if the window leaves the tensor.
    """
    return cropped("crop", x, size, offset)


def cropped(name: str, x: Tensor, size: IntOrPair, offset: IntOrPair) -> Tensor:
    """`crop`, whose errors begin with the name of the function that was called."""
    (rows, columns), (top, left) = pair(size, f"{name}: size", 0), pair(offset, f"{name}: offset", 0)
    if tensor(name, x).ndim < 2:
        raise ArgumentError(f"{name}: x must be (..., H, W), got shape {x.shape}; reshape it.")
    H, W = x.shape[-2:]
    if top + rows > H or left + columns > W:
        raise ArgumentError(
            f"{name}: rows {top} to {top + rows} and columns {left} to {left + columns} leave the tensor of {H}x{W}; "
            f"reduce the offset or the size."
        )
    if (rows, columns) == (H, W):
        return unchanged(x)
    return GetItem((..., slice(top, top + rows), slice(left, left + columns)))(x)
