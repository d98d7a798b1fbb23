"""`minifcn explain` prints the derivation that the network itself gives."""

from __future__ import annotations

import re

import numpy as np
import pytest

from minifcn.commands import explain
from minifcn.errors import ArgumentError
from minifcn.models import FCN


@pytest.mark.parametrize(
    ("backbone", "stride", "alignment", "crops"),
    [
        ("vgg16", 8, "caffe", ["crop pool4 by 5", "crop pool3 by 9", "crop the score by 31"]),
        ("vgg16", 16, "caffe", ["crop pool4 by 5", "crop the score by 27"]),
        ("vgg16", 32, "caffe", ["crop the score by 19"]),
        ("small", 8, "compact", ["crop the score by 1", "crop the score by 1", "crop the score by 4"]),
    ],
)
def test_the_crops(
    capsys: pytest.CaptureFixture[str], backbone: str, stride: int, alignment: str, crops: list[str]
) -> None:
    given = {"head": "fcn", "backbone": backbone, "stride": stride, "alignment": alignment, "size": (500, 500)}
    assert explain.run(given) == 0
    text = capsys.readouterr().out
    assert text.startswith(f"FCN-{stride}s on {backbone}: where every feature lies over the image")
    assert re.findall(r"crop .* by \d+", text) == crops


def test_without_its_weights_a_network_explains_itself_as_with_them(capsys: pytest.CaptureFixture[str]) -> None:
    explain.run({"head": "fcn", "backbone": "small", "stride": 16, "alignment": "caffe", "size": (30, 41)})
    full = FCN("small", 21, 16, "caffe", generator=np.random.default_rng(0))
    assert capsys.readouterr().out.strip() == full.explain((30, 41)).strip()


@pytest.mark.parametrize(
    ("head", "title", "place", "said"),
    [
        ("fcn", "FCN-8s", "score 1 1 0 16x16 1/32", "crop the score by 31"),
        ("dilated", "dilated FCN at 1/8", "score 1 1 0 1 64x64 1/8", "crop the score by 8"),
        ("aspp", "ASPP at 1/8", "rate24.fc6 3 1 24 24 64x64 1/8", "crop the score by 8"),
        ("deconvnet", "DeconvNet", "unpool1 2 2 0 500x500 1", "scale 1 and offset 0 again"),
    ],
)
def test_each_head_as_it_is_by_default(
    capsys: pytest.CaptureFixture[str], head: str, title: str, place: str, said: str
) -> None:
    given = {"head": head, "backbone": "vgg16", "stride": None, "alignment": None, "size": (500, 500)}
    assert explain.run(given) == 0
    text = " ".join(capsys.readouterr().out.split())
    assert text.startswith(f"{title} on vgg16: where every feature lies over the image, here of 500x500")
    assert place in text and said in text


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"head": "aspp", "stride": 32}, r"--head aspp scores at 1/8 or 1/16 of the image; take --stride 8 or 16\."),
        ({"head": "deconvnet", "stride": 8}, r"undoes every stage, so leave --stride and --alignment out\."),
        ({"head": "deconvnet", "alignment": "compact"}, r"undoes every stage, so leave --stride and --alignment out\."),
        ({"head": "deconvnet", "backbone": "alexnet"}, r"must end in a 2x2 max pooling of stride 2, not in ReLU\(\)"),
    ],
)
def test_what_does_not_go_together(given: dict[str, object], said: str) -> None:
    with pytest.raises(ArgumentError, match=said):
        explain.run({"backbone": "vgg16", "stride": None, "alignment": None, "size": (500, 500)} | given)
