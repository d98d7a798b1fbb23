"""All pictures with numbers in them by name: what `minifcn figures` writes and README shows."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from minifcn import functional as F
from minifcn.autograd import no_grad
from minifcn.data import Scenes
from minifcn.models import FCN
from minifcn.models.backbones import Backbone
from minifcn.models.fusion import Fuse
from minifcn.nn import AvgPool2d, Conv2d, Identity, Sequential
from minifcn.plot.arithmetic import CASES
from minifcn.plot.field import field
from minifcn.plot.frames import Frames
from minifcn.plot.gathering import columns, coverage, matrix
from minifcn.plot.graph import graph, walk
from minifcn.plot.growing import growing
from minifcn.plot.ladder import ladder
from minifcn.plot.skips import alignment
from minifcn.plot.sliding import slide
from minifcn.plot.stamping import spread, stamps
from minifcn.plot.streams import streams
from minifcn.tensor import Tensor

if TYPE_CHECKING:
    from matplotlib.figure import Figure

TWIN, PLACES = np.array([[1, 2], [3, 4]]), np.array([[1, 10], [100, 1000]])
KERNEL, IMAGE = np.arange(1, 10).reshape(3, 3), np.arange(12).reshape(3, 4)


def _recorded() -> Figure:
    """The graph of a convolution, a bias, a ReLU and a loss."""
    x, weight, bias = (Tensor(np.ones(shape), requires_grad=True) for shape in ((1, 1, 4, 4), (2, 1, 2, 2), (2,)))
    loss = F.relu(F.conv2d(x, weight, bias)).mean()
    return graph(loss, {"x": x, "weight": weight, "bias": bias})


def _walked() -> Frames:
    """backward through a diamond, in which every value is used twice."""
    a = Tensor(1.0, requires_grad=True)
    b = a + a
    return walk(b + b, {"a": a})


def _shape() -> np.ndarray:
    """A bright disc on dark ground, uint8 (64, 96, 3)."""
    y, x = np.mgrid[:64, :96]
    inside = np.clip(25.5 - np.hypot(y - 27, x - 39), 0, 1)[..., None]
    ground, disc = np.array([38, 44, 66]), np.array([246, 214, 152])
    return np.rint(ground + inside * (disc - ground)).astype(np.uint8)


def _by_hand(stride: int = 8) -> FCN:
    """An FCN that can be followed in one's head: brightness less a half, averaged, and added at up to three scales.

    Every stage is an average pooling. Class 1 is scored by what comes out of it, class 0 by its negative.
    """
    brightness = Conv2d(3, 1, 1, generator=np.random.default_rng(0))
    pools = [AvgPool2d(2, ceil_mode=True) for _ in range(5)]
    stages = (Sequential(brightness, pools[0]), *(Sequential(pool) for pool in pools[1:]))
    network = FCN(Backbone(stages, Sequential(Identity()), 1, 1, 1), num_classes=2, stride=stride)
    with no_grad():
        brightness.load_state_dict({"weight": np.full((1, 3, 1, 1), 1 / (3 * 255)), "bias": np.array([-0.5])})
        skips = (step.skip for step in (network.fuse_pool4, network.fuse_pool3) if isinstance(step, Fuse))
        for layer in (network.score, *skips):
            layer.weight[:] = np.array([-1, 1], np.float32).reshape(2, 1, 1, 1)
    return network


def _seen() -> Frames:
    """What VGG16 sees of a photograph's worth of pixels, pooling by pooling: 6, 16, 44, 100, 212, 404."""
    network = FCN("vgg16", 2, 8, width=0.01, generator=np.random.default_rng(0))
    return field(Scenes(2, size=(288, 384), seed=1)[1].image, network)


def _walking() -> Frames:
    """One map of the small network: what each of its features sees."""
    network = FCN("small", 2, 8, width=0.1, generator=np.random.default_rng(0))
    return field(Scenes(4, size=(48, 64), seed=1)[2].image, network.traces["pool3"])


def _aligned(off_by: int = 0, padding: str = "compact", stride: int = 8) -> Frames:
    """The crops of an FCN on VGG16."""
    network = FCN("vgg16", 2, stride, padding, width=0.01, generator=np.random.default_rng(0))
    return alignment(Scenes(2, size=(96, 128), seed=1)[1].image, network, off_by)


def _added(label: int | None = None, stride: int = 8, **weights: float) -> Frames:
    """The streams of the network that was made by hand."""
    image = Tensor(_shape().transpose(2, 0, 1)[None].astype(np.float32))  # (H, W, 3) -> (1, 3, H, W)
    return streams(image, _by_hand(stride), label, weights, classes=("ground", "disc"))


PICTURES: dict[str, Callable[[], Frames | Figure]] = {
    "slide": lambda: slide(IMAGE, PLACES),
    "slide-stride-2": lambda: slide(np.arange(25).reshape(5, 5), KERNEL - 5, stride=2, padding=1),
    "slide-groups": lambda: slide(np.arange(24).reshape(4, 2, 3), np.arange(16).reshape(2, 2, 2, 2), groups=2),
    "columns": lambda: columns(IMAGE, 2, back=True),
    "matrix": lambda: matrix(np.arange(9).reshape(3, 3), [[1, 2], [3, 4]]),
    "stamps": lambda: stamps(TWIN, PLACES),
    "stamps-stride-2": lambda: stamps(TWIN, KERNEL, stride=2),
    "stamps-output-padding": lambda: stamps(TWIN, KERNEL, stride=2, padding=1, output_padding=1),
    "spread": lambda: spread(TWIN, KERNEL, stride=2, padding=1),
    "coverage": lambda: coverage((9, 9), 3, 2),
    "coverage-even": lambda: coverage((10, 10), 4, 2, 1),
    "growing": lambda: growing(np.arange(20).reshape(4, 5), PLACES),
    "ladder": lambda: ladder(250, 260),
    "graph": _recorded,
    "walk": _walked,
    "field": _seen,
    "field-places": _walking,
    "alignment": _aligned,
    "alignment-off-by-one": lambda: _aligned(1),
    "alignment-pad-100": lambda: _aligned(padding="caffe"),
    "alignment-32s": lambda: _aligned(padding="caffe", stride=32).still(),  # it crops once: nothing moves
    "streams": lambda: _added(1),
    "streams-16s": lambda: _added(1, 16, pool4=0.5),
    "streams-labels": _added,
    **{f"arithmetic-{number:02}": case.frames for number, case in enumerate(CASES, 1)},
}
