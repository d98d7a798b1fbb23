"""Matrix product. Its two gradients are matrix products."""

from __future__ import annotations

from typing import TYPE_CHECKING

from minifcn.arrays.half import narrow, wide
from minifcn.autograd import Gradients, Operation
from minifcn.errors import ArgumentError
from minifcn.functional.arithmetic import add, sum_to
from minifcn.functional.operands import alike, broadcastable, floating, same_kind, tensor
from minifcn.functional.shaping import reshape, transpose
from minifcn.machine.backend import Array
from minifcn.machine.product import product

if TYPE_CHECKING:
    from minifcn.tensor import Tensor


class MatMul(Operation):
    """y = a b;  gradients: g bᵀ and aᵀ g, summed over broadcast batch dimensions."""

    def forward(self, a: Array, b: Array) -> Array:
        return narrow(product(wide(a), wide(b)), a.dtype)

    def backward(self, grad: Tensor) -> Gradients:
        a, b = self.operands
        return (
            lambda: sum_to(MatMul()(grad, transpose(b, -1, -2)), a.shape),
            lambda: sum_to(MatMul()(transpose(a, -1, -2), grad), b.shape),
        )


def matmul(a: Tensor | Array, b: Tensor | Array) -> Tensor:
    """a (..., n, k) @ b (..., k, m) -> (..., n, m); vectors count as one row or one column, as in NumPy."""
    a, b = alike("matmul", a, b)
    if not a.ndim or not b.ndim:
        raise ArgumentError(f"matmul: a number cannot be multiplied as a matrix ({a.shape} @ {b.shape}); use *.")
    rows = reshape(a, (1, *a.shape)) if a.ndim == 1 else a
    columns = reshape(b, (*b.shape, 1)) if b.ndim == 1 else b
    if rows.shape[-1] != columns.shape[-2]:
        raise ArgumentError(
            f"matmul: {a.shape} @ {b.shape}: the inner sizes {rows.shape[-1]} and {columns.shape[-2]} differ; "
            f"transpose one of them."
        )
    broadcastable("matmul", rows.shape[:-2], columns.shape[:-2])
    product = MatMul()(rows, columns)
    kept_rows = () if a.ndim == 1 else rows.shape[-2:-1]
    kept_columns = () if b.ndim == 1 else columns.shape[-1:]
    return reshape(product, product.shape[:-2] + kept_rows + kept_columns)


def linear(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """y = x Aᵀ + b: x (..., in), weight A (out, in), bias (out,) -> (..., out)."""
    if floating("linear", x).shape[-1:] != tensor("linear", weight, "weight").shape[-1:] or weight.ndim != 2:
        raise ArgumentError(
            f"linear: x has {x.shape[-1] if x.ndim else 'no'} features but weight is {weight.shape}; "
            f"pass weight of shape (out, {x.shape[-1] if x.ndim else 'in'})."
        )
    same_kind("linear", x, weight, "x and weight")
    y = matmul(x, transpose(weight, 0, 1))
    if bias is None:
        return y
    if tensor("linear", bias, "bias").shape != weight.shape[:1]:
        raise ArgumentError(f"linear: bias must have shape ({weight.shape[0]},), got {bias.shape}.")
    same_kind("linear", x, bias, "x and bias")
    return add(y, bias)
