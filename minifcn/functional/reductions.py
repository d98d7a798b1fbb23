"""Reductions: many numbers become one. Names and arguments are PyTorch's: `dim`, `keepdim`."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any, NamedTuple, overload

import numpy as np

from minifcn.arguments import choice, flag, integer
from minifcn.arrays.half import narrow, wide
from minifcn.autograd import Operation, Variable
from minifcn.errors import ArgumentError, ArgumentTypeError
from minifcn.functional.arithmetic import Where, add, broadcast_to, multiply, power, sqrt, subtract
from minifcn.functional.operands import dimension, dimensions, floating, tensor
from minifcn.functional.shaping import reshape, squeeze
from minifcn.functional.transfer import astype, widened
from minifcn.machine.backend import Array, array_module, at_home

if TYPE_CHECKING:
    from minifcn.tensor import Tensor

Dim = int | tuple[int, ...] | None
REDUCTIONS = ("mean", "sum", "none")  # what a loss can do with what its pixels cost


class Sum(Operation):
    """Sum over some dimensions; backward repeats the gradient along them."""

    keeps_operands = False

    def __init__(self, dims: tuple[int, ...], keepdim: bool) -> None:
        self.dims, self.keepdim = dims, keepdim

    def forward(self, x: Array) -> Array:
        # Whole numbers add up in int64, as in PyTorch; NumPy's uint64 would wrap where a difference is below 0.
        dtype = np.int64 if x.dtype.kind == "u" else None
        return array_module(x).asarray(narrow(wide(x).sum(axis=self.dims, keepdims=self.keepdim, dtype=dtype), x.dtype))

    def backward(self, grad: Tensor) -> Tensor:
        shape = self.shapes[0]
        kept = tuple(1 if i in self.dims else size for i, size in enumerate(shape))
        return broadcast_to(reshape(grad, kept), shape)


class AMax(Operation):
    """Largest element along some dimensions; equal winners share the gradient, as in PyTorch's amax."""

    keeps_output = True
    winner = "max"

    def __init__(self, dims: tuple[int, ...], keepdim: bool) -> None:
        self.dims, self.keepdim = dims, keepdim

    def forward(self, x: Array) -> Array:
        return array_module(x).asarray(getattr(x, self.winner)(axis=self.dims, keepdims=self.keepdim))

    def backward(self, grad: Tensor) -> Tensor:
        (x,) = self.operands
        kept = tuple(1 if i in self.dims else size for i, size in enumerate(x.shape))
        winners = x._array == self.output._array.reshape(kept)
        share = type(x).of((winners / winners.sum(axis=self.dims, keepdims=True)).astype(x.dtype))
        return multiply(broadcast_to(reshape(grad, kept), x.shape), share)


class AMin(AMax):
    """Smallest element along some dimensions; equal winners share the gradient."""

    winner = "min"


class TakeAlong(Operation):
    """The element at `index` of each line along a dimension, which stays with size 1; it alone has the gradient."""

    keeps_operands = False

    def __init__(self, index: Array, dim: int, winner: str) -> None:
        """winner: "max" or "min", what the elements at `index` are."""
        self.index, self.dim, self.winner = index, dim, winner

    def forward(self, x: Array) -> Array:
        return array_module(x).take_along_axis(x, self.index, self.dim)

    def backward(self, grad: Tensor) -> Tensor:
        shape = self.shapes[0]
        places = array_module(self.index).arange(shape[self.dim]).reshape(-1, *(1,) * (len(shape) - 1 - self.dim))
        return Where(places == self.index)(broadcast_to(grad, shape))


class Extreme(NamedTuple):
    """What `max` and `min` along a dimension find: the elements, and their places as int64."""

    values: Tensor
    indices: Tensor


def sum(x: Tensor, dim: Dim = None, keepdim: bool = False, *, axis: Dim = None) -> Tensor:
    """Σ x over `dim` (default: all). As everywhere here, `axis` is another name for `dim`."""
    return Sum(_dims("sum", tensor("sum", x), dim, axis), flag(keepdim, "sum: keepdim"))(x)


