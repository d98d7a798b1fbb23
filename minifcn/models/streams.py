"""The streams of an FCN: the scores that it adds up, to be looked at one by one, and how much each of them counts.

    score    of the head, at 1/32: sees most, knows least exactly where
    pool4    of pool4, at 1/16     (FCN-16s and 8s)
    pool3    of pool3, at 1/8      (FCN-8s)

A network is trained with all of them counting 1. Another weight at inference shows what a stream contributes: with 0
for pool3 and pool4 a "staged" FCN-8s computes what a "staged" FCN-32s of the same weights computes, bit for bit.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from minifcn.arguments import real_number
from minifcn.errors import ArgumentError, ArgumentTypeError
from minifcn.models.at_once import skips
from minifcn.models.fusion import Fuse, weighed
from minifcn.models.settings import checked_image

if TYPE_CHECKING:
    from minifcn.models.fcn import FCN


def scores_on_the_way(model: FCN, image: Any, stream_weights: Mapping[str, float] | None = None) -> dict[str, Any]:
    """fused4 = score, enlarged, + pool4;  fused3 = fused4, enlarged, + pool3: what `FCN.streams` returns.

    image           (N, 3, H, W)
    stream_weights  as `FCN.forward` takes them; what is returned has been multiplied by them
    returns         score, pool4, fused4, pool3, fused3, each (N, num_classes, h, w): pool4 and pool3 cropped to what
                    lies over the score that they are added to. A network that adds no pool4 or no pool3 has no such
                    stream, and its fused4 or fused3 is the score as it goes on from there

    In every network fused3 is what the last step enlarges to the size of the image. All are differentiable.
    """
    weight, image = checked_weights(model, stream_weights), checked_image(image)
    pool3 = model.stage3(model.stage2(model.stage1(image)))
    pool4 = model.stage4(pool3)
    score = weighed(model.score(model.head(model.stage5(pool4))), weight["score"])
    scores = {"score": score}
    for level, step, pool in (("4", model.fuse_pool4, pool4), ("3", model.fuse_pool3, pool3)):
        if isinstance(step, Fuse):
            upsampled, skip = step.parts(score, pool, weight[f"pool{level}"])
            scores[f"pool{level}"], score = skip, upsampled + skip
        else:
            score = step(score, pool)
        scores[f"fused{level}"] = score
    return scores


def checked_weights(model: FCN, given: Mapping[str, float] | None) -> dict[str, float]:
    """A finite number for each of score, pool4 and pool3, 1 where none is given; only streams of this network count."""
    weights = {"score": 1.0, "pool4": 1.0, "pool3": 1.0}
    if given is None:
        return weights
    if not isinstance(given, Mapping):
        raise ArgumentTypeError(
            f"FCN: stream_weights must be a dict of numbers by name, got {type(given).__name__}; write "
            f'{{"score": 0.5}}.'
        )
    names = ["score", *skips(model)]
    for name, value in given.items():
        if name not in names:
            raise ArgumentError(f"FCN: FCN-{model.stride}s has no stream {name!r}; name one of {', '.join(names)}.")
        number = real_number(value)
        if number is None or not math.isfinite(number):
            raise ArgumentError(f"FCN: the weight of stream {name!r} must be a finite number, got {value!r}.")
        weights[name] = number
    return weights
