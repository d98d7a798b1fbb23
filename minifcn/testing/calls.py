"""Calls of an operation as they were: with what, what came of it, and what became of the arguments."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from minifcn.testing import ours
from minifcn.testing.law import NotApplicable
from minifcn.testing.planes import of_planes, plane_by_plane

Given = dict[str, Any]  # the arguments of a call by the names that minifcn has for them; planes.py says it too


@dataclass(frozen=True)
class Outcome:
    """What a call gave, or the exception that it raised; `changed` and `shared` name the arguments it wrote or kept."""

    value: Any = None
    error: BaseException | None = None
    changed: tuple[str, ...] = ()
    shared: tuple[str, ...] = ()


@dataclass(frozen=True)
class Call:
    """One call of an operation; planes: of single planes (H, W), without images and channels.

    name: what the function is called that was tried, if not as the operation.
    """

    operation: str
    given: Given
    outcome: Outcome
    planes: bool = False
    name: str = ""

    @property
    def of_float32(self) -> bool:
        """Whether it computes with numbers of single precision."""
        return any(array.dtype == np.float32 for array in arrays_in(self.given))


def reference(operation: str, given: Given, planes: bool = False) -> Outcome:
    """What minifcn's own operation gives for these arguments."""
    function = getattr(ours, operation)
    if planes:
        return tried(lambda arguments: of_planes(operation, function, arguments), given)
    return tried(lambda arguments: function(**arguments), given)


def bound(operation: str, arguments: tuple[Any, ...], named: dict[str, Any]) -> Given:
    """The arguments by name, those that were given and no others."""
    return dict(inspect.signature(getattr(ours, operation)).bind(*arguments, **named).arguments)


def tried(function: Callable[[Given], Any], given: Given) -> Outcome:
    """Call with a copy of the arguments. An exit is an exception like any other; Ctrl-C and NotApplicable pass."""
    return happened(function, twin(given))


def happened(function: Callable[[Given], Any], given: Given) -> Outcome:
    """Call with the arguments themselves, and look at them afterwards."""
    before = twin(given)
    value, error = None, None
    try:
        with np.errstate(all="ignore"):
            value = function(given)
    except NotApplicable:
        raise
    except (Exception, SystemExit) as raised:
        error = raised
    changed = tuple(name for name in given if not _untouched(before[name], given[name]))
    shared = tuple(name for name, argument in given.items() if _share(value, argument))
    return Outcome(value, error, changed, shared)


@dataclass
class Watched:
    """An operation under test that keeps its calls since the last `forget`. What it raises goes on to the law."""

    operation: str
    function: Callable[[Given], Any]
    planes: bool = False
    calls: list[Call] = field(default_factory=list)

    def forget(self) -> None:
        self.calls.clear()

    def __call__(self, *arguments: Any, **named: Any) -> Any:
        given = bound(self.operation, arguments, named)
        return plane_by_plane(self.operation, self._call, given) if self.planes else self._call(given)

    def _call(self, given: Given) -> Any:
        before = twin(given)
        outcome = happened(self.function, given)
        kept = Outcome(twin(outcome.value), outcome.error, outcome.changed, outcome.shared)
        self.calls.append(Call(self.operation, before, kept, self.planes))
        if isinstance(outcome.error, SystemExit):
            raise RuntimeError("SystemExit") from outcome.error
        if outcome.error is not None:
            raise outcome.error
        return outcome.value


def twin(value: Any) -> Any:
    """A deep copy in which arrays keep their memory layout, as far as a copy can. What cannot be copied stays."""
    if isinstance(value, np.ndarray):
        if value.dtype.hasobject:
            return value.copy()
        upright = tuple(slice(None, None, -1 if step < 0 else 1) for step in value.strides)
        made = value[upright].copy(order="K")[upright]
        made.flags.writeable = value.flags.writeable
        return made
    if type(value) is dict:
        return {key: twin(part) for key, part in value.items()}
    if type(value) in (list, tuple):
        return type(value)(twin(part) for part in value)
    try:
        return copy.deepcopy(value)
    except Exception:
        return value


def arrays_in(value: Any) -> list[np.ndarray]:
    """Every array in lists, tuples and dicts."""
    if isinstance(value, np.ndarray):
        return [value]
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list | tuple):
        return [array for part in value for array in arrays_in(part)]
    return []


def _untouched(before: Any, after: Any) -> bool:
    one, other = arrays_in(before), arrays_in(after)
    return len(one) == len(other) and all(
        a.shape == b.shape and a.dtype == b.dtype and a.tobytes() == b.tobytes()
        for a, b in zip(one, other, strict=True)
    )


def _share(value: Any, argument: Any) -> bool:
    return any(
        a.size and np.may_share_memory(a, b) and np.shares_memory(a, b)
        for a in arrays_in(value)
        for b in arrays_in(argument)
    )
