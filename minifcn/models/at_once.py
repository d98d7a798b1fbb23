"""FCN-8s "at once": all streams learn from the first step, and the finer ones are made smaller by fixed factors.

An FCN-8s that is trained in three stages learns its skips one after the other, each from a network that works. One that
is trained at once learns them together. Features of finer poolings are larger by far than those of the head, so their
scores would learn too fast; `AT_ONCE` multiplies them before they are scored.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from minifcn.arguments import flag
from minifcn.errors import ArgumentError
from minifcn.models.fusion import Fuse

if TYPE_CHECKING:
    from minifcn.models.fcn import FCN

# Source: the layers scale_pool4 and scale_pool3 of voc-fcn8s-atonce in shelhamer/fcn.berkeleyvision.org.
AT_ONCE = {"pool4": 0.01, "pool3": 0.0001}


def skips(model: FCN) -> dict[str, Fuse]:
    """The steps that add the score of a finer pooling, by its name: pool4 and pool3 of FCN-8s, none of FCN-32s."""
    steps = {"pool4": model.fuse_pool4, "pool3": model.fuse_pool3}
    return {name: step for name, step in steps.items() if isinstance(step, Fuse)}


def scale_skips(model: FCN, at_once: Any) -> bool:
    """Sets the factor of every skip, if asked to; `at_once` as a plain bool. ArgumentError if there is no skip."""
    at_once = flag(at_once, "FCN: at_once")
    if at_once and not skips(model):
        raise ArgumentError("FCN: at_once scales the skips, and FCN-32s has none; use stride 8 or 16, or leave it out.")
    if at_once:
        for name, step in skips(model).items():
            step.scale = AT_ONCE[name]
    return at_once


def scales_of(model: FCN) -> str:
    """What `explain` says of it; "" of a network that is not trained at once."""
    if not model.at_once:
        return ""
    lines = [
        f"  {name} is multiplied by {step.scale:g} before it is scored, and that factor is not learned"
        for name, step in skips(model).items()
    ]
    return "\n".join(["", "", "Its streams are trained at once, and large features would learn too fast:", *lines])
