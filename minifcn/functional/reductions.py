"""Reductions: many numbers become one. Names and arguments are PyTorch's: `dim`, `keepdim`."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING

from minifcn.arguments import choice, flag, integer
from minifcn.arrays.half import narrow, wide
from minifcn.autograd import Operation
from minifcn.errors import ArgumentError
from minifcn.functional.arithmetic import broadcast_to, multiply, power, subtract
from minifcn.functional.operands import dimension, dimensions, floating, tensor
from minifcn.functional.shaping import reshape
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
        return array_module(x).asarray(narrow(wide(x).sum(axis=self.dims, keepdims=self.keepdim), x.dtype))

    def backward(self, grad: Tensor) -> Tensor:
        shape = self.shapes[0]
        kept = tuple(1 if i in self.dims else size for i, size in enumerate(shape))
        return broadcast_to(reshape(grad, kept), shape)


class AMax(Operation):
    """Largest element along some dimensions; equal winners share the gradient, as in PyTorch's amax."""

    keeps_output = True

    def __init__(self, dims: tuple[int, ...], keepdim: bool) -> None:
        self.dims, self.keepdim = dims, keepdim

    def forward(self, x: Array) -> Array:
        return array_module(x).asarray(x.max(axis=self.dims, keepdims=self.keepdim))

    def backward(self, grad: Tensor) -> Tensor:
        (x,) = self.operands
        kept = tuple(1 if i in self.dims else size for i, size in enumerate(x.shape))
        winners = x._array == self.output._array.reshape(kept)
        share = type(x).of((winners / winners.sum(axis=self.dims, keepdims=True)).astype(x.dtype))
        return multiply(broadcast_to(reshape(grad, kept), x.shape), share)


def sum(x: Tensor, dim: Dim = None, keepdim: bool = False) -> Tensor:
    """Σ x over `dim` (default: all)."""
    dims = dimensions("sum", dim, tensor("sum", x).ndim)
    return Sum(dims, flag(keepdim, "sum: keepdim"))(x)


def mean(x: Tensor, dim: Dim = None, keepdim: bool = False) -> Tensor:
    """Σ x / n over `dim` (default: all); the mean of nothing is an error."""
    dims = dimensions("mean", dim, floating("mean", x).ndim)
    count, keepdim = _count("mean", x, dims), flag(keepdim, "mean: keepdim")
    return astype(multiply(sum(widened(x), dims, keepdim), 1.0 / count), x.dtype)


def var(x: Tensor, dim: Dim = None, correction: int = 1, keepdim: bool = False) -> Tensor:
    """Σ (x − mean)² / (n − correction) over `dim` (default: all)."""
    dims = dimensions("var", dim, floating("var", x).ndim)
    count, keepdim = _count("var", x, dims), flag(keepdim, "var: keepdim")
    correction = integer(correction, "var: correction", 0)
    if count - correction <= 0:
        raise ArgumentError(f"var: {count} elements with correction {correction} leave nothing; use correction=0.")
    values = widened(x)
    deviation = subtract(values, mean(values, dims, keepdim=True))
    return astype(multiply(sum(power(deviation, 2), dims, keepdim), 1.0 / (count - correction)), x.dtype)


def reduced(name: str, x: Tensor, reduction: str) -> Tensor:
    """The numbers of a loss as their mean, their sum or as they are; `name` is that of the loss."""
    choice(reduction, f"{name}: reduction", REDUCTIONS)
    if reduction == "none":
        return x
    return sum(x) if reduction == "sum" else multiply(sum(x), 1 / max(1, x.size))  # of nothing 0, as of void pixels


def amax(x: Tensor, dim: Dim = None, keepdim: bool = False) -> Tensor:
    """The largest element over `dim` (default: all)."""
    dims = dimensions("amax", dim, floating("amax", x).ndim)
    _count("amax", x, dims)
    return AMax(dims, flag(keepdim, "amax: keepdim"))(x)


def argmax(x: Tensor, dim: int | None = None, keepdim: bool = False) -> Tensor:
    """Index of the first largest element along `dim` (default: of the flattened tensor), int64; no gradient."""
    array = tensor("argmax", x)._array
    axis, keepdim = None if dim is None else dimension("argmax", dim, x.ndim), flag(keepdim, "argmax: keepdim")
    _count("argmax", x, dimensions("argmax", axis, x.ndim))
    with at_home(array):
        return type(x).of(array_module(array).asarray(array.argmax(axis=axis, keepdims=keepdim)))


def _count(name: str, x: Tensor, dims: tuple[int, ...]) -> int:
    count = prod(x.shape[d] for d in dims)
    if count == 0:
        raise ArgumentError(f"{name}: nothing to reduce, x has shape {x.shape}; check for an empty batch first.")
    return count
