"""The numbers that steer an optimiser, checked."""

from __future__ import annotations

from typing import Any

from minifcn.arguments import flag, number
from minifcn.errors import ArgumentTypeError

FLAGS = ("nesterov", "centered")
PAIRS = ("betas",)


def as_setting(owner: str, key: str, value: Any) -> Any:
    """`value` as a bool, a pair of floats or a float, by the name of the setting; it must be finite."""
    if key in FLAGS:
        return flag(value, f"{owner}: {key}")
    if key in PAIRS:
        if not isinstance(value, tuple | list) or len(value) != 2:
            raise ArgumentTypeError(f"{owner}: {key} must be a pair of numbers, got {value!r}.")
        return (number(value[0], f"{owner}: {key}[0]"), number(value[1], f"{owner}: {key}[1]"))
    return number(value, f"{owner}: {key}")


def non_negative(owner: str, group: dict[str, Any], *keys: str) -> None:
    for key in keys:
        number(group[key], f"{owner}: {key}", 0)
