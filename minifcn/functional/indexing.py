"""x[key] and its transpose, and what may stand in the brackets.

A key of slices, integers, None and Ellipsis gives a view; with a mask or index arrays in it, a copy.
"""

from __future__ import annotations

from copy import deepcopy
from types import EllipsisType
from typing import TYPE_CHECKING, TypeAlias, TypeGuard

import numpy as np

from minifcn.arrays.accepted import same_device
from minifcn.arrays.scatter import add_at
from minifcn.autograd import Movement, Variable
from minifcn.autograd.variable import array_of
from minifcn.errors import ArgumentError, ArgumentTypeError
from minifcn.functional.operands import Shape, tensor
from minifcn.machine.backend import Array, array_module, at_home, is_array

if TYPE_CHECKING:
    from minifcn.tensor import Tensor

# What may stand in the brackets of x[...]: one of these or a tuple of them. A list or an array holds indices or a mask.
Index: TypeAlias = "int | slice | EllipsisType | list[int] | Array | Tensor | None"
Key: TypeAlias = "Index | tuple[Index, ...]"


class GetItem(Movement):
    """x[key]; its transpose puts the gradient where it was read, adding where an element was read twice."""

    def __init__(self, key: Key) -> None:
        self.key = key

    def forward(self, x: Array) -> Array:
        return array_module(x).asarray(x[self.key])

    def backward(self, grad: Tensor) -> Tensor:
        return PutItem(self.key, self.shapes[0])(grad)


class PutItem(Movement):
    """Zeros of `shape` with y added at [key]: the transpose of x[key]."""

    def __init__(self, key: Key, shape: Shape) -> None:
        self.key, self.shape = key, shape

    def forward(self, y: Array) -> Array:
        xp = array_module(y)
        x = xp.zeros(self.shape, y.dtype)
        parts = self.key if isinstance(self.key, tuple) else (self.key,)
        if any(isinstance(part, list) or hasattr(part, "dtype") for part in parts):
            # An index array may name an element twice; look up which element each entry is.
            add_at(x, xp.arange(x.size).reshape(self.shape)[self.key], y)
        else:
            x[self.key] = y
        return x

    def backward(self, grad: Tensor) -> Tensor:
        return GetItem(self.key)(grad)


def getitem(x: Tensor, key: Key) -> Tensor:
    """x[key], with slices, integers, None, Ellipsis, masks and index arrays (each bounds-checked).

    A view, unless a mask or an index array (or list) is in the key: then a copy.
    """
    parts = plain_key("getitem", tensor("getitem", x)._array, key)
    with at_home(x._array):
        _check_key(x, parts)
        return GetItem(parts)(x)


def _check_key(x: Tensor, parts: tuple[Index, ...]) -> None:
    axis = 0
    for position, part in enumerate(parts):
        if part is Ellipsis:
            axis = x.ndim - sum(0 if rest is None else _width(rest) for rest in parts[position + 1 :])
            continue
        if part is None:
            continue
        if axis >= x.ndim:
            raise ArgumentError(f"getitem: too many indices for a tensor of shape {x.shape}.")
        if _is_mask(part) and part.shape != x.shape[axis : axis + part.ndim]:
            raise ArgumentError(
                f"getitem: a mask of shape {part.shape} does not fit dimensions {axis} to {axis + part.ndim - 1} of "
                f"shape {x.shape}; make one of shape {x.shape[axis : axis + part.ndim]}."
            )
        if not isinstance(part, slice) and not _is_mask(part):
            indices: Array = part if is_array(part) else np.asarray(part)  # a number is looked at without asking a GPU
            if indices.dtype.kind not in "iu":
                raise ArgumentTypeError(f"getitem: an index must be an integer, slice or mask, got {part!r}.")
            size = x.shape[axis]
            # CuPy wraps indices that are out of range silently, so they are looked at before they are used.
            if indices.size and (int(indices.min()) < -size or int(indices.max()) >= size):
                wrong = int(indices.min()) if int(indices.min()) < -size else int(indices.max())
                raise ArgumentError(f"getitem: index {wrong} is out of range for dimension {axis} of size {size}.")
        axis += _width(part)


def plain_key(name: str, x: Array, key: Key) -> tuple[Index, ...]:
    """The parts of a key for x, copied: Tensors and arrays (as plain arrays) and lists; backward needs them as now."""

    def plain(part: Index) -> Index:
        if not (isinstance(part, Variable) or is_array(part)):
            return deepcopy(part)
        array = array_of(part, name="an index")
        same_device(name, x, array, "the tensor and the index")  # CuPy would move a NumPy index without a word
        with at_home(array):
            return array.copy()

    return tuple(plain(part) for part in (key if isinstance(key, tuple) else (key,)))


def _is_mask(part: Index) -> TypeGuard[Array]:
    return getattr(getattr(part, "dtype", None), "kind", "") == "b" and getattr(part, "ndim", 0) > 0


def _width(part: Index) -> int:
    """How many dimensions of x an index uses up."""
    return part.ndim if _is_mask(part) else 1
