"""Images and labels that are arrays already, as a data set: what a notebook has at hand."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from minifcn.data.classes import default_palette
from minifcn.data.measured import Measured
from minifcn.data.sample import Image, Sample, described, index_in
from minifcn.errors import ArgumentError, ArgumentTypeError
from minifcn.labels import VOID


class Given(Measured):
    """Pairs of an image uint8 (H, W, 3) and a label uint8 (H, W) as a data set; `InMemory.of` makes one.

    pairs     a list of pairs; arrays, or what numpy.asarray makes one, such as Pillow's images
    classes   the names of the classes; without them they are counted from 0 to the largest label, 255 being void
    name      for titles and file names

    `mean` and `std` are measured on all images. Whether a pair fits together is asked when a batch is made of it.
    Raises ArgumentTypeError for what are no pairs of arrays, ArgumentError for none at all.
    """

    def __init__(self, pairs: Sequence[Any], classes: Sequence[str] | None = None, name: str = "given") -> None:
        self.name = name
        self._samples = [_sample(index, pair) for index, pair in enumerate(pairs)]
        if not self._samples:
            raise ArgumentError("InMemory.of: there is no pair of image and label; pass at least one.")
        if isinstance(classes, str | int):
            raise ArgumentTypeError(
                f"InMemory.of: classes must be a list of names, got {classes!r}; pass one, or leave it out, and the "
                f"classes are counted."
            )
        if classes is not None and len(classes) == 0:
            raise ArgumentError("InMemory.of: classes is empty; name at least one class, or leave it out.")
        largest = max((int(s.label[s.label != VOID].max(initial=0)) for s in self._samples), default=0)
        self.classes = tuple(f"class {c}" for c in range(largest + 1)) if classes is None else tuple(classes)
        self.palette: NDArray[np.uint8] = default_palette(len(self.classes))

    def __repr__(self) -> str:
        return described(self)

    def __len__(self) -> int:
        return len(self._samples)

    def __getitem__(self, index: int, /) -> Sample:
        return self._samples[index_in(index, len(self), self.name)]

    def _images_to_measure(self) -> Iterable[Image]:
        return (sample.image for sample in self._samples)


def _sample(index: int, pair: Any) -> Sample:
    if not isinstance(pair, tuple | list) or len(pair) != 2:
        raise ArgumentTypeError(
            f"InMemory.of: element {index} is a {type(pair).__name__}, not a pair (image, label); pass such pairs."
        )
    image, label = (np.asarray(each) for each in pair)
    if label.dtype.kind in "iu" and label.size and label.min() >= 0 and label.max() <= VOID:
        label = label.astype(np.uint8)  # a copy, as of the image: InMemory locks what it keeps
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3:
        raise ArgumentTypeError(
            f"InMemory.of: the image of pair {index} is {image.dtype} {image.shape}; it must be uint8 (H, W, 3), RGB."
        )
    if label.dtype != np.uint8:
        raise ArgumentTypeError(
            f"InMemory.of: the label of pair {index} is {label.dtype} {label.shape}; it must be uint8 (H, W)."
        )
    return Sample(image.copy(), label, f"pair {index}")
