"""What every data set of files does alike: an image and its label are read, laid over each other, checked and resized.

CamVid, VOC and a folder of one's own say which files belong together, and how a label is read; the rest is here.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from minifcn.data.images import resize_sample
from minifcn.data.listing import Faults
from minifcn.data.measured import Measured, evenly
from minifcn.data.pairs import Pairs
from minifcn.data.pictures import Picture, open_label
from minifcn.data.sample import Image, Label, Sample, check_sample, described, index_in


class Files(NamedTuple):
    """A sample on disk: what it is called, and its two files."""

    name: str
    image: Path
    label: Path


class LabelledFiles(Measured):
    """A data set whose samples are read from files whenever they are asked for.

    A data set of this kind sets the attributes below, the last two by `_take`, and has `_label_of` and `_to_measure`:

    name, classes, palette   as every data set
    split, size              which part of it, and (H, W) of its samples; None: all of it, and as large as the files
    pairs                    how an image and its label are laid over each other
    faults                   what was not there or did not fit, a sentence for each
    """

    name: str
    classes: tuple[str, ...]
    palette: NDArray[np.uint8]
    split: str | None
    size: tuple[int, int] | None
    pairs: Pairs
    faults: tuple[str, ...]
    _files: list[Files]

    def _take(self, files: Iterable[Files], faults: Sequence[str], strict: bool) -> None:
        """These are the samples; `Faults`, a FileError of all the sentences, if there are any and `strict` says so."""
        self._files, self.faults = list(files), tuple(faults)
        if faults and strict:
            raise Faults(faults)

    def _label_of(self, picture: Picture, path: Path) -> Label:
        """The indices that a label file means; FileError for what they cannot be."""
        raise NotImplementedError

    def _open_label(self, path: Path) -> Picture:
        return open_label(path)

    def _to_measure(self) -> Sequence[Path]:
        """The images over which `mean` and `std` are taken; of many, some."""
        raise NotImplementedError

    def __repr__(self) -> str:
        return described(self)

    def __len__(self) -> int:
        return len(self._files)

    def __getitem__(self, index: int, /) -> Sample:
        name, image_path, label_path = self._at(index)
        image, label = self.pairs.read(image_path, label_path, self._label_of, self._open_label)
        check_sample(Sample(image, label, str(label_path)), len(self.classes))
        sample = Sample(image, label, name)
        return sample if self.size is None else resize_sample(sample, self.size)

    def _at(self, index: int) -> Files:
        return self._files[index_in(index, len(self), type(self).__name__)]

    def fingerprint(self, index: int) -> str:
        """What tells the image apart from others by its pixels alone."""
        return self.pairs.fingerprint(self._at(index).image)

    @property
    def remarks(self) -> dict[str, list[Path]]:
        """What images that were read hold and is not used: the files."""
        return self.pairs.remarks

    def _images_to_measure(self) -> Iterable[Image]:
        return map(self.pairs.image, evenly(self._to_measure()))
