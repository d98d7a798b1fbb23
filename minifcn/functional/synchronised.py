"""What goes through all processes of a group: a sum, and the batch normalisation that is made of it.

Every process has its own x and its own loss, and what is learnt from is the sum of the losses. In

    y = x₀ + x₁ + ... + xₙ₋₁

each x goes into the y of every process, so its gradient is the sum of what all processes pass back: the transpose of a
sum over the processes is the sum over the processes. It is its own derivative, and can be differentiated to any order.
"""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING

import numpy as np

from minifcn.arguments import number
from minifcn.autograd import Operation
from minifcn.errors import ArgumentError
from minifcn.functional.arithmetic import add, divide, multiply, negative, sqrt, subtract
from minifcn.functional.indexing import getitem
from minifcn.functional.normalization import BatchStatistics, ChannelAffine
from minifcn.functional.operands import floating
from minifcn.functional.reductions import sum
from minifcn.functional.shaping import reshape
from minifcn.functional.transfer import astype, widened
from minifcn.machine.backend import Array, at_home
from minifcn.machine.processes import ALONE, ProcessGroup

if TYPE_CHECKING:
    from minifcn.tensor import Tensor


class AllSum(Operation):
    """y = Σ x over the processes of a group, the same in all of them; backward is AllSum."""

    keeps_operands = False

    def __init__(self, group: ProcessGroup) -> None:
        self.group = group

    def forward(self, x: Array) -> Array:
        return self.group.all_reduce(x)

    def backward(self, grad: Tensor) -> Tensor:
        return AllSum(self.group)(grad)


def sync_batch_norm(
    x: Tensor,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    momentum: float = 0.1,
    eps: float = 1e-5,
    group: ProcessGroup = ALONE,
) -> Tensor:
    """`batch_norm` in training, with the statistics of the x of all processes of a group.

    With n values per channel here, of mean m and variance v, and all sums over the processes,

        count = Σ n        mean = Σ n·m / count        var = Σ n·(v + (m − mean)²) / count

    x (N, C, H, W) or (N, C), where a process may have none (N = 0); all others (C,). All processes call it, and what
    follows from it backward, in the same order. Raises ArgumentError as batch_norm does, for the values of all
    processes together. Sources: Chan, Golub and LeVeque 1983; Zhang et al. 2018, §3.3.
    """
    x = floating("sync_batch_norm", x)
    eps, momentum = number(eps, "sync_batch_norm: eps", 0), number(momentum, "sync_batch_norm: momentum", 0, 1)
    if x.ndim not in (2, 4):
        raise ArgumentError(f"sync_batch_norm: x must be (N, C, H, W) or (N, C), got shape {x.shape}; reshape it.")
    images = widened(reshape(x, (*x.shape[:2], *(x.shape[2:] or (1, 1)))))
    n = images.shape[0] * prod(images.shape[2:])
    count = int(group.all_reduce(np.array([n]))[0])
    if count < 2:
        raise ArgumentError(
            f"sync_batch_norm: training needs at least two values per channel, the {group.size} processes have {count} "
            f"together; use a larger batch or image, or eval mode."
        )
    if n:
        statistics = BatchStatistics()(images)
        m, v = getitem(statistics, 0), getitem(statistics, 1)
    else:  # zeros, and still parts of the graph: this process takes part in what is summed on the way back
        m = v = sum(images, (0, 2, 3))
    mean = multiply(AllSum(group)(multiply(m, n)), 1 / count)
    apart = subtract(m, mean)
    var = multiply(AllSum(group)(multiply(add(v, multiply(apart, apart)), n)), 1 / count)
    r = divide(1.0, sqrt(add(var, eps)))
    scale = r if weight is None else multiply(widened(weight), r)
    shift = negative(multiply(mean, scale))
    y = ChannelAffine()(shift if bias is None else add(widened(bias), shift), images, scale)
    for running, batch in ((running_mean, mean), (running_var, multiply(var, count / (count - 1)))):
        if running is not None:
            moved = running.mutable()
            with at_home(moved):
                moved += momentum * (batch.detach()._array - moved)
    return astype(reshape(y, x.shape), x.dtype)
