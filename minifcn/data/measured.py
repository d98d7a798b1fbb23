"""The mean and the standard deviation of a data set, measured on its images when they are first asked for."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from minifcn.data.sample import Image

MOST = 100  # as many files are read to measure
Item = TypeVar("Item")


class Measured:
    """What has the `mean` and `std` of the images that `_images_to_measure` gives."""

    def _images_to_measure(self) -> Iterable[Image]:
        raise NotImplementedError

    @property
    def mean(self) -> NDArray[np.float32]:
        """(3,), the mean of each channel over all pixels, in 0..255."""
        return self._measured[0]

    @property
    def std(self) -> NDArray[np.float32]:
        """(3,), the standard deviation of each channel over all pixels; 1 where it is less."""
        return self._measured[1]

    @cached_property
    def _measured(self) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        return mean_and_deviation(self._images_to_measure())


def mean_and_deviation(images: Iterable[Image]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """(3,) and (3,): mean and standard deviation of each channel over all pixels, 0..255, from exact sums.

    Image after image: they need not be in memory together. Images of one grey, or nearly so, would be divided by zero,
    or blown up to noise: a deviation below 1 counts as 1.
    """
    count, total, squares = 0, np.zeros(3, dtype=np.int64), np.zeros(3, dtype=np.int64)
    values = np.arange(256, dtype=np.int64)
    for image in images:
        pixels = image.reshape(-1, 3)
        count += len(pixels)
        for c in range(3):
            histogram = np.bincount(pixels[:, c], minlength=256)
            total[c] += histogram @ values
            squares[c] += histogram @ values**2
    mean = total / count
    deviation = np.sqrt(np.maximum(squares / count - mean**2, 0.0))
    return mean.astype(np.float32), np.maximum(deviation, 1.0).astype(np.float32)


def evenly(items: Sequence[Item], most: int = MOST) -> list[Item]:
    """Up to `most` of the items, spread evenly over them."""
    count = min(most, len(items))
    return [items[k * len(items) // count] for k in range(count)]
