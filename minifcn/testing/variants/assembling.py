"""The way back of FCN-8s computed in another way than minifcn does."""

from __future__ import annotations

from typing import Any

import numpy as np

from minifcn.testing.version import variant


@variant("fcn8s")
def by_products_of_matrices(score: Any, skip4: Any, skip3: Any, size: Any) -> Any:
    """Each enlarging is a matrix of interpolation for the rows and one for the columns; the three streams are added."""
    if any(n > 8 * m + 4 for n, m in zip(size, skip3.shape[2:], strict=True)):
        raise ValueError("The scores do not cover the image.")
    streams = [score, skip4, skip3]
    ways = [[(skip4.shape[2:], 2), (skip3.shape[2:], 2), (size, 8)], [(skip3.shape[2:], 2), (size, 8)], [(size, 8)]]
    total = np.zeros((*score.shape[:2], *size))
    for stream, way in zip(streams, ways, strict=True):
        for wanted, factor in way:
            down, right = (_lines(n, m, factor) for n, m in zip(wanted, stream.shape[2:], strict=True))
            stream = down @ stream @ right.T
        total += stream
    return total.astype(score.dtype)


def _lines(new: int, old: int, factor: int) -> np.ndarray:
    """(new, old): what each old pixel has of each new one."""
    far = np.abs((np.arange(new)[:, None] + 0.5) / factor - 0.5 - np.arange(old))
    return np.maximum(0, 1 - far)