def mean(x: Tensor, dim: Dim = None, keepdim: bool = False, *, axis: Dim = None) -> Tensor:
    """Σ x / n over `dim` (default: all); the mean of nothing is an error."""
    dims = _dims("mean", floating("mean", x), dim, axis)
    count, keepdim = _count("mean", x, dims), flag(keepdim, "mean: keepdim")
    return astype(multiply(sum(widened(x), dims, keepdim), 1.0 / count), x.dtype)


def var(x: Tensor, dim: Dim = None, correction: int = 1, keepdim: bool = False, *, axis: Dim = None) -> Tensor:
    """Σ (x − mean)² / (n − correction) over `dim` (default: all).

    A flag for `correction` is PyTorch's `unbiased`, which stands at its place: True is 1, False is 0.
    """
    dims = _dims("var", floating("var", x), dim, axis)
    return astype(_variance("var", widened(x), dims, correction, keepdim), x.dtype)


def std(x: Tensor, dim: Dim = None, correction: int = 1, keepdim: bool = False, *, axis: Dim = None) -> Tensor:
    """√var over `dim` (default: all), `correction` as there; where all elements are equal the gradient is 0."""
    dims = _dims("std", floating("std", x), dim, axis)
    variance = _variance("std", widened(x), dims, correction, keepdim)
    with at_home(variance._array):  # √ has an infinite slope at 0, so it is asked at 1 there
        still = type(x).of((variance._array == 0).astype(variance.dtype))
    return astype(subtract(sqrt(add(variance, still)), still), x.dtype)


def _variance(name: str, x: Tensor, dims: tuple[int, ...], correction: int, keepdim: bool) -> Tensor:
    count, keepdim = _count(name, x, dims), flag(keepdim, f"{name}: keepdim")
    flagged = isinstance(correction, bool | np.bool_)
    correction = int(correction) if flagged else integer(correction, f"{name}: correction", 0)
    if count - correction <= 0:
        raise ArgumentError(f"{name}: {count} elements with correction {correction} leave nothing; use correction=0.")
    deviation = subtract(x, mean(x, dims, keepdim=True))
    return multiply(sum(power(deviation, 2), dims, keepdim), 1.0 / (count - correction))


def reduced(name: str, x: Tensor, reduction: str) -> Tensor:
    """The numbers of a loss as their mean, their sum or as they are; `name` is that of the loss."""
    choice(reduction, f"{name}: reduction", REDUCTIONS)
    if reduction == "none":
        return x
    # The mean of nothing is 0, as that of nothing but void pixels.
    return sum(x) if reduction == "sum" else multiply(sum(x), 1 / (prod(x.shape) or 1))


def amax(x: Tensor, dim: Dim = None, keepdim: bool = False, *, axis: Dim = None) -> Tensor:
    """Largest element over `dim` (default: all); the largest of nothing is an error."""
    dims = _dims("amax", tensor("amax", x), dim, axis)
    _count("amax", x, dims)
    return AMax(dims, flag(keepdim, "amax: keepdim"))(x)


def amin(x: Tensor, dim: Dim = None, keepdim: bool = False, *, axis: Dim = None) -> Tensor:
    """Smallest element over `dim` (default: all); the smallest of nothing is an error."""
    dims = _dims("amin", tensor("amin", x), dim, axis)
    _count("amin", x, dims)
    return AMin(dims, flag(keepdim, "amin: keepdim"))(x)


def argmax(x: Tensor, dim: int | None = None, keepdim: bool = False, *, axis: int | None = None) -> Tensor:
    """Index of the first largest element along `dim` (default: of the flattened tensor), int64; no gradient."""
    return _place("argmax", x, dim, keepdim, axis)


def argmin(x: Tensor, dim: int | None = None, keepdim: bool = False, *, axis: int | None = None) -> Tensor:
    """Index of the first smallest element along `dim` (default: of the flattened tensor), int64; no gradient."""
    return _place("argmin", x, dim, keepdim, axis)


