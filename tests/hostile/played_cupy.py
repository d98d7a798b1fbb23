"""CuPy, played by NumPy: arrays that mix with nothing else, so that a machine without a GPU can see what would.

Real CuPy refuses a NumPy array as an operand, is not turned into one silently, and answers a reduction with an array of
shape () instead of a number. So does this double. Speed, memory and rounding on a card are beyond it: the `xp` fixture
of conftest.py runs the same tests on a real one.
"""

from __future__ import annotations

import operator
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np

# What takes arrays of the other side knowingly, as in CuPy.
CONVERSIONS = ("asarray", "array")
REFLECTED = ["add", "sub", "mul", "truediv", "floordiv", "mod", "pow", "matmul", "and", "or", "xor"]
BINARY = [*REFLECTED, "eq", "ne", "lt", "le", "gt", "ge"]
IN_PLACE = ["add", "sub", "mul", "truediv", "floordiv", "and", "or", "xor"]
UNARY = ["neg", "pos", "abs", "invert"]
CONVERTED = ["int", "float", "bool", "index", "len"]


class ndarray:
    """An array of the other side: everything NumPy's does, among its own kind only."""

    __array_ufunc__ = None
    __hash__ = None
    device = SimpleNamespace(id=0)

    def __init__(self, values: np.ndarray) -> None:
        self.values = values

    def get(self) -> np.ndarray:
        return self.values.copy()

    def __array__(self, *_: object, **__: object) -> np.ndarray:
        raise TypeError("Implicit conversion to a NumPy array is not allowed.")

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        found = getattr(self.values, name)
        return among_its_own(found) if callable(found) and not isinstance(found, type) else outside(found)

    def __getitem__(self, key: Any) -> Any:
        return outside(self.values[inside(key)])

    def __setitem__(self, key: Any, value: Any) -> None:
        self.values[inside(key)] = inside(value)


ndarray.__module__ = "cupy"


def inside(value: Any) -> Any:
    """The NumPy arrays within; TypeError for one that was not of this side."""
    if isinstance(value, ndarray):
        return value.values
    if isinstance(value, np.ndarray):
        raise TypeError(f"Unsupported type {type(value)}")
    if isinstance(value, tuple | list):
        return type(value)(inside(item) for item in value)
    return value


def outside(value: Any) -> Any:
    """Arrays and numbers as arrays of this side."""
    if isinstance(value, np.ndarray | np.generic):
        return ndarray(np.asarray(value))
    return tuple(outside(item) for item in value) if isinstance(value, tuple) and len(value) else value


def among_its_own(function: Any) -> Any:
    def called(*given: Any, **options: Any) -> Any:
        made = function(*inside(given), **{name: inside(value) for name, value in options.items()})
        return outside(made)

    return called


def _operators() -> None:
    for name in BINARY + UNARY:
        setattr(ndarray, f"__{name}__", among_its_own(getattr(operator, f"__{name}__")))
    for name in REFLECTED:
        method = getattr(operator, f"__{name}__")
        setattr(ndarray, f"__r{name}__", lambda self, other, method=method: among_its_own(method)(other, self))
    for name in IN_PLACE:
        method = getattr(operator, f"__i{name}__")

        def in_place(self: ndarray, other: Any, method: Any = method) -> ndarray:
            method(self.values, inside(other))
            return self

        setattr(ndarray, f"__i{name}__", in_place)
    for name in CONVERTED:
        setattr(ndarray, f"__{name}__", lambda self, name=name: getattr(self.values, f"__{name}__")())


_operators()


class Module(ModuleType):
    """The module `cupy`: NumPy's functions for arrays of this side."""

    ndarray = ndarray
    cuda: Any
    lib: Any

    def __getattr__(self, name: str) -> Any:
        found = getattr(np, name)
        if name in CONVERSIONS:
            return lambda value, *rest, **options: outside(
                found(value.values if isinstance(value, ndarray) else value, *rest, **options)
            )
        return among_its_own(found) if callable(found) and not isinstance(found, type) else found


class Device:
    """One card of 1 GiB."""

    mem_info = (1 << 29, 1 << 30)

    def __init__(self, index: int = 0) -> None:
        self.id = index

    def __enter__(self) -> Device:
        return self

    def __exit__(self, *error: object) -> None: ...


cupy = Module("cupy")
cupy.lib = SimpleNamespace(stride_tricks=SimpleNamespace(as_strided=among_its_own(np.lib.stride_tricks.as_strided)))
cupy.cuda = SimpleNamespace(
    Device=Device, runtime=SimpleNamespace(CUDARuntimeError=type("CUDARuntimeError", (RuntimeError,), {}))
)
