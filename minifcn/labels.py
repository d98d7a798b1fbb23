"""What a label means: an integer in [0, C) is a class, VOID is a pixel that is neither learnt nor counted.

And what is asked of label maps wherever they are read, learnt, counted or drawn: which values are no labels, and where
regions meet. Arrays may be NumPy's or CuPy's: only their own operators are used, unless a function says so.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

VOID = 255


def outside(labels: Any, num_classes: int, ignore: int | None = VOID) -> Any:
    """labels ∉ [0, num_classes) and labels ≠ ignore: bool, of the shape of `labels`.

    labels   integers, an array of NumPy or CuPy
    ignore   the value that is allowed beside the classes; None allows none
    """
    wrong = (labels < 0) | (labels >= num_classes)
    return wrong if ignore is None else wrong & (labels != ignore)


def values_of(labels: np.ndarray) -> list[int]:
    """The different values of a NumPy array of integers, ascending."""
    return [int(value) for value in np.unique(labels)]


def first_of(values: Sequence[int], most: int = 5) -> str:
    """`3, 4, 5, 6, 7, ...`: the first `most` values for an error message, and dots if there are more."""
    return ", ".join(str(value) for value in values[:most]) + (", ..." if len(values) > most else "")


def seams(height: np.ndarray) -> np.ndarray:
    """Where a pixel touches a higher one above, below, left or right of it: (H, W) of numbers -> (H, W) of bool.

    If every region of an image has a height of its own, that is a line one pixel wide along each border, on the side of
    the lower of the two regions.
    """
    seam = np.zeros(height.shape, dtype=bool)
    seam[:, :-1] |= height[:, :-1] < height[:, 1:]
    seam[:, 1:] |= height[:, 1:] < height[:, :-1]
    seam[:-1] |= height[:-1] < height[1:]
    seam[1:] |= height[1:] < height[:-1]
    return seam
