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

from minifcn.models.backbones import Backbone, check_width, convolution, paddings, scaled
from minifcn.nn import Dropout, LocalResponseNorm, MaxPool2d, Module, ReLU, Sequential
from minifcn.random import Generator, generator_for

COMPACT = (35, 2)  # paddings of conv1 and of fc6


def alexnet(alignment: str = "compact", width: float = 1.0, *, generator: Generator | None = None) -> Backbone:
    """CaffeNet, as FCN-AlexNet has it: 56,868,224 parameters.

    Each response is divided by (1 + 10⁻⁴/5 · Σ x²)^0.75 over five channels, behind the pooling; conv2, conv4 and conv5
    have two groups, once for two GPUs. Dropout 0.5 behind fc6 and fc7.
    width: a factor on every channel count; those of grouped convolutions stay even.
    Source: Krizhevsky, Sutskever and Hinton 2012, in the order of Caffe's reference model; Long et al. 2015.
    """
    rng = generator_for("alexnet", generator)
    check_width("alexnet", width, 16)
    C = [scaled(channels, width, 2) for channels in (96, 256, 384, 384, 256)]
    wide, (first, sixth) = scaled(4096, width), paddings(alignment, COMPACT, (0, 0))
    stages = (
        Sequential({"conv1": convolution(3, C[0], 11, first, rng, stride=4), "relu1": ReLU()}),
        Sequential(),
        Sequential({"pool1": _pool()}),
        Sequential(
            {"norm1": LocalResponseNorm(5), "conv2": convolution(C[0], C[1], 5, 2, rng, groups=2), "relu2": ReLU()}
            | {"pool2": _pool()}
        ),
        Sequential(
            {"norm2": LocalResponseNorm(5)}
            | {"conv3": convolution(C[1], C[2], 3, 1, rng), "relu3": ReLU()}
            | {"conv4": convolution(C[2], C[3], 3, 1, rng, groups=2), "relu4": ReLU()}
            | {"conv5": convolution(C[3], C[4], 3, 1, rng, groups=2), "relu5": ReLU(), "pool5": _pool()}
        ),
    )
    head = Sequential(
        {"fc6": convolution(C[4], wide, 6, sixth, rng), "relu6": ReLU(), "drop6": Dropout(0.5, generator=generator)}
        | {"fc7": convolution(wide, wide, 1, 0, rng), "relu7": ReLU(), "drop7": Dropout(0.5, generator=generator)}
    )
    return Backbone(stages, head, C[0], C[1], wide)


def alexnet_torchvision(
    alignment: str = "compact", width: float = 1.0, *, generator: Generator | None = None
) -> Backbone:
    """AlexNet as torchvision has it ("one weird trick"): 64-192-384-256-256 channels, no groups, no normalisation.

    Its dropout comes before fc6 and fc7. The geometry is that of `alexnet`, and so are the crops.
    Source: Krizhevsky 2014.
    """
    rng = generator_for("alexnet_torchvision", generator)
    check_width("alexnet_torchvision", width, 16)
    C = [scaled(channels, width) for channels in (64, 192, 384, 256, 256)]
    wide, (first, sixth) = scaled(4096, width), paddings(alignment, COMPACT, (2, 0))
    stages = (
        Sequential({"conv1": convolution(3, C[0], 11, first, rng, stride=4), "relu1": ReLU()}),
        Sequential(),
        Sequential({"pool1": _pool()}),
        Sequential({"conv2": convolution(C[0], C[1], 5, 2, rng), "relu2": ReLU(), "pool2": _pool()}),
        Sequential(
            {"conv3": convolution(C[1], C[2], 3, 1, rng), "relu3": ReLU()}
            | {"conv4": convolution(C[2], C[3], 3, 1, rng), "relu4": ReLU()}
            | {"conv5": convolution(C[3], C[4], 3, 1, rng), "relu5": ReLU(), "pool5": _pool()}
        ),
    )
    head = Sequential(
        {"drop6": Dropout(0.5, generator=generator), "fc6": convolution(C[4], wide, 6, sixth, rng), "relu6": ReLU()}
        | {"drop7": Dropout(0.5, generator=generator), "fc7": convolution(wide, wide, 1, 0, rng), "relu7": ReLU()}
    )
    return Backbone(stages, head, C[0], C[1], wide)


def _pool() -> Module:
    return MaxPool2d(3, 2, ceil_mode=True)
