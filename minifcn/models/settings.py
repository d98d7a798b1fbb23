"""What the settings of an FCN may be, and what is said about those that they may not."""

from __future__ import annotations

from typing import Any

import numpy as np

from minifcn.arguments import integer
from minifcn.errors import ArgumentError, ArgumentTypeError
from minifcn.functional.operands import image as four_dimensions
from minifcn.models.backbones import Backbone, checked_alignment
from minifcn.models.named import BACKBONES

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


def built_backbone(backbone: Any, alignment: str, width: float, generator: np.random.Generator | None) -> Backbone:
    """The backbone of that name, or the one that was given."""
    checked_alignment(alignment)  # an unknown one is an error for a Backbone of one's own, too
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
