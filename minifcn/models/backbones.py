"""The backbones of FCN: classifiers whose fully connected layers have become convolutions.

A backbone has five stages, which end at 1/2, 1/4, 1/8, 1/16 and 1/32 of the image, and a head, the former fully
connected layers. FCN takes what stages 3 and 4 end in for its skips: pool3 and pool4 of VGG16, which is told here. The
paper's other two stand in `alexnet.py` and `googlenet.py`, and every name in `named.py`.

`alignment` settles how the pixels that are lost at the border are made good:
    "caffe"    the first convolution pads by 100 and the head does not pad: what the reference code does. Any image
               is large enough then, and the crops are 19; 5, 27; 5, 9, 31. It doubles the work.
    "compact"  the first convolution pads by 1 and the head pads to keep its size: the same weights, crops 16; 1, 8;
               1, 1, 4, at half the cost. Far from the border the scores are those of a first padding of 97. 100 lays
               the grid of the poolings three pixels further up and left: "caffe" gives what "compact" gives for the
               image moved down and right by three.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from minifcn.arguments import Pair, integer, real_number
from minifcn.errors import ArgumentError
from minifcn.nn import BatchNorm2d, Conv2d, Dropout, MaxPool2d, Module, ReLU, Sequential, init
from minifcn.random import Generator, generator_for

Made = dict[str, Module]  # layers by their names, in the order of the data
Block = Callable[..., Made]  # a convolution and what comes with it: `block`, some of its options chosen

ALIGNMENTS = ("compact", "caffe")
CAFFE_PADDING = 100
CLASSIFIER = "classifier"  # padded as the classifier itself: for one image size, and no alignment of an FCN


@dataclass(frozen=True)
class Backbone:
    """Five stages and a head, with the channels at the three places where scores are read."""

    stages: tuple[Sequential, ...]
    head: Sequential
    pool3_channels: int
    pool4_channels: int
    head_channels: int


def checked_alignment(alignment: str) -> str:
    """The name of an alignment, or ArgumentError."""
    if alignment not in ALIGNMENTS:
        raise ArgumentError(f'alignment {alignment!r} is unknown; use "compact" or "caffe".')
    return alignment


def paddings(alignment: str, compact: Pair, classifier: Pair) -> Pair:
    """(padding of the first convolution, padding of the head): "caffe" pads by 100 and 0, whatever the backbone."""
    if alignment == CLASSIFIER:
        return classifier
    return (CAFFE_PADDING, 0) if checked_alignment(alignment) == "caffe" else compact


def vgg16(alignment: str = "compact", width: float = 1.0, *, generator: Generator | None = None) -> Backbone:
    """VGG16 with fc6 as a 7x7 and fc7 as a 1x1 convolution, exactly as FCN uses it.

    134,260,544 parameters. Ceil-mode pooling as Caffe does it, dropout 0.5 in the head, ReLU after every convolution.
    width: a factor on every channel count, for experiments; 1 is VGG16.
    Source: Simonyan and Zisserman 2015, configuration D; Long, Shelhamer and Darrell 2015.
    """
    return _vgg16("vgg16", block, alignment, width, generator)


def vgg16_bn(alignment: str = "compact", width: float = 1.0, *, generator: Generator | None = None) -> Backbone:
    """VGG16 with batch normalisation behind every 3x3 convolution, as torchvision has it; else as `vgg16`.

    The convolutions keep their biases, which do nothing before a batch norm: its weights are to fit.
    """
    return _vgg16("vgg16_bn", partial(block, norm=True), alignment, width, generator)


def _vgg16(name: str, made: Block, alignment: str, width: float, generator: Generator | None) -> Backbone:
    rng = generator_for(name, generator)
    check_width(name, width, 4)
    channels = [scaled(C, width) for C in (64, 128, 256, 512, 512)]
    first, sixth = paddings(alignment, (1, 3), (1, 0))
    stages = _stages((2, 2, 3, 3, 3), channels, first, made, rng)
    wide = scaled(4096, width)
    head = Sequential(
        block(named("fc", "6"), channels[4], wide, 7, sixth, rng)
        | {"drop6": Dropout(0.5, generator=generator)}
        | block(named("fc", "7"), wide, wide, 1, 0, rng)
        | {"drop7": Dropout(0.5, generator=generator)}
    )
    return Backbone(stages, head, channels[2], channels[3], wide)


def small(alignment: str = "compact", width: float = 1.0, *, generator: Generator | None = None) -> Backbone:
    """A narrow VGG-like backbone with batch normalisation, to be trained from nothing on a CPU.

    Two 3x3 convolutions per stage with 16, 32, 64, 96 and 128 channels; the head is a 3x3 convolution (fc6) and a
    1x1 convolution (fc7) of 128 channels. width: a factor on every channel count.
    """
    rng = generator_for("small", generator)
    check_width("small", width, 16)
    channels = [scaled(C, width) for C in (16, 32, 64, 96, 128)]
    first, sixth = paddings(alignment, (1, 1), (1, 0))
    normalised = partial(block, norm=True, bias=False)
    stages = _stages((2, 2, 2, 2, 2), channels, first, normalised, rng)
    C = channels[4]
    head = Sequential(normalised(named("fc", "6"), C, C, 3, sixth, rng) | normalised(named("fc", "7"), C, C, 1, 0, rng))
    return Backbone(stages, head, channels[2], channels[3], C)


def check_width(name: str, width: object, largest: int) -> None:
    number = real_number(width)
    if number is None or not 0 < number <= largest:
        raise ArgumentError(f"{name}: width must be a number greater than 0 and at most {largest}, got {width!r}.")


def scaled(channels: int, width: float, multiple: int = 1) -> int:
    """channels · width, rounded to a multiple, at least one of it: groups must divide the channels."""
    return multiple * integer(max(1, round(channels * width / multiple)), "channels", 1)


def _stages(
    counts: Sequence[int], channels: Sequence[int], first: int, made: Block, rng: Generator
) -> tuple[Sequential, ...]:
    """Five stages, each of `counts` 3x3 convolutions that keep the size, and a pooling that halves it, rounding up.

    first: the padding of the very first convolution.
    """
    stages, before = [], 3
    for stage, (count, C) in enumerate(zip(counts, channels, strict=True), start=1):
        layers: Made = {}
        for position in range(1, count + 1):
            padding = first if (stage, position) == (1, 1) else 1
            layers |= made(named("conv", f"{stage}_{position}"), before, C, 3, padding, rng)
            before = C
        layers[f"pool{stage}"] = MaxPool2d(2, ceil_mode=True)
        stages.append(Sequential(layers))
    return tuple(stages)


def named(kind: str, place: str) -> tuple[str, str, str]:
    """("conv1_1", "norm1_1", "relu1_1"): what the three layers of a block are called."""
    return f"{kind}{place}", f"norm{place}", f"relu{place}"


def block(
    names: tuple[str, str, str],
    before: int,
    C: int,
    kernel_size: int,
    padding: int,
    rng: Generator,
    *,
    stride: int = 1,
    bias: bool = True,
    norm: bool = False,
    eps: float = 1e-5,
) -> Made:
    """A convolution from `before` to C channels, batch norm if asked for, ReLU.

    Batch norm subtracts the mean, so a bias before it does nothing; it may be there because weights of others have one.
    """
    layer = convolution(before, C, kernel_size, padding, rng, stride=stride, bias=bias)
    norms: Made = {names[1]: BatchNorm2d(C, eps=eps)} if norm else {}
    return {names[0]: layer} | norms | {names[2]: ReLU()}


def convolution(
    before: int,
    C: int,
    kernel_size: int,
    padding: int,
    rng: Generator,
    *,
    stride: int = 1,
    groups: int = 1,
    bias: bool = True,
) -> Conv2d:
    """A convolution with He's initialisation, which keeps the variance of activations through ReLUs."""
    layer = Conv2d(before, C, kernel_size, stride, padding, groups=groups, bias=bias, generator=rng)
    init.kaiming_normal_(layer.weight, nonlinearity="relu", generator=rng)
    if layer.bias is not None:
        init.zeros_(layer.bias)
    return layer
