"""CuPy's arrays, played by NumPy: what mixes with nothing else, so that a machine without a GPU can see what would.

Real CuPy refuses a NumPy array as an operand, is not turned into one silently, and answers a reduction with an array of
shape () instead of a number. So does this double. An index out of range wraps around without a word, as on a card. New
memory is full of NaN. An array belongs to the device that was current when it was made, and works only there.
"""

from __future__ import annotations

import operator
import threading
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any
from weakref import WeakValueDictionary

import numpy as np

REFLECTED = ["add", "sub", "mul", "truediv", "floordiv", "mod", "pow", "matmul", "and", "or", "xor"]
BINARY = [*REFLECTED, "eq", "ne", "lt", "le", "gt", "ge"]
IN_PLACE = ["add", "sub", "mul", "truediv", "floordiv", "and", "or", "xor"]
UNARY = ["neg", "pos", "abs", "invert"]
CONVERTED = ["int", "float", "bool"]

# What NumPy's arrays have and CuPy's (14.2) do not.
NOT_METHODS = {"ctypes", "getfield", "resize", "setfield", "setflags", "to_device"}


class Current(threading.local):
    """The current device is that of a thread."""

    device = 0


current = Current()
devices: dict[int, Any] = {}
"""The `Device` of every number; cuda.py fills it."""
synchronisations: list[str] = []
"""What has made the host wait for the card: one entry each time, for tests that count."""
_owners: WeakValueDictionary[int, ndarray] = WeakValueDictionary()


class ndarray:
    """An array of the other side: everything NumPy's does, among its own kind only."""

    __array_ufunc__ = None
    __hash__ = None

    def __init__(self, values: np.ndarray, device: int | None = None) -> None:
        self.values = values
        self.device = devices[current.device if device is None else device]
        if values.base is None:
            _owners[id(values)] = self

    def get(self, stream: Any = None, order: str = "C", out: np.ndarray | None = None) -> np.ndarray:
        synchronisations.append("get")
        if out is None:
            return self.values.copy()
        out[...] = self.values
        return out

    def set(self, values: np.ndarray, stream: Any = None) -> None:
        if not isinstance(values, np.ndarray) or values.dtype != self.dtype:
            raise TypeError(f"{getattr(values, 'dtype', type(values))} cannot be copied to {self.dtype}.")
        if values.shape != self.shape:
            raise ValueError(f"{values.shape} cannot be copied to {self.shape}.")
        if not self.flags.c_contiguous:
            raise RuntimeError("Cannot set to non-contiguous array")

        def copy() -> None:
            self.values[...] = values

        copy() if stream is None else stream.later(copy)

    def item(self) -> Any:
        synchronisations.append("item")
        return self.values.item()

    def tolist(self) -> Any:
        synchronisations.append("tolist")
        return self.values.tolist()

    @property
    def base(self) -> ndarray | None:
        root = self.values.base
        if not isinstance(root, np.ndarray):
            return None
        owner = _owners.get(id(root))
        return ndarray(root, self.device.id) if owner is None else owner

    @property
    def data(self) -> SimpleNamespace:
        return SimpleNamespace(ptr=self.values.ctypes.data)

    @property
    def T(self) -> ndarray:
        return ndarray(self.values.T, self.device.id)

    def __array__(self, *_: object, **__: object) -> np.ndarray:
        raise TypeError("Implicit conversion to a NumPy array is not allowed. Please use `.get()`.")

    def __len__(self) -> int:
        return len(self.values)

    def __iter__(self) -> Any:
        return (self[i] for i in range(len(self)))

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") or name in NOT_METHODS:
            raise AttributeError(f"'cupy.ndarray' object has no attribute {name!r}")
        found = getattr(self.values, name)
        if name == "astype":
            inside(self)
            return lambda dtype, order="K", *, copy=True: outside(found(dtype, copy=copy))
        return among_its_own(found, self) if callable(found) and not isinstance(found, type) else found

    def __getitem__(self, key: Any) -> Any:
        if all(part is None or isinstance(part, int | slice | type(...)) for part in _parts(key)):
            return ndarray(np.asarray(self.values[key]), self.device.id)  # a view: no card is told anything
        return outside(inside(self)[_wrapped(inside(key), self.shape)])

    def __setitem__(self, key: Any, value: Any) -> None:
        if isinstance(value, list):
            raise ValueError("CuPy cannot write a list")
        inside(self)[_wrapped(inside(key), self.shape)] = inside(value)


ndarray.__module__ = "cupy"


def inside(value: Any) -> Any:
    """The NumPy arrays within; TypeError for one that was not of this side, ValueError for one of another device."""
    if isinstance(value, ndarray):
        if value.device.id != current.device:
            raise ValueError(
                f"Array device must be same as the current device: array device = {value.device.id} while "
                f"current = {current.device}"
            )
        return value.values
    if isinstance(value, np.ndarray):
        raise TypeError(f"Unsupported type {type(value)}")
    if isinstance(value, tuple | list):
        return type(value)(inside(item) for item in value)
    return value


def outside(value: Any) -> Any:
    """Arrays and numbers as arrays of this side."""
    if isinstance(value, np.ndarray | np.generic):
        known = _owners.get(id(value))
        return ndarray(np.asarray(value)) if known is None else known
    return tuple(outside(item) for item in value) if isinstance(value, tuple) and len(value) else value


def among_its_own(function: Callable[..., Any], *others: ndarray) -> Callable[..., Any]:
    def called(*given: Any, **options: Any) -> Any:
        inside(others)
        made = function(*inside(given), **{name: inside(value) for name, value in options.items()})
        out = options.get("out")
        return out if isinstance(out, ndarray) else outside(made)

    return called


def _parts(key: Any) -> tuple[Any, ...]:
    return key if isinstance(key, tuple) else (key,)


def _wrapped(key: Any, shape: tuple[int, ...]) -> Any:
    """Arrays of indices, taken modulo the size: what a card does with those out of range."""
    if isinstance(key, np.ndarray) and key.dtype.kind in "iu":
        return key % shape[0] if shape[0] else key
    if isinstance(key, tuple) and not any(part is Ellipsis or part is None for part in key):
        return tuple(
            part % size if isinstance(part, np.ndarray) and part.dtype.kind in "iu" and size else part
            for part, size in zip(key, shape, strict=False)
        )
    return key


def _operators() -> None:
    for name in BINARY + UNARY:
        setattr(ndarray, f"__{name}__", _refusing(among_its_own(getattr(operator, f"__{name}__"))))
    for name in REFLECTED:
        method = getattr(operator, f"__{name}__")
        setattr(ndarray, f"__r{name}__", lambda self, other, method=method: among_its_own(method)(other, self))
    for name in IN_PLACE:
        method = getattr(operator, f"__i{name}__")

        def in_place(self: ndarray, other: Any, method: Any = method) -> ndarray:
            method(inside(self), inside(other))
            return self

        setattr(ndarray, f"__i{name}__", in_place)
    for name in CONVERTED:

        def converted(self: ndarray, name: str = name) -> Any:
            synchronisations.append(name)
            return getattr(self.values, f"__{name}__")()

        setattr(ndarray, f"__{name}__", converted)


def _refusing(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function, which leaves an operand that wants to answer itself (a Tensor) to do so."""

    def called(self: ndarray, *others: Any) -> Any:
        if any(
            getattr(type(other), "__array_ufunc__", 0) is None and not isinstance(other, ndarray) for other in others
        ):
            return NotImplemented
        return function(self, *others)

    return called


_operators()
