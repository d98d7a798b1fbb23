"""The four ways from a backbone to scores, by name: what `minifcn train --head` chooses from.

fcn         scores of three depths, added on the way back (`fcn.py`): the subject of this library
dilated     no way back: the strides of the last stages become dilations (`atrous.py`)
aspp        the same, with a head of four dilations (`atrous.py`)
deconvnet   a way back as long as the way there (`deconvnet.py`)
"""

from __future__ import annotations

from typing import Any, TypeAlias

from minifcn.errors import ArgumentError
from minifcn.models.atrous import aspp, dilated
from minifcn.models.backbones import checked_alignment
from minifcn.models.deconvnet import DeconvNet
from minifcn.models.fcn import FCN
from minifcn.models.settings import built_backbone
from minifcn.random import Generator, generator_for

HEADS = ("fcn", "dilated", "aspp", "deconvnet")
Network: TypeAlias = FCN | DeconvNet  # image (N, 3, H, W) -> scores (N, num_classes, H, W)


def network(
    head: str,
    backbone: str,
    num_classes: int,
    stride: int = 8,
    alignment: str = "compact",
    *,
    width: float = 1.0,
    generator: Generator | None = None,
    **options: Any,
) -> Network:
    """The network with that head on the backbone of that name: image (N, 3, H, W) -> scores (N, num_classes, H, W).

    head     "fcn": as `FCN` takes the rest, `options` with it (upsampling, learn_upsampling, at_once). "dilated" and
             "aspp": the score is made at 1/`stride` of the image, 8 or 16, and enlarged in one step; of the options
             learn_upsampling is theirs. "deconvnet": it undoes every stage, so it takes neither stride nor options,
             and its alignment is "compact"
    Raises ArgumentError for an unknown head, another alignment of a DeconvNet, and as the networks do.

    >>> import minifcn
    >>> network("aspp", "small", 8, width=1 / 8)(minifcn.zeros((1, 3, 33, 40))).shape
    (1, 8, 33, 40)
    """
    if head not in HEADS:
        raise ArgumentError(f"network: head {head!r} is unknown; use one of {', '.join(HEADS)}.")
    if head == "fcn":
        return FCN(backbone, num_classes, stride, alignment, width=width, generator=generator, **options)
    if head == "deconvnet":
        if checked_alignment(alignment) != "compact":
            raise ArgumentError(f"network: a DeconvNet undoes maps that keep their size; leave {alignment!r} out.")
        return DeconvNet(backbone, num_classes, width=width, generator=generator)
    rng = generator_for("network", generator)
    built = dilated(built_backbone(backbone, alignment, width, rng), stride)
    if head == "aspp":  # four parts that together are as wide as the head that they replace
        built = aspp(built, built.head_channels / 4096, generator=rng)
    # A score at 1/8 needs no finer one added: it is enlarged as an FCN-32s enlarges its own.
    learn = bool(options.get("learn_upsampling", False))
    net = FCN(built, num_classes, 32, alignment, learn_upsampling=learn, generator=rng)
    net.title, net.backbone = called(head, stride), backbone
    return net


def called(head: str, stride: int) -> str:
    """What a network with that head is called: "FCN-8s", "ASPP at 1/8", "DeconvNet"."""
    if head == "fcn":
        return f"FCN-{stride}s"
    return {"dilated": f"dilated FCN at 1/{stride}", "aspp": f"ASPP at 1/{stride}", "deconvnet": "DeconvNet"}[head]
