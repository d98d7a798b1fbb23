"""What a plain argument may be: a number, a whole one, a pair of those for rows and columns, a flag, one of some words.

Python's numbers and NumPy's are taken alike and come back as Python's. A truth value is no number, and no number is a
truth value: `True` for a size, or 0 for "no", is nearly always an argument that has slipped to another place. Each
function is handed the name of the argument, with that of the function in front, and raises ArgumentTypeError for a
thing of the wrong kind, ArgumentError for a value out of range.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Sequence
from numbers import Real

import numpy as np

from minifcn.errors import ArgumentError, ArgumentTypeError

Pair = tuple[int, int]

# What `pair` takes: an integer that counts for both, or (rows, columns). A type checker does not count the sizes in
# x.shape[2:], so to it a tuple of any length will do.
IntOrPair = int | tuple[int, ...] | list[int]

# The largest size that is taken seriously: beyond it products of sizes leave 64-bit integers.
LARGEST_SIZE = 2**31 - 1


def whole_number(value: object) -> int | None:
    """`value` as a plain int; None if it is no whole number, as floats, booleans, strings and None are not."""
    if isinstance(value, bool):
        return None
    try:
        return operator.index(value)  # type: ignore[arg-type]
    except TypeError:
        return None


def real_number(value: object) -> float | None:
    """`value` as a float, NaN and infinity too; None if it is no number, as booleans, strings and None are not."""
    if isinstance(value, bool) or not isinstance(value, Real):
        return None
    try:
        return float(value)
    except OverflowError:  # an integer larger than every float
        return -math.inf if value < 0 else math.inf


def number(
    value: object, name: str, minimum: float = -math.inf, maximum: float = math.inf, finite: bool = True
) -> float:
    """`value` as a plain float in [minimum, maximum]; NaN and infinity only if `finite` is False."""
    plain = real_number(value)
    if plain is None:
        raise ArgumentTypeError(f"{name} must be a number, got {value!r} ({type(value).__name__}).")
    if finite and not math.isfinite(plain):
        raise ArgumentError(f"{name} must be finite, got {plain}.")
    if plain < minimum or plain > maximum:
        limits = f"at least {minimum:g}" if maximum == math.inf else f"between {minimum:g} and {maximum:g}"
        raise ArgumentError(f"{name} must be {limits}, got {plain:g}.")
    return plain


def probability(value: object, name: str) -> float:
    """`value` as a plain float in [0, 1]."""
    plain = real_number(value)
    if plain is None or not 0 <= plain <= 1:
        raise ArgumentError(f"{name} must be a probability between 0 and 1, got {value!r}.")
    return plain


def flag(value: object, name: str) -> bool:
    """`value` as a plain bool; nothing else is taken for one."""
    if not isinstance(value, bool | np.bool_):
        raise ArgumentTypeError(f"{name} must be True or False, got {value!r} ({type(value).__name__}).")
    return bool(value)


def choice(value: object, name: str, words: Sequence[str]) -> str:
    """`value`, which must be one of the words."""
    if not isinstance(value, str) or value not in words:
        *most, last = (f'"{word}"' for word in words)
        raise ArgumentError(f"{name} {value!r} is unknown; use {', '.join(most)} or {last}.")
    return value


def integer(value: object, name: str, minimum: int, kind: str = "an integer") -> int:
    """`value` as a plain int of at least `minimum`; what is no whole number is refused by name."""
    number = whole_number(value)
    if number is None:
        raise ArgumentTypeError(f"{name} must be {kind}, got {value!r} ({type(value).__name__}).")
    if not minimum <= number <= LARGEST_SIZE:
        raise ArgumentError(f"{name} must be between {minimum} and {LARGEST_SIZE}, got {number}.")
    return number


def pair(value: object, name: str, minimum: int) -> Pair:
    """`value` as two integers (rows, columns): an integer counts for both; anything else is an error that says so."""
    values = tuple(value) if isinstance(value, tuple | list) else (value, value)
    if len(values) != 2:
        raise ArgumentError(f"{name} must be an integer or a pair of integers, got {value!r} of length {len(values)}.")
    kind = "an integer or a pair of integers"
    return integer(values[0], name, minimum, kind), integer(values[1], name, minimum, kind)
