"""Images from files, and pictures of another size.

An image is resized by averaging, as an eye would see it from afar; a label by picking the nearest pixel, because the
mean of class 2 and class 4 is not class 3.
"""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from minifcn.data.pictures import open_image
from minifcn.data.sample import Image, Label, Sample
from minifcn.errors import FileWarning

LUMA = np.array([0.299, 0.587, 0.114], dtype=np.float32)


def read_image(path: Path) -> Image:
    """The picture at `path` as uint8 (H, W, 3), RGB, turned as its EXIF note says; FileError if it is none.

    pictures.py says what is done with every kind of file. A FileWarning says what the file holds and is not used: a
    finer scale, transparency, further pictures.
    """
    picture = open_image(path)
    for remark in picture.remarks:
        warnings.warn(f"{path}: {remark}.", FileWarning, stacklevel=2)
    return picture.pixels


def luminance(image: NDArray[np.number]) -> NDArray[np.float32]:
    """0.299 R + 0.587 G + 0.114 B, float32 (H, W): how bright red, green and blue look (ITU-R BT.601)."""
    return image.astype(np.float32, copy=False) @ LUMA


def resize_image(image: Image, size: tuple[int, int]) -> Image:
    """(H, W, 3) -> (*size, 3), bilinear; where it shrinks, each new pixel is a weighted mean of all that it covers."""
    if image.shape[:2] == size:
        return image
    from PIL import Image as pillow

    return np.array(pillow.fromarray(np.ascontiguousarray(image)).resize(size[::-1], pillow.Resampling.BILINEAR))


def resize_label(label: Label, size: tuple[int, int]) -> Label:
    """(H, W) -> size: the new pixel i takes the old pixel in which its centre lies, floor((i + 1/2) H / h)."""
    if label.shape == size:
        return label
    rows = (2 * np.arange(size[0]) + 1) * label.shape[0] // (2 * size[0])
    columns = (2 * np.arange(size[1]) + 1) * label.shape[1] // (2 * size[1])
    return label[rows[:, None], columns]


def resize_sample(sample: Sample, size: tuple[int, int]) -> Sample:
    """Image and label of `sample` at `size` (H, W), each in its own way."""
    return Sample(resize_image(sample.image, size), resize_label(sample.label, size), sample.name)
