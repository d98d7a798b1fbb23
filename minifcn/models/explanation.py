"""A network's way from the image to its scores in words and numbers: what `explain()` of FCN and DeconvNet returns.

`minifcn explain` prints it. (`minifcn.explain` is another thing: which algorithm computes a convolution, and why.)
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import TYPE_CHECKING

from minifcn.arguments import IntOrPair, Pair, pair
from minifcn.geometry import WindowLayer
from minifcn.models.alignment import Trace
from minifcn.models.at_once import scales_of, skips
from minifcn.models.fusion import IMAGE, Double
from minifcn.models.layer_table import Row, is_dilated, norms_of, rows_of, table
from minifcn.nn import Sequential, Window

if TYPE_CHECKING:
    from minifcn.models.deconvnet import DeconvNet
    from minifcn.models.fcn import FCN

HEAD = """\
{title} on {backbone}: where every feature lies over the image, here of {H}x{W}

An image pixel at position u has its centre at scale*u + offset in a feature map.
  convolution, pooling:    scale 1/s, offset (p - {reach}/2)/s
  transposed convolution:  scale s,   offset {reach}/2 - p
  one after the other:     (a2*a1, a2*b1 + b2)
"""
BETWEEN = "Two maps are added where they show the same pixels: the crop is the difference of their offsets."
ALONE = "The score lies over the image where both show the same pixels: the crop is the difference of their offsets."
MIDDLE = """
Why not {middle}? The enlarged score is {h}x{w} here and the image {H}x{W}, so the middle would be cut out by a crop of
({h} - {H})/2 = {middle}. But poolings round up, which adds rows at the end alone, so the middle of the score is not the
middle of the image, and that number changes from size to size. The offsets do not: the crop is {crop}."""
MIRRORED = """\
An unpooling puts each number where its maximum was. As a transposed convolution of kernel 2 and stride 2 it undoes the
pooling's scale and offset, and it makes the very size that its pooling was given. So nothing is cropped: the scores
have scale {scale} and offset {offset} again."""

UNPOOLING = WindowLayer(2, 2, transposed=True)  # what it can reach: each number one window of 2


def derivation(model: FCN, image_size: IntOrPair) -> str:
    """The text: where each layer puts its features, then each crop."""
    size = pair(image_size, "explain: image_size", 1)
    rows = list(_rows(model, size))
    layers, why = [*table(rows), *norms_of(model)], BETWEEN if skips(model) else ALONE
    return "\n".join([_head(model, rows, size), *layers, "", why, *_crops(model, rows, size)]) + scales_of(model)


def mirrored_derivation(model: DeconvNet, image_size: IntOrPair) -> str:
    """The text for a DeconvNet: the way there and the way back, layer by layer."""
    size = pair(image_size, "explain: image_size", 1)
    rows = list(_mirrored_rows(model, size))
    end = rows[-1].trace.map
    layers, why = [*table(rows), *norms_of(model)], MIRRORED.format(scale=end.scale, offset=end.offset)
    return "\n".join([_head(model, rows, size), *layers, "", why])


def _head(model: FCN | DeconvNet, rows: list[Row], size: Pair) -> str:
    reach = "d*(k - 1)" if is_dilated(rows) else "(k - 1)"
    return HEAD.format(title=model.title, backbone=model.backbone, H=size[0], W=size[1], reach=reach)


def _rows(model: FCN, size: Pair) -> Iterator[Row]:
    """One for every window of the stages, the head and the score, and one for every fork."""
    stages = (model.stage1, model.stage2, model.stage3, model.stage4, model.stage5)
    trace = IMAGE
    for part in (*stages, model.head, Sequential({"score": model.score})):
        trace, size = yield from rows_of(part, trace, size)


def _mirrored_rows(model: DeconvNet, size: Pair) -> Iterator[Row]:
    """The same, and on the way back one for every unpooling and every transposed convolution."""
    trace, before_pooling = IMAGE, []
    for stage in (model.stage1, model.stage2, model.stage3, model.stage4, model.stage5):
        *_, pooling = rows = list(rows_of(stage, trace, size))
        yield from rows
        before_pooling.append(pooling.given)
        trace, size = pooling.trace, pooling.size
    trace, size = yield from rows_of(model.head, trace, size)
    trace, size = yield from rows_of(model.back6, trace, size, "back6.")
    backs = ((5, model.back5), (4, model.back4), (3, model.back3), (2, model.back2), (1, model.back1))
    for number, back in backs:
        trace, given, size = trace.then(UNPOOLING), size, before_pooling.pop()
        yield Row(f"unpool{number}", None, trace, size, given)
        trace, size = yield from rows_of(back, trace, size, f"back{number}.")
    yield from rows_of(Sequential({"score": model.score}), trace, size)


def _crops(model: FCN, rows: list[Row], image: Pair) -> Iterator[str]:
    """One line for every time that the score is enlarged, from coarse to fine."""
    score, sizes = model.traces["score"], {row.trace: row.size for row in rows}
    made = sizes[score]  # by and by that of the enlarged score
    for name, step in (("pool4", model.fuse_pool4), ("pool3", model.fuse_pool3)):
        if isinstance(step, Double):
            first, second = step.alignment.first, step.alignment.second
            which, crop = ("the score", first) if first else (name, second)
            pool = model.traces[name]
            yield f"  {_enlarged(step.up, score)};  {name}: offset {pool.map.offset};  crop {which} by {crop}"
            made = _both(_up(step.up, made), first, sizes[pool], second)
        score = step.after(score)
    crop, (h, w) = model.upscore.alignment.first, _up(model.upscore.up, made)
    yield f"  {_enlarged(model.upscore.up, score)};  image: offset 0;  crop the score by {crop}"
    middle = Fraction(h - image[0], 2)
    if middle != crop:
        yield MIDDLE.format(h=h, w=w, H=image[0], W=image[1], middle=middle, crop=crop)


def _up(up: Window, size: Pair) -> Pair:
    return up.layer(0).made(size[0]), up.layer(1).made(size[1])


def _both(score: Pair, first: int, pool: Pair, second: int) -> Pair:
    """The size that two maps share behind their crops."""
    return min(score[0] - first, pool[0] - second), min(score[1] - first, pool[1] - second)


def _enlarged(up: Window, score: Trace) -> str:
    upsampled = score.through(up).map
    return f"upsampled x{up.stride[0]} (kernel {up.kernel_size[0]}): scale {upsampled.scale}, offset {upsampled.offset}"
