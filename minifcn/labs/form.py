"""In which form a student writes an operation: with which options, for rows and columns at once or for one axis.

`check` tries a function in all of PyTorch's ways, and without what it does not take. A lab asks for one way, says which
in its text, and judges no other: who leaves the stride out has not written it.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from minifcn.testing.blame import Difference, difference
from minifcn.testing.calls import Call, Given, Outcome, reference, tried
from minifcn.testing.operations import Operations
from minifcn.testing.version import PAIRS

Function = Callable[..., Any]


@dataclass(frozen=True)
class Form:
    """Arguments as the operation has them, of its options those alone that a text asks for.

    options: their names; they are passed by name, and always, so that defaults are a matter of taste.
    """

    options: tuple[str, ...] = ()

    def operation(self, name: str, function: Function) -> Function:
        """A student's function as the operation of this name."""
        parameters = Operations.parameters(name)
        required = [key for key, default in parameters.items() if default is Operations.REQUIRED]
        defaults = {key: parameters[key] for key in self.options}

        def called(*arguments: Any, **named: Any) -> Any:
            given = dict(zip(required, arguments, strict=False)) | defaults | named
            return self._call(function, [given.pop(key) for key in required], given)

        both, named = inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY
        called.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
            [inspect.Parameter(key, both) for key in required]
            + [inspect.Parameter(key, named, default=default) for key, default in defaults.items()]
        )
        return called

    def written(self, operation: Function) -> Function:
        """An operation, such as a mutant, in the form in which a student writes it."""
        return operation

    def told(self, wrong: Difference, function: Function) -> Difference:
        """A call that went wrong, as one of the student's function."""
        return wrong

    def _call(self, function: Function, required: list[Any], named: Given) -> Any:
        return function(*required, **named)


@dataclass(frozen=True)
class Pairs(Form):
    """Every kernel_size, stride, padding and dilation is a pair (rows, columns), never one number for both."""

    def told(self, wrong: Difference, function: Function) -> Difference:
        """With the pairs that the function was given."""
        return replace(wrong, call=replace(wrong.call, given=_paired(wrong.call.given)))

    def _call(self, function: Function, required: list[Any], named: Given) -> Any:
        return function(*(_pair(each) for each in required), **_paired(named))


def _pair(value: Any) -> Any:
    return (value, value) if isinstance(value, int) else value


def _paired(named: Mapping[str, Any]) -> Given:
    return {key: _pair(value) if key in PAIRS else value for key, value in named.items()}


@dataclass(frozen=True)
class OneAxis(Form):
    """A function of integers for one axis, of an operation on sizes (H, W): it is called for rows, then for columns."""

    def written(self, operation: Function) -> Function:
        def one_axis(size: int, kernel_size: int, **named: int) -> Any:
            options = {key: (value, value) for key, value in named.items()}
            return operation((size, size), (kernel_size, kernel_size), **options)[0]

        return one_axis

    def told(self, wrong: Difference, function: Function) -> Difference:
        """The axis that is wrong, alone."""
        call = wrong.call
        for axis in (0, 1):
            defaults = {key: Operations.parameters(call.operation)[key] for key in self.options}
            given = _of_axis({**call.given, **{k: v for k, v in defaults.items() if k not in call.given}}, axis)
            mine = tried(lambda given: self._one(function, given), given)
            found = difference(Call(call.operation, given, mine), _right_of_axis(call.operation, given))
            if found:
                return found
        return wrong

    def _call(self, function: Function, required: list[Any], named: Given) -> Any:
        size, kernel_size = required
        given: Given = {"size": size, "kernel_size": kernel_size, **named}
        made = [self._one(function, _of_axis(given, axis)) for axis in (0, 1)]
        return None if all(each is None for each in made) else tuple(made)

    def _one(self, function: Function, given: Given) -> Any:
        named = dict(given)
        return function(named.pop("size"), named.pop("kernel_size"), **named)


def _of_axis(given: Mapping[str, Any], axis: int) -> Given:
    return {key: value if isinstance(value, int) else value[axis] for key, value in given.items()}


def _right_of_axis(operation: str, given: Given) -> Outcome:
    both = reference(operation, {key: (value, value) for key, value in given.items()})
    if both.error is not None:  # which speaks of two axes
        return Outcome(error=ValueError("there is no such window"))
    return Outcome(both.value[0])
