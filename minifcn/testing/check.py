"""Try an implementation against the laws, and call its mistake by its name."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from minifcn.errors import ArgumentError
from minifcn.testing.law import Counterexample, Law, NotApplicable
from minifcn.testing.mutants import MUTANTS
from minifcn.testing.operations import Operations
from minifcn.testing.score import laws_about
from minifcn.testing.strategies import count, keeping_default, listed
from minifcn.testing.version import Version


@dataclass(frozen=True)
class Report:
    """What `check` found. True in a condition if every law holds; `str()` tells all of it in words.

    laws: those that were tried; counterexamples: one for each law that does not hold; mistakes: the mutants that give
    the same results as the implementation; missing: arguments it does not take, whose cases were left out.
    """

    names: tuple[str, ...]
    laws: tuple[Law, ...]
    counterexamples: tuple[Counterexample, ...]
    mistakes: tuple[Version, ...]
    missing: tuple[str, ...]

    def __bool__(self) -> bool:
        return not self.counterexamples

    def __repr__(self) -> str:
        what, total, broken = listed(self.names), len(self.laws), len(self.counterexamples)
        without = f" It takes no {listed(self.missing)}; such cases were left out." if self.missing else ""
        if not broken:
            return f"{what}: all {count(total, 'law')} hold.{without}"
        lines = [f"{what}: {broken} of {count(total, 'law')} {'does' if broken == 1 else 'do'} not hold.{without}"]
        for mistake in self.mistakes:
            lines.append(f"It does what a known mistake does, {mistake.name}: {mistake.remark}")
        lines += ["", str(self.counterexamples[0])]
        if broken > 1:
            lines += ["", "These do not hold either:"]
            lines += [f"    {other.law.name}: {other.law.statement}" for other in self.counterexamples[1:]]
        return "\n".join(lines)


def check(*, examples: int = 100, seed: int = 0, **implementations: Callable[..., Any]) -> Report:
    """Every law that speaks about one of the implementations, on `examples` cases each.

    implementations: by the name of the operation, taking and giving NumPy arrays: `check(conv2d=my_conv2d)`. The
    arguments are described in `minifcn.testing.ours`. One that does not take all of them, say no `groups` yet, is
    tried without. The same seed draws the same cases. In a test: `assert check(conv2d=my_conv2d)`.
    """
    _known(implementations)
    missing = tuple(dict.fromkeys(name for of, f in implementations.items() for name in _missing(of, f)))
    usable = {name: _sparing(name, function) for name, function in implementations.items()}
    laws, broken = [], []
    with keeping_default(missing):
        for law in laws_about(*implementations):
            try:
                found = law.falsify(Operations(**usable), examples=examples, seed=seed)
            except NotApplicable:
                continue
            laws.append(law)
            if found is not None:
                broken.append(found)
        mistakes = _mistakes(usable, examples=8, seed=seed) if broken else []
    return Report(tuple(implementations), tuple(laws), tuple(broken), tuple(mistakes), missing)


def diagnose(*, examples: int = 8, seed: int = 0, **implementations: Callable[..., Any]) -> list[Version]:
    """The known mistakes that give the same wrong results as an implementation; none if it is right, or new.

    `diagnose(conv2d=my_conv2d)`. The laws are run with the right operations, `examples` cases each, while the
    arguments of every call are kept; then the implementation and all mutants are called with them. A mutant is named
    if it agrees with the implementation in every call, and the right answer does not.
    """
    return _mistakes(_known(implementations), examples, seed)


def _mistakes(implementations: dict[str, Callable[..., Any]], examples: int, seed: int) -> list[Version]:
    found = []
    for name, implementation in implementations.items():
        tried = [(call, _behaviour(implementation, call)) for call in _calls(name, examples, seed)]
        calls = [call for call, result in tried if result is not NOT_TRIED]
        behaviour = [result for _, result in tried if result is not NOT_TRIED]
        if _same(behaviour, [_behaviour(getattr(Operations(), name), call) for call in calls]):
            continue
        for mutant in MUTANTS.values():
            if mutant.of == name and _agrees(mutant.function, calls, behaviour):
                found.append(mutant)
    return found


def _known(implementations: dict[str, Callable[..., Any]]) -> dict[str, Callable[..., Any]]:
    names = Operations.names()
    if not implementations:
        raise ArgumentError(f"nothing to check; pass an implementation by its name, one of {', '.join(names)}.")
    for name, function in implementations.items():
        if name not in names:
            raise ArgumentError(f"no law speaks about {name!r}; name one of {', '.join(names)}.")
        if not callable(function):
            raise ArgumentError(f"{name} is {function!r}; pass a function of NumPy arrays.")
    return implementations


# --- implementations that do not take every argument ------------------------------------------------------------------


def _missing(name: str, function: Callable[..., Any]) -> list[str]:
    """The optional arguments of an operation that a function cannot take."""
    takes = inspect.signature(function).parameters
    if any(parameter.kind is parameter.VAR_KEYWORD for parameter in takes.values()):
        return []
    return [argument for argument in _optional_arguments(name) if argument not in takes]


def _sparing(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    """The function, called without the arguments that it does not take; NotApplicable where they would matter."""
    missing, optional = _missing(name, function), _optional_arguments(name)
    if not missing:
        return function
    signature = inspect.signature(getattr(Operations(), name))

    def spared(*arguments: Any, **named: Any) -> Any:
        given = signature.bind(*arguments, **named).arguments
        for argument in missing:
            if argument in given and not _means_default(argument, given, optional[argument]):
                raise NotApplicable(f"{name} takes no {argument}")
        required = [value for argument, value in given.items() if argument not in optional]
        return function(*required, **{a: v for a, v in given.items() if a in optional and a not in missing})

    return spared


def _means_default(argument: str, given: dict[str, Any], default: Any) -> bool:
    """(1, 1) means 1; the stride of a pooling is its kernel unless it is given."""
    if argument == "stride" and default is None:
        default = given["kernel_size"]
    elif default is None or given[argument] is None:
        return given[argument] is default
    return bool(np.all(np.asarray(given[argument]) == np.asarray(default)))


def _optional_arguments(name: str) -> dict[str, Any]:
    parameters = inspect.signature(getattr(Operations(), name)).parameters.values()
    return {parameter.name: parameter.default for parameter in parameters if parameter.default is not parameter.empty}


# --- behaviour --------------------------------------------------------------------------------------------------------

Call = tuple[tuple[Any, ...], dict[str, Any]]
NOT_TRIED = object()


def _calls(name: str, examples: int, seed: int) -> list[Call]:
    """The arguments with which the laws call one operation."""
    calls: list[Call] = []
    right = getattr(Operations(), name)

    def recorded(*arguments: Any, **named: Any) -> Any:
        calls.append(_twin((arguments, named)))
        return right(*arguments, **named)

    for law in laws_about(name):
        law.falsify(Operations(**{name: recorded}), examples=examples, smallest=False, seed=seed)
    return calls


def _behaviour(function: Callable[..., Any], call: Call) -> Any:
    """What a call gives, and what it leaves of its arguments; an exception counts as a result."""
    arguments, named = _twin(call)
    try:
        with np.errstate(all="ignore"):
            result = function(*arguments, **named)
    except NotApplicable:
        return NOT_TRIED
    except Exception:
        return "an exception"
    return result, [a for a in (*arguments, *named.values()) if isinstance(a, np.ndarray)]


def _twin(value: Any) -> Any:
    """A deep copy in which arrays keep their memory layout, as far as a copy can."""
    if isinstance(value, np.ndarray):
        upright = tuple(slice(None, None, -1 if step < 0 else 1) for step in value.strides)
        return value[upright].copy(order="K")[upright]
    if isinstance(value, dict):
        return {key: _twin(part) for key, part in value.items()}
    if type(value) in (list, tuple):
        return type(value)(_twin(part) for part in value)
    return copy.deepcopy(value)


def _agrees(function: Callable[..., Any], calls: list[Call], behaviour: list[Any]) -> bool:
    return all(_same(_behaviour(function, call), known) for call, known in zip(calls, behaviour, strict=True))


def _same(a: Any, b: Any) -> bool:
    """Equal up to rounding, with equal types of numbers: a result in another precision is another result."""
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(_same(a[key], b[key]) for key in a)
    if isinstance(a, list | tuple) and isinstance(b, list | tuple):
        return len(a) == len(b) and all(_same(x, y) for x, y in zip(a, b, strict=True))
    if callable(a) or callable(b):
        return callable(a) and callable(b)  # what a function does is asked by the laws
    if isinstance(a, str) or isinstance(b, str):
        return isinstance(a, str) and isinstance(b, str) and a == b
    a, b = np.asarray(a), np.asarray(b)
    return a.shape == b.shape and a.dtype == b.dtype and np.allclose(a, b, rtol=1e-6, atol=1e-9, equal_nan=True)
