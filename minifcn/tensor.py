"""Tensor: a Variable with Python's operators and PyTorch's methods. Every line delegates to `functional`."""

from __future__ import annotations

from typing import Any

import numpy as np

from minifcn import functional as F
from minifcn.arrays.accepted import same_device
from minifcn.autograd import Variable, backward, is_grad_enabled
from minifcn.autograd.variable import array_of
from minifcn.errors import ArgumentError, ArgumentTypeError, GraphError
from minifcn.functional.operands import alike
from minifcn.functional.shaping import plain_key
from minifcn.machine.backend import array_module, at_home, names_device


class Tensor(Variable):
    """An array that can be differentiated: `Tensor([[1.0, 2.0]], requires_grad=True)`.

    data: numbers, lists or an array; copied. Python floats become float32, arrays keep their dtype.
    requires_grad, dtype, device: as in PyTorch. `.data`, `.grad`, `.detach()`, `.numpy()`, `.item()`: see `Variable`.

    >>> x = Tensor([1.0, 2.0], requires_grad=True)
    >>> (x * x).sum().backward()
    >>> x.grad
    Tensor([2., 4.])
    """

    __slots__ = ()

    def backward(self, gradient: object = None, retain_graph: bool | None = None, create_graph: bool = False) -> None:
        """Add d(self)/d(leaf) · gradient to `.grad` of every leaf that requires grad; see `autograd.backward`."""
        backward(self, gradient, retain_graph=retain_graph, create_graph=create_graph)

    # Operators ------------------------------------------------------------------------------------------------------

    def __add__(self, other: Any) -> Any:
        return F.add(self, other)

    def __radd__(self, other: Any) -> Any:
        return F.add(other, self)

    def __sub__(self, other: Any) -> Any:
        return F.subtract(self, other)

    def __rsub__(self, other: Any) -> Any:
        return F.subtract(other, self)

    def __mul__(self, other: Any) -> Any:
        return F.multiply(self, other)

    def __rmul__(self, other: Any) -> Any:
        return F.multiply(other, self)

    def __truediv__(self, other: Any) -> Any:
        return F.divide(self, other)

    def __rtruediv__(self, other: Any) -> Any:
        return F.divide(other, self)

    def __pow__(self, exponent: float) -> Any:
        return F.power(self, exponent)

    def __neg__(self) -> Any:
        return F.negative(self)

    def __matmul__(self, other: Any) -> Any:
        return F.matmul(self, other)

    def __rmatmul__(self, other: Any) -> Any:
        return F.matmul(other, self)

    def __getitem__(self, key: Any) -> Any:
        return F.getitem(self, key)

    def __setitem__(self, key: Any, value: Any) -> None:
        """Write into the memory. Refused while it would change a graph behind autograd's back."""
        if self.requires_grad and is_grad_enabled():
            raise GraphError(
                "writing into a tensor that requires grad is not recorded; do it inside no_grad() or on .detach()."
            )
        given, parts = self.beside(value), plain_key("setitem", self._array, key)
        same_device("setitem", self._array, given, "the tensor and the value")
        with at_home(self._array):
            self.mutable()[parts] = given

    # Comparisons give boolean tensors, so a tensor is found in dictionaries by identity.
    __hash__ = Variable.__hash__

    def __eq__(self, other: object) -> Any:
        return False if other is None else self._compare("equal", other)

    def __ne__(self, other: object) -> Any:
        return True if other is None else self._compare("not_equal", other)

    def __lt__(self, other: Any) -> Any:
        return self._compare("less", other)

    def __le__(self, other: Any) -> Any:
        return self._compare("less_equal", other)

    def __gt__(self, other: Any) -> Any:
        return self._compare("greater", other)

    def __ge__(self, other: Any) -> Any:
        return self._compare("greater_equal", other)

    def _compare(self, relation: str, other: object) -> Any:
        first, second = alike(relation, self, other)
        with at_home(first._array):
            return type(self).of(getattr(array_module(first._array), relation)(first._array, second._array))

    def __iter__(self) -> Any:
        return (self[i] for i in range(len(self)))

    def __float__(self) -> float:
        return float(self.item())

    def __int__(self) -> int:
        return int(self.item())

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        """numpy.asarray(tensor): the values, as by `.numpy()`; never a silent copy from a GPU."""
        if self.device != "cpu":
            raise ArgumentTypeError(f"a tensor on {self.device} is not copied to NumPy silently; use .numpy().")
        values = self.numpy()
        if copy:  # NumPy trusts the answer to be a copy then, and would hand out this tensor's own memory
            return np.array(values, dtype)
        made = values if dtype is None else values.astype(dtype, copy=False)
        if copy is False and made is not values:
            raise ArgumentError(f"{values.dtype} cannot become {made.dtype} without a copy; leave copy=False out.")
        return made

    # Shapes ---------------------------------------------------------------------------------------------------------

    def reshape(self, *shape: Any) -> Any:
        return F.reshape(self, shape[0] if len(shape) == 1 and isinstance(shape[0], tuple | list) else shape)

    def flatten(self, start_dim: int = 0, end_dim: int = -1) -> Any:
        return F.flatten(self, start_dim, end_dim)

    def permute(self, *dims: Any) -> Any:
        return F.permute(self, dims[0] if len(dims) == 1 and isinstance(dims[0], tuple | list) else dims)

    def transpose(self, dim0: int, dim1: int) -> Any:
        return F.transpose(self, dim0, dim1)

    @property
    def T(self) -> Any:
        """The transpose of a matrix."""
        return F.permute(self, tuple(range(self.ndim))[::-1])

    # Reductions -----------------------------------------------------------------------------------------------------

    def sum(self, dim: Any = None, keepdim: bool = False) -> Any:
        return F.sum(self, dim, keepdim)

    def mean(self, dim: Any = None, keepdim: bool = False) -> Any:
        return F.mean(self, dim, keepdim)

    def var(self, dim: Any = None, correction: int = 1, keepdim: bool = False) -> Any:
        return F.var(self, dim, correction, keepdim)

    def amax(self, dim: Any = None, keepdim: bool = False) -> Any:
        return F.amax(self, dim, keepdim)

    def argmax(self, dim: int | None = None, keepdim: bool = False) -> Any:
        return F.argmax(self, dim, keepdim)

    # Element by element ---------------------------------------------------------------------------------------------

    def exp(self) -> Any:
        return F.exp(self)

    def log(self) -> Any:
        return F.log(self)

    def sqrt(self) -> Any:
        return F.sqrt(self)

    def abs(self) -> Any:
        return F.abs(self)

    def pow(self, exponent: float) -> Any:
        return F.power(self, exponent)

    def clamp(self, min: float | None = None, max: float | None = None) -> Any:
        return F.clamp(self, min, max)

    def relu(self) -> Any:
        return F.relu(self)

    def sigmoid(self) -> Any:
        return F.sigmoid(self)

    def tanh(self) -> Any:
        return F.tanh(self)

    def softmax(self, dim: int) -> Any:
        return F.softmax(self, dim)

    def log_softmax(self, dim: int) -> Any:
        return F.log_softmax(self, dim)

    # Device and dtype -----------------------------------------------------------------------------------------------

    def to(self, device_or_dtype: Any) -> Any:
        """The tensor on a device ("cpu", "cuda", "cuda:1") or in a dtype (numpy.float64)."""
        return F.to(self, device_or_dtype) if names_device(device_or_dtype) else F.astype(self, device_or_dtype)

    def astype(self, dtype: Any) -> Any:
        return F.astype(self, dtype)

    def cpu(self) -> Any:
        return F.to(self, "cpu")

    def cuda(self) -> Any:
        return F.to(self, "cuda")


