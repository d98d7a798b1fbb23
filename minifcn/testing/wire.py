"""Calls between two processes: JSON for what is a number or a word, bare bytes for arrays, and nothing that is code.

A message is a header in JSON and some buffers. An array in it names its buffer and how it lies there, so that memory
layouts, read-only arrays and a result that is a view of an argument arrive as what they are. What has no place in a
message, an object of any other type, arrives as a `Foreign` that says what it was.

This file needs the standard library and NumPy alone: both sides of a check read it, and one of them is no minifcn.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Callable
from typing import IO, Any

import numpy as np

HEADER_LIMIT = 2**24  # bytes of JSON, and of all buffers: what is larger is refused before memory is taken for it
BUFFER_LIMIT = 2**28
DEPTH_LIMIT = 20  # lists within lists
RANGE_LIMIT = 2**20  # numbers in a range, which takes no room here and would there, made a list of


class WireError(Exception):
    """What came is no message."""


class Foreign:
    """Something that is neither a number, a word, an array nor a list, tuple or dict of those."""

    def __init__(self, kind: str) -> None:
        self.kind = kind

    def __repr__(self) -> str:
        return f"<{self.kind}>"


# --- messages ---------------------------------------------------------------------------------------------------------


def send(stream: IO[bytes], header: dict[str, Any], buffers: list[np.ndarray]) -> None:
    text = json.dumps({**header, "sizes": [buffer.size for buffer in buffers]}).encode()
    stream.write(b"".join([struct.pack("<Q", len(text)), text, *(buffer.tobytes() for buffer in buffers)]))
    stream.flush()


def receive(stream: IO[bytes]) -> tuple[dict[str, Any], list[np.ndarray]]:
    """The next message. EOFError where there is none, WireError where something else comes."""
    (length,) = struct.unpack("<Q", _exactly(stream, 8))
    if length > HEADER_LIMIT:
        raise WireError
    try:
        header = json.loads(_exactly(stream, length))
        sizes = [int(size) for size in header["sizes"]]
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise WireError from error
    if min(sizes, default=0) < 0 or sum(sizes) > BUFFER_LIMIT:
        raise WireError
    return header, [np.frombuffer(_exactly(stream, size), np.uint8).copy() for size in sizes]


def _exactly(stream: IO[bytes], length: int) -> bytes:
    data = stream.read(length)
    if len(data) < length:
        raise EOFError
    return data


# --- values -----------------------------------------------------------------------------------------------------------


class Packer:
    """Turns values into what a header may hold; `buffers` is what goes with them.

    owners: buffers that the other side has already, by number; what lies in one of them is sent as its view.
    variables: how many a function among the values takes; None if there is none.
    """

    def __init__(self, owners: list[np.ndarray] | None = None, variables: int | None = None) -> None:
        self.owners = owners or []
        self.variables = variables
        self.buffers: list[np.ndarray] = []
        self.arrays: list[np.ndarray] = []  # whose memory each buffer shows
        self._sent: dict[int, dict[str, Any]] = {}

    def pack(self, value: Any, depth: int = 0) -> Any:
        if value is None or type(value) in (bool, str, float):
            return value
        if type(value) is int:
            return value if abs(value) < 2**63 else self._foreign("a number beyond 64 bits")
        if type(value) in (list, tuple, dict) and depth >= DEPTH_LIMIT:
            return self._foreign(f"a {type(value).__name__} of lists within lists")
        if type(value) in (list, tuple):
            return {"is": type(value).__name__, "of": [self.pack(part, depth + 1) for part in value]}
        if type(value) is range:
            short = abs(value.stop - value.start) <= RANGE_LIMIT and max(abs(value.start), abs(value.step)) < 2**63
            return {"is": "range", "of": [value.start, value.stop, value.step]} if short else self._foreign(
                "a range beyond all sizes")  # fmt: skip
        if type(value) is dict and all(type(key) is str for key in value):
            return {"is": "dict", "keys": list(value), "of": [self.pack(part, depth + 1) for part in value.values()]}
        if isinstance(value, np.generic):
            return {**self._array(np.asarray(value)), "scalar": True}
        if isinstance(value, np.ndarray):
            return self._array(np.asarray(value))
        if self.variables is not None and callable(value):
            return {"is": "function", "steps": traced(value, self.variables)}
        return self._foreign(_named(type(value).__name__))

    def _foreign(self, kind: str) -> dict[str, Any]:
        return {"is": "foreign", "kind": kind}

    def _array(self, array: np.ndarray) -> dict[str, Any]:
        if array.dtype.kind not in "biufc":
            return self._foreign(f"an array of {array.dtype}")
        if id(array) in self._sent:
            return self._sent[id(array)]
        low, size = extent(array)
        if size > BUFFER_LIMIT // 4:
            return self._foreign(f"an array of shape {array.shape}, which is too large to be looked at")
        told: dict[str, Any] = {
            "is": "array",
            "dtype": array.dtype.str,
            "shape": list(array.shape),
            "strides": list(array.strides),
        }
        for number, owner in enumerate(self.owners):
            if array.size and np.may_share_memory(array, owner):
                first = address(array) - address(owner)
                return {**told, "owner": number, "first": first}
        memory = np.zeros(size, np.uint8)
        np.ndarray(array.shape, array.dtype, memory, low, array.strides)[...] = array
        told |= {"buffer": len(self.buffers), "first": low, "writeable": bool(array.flags.writeable)}
        self.buffers.append(memory)
        self.arrays.append(array)
        self._sent[id(array)] = told
        return told


def unpack(told: Any, buffers: list[np.ndarray], owners: list[np.ndarray] | None = None) -> Any:
    """The value again. owners: the memory behind what was sent as a view. WireError where it is none."""
    try:
        return _unpacked(told, buffers, owners or [])
    except (KeyError, ValueError, TypeError, IndexError, RecursionError) as error:
        raise WireError from error


def _unpacked(told: Any, buffers: list[np.ndarray], owners: list[np.ndarray]) -> Any:
    if not isinstance(told, dict):
        return told
    kind = told["is"]
    if kind in ("list", "tuple"):
        parts = [_unpacked(part, buffers, owners) for part in told["of"]]
        return parts if kind == "list" else tuple(parts)
    if kind == "dict":
        return dict(zip(told["keys"], (_unpacked(part, buffers, owners) for part in told["of"]), strict=True))
    if kind == "range":
        first, last, step = (int(number) for number in told["of"])
        if abs(last - first) > RANGE_LIMIT:
            raise WireError
        return range(first, last, step)
    if kind == "function":
        return played(told["steps"])
    if kind == "foreign":
        return Foreign(str(told["kind"]))
    memory = owners[told["owner"]] if "owner" in told else buffers[told["buffer"]]
    array: Any = np.ndarray(told["shape"], np.dtype(told["dtype"]), memory, told["first"], told["strides"])
    if not told.get("writeable", True):
        array.flags.writeable = False
    return array[()] if told.get("scalar") else array


def extent(array: np.ndarray) -> tuple[int, int]:
    """(bytes from an array's lowest address to its first element, bytes from there to its end)"""
    if not array.size:
        return 0, 0
    reach = [(n - 1) * step for n, step in zip(array.shape, array.strides, strict=True)]
    low = -sum(step for step in reach if step < 0)
    return low, low + sum(step for step in reach if step > 0) + array.itemsize


def address(array: np.ndarray) -> int:
    return int(array.__array_interface__["data"][0])


def memory_of(array: np.ndarray) -> np.ndarray:
    """The bytes that an array lies in, gaps included, as a view of them."""
    _, size = extent(array)
    if not size:
        return np.zeros(0, np.uint8)
    upright = array[tuple(slice(None, None, -1 if step < 0 else 1) for step in array.strides)]
    lowest = np.lib.stride_tricks.as_strided(upright, (1,), (array.itemsize,)).view(np.uint8)
    return np.lib.stride_tricks.as_strided(lowest, (size,), (1,))


def _named(kind: str) -> str:
    return f"{'an' if kind[:1].lower() in 'aeiou' else 'a'} {kind}"


# --- functions --------------------------------------------------------------------------------------------------------

OPERATORS: dict[str, Callable[..., Any]] = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "/": lambda a, b: a / b,
    "**": lambda a, b: a**b,
    "negative": lambda a: -a,
    "sum": lambda a: a.sum(),
}


