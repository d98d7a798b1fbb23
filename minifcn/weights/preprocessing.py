"""How images were prepared for the network whose weights these are: weights and preparation belong together.

Fed with images prepared for other weights a network gives plausible nonsense: a network of Caffe wants blue, green, red
from 0 to 255 minus a mean, one of torchvision wants red, green, blue from 0 to 1, minus a mean, by a deviation.

Here images are red, green, blue from 0 to 255, always, and normalised as (image − mean) / std by channel. Every
preparation that is known can be written so, but for the order of the channels. That one is made good in the weights:
the input channels of the first convolution are turned round, which is the same network exactly, and one that takes
images like any other. The mean cannot go there: at the border a convolution pads with zeros, and after the mean is
subtracted these are the mean colour.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from minifcn.errors import ArgumentError

Three = tuple[float, float, float]


@dataclass(frozen=True)
class Preprocessing:
    """(image · top / 255 − mean) / std with channels in the order `channels`, of an image in 0..255.

    channels   "RGB" or "BGR"
    top        what white is: 1 or 255
    mean, std  per channel, in the order `channels`, on the scale of `top`
    """

    channels: str
    top: float
    mean: Three
    std: Three

    def in_rgb(self) -> tuple[Three, Three]:
        """(mean, std) of red, green and blue in 0..255, as they are used here."""
        step = 1 if self.channels == "RGB" else -1
        mean, std = (_three(255 * value / self.top for value in values[::step]) for values in (self.mean, self.std))
        return mean, std

    def to_json(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Preprocessing:
        """What `to_json` wrote; ValueError, TypeError or KeyError if it is not that."""
        found = dict(json.loads(text))
        made = cls(str(found["channels"]), float(found["top"]), _three(found["mean"]), _three(found["std"]))
        numbers = [made.top, *made.mean, *made.std]
        if made.channels not in ("RGB", "BGR") or not np.isfinite(numbers).all() or min(made.top, *made.std) <= 0:
            raise ValueError(f"{text} is no preparation of images")
        return made


IMAGENET = Preprocessing("RGB", 1.0, (0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
HALVES = Preprocessing("RGB", 1.0, (0.5, 0.5, 0.5), (0.5, 0.5, 0.5))  # 2x − 1: torchvision's transform_input
CAFFE = Preprocessing("BGR", 255.0, (104.00699, 116.66877, 122.67892), (1.0, 1.0, 1.0))
CAFFE_ROUND = Preprocessing("BGR", 255.0, (104.0, 117.0, 123.0), (1.0, 1.0, 1.0))
KERAS = Preprocessing("BGR", 255.0, (103.939, 116.779, 123.68), (1.0, 1.0, 1.0))
KINDS = {"torchvision": IMAGENET, "caffe": CAFFE, "keras": KERAS}
OF_BACKBONE = {("torchvision", "googlenet_torchvision"): HALVES, ("caffe", "googlenet"): CAFFE_ROUND}


def preprocessing_of(kind: str, backbone: str = "") -> Preprocessing:
    """Of weights "torchvision", "caffe" or "keras"; the GoogLeNets differ from their relatives.

    Sources: torchvision's ImageNet weights and GoogLeNet.transform_input; the data layer of the paper's reference code
    and the README of bvlc_googlenet; imagenet_utils of keras-applications, mode "caffe".

    >>> preprocessing_of("caffe").in_rgb()[0]
    (122.67892, 116.66877, 104.00699)
    """
    if kind not in KINDS:
        raise ArgumentError(f"the kind of weights {kind!r} is unknown; use one of {', '.join(KINDS)}.")
    return OF_BACKBONE.get((kind, backbone), KINDS[kind])


def _three(values: Any) -> Three:
    first, second, third = (float(value) for value in values)
    return first, second, third
