"""A network by the names of its head and its backbone: what it is made of, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest

from minifcn import no_grad, zeros
from minifcn.errors import ArgumentError
from minifcn.models import BACKBONES, FCN, HEADS, DeconvNet, network
from minifcn.models.heads import called


def narrow(head: str, backbone: str = "small", stride: int = 8, **options: object) -> FCN | DeconvNet:
    return network(head, backbone, 3, stride, width=1 / 16, generator=np.random.default_rng(0), **options)


@pytest.mark.parametrize("backbone", sorted(BACKBONES))
@pytest.mark.parametrize("head", HEADS)
def test_every_head_scores_an_image_on_every_backbone_that_it_fits(head: str, backbone: str) -> None:
    if head == "deconvnet" and not backbone.startswith(("vgg", "small")):
        with pytest.raises(ArgumentError, match="must end in a 2x2 max pooling"):
            narrow(head, backbone)
        return
    with no_grad():
        assert narrow(head, backbone).eval()(zeros((1, 3, 33, 40))).shape == (1, 3, 33, 40)


def test_what_each_is_made_of() -> None:
    assert narrow("fcn", stride=16).stride == 16
    fine, coarse = narrow("dilated"), narrow("dilated", stride=16)
    assert [model.traces["score"].map.scale.denominator for model in (fine, coarse)] == [8, 16]
    assert [way["fc6"].dilation[0] for way in narrow("aspp").head["aspp"]] == [6, 12, 18, 24]
    assert narrow("aspp", "vgg16").head["aspp"]["rate6"]["fc6"].out_channels == 1024 // 16
    assert isinstance(narrow("deconvnet"), DeconvNet)
    learned = narrow("dilated", learn_upsampling=True)
    assert learned.upscore.up.weight.requires_grad and not fine.upscore.up.weight.requires_grad


def test_the_names_and_what_is_refused() -> None:
    assert [called(head, 8) for head in HEADS] == ["FCN-8s", "dilated FCN at 1/8", "ASPP at 1/8", "DeconvNet"]
    with pytest.raises(ArgumentError, match="head 'unet' is unknown; use one of fcn, dilated, aspp, deconvnet"):
        narrow("unet")
    with pytest.raises(ArgumentError, match="dilated: stride must be 8 or 16, got 32"):
        narrow("dilated", stride=32)
