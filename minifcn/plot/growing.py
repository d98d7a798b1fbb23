"""One kernel and images of many sizes: what it makes of more and more of an image."""

from __future__ import annotations

from typing import Any

import numpy as np

from minifcn import functional as F
from minifcn.errors import ArgumentError
from minifcn.geometry import Geometry
from minifcn.plot.frames import Frames, of_sheets
from minifcn.plot.given import channels, settings, title
from minifcn.plot.sheet import Sheet
from minifcn.tensor import Tensor


def growing(x: Any, weight: Any, stride: Any = 1) -> Frames:
    """The same weight on larger and larger images: one frame for each size, from that of the kernel to that of x.

        y = conv2d(x[:, :h, :w], weight),   (h, w) = (KH, KW), (KH + 1, KW + 1), ...

    x: (H, W) or (C, H, W); the images are its upper left corners, and a side that is at its end stays. weight: (KH, KW)
    or (O, C, KH, KW). `F.conv2d` computes each frame anew. What was there stays as it was: that is what is to be seen.

    Raises what `F.conv2d` raises, and ArgumentError for more than 64 frames, or nothing to draw.
    """
    image, kernel = channels(x, 3, "x"), channels(weight, 4, "weight")
    (H, W), (KH, KW) = image.shape[1:], kernel.shape[2:]
    largest = Geometry.of_convolution((H, W), (KH, KW), stride, name="growing").output_size
    if image.shape[0] != kernel.shape[1]:
        raise ArgumentError(
            f"growing: x has {image.shape[0]} channels and weight is for {kernel.shape[1]}; pass as many in both."
        )

    def draw(n: int) -> Sheet:
        h, w = min(H, KH + n), min(W, KW + n)
        y = F.conv2d(Tensor(image[None, :, :h, :w]), Tensor(kernel), None, stride).numpy()[0]
        (OH, OW), sheet = y.shape[1:], Sheet()
        sheet.column()
        _corners(sheet, "x", image, (h, w))
        sheet.column(sign="∗")
        for o, c in np.ndindex(*kernel.shape[:2]):
            sheet.grid(kernel[o, c], f"w[{o}, {c}]" if kernel.size > KH * KW else f"w: {KH} x {KW}")
        sheet.column(sign="=")
        whole = np.zeros((len(y), *largest))
        whole[:, :OH, :OW] = y
        _corners(sheet, "y", whole, (OH, OW))
        geometry = Geometry.of_convolution((h, w), (KH, KW), stride)
        numbers = f"{kernel.size} number{'s' if kernel.size > 1 else ''}"
        sheet.lines(["", f"{h} x {w} pixels make {OH} x {OW}, always with these {numbers}", settings(geometry)])
        return sheet

    return of_sheets(draw, max(H - KH, W - KW) + 1, "size of the image")


def _corners(sheet: Sheet, name: str, maps: np.ndarray, size: tuple[int, int]) -> None:
    """Each map with the upper left corner of `size` framed, and empty squares beyond it."""
    beyond = np.ones(maps.shape[1:], bool)
    beyond[: size[0], : size[1]] = False
    for c, channel in enumerate(maps):
        grid = sheet.grid(channel, title(name, size, c, len(maps)), faint=beyond, blank=beyond)
        sheet.frame(grid, 0, 0, *size)
