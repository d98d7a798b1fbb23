"""minifcn's operations as functions of NumPy arrays whose work is done by another array module."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any
from unittest import mock

import numpy as np

from minifcn.machine.backend import is_cupy, to_numpy
from minifcn.testing import Operations, ours


def converted(value: Any, convert: Callable[[Any], Any]) -> Any:
    """`value` with every array in it converted, however deep it lies in tuples, lists and dictionaries."""
    if isinstance(value, tuple | list):
        return type(value)(converted(item, convert) for item in value)
    if isinstance(value, dict):
        return {key: converted(item, convert) for key, item in value.items()}
    return convert(value) if isinstance(value, np.ndarray) or is_cupy(value) else value


@contextmanager
def operations_on(xp: ModuleType) -> Iterator[Operations]:
    """Operations that take and give NumPy arrays, and compute with those of `xp`.

    The arrays that they make for themselves, say of zeros, are of `xp` as well.
    """

    def moved(name: str) -> Callable[..., Any]:
        function = getattr(ours, name)

        def called(*arguments: Any, **options: Any) -> Any:
            there = converted(arguments, xp.asarray), converted(options, xp.asarray)
            return converted(function(*there[0], **there[1]), to_numpy)

        return called

    with mock.patch.object(ours, "np", xp):
        yield Operations(**{name: moved(name) for name in Operations.names()})
