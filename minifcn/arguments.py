"""Numbers as arguments: what is a number, what a whole one, and a pair of those for rows and columns."""

from __future__ import annotations

import math
import operator
from numbers import Real

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
