"""Other versions of an operation: mutants, which are wrong on purpose, and variants, which are right in another way.

Mutants test the tests: each is an operation with one small, plausible mistake, as somebody would make it, and says in
one sentence what was done wrong. Laws that let one live are not laws enough; and a wrong result can be compared with
all of them, so that the mistake is called by its name (`diagnose`). Variants test for false alarms: independent ways
to compute the same, which every law must accept.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from inspect import cleandoc
from typing import Any

from minifcn.errors import ArgumentError
from minifcn.testing.operations import Operations


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


def mutant(of: str) -> Callable[[Callable[..., Any]], Version]:
    """Register a function as a wrong version of the operation `of`; its docstring says what is wrong."""
    return _registering(MUTANTS, of)


def variant(of: str) -> Callable[[Callable[..., Any]], Version]:
    """Register a function as a right version of the operation `of`; its docstring says how it goes about it."""
    return _registering(VARIANTS, of)


def _registering(registry: dict[str, Version], of: str) -> Callable[[Callable[..., Any]], Version]:
    def register(function: Callable[..., Any]) -> Version:
        remark = " ".join(cleandoc(function.__doc__ or "").split())
        if of not in Operations.names() or not remark or function.__name__ in registry:
            raise ArgumentError(
                f"{function.__name__}: a version needs a name of its own, an operation that exists (got {of!r}) and a "
                f"docstring that says what is wrong or different."
            )
        made = Version(function.__name__, of, remark, function)
        registry[made.name] = made
        return made

    return register