@overload
def max(x: Tensor) -> Tensor: ...
@overload
def max(x: Tensor, dim: int, keepdim: bool = False) -> Extreme: ...
@overload
def max(x: Tensor, *, keepdim: bool = False, axis: int) -> Extreme: ...
def max(x: Tensor, dim: int | None = None, keepdim: bool = False, *, axis: int | None = None) -> Any:
    """The largest element of all, or with `dim` a pair (values, indices) along it, each the first of its equals.

    The gradient goes to the elements found; of all elements, equal winners share it (see `amax`). As in PyTorch.

    >>> import minifcn
    >>> values, indices = max(minifcn.Tensor([[1.0, 5.0], [7.0, 2.0]]), dim=1)
    >>> values.tolist(), indices.tolist()
    ([5.0, 7.0], [1, 0])
    """
    return _extreme("max", x, dim, keepdim, axis)


@overload
def min(x: Tensor) -> Tensor: ...
@overload
def min(x: Tensor, dim: int, keepdim: bool = False) -> Extreme: ...
@overload
def min(x: Tensor, *, keepdim: bool = False, axis: int) -> Extreme: ...
def min(x: Tensor, dim: int | None = None, keepdim: bool = False, *, axis: int | None = None) -> Any:
    """The smallest element of all, or with `dim` a pair (values, indices) along it; as `max`."""
    return _extreme("min", x, dim, keepdim, axis)


def all(x: Tensor, dim: Dim = None, keepdim: bool = False, *, axis: Dim = None) -> Tensor:
    """Whether every element over `dim` (default: all) is other than 0, as booleans; of nothing it is true."""
    return _truth("all", x, dim, keepdim, axis)


def any(x: Tensor, dim: Dim = None, keepdim: bool = False, *, axis: Dim = None) -> Tensor:
    """Whether some element over `dim` (default: all) is other than 0, as booleans; of nothing it is false."""
    return _truth("any", x, dim, keepdim, axis)


def _truth(name: str, x: Tensor, dim: Dim, keepdim: bool, axis: Dim) -> Tensor:
    array, keepdim = tensor(name, x)._array, flag(keepdim, f"{name}: keepdim")
    dims = _dims(name, x, dim, axis)
    with at_home(array):
        return type(x).of(array_module(array).asarray(getattr(array != 0, name)(axis=dims, keepdims=keepdim)))


def _place(name: str, x: Tensor, dim: int | None, keepdim: bool, axis: int | None) -> Tensor:
    array, keepdim = tensor(name, x)._array, flag(keepdim, f"{name}: keepdim")
    chosen = _one(name, x, dim, axis)
    _count(name, x, dimensions(name, chosen, x.ndim))
    with at_home(array):
        found = getattr(array, f"arg{name.removeprefix('arg')}")(axis=chosen, keepdims=keepdim)
        return type(x).of(array_module(array).asarray(found))


def _extreme(name: str, x: Tensor, dim: int | None, keepdim: bool, axis: int | None) -> Tensor | Extreme:
    if isinstance(dim, Variable):
        raise ArgumentTypeError(f"{name}: dim is a Tensor; for the {name} of two use F.where(a > b, a, b) or the like.")
    keepdim = flag(keepdim, f"{name}: keepdim")
    if dim is None and axis is None:
        return amax(x) if name == "max" else amin(x)
    along = _one(name, tensor(name, x), dim, axis)
    indices = _place(f"arg{name}", x, along, True, None)
    values = TakeAlong(indices._array, along, name)(x)
    return Extreme(values, indices) if keepdim else Extreme(squeeze(values, along), squeeze(indices, along))


def _one(name: str, x: Tensor, dim: int | None, axis: int | None) -> Any:
    """The one dimension that is meant, counted from the front, or None for all."""
    if dim is not None and axis is not None:
        raise ArgumentError(f"{name}: dim {dim} and axis {axis} mean the same; give one of them.")
    chosen = axis if dim is None else dim
    return None if chosen is None else dimension(name, chosen, x.ndim)


def _dims(name: str, x: Tensor, dim: Dim, axis: Dim) -> tuple[int, ...]:
    if dim is not None and axis is not None:
        raise ArgumentError(f"{name}: dim {dim} and axis {axis} mean the same; give one of them.")
    return dimensions(name, axis if dim is None else dim, x.ndim)


def _count(name: str, x: Tensor, dims: tuple[int, ...]) -> int:
    count = prod(x.shape[d] for d in dims)
    if count == 0:
        raise ArgumentError(f"{name}: nothing to reduce, x has shape {x.shape}; check for an empty batch first.")
    return count
