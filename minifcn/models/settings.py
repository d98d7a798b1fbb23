"""What the settings of an FCN may be, and what is said about those that they may not."""

from __future__ import annotations

from typing import Any

import numpy as np

from minifcn.arguments import flag, integer
from minifcn.errors import ArgumentError, ArgumentTypeError
from minifcn.functional.operands import image as four_dimensions
from minifcn.models.backbones import BACKBONES, Backbone, first_padding

STRIDES = (32, 16, 8)
UPSAMPLINGS = ("single", "staged")


def checked_settings(num_classes: Any, stride: Any, upsampling: str) -> tuple[int, int]:
    """(num_classes, stride) as plain integers."""
    classes, stride = integer(num_classes, "FCN: num_classes", 1), integer(stride, "FCN: stride", 1)
    if stride not in STRIDES:
        raise ArgumentError(f"FCN: stride must be 32, 16 or 8, got {stride!r}.")
    if upsampling not in UPSAMPLINGS:
        raise ArgumentError(f'FCN: upsampling {upsampling!r} is unknown; use "single" or "staged".')
    return classes, stride


def checked_at_once(at_once: Any, stride: int) -> bool:
    """`at_once` as a plain bool; it is about skips, which FCN-32s has none of."""
    at_once = flag(at_once, "FCN: at_once")
    if at_once and stride == 32:
        raise ArgumentError("FCN: at_once scales the skips, and FCN-32s has none; use stride 8 or 16, or leave it out.")
    return at_once


def built_backbone(backbone: Any, alignment: str, width: float, generator: np.random.Generator | None) -> Backbone:
    """The backbone of that name, or the one that was given."""
    first_padding(alignment)  # an unknown one is an error for a Backbone of one's own, too
    if isinstance(backbone, Backbone):
        return backbone
    if not isinstance(backbone, str):
        raise ArgumentTypeError(f"FCN: backbone must be a name or a Backbone, got {type(backbone).__name__}.")
    if backbone not in BACKBONES:
        raise ArgumentError(f"FCN: backbone {backbone!r} is unknown; use one of {', '.join(BACKBONES)}.")
    return BACKBONES[backbone](alignment, width, generator=generator)


def checked_image(image: Any) -> Any:
    """A Tensor (N, 3, H, W) with at least one pixel; N may be 0."""
    image = four_dimensions("FCN", image, "image")
    if image.shape[1] != 3 or 0 in image.shape[2:]:
        raise ArgumentError(f"FCN: image must be (N, 3, H, W) with at least one pixel, got {image.shape}.")
    return image
