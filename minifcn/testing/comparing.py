"""How a result is compared with the right one, and what is said about the difference."""

from __future__ import annotations

from collections.abc import Iterable
from numbers import Number
from typing import Any

import numpy as np

from minifcn.testing.strategies import listed
from minifcn.testing.wire import Foreign
from minifcn.testing.worker import shortened

Fault = tuple[str, str]  # a kind, "type", "shape", "value" or "dtype", and "gave ..., it should be ..."


def fault(found: Any, right: Any, names: tuple[str, ...] = ("",), single: bool = False) -> Fault | None:
    """("type", ...) if a result is no such thing, else what its shape, values or dtypes are wrong in.

    single: whether it was computed of float32, so that a number without a dtype is no more exact.
    """
    if isinstance(right, dict):
        if not isinstance(found, dict) or right.keys() - found.keys():
            return "type", f"returned {_kind(found)}, it should return a dict of {listed(list(right))}"
        return _worst(fault(found[key], right[key], (f"the {key}",), single) for key in right)
    if isinstance(right, range):
        return _range_fault(found, list(right))
    if isinstance(right, tuple | list):
        if not isinstance(found, tuple | list | np.ndarray) or len(found) != len(right):
            return "type", f"returned {_kind(found)}, it should return {brief(right)}"
        if len(names) != len(right):
            alone = sum(not callable(part) for part in right) == 1  # an array beside its way back needs no number
            names = tuple("" if alone else f"number {n}" for n in range(1, len(right) + 1))
        return _worst(
            _function_fault(a, b, right) if callable(b) else fault(a, b, (name,), single)
            for a, b, name in zip(found, right, names, strict=True)
        )
    if isinstance(right, np.ndarray):
        return _array_fault(found, right, names[0], single)
    return _number_fault(found, right, names[0], single)


def _function_fault(found: Any, right: Any, results: Any) -> Fault | None:
    """What is wrong in a function among the results, such as one that undoes: asked about the array beside it."""
    if not callable(found):
        return "type", f"returned {_kind(found)}, it should return a function of an array"
    given = next(part for part in results if isinstance(part, np.ndarray))
    try:
        return fault(found(given.copy()), right(given.copy()), ("what its function gives",))
    except Exception as error:
        return "type", f"returned a function that raises {type(error).__name__} for the array beside it"


def _range_fault(found: Any, right: list[int]) -> Fault | None:
    """A range is whole numbers in order: a list of them, a tuple or an array will do as well."""
    if not isinstance(found, range | list | tuple | np.ndarray):
        return "type", f"returned {_kind(found)}, it should return {brief(right)}"
    mine = [number.item() if isinstance(number, np.generic) else number for number in found]
    return None if np.array_equal(mine, right) else ("value", f"gave {brief(mine)}, it should give {brief(right)}")


def _worst(found: Iterable[Fault | None]) -> Fault | None:
    """The worst that was found in several parts: a wrong value before a wrong dtype."""
    wrong = [one for one in found if one]
    return min(wrong, key=lambda one: one[0] == "dtype", default=None)


def _number_fault(found: Any, right: Any, name: str, single: bool) -> Fault | None:
    number = isinstance(found, Number | np.ndarray) and np.asarray(found).dtype.kind in "biuf"
    if not number or np.shape(found):
        return "type", f"returned {_kind(found)}, it should return the number {_plain(right)}"
    if not near(np.asarray(found), np.asarray(right), single).all():
        of = f" for {name}" if name else ""
        one, other = _numbers(found, right)
        return "value", f"gave {one}{of}, it should give {other}"
    return None


