"""`minifcn explain` prints the derivation that the network itself gives."""

from __future__ import annotations

import re

import numpy as np
import pytest

from minifcn.commands import explain
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
    given = {"backbone": backbone, "stride": stride, "alignment": alignment, "size": (500, 500)}
    assert explain.run(given) == 0
    text = capsys.readouterr().out
    assert text.startswith(f"FCN-{stride}s on {backbone}: where every feature lies over the image")
    assert re.findall(r"crop .* by \d+", text) == crops


def test_without_its_weights_a_network_explains_itself_as_with_them(capsys: pytest.CaptureFixture[str]) -> None:
    explain.run({"backbone": "small", "stride": 16, "alignment": "caffe", "size": (30, 41)})
    full = FCN("small", 21, 16, "caffe", generator=np.random.default_rng(0))
    assert capsys.readouterr().out.strip() == full.explain((30, 41)).strip()
