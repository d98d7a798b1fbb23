"""The numbers that steer an optimiser, checked."""

from __future__ import annotations

from typing import Any

from minifcn import arguments
from minifcn.errors import ArgumentError, ArgumentTypeError

FLAGS = ("nesterov", "centered")
PAIRS = ("betas",)


def as_setting(owner: str, key: str, value: Any) -> Any:
    """`value` as a bool, a pair of floats or a float, by the name of the setting; it must be finite."""
    if key in FLAGS:
        return arguments.flag(value, f"{owner}: {key}")
    if key in PAIRS:
        if not isinstance(value, tuple | list) or len(value) != 2:
            raise ArgumentTypeError(f"{owner}: {key} must be a pair of numbers, got {value!r}.")
        return (number(owner, f"{key}[0]", value[0]), number(owner, f"{key}[1]", value[1]))
    return number(owner, key, value)


def number(owner: str, key: str, value: Any) -> float:
    return arguments.number(value, f"{owner}: {key}")


def non_negative(owner: str, group: dict[str, Any], *keys: str) -> None:
    for key in keys:
        if group[key] < 0:
            raise ArgumentError(f"{owner}: {key} must be 0 or more, got {group[key]}.")
