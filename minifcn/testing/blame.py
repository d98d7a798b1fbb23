"""Who is wrong: the first call in which the function under test and minifcn's own operation give different things.

A law relates results to one another, so by itself it cannot say which of them is wrong. Every call that a case makes
is therefore laid beside the same call of minifcn's own operation; the first one that differs is what is told, and the
law is the reason. If none differs the case is no counterexample: no right value is ever blamed.
"""

from __future__ import annotations

import sysconfig
import traceback
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from minifcn.arguments import pair
from minifcn.testing.calls import Call, Given, Outcome, arrays_in, reference
from minifcn.testing.comparing import Fault, brief, fault, same_array
from minifcn.testing.formulas import VARIABLES, formula
from minifcn.testing.operations import Operations
from minifcn.testing.strategies import listed, shown
from minifcn.testing.version import PAIRS
from minifcn.testing.worker import in_words, shortened

PARTS = {  # what an operation's results are called, where there are several
    "max_pool2d": ("the maxima", "the indices"),
    "batch_norm": ("the result", "the running mean", "the running variance"),
    "batch_norm_backward": ("the gradient of x", "the gradient of weight", "the gradient of bias"),
    "conv2d_double_backward": ("the gradient of grad_output", "the gradient of x", "the gradient of weight"),
}

LIBRARIES = (sysconfig.get_paths()["stdlib"], "<frozen")


@dataclass(frozen=True)
class Difference:
    """A call whose outcome is not minifcn's. kind: "raises", "type", "shape", "value", "dtype", "changes", "shares"."""

    call: Call
    right: Outcome
    kind: str
    verb: str  # "gave element [0, 0] = 1.0, it should be 2.0"

    @property
    def of_values(self) -> bool:
        return self.kind not in ("dtype", "changes", "shares")

    @property
    def sentence(self) -> str:
        return f"{spelt(self.call)} {self.verb}."

    @property
    def weight(self) -> tuple[bool, bool, bool, int, int, float]:
        """How hard it is to look at: an error says less than a wrong value, nothing less than a pixel, NaN less."""
        arrays = arrays_in(self.call.given)
        options = {name: value for name, value in options_of(self.call).items() if not arrays_in(value)}
        numbers = sum(abs(n) for value in options.values() for n in _whole_numbers_in(value))
        empty = any(array.size == 0 for array in arrays)
        disorder = sum(not np.array_equal(array, counted(array)) for array in arrays)
        pixels = sum(array.size for array in arrays) + disorder / 10
        strange = any(array.dtype.kind == "f" and not np.isfinite(array).all() for array in arrays)
        unsaid = self.kind == "raises" or self.right.error is not None
        return unsaid, empty, strange, len(options) + len(self.call.given), numbers, pixels

    def to_json(self) -> dict[str, Any]:
        """The call, what came of it and what should have, as lists where there are arrays."""
        right = None if self.right.error is not None else _listed(self.right.value)
        gave = None if self.call.outcome.error is not None else _listed(self.call.outcome.value)
        return {
            "sentence": self.sentence,
            "kind": self.kind,
            "call": spelt(self.call),
            "arguments": {name: _listed(value) for name, value in self.call.given.items()},
            "gave": gave,
            "raised": None if self.call.outcome.error is None else error_in_words(self.call.outcome.error),
            "should_be": right,
        }

    def __str__(self) -> str:
        return f"{self.sentence}\n{self.arrays}".rstrip("\n")

    @property
    def spelt(self) -> str:
        return spelt(self.call)

    @property
    def arrays(self) -> str:
        """The arrays of the call and what came of them, a line each."""
        made: dict[str, np.ndarray] = {}
        if self.kind in ("value", "shape", "dtype"):
            names = names_of(self.call.operation, self.right.value)
            found, right = _parts(self.call.outcome.value), _parts(self.right.value)
            for name, one, other in zip(names, found, right, strict=False):
                if isinstance(one, np.ndarray) and isinstance(other, np.ndarray) and not same_array(one, other):
                    what = f" ({name.removeprefix('the ')})" if name else ""
                    made |= {f"it gave{what}": one, f"it should give{what}": other}
        return "\n".join(filter(None, [arrays_of(self.call), shown(**made)]))


def first_difference(calls: Iterable[Call]) -> Difference | None:
    """The first call with a wrong value; if all values are right, the first whose types or manners are wrong."""
    manners = None
    for call in calls:
        found = difference(call)
        if found and found.of_values:
            return found
        manners = manners or found
    return manners


def difference(call: Call, right: Outcome | None = None) -> Difference | None:
    """How the outcome of a call differs from the right one, beyond rounding; None if it does not.

    right: what is right; None asks minifcn's own operation.
    """
    if right is None:
        right = reference(call.operation, call.given, call.planes)
    found = _differs(call, right)
    return Difference(call, right, *found) if found else None


