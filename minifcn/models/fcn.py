"""FCN-32s, FCN-16s and FCN-8s, from one parameter.

    image ─ stage1 ─ stage2 ─ stage3 ─ stage4 ─ stage5 ─ head ─ score        1/32
                                  │        │                      │ x2
                                  │        └─── score of pool4 ─ (+)         1/16   FCN-16s and 8s
                                  │                               │ x2
                                  └──────────── score of pool3 ─ (+)         1/8    FCN-8s
                                                                  │ upscore
                                                               scores        1

Every stage ends in a pooling that halves the map; the head was once fully connected layers (`backbones.py`). A score is
one map per class. It is doubled in size by a bilinear transposed convolution, and the score of a finer pooling, which
sees less but knows better where, is added (`fusion.py`). Sizes never quite fit, since poolings round up; which rows of
which map belong together is derived from the layers themselves (`alignment.py`), and `explain()` prints how
(`explanation.py`).

Source: Long, Shelhamer and Darrell, "Fully convolutional networks for semantic segmentation", CVPR 2015.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from minifcn.arguments import IntOrPair
from minifcn.models.alignment import Trace
from minifcn.models.at_once import scale_skips
from minifcn.models.backbones import Backbone
from minifcn.models.explanation import derivation
from minifcn.models.fusion import Double, Fuse, Step, Unchanged, Upscore, score_layer, weighed
from minifcn.models.settings import built_backbone, checked_image, checked_settings
from minifcn.models.streams import checked_weights, scores_on_the_way
from minifcn.nn import Module

# What happens to the score at pool4 and at pool3, by upsampling and stride.
STEPS: dict[str, dict[int, tuple[type[Step], type[Step]]]] = {
    "single": {32: (Unchanged, Unchanged), 16: (Fuse, Unchanged), 8: (Fuse, Fuse)},
    "staged": {32: (Double, Double), 16: (Fuse, Double), 8: (Fuse, Fuse)},
}


class FCN(Module):
    """A fully convolutional network: image (N, 3, H, W) -> scores (N, num_classes, H, W), for every H and W from 1 up.

    A classifier without its last layer gives the features:

    backbone     "small", "vgg16", or a Backbone of your own
    width        factor on the channels of a backbone given by name
    alignment    "compact" or "caffe": how much the borders are padded, and so what the crops are (see backbones.py)
    generator    source of the initial weights, numpy.random.default_rng(seed)

    A 1x1 convolution scores them, at 1/32 of the image's height and width. It starts at zero, as every score layer
    does, so the first loss is ln(num_classes):

    num_classes  how many classes are scored; void is not one of them

    On the way back to the size of the image, scores of finer poolings are added:

    stride       32, 16 or 8: how fine the finest score is that takes part (FCN-32s, FCN-16s, FCN-8s)
    upsampling   "single", as in the paper: the score is doubled only where another is added to it, and one last step
                 makes it as large as the image. "staged": always x2, x2, x8, whatever is added.
    learn_upsampling  whether the transposed convolutions that enlarge the score are learned; the reference keeps them
                 bilinear
    at_once      pool4 · 0.01 and pool3 · 0.0001 are scored: for a network not trained in stages (`at_once.py`)

    Two bilinear steps are not one: they round the peaks off differently. So while the skips are zero, FCN-32s, 16s and
    8s compute exactly the same if all are "staged", and three different results if they are "single".

    Raises ArgumentError or ArgumentTypeError for a setting that is unknown or out of range, and for a backbone whose
    maps no crop can align.
    """

    def __init__(
        self,
        backbone: str | Backbone = "small",
        num_classes: int = 21,
        stride: int = 8,
        alignment: str = "compact",
        *,
        learn_upsampling: bool = False,
        upsampling: str = "single",
        at_once: bool = False,
        width: float = 1.0,
        generator: np.random.Generator | None = None,
    ) -> None:
        classes, stride = checked_settings(num_classes, stride, upsampling)
        built = built_backbone(backbone, alignment, width, generator)
        self.num_classes, self.stride = classes, stride
        self.title, self.backbone = f"FCN-{stride}s", backbone if isinstance(backbone, str) else "custom"

        self.stage1, self.stage2, self.stage3, self.stage4, self.stage5 = built.stages
        self.head = built.head
        self.score = score_layer(built.head_channels, classes)

        # Where the maps of `forward` lie over the image; every crop below follows from it.
        pool3 = Trace().through(self.stage1).through(self.stage2).through(self.stage3)  # 1/8
        pool4 = pool3.through(self.stage4)  # 1/16
        score = pool4.through(self.stage5).through(self.head).through(self.score)  # 1/32
        self.traces = {"pool3": pool3, "pool4": pool4, "score": score}

        # From coarse to fine: what each step is, Fuse, Double or Unchanged, follows from stride and upsampling.
        at_pool4, at_pool3 = STEPS[upsampling][stride]
        self.fuse_pool4 = at_pool4(score, pool4, built.pool4_channels, classes, learn_upsampling)
        score = self.fuse_pool4.after(score)  # 1/16, unless unchanged
        self.fuse_pool3 = at_pool3(score, pool3, built.pool3_channels, classes, learn_upsampling)
        score = self.fuse_pool3.after(score)  # 1/8, unless unchanged
        self.upscore = Upscore(score, classes, learn_upsampling)  # 1
        self.at_once = scale_skips(self, at_once)

    def forward(self, image: Any, stream_weights: Mapping[str, float] | None = None) -> Any:
        """Scores before softmax, as large as the image.

        stream_weights   how much each stream counts, {"score": 1, "pool4": 1, "pool3": 1}; one that is left out counts
                         as trained, 1. Only for those that the network adds: see `streams`.
        """
        weight, image = checked_weights(self, stream_weights), checked_image(image)
        pool3 = self.stage3(self.stage2(self.stage1(image)))  # 1/8
        pool4 = self.stage4(pool3)  # 1/16
        score = weighed(self.score(self.head(self.stage5(pool4))), weight["score"])  # 1/32
        score = self.fuse_pool4(score, pool4, weight["pool4"])  # 1/16, unless unchanged
        score = self.fuse_pool3(score, pool3, weight["pool3"])  # 1/8, unless unchanged
        return self.upscore(score, image)  # 1

    def streams(self, image: Any, stream_weights: Mapping[str, float] | None = None) -> dict[str, Any]:
        """The scores that add up to the result, by name, each a map with one channel per class: see `streams.py`."""
        return scores_on_the_way(self, image, stream_weights)

    def extra_repr(self) -> str:
        return f"{self.title}, backbone {self.backbone!r}, {self.num_classes} classes"

    def explain(self, image_size: IntOrPair = 500) -> str:
        """The derivation of every crop, layer by layer, as text; `minifcn explain` prints it on the command line.

        image_size   (H, W) or one integer: of the image whose sizes and operations are told. The crops do not depend
                     on it.

        Not to be confused with `minifcn.explain`, which says which algorithm computes a convolution, and why.
        """
        return derivation(self, image_size)
