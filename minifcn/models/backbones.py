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

from minifcn.arguments import Pair, integer, real_number
from minifcn.errors import ArgumentError
from minifcn.nn import BatchNorm2d, Conv2d, Dropout, MaxPool2d, Module, ReLU, Sequential, init
from minifcn.random import Generator, generator_for

Block = Callable[[str, str, int, int, int, int, Generator], dict[str, Module]]  # a convolution and what comes with it

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
    return _vgg16(_plain, alignment, width, generator)


def vgg16_bn(alignment: str = "compact", width: float = 1.0, *, generator: Generator | None = None) -> Backbone:
    """VGG16 with batch normalisation behind every 3x3 convolution, as torchvision has it; else as `vgg16`.

    The convolutions keep their biases, which do nothing before a batch norm: its weights are to fit.
    """
    return _vgg16(_normalised_and_biased, alignment, width, generator)


def _vgg16(block: Block, alignment: str, width: float, generator: Generator | None) -> Backbone:
    name = "vgg16" if block is _plain else "vgg16_bn"
    rng = generator_for(name, generator)
    check_width(name, width, 4)
    channels = [scaled(C, width) for C in (64, 128, 256, 512, 512)]
    first, sixth = paddings(alignment, (1, 3), (1, 0))
    stages = _stages((2, 2, 3, 3, 3), channels, first, block, rng)
    wide = scaled(4096, width)
    head = Sequential(
        _plain("fc", "6", channels[4], wide, 7, sixth, rng)
        | {"drop6": Dropout(0.5, generator=generator)}
        | _plain("fc", "7", wide, wide, 1, 0, rng)
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
    stages = _stages((2, 2, 2, 2, 2), channels, first, _normalised, rng)
    C = channels[4]
    head = Sequential(_normalised("fc", "6", C, C, 3, sixth, rng) | _normalised("fc", "7", C, C, 1, 0, rng))
    return Backbone(stages, head, channels[2], channels[3], C)


def check_width(name: str, width: object, largest: int) -> None:
    number = real_number(width)
    if number is None or not 0 < number <= largest:
        raise ArgumentError(f"{name}: width must be a number greater than 0 and at most {largest}, got {width!r}.")


def scaled(channels: int, width: float, multiple: int = 1) -> int:
    """channels · width, rounded to a multiple, at least one of it: groups must divide the channels."""
    return multiple * integer(max(1, round(channels * width / multiple)), "channels", 1)


def _stages(
    counts: Sequence[int], channels: Sequence[int], first: int, block: Block, rng: Generator
) -> tuple[Sequential, ...]:
    """Five stages, each of `counts` 3x3 convolutions that keep the size, and a pooling that halves it, rounding up.

    first: the padding of the very first convolution.
    """
    stages, before = [], 3
    for stage, (count, C) in enumerate(zip(counts, channels, strict=True), start=1):
        layers: dict[str, Module] = {}
        for position in range(1, count + 1):
            padding = first if (stage, position) == (1, 1) else 1
            layers |= block("conv", f"{stage}_{position}", before, C, 3, padding, rng)
            before = C
        layers[f"pool{stage}"] = MaxPool2d(2, ceil_mode=True)
        stages.append(Sequential(layers))
    return tuple(stages)


def _plain(
    kind: str, name: str, before: int, C: int, kernel_size: int, padding: int, rng: Generator
) -> dict[str, Module]:
    """Convolution, ReLU."""
    return {f"{kind}{name}": convolution(before, C, kernel_size, padding, rng), f"relu{name}": ReLU()}


def _normalised_and_biased(
    kind: str, name: str, before: int, C: int, kernel_size: int, padding: int, rng: Generator
) -> dict[str, Module]:
    """Convolution with a bias, batch norm, ReLU."""
    layer = convolution(before, C, kernel_size, padding, rng)
    return {f"{kind}{name}": layer, f"norm{name}": BatchNorm2d(C), f"relu{name}": ReLU()}


def _normalised(
    kind: str, name: str, before: int, C: int, kernel_size: int, padding: int, rng: Generator
) -> dict[str, Module]:
    """Convolution, batch norm, ReLU. Batch norm subtracts the mean, so a bias before it would do nothing."""
    return {
        f"{kind}{name}": convolution(before, C, kernel_size, padding, rng, bias=False),
        f"norm{name}": BatchNorm2d(C),
        f"relu{name}": ReLU(),
    }


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