def _differs(call: Call, right: Outcome) -> Fault | None:
    mine = call.outcome
    if right.error is not None:
        if mine.error is not None:
            return None
        return "value", f"gave {brief(mine.value)}, it should refuse: {right.error}".rstrip(".")
    if mine.error is not None:
        return "raises", f"raised {error_in_words(mine.error)}, it should give {brief(right.value)}"
    parts = names_of(call.operation, right.value)
    if (wrong := fault(mine.value, right.value, parts, call.of_float32)) is not None:
        return wrong
    if mine.changed and not right.changed:
        return "changes", f"changed its argument {listed(mine.changed)}, which belongs to the caller"
    if mine.shared and not right.shared:
        return "shares", f"gave memory of its argument {listed(mine.shared)}, it should give memory of its own"
    return None


def names_of(operation: str, right: Any) -> tuple[str, ...]:
    """What the parts of a result are called."""
    if operation == "backward":
        return tuple(f"the gradient of {name}" for name, _ in zip(VARIABLES, right, strict=False))
    return PARTS.get(operation, ("",))


def _parts(value: Any) -> list[Any]:
    return list(value) if isinstance(value, tuple | list) else [value]


# --- in words ---------------------------------------------------------------------------------------------------------


def counted(array: np.ndarray) -> np.ndarray:
    """1, 2, 3, ... in the shape of an array."""
    return (np.arange(array.size) % 9 + 1.0).reshape(array.shape)


def spelt(call: Call) -> str:
    """conv2d(x, weight, stride=(2, 1)): arrays by their names, options where they are not the default."""
    options = options_of(call)
    arguments = []
    for name, value in call.given.items():
        if name not in options:
            continue
        by_name = isinstance(value, np.ndarray) or name in ("batches", "functions", "function", "gradients", "arrays")
        default = Operations.parameters(call.operation)[name]
        if by_name:
            arguments.append(name)
        else:
            arguments.append(repr(value) if default is Operations.REQUIRED else f"{name}={value!r}")
    return f"{call.name or call.operation}({', '.join(arguments)})"


def arrays_of(call: Call) -> str:
    """The arrays among the arguments of a call, a line each."""
    arrays = {name: value for name, value in call.given.items() if isinstance(value, np.ndarray)}
    for number, batch in enumerate(call.given.get("batches", ()), 1):
        arrays |= {f"prediction {number}": batch[0], f"target {number}": batch[1]}
    if call.operation == "backward":
        given = call.given["arrays"]
        arrays |= dict(zip(VARIABLES, given, strict=False))
        functions = [f"    f = {formula(function, len(given))}" for function in call.given["functions"]]
        return "\n".join([*functions, shown(**arrays)])
    return shown(**arrays)


def options_of(call: Call) -> Given:
    """The arguments of a call that are not at their default."""
    parameters = Operations.parameters(call.operation)
    return {name: value for name, value in call.given.items() if not means_default(name, value, call.given, parameters)}


def means_default(name: str, value: Any, given: Given, parameters: Given) -> bool:
    """(1, 1) means 1; the stride of a pooling is its kernel unless it is given."""
    default = parameters[name]
    if default is Operations.REQUIRED:
        return False
    if name == "stride" and default is None and value is not None:
        return pair(value, name, 0) == pair(given["kernel_size"], "kernel_size", 0)
    if default is None or value is None:
        return value is default
    if name in PAIRS:
        return pair(value, name, 0) == pair(default, name, 0)
    return bool(np.all(np.asarray(value) == np.asarray(default)))


def error_in_words(error: BaseException) -> str:
    """IndexError: index 3 is out of bounds (FILE, line 12, in conv2d: y[i] = x[j])"""
    told, place = getattr(error, "told", None), getattr(error, "place", None)
    if told is None:
        message = shortened(" ".join(str(error).split()))
        told, place = f"{type(error).__name__}: {message}".rstrip(": "), line_of(error)
    return f"{told} ({place})" if place else told


def line_of(error: BaseException) -> str | None:
    """The innermost line outside this library and others that an exception of this process came through.

    Of an assertion the outermost, as in `worker.place`.
    """
    frames = [
        (frame.f_code, line)
        for frame, line in traceback.walk_tb(error.__traceback__)
        if not frame.f_code.co_filename.startswith(LIBRARIES)
        and "site-packages" not in frame.f_code.co_filename
        and not str(frame.f_globals.get("__name__", "")).startswith("minifcn.")
    ]
    if not frames:
        return None
    code, line = frames[0 if isinstance(error, AssertionError) else -1]
    return in_words(code.co_filename, line, code.co_name)


def _whole_numbers_in(value: Any) -> list[int]:
    return [n for n in (value if isinstance(value, tuple | list) else [value]) if isinstance(n, int)]


def _listed(value: Any) -> Any:
    """Arrays as lists, everything else as JSON has it or as its repr."""
    if isinstance(value, np.ndarray | np.generic):
        return _listed(value.tolist()) if value.dtype.kind in "biuf" else repr(value)
    if isinstance(value, float) and not np.isfinite(value):
        return repr(value)  # JSON has no NaN
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, list | tuple):
        return [_listed(part) for part in value]
    if isinstance(value, dict):
        return {str(key): _listed(part) for key, part in value.items()}
    return repr(value)
