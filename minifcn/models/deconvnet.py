"""DeconvNet: the way back as long as the way there, mirrored layer by layer.

    image ─ stage1 ─ stage2 ─ ... ─ stage5 ─ head          each stage ends in a 2x2 pooling, which notes where
              │indices │              │        │           each maximum was
              ↓        ↓              ↓        ↓
    score ─ back1 ── back2 ── ... ─ back5 ── back6         each begins by putting its numbers there again

Where FCN enlarges a coarse score and adds finer ones, here the features themselves are enlarged: unpooling puts each
at the place where its maximum was (zeros elsewhere), and learned transposed convolutions fill the space between. Every
3x3 convolution of a stage has its counterpart, with batch norm and ReLU; the first layer of the head has one with a
kernel as large as its own. An unpooling makes the very size that its pooling was given, so nothing is cropped and every
image size is right.

Source: Noh, Hong and Han, "Learning deconvolution network for semantic segmentation", ICCV 2015.
"""

from __future__ import annotations

from typing import Any

from minifcn import functional as F
from minifcn.arguments import IntOrPair, Pair, integer
from minifcn.errors import ArgumentError
from minifcn.models.backbones import Backbone
from minifcn.models.explanation import mirrored_derivation
from minifcn.models.fusion import score_layer
from minifcn.models.settings import built_backbone, checked_image
from minifcn.nn import BatchNorm2d, Conv2d, ConvTranspose2d, MaxPool2d, Module, ReLU, Sequential, Window, init
from minifcn.random import Generator, generator_for


class DeconvNet(Module):
    """image (N, 3, H, W) -> scores (N, num_classes, H, W), for every H and W from 1 up.

    backbone     "small", "vgg16", "vgg16_bn", or a Backbone whose stages keep the size and end in a 2x2 max pooling of
                 stride 2; its first convolution pads by 1 and its head keeps the size ("compact")
    num_classes  how many classes are scored; void is not one of them
    width        factor on the channels of a backbone given by name
    generator    source of the initial weights

    The score layer starts at zero, so the first loss is ln(num_classes). Raises ArgumentError for another backbone.
    """

    def __init__(
        self,
        backbone: str | Backbone = "small",
        num_classes: int = 21,
        *,
        width: float = 1.0,
        generator: Generator | None = None,
    ) -> None:
        self.num_classes = classes = integer(num_classes, "DeconvNet: num_classes", 1)
        built = built_backbone(backbone, "compact", width, generator)
        self.title, self.backbone = "DeconvNet", backbone if isinstance(backbone, str) else "custom"
        rng = generator_for("DeconvNet", generator)
        self.stage1, self.stage2, self.stage3, self.stage4, self.stage5 = (_checked(stage) for stage in built.stages)
        self.head = built.head
        self.back6 = _mirrored(_convolutions(built.head)[:1], rng)
        backs = [_mirrored(_convolutions(stage), rng, into_image=stage is built.stages[0]) for stage in built.stages]
        self.back5, self.back4, self.back3, self.back2, self.back1 = reversed(backs)
        self.score = score_layer(_convolutions(self.stage1)[0].out_channels, classes)

    def forward(self, image: Any) -> Any:
        """Scores before softmax, as large as the image."""
        x, pooled = checked_image(image), []
        for stage in (self.stage1, self.stage2, self.stage3, self.stage4, self.stage5):
            x = stage[:-1](x)
            size = x.shape[2:]
            pool: Any = stage[-1]  # a MaxPool2d, as `_checked` saw
            x, indices = F.max_pool2d(x, 2, 2, ceil_mode=pool.ceil_mode, return_indices=True)
            pooled.append((indices, size))
        x = self.back6(self.head(x))
        for back in (self.back5, self.back4, self.back3, self.back2, self.back1):
            indices, size = pooled.pop()
            x = back(F.max_unpool2d(x, indices, 2, 2, output_size=size))
        return self.score(x)

    def extra_repr(self) -> str:
        return f"{self.title}, backbone {self.backbone!r}, {self.num_classes} classes"

    def explain(self, image_size: IntOrPair = 500) -> str:
        """The way there and the way back, layer by layer, as text: see `FCN.explain`.

        image_size   (H, W) or one integer: of the image whose sizes and operations are told
        """
        return mirrored_derivation(self, image_size)


def _checked(stage: Sequential) -> Sequential:
    """The stage, if it keeps the size and ends in the pooling that an unpooling undoes."""
    *layers, pool = stage if len(stage) else (None,)
    if not isinstance(pool, MaxPool2d) or (pool.kernel_size, pool.stride, pool.padding) != ((2, 2), (2, 2), (0, 0)):
        raise ArgumentError(
            f"DeconvNet: a stage must end in a 2x2 max pooling of stride 2, not in {pool!r}; use the backbone "
            f'"vgg16", "vgg16_bn" or "small".'
        )
    for layer in layers:
        inside = [part for part in layer.modules() if isinstance(part, Window)]
        if inside and not (isinstance(layer, Conv2d) and _keeps_the_size(layer)):
            raise ArgumentError(f"DeconvNet: {layer!r} does not keep the size of its map, so it cannot be mirrored.")
    return stage


def _keeps_the_size(layer: Conv2d) -> bool:
    reach = [layer.dilation[axis] * (layer.kernel_size[axis] - 1) for axis in (0, 1)]
    return layer.stride == (1, 1) and [2 * rows for rows in _padding(layer)] == reach


def _padding(layer: Conv2d) -> Pair:
    """In rows and columns, where it was named "same", too."""
    return layer.padded_before(0), layer.padded_before(1)


def _convolutions(column: Sequential) -> list[Conv2d]:
    return [layer for layer in column if isinstance(layer, Conv2d)]


def _mirrored(layers: list[Conv2d], rng: Generator, into_image: bool = False) -> Sequential:
    """For each convolution, from the last to the first, its transpose in shape, batch norm and ReLU.

    into_image: the first convolution of all leads from three colours; its counterpart keeps the channels instead, as
    scores and not colours are wanted.
    """
    made: dict[str, Module] = {}
    for place, layer in enumerate(reversed(layers), start=1):
        C = layer.out_channels if into_image and place == len(layers) else layer.in_channels
        up = ConvTranspose2d(
            layer.out_channels, C, layer.kernel_size, 1, _padding(layer), bias=False, dilation=layer.dilation,
            generator=rng,
        )  # fmt: skip
        # At stride 1 each output adds up in_channels·KH·KW products: of a transposed weight that is fan_out.
        init.kaiming_normal_(up.weight, mode="fan_out", nonlinearity="relu", generator=rng)
        made |= {f"deconv{place}": up, f"norm{place}": BatchNorm2d(C), f"relu{place}": ReLU()}
    return Sequential(made)
