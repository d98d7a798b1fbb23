"""Several runs of a model laid over each other: the same operations on the same values, or no file serves them all.

One difference is allowed. A crop, a reshape or a repetition to the size that a map has already is no operation, so in
some runs it is missing; it is put back there, as the one to the whole size that it is.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import EllipsisType
from typing import Any

from minifcn.autograd import Operation
from minifcn.export.following import IMAGE, Call, NotFollowed, Run, Step
from minifcn.functional.arithmetic import BroadcastTo
from minifcn.functional.indexing import GetItem
from minifcn.functional.shaping import Reshape
from minifcn.machine.backend import Array


class Together:
    """The steps that all runs take. A value has a number here, and in every run an array.

    values   the arrays of each, in the order of their appearance, the image first
    states   which of them are parameters or buffers, and their names
    """

    def __init__(self, runs: Sequence[Run]) -> None:
        self.names = runs[0].names
        self.values: list[tuple[Array, ...]] = []
        self.states: dict[int, str] = {}
        self.steps: list[Step] = []
        self._runs = runs
        self._places: dict[tuple[int, ...], int] = {}  # the numbers of a value in the runs, and its number here
        self._made = [{call.result for call in run.calls} for run in runs]
        self._number((IMAGE,) * len(runs))
        waiting = [run.calls[::-1] for run in runs]
        while any(waiting):
            self._step(waiting)
        self.result = self._number(tuple(run.result for run in runs))

    def _step(self, waiting: list[list[Call]]) -> None:
        """The next call of every run, as one step."""
        heads = [calls[-1] if calls else None for calls in waiting]
        if not self._alike(heads):
            heads = _left_out(heads)
        leader = next((head for head in heads if head), None)
        if leader is None:
            raise NotFollowed("the operations are not the same at every size")
        if None in heads:
            operands: tuple[int, ...] = (self._unchanged(heads),)
        else:
            operands = tuple(map(self._number, zip(*(head.operands for head in heads if head), strict=True)))
        operations, results = [], []
        for run, head in enumerate(heads):
            if head:
                operations.append(waiting[run].pop().operation)
                results.append(head.result)
            else:
                idle = IDLE[type(leader.operation)]
                operations.append(idle(self.values[operands[0]][run].shape))
                results.append(self._local(operands[0])[run])
        self.steps.append(Step(tuple(operations), leader.layer, operands, self._new(tuple(results))))

    def _alike(self, heads: list[Call | None]) -> bool:
        """Whether the calls are the same operation; two that may be missing are, if they are of the same value."""
        if len({type(head.operation) if head else None for head in heads}) > 1:
            return False
        places = zip(*(head.operands for head in heads if head), strict=True)
        return type(heads[0] and heads[0].operation) not in IDLE or all(place in self._places for place in places)

    def _unchanged(self, heads: list[Call | None]) -> int:
        """The operand in those runs that have the operation: the latest value that is the same in them."""
        for place, number in reversed(self._places.items()):
            if all(place[run] == head.operands[0] for run, head in enumerate(heads) if head):
                return number
        raise NotFollowed("the operations are not the same at every size")

    def _number(self, place: tuple[int, ...]) -> int:
        if place in self._places:
            return self._places[place]
        names = {run.states.get(number) for run, number in zip(self._runs, place, strict=True)}
        if len(names) > 1 or any(number in made for number, made in zip(place, self._made, strict=True)):
            raise NotFollowed("the operations are not the same at every size")
        number = self._new(place)
        if (name := names.pop()) is not None:
            self.states[number] = name
        return number

    def _new(self, place: tuple[int, ...]) -> int:
        if place in self._places:
            raise NotFollowed("the operations are not the same at every size")
        self._places[place] = len(self.values)
        self.values.append(tuple(run.values[number] for run, number in zip(self._runs, place, strict=True)))
        return self._places[place]

    def _local(self, number: int) -> tuple[int, ...]:
        return next(place for place, each in self._places.items() if each == number)


def _left_out(heads: list[Call | None]) -> list[Call | None]:
    """Of the next calls those of one kind that may be missing in the other runs, with None in place of all others."""
    for kind in IDLE:
        found = [head if head and type(head.operation) is kind and _may_be_missing(head) else None for head in heads]
        if any(found):
            return found
    return [None] * len(heads)


def _may_be_missing(call: Call) -> bool:
    """Every reshape and repetition, and a crop from the first row and column on, as `functional.crop` makes it."""
    if not isinstance(call.operation, GetItem):
        return True
    key: Any = call.operation.key
    if len(key) != 3 or not isinstance(key[0], EllipsisType):
        return False
    return all(isinstance(part, slice) and part.start == 0 and part.step is None for part in key[1:])


# What leaves a value of this shape as it is, by the kind of operation.
IDLE: dict[type, Callable[[tuple[int, ...]], Operation]] = {
    GetItem: lambda shape: GetItem((..., *map(slice, shape[-2:]))),
    Reshape: Reshape,
    BroadcastTo: BroadcastTo,
}
