"""GoogLeNet as a backbone: the original (5x5 branches, local response normalisation) and torchvision's.

    conv1 7x7, stride 2                              1/2     stage 1
    pool1, conv2 1x1, conv3 3x3                      1/4     stage 2
    pool2, inception 3a 3b                           1/8     stage 3
    pool3, inception 4a 4b 4c 4d 4e                  1/16    stage 4
    pool4, inception 5a 5b                           1/32    stage 5
    (average pooling and classifier are dropped)             head: dropout alone

An inception block looks at its map through windows of several sizes at once, a `Fork` of four ways whose results stand
one behind the other along the channels:

    x -+- 1x1 ------------- branch1
       +- 1x1 -> 3x3 ------ branch2
       +- 1x1 -> 5x5 ------ branch3
       +- pool 3x3 -> 1x1 - branch4

All four keep the size and the centre, so their coordinate maps agree. Only the four poolings move anything: at padding
3 a score lies at offset −15/16, and a kernel of 63 with a crop of 1 brings it back. But then images must have 31
pixels; "compact" pads by 18, the least that covers every image from 1x1 on, and "caffe" by 100.
Source: Szegedy et al. 2015; Caffe's bvlc_googlenet for what the paper leaves open.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from minifcn.models.backbones import Backbone, Block, Made, block, check_width, paddings, scaled
from minifcn.nn import Dropout, Fork, LocalResponseNorm, MaxPool2d, Module, Sequential
from minifcn.random import Generator, generator_for

# Channels: branch1, branch2's 1x1 and 3x3, branch3's 1x1 and 5x5, branch4.
BLOCKS = {
    "3a": (64, 96, 128, 16, 32, 32),
    "3b": (128, 128, 192, 32, 96, 64),
    "4a": (192, 96, 208, 16, 48, 64),
    "4b": (160, 112, 224, 24, 64, 64),
    "4c": (128, 128, 256, 24, 64, 64),
    "4d": (112, 144, 288, 32, 64, 64),
    "4e": (256, 160, 320, 32, 128, 128),
    "5a": (256, 160, 320, 32, 128, 128),
    "5b": (384, 192, 384, 48, 128, 128),
}


def googlenet(alignment: str = "compact", width: float = 1.0, *, generator: Generator | None = None) -> Backbone:
    """GoogLeNet as FCN-GoogLeNet has it: 5,973,552 parameters.

    Every convolution has a bias and a ReLU; responses are normalised over five channels behind pool1 and conv3;
    dropout 0.4 before the score. The two auxiliary classifiers are left out.
    A feature of its last block sees 715 pixels. The paper's 907 counts the average pooling that it drops.
    width: a factor on every channel count.
    """
    rng = generator_for("googlenet", generator)
    return _googlenet("googlenet", alignment, width, partial(_block, rng), 18, 5, 3, True, generator)


def googlenet_torchvision(
    alignment: str = "compact", width: float = 1.0, *, generator: Generator | None = None
) -> Backbone:
    """GoogLeNet as torchvision has it: batch norm in place of biases, 3x3 where the original has 5x5, pool4 2x2.

    Its pool4 puts the score elsewhere: at padding 3 the crop is 9 instead of 1. "compact" pads by 10. A feature sees
    379 pixels.
    """
    rng = generator_for("googlenet_torchvision", generator)
    normalised = partial(_block, rng, norm=True, bias=False, eps=1e-3)  # the eps of TensorFlow, where it was trained
    return _googlenet("googlenet_torchvision", alignment, width, normalised, 10, 3, 2, False, generator)


def _googlenet(
    name: str,
    alignment: str,
    width: float,
    made: Block,
    compact_padding: int,
    branch3: int,
    pool4: int,
    local_norms: bool,
    generator: Generator | None,
) -> Backbone:
    """branch3: the kernel of its second convolution; pool4: that of the fourth pooling."""
    check_width(name, width, 16)
    padding, _ = paddings(alignment, (compact_padding, 0), (3, 0))
    C1, C3 = scaled(64, width), scaled(192, width)
    inception, channels = _inceptions(width, made, branch3)

    def norm(place: str) -> Made:
        return {f"norm{place}": LocalResponseNorm(5)} if local_norms else {}

    stages = (
        Sequential(made("conv1", 3, C1, 7, padding, 2)),
        Sequential(
            {"pool1": _pool()} | norm("1") | made("conv2", C1, C1, 1, 0) | made("conv3", C1, C3, 3, 1) | norm("2")
        ),
        Sequential({"pool2": _pool()} | inception("3a", "3b")),
        Sequential({"pool3": _pool()} | inception("4a", "4b", "4c", "4d", "4e")),
        Sequential({"pool4": _pool(pool4)} | inception("5a", "5b")),
    )
    drop = 0.4 if local_norms else 0.2
    head = Sequential({"drop": Dropout(drop, generator=generator)})
    return Backbone(stages, head, channels["3b"], channels["4e"], channels["5b"])


def _inceptions(width: float, made: Block, branch3: int) -> tuple[Callable[..., Made], dict[str, int]]:
    """A function that gives the blocks of these names, in their order in the network, and the channels behind each."""
    before, channels = scaled(192, width), {}
    widths = {name: tuple(scaled(C, width) for C in counts) for name, counts in BLOCKS.items()}
    entering = {}
    for name, (one, _, three, _, five, pooled) in widths.items():
        entering[name], channels[name] = before, one + three + five + pooled
        before = channels[name]

    def inception(*names: str) -> Made:
        blocks: Made = {}
        for name in names:
            C, (one, reduce3, three, reduce5, five, pooled) = entering[name], widths[name]
            blocks[f"inception{name}"] = Fork(
                {
                    "branch1": Sequential(made("conv", C, one, 1, 0)),
                    "branch2": Sequential(made("reduce", C, reduce3, 1, 0) | made("conv", reduce3, three, 3, 1)),
                    "branch3": Sequential(
                        made("reduce", C, reduce5, 1, 0) | made("conv", reduce5, five, branch3, branch3 // 2)
                    ),
                    "branch4": Sequential({"pool": MaxPool2d(3, 1, 1, ceil_mode=True)} | made("conv", C, pooled, 1, 0)),
                }
            )
        return blocks

    return inception, channels


def _block(
    rng: Generator, name: str, before: int, C: int, kernel_size: int, padding: int, stride: int = 1, **options: Any
) -> Made:
    """The block of every backbone under the names that it has here: conv1, conv1_norm, conv1_relu."""
    names = (name, f"{name}_norm", f"{name}_relu")
    return block(names, before, C, kernel_size, padding, rng, stride=stride, **options)


def _pool(kernel_size: int = 3) -> Module:
    return MaxPool2d(kernel_size, 2, ceil_mode=True)
