"""The Dice loss: how far a prediction and the truth are from covering one another, class by class."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING

from minifcn.arguments import LARGEST_SIZE, integer, number
from minifcn.arrays.cross_entropy import onehot
from minifcn.arrays.void import looked_at
from minifcn.errors import ArgumentError
from minifcn.functional.activation import softmax
from minifcn.functional.arithmetic import Where, add, divide, multiply, subtract
from minifcn.functional.indexing import getitem
from minifcn.functional.loss import labels_for, scores_for
from minifcn.functional.normalization import ChannelSums
from minifcn.functional.reductions import reduced
from minifcn.functional.shaping import reshape
from minifcn.functional.transfer import astype, widened
from minifcn.machine.backend import Array, array_module, at_home

if TYPE_CHECKING:
    from minifcn.tensor import Tensor


def dice_loss(
    x: Tensor,
    target: Tensor | Array,
    *,
    ignore_index: int = 255,
    smooth: float = 1.0,
    reduction: str = "mean",
) -> Tensor:
    """loss = mean over the classes c of 1 − (2·Σ p[c]·g[c] + smooth) / (Σ p[c]² + Σ g[c]² + smooth),   p = softmax(x).

    All Σ run over the pixels of the whole batch whose label t is not ignore_index, and g[c] is 1 where t = c, else 0.

    x         (N, C, ...) scores before softmax, as `cross_entropy` takes them
    target    (N, ...) integers in [0, C) or ignore_index; a Tensor or an array
    smooth    above 0: a class that neither occurs nor is predicted costs 0, and not 0/0
    reduction "mean" over the classes, "sum" or "none" (one number per class, (C,))

    A class counts as much as any other, however few its pixels are: that is what the loss is for, and why it is noisy
    in small batches. A void pixel adds exactly 0, whatever its scores; with nothing but void pixels the loss is 0.
    Labels out of range are an ArgumentError, as for `cross_entropy`. PyTorch has no Dice loss; names are those of
    cross_entropy. Source: Milletari et al. 2016, "V-Net", §3, whose squares these are, for two classes there.
    """
    x = scores_for("dice_loss", x)
    level = number(smooth, "dice_loss: smooth", 0)
    if level == 0:
        raise ArgumentError("dice_loss: smooth must be above 0, got 0; take a small number such as 1e-5.")
    ignored = integer(ignore_index, "dice_loss: ignore_index", -LARGEST_SIZE)
    labels, scores = labels_for("dice_loss", x, target), widened(x)
    xp, constant, C = array_module(x._array), type(x).of, x.shape[1]
    with at_home(x._array):
        labels, valid, _ = looked_at("dice_loss", labels, xp.ones(C, scores.dtype), ignored)
        counted = valid[:, None]
        truth = constant((onehot(labels, C) & counted).astype(scores.dtype))
        centre = constant(xp.zeros(C, scores.dtype))
    probabilities = Where(counted)(softmax(Where(counted)(scores), 1))
    p, g = _planes(probabilities), _planes(truth)
    of_truth = ChannelSums()(g, p, centre)  # Σ g and Σ g·p
    covered = add(multiply(getitem(of_truth, 1), 2.0), level)
    whole = add(add(getitem(ChannelSums()(p, p, centre), 1), getitem(of_truth, 0)), level)
    return astype(reduced("dice_loss", subtract(1.0, divide(covered, whole)), reduction), x.dtype)


def _planes(x: Tensor) -> Tensor:
    """(N, C, ...) -> (N, C, 1, P), as `ChannelSums` adds them up."""
    N, C = x.shape[:2]
    return reshape(x, (N, C, 1, prod(x.shape[2:])))
