"""A Variable is an array that remembers the operation that made it.

It holds the array (`data`), the gradient of some scalar with respect to it (`grad`), and the operation it came from
(`grad_fn`). It knows nothing of addition or convolution: those are operations of a higher floor, and `minifcn.Tensor`
is a Variable that has them as Python operators and methods.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self
from weakref import ref

import numpy as np

from minifcn.arguments import flag, whole_number
from minifcn.arrays.accepted import checked_array, same_device
from minifcn.errors import ArgumentError, ArgumentTypeError, GraphError
from minifcn.machine.backend import Array, array_module, at_home, device_of, is_array, is_cupy, to_device, to_numpy

if TYPE_CHECKING:  # an operation stands above: here it is only a name in signatures
    from minifcn.autograd.operation import Operation


class Version:
    """Counts the writes into one piece of memory, and the operations that still need it as it was.

    Views share it, and so do the operations that saved the array: that is how a change between forward and backward
    is noticed. It refers to its Variables weakly, so it keeps nothing alive.
    """

    __slots__ = ("count", "holders", "saved", "_sharers", "_room")

    def __init__(self) -> None:
        self.count = 0
        self.holders = 0
        self.saved = False  # whether it was ever held
        self._sharers: list[ref[Variable]] = []
        self._room = 8  # how many may be listed before those that no longer live are taken out

    def shared_by(self, first: Variable, view: Variable) -> None:
        """`view` shows the memory of `first`, too. (All that show it were a `view` before, but the very first.)"""
        if not self._sharers:
            self._sharers.append(ref(first))
        self._sharers.append(ref(view))
        if len(self._sharers) > self._room:
            self._sharers = [sharer for sharer in self._sharers if sharer() is not None]
            self._room = 2 * len(self._sharers) + 8

    def has_others(self, than: Variable) -> bool:
        """Whether another Variable that still lives shows the memory too."""
        return any((variable := sharer()) is not None and variable is not than for sharer in self._sharers)

    def __reduce__(self) -> tuple[Any, ...]:  # a copy shows memory of its own
        return Version, (), (self.count, self.holders)

    def __setstate__(self, state: tuple[int, int]) -> None:
        self.count, self.holders = state


def array_of(data: object, dtype: object = None, name: str = "a Tensor") -> Array:
    """`data`, which may be a Variable, as an array that a Tensor can hold; see arrays/accepted.py."""
    return checked_array(data._array if isinstance(data, Variable) else data, dtype, name)


class Variable:
    """An array in a graph of operations.

    data: anything NumPy understands; it is copied, so that later changes of the source cannot spoil a gradient.
    requires_grad: whether gradients are wanted; only for floating point data.
    dtype, device: converted to, if given ("cpu", "cuda", "cuda:1").
    """

    __slots__ = ("_array", "_version", "_requires_grad", "grad", "grad_fn", "__weakref__")
    # NumPy arrays must leave `array * tensor` to the tensor instead of treating it as a sequence of numbers.
    __array_ufunc__ = None

    def __init__(
        self, data: object, requires_grad: bool = False, *, dtype: object = None, device: str | None = None
    ) -> None:
        array = array_of(data, dtype)
        if device is not None:
            array = to_device(array, device)
        with at_home(array):
            self._wrap(array.copy(), None)
        self.requires_grad = requires_grad

    def _wrap(self, array: Array, grad_fn: Operation | None) -> None:
        self._array = array
        self._version = Version()
        self._requires_grad = grad_fn is not None
        self.grad: Self | None = None
        self.grad_fn = grad_fn

    @classmethod
    def of(cls, array: Array, grad_fn: Operation | None = None) -> Self:
        """A Variable around `array` itself, without copy or check: how operations wrap their results."""
        variable = cls.__new__(cls)
        variable._wrap(array, grad_fn)
        return variable

    # --- the array --------------------------------------------------------------------------------------------------

    @property
    def data(self) -> Array:
        """The array. While a graph still needs it, a NumPy array is handed out read-only.

        So `x.data[0] = 1` between forward and backward fails at that very line instead of giving a wrong gradient.
        CuPy has no read-only arrays; there, and for arrays obtained earlier, only writes through the Variable count.
        """
        if self._version.holders and not is_cupy(self._array):
            locked = self._array.view()
            locked.flags.writeable = False
            return locked
        return self._array

    @data.setter
    def data(self, value: object) -> None:
        array = checked_array(self.beside(value), self.dtype)
        same_device("data", self._array, array, "the tensor and its new data")
        if array.shape != self.shape:
            raise ArgumentError(f"data of shape {array.shape} cannot replace data of shape {self.shape}.")
        self._array = array
        self._version.count += 1

    def mutable(self) -> Array:
        """The array, to be written in place. The write is counted, so a graph that saved the old values notices."""
        if not getattr(self._array.flags, "writeable", True):  # CuPy's arrays always are
            raise ArgumentError(
                f"this tensor of shape {self.shape} shows memory that cannot be written (one number repeated, as after "
                f"expand, or a read-only array); write into a .clone() of it."
            )
        self._version.count += 1
        return self._array

    def beside(self, data: object) -> Array:
        """`data` as an array to use with this one: numbers and lists take its dtype and device, arrays keep theirs."""
        if isinstance(data, Variable) or is_array(data):
            return array_of(data)
        with at_home(self._array):
            return array_module(self._array).asarray(checked_array(data, self.dtype))

    def replace_(self, array: Array) -> None:
        """Put another array in the place of this leaf's: another device or dtype. Its gradient is dropped."""
        if self.grad_fn is not None:
            raise GraphError("only a leaf can be given another array; this tensor was computed.")
        self._version.count += 1  # a graph that saved the old array must not find the new one
        self._array, self._version, self.grad = array, Version(), None

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(self._array.shape)

    @property
    def ndim(self) -> int:
        return int(self._array.ndim)

    def dim(self) -> int:
        """The number of dimensions, as `ndim`."""
        return self.ndim

    def size(self, dim: int | None = None) -> Any:
        """The shape, or with `dim` that one of its sizes. (A method, as in PyTorch; a NumPy array's `size` is numel().)

        >>> x = Variable([[1.0, 2.0, 3.0]])
        >>> x.size(), x.size(-1), x.numel()
        ((1, 3), 3, 3)
        """
        if dim is None:
            return self.shape
        index = whole_number(dim)
        if index is None:
            raise ArgumentTypeError(f"size: dim must be an integer, got {dim!r} ({type(dim).__name__}).")
        if not -self.ndim <= index < self.ndim:
            raise ArgumentError(f"size: dim {index} is out of range for the {self.ndim} dimensions of {self.shape}.")
        return self.shape[index]

    def numel(self) -> int:
        """The number of elements."""
        return int(self._array.size)

    @property
    def dtype(self) -> np.dtype:
        return self._array.dtype

    @property
    def device(self) -> str:
        return device_of(self._array)

    def __len__(self) -> int:
        if not self.ndim:
            raise ArgumentTypeError("a tensor without dimensions has no length.")
        return self.shape[0]

    def numpy(self) -> np.ndarray:
        """The values as a NumPy array: shared memory on the CPU, a copy from a GPU."""
        if self.requires_grad:
            raise GraphError("numpy() of a tensor that requires grad would lose its graph; use .detach().numpy().")
        return to_numpy(self.data)

    def item(self) -> float:
        """The only element, as a Python number."""
        if self.numel() != 1:
            raise ArgumentError(
                f"item() needs exactly one element, this tensor has {self.numel()} (shape {self.shape})."
            )
        return to_numpy(self._array).item()

    def tolist(self) -> Any:
        """The values as nested lists of Python numbers; of a tensor without dimensions the number itself."""
        return to_numpy(self._array).tolist()

    def detach(self) -> Self:
        """The same memory outside the graph."""
        detached = type(self).of(self._array)
        detached._version = self._version
        self._version.shared_by(self, detached)
        return detached

    # --- the graph --------------------------------------------------------------------------------------------------

    @property
    def is_leaf(self) -> bool:
        return self.grad_fn is None

    @property
    def requires_grad(self) -> bool:
        return self._requires_grad

    @requires_grad.setter
    def requires_grad(self, value: bool) -> None:
        value = flag(value, "requires_grad")
        if value and self.dtype.kind != "f":
            raise ArgumentTypeError(
                f"only floating point tensors can require gradients, this one is {self.dtype}; convert it to float32."
            )
        if not value and self.grad_fn is not None:
            raise GraphError("a computed tensor requires grad because its operands do; use .detach() instead.")
        self._requires_grad = value

    def requires_grad_(self, requires_grad: bool = True) -> Self:
        self.requires_grad = requires_grad
        return self

    def retain_grad(self) -> Self:
        """Ask `backward` to fill `.grad` of this computed tensor too; normally only leaves keep theirs."""
        if self.grad_fn is not None:
            self.grad_fn.retain_for(self)
        return self

    def __repr__(self) -> str:
        values = np.array2string(to_numpy(self._array), separator=", ", prefix=f"{type(self).__name__}(", threshold=60)
        notes = [values] + ([f"dtype={self.dtype}"] if self.dtype != np.float32 else [])
        notes += [f'device="{self.device}"'] if self.device != "cpu" else []
        if self.grad_fn is not None:
            notes.append(f"grad_fn={type(self.grad_fn).__name__}")
        elif self.requires_grad:
            notes.append("requires_grad=True")
        return f"{type(self).__name__}({', '.join(notes)})"

    def __format__(self, spec: str) -> str:
        """One element as the number it is, with or without a graph: f"{loss:.4f}"; more are printed with "" only."""
        if self.ndim == 0 or (spec and self.numel() == 1):
            return format(self.item(), spec)
        if spec:
            raise ArgumentTypeError(
                f"the format {spec!r} is for one number, this tensor has {self.numel()} (shape {self.shape}); "
                f"reduce it with .mean(), or print it without a format."
            )
        return repr(self)

    def __bool__(self) -> bool:
        if self.numel() != 1:
            raise ArgumentError(
                f"the truth value of a tensor of shape {self.shape} is ambiguous; compare its elements or use .item()."
            )
        return bool(to_numpy(self._array))
