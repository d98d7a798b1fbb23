"""The crops of an FCN derived in words and numbers: what `FCN.explain()` returns and `minifcn explain` prints.

(`minifcn.explain` is another thing: which algorithm computes a convolution, and why.)
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from minifcn.models.alignment import Trace, windows
from minifcn.models.fusion import IMAGE, Double
from minifcn.nn import Module, Sequential, Window

if TYPE_CHECKING:
    from minifcn.models.fcn import FCN

HEAD = """\
FCN-{stride}s on {backbone}: where every feature lies over the image

An image pixel at position u has its centre at scale*u + offset in a feature map.
  convolution, pooling:    scale 1/s, offset (p - (k - 1)/2)/s
  transposed convolution:  scale s,   offset (k - 1)/2 - p
  one after the other:     (a2*a1, a2*b1 + b2)
"""
BETWEEN = "Two maps are added where they show the same pixels: the crop is the difference of their offsets."


def derivation(model: FCN) -> str:
    """The text: where each layer puts its features, then each crop."""
    layers = [HEAD.format(stride=model.stride, backbone=model.backbone), *_table(model)]
    return "\n".join([*layers, "", BETWEEN, *_crops(model)])


def scales_of(model: FCN) -> str:
    """By what an FCN that is trained at once multiplies the features that it adds scores of."""
    lines = [
        f"  {name} is multiplied by {step.scale:g} before it is scored, and that factor is not learned"
        for name, step in model.skips().items()
    ]
    return "\n".join(["", "", "Its streams are trained at once, and large features would learn too fast:", *lines])


def _table(model: FCN) -> Iterator[str]:
    """One line for every window of the stages, the head and the score."""
    yield f"{'layer':<12}{'kernel':>7}{'stride':>7}{'pad':>5}{'scale':>8}{'offset':>10}{'sees':>7}"
    trace = IMAGE
    for name, window in _named_windows(model):
        trace = trace.through(window)
        yield (
            f"{name:<12}{window.kernel_size[0]:>7}{window.stride[0]:>7}{window.padded_before():>5}"
            f"{trace.map.scale!s:>8}{trace.map.offset!s:>10}{trace.field.size:>7}"
        )


def _named_windows(model: FCN) -> Iterator[tuple[str, Window]]:
    parts = (model.stage1, model.stage2, model.stage3, model.stage4, model.stage5, model.head, model.score)
    for part in parts:
        layers: dict[str, Module] = part.layers if isinstance(part, Sequential) else {"score": part}
        for name, layer in layers.items():
            for window in windows(layer):
                yield name, window


def _crops(model: FCN) -> Iterator[str]:
    """One line for every time that the score is enlarged, from coarse to fine."""
    score = model.traces["score"]
    for name, step in (("pool4", model.fuse_pool4), ("pool3", model.fuse_pool3)):
        if isinstance(step, Double):
            first, second = step.alignment.first, step.alignment.second
            which, crop = ("the score", first) if first else (name, second)
            pool = model.traces[name].map
            yield f"  {_enlarged(step.up, score)};  {name}: offset {pool.offset};  crop {which} by {crop}"
        score = step.after(score)
    crop = model.upscore.alignment.first
    yield f"  {_enlarged(model.upscore.up, score)};  image: offset 0;  crop the score by {crop}"


def _enlarged(up: Window, score: Trace) -> str:
    upsampled = score.through(up).map
    return f"upsampled x{up.stride[0]} (kernel {up.kernel_size[0]}): scale {upsampled.scale}, offset {upsampled.offset}"
