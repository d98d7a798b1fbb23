"""Pictures from files, and pictures of another size. Pillow is imported when the first is read.

An image is resized by averaging, as an eye would see it from afar; a label by picking the nearest pixel, because the
mean of class 2 and class 4 is not class 3.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from minifcn.data.sample import Image, Label, Sample
from minifcn.errors import FileError

if TYPE_CHECKING:
    from PIL import Image as pillow

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp", ".ppm")
LOSSY = (".jpg", ".jpeg")
LUMA = np.array([0.299, 0.587, 0.114], dtype=np.float32)


def read_image(path: Path) -> Image:
    """The picture at `path` as uint8 (H, W, 3), RGB, turned as its EXIF note says; FileError if it is none."""
    picture = _open(path, "image", turned=True)
    if picture.mode in ("I", "F") or picture.mode.startswith("I;"):
        raise FileError(
            f"{path}: the image has more than 8 bits per channel (Pillow's mode {picture.mode}), and it is not known "
            "which part of the range matters; save it with 8 bits."
        )
    return np.array(picture.convert("RGB"))


def read_label(path: Path) -> NDArray[np.uint8]:
    """The label picture at `path`: uint8 (H, W) of class indices (modes P, L, 1), or uint8 (H, W, 3) of colours (RGB).

    An indexed PNG (mode P) holds indices, and a palette that only says how to show them: the indices are taken.
    FileError if the file is damaged, if its format is lossy (JPEG mixes the indices of neighbours), or if it holds
    anything else.
    """
    if path.suffix.lower() in LOSSY:
        raise FileError(f"{path}: a label must not be a JPEG, which changes the values of pixels; save it as PNG.")
    picture = _open(path, "label", turned=False)
    if picture.mode in ("P", "L", "1", "RGB"):
        return np.array(picture).astype(np.uint8)
    if picture.mode == "RGBA":
        values = np.array(picture)
        if (values[:, :, 3] == 255).all():
            return np.ascontiguousarray(values[:, :, :3])
        raise FileError(f"{path}: the label is RGBA and partly transparent; save it without transparency.")
    raise FileError(
        f"{path}: the label is of Pillow's mode {picture.mode}; save it as an 8-bit grey or indexed PNG of indices."
    )


def refuse_colours(label: NDArray[np.uint8], path: Path, remedy: str) -> Label:
    """`label` if it is (H, W); a FileError that ends with `remedy` if it holds colours (H, W, 3)."""
    if label.ndim == 3:
        raise FileError(f"{path}: the label holds RGB colours, not class indices; {remedy}")
    return label


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


def _open(path: Path, what: str, turned: bool) -> pillow.Image:
    """The picture, wholly in memory; turned as its EXIF note says if `turned`."""
    from PIL import Image as pillow
    from PIL import ImageOps

    if not path.is_file():
        raise FileError(f"{path}: the {what} does not exist or is not a file.")
    try:
        with pillow.open(path) as picture:
            picture.load()  # Pillow reads the pixels late: a file cut short is found out here
            return ImageOps.exif_transpose(picture) if turned else picture.copy()
    except (OSError, SyntaxError, ValueError, pillow.DecompressionBombError) as error:
        raise FileError(f"{path}: the {what} cannot be read as a picture ({_first_line(error)}).") from error


def _first_line(error: BaseException) -> str:
    text = str(error).strip().splitlines()
    return text[0].rstrip(".") if text else type(error).__name__