class _Trace:
    """A variable that notes what is done with it. A function of variables is sent as the list of its steps."""

    def __init__(self, steps: list[Any], number: int) -> None:
        self.steps, self.number = steps, number

    def _then(self, name: str, *operands: Any) -> _Trace:
        told = [[o.number] if isinstance(o, _Trace) else np.asarray(o).item() for o in operands]
        self.steps.append([name, *told])
        return _Trace(self.steps, len(self.steps) - 1)

    def __add__(self, other: Any) -> _Trace:
        return self._then("+", self, other)

    def __radd__(self, other: Any) -> _Trace:
        return self._then("+", other, self)

    def __sub__(self, other: Any) -> _Trace:
        return self._then("-", self, other)

    def __rsub__(self, other: Any) -> _Trace:
        return self._then("-", other, self)

    def __mul__(self, other: Any) -> _Trace:
        return self._then("*", self, other)

    def __rmul__(self, other: Any) -> _Trace:
        return self._then("*", other, self)

    def __truediv__(self, other: Any) -> _Trace:
        return self._then("/", self, other)

    def __rtruediv__(self, other: Any) -> _Trace:
        return self._then("/", other, self)

    def __pow__(self, exponent: Any) -> _Trace:
        return self._then("**", self, exponent)

    def __neg__(self) -> _Trace:
        return self._then("negative", self)

    def sum(self) -> _Trace:
        return self._then("sum", self)


def traced(function: Callable[..., Any], variables: int) -> list[Any]:
    """What a function of variables does, step by step: ["variable"], or an operator and its operands.

    >>> traced(lambda a, b: ((a + b) * 3).sum(), 2)
    [['variable'], ['variable'], ['+', [0], [1]], ['*', [2], 3], ['sum', [3]]]
    """
    steps: list[Any] = [["variable"] for _ in range(variables)]
    result = function(*(_Trace(steps, number) for number in range(variables)))
    if result.number != len(steps) - 1:  # the last step is what a function gives
        steps.append(["+", [result.number], 0])
    return steps


def played(steps: list[Any]) -> Callable[..., Any]:
    """The function that does these steps."""

    def function(*variables: Any) -> Any:
        values: list[Any] = []
        for name, *operands in steps:
            given = [values[o[0]] if isinstance(o, list) else o for o in operands]
            values.append(variables[len(values)] if name == "variable" else OPERATORS[name](*given))
        return values[-1]

    return function
