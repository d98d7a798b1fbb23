"""Right implementations that differ in what they may differ in: a good test lets every one of them pass.

Another algorithm, another order of the sums and so another last digit, another layout in memory, another type of whole
numbers, another exception. The first of each operation is minifcn's own.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from minifcn.testing import ours
from minifcn.testing.variants import VARIANTS
from minifcn.testing.version import Version

Function = Callable[..., Any]


def _fortran(array: Any) -> Any:
    """The same values in column-major order, to be read only."""
    array = np.asfortranarray(array)
    array.flags.writeable = False
    return array


def _last_digits(array: Any) -> Any:
    """Values as another order of the sums leaves them: wrong by some units of the last digit."""
    slack = 4 * np.finfo(array.dtype).eps
    return (array * (1 + slack) + (slack if array.dtype == np.float64 else 0)).astype(array.dtype)


def _giving(function: Function, change: Function) -> Function:
    return lambda *arguments, **named: change(function(*arguments, **named))


def _refusing(function: Function) -> Function:
    """Raises a TypeError where the function raises anything."""

    def refusing(*arguments: Any, **named: Any) -> Any:
        try:
            return function(*arguments, **named)
        except Exception as error:
            raise TypeError("This cannot be computed.") from error

    return refusing


def _versions(operation: str, **others: tuple[str, Function]) -> dict[str, Version]:
    plain = Version("plain", operation, "the right one, as it is.", getattr(ours, operation))
    made = [Version(name, operation, remark, function) for name, (remark, function) in others.items()]
    return {version.name: version for version in (plain, *made)}


def _of(name: str) -> Function:
    return VARIANTS[name].function


LAYOUT = "right, in an array of another memory layout that cannot be written."
DIGITS = "right, summed in another order: the last digits differ."
ERRORS = "right, and refuses what it cannot compute with a TypeError."

RIGHT: dict[str, dict[str, Version]] = {
    "conv2d": _versions(
        "conv2d",
        another_layout=(LAYOUT, _giving(_of("tap_by_tap"), _fortran)),
        other_last_digits=(DIGITS, _giving(_of("by_windows_and_einsum"), _last_digits)),
        another_error=(ERRORS, _refusing(_of("by_loops"))),
    ),
    "conv_transpose2d": _versions(
        "conv_transpose2d",
        another_layout=(LAYOUT, _giving(_of("stamp_by_stamp"), _fortran)),
        other_last_digits=(DIGITS, _giving(ours.conv_transpose2d, _last_digits)),
        another_error=(ERRORS, _refusing(_of("zeros_between_and_a_flipped_kernel"))),
    ),
    "max_pool2d": _versions(
        "max_pool2d",
        another_layout=(LAYOUT, _giving(ours.max_pool2d, lambda both: tuple(map(_fortran, both)))),
        smaller_index=(
            "right, with an index of 32 bits and a list for the two results.",
            _giving(ours.max_pool2d, lambda both: [both[0], both[1].astype(np.int32)]),
        ),
        another_error=(ERRORS, _refusing(ours.max_pool2d)),
    ),
    "cross_entropy": _versions(
        "cross_entropy",
        one_number_in_an_array=(
            "right, as an array without axes.",
            _giving(_of("by_logaddexp"), lambda loss: np.asarray(loss, float)),
        ),
        other_last_digits=(DIGITS, _giving(_of("pixel_by_pixel"), lambda loss: float(loss) * (1 + 1e-14))),
        another_error=(ERRORS, _refusing(ours.cross_entropy)),
    ),
    "confusion_matrix": _versions(
        "confusion_matrix",
        another_layout=(LAYOUT, _giving(_of("product_of_onehots"), _fortran)),
        other_whole_numbers=(
            "right, counted in unsigned whole numbers.",
            _giving(_of("counted_by_hand"), lambda counts: counts.astype(np.uint64)),
        ),
        another_error=(ERRORS, _refusing(ours.confusion_matrix)),
    ),
}
