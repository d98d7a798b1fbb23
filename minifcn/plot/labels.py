"""Label maps as pictures: classes in colour, labels over an image, what was wrong, and PNG files of all these.

Images are uint8 `(H, W, 3)`, RGB; labels are integers `(H, W)` in `[0, C)` or 255 (void). A palette is uint8 `(C, 3)`;
void is drawn in `VOID_COLOUR`, unless the palette has all 256 rows: then row 255 says. Pillow is needed to save only.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from minifcn.data.images import luminance
from minifcn.errors import ArgumentError, ArgumentTypeError
from minifcn.labels import VOID, first_of, outside, seams, values_of
from minifcn.plot.seal import sealed
from minifcn.weights import atomic_path

VOID_COLOUR = (236, 236, 232)  # paper white: beside it, no class is mistaken for "nothing is known here"
WRONG_COLOUR = (222, 45, 38)
UNCOUNTED_COLOUR = (168, 168, 168)  # lighter than any dimmed pixel can be

Palette = np.ndarray | Sequence[Sequence[int]]


def colorize(label: np.ndarray, palette: Palette) -> np.ndarray:
    """`palette[label]`: every pixel in the colour of its class, uint8 `(H, W, 3)`.

    Raises ArgumentError for labels without a colour (naming them), and for what is not a label map or a palette.
    """
    table = checked_palette(palette)
    label = checked_label(label, "label", len(table))
    colours: np.ndarray = _all_colours(table)[label]
    return colours


def overlay(image: np.ndarray, label: np.ndarray, palette: Palette, alpha: float = 0.5) -> np.ndarray:
    """`(1 - alpha) · image + alpha · palette[label]`, and contours round the objects: uint8 `(H, W, 3)`.

    The photograph keeps its colours, so that one sees what the network saw. A contour has the colour of its class,
    lightened. Void pixels show the image as it is.

    Raises ArgumentError for an alpha outside [0, 1], for sizes that differ, and as `colorize` does.
    """
    if not 0 <= alpha <= 1:
        raise ArgumentError(f"overlay: alpha is {alpha}; pass 0 to 1 (1 hides the image).")
    image = checked_image(image, "image")
    colour = colorize(label, palette).astype(np.float32)
    label = checked_label(label, "label", 256, image.shape[:2])
    blend = np.float32(1 - alpha) * image + np.float32(alpha) * colour
    edge = contours(label)
    blend[edge] = 0.5 * colour[edge] + 0.5 * 255
    blend[label == VOID] = image[label == VOID]
    return blend.round().astype(np.uint8)


def contours(label: np.ndarray) -> np.ndarray:
    """True along the border of every region of uint8 `label`, bool `(H, W)`: lines one pixel wide.

    Of the two classes that meet, the line is on the one with fewer pixels: on the car, not on the road; never on void.
    """
    pixels = np.bincount(label.reshape(-1), minlength=256)
    pixels[VOID] = label.size + 1
    rank = np.empty(256, dtype=np.int16)
    rank[np.argsort(pixels, kind="stable")] = np.arange(256)
    return seams(rank[label])


def error_map(image: np.ndarray, truth: np.ndarray, prediction: np.ndarray) -> np.ndarray:
    """Where the prediction is wrong: uint8 `(H, W, 3)`.

    Right pixels show the image in dimmed grey, wrong ones are `WRONG_COLOUR`, and void ones are `UNCOUNTED_COLOUR`.
    Raises ArgumentError for sizes that differ and for what is not an image or a label map.
    """
    image = checked_image(image, "image")
    truth = checked_label(truth, "truth", 256, image.shape[:2])
    prediction = checked_label(prediction, "prediction", 256, image.shape[:2])
    grey = (0.4 * luminance(image)).round().astype(np.uint8)
    errors = np.repeat(grey[..., None], 3, axis=2)
    errors[truth != prediction] = WRONG_COLOUR
    errors[truth == VOID] = UNCOUNTED_COLOUR
    return errors


def save_image_png(path: str | os.PathLike[str], image: np.ndarray) -> None:
    """Writes an image, uint8 `(H, W, 3)`, as an RGB PNG, atomically.

    Raises ArgumentError for another suffix than .png or what is not an image, FileError if writing fails.
    """
    from PIL import Image

    _check_png(path)
    picture = Image.fromarray(checked_image(image, "image"))
    with atomic_path(path) as temporary:
        picture.save(temporary, format="PNG", pnginfo=sealed(image))


def save_label_png(path: str | os.PathLike[str], label: np.ndarray, palette: Palette) -> None:
    """Writes a label map as an indexed PNG (mode P, as PASCAL VOC has them), atomically.

    Pixels are the labels themselves, 255 too; viewers show the colours. Raises as `colorize` and `save_image_png` do.
    """
    from PIL import Image

    _check_png(path)
    table = checked_palette(palette)
    values = checked_label(label, "label", len(table))
    picture = Image.fromarray(values)
    picture.putpalette(_all_colours(table).tobytes())
    with atomic_path(path) as temporary:
        picture.save(temporary, format="PNG", pnginfo=sealed(values))


def checked_image(image: np.ndarray, name: str) -> np.ndarray:
    if not isinstance(image, np.ndarray) or image.dtype != np.uint8:
        raise ArgumentTypeError(f"{name} is {_kind(image)}; pass a NumPy array of uint8, 0 to 255.")
    if image.ndim != 3 or image.shape[2] != 3 or image.size == 0:
        raise ArgumentError(f"{name} has shape {image.shape}; pass (H, W, 3), RGB, of at least one pixel.")
    return image


def checked_label(label: np.ndarray, name: str, colours: int, size: tuple[int, ...] | None = None) -> np.ndarray:
    """`label` as uint8, if it is a label map in `[0, colours)` or void, of the given size."""
    if not isinstance(label, np.ndarray) or label.dtype.kind not in "iu":
        raise ArgumentTypeError(f"{name} is {_kind(label)}; pass a NumPy array of integer labels.")
    if label.ndim != 2 or label.size == 0:
        raise ArgumentError(f"{name} has shape {label.shape}; pass (H, W), of at least one pixel.")
    if size is not None and label.shape != size:
        raise ArgumentError(f"{name} has the size {label.shape} but the image has {size}; pass equal sizes.")
    wrong = outside(label, colours)
    if wrong.any():
        raise ArgumentError(
            f"{name} holds {first_of(values_of(label[wrong]))} but there are colours for 0 to {colours - 1} "
            f"(and void is {VOID}); map the labels or pass a longer palette."
        )
    return label.astype(np.uint8)


def checked_palette(palette: Palette) -> np.ndarray:
    """`palette` as uint8 `(C, 3)`."""
    table = np.asarray(palette)
    if table.ndim != 2 or table.shape[1] != 3 or not 1 <= len(table) <= 256:
        raise ArgumentError(f"the palette has shape {table.shape}; pass one RGB colour per class, (C, 3).")
    if table.dtype.kind not in "iu" or (table < 0).any() or (table > 255).any():
        raise ArgumentError("the palette holds values that are not integers from 0 to 255; pass RGB colours in bytes.")
    return table.astype(np.uint8)


def _all_colours(palette: np.ndarray) -> np.ndarray:
    """256 colours, one for each value of a byte."""
    table = np.zeros((256, 3), dtype=np.uint8)
    table[VOID] = VOID_COLOUR
    table[: len(palette)] = palette
    return table


def _check_png(path: str | os.PathLike[str]) -> None:
    if Path(path).suffix.lower() != ".png":
        raise ArgumentError(f"{path} has not the suffix .png, as which it would be written; name it *.png.")


def _kind(value: object) -> str:
    return f"of dtype {value.dtype}" if isinstance(value, np.ndarray) else f"a {type(value).__name__}"
