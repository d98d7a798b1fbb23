"""FCN-32s, FCN-16s and FCN-8s, from one parameter.

    image ─ stage1 ─ stage2 ─ stage3 ─ stage4 ─ stage5 ─ head ─ score      1/32
                                 │        └── score_pool4 ──(+)── up2      1/16   FCN-16s and 8s
                                 └─────────── score_pool3 ──(+)── up2      1/8    FCN-8s
                                                             upscore       1

A score is one map per class. It is doubled in size by a bilinear transposed convolution, and the score of a finer
pooling, which sees less but knows better where, is added. Sizes never quite fit, since poolings round up; which rows
of which map belong together is derived from the layers themselves (`alignment.py`), and `explain()` prints how.

Source: Long, Shelhamer and Darrell, "Fully convolutional networks for semantic segmentation", CVPR 2015.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from minifcn.arguments import integer
from minifcn.errors import ArgumentError, ArgumentTypeError
from minifcn.functional.operands import image as checked_image
from minifcn.geometry import crop_offset
from minifcn.models.alignment import Alignment, Trace, align, windows
from minifcn.models.backbones import BACKBONES, Backbone, first_padding
from minifcn.models.upsampling import BilinearUpsampling
from minifcn.nn import Conv2d, Module, Sequential, init

STRIDES = (32, 16, 8)
UPSAMPLINGS = ("single", "staged")


class FCN(Module):
    """A fully convolutional network: (N, 3, H, W) -> scores (N, num_classes, H, W), for every H and W from 1 up.

    backbone     "small", "vgg16", or a Backbone of your own
    num_classes  how many classes are scored; void is not one of them
    stride       32, 16 or 8: how fine the finest score is (FCN-32s, FCN-16s, FCN-8s)
    alignment    "compact" or "caffe", see backbones.py
    learn_upsampling  whether the transposed convolutions are learned or stay bilinear; the reference freezes them
    upsampling   "single": from the finest score to the image in one step, as in the paper. "staged": always x2, x2, x8.
                 Two bilinear steps are not one: they round the peaks off differently. Staged, an FCN-16s or 8s whose
                 skips are zero computes exactly what the staged FCN-32s does; "single" agrees at the fused score.
    width        factor on the channels of a backbone given by name
    generator    source of the initial weights; score layers start at zero, so the first loss is ln(num_classes)
    """

    def __init__(
        self,
        backbone: str | Backbone = "small",
        num_classes: int = 21,
        stride: int = 8,
        alignment: str = "compact",
        *,
        learn_upsampling: bool = False,
        upsampling: str = "single",
        width: float = 1.0,
        generator: np.random.Generator | None = None,
    ) -> None:
        C, stride = integer(num_classes, "FCN: num_classes", 1), integer(stride, "FCN: stride", 1)
        if stride not in STRIDES:
            raise ArgumentError(f"FCN: stride must be 32, 16 or 8, got {stride!r}.")
        if upsampling not in UPSAMPLINGS:
            raise ArgumentError(f'FCN: upsampling {upsampling!r} is unknown; use "single" or "staged".')
        trunk = _backbone(backbone, alignment, width, generator)
        self.num_classes, self.stride = C, stride
        self.backbone = backbone if isinstance(backbone, str) else "custom"
        self.stage1, self.stage2, self.stage3, self.stage4, self.stage5 = trunk.stages
        self.head = trunk.head
        self.score = score_layer(trunk.head_channels, C)

        pool3 = Trace().through(self.stage1).through(self.stage2).through(self.stage3)
        pool4 = pool3.through(self.stage4)
        trace = pool4.through(self.stage5).through(self.head).through(self.score)
        self.traces = {"pool3": pool3, "pool4": pool4, "score": trace}
        steps = 2 if upsampling == "staged" else {32: 0, 16: 1, 8: 2}[stride]
        options: dict[str, Any] = {"classes": C, "learn": learn_upsampling}
        self.fuse_pool4: Fuse | NoFuse = NoFuse()
        self.fuse_pool3: Fuse | NoFuse = NoFuse()
        if steps >= 1:
            self.fuse_pool4 = Fuse(trace, pool4, trunk.pool4_channels if stride <= 16 else 0, **options)
            trace = self.fuse_pool4.after(trace)
        if steps == 2:
            self.fuse_pool3 = Fuse(trace, pool3, trunk.pool3_channels if stride == 8 else 0, **options)
            trace = self.fuse_pool3.after(trace)
        self.upscore = Upscore(trace, int(1 / trace.map.scale), **options)

    def forward(self, image: Any) -> Any:
        """Scores before softmax, as large as the image."""
        image = checked_image("FCN", image, "image")
        if image.shape[1] != 3 or 0 in image.shape[2:]:
            raise ArgumentError(f"FCN: image must be (N, 3, H, W) with at least one pixel, got {image.shape}.")
        pool3 = self.stage3(self.stage2(self.stage1(image)))  # 1/8
        pool4 = self.stage4(pool3)  # 1/16
        score = self.score(self.head(self.stage5(pool4)))  # 1/32
        score = self.fuse_pool4(score, pool4)  # 1/16   (FCN-16s and 8s)
        score = self.fuse_pool3(score, pool3)  # 1/8    (FCN-8s)
        return self.upscore(score, image)  # 1

    def extra_repr(self) -> str:
        return f"FCN-{self.stride}s, backbone {self.backbone!r}, {self.num_classes} classes"

    def explain(self) -> str:
        """The derivation of every crop, layer by layer, as text."""
        return explain(self)


class Fuse(Module):
    """Double the score, and add the score of a finer pooling where both lie over the same pixels of the image."""

    def __init__(self, score: Trace, pool: Trace, pool_channels: int, *, classes: int, learn: bool) -> None:
        self.up = upsampling_layer(classes, 2, score, pool, learn)
        self.skip = score_layer(pool_channels, classes) if pool_channels else None
        self.traces = {"upsampled": score.through(self.up), "pool": pool}
        self.alignment = align(self.traces["upsampled"], pool)

    def forward(self, score: Any, pool: Any) -> Any:
        upsampled, skip = self.alignment(self.up(score), self.skip(pool) if self.skip is not None else pool)
        return upsampled + skip if self.skip is not None else upsampled

    def after(self, trace: Trace) -> Trace:
        return trace.through(self.up).cropped(self.alignment.first)


class NoFuse(Module):
    """In the place of a Fuse where the network has none: the score passes unchanged."""

    def forward(self, score: Any, pool: Any) -> Any:
        return score


class Upscore(Module):
    """From the finest score to the size of the image: one transposed convolution and the crop that aligns it."""

    def __init__(self, score: Trace, factor: int, *, classes: int, learn: bool) -> None:
        self.up = upsampling_layer(classes, factor, score, Trace(), learn)
        self.traces = {"upsampled": score.through(self.up)}
        # Only the score may be cropped: a score that begins inside the image could not cover it.
        self.alignment = Alignment(crop_offset(self.traces["upsampled"].map, Trace().map), 0)

    def forward(self, score: Any, image: Any) -> Any:
        upsampled, offset, (H, W) = self.up(score), self.alignment.first, image.shape[2:]
        h, w = upsampled.shape[2:]
        if h - offset < H or w - offset < W:
            raise ArgumentError(
                f"FCN: the upsampled score of {h}x{w}, cropped by {offset}, does not cover the image of {H}x{W}; "
                f"pool with ceil_mode=True or pad more in the backbone."
            )
        return self.alignment(upsampled, image)[0]


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


def _backbone(backbone: Any, alignment: str, width: float, generator: np.random.Generator | None) -> Backbone:
    first_padding(alignment)  # an unknown one is an error for a Backbone of one's own, too
    if isinstance(backbone, Backbone):
        return backbone
    if not isinstance(backbone, str):
        raise ArgumentTypeError(f"FCN: backbone must be a name or a Backbone, got {type(backbone).__name__}.")
    if backbone not in BACKBONES:
        raise ArgumentError(f"FCN: backbone {backbone!r} is unknown; use one of {', '.join(BACKBONES)}.")
    return BACKBONES[backbone](alignment, width, generator=generator)


def explain(model: FCN) -> str:
    """See `FCN.explain`."""
    lines = [
        f"FCN-{model.stride}s on {model.backbone}: where every feature lies over the image",
        "",
        "An image pixel at position u has its centre at scale*u + offset in a feature map.",
        "  convolution, pooling:    scale 1/s, offset (p - (k - 1)/2)/s",
        "  transposed convolution:  scale s,   offset (k - 1)/2 - p",
        "  one after the other:     (a2*a1, a2*b1 + b2)",
        "",
        f"{'layer':<12}{'kernel':>7}{'stride':>7}{'pad':>5}{'scale':>8}{'offset':>10}{'sees':>7}",
    ]
    trace = Trace()
    parts = (model.stage1, model.stage2, model.stage3, model.stage4, model.stage5, model.head, model.score)
    for part in parts:
        named = part.layers.items() if isinstance(part, Sequential) else [("score", part)]
        for name, layer in named:
            for window in windows(layer):
                trace = trace.through(window)
                lines.append(
                    f"{name:<12}{window.kernel_size[0]:>7}{window.stride[0]:>7}{window.padding[0]:>5}"
                    f"{trace.map.scale!s:>8}{trace.map.offset!s:>10}{trace.field.size:>7}"
                )
    lines += ["", "Two maps are added where they show the same pixels: the crop is the difference of their offsets."]
    for name, fuse in (("pool4", model.fuse_pool4), ("pool3", model.fuse_pool3)):
        if isinstance(fuse, Fuse):
            up, pool, kernel = fuse.traces["upsampled"], fuse.traces["pool"], fuse.up.kernel_size[0]
            first, second = fuse.alignment.first, fuse.alignment.second
            offset, which = (first, "the score") if first else (second, name)
            lines.append(
                f"  upsampled x2 (kernel {kernel}): scale {up.map.scale}, offset {up.map.offset};  {name}: offset "
                f"{pool.map.offset};  crop {which} by {offset}"
            )
    up = model.upscore.traces["upsampled"]
    lines.append(
        f"  upsampled x{model.upscore.up.stride[0]} (kernel {model.upscore.up.kernel_size[0]}): scale {up.map.scale}, "
        f"offset {up.map.offset};  image: offset 0;  crop the score by {model.upscore.alignment.first}"
    )
    return "\n".join(lines)
