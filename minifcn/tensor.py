"""Tensor: a Variable with Python's operators and PyTorch's methods.

Most are the functions of `functional` themselves: bound to a tensor, their first argument is the tensor.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from minifcn import functional as F
from minifcn.arrays.accepted import real_dtype, same_device
from minifcn.autograd import Variable, backward, is_grad_enabled
from minifcn.autograd.in_place import changed
from minifcn.autograd.variable import array_of
from minifcn.errors import ArgumentError, ArgumentTypeError, GraphError
from minifcn.functional.indexing import Key, plain_key
from minifcn.functional.operands import Operand, alike
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

    __add__, __sub__, __mul__, __truediv__ = F.add, F.subtract, F.multiply, F.divide
    __neg__, __abs__, __matmul__, __getitem__ = F.negative, F.abs, F.matmul, F.getitem

    def __radd__(self, other: Operand) -> Tensor:
        return F.add(other, self)

    def __rsub__(self, other: Operand) -> Tensor:
        return F.subtract(other, self)

    def __rmul__(self, other: Operand) -> Tensor:
        return F.multiply(other, self)

    def __rtruediv__(self, other: Operand) -> Tensor:
        return F.divide(other, self)

    def __rmatmul__(self, other: Any) -> Tensor:
        return F.matmul(other, self)

    def __pow__(self, exponent: float) -> Tensor:
        return F.power(self, exponent)

    def __rpow__(self, base: float) -> Tensor:
        return F.power(base, self)

    # Comparisons give boolean tensors, so a tensor is found in dictionaries by identity.
    __hash__ = Variable.__hash__

    def __eq__(self, other: object) -> Any:
        return False if other is None else self._compare("equal", other)

    def __ne__(self, other: object) -> Any:
        return True if other is None else self._compare("not_equal", other)

    def __lt__(self, other: Operand) -> Tensor:
        return self._compare("less", other)

    def __le__(self, other: Operand) -> Tensor:
        return self._compare("less_equal", other)

    def __gt__(self, other: Operand) -> Tensor:
        return self._compare("greater", other)

    def __ge__(self, other: Operand) -> Tensor:
        return self._compare("greater_equal", other)

    eq = __eq__

    # Of booleans, such as comparisons give, and of whole numbers bit by bit.
    def __and__(self, other: Operand) -> Tensor:
        return self._compare("bitwise_and", other)

    def __or__(self, other: Operand) -> Tensor:
        return self._compare("bitwise_or", other)

    def __xor__(self, other: Operand) -> Tensor:
        return self._compare("bitwise_xor", other)

    def __invert__(self) -> Tensor:
        return self._compare("bitwise_xor", True if self.dtype.kind == "b" else -1)

    def _compare(self, relation: str, other: Any) -> Tensor:
        first, second = alike(relation, self, other)
        if relation.startswith("bitwise") and first.dtype.kind == "f":
            raise ArgumentTypeError(
                f"{relation}: booleans or whole numbers are needed, got {first.dtype}; compare first."
            )
        with at_home(first._array):
            return type(self).of(getattr(array_module(first._array), relation)(first._array, second._array))

    def __iter__(self) -> Iterator[Tensor]:
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

    # In place: see autograd/in_place.py ------------------------------------------------------------------------------

    def __setitem__(self, key: Key, value: Any) -> None:
        """Write into the memory. Refused while it would change a graph behind autograd's back."""
        if is_grad_enabled() and (self.requires_grad or (isinstance(value, Variable) and value.requires_grad)):
            raise GraphError(
                "writing into a tensor is not recorded, and this one or the value requires grad; join tensors with "
                "stack, cat or where instead, or write inside no_grad() or on .detach()."
            )
        given, parts = self.beside(value), plain_key("setitem", self._array, key)
        same_device("setitem", self._array, given, "the tensor and the value")
        with at_home(self._array):
            self.mutable()[parts] = given

    def _changed(self, name: str, made: Tensor) -> Tensor:
        changed(name, self, made)
        return self

    def add_(self, other: Operand, alpha: float = 1) -> Tensor:
        """x ← x + alpha · other."""
        return self._changed("add_", F.add(self, other if alpha == 1 else other * alpha))

    def sub_(self, other: Operand, alpha: float = 1) -> Tensor:
        """x ← x − alpha · other."""
        return self._changed("sub_", F.subtract(self, other if alpha == 1 else other * alpha))

    def mul_(self, other: Operand) -> Tensor:
        """x ← x · other."""
        return self._changed("mul_", F.multiply(self, other))

    def div_(self, other: Operand) -> Tensor:
        """x ← x / other."""
        return self._changed("div_", F.divide(self, other))

    def pow_(self, exponent: float) -> Tensor:
        """x ← x ** exponent."""
        return self._changed("pow_", F.power(self, exponent))

    def clamp_(self, min: float | None = None, max: float | None = None) -> Tensor:
        """x ← x limited to [min, max]."""
        return self._changed("clamp_", F.clamp(self, min, max))

    def zero_(self) -> Tensor:
        """x ← 0."""
        return self.fill_(0)

    def fill_(self, value: float | Tensor) -> Tensor:
        """x ← value, one number."""
        given = as_tensor(value, dtype=self.dtype, device=self.device)
        if given.numel() != 1:
            raise ArgumentError(f"fill_: one number is needed, got {given.numel()}; use copy_.")
        return self.copy_(given)

    def copy_(self, source: Any) -> Tensor:
        """x ← source, a Tensor, an array or numbers, in the dtype and on the device of x, repeated to its shape."""
        given = F.to(F.astype(as_tensor(source), self.dtype), self.device)
        with at_home(self._array):
            old = array_module(self._array).zeros(self.shape, bool)
        return self._changed("copy_", F.where(old, self, F.broadcast_to(given, self.shape)))

    __iadd__, __isub__, __imul__, __itruediv__, __ipow__ = add_, sub_, mul_, div_, pow_

    # Shapes ---------------------------------------------------------------------------------------------------------

    flatten, transpose, squeeze, unsqueeze, clone, contiguous = (
        F.flatten, F.transpose, F.squeeze, F.unsqueeze, F.clone, F.contiguous,
    )  # fmt: skip

    def reshape(self, *shape: Any) -> Tensor:
        """The same elements in another shape, given as numbers or as one tuple: see `functional.reshape`."""
        return F.reshape(self, _sizes(shape))

    def view(self, *shape: Any) -> Tensor:
        """As `reshape`, but never a copy: see `functional.view`."""
        return F.view(self, _sizes(shape))

    def view_as(self, other: Tensor) -> Tensor:
        """In the shape of another: see `view`."""
        return F.view(self, other.shape)

    def expand(self, *sizes: Any) -> Tensor:
        """Repeated along new and unit dimensions, -1 where a size stays: see `functional.expand`."""
        return F.expand(self, _sizes(sizes))

    def permute(self, *dims: Any) -> Tensor:
        """Dimensions in another order, given as numbers or as one tuple: see `functional.permute`."""
        return F.permute(self, _sizes(dims))

    @property
    def T(self) -> Tensor:
        """The transpose of a matrix."""
        return F.permute(self, tuple(range(self.ndim))[::-1])

    def t(self) -> Tensor:
        """As `T`."""
        return self.T

    # Element by element ---------------------------------------------------------------------------------------------

    exp, log, sqrt, clamp, pow = F.exp, F.log, F.sqrt, F.clamp, F.power
    relu, sigmoid, tanh, softmax, log_softmax = F.relu, F.sigmoid, F.tanh, F.softmax, F.log_softmax

    # Device and dtype -----------------------------------------------------------------------------------------------

    astype = F.astype

    def to(self, device_or_dtype: Any) -> Tensor:
        """The tensor on a device ("cpu", "cuda", "cuda:1") or in a dtype (numpy.float64)."""
        if names_device(device_or_dtype):
            return F.to(self, device_or_dtype)
        neither = 'neither a device ("cpu", "cuda", "cuda:<index>") nor a dtype'
        return F.astype(self, real_dtype(device_or_dtype, "a Tensor", "to: ", or_else=neither))

    def cpu(self) -> Tensor:
        return F.to(self, "cpu")

    def cuda(self) -> Tensor:
        return F.to(self, "cuda")

    # What follows hides names of Python inside this class, so it stands last: dtypes, and reductions.

    def half(self) -> Tensor:
        """As float16."""
        return F.astype(self, np.float16)

    def float(self) -> Tensor:
        """As float32."""
        return F.astype(self, np.float32)

    def double(self) -> Tensor:
        """As float64."""
        return F.astype(self, np.float64)

    def int(self) -> Tensor:
        """As int32."""
        return F.astype(self, np.int32)

    def long(self) -> Tensor:
        """As int64."""
        return F.astype(self, np.int64)

    def bool(self) -> Tensor:
        """Whether each element is other than 0."""
        return F.astype(self, np.bool_)

    abs, sum, mean, var, std = F.abs, F.sum, F.mean, F.var, F.std
    max, min, amax, amin, argmax, argmin = F.max, F.min, F.amax, F.amin, F.argmax, F.argmin
    all, any = F.all, F.any


def _sizes(given: tuple[Any, ...]) -> tuple[Any, ...]:
    """The arguments of x.reshape(2, 3), and those of x.reshape((2, 3))."""
    return tuple(given[0]) if len(given) == 1 and isinstance(given[0], tuple | list) else given


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
    return made if device is None else F.to(made, device)


__all__ = ["Buffer", "Parameter", "Tensor", "as_tensor"]
