"""What operations ask of their operands: Tensors of one dtype on one device, with numbers and arrays let in."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias, TypeGuard

import numpy as np

from minifcn.arguments import integer, whole_number
from minifcn.arrays.accepted import checked_array
from minifcn.arrays.accepted import same_device as same_device
from minifcn.autograd import Variable, is_grad_enabled
from minifcn.errors import ArgumentError, ArgumentTypeError
from minifcn.machine.backend import Array, array_module, at_home, is_array

if TYPE_CHECKING:  # Tensor stands one floor above: here it is only a name in signatures
    from minifcn.tensor import Tensor

Shape = tuple[int, ...]

# What arithmetic takes: a Tensor, and beside a Tensor also a plain number or an array, which count as constants.
Operand: TypeAlias = "Tensor | Array | float"


def _is_tensor(value: object) -> TypeGuard[Tensor]:
    """Whether `value` is a Tensor. (Every Variable that reaches this floor is one.)"""
    return isinstance(value, Variable)


def tensor(name: str, value: object, argument: str = "x") -> Tensor:
    """`value`, which must be a Tensor."""
    if not _is_tensor(value):
        raise ArgumentTypeError(
            f"{name}: {argument} must be a Tensor, got {type(value).__name__}; wrap it with minifcn.Tensor(...)."
        )
    return value


def floating(name: str, value: object, argument: str = "x") -> Tensor:
    """`value`, which must be a Tensor of floating point numbers. (uint8 images would wrap: 200 + 200 = 144.)"""
    x = tensor(name, value, argument)
    if x.dtype.kind != "f":
        raise ArgumentTypeError(
            f"{name}: {argument} must be floating point, got {x.dtype}; convert it with .astype(numpy.float32)."
        )
    return x


def alike(name: str, *values: Operand) -> tuple[Tensor, ...]:
    """The operands as Tensors of one dtype and device; numbers and arrays become constants beside the first Tensor.

    A Python number takes the dtype of the Tensor, an array must have it already: mixing float32 and float64 is an
    error that names both, never a silent conversion.
    """
    first = next((v for v in values if _is_tensor(v)), None)
    if first is None:
        kinds = " and ".join(type(v).__name__ for v in values)
        raise ArgumentTypeError(f"{name}: expected a Tensor, got {kinds}; wrap one with minifcn.Tensor(...).")
    made = tuple(v if _is_tensor(v) else _constant(name, v, first) for v in values)
    for other in made:
        same_kind(name, first, other)
    return made


def same_kind(name: str, first: Tensor, other: Tensor, what: str = "the operands") -> None:
    """Raise unless both have one dtype and one device."""
    if other.dtype != first.dtype:
        raise ArgumentTypeError(
            f"{name}: {what} have different dtypes, {first.dtype} and {other.dtype}; convert one with .astype(...)."
        )
    same_device(name, first._array, other._array, what)


def _constant(name: str, value: Operand, beside: Tensor) -> Tensor:
    xp = array_module(beside._array)
    if is_array(value):
        # Checked and copied as Tensor(value) would be: a later change of the array must not reach a saved operand.
        with at_home(value):
            return type(beside).of(checked_array(value).copy())
    if not isinstance(value, bool | int | float | np.bool_ | np.integer | np.floating):
        raise ArgumentTypeError(
            f"{name}: cannot combine a Tensor with {type(value).__name__}; pass a number, an array or a Tensor."
        )
    if beside.dtype.kind != "f" and isinstance(value, float | np.floating):
        raise ArgumentTypeError(
            f"{name}: the number {float(value)} does not fit a Tensor of {beside.dtype}; convert the Tensor first."
        )
    try:
        with at_home(beside._array):
            return type(beside).of(xp.asarray(value, beside.dtype))
    except OverflowError:
        raise ArgumentError(
            f"{name}: the number {int(value)} does not fit a Tensor of {beside.dtype}; convert the Tensor first."
        ) from None


def unchanged(x: Tensor) -> Tensor:
    """The result of an operation that finds nothing to do: x itself. Inside no_grad, x without its graph."""
    return x if is_grad_enabled() or not x.requires_grad else x.detach()


def broadcastable(name: str, first: Shape, second: Shape) -> None:
    """Raise unless the shapes agree from the back, or are 1."""
    for m, n in zip(first[::-1], second[::-1], strict=False):
        if m != n and 1 not in (m, n):
            raise ArgumentError(
                f"{name}: shapes {first} and {second} cannot be broadcast together ({m} against {n}); "
                f"reshape one so that the sizes agree or are 1."
            )


def dimension(name: str, dim: int, ndim: int) -> int:
    """`dim` counted from the front, checked."""
    number = whole_number(dim)
    if number is None:
        raise ArgumentTypeError(f"{name}: dim must be an integer, got {dim!r} ({type(dim).__name__}).")
    if not -ndim <= number < ndim:
        raise ArgumentError(f"{name}: dim {number} is out of range for {ndim} dimensions; use {-ndim} to {ndim - 1}.")
    return number % ndim


def dimensions(name: str, dim: int | tuple[int, ...] | None, ndim: int) -> tuple[int, ...]:
    """All the dimensions meant by `dim`; None means every one."""
    if dim is None:
        return tuple(range(ndim))
    chosen = tuple(dimension(name, d, ndim) for d in (dim if isinstance(dim, tuple | list) else (dim,)))
    if len(set(chosen)) != len(chosen):
        raise ArgumentError(f"{name}: dim {dim} names a dimension twice.")
    return chosen


def sizes(name: str, shape: object) -> Shape:
    """`shape` as a tuple of plain integers of at least 0."""
    if not isinstance(shape, tuple | list):
        raise ArgumentTypeError(f"{name}: shape must be a tuple of sizes, got {shape!r} ({type(shape).__name__}).")
    return tuple(integer(size, f"{name}: a size", 0) for size in shape)


def image(name: str, value: object, argument: str = "x") -> Tensor:
    """A floating point Tensor of shape (N, C, H, W)."""
    x = floating(name, value, argument)
    if x.ndim != 4:
        hint = {2: "[None, None]", 3: "[None]"}.get(x.ndim)
        remedy = f"index it with {hint}" if hint else "reshape it"
        raise ArgumentError(
            f"{name}: {argument} must have 4 dimensions (N, C, H, W), got {x.ndim} (shape {x.shape}); {remedy}."
        )
    return x


def kernel(name: str, value: object, layout: str = "(O, C/groups, KH, KW)") -> Tensor:
    """A Tensor of four dimensions: the weight of a convolution."""
    weight = tensor(name, value, "weight")
    if weight.ndim != 4:
        raise ArgumentError(
            f"{name}: weight must have 4 dimensions {layout}, got {weight.ndim} (shape {weight.shape}); reshape it."
        )
    return weight
