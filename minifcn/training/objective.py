"""What one step of the optimiser makes smaller: the mean or the sum of the loss, over one batch or several.

With N labelled pixels in a step, the sum is N times the mean, and so is its gradient. Gradient descent with decay λ,

    w ← w − η·(∇sum + λ·w) = w − (η·N)·(∇mean + (λ/N)·w),

walks the same way for the sum with (η, λ) as for the mean with (η·N, λ/N). Both have to be changed: whoever changes the
learning rate alone pulls the weights towards 0 N times as hard.

Images of several sizes do not fit into one array. They go through the network one after the other, and their gradients
add up before the optimiser moves: every labelled pixel of the step counts alike, as it would in one batch. (Caffe's
iter_size averages the means of the images, where a pixel of a small image counts for more.)
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from minifcn.arguments import choice, integer
from minifcn.errors import ArgumentError
from minifcn.labels import VOID
from minifcn.machine.backend import Array, at_home, to_numpy
from minifcn.machine.processes import ALONE, ProcessGroup
from minifcn.optim import Optimizer
from minifcn.tensor import Tensor

REDUCTIONS = ("mean", "sum")


@dataclass(frozen=True)
class Part:
    """One batch of a step.

    factor    what its mean loss is multiplied by before its gradient is added
    first     the gradients before it are forgotten
    last      the optimiser moves after it
    divisor   what the gradients are divided by then
    share     of the labelled pixels of the batch, how many are in this process
    """

    factor: float = 1.0
    first: bool = True
    last: bool = True
    divisor: float = 1.0
    share: float = 1.0


WHOLE = Part()


@dataclass(frozen=True)
class Objective:
    """reduction: "mean" or "sum" over the labelled pixels of a step. accumulate: from how many batches a step is made.

    The last step of an epoch has the batches that are left. Raises ArgumentError for another word, or fewer than 1.
    """

    reduction: str = "mean"
    accumulate: int = 1

    def __post_init__(self) -> None:
        choice(self.reduction, "Objective: reduction", REDUCTIONS)
        integer(self.accumulate, "Objective: accumulate", 1)

    def parts(self, batches: int, class_weight: Tensor | None = None, group: ProcessGroup = ALONE) -> Parts:
        """The parts of an epoch of so many batches, of which each process of the group has a share."""
        return Parts(self, batches, None if class_weight is None else to_numpy(class_weight._array), group)


MEAN = Objective()


class Parts:
    """The parts of the steps of one epoch, one after the other."""

    def __init__(self, objective: Objective, batches: int, weights: np.ndarray | None, group: ProcessGroup) -> None:
        self.objective, self.batches, self.weights, self.group = objective, batches, weights, group
        self.pixels = 0.0

    def take(self, number: int, labels: np.ndarray) -> Part:
        """The part that batch `number` of the epoch is, by its labels (N, H, W) in this process. All call it."""
        reduction, accumulate = self.objective.reduction, self.objective.accumulate
        if reduction == "mean" and accumulate == 1 and self.group.size == 1:
            return WHOLE
        here = labelled(labels, self.weights)
        everywhere = float(self.group.all_reduce(np.array([here]))[0])
        share = here / everywhere if everywhere else 0.0
        if reduction == "mean" and accumulate == 1:
            return Part(share, share=share)
        first, last = number % accumulate == 0, (number + 1) % accumulate == 0 or number + 1 == self.batches
        self.pixels = everywhere if first else self.pixels + everywhere
        return Part(here, first, last, 1.0 if reduction == "sum" else self.pixels or 1.0, share)


def labelled(labels: np.ndarray, weights: np.ndarray | None = None) -> float:
    """How many pixels are not void; with weights (C,) of the classes, what they weigh together."""
    counts = np.bincount(labels.reshape(-1), minlength=256)
    counts[VOID] = 0
    return float(counts.sum() if weights is None else counts[: len(weights)] @ weights.astype(np.float64))


def check_rate(reduction: str, lr: float, momentum: float, pixels: int) -> str:
    """A warning if the learning rate of gradient descent is that of the other reduction; "" if it may be right.

    pixels   of a step. A summed loss with rate η walks as a mean loss with η · pixels, and momentum μ makes of that
             η · pixels/(1 − μ) in the long run: 1.9e-3 in the reference (η 1e-10, 500x375 pixels, μ 0.99), and 1e-3 in
             the paper

    Raises ArgumentError where a sum would walk more than 1 in that measure, which no network survives.
    """
    if reduction == "sum" and lr * pixels > 1 - momentum:
        raise ArgumentError(
            f"the learning rate {lr:g} belongs to a mean loss: summed over the {pixels} pixels of a step, and with "
            f"momentum {momentum:g}, it walks as {lr * pixels / (1 - momentum):.3g} would; take about "
            f"{2e-3 * (1 - momentum) / pixels:.0e}, or reduction mean."
        )
    if reduction == "mean" and lr < 1e-7:
        return (
            f"the learning rate {lr:g} belongs to a summed loss: with the mean hardly anything will be learned; take "
            f"{lr * pixels:.2g}, which is it times the {pixels} pixels of a step, or reduction sum."
        )
    return ""


def divide_gradients(optimizer: Optimizer, divisor: float) -> None:
    """Divide, in place, the gradient of all that the optimiser moves."""
    if divisor == 1:
        return
    for group in optimizer.param_groups:
        for parameter in group["params"]:
            if parameter.grad is not None:
                array: Array = parameter.grad.mutable()
                with at_home(array):
                    array /= divisor
