"""CuPy, played by NumPy (arrays.py), g++ (kernels.py) and two idle cards (cuda.py): the `xp` fixture's "played".

What it offers is what real CuPy offers too, by the names below; test_played_cupy.py asks a real one where there is one.
Speed, memory and rounding on a card are beyond it.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np

from minifcn.machine import limits
from tests.played_cupy.arrays import among_its_own, current, ndarray, outside
from tests.played_cupy.cuda import POOL, cuda
from tests.played_cupy.kernels import RawKernel

# What minifcn and its tests take from the module: every name is CuPy's, too, and means the same there.
_FUNCTIONS = """
abs add all allclose amax amin any arange argmax argmin argsort array array_equal ascontiguousarray asarray
asfortranarray bincount bitwise_and bitwise_or bitwise_xor
broadcast_arrays broadcast_shapes broadcast_to ceil clip concatenate copyto cos cumsum diff divide divmod dot einsum
empty empty_like equal exp expand_dims eye flatnonzero flip floor full full_like greater greater_equal isfinite isnan
less less_equal linspace log log1p logical_and logical_not logical_or matmul max maximum mean min minimum moveaxis multiply
negative nonzero not_equal ones ones_like outer pad permute_dims power prod ravel repeat reshape result_type
roll rot90 shares_memory sign sin split sqrt square squeeze stack subtract sum swapaxes take take_along_axis tanh
tensordot tile transpose tri tril triu true_divide unique var where zeros zeros_like
"""
_TYPES = """
bool_ float16 float32 float64 int8 int16 int32 int64 uint8 uint16 uint32 uint64 inf nan newaxis pi dtype finfo iinfo
"""
FUNCTIONS, TYPES = _FUNCTIONS.split(), _TYPES.split()


class Module(ModuleType):
    """The module `cupy`: NumPy's functions for arrays of this side."""

    __version__ = "14.2.0, played"
    ndarray = ndarray
    cuda = cuda
    RawKernel = RawKernel
    lib = SimpleNamespace(stride_tricks=SimpleNamespace(as_strided=among_its_own(np.lib.stride_tricks.as_strided)))

    def __getattr__(self, name: str) -> Any:
        if name in TYPES:
            return getattr(np, name)
        if name not in FUNCTIONS:
            raise AttributeError(f"module 'cupy' has no attribute {name!r} (or minifcn has not used it before)")
        return among_its_own(getattr(np, name))

    @staticmethod
    def asarray(values: Any, dtype: Any = None, order: Any = None, *, blocking: bool = False) -> ndarray:
        """From the other side, too, knowingly."""
        here = isinstance(values, ndarray) and values.device.id == current.device
        return values if here and dtype in (None, values.dtype) else Module.array(values, dtype, order=order)

    @staticmethod
    def array(values: Any, dtype: Any = None, copy: bool = True, order: Any = "K") -> ndarray:
        """A copy on the current device."""
        if isinstance(values, ndarray):
            stepping = not (values.flags.c_contiguous or values.flags.f_contiguous)
            if values.device.id != current.device and stepping and order != "C":
                raise NotImplementedError("CuPy cannot copy non-contiguous array between devices.")
            values = values.values
        return outside(np.array(values, dtype, order=order or "K"))

    @staticmethod
    def empty(shape: Any, dtype: Any = float, order: str = "C") -> ndarray:
        """Full of NaN, or of a number that is wrong: who reads before writing shall see it."""
        made = np.empty(shape, dtype)
        made.reshape(-1).view(np.uint8)[...] = 255 if made.dtype.kind == "f" else 85 if made.dtype.kind != "b" else 1
        return outside(made)

    @classmethod
    def empty_like(cls, like: ndarray, dtype: Any = None) -> ndarray:
        return cls.empty(like.shape, like.dtype if dtype is None else dtype)

    @staticmethod
    def asnumpy(values: Any) -> np.ndarray:
        return values.get() if isinstance(values, ndarray) else np.asarray(values)

    @staticmethod
    def get_default_memory_pool() -> Any:
        return POOL


cupy = Module("cupy")
_memory_of = limits.memory_of  # which a test may replace


@contextmanager
def playing() -> Iterator[ModuleType]:
    """Inside, `import cupy` finds the double; what was learnt of its cards is forgotten afterwards."""
    names = {"cupy": cupy, "cupy.cuda": cuda}
    before = {name: sys.modules.get(name) for name in names}
    sys.modules.update(names)
    _memory_of.cache_clear()
    try:
        yield cupy
    finally:
        _memory_of.cache_clear()
        for name, module in before.items():
            if module is None:
                del sys.modules[name]
            else:
                sys.modules[name] = module
