"""What is let in: arrays of real numbers, in the byte order of the machine, all on one device."""

from __future__ import annotations

from typing import Any

import numpy as np

from minifcn.errors import ArgumentError, ArgumentTypeError
from minifcn.machine.backend import Array, at_home, device_of, is_array


def checked_array(data: Any, dtype: Any = None, name: str = "a Tensor") -> Array:
    """`data` as an array of a dtype that minifcn computes with, sharing its memory where possible.

    Without `dtype`, Python floats and lists (of arrays, too) become float32; an array keeps its dtype, but becomes a
    plain one in the byte order of the machine. Complex, object and text arrays are ArgumentTypeErrors, and so are
    masked arrays, whose mask would silently be lost; the message says what the array was to be: `name`.
    """
    if _has_mask(data):
        raise ArgumentTypeError(f"a masked array cannot become {name}; fill it first with .filled(value).")
    if not is_array(data):
        given = isinstance(data, np.generic)
        try:
            data = np.asarray(data)
        except ValueError as error:
            raise ArgumentError(f"the data are not a rectangular array ({error}).") from None
        if data.dtype == np.float64 and not given and dtype is None:
            data = data.astype(np.float32)
    elif isinstance(data, np.ndarray):
        data = np.asarray(data)  # np.matrix and other subclasses become plain arrays
    _require_real(data.dtype, name)  # before the conversion, too: it would drop imaginary parts
    if dtype is not None:
        wanted = real_dtype(dtype, name)
        with at_home(data):
            data = data.astype(wanted, copy=False)
    if not data.dtype.isnative:
        data = data.astype(data.dtype.newbyteorder("="))
    return data


def _has_mask(data: Any) -> bool:
    return isinstance(data, np.ma.MaskedArray) or (isinstance(data, list | tuple) and any(map(_has_mask, data)))


def real_dtype(dtype: object, name: str, asked_by: str = "", or_else: str = "not a dtype") -> np.dtype[Any]:
    """The dtype that is meant; ArgumentTypeError if there is none, or if `name` cannot hold its numbers."""
    try:
        wanted = None if dtype is None else np.dtype(dtype)  # type: ignore[call-overload]
    except TypeError:
        wanted = None
    if wanted is None:  # NumPy takes None for float64
        raise ArgumentTypeError(f"{asked_by}{dtype!r} is {or_else}; use float32, float64 or an integer type.")
    _require_real(wanted, asked_by + name)
    return wanted


def _require_real(dtype: np.dtype[Any], name: str) -> None:
    if dtype.kind not in "fiub":
        raise ArgumentTypeError(f"{name} cannot hold dtype {dtype}; convert to float32, float64 or integers.")


def same_device(name: str, first: Array, other: Array, what: str = "the operands") -> None:
    """Raise unless both arrays live on one device: nothing is copied behind your back."""
    if device_of(first) != device_of(other):
        raise ArgumentTypeError(
            f"{name}: {what} live on different devices, {device_of(first)} (shape {tuple(first.shape)}) and "
            f"{device_of(other)} (shape {tuple(other.shape)}); move one with .to(...)."
        )