def _array_fault(found: Any, right: np.ndarray, name: str, single: bool) -> Fault | None:
    of = f" for {name}" if name else ""
    if not isinstance(found, np.ndarray | np.generic) or np.asarray(found).dtype.kind not in "biufc":
        return "type", f"returned {_kind(found)}{of}, it should return a NumPy array of shape {right.shape}"
    found = np.asarray(found)
    if found.shape != right.shape:
        return "shape", f"gave an array of shape {found.shape}{of}, it should have shape {right.shape}"
    wrong = ~near(found, right, single)
    if found.dtype.kind in "iu" and right.dtype.kind == "f":
        wrong &= np.isfinite(right)  # no integer is NaN or infinite: the dtype is what is wrong
    if wrong.any():
        at = tuple(int(i) for i in np.argwhere(wrong)[0])
        place = f"element {list(at)}{' of ' + name if name else ''}" if at else name or "the result"
        many = f"; {int(wrong.sum())} of {wrong.size} elements are wrong" if wrong.size > 1 else ""
        one, other = _numbers(found[at], right[at])
        return "value", f"gave {place} = {one}, it should be {other}{many}"
    if (found.dtype.kind in "iu") != (right.dtype.kind in "iu") or (
        right.dtype.kind == "f" and found.dtype != right.dtype
    ):
        should = "integers" if right.dtype.kind in "iu" else f"{right.dtype}, as it was given"
        return "dtype", f"returned {found.dtype}{of}, it should return {should}"
    return None


def near(found: np.ndarray, right: np.ndarray, single: bool = False) -> np.ndarray:
    """Where two arrays of one shape are equal up to rounding in the coarser of their dtypes; NaN equals NaN."""
    share = 1e-4 if single or np.float32 in (found.dtype, right.dtype) else 1e-9
    with np.errstate(all="ignore"):
        finite = right[np.isfinite(right)] if right.dtype.kind == "f" else right
        largest = float(np.abs(finite).max(initial=0.0))
        apart = np.abs(found.astype(np.float64) - right.astype(np.float64))
    made = (apart <= share * largest) & np.isfinite(found) & np.isfinite(right)
    return made | (found == right) | ((found != found) & (right != right))


def same_array(found: np.ndarray, right: np.ndarray) -> bool:
    return found.shape == right.shape and found.dtype == right.dtype and bool(near(found, right).all())


def differs_in(one: Any, other: Any, part: int | None = None, single: bool = False) -> bool:
    """Whether two results, or the parts of this number of both, differ beyond rounding and dtype."""
    a, b = one, other
    if part is not None:
        try:
            a, b = a[part], b[part]
        except (TypeError, IndexError, KeyError):
            return True
    wrong = fault(a, b, single=single)
    return wrong is not None and wrong[0] != "dtype"


def _kind(value: Any) -> str:
    """a list, nothing (None), an array of objects, ..."""
    if value is None:
        return "None"
    if isinstance(value, Foreign):
        return value.kind
    if isinstance(value, np.ndarray):
        return f"an array of shape {value.shape}" if value.dtype.kind in "biufc" else f"an array of {value.dtype}"
    if isinstance(value, tuple | list):
        return f"a {type(value).__name__} of {len(value)}" if isinstance(value, tuple) else "a list"
    name = type(value).__name__
    return f"{'an' if name[:1].lower() in 'aeiou' else 'a'} {name}"


def brief(value: Any) -> str:
    """A result in a sentence."""
    if isinstance(value, np.ndarray):
        return f"an array of shape {value.shape}"
    if isinstance(value, tuple | list) and any(isinstance(part, np.ndarray) for part in value):
        return f"{len(value)} arrays of shapes {listed([str(np.shape(part)) for part in value])}"
    if isinstance(value, dict):
        return shortened(repr({key: _plain(part) for key, part in value.items()}), 80)
    return shortened(repr(_plain(value)), 80)


def _numbers(found: Any, right: Any) -> tuple[str, str]:
    """Two numbers that differ, with as many digits as they need for it and seven if those will do."""
    exact = repr(_plain(found)), repr(_plain(right))
    short = [repr(float(f"{n:.7g}")) if isinstance(n, float) else repr(n) for n in (_plain(found), _plain(right))]
    return (short[0], short[1]) if short[0] != short[1] else exact


def _plain(value: Any) -> Any:
    """Without the type of NumPy around it."""
    return (
        value.item() if isinstance(value, np.generic) or (isinstance(value, np.ndarray) and not value.shape) else value
    )
