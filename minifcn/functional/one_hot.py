"""Labels as vectors of zeros and a one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from minifcn.arguments import integer
from minifcn.arrays.accepted import checked_array
from minifcn.arrays.void import require_classes
from minifcn.errors import ArgumentError, ArgumentTypeError
from minifcn.functional.operands import tensor
from minifcn.machine.backend import array_module, at_home
from minifcn.machine.limits import require_memory

if TYPE_CHECKING:
    from minifcn.tensor import Tensor


def one_hot(x: Tensor, num_classes: int = -1) -> Tensor:
    """y[..., c] = 1 where x[...] = c, else 0: integers (...) -> int64 (..., C). No gradient.

    num_classes   C; −1: one more than the largest label, for which a GPU is waited for

    The classes come last, as in PyTorch: `permute(one_hot(labels, C), (0, 3, 1, 2))` has them where scores have them.
    Raises ArgumentError for labels outside [0, C), void ones included: replace 255 first.

    >>> import numpy as np
    >>> from minifcn import Tensor
    >>> one_hot(Tensor(np.array([2, 0]))).numpy().tolist()
    [[0, 0, 1], [1, 0, 0]]
    """
    labels = checked_array(tensor("one_hot", x)._array)
    if labels.dtype.kind not in "iu":
        raise ArgumentTypeError(f"one_hot: x must hold integer labels, got {labels.dtype}; convert it with .astype.")
    C = integer(num_classes, "one_hot: num_classes", -1)
    if C == 0 or (C < 0 and labels.size == 0):
        raise ArgumentError(f"one_hot: num_classes must be 1 or more, got {C} for x of shape {x.shape}.")
    xp = array_module(labels)
    with at_home(labels):
        C = int(labels.max()) + 1 if C < 0 else C
        require_classes("one_hot", labels, C)
        require_memory("one_hot: a result", (*labels.shape, C), xp.zeros((), xp.int64), "reduce num_classes")
        return type(x).of((labels[..., None] == xp.arange(C)).astype(xp.int64))
