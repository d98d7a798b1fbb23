"""Samples read once: decoding a JPEG and shrinking it takes longer than training on what is left of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from minifcn.data.given import Given
from minifcn.data.pairs import fingerprint
from minifcn.data.sample import Dataset, Sample, index_in


class InMemory:
    """`dataset`, whose samples stay in memory once they were asked for: 4 bytes per pixel, 63 MB for CamVid at 180x240.

    Its arrays cannot be written to, because the next epoch gets the same ones; the transforms make new ones.
    """

    def __init__(self, dataset: Dataset) -> None:
        self.dataset = dataset
        self._samples: dict[int, Sample] = {}

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitem__(self, index: int, /) -> Sample:
        index = index_in(index, len(self.dataset), self.name)
        if index not in self._samples:
            sample = self.dataset[index]
            sample.image.setflags(write=False)
            sample.label.setflags(write=False)
            self._samples[index] = sample
        return self._samples[index]

    def fingerprint(self, index: int) -> str:
        """That of the data set."""
        return fingerprint(self.dataset, index)

    @property
    def remarks(self) -> Mapping[str, Sequence[object]]:
        """Those of the data set, if it makes any."""
        return getattr(self.dataset, "remarks", {})

    @classmethod
    def of(cls, pairs: Sequence[Any], classes: Sequence[str] | None = None, name: str = "given") -> InMemory:
        """A data set of pairs (image, label), arrays uint8 (H, W, 3) and uint8 (H, W): see `Given`.

        >>> image, label = np.zeros((4, 6, 3), np.uint8), np.zeros((4, 6), np.uint8)
        >>> InMemory.of([(image, label)], ["sky", "road"])
        InMemory(Given('given', 1 sample, 2 classes))
        """
        return cls(Given(pairs, classes, name))

    def __repr__(self) -> str:
        return f"InMemory({self.dataset!r})"

    @property
    def name(self) -> str:
        return self.dataset.name

    @property
    def classes(self) -> tuple[str, ...]:
        return self.dataset.classes

    @property
    def palette(self) -> NDArray[np.uint8]:
        return self.dataset.palette

    @property
    def mean(self) -> NDArray[np.float32]:
        return self.dataset.mean

    @property
    def std(self) -> NDArray[np.float32]:
        return self.dataset.std
