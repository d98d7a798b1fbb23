"""What is asked of `check`: how many cases, which laws, and in which form the arrays are given."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from minifcn.arguments import choice, integer
from minifcn.errors import ArgumentError, ArgumentTypeError
from minifcn.testing.law import Law
from minifcn.testing.laws import LAWS
from minifcn.testing.operations import Operations
from minifcn.testing.planes import PLANAR
from minifcn.testing.score import laws_about
from minifcn.text import nearest

SHRINK = ("first", "all", "none")


@dataclass(frozen=True)
class Asked:
    """laws: only these are tried, None for all; without: these are excused; planes: None where it is to be found out.

    shrink: which wrong calls are made small: the one that is shown, one for each broken law, or none.
    """

    examples: int = 100
    seed: int = 0
    laws: tuple[str, ...] | None = None
    without: tuple[str, ...] = ()
    shrink: str = "first"
    planes: bool | None = None

    def __post_init__(self) -> None:
        integer(self.examples, "examples", 1)
        choice(self.shrink, "shrink", SHRINK)
        if self.planes not in (None, True, False):
            raise ArgumentError(f"planes is {self.planes!r}; it is True, False, or None to be found out.")

    def of(self, operation: str) -> tuple[list[Law], tuple[Law, ...]]:
        """The laws to be tried on an operation, and those that are excused."""
        about = [law for law in laws_about(operation) if self.laws is None or law.name in self.laws]
        return [law for law in about if law.name not in self.without], tuple(
            law for law in about if law.name in self.without
        )


def names_of(laws: str | Law | Iterable[str | Law], argument: str, operations: Iterable[str]) -> tuple[str, ...]:
    """The names of laws that speak about one of the operations; ArgumentError for any other, with the nearest one."""
    given = [laws] if isinstance(laws, str | Law) else list(laws)
    about = [law.name for law in laws_about(*operations)]
    names = []
    for one in given:
        name = one.name if isinstance(one, Law) else one
        if not isinstance(name, str):
            raise ArgumentTypeError(f"{argument} holds {name!r}; it takes the names of laws.")
        if name not in about:
            _refuse(name, argument, about, list(operations))
        names.append(name)
    return tuple(dict.fromkeys(names))


def _refuse(name: str, argument: str, about: list[str], operations: list[str]) -> None:
    of = " and ".join(operations)
    if name in LAWS:
        needs = " and ".join(LAWS[name].needs)
        raise ArgumentError(f"{argument}: the law {name} speaks about {needs}, not about {of}; leave it out.")
    like = nearest(name, about)
    meant = f"is {like} meant?" if like else f"`python -m minifcn.testing laws {' '.join(operations)}` lists them."
    raise ArgumentError(f"{argument}: there is no law {name!r} about {of}; {meant}")


def known(implementations: dict[str, Callable[..., Any]], planes: bool | None = None) -> dict[str, Callable[..., Any]]:
    """ArgumentError unless every name is that of an operation, and everything a function."""
    names = Operations.names()
    if not implementations:
        raise ArgumentError(f"nothing to check; pass an implementation by its name, one of {', '.join(names)}.")
    for name, function in implementations.items():
        if name not in names:
            like = nearest(name, names)
            meant = f" (is {like} meant?)" if like else ""
            raise ArgumentError(f"no law speaks about {name!r}{meant}; name one of {', '.join(names)}.")
        if not callable(function):
            raise ArgumentError(f"{name} is {function!r}; pass a function of NumPy arrays.")
        if planes and name not in PLANAR:
            raise ArgumentError(f"planes=True: {name} is not made plane by plane; leave planes out.")
    return implementations
