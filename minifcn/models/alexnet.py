"""AlexNet as a backbone: the paper's (CaffeNet, with groups and local response normalisation) and torchvision's.

    conv1 11x11, stride 4     1/4      stage 1 (one stride of 4 where VGG has two poolings: stage 2 is empty)
    pool1 3x3, stride 2       1/8      stage 3
    conv2 5x5, pool2          1/16     stage 4
    conv3, conv4, conv5 3x3, pool5   1/32   stage 5
    fc6 6x6, fc7 1x1                   head

The kernels of its poolings are odd and that of fc6 is even: a score lies at offset −13/32 (padding 100), and only
upsampling kernels of odd size, 63 at stride 32, bring it over whole pixels again, with a crop of 18.

Where VGG's "compact" pads by 1 and 3, here the first convolution pads by 35 and fc6 by 2. 35 is the least with which
every image from 1x1 on is covered: 3x3 poolings lose more at the borders than 2x2 ones do.
"""

from __future__ import annotations

from collections.abc import Sequence

from minifcn.models.backbones import Backbone, Made, check_width, convolution, paddings, scaled
from minifcn.nn import Dropout, LocalResponseNorm, MaxPool2d, ReLU, Sequential
from minifcn.random import Generator, generator_for

COMPACT = (35, 2)  # paddings of conv1 and of fc6


def alexnet(alignment: str = "compact", width: float = 1.0, *, generator: Generator | None = None) -> Backbone:
    """CaffeNet, as FCN-AlexNet has it: 56,868,224 parameters.

    Each response is divided by (1 + 10⁻⁴/5 · Σ x²)^0.75 over five channels, behind the pooling; conv2, conv4 and conv5
    have two groups, once for two GPUs. Dropout 0.5 behind fc6 and fc7.
    width: a factor on every channel count; those of grouped convolutions stay even.
    Source: Krizhevsky, Sutskever and Hinton 2012, in the order of Caffe's reference model; Long et al. 2015.
    """
    return _alexnet("alexnet", (96, 256, 384, 384, 256), 0, alignment, width, generator)


def alexnet_torchvision(
    alignment: str = "compact", width: float = 1.0, *, generator: Generator | None = None
) -> Backbone:
    """AlexNet as torchvision has it ("one weird trick"): 64-192-384-256-256 channels, no groups, no normalisation.

    Its dropout comes before fc6 and fc7. The geometry is that of `alexnet`, and so are the crops.
    Source: Krizhevsky 2014.
    """
    return _alexnet("alexnet_torchvision", (64, 192, 384, 256, 256), 2, alignment, width, generator)


def _alexnet(
    name: str, channels: Sequence[int], own_padding: int, alignment: str, width: float, generator: Generator | None
) -> Backbone:
    """channels: of conv1 to conv5. own_padding: that of conv1 in the classifier."""
    original = name == "alexnet"
    rng = generator_for(name, generator)
    check_width(name, width, 16)
    groups = 2 if original else 1
    C = [3, *(scaled(count, width, groups) for count in channels)]
    first, sixth = paddings(alignment, COMPACT, (own_padding, 0))

    def norm(number: int) -> Made:
        return {f"norm{number}": LocalResponseNorm(5)} if original else {}

    def conv(number: int, kernel_size: int, padding: int, stride: int = 1, grouped: bool = False) -> Made:
        before, after, parts = C[number - 1], C[number], groups if grouped else 1
        layer = convolution(before, after, kernel_size, padding, rng, stride=stride, groups=parts)
        return {f"conv{number}": layer, f"relu{number}": ReLU()}

    def pool(number: int) -> Made:
        return {f"pool{number}": MaxPool2d(3, 2, ceil_mode=True)}

    def fully(number: int, before: int, kernel_size: int, padding: int) -> Made:
        layer: Made = {f"fc{number}": convolution(before, wide, kernel_size, padding, rng), f"relu{number}": ReLU()}
        drop: Made = {f"drop{number}": Dropout(0.5, generator=generator)}
        return layer | drop if original else drop | layer

    wide = scaled(4096, width)
    stages = (
        Sequential(conv(1, 11, first, stride=4)),
        Sequential(),
        Sequential(pool(1)),
        Sequential(norm(1) | conv(2, 5, 2, grouped=True) | pool(2)),
        Sequential(norm(2) | conv(3, 3, 1) | conv(4, 3, 1, grouped=True) | conv(5, 3, 1, grouped=True) | pool(5)),
    )
    return Backbone(stages, Sequential(fully(6, C[5], 6, sixth) | fully(7, wide, 1, 0)), C[1], C[2], wide)
