"""From a coarse score to one as large as the image: the steps of FCN on its way back.

A score is a map with one channel per class; pool3 and pool4 are the maps that stages 3 and 4 of the backbone end in, at
1/8 and 1/16 of the image. The score comes from 1/32, and at pool4, then at pool3, it meets a `Step`, one of three:

    Fuse       doubles the score and adds a score computed from that map: a skip
    Double     doubles the score and adds nothing
    Unchanged  leaves the score as it is

At the end `Upscore` goes to the size of the image. Crops are settled when a network is built, from where the maps lie
over the image (`Trace`), before it has seen an image.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from minifcn.errors import ArgumentError
from minifcn.geometry import crop_offset
from minifcn.models.alignment import Alignment, Trace, align
from minifcn.models.upsampling import BilinearUpsampling
from minifcn.nn import Conv2d, Module, init

IMAGE = Trace()


class Step(Module):
    """What happens to the score at a finer pooling.

    score, pool    where the two lie over the image
    pool_channels  the channels of that map
    classes        the channels of the score
    learn          whether a transposed convolution is learned
    """

    def __init__(self, score: Trace, pool: Trace, pool_channels: int, classes: int, learn: bool) -> None:
        pass

    def after(self, score: Trace) -> Trace:
        """Where the score lies after the step."""
        raise NotImplementedError


class Unchanged(Step):
    """The score as it is."""

    def forward(self, score: Any, pool: Any, weight: float = 1) -> Any:
        return score

    def after(self, score: Trace) -> Trace:
        return score


class Double(Step):
    """The score twice as large, cropped to what lies over the pooling."""

    def __init__(self, score: Trace, pool: Trace, pool_channels: int, classes: int, learn: bool) -> None:
        self.up = upsampling_layer(classes, 2, score, pool, learn)
        self.alignment = align(score.through(self.up), pool)

    def forward(self, score: Any, pool: Any, weight: float = 1) -> Any:
        upsampled, _ = self.alignment(self.up(score), pool)
        return upsampled

    def after(self, score: Trace) -> Trace:
        return score.through(self.up).cropped(self.alignment.first)


class Fuse(Double):
    """The score twice as large, plus that of the pooling, where both lie over the same pixels of the image."""

    scale = 1.0  # what the pooling is multiplied by before it is scored: see `at_once.py`

    def __init__(self, score: Trace, pool: Trace, pool_channels: int, classes: int, learn: bool) -> None:
        super().__init__(score, pool, pool_channels, classes, learn)
        self.skip = score_layer(pool_channels, classes)

    def parts(self, score: Any, pool: Any, weight: float = 1) -> tuple[Any, Any]:
        """The two that are added; the skip counts `weight` times."""
        upsampled, skip = self.alignment(self.up(score), self.skip(weighed(pool, self.scale)))
        return upsampled, weighed(skip, weight)

    def forward(self, score: Any, pool: Any, weight: float = 1) -> Any:
        upsampled, skip = self.parts(score, pool, weight)
        return upsampled + skip


class Upscore(Module):
    """From the finest score to the size of the image: one transposed convolution and the crop that aligns it."""

    def __init__(self, score: Trace, classes: int, learn: bool) -> None:
        self.up = upsampling_layer(classes, int(1 / score.map.scale), score, IMAGE, learn)
        # Only the score may be cropped: a score that begins inside the image could not cover it.
        self.alignment = Alignment(crop_offset(score.through(self.up).map, IMAGE.map), 0)

    def forward(self, score: Any, image: Any) -> Any:
        upsampled, offset, (H, W) = self.up(score), self.alignment.first, image.shape[2:]
        h, w = upsampled.shape[2:]
        if h - offset < H or w - offset < W:
            raise ArgumentError(
                f"FCN: the upsampled score of {h}x{w}, cropped by {offset}, does not cover the image of {H}x{W}; "
                f"pool with ceil_mode=True or pad more in the backbone."
            )
        return self.alignment(upsampled, image)[0]


def weighed(score: Any, weight: float) -> Any:
    """weight · score; with weight 1 the score itself, so that a network as it was trained keeps its bits."""
    return score if weight == 1 else score * weight


def score_layer(channels: int, classes: int) -> Conv2d:
    """A 1x1 convolution from features to one score per class, starting at zero: a new skip changes nothing at first."""
    layer = Conv2d(channels, classes, 1, generator=np.random.default_rng(0))
    for values in layer.parameters():
        init.zeros_(values)
    return layer


def upsampling_layer(classes: int, factor: int, score: Trace, target: Trace, learn: bool) -> BilinearUpsampling:
    """Bilinear upsampling by `factor`, every class for itself (groups = classes): kernel 2·factor, or one less.

    Which of the two is no matter of taste: the parity of the kernel decides whether the result can be aligned with
    the target by whole pixels. VGG needs 64 at stride 32, AlexNet and GoogLeNet need 63.
    """
    for kernel_size in (2 * factor, 2 * factor - 1):
        layer = BilinearUpsampling(classes, kernel_size, factor)
        if (score.through(layer).map.offset - target.map.offset).denominator == 1:
            layer.requires_grad_(learn)
            return layer
    raise ArgumentError(
        f"FCN: no upsampling by {factor} aligns a score with {score} to a map with {target}; change the backbone."
    )
