"""Two later heads that need no way back: scores that never get coarser than 1/8, and windows of several dilations.

`dilated` takes the stride away from the last poolings and gives what follows a dilation instead. Nothing else changes,
the weights fit as before, and every feature that the network had is still there, with new ones in between:

    stride 2, then a 3-tap convolution:      x0 . x2 . x4 .         -> x0 x2 x4                ("every second")
    stride 1, then one of dilation 2:        x0 x1 x2 x3 x4 x5      -> x0 x2 x4, x1 x3 x5      (both, interleaved)

So the score comes at 1/8 of the image without a skip, at the cost of 16 times as many features behind pool4 and pool5.

`aspp` replaces the head by one that looks at the last map through 3x3 windows of dilation 6, 12, 18 and 24 at once.
Each has layers fc6 and fc7 of its own. That their scores are added is one 1x1 convolution of all their channels: the
score layer that every FCN has.

Sources: Holschneider et al. 1989 (the algorithme à trous); Yu and Koltun, ICLR 2016; Chen et al., DeepLab, 2018.
"""

from __future__ import annotations

from copy import deepcopy

from minifcn.arguments import integer
from minifcn.errors import ArgumentError
from minifcn.models.alignment import Trace
from minifcn.models.backbones import Backbone, convolution, scaled
from minifcn.nn import Conv2d, Dropout, Fork, MaxPool2d, ReLU, Sequential, Window
from minifcn.random import Generator, generator_for

RATES = (6, 12, 18, 24)


def dilated(backbone: Backbone, stride: int = 8) -> Backbone:
    """The backbone with a score at 1/`stride` of the image: strides that lead further become dilations.

    stride   8 or 16, at most that of the score as it is
    returns  a backbone of its own: the layers are copied, with the values that they have

    A layer of stride s, where s would lead beyond, gets stride 1; from there on every window is s times as wide
    (dilation) and so is its padding. A pooling that loses its stride is padded so that it loses no row. For every
    feature that the network had and whose window meets no border, there is one of the same value; see above.
    Raises ArgumentError for another stride, and for a layer that no Trace follows.
    """
    stride = integer(stride, "dilated: stride", 1)
    if stride not in (8, 16):
        raise ArgumentError(f"dilated: stride must be 8 or 16, got {stride}.")
    backbone = deepcopy(backbone)
    reached, rate = 1, 1
    for part in (*backbone.stages, backbone.head):
        Trace().through(part)  # refuses what cannot be followed
        for window in (layer for layer in part.modules() if isinstance(layer, Window)):
            step = window.stride[0]
            _widen(window, rate)
            if reached * step > stride:
                rate *= step
                window.stride = (1, 1)
                _lose_no_row(window)
            else:
                reached *= step
    return backbone


def _widen(window: Window, rate: int) -> None:
    """`rate` times as far from tap to tap, and from the border."""
    if rate == 1:
        return
    if isinstance(window.padding, str) or not isinstance(window, Conv2d | MaxPool2d):
        raise ArgumentError(f"dilated: {window!r} cannot be dilated; use Conv2d and MaxPool2d with padding in numbers.")
    window.dilation = (window.dilation[0] * rate, window.dilation[1] * rate)
    window.padding = (window.padding[0] * rate, window.padding[1] * rate)


def _lose_no_row(window: Window) -> None:
    if isinstance(window, MaxPool2d):
        reach = window.dilation[0] * (window.kernel_size[0] - 1)
        window.padding = ((reach + 1) // 2,) * 2


def aspp(backbone: Backbone, width: float = 1.0, *, generator: Generator | None = None) -> Backbone:
    """The backbone with a head of four: 3x3 windows of dilation 6, 12, 18 and 24, each followed by a 1x1 convolution.

    Each has 1024 channels (· width) in its fc6 and its fc7, with ReLU and dropout 0.5, as DeepLab-v2 has it; the score
    of an FCN on it adds up four scores. The rates are those of a score at 1/8: pass `dilated(backbone)`.
    """
    rng = generator_for("aspp", generator)
    first = next((layer for layer in backbone.head.modules() if isinstance(layer, Conv2d)), None)
    before, wide = backbone.head_channels if first is None else first.in_channels, scaled(1024, width)
    ways = {}
    for rate in RATES:
        fc6 = convolution(before, wide, 3, rate, rng)
        fc6.dilation = (rate, rate)
        ways[f"rate{rate}"] = Sequential(
            {"fc6": fc6, "relu6": ReLU(), "drop6": Dropout(0.5, generator=generator)}
            | {"fc7": convolution(wide, wide, 1, 0, rng), "relu7": ReLU(), "drop7": Dropout(0.5, generator=generator)}
        )
    head = Sequential({"aspp": Fork(ways)})
    return Backbone(backbone.stages, head, backbone.pool3_channels, backbone.pool4_channels, wide * len(RATES))
