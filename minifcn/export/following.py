"""What a model does with an image, written down: which operation, with which operands, in which layer.

A Follower stands where a profile stands, so every operation passes it. An array is known by being the same object: the
image, a parameter, the result of an earlier operation. Whatever else an operation is given is a constant, and whether
it really is one shows when the model is followed again with another image: `Together` (`comparing.py`) lays several
runs over each other and finds what differs. What differs with the size of the image must be told by it (`sizes.py`).
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from types import FrameType
from typing import Any, TypeVar
from zlib import crc32

import numpy as np

from minifcn.autograd import Operation, no_grad
from minifcn.errors import ArgumentError, ArgumentTypeError
from minifcn.machine.backend import Array
from minifcn.machine.profiling import Profile
from minifcn.nn import Module
from minifcn.tensor import Tensor

IMAGE = 0  # the number of the image among the values

Answer = TypeVar("Answer")


class NotFollowed(Exception):
    """Why one file cannot serve all the sizes that were tried."""


@dataclass(frozen=True)
class Call:
    """One operation that ran; operands and result are numbers of values."""

    operation: Operation
    layer: str
    operands: tuple[int, ...]
    result: int


@dataclass
class Run:
    """One forward pass: its values in the order of their appearance, the image first."""

    values: list[Array]
    calls: list[Call] = field(default_factory=list)
    states: dict[int, str] = field(default_factory=dict)  # which values are parameters or buffers, and their names
    result: int = IMAGE
    names: dict[int, str] = field(default_factory=dict)  # of every parameter and buffer, by the id of its array


class Follower(Profile):
    """Writes down the operations of `model` on `image` while it is started."""

    def __init__(self, model: Module, image: Array) -> None:
        super().__init__()
        self._layers = {id(module): name for name, module in model.named_modules()}
        names = {id(value._array): name for name, value in model.state_dict().items()}
        self.run = Run([image], names=names)
        self._numbers = {id(image): IMAGE}  # by identity, which holds while `run` keeps the arrays alive
        self._marks = {IMAGE: _mark(image)}  # of the image and what is computed, as it was made

    def forward(self, operation: Any, arrays: tuple[Array, ...]) -> Array:
        operands = tuple(self.number(array) for array in arrays)
        result = operation.forward(*arrays)
        result = np.asarray(result) if isinstance(result, np.generic) else result
        self._numbers[id(result)] = len(self.run.values)  # a new value, even if the operation wrote into its operand
        self._marks[len(self.run.values)] = _mark(result)
        self.run.values.append(result)
        self.run.calls.append(Call(operation, self._layer(), operands, self._numbers[id(result)]))
        return result

    def number(self, array: Array) -> int:
        """Of a value; a new one if it was not seen yet. What is no longer as it was made, no file can follow."""
        if id(array) not in self._numbers:
            self._numbers[id(array)] = len(self.run.values)
            if id(array) in self.run.names:
                self.run.states[len(self.run.values)] = self.run.names[id(array)]
            self.run.values.append(array)
        number = self._numbers[id(array)]
        if number in self._marks and self._marks[number] != _mark(array):
            raise ArgumentError(
                f"export.onnx: a result was written into in place before it was used in {self._layer() or 'the model'},"
                f" which a file cannot repeat; make a new tensor: x = x + y, not x += y."
            )
        return number

    def _layer(self) -> str:
        """The name of the innermost module at work: the nearest caller whose `self` is a part of the model."""
        frame: FrameType | None = sys._getframe(1)
        while frame is not None:
            name = self._layers.get(id(frame.f_locals.get("self")))
            if name is not None:
                return name
            frame = frame.f_back
        return ""


def _mark(array: Array) -> int:
    """A number that is another one when the array is."""
    return crc32(np.ascontiguousarray(array).data)


def follow(model: Module, shape: tuple[int, ...], seed: int, scale: float) -> Run:
    """One pass of the model over noise of this shape and scale."""
    image = Tensor(np.random.default_rng(seed).normal(0, scale, shape).astype(np.float32))
    follower = Follower(model, image._array)
    with no_grad(), np.errstate(all="ignore"):
        follower.start()
        try:
            result = model(image)
        finally:
            follower.stop()
    if not isinstance(result, Tensor):
        raise ArgumentTypeError(
            f"export.onnx: {type(model).__name__} returns {type(result).__name__}, and a file has one Tensor as its "
            f"result; wrap the model in a Module whose forward returns one."
        )
    before = len(follower.run.values)
    follower.run.result = follower.number(result._array)
    if follower.run.result == before and before not in follower.run.states:
        raise ArgumentError(
            f"export.onnx: the result of {type(model).__name__} comes from no operation that could be followed (argmax "
            f"and comparisons are none); return what they are computed from."
        )
    for call in follower.run.calls:  # of what was computed only the shape is asked for
        made = follower.run.values[call.result]
        follower.run.values[call.result] = np.broadcast_to(np.zeros((), made.dtype), made.shape)
    follower.run.calls = needed(follower.run)
    return follower.run


def needed(run: Run) -> list[Call]:
    """The calls that the result depends on. What is thrown away may differ with the size of the image."""
    wanted, calls = {run.result}, []
    for call in reversed(run.calls):
        if call.result in wanted:
            wanted.update(call.operands)
            calls.append(call)
    return calls[::-1]


@dataclass(frozen=True)
class Step:
    """One operation in all runs."""

    operations: tuple[Any, ...]
    layer: str
    operands: tuple[int, ...]
    result: int

    @property
    def name(self) -> str:
        """ "ReLU in stage1.1" """
        return f"{self.operations[0].name} in {self.layer or 'the model itself'}"

    def same(self, asked: Callable[[Any], Answer]) -> Answer:
        """What every run answers alike."""
        first, *others = map(asked, self.operations)
        if any(other != first for other in others):
            raise NotFollowed(f"{self.name} has other settings at another size")
        return first

    def unknown(self, reason: str = "") -> ArgumentError:
        return ArgumentError(
            f"export.onnx: {self.name} has no counterpart in the file{reason}; write that part of the model with "
            f"other operations."
        )
