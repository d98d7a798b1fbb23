"""Other versions of an operation: mutants, which are wrong on purpose, and variants, which are right in another way.

Mutants test the tests: each is an operation with one small, plausible mistake, as somebody would make it, and says in
one sentence what was done wrong. Laws that let one live are not laws enough; and a wrong result can be compared with
all of them, so that the mistake is called by its name (`diagnose`). Variants test for false alarms: independent ways
to compute the same, which every law must accept.

Most mistakes are a right operation with wrong arguments (`changes`) or with a result that was spoilt (`spoils`); what
is neither is a function of its own (`mutant`).
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from minifcn.errors import ArgumentError
from minifcn.testing import ours
from minifcn.testing.docstrings import docstring
from minifcn.testing.operations import Operations

Body = Callable[..., Any]


@dataclass(frozen=True)
class Version:
    """name: of the function; of: the operation it stands for; remark: what is wrong, or different, in one sentence."""

    name: str
    of: str
    remark: str
    function: Callable[..., Any]

    def operations(self) -> Operations:
        """minifcn's own but for this one operation."""
        return Operations(**{self.of: self.function})


MUTANTS: dict[str, Version] = {}
VARIANTS: dict[str, Version] = {}


def mutant(of: str) -> Callable[[Body], Version]:
    """Register a function as a wrong version of the operation `of`; its docstring says what is wrong."""
    return lambda function: _registered(MUTANTS, of, function, function)


def variant(of: str) -> Callable[[Body], Version]:
    """Register a function as a right version of the operation `of`; its docstring says how it goes about it."""
    return lambda function: _registered(VARIANTS, of, function, function)


def changes(of: str, reference: Callable[..., Any] | None = None) -> Callable[[Body], Version]:
    """Register a mutant that calls the operation `of` with other arguments: those that the function returns.

    The function is handed the arguments that it names, as they were given or by their defaults; a stride, padding or
    dilation always as a pair.

        @changes("conv2d")
        def dilation_exchanged(dilation):
            '''The dilation of the columns is used for the rows, and that of the rows for the columns.'''
            return {"dilation": dilation[::-1]}

    reference: what is called, by default minifcn's own `of`. Another one may have more arguments than the operation,
    such as the lines of its formula, and the mutant changes one of them.
    """

    def register(body: Body) -> Version:
        def version(*arguments: Any, **named: Any) -> Any:
            right = reference or getattr(ours, of)
            given = _given(right, arguments, named)
            return right(**given | body(**_picked(asked, given)))

        asked = _asked(body)
        return _registered(MUTANTS, of, body, version, asked, reference)

    return register


def spoils(of: str, reference: Callable[..., Any] | None = None) -> Callable[[Body], Version]:
    """Register a mutant that calls the operation `of` and gives something else than its result.

    Before the slash the function names the right result, or its parts where it has several; behind the slash arguments
    that it looks at, which it is handed as `changes` does.

        @spoils("max_pool2d")
        def index_column_by_column(y, index, /, x):
            '''The index is column·H + row.'''
            row, column = np.divmod(index, x.shape[3])
            return y, column * x.shape[2] + row

    If it names `again`, that is the operation itself, for the same call with some arguments changed: again(padding=0).
    reference: what is called, as for `changes`.
    """

    def register(body: Body) -> Version:
        def version(*arguments: Any, **named: Any) -> Any:
            right = reference or getattr(ours, of)
            given = _given(right, arguments, named)

            def again(**other: Any) -> Any:
                return right(**given | other)

            picked = _picked(asked, {**given, "again": again})
            if not parts:
                return body(**picked)
            result = again()
            return body(*(result if parts > 1 else [result]), **picked)

        asked = _asked(body)
        parts = len(inspect.signature(body).parameters) - len(asked)
        return _registered(MUTANTS, of, body, version, [name for name in asked if name != "again"], reference)

    return register


def _asked(body: Body) -> list[str]:
    """The names of the arguments that a function is to be handed by name."""
    parameters = inspect.signature(body).parameters.values()
    return [parameter.name for parameter in parameters if parameter.kind is not parameter.POSITIONAL_ONLY]


def _given(right: Callable[..., Any], arguments: tuple[Any, ...], named: dict[str, Any]) -> dict[str, Any]:
    """Every argument of a call by its name, defaults included."""
    bound = inspect.signature(right).bind(*arguments, **named)
    bound.apply_defaults()
    return bound.arguments


# What may be one number for rows and columns; a mutant is handed a pair in any case.
PAIRS = ("kernel_size", "stride", "padding", "output_padding", "dilation")


def _picked(asked: Iterable[str], given: dict[str, Any]) -> dict[str, Any]:
    """Those arguments that were asked for."""
    return {name: _paired(given[name]) if name in PAIRS else given[name] for name in asked}


def _paired(value: Any) -> Any:
    return (value, value) if isinstance(value, int) else value


def _registered(
    registry: dict[str, Version],
    of: str,
    told: Body,
    function: Callable[..., Any],
    asked: Iterable[str] = (),
    reference: Callable[..., Any] | None = None,
) -> Version:
    """Enter `function` under the name of `told`, with its docstring; `asked` must be arguments of what it calls."""
    name, remark = told.__name__, " ".join(docstring(told).split())
    if of not in Operations.names() or not remark or name in registry:
        raise ArgumentError(
            f"{name}: a version needs a name of its own, an operation that exists (got {of!r}) and a "
            f"docstring that says what is wrong or different."
        )
    known = inspect.signature(reference or getattr(ours, of)).parameters
    if not known.keys() >= set(asked):
        raise ArgumentError(f"{name} asks for {', '.join(asked)}; {of} takes {', '.join(known)}.")
    registry[name] = made = Version(name, of, remark, function)
    return made