class Parameter(Tensor):
    """A Tensor that a module learns: it requires grad, and `module.parameters()` finds it."""

    __slots__ = ()

    def __init__(self, data: object, requires_grad: bool = True, **options: Any) -> None:
        super().__init__(data, requires_grad, **options)

    @classmethod
    def of(cls, array: Any, grad_fn: Any = None) -> Any:
        return Tensor.of(array, grad_fn)  # what is computed from a parameter is an ordinary tensor


class Buffer(Tensor):
    """A Tensor that belongs to a module's state but is not learned, such as a running mean."""

    __slots__ = ()

    @classmethod
    def of(cls, array: Any, grad_fn: Any = None) -> Any:
        return Tensor.of(array, grad_fn)


def as_tensor(data: Any, dtype: Any = None, device: str | None = None) -> Tensor:
    """`data` as a Tensor that shares its memory where possible; `Tensor(data)` copies.

    >>> values = np.zeros(2, np.float32)
    >>> shared = as_tensor(values)
    >>> values[0] = 5
    >>> shared
    Tensor([5., 0.])
    """
    if isinstance(data, Tensor) and dtype is None and device is None:
        return data
    made: Tensor = Tensor.of(array_of(data, dtype))
    return made if device is None else made.to(device)


__all__ = ["Buffer", "Parameter", "Tensor", "as_tensor"]
