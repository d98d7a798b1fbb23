"""An image and its mask, laid over each other as they were when the mask was drawn.

A camera held upright stores the scene lying on its side and writes an orientation beside it, from 1 (as stored) to 8.
Viewers turn such a picture, and so does minifcn, image and mask each by its own orientation. Masks from a drawing
program rarely have one, and then it depends on that program what they lie over:

    image  mask    size of the mask                    what is done
    1      1       any                                 as stored
    2..8   2..8    any                                 each turned by its own
    2..8   1       that of the image as shown, only    the image turned
    2..8   1       that of the image as stored, only   refused, unless classes.toml says drawn_on = "stored"
    2..8   1       that of both: nothing can tell      refused, unless classes.toml says drawn_on = "shown" or "stored"
    1      2..8    any                                 refused

With "stored" both are turned as the image says. A mask that is upside down beside its image teaches nonsense, and no
number of a run shows it: so nothing is guessed here.
"""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from minifcn.data.pictures import Picture, open_image, open_label, turned
from minifcn.data.sample import Dataset, Image, Label
from minifcn.errors import FileError, FileWarning


class Pairs:
    """Reads pairs of files, and keeps what is to be known of them afterwards.

    drawn_on  "shown", "stored" or None: see above
    remedy    how to say it, for the errors
    remarks   for each remark on images that were read, the files; each is a FileWarning when it is first made
    """

    def __init__(self, drawn_on: str | None, remedy: str) -> None:
        self.drawn_on, self.remedy = drawn_on, remedy
        self.remarks: dict[str, list[Path]] = {}
        self._fingerprints: dict[Path, str] = {}

    def read(
        self,
        image_path: Path,
        label_path: Path,
        label_of: Callable[[Picture, Path], Label],
        opened: Callable[[Path], Picture] = open_label,
    ) -> tuple[Image, Label]:
        """The image, and what `label_of` makes of its mask; FileError if the two cannot be laid over each other."""
        mask = opened(label_path)
        label = label_of(mask, label_path)
        picture = self._noted(open_image(image_path), image_path)
        return picture.pixels, self._over(label, mask.orientation, label_path, picture, image_path)

    def image(self, path: Path) -> Image:
        """The image alone."""
        return self._noted(open_image(path), path).pixels

    def fingerprint(self, path: Path) -> str:
        """16 hexadecimal digits that tell images apart by their pixels, whatever the file is called."""
        if path not in self._fingerprints:
            self.image(path)
        return self._fingerprints[path]

    def _noted(self, picture: Picture, path: Path) -> Picture:
        if path not in self._fingerprints:
            self._fingerprints[path] = fingerprint_of(picture.pixels)
            for remark in picture.remarks:
                files = self.remarks.setdefault(remark, [])
                files.append(path)
                if len(files) == 1:
                    warnings.warn(f"{path}: {remark} (said once, of all such images).", FileWarning, stacklevel=4)
        return picture

    def _over(self, label: Label, of_mask: int, label_path: Path, picture: Picture, image_path: Path) -> Label:
        of_image, image, drawn_on = picture.orientation, picture.pixels, self.drawn_on
        if of_image == 1 and of_mask > 1:
            raise FileError(
                f"{label_path}: the mask has the EXIF orientation {of_mask} but {image_path.name} has none; "
                "save the mask without."
            )
        if of_image > 1 and of_mask == 1:
            size = image.shape[1::-1] if of_image >= 5 else image.shape[:2]  # as stored
            asked = (
                f"{image_path}: the image has the EXIF orientation {of_image}, which turns it, but its mask has none"
            )
            if label.shape == size != image.shape[:2] and drawn_on is None:
                raise FileError(f"{asked} and is {_text(size)}, as the image before it is turned; {self.remedy}.")
            if label.shape == size == image.shape[:2] and drawn_on is None:
                raise FileError(f"{asked}, and nothing tells whether it was drawn before or after; {self.remedy}.")
            if drawn_on == "stored":
                label = turned(label, of_image)
        if label.shape != image.shape[:2]:
            note = f" once turned by the EXIF orientation {of_image}" if of_image > 1 else ""
            own = f" once turned by its own {of_mask}" if of_mask > 1 else ""
            raise FileError(
                f"{label_path}: the image is {_text(image.shape)}{note} but its label is {_text(label.shape)}{own} "
                "(height x width); they must be of one size."
            )
        return label


def fingerprint(dataset: Dataset, index: int) -> str:
    """What tells sample `index` apart from others, as its data set says, or else by the pixels of its image."""
    own: Callable[[int], str] | None = getattr(dataset, "fingerprint", None)
    return fingerprint_of(dataset[index].image) if own is None else own(index)


def fingerprint_of(pixels: NDArray[np.uint8]) -> str:
    """BLAKE2b over shape and values, 64 bits of it: among a million images no two are alike by chance."""
    digest = hashlib.blake2b(repr(pixels.shape).encode(), digest_size=8)
    digest.update(np.ascontiguousarray(pixels).data)
    return digest.hexdigest()


def _text(size: tuple[int, ...]) -> str:
    return f"{size[0]}x{size[1]}"
