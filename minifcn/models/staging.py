"""From FCN-32s to FCN-16s to FCN-8s: a finer network begins as the coarser one that was trained before it.

    FCN-32s    trunk, score
    FCN-16s    trunk, score, score of pool4 (new, zero)
    FCN-8s     trunk, score, score of pool4, score of pool3 (new, zero)

A new score is zero, so at first it adds nothing, and what the coarser network knows is where the finer one starts.

Source: Long, Shelhamer and Darrell, CVPR 2015, section 4.2.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from minifcn.errors import ArgumentError
from minifcn.machine.backend import to_numpy
from minifcn.models.at_once import skips
from minifcn.models.fcn import FCN


@dataclass(frozen=True)
class Carried:
    """What became of each weight, by its name.

    carried   taken over from the coarser network
    new       only the finer network has it: a score of a skip, which is zero, or a bilinear kernel
    left      only the coarser network has it
    """

    carried: tuple[str, ...]
    new: tuple[str, ...]
    left: tuple[str, ...]

    def __str__(self) -> str:
        parts = [f"{len(self.carried)} carried over"]
        for names, what in ((self.new, "new"), (self.left, "left behind")):
            if names:
                parts.append(f"{len(names)} {what} ({', '.join(names)})")
        return "weights: " + "; ".join(parts)


def from_coarser(coarser: FCN, finer: FCN) -> Carried:
    """Put every weight of `coarser` into `finer` in place, batch norm's running statistics too; says what was carried.

    coarser   an FCN-32s or 16s
    finer     an FCN-16s or 8s with the same backbone, width, alignment and classes

    A skip that only `finer` has is set to zero. A kernel that enlarges the score is carried where both have it in the
    same size; where the step is another one it stays bilinear, and what was learned in its place is left behind.

    If both networks are "staged", they compute the same scores to the last bit until the first step of training: the
    loss does not jump. If both are "single", as in the paper, it changes slightly, since enlarging by 2 and then by 16
    is not enlarging by 32: two bilinear steps round the peaks off differently from one.

    Raises ArgumentError, and changes nothing, if `finer` is not the finer of the two or another network otherwise.
    """
    if coarser.stride <= finer.stride:
        raise ArgumentError(
            f"from_coarser: an FCN-{finer.stride}s cannot begin as an FCN-{coarser.stride}s, which is not coarser; "
            "pass the network of the larger stride first."
        )
    if skips(coarser) and coarser.at_once != finer.at_once:
        raise ArgumentError(
            f"from_coarser: at_once is {coarser.at_once} in the coarser network and {finer.at_once} in the finer one, "
            "so its skip would count otherwise; build both alike."
        )
    before = {name: to_numpy(value._array) for name, value in coarser.state_dict().items()}
    after = {name: to_numpy(value._array) for name, value in finer.state_dict().items()}
    carried = [name for name, array in after.items() if name in before and before[name].shape == array.shape]
    enlarging = [f"{part}.up.weight" for part in ("fuse_pool4", "fuse_pool3", "upscore")]
    added = [f"fuse_{name}.skip.{values}" for name in skips(finer) for values in ("weight", "bias")]
    for name in (*before, *after):
        if name not in carried and name not in (*enlarging, *added):
            shapes = [f"{of[name].shape}" if name in of else "not there" for of in (before, after)]
            raise ArgumentError(
                f"from_coarser: {name} is {shapes[0]} in the coarser network and {shapes[1]} in the finer one; build "
                "both with the same backbone, width, alignment and classes."
            )
    new = [name for name in after if name not in carried]
    zero = {name: np.zeros_like(after[name]) for name in new if name in added}
    finer.load_state_dict(after | zero | {name: before[name] for name in carried})
    left = tuple(name for name in before if name not in carried)
    return Carried(tuple(carried), tuple(new), left)
