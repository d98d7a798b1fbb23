"""Whether a picture is as minifcn wrote it: a note in a PNG that holds a hash of its pixels.

What a program writes again it may write over; what a person has painted, or corrected since, it must not. A note that
is missing, or that does not belong to the pixels any more, says that somebody else has been there.
"""

from __future__ import annotations

import hashlib
import os
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from PIL.PngImagePlugin import PngInfo

NOTE = "minifcn"  # the keyword of the note


def sealed(pixels: np.ndarray) -> PngInfo:
    """The note for a PNG of these pixels, to be saved with it: `picture.save(path, pnginfo=sealed(pixels))`."""
    from PIL.PngImagePlugin import PngInfo

    note = PngInfo()
    note.add_text(NOTE, _hash(pixels))
    return note


def is_as_written(path: str | os.PathLike[str]) -> bool:
    """Whether the file is a picture that minifcn wrote, with the pixels that it wrote."""
    from PIL import Image

    try:
        with Image.open(path) as picture:
            return picture.info.get(NOTE) == _hash(np.array(picture))
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return False


def _hash(pixels: np.ndarray) -> str:
    return hashlib.sha256(
        f"{pixels.shape} {pixels.dtype} ".encode() + np.ascontiguousarray(pixels).tobytes()
    ).hexdigest()
