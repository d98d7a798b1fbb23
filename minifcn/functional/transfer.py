"""Moving a tensor to another device, dtype or memory; the gradient makes the same way back."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from minifcn.arrays.accepted import real_dtype
from minifcn.autograd import Movement
from minifcn.autograd.gradients import Copy
from minifcn.functional.operands import tensor, unchanged
from minifcn.machine.backend import Array, device_of, full_name, to_device

if TYPE_CHECKING:
    from numpy.typing import DTypeLike

    from minifcn.tensor import Tensor


class ToDevice(Movement):
    def __init__(self, device: str) -> None:
        self.device = device

    def forward(self, x: Array) -> Array:
        self.origin = device_of(x)
        return to_device(x, self.device)

    def backward(self, grad: Tensor) -> Tensor:
        return ToDevice(self.origin)(grad)


class AsType(Movement):
    def __init__(self, dtype: np.dtype) -> None:
        self.dtype = dtype

    @np.errstate(over="ignore")
    def forward(self, x: Array) -> Array:
        self.origin = x.dtype
        return x.astype(self.dtype)

    def backward(self, grad: Tensor) -> Tensor:
        return AsType(self.origin)(grad)


def to(x: Tensor, device: str) -> Tensor:
    """The tensor on `device` ("cpu", "cuda", "cuda:1"); itself if it is there already."""
    moved = ToDevice(full_name(device))(tensor("to", x))
    return x if moved._array is x._array else moved


def clone(x: Tensor) -> Tensor:
    """The same numbers in memory of their own, with the same graph."""
    return Copy()(tensor("clone", x))


def contiguous(x: Tensor) -> Tensor:
    """x itself if its elements lie in memory in their order, row by row; otherwise a copy in which they do."""
    return unchanged(x) if tensor("contiguous", x)._array.flags.c_contiguous else Copy()(x)


def astype(x: Tensor, dtype: DTypeLike) -> Tensor:
    """The tensor in another dtype; itself if it has it already. Integers carry no gradient.

    What is too large for a float becomes infinite.
    """
    wanted = real_dtype(dtype, "a Tensor", "astype: ")
    if tensor("astype", x).dtype == wanted:
        return x
    return AsType(wanted)(x if wanted.kind == "f" else x.detach())


def widened(x: Tensor) -> Tensor:
    """float16 as float32, for what squares or adds up many numbers in several steps; everything else as it is."""
    return astype(x, np.float32) if x.dtype == np.float16 else x
