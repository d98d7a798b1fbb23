"""Laws of the Dice loss: sets that cover one another, classes that count alike, void pixels, and the gradient."""

from __future__ import annotations

from functools import partial

import numpy as np

from minifcn.testing.law import close, demand, equal, law, refuses
from minifcn.testing.laws.loss import VOID, LossCase, in_a_row, loss_cases
from minifcn.testing.operations import Operations

SURE = 1000.0  # a score so far above the others that its probability is 1


@law("dice_loss", cases=loss_cases)
def of_two_sets_it_counts_what_they_share(ops: Operations, case: LossCase) -> None:
    """Where predictions are sure, each class has a predicted and a true set of pixels, and it is about their overlap.

    1 − (2·|P ∩ G| + s) / (|P| + |G| + s), the mean over the classes
    """
    best = case.scores.argmax(1)
    predicted = (best[:, None] == np.arange(case.scores.shape[1])[:, None, None]) & case.counted[:, None]
    shared, both = ((predicted * case.onehot).sum((0, 2, 3)), (predicted + case.onehot).sum((0, 2, 3)))
    for smooth in (1.0, 0.5):
        expected = np.mean(1 - (2 * shared + smooth) / (both + smooth))
        close(ops.dice_loss(SURE * predicted, case.target, smooth=smooth), expected, f"the loss with smooth {smooth:g}")


@law("dice_loss", cases=loss_cases)
def unsure_pixels_count_by_their_squares(ops: Operations, case: LossCase) -> None:
    """Where predictions are probabilities, these take the place of members, and their squares are what a set has.

    x = log p  ⟹  loss = mean over c of 1 − (2·Σ p[c]·g[c] + s) / (Σ p[c]² + Σ g[c]² + s)
    """
    parts = 2.0 ** np.abs(case.scores)
    p = parts / parts.sum(1, keepdims=True)
    counted, g = p * case.counted[:, None], case.onehot
    axes = (0, 2, 3)
    each = 1 - (2 * (counted * g).sum(axes) + 1) / ((counted**2).sum(axes) + g.sum(axes) + 1)
    close(ops.dice_loss(np.log(p), case.target), each.mean(), "the loss")


@law("dice_loss", "dice_loss_backward", cases=loss_cases)
def sets_have_no_order(ops: Operations, case: LossCase) -> None:
    """All pixels of the batch are one crowd, wherever they are, and void ones might as well be missing.

    loss(all pixels that count in one row) = loss(x), and the same gradient
    """
    row = in_a_row(case.scores, case.counted)[..., ::-1], in_a_row(case.target, case.counted)[..., ::-1]
    close(ops.dice_loss(*row), ops.dice_loss(case.scores, case.target), "the loss")
    gradient = in_a_row(ops.dice_loss_backward(case.scores, case.target), case.counted)
    close(ops.dice_loss_backward(*row), gradient[..., ::-1], "the gradient")


@law("dice_loss", cases=loss_cases)
def large_sets_are_as_good_as_small_ones(ops: Operations, case: LossCase) -> None:
    """Only shares count: with all pixels there twice, and twice as much smoothing, nothing changes.

    loss(x, x; 2·s) = loss(x; s)
    """
    twice = np.concatenate([case.scores] * 2), np.concatenate([case.target] * 2)
    close(ops.dice_loss(*twice, smooth=1.0), ops.dice_loss(case.scores, case.target, smooth=0.5), "the loss")


@law("dice_loss", "dice_loss_backward", cases=loss_cases)
def sets_of_void_pixels_are_empty(ops: Operations, case: LossCase) -> None:
    """The scores of a void pixel are not looked at, not even where they are NaN or infinite, and receive nothing.

    loss(x with NaN, ∞ where t is void) = loss(x),   gradient = 0 there;   all void  ⟹  loss = 0 and gradient = 0
    """
    wild = np.array([np.nan, np.inf, -np.inf, 1e300])[np.arange(case.scores.shape[1])][:, None, None]
    x = np.where(case.counted[:, None], case.scores, wild)
    close(ops.dice_loss(x, case.target), ops.dice_loss(case.scores, case.target), "the loss")
    gradient = in_a_row(ops.dice_loss_backward(x, case.target), ~case.counted)
    equal(gradient, np.zeros_like(gradient), "the gradient at void pixels")
    void = np.full_like(case.target, VOID)
    equal(ops.dice_loss(case.scores, void), 0.0, "the loss of nothing but void pixels")
    equal(ops.dice_loss_backward(case.scores, void), np.zeros_like(case.scores), "the gradient of nothing but void")


@law("dice_loss", "dice_loss_backward", cases=loss_cases)
def only_differences_of_scores_make_sets(ops: Operations, case: LossCase) -> None:
    """Probabilities come from a softmax over the classes: a constant added to a pixel's scores changes nothing.

    loss(x[n, c, i, j] + k[n, i, j]) = loss(x), and the same gradient;   Σ_c gradient[n, c, i, j] = 0
    """
    moved = case.scores + 100 * np.abs(case.scores[:, :1])
    close(ops.dice_loss(moved, case.target), ops.dice_loss(case.scores, case.target), "the loss")
    gradient = ops.dice_loss_backward(case.scores, case.target)
    close(ops.dice_loss_backward(moved, case.target), gradient, "the gradient")
    close(gradient.sum(1), np.zeros(case.target.shape), "the sum of the gradient over the classes", atol=1e-12)


@law("dice_loss", "dice_loss_backward", cases=loss_cases)
def the_slope_of_dice_is_its_gradient(ops: Operations, case: LossCase) -> None:
    """A small step changes the loss by the gradient times the step, in what is shared and in what is divided by.

    (loss(x + h·d) − loss(x − h·d)) / 2h = ⟨gradient(x), d⟩
    """
    h, direction = 1e-4, np.cos(np.arange(case.scores.size)).reshape(case.scores.shape)
    ahead, behind = (ops.dice_loss(case.scores + s * h * direction, case.target) for s in (1, -1))
    gradient = ops.dice_loss_backward(case.scores, case.target)
    close((gradient * direction).sum(), (ahead - behind) / (2 * h), "⟨gradient, d⟩", atol=1e-7)


@law("dice_loss", "dice_loss_backward", cases=loss_cases)
def labels_of_no_set_are_refused(ops: Operations, case: LossCase) -> None:
    """A label that is neither a class nor void is a mistake in the data; scores of float32 have gradients of float32.

    t ∈ {−1, C, 254}  ⟹  error;   gradient.dtype = x.dtype
    """
    for label in (-1, case.scores.shape[1], 254):
        target = case.target.astype(np.int64)
        target[-1, -1, -1] = label
        for operation in (ops.dice_loss, ops.dice_loss_backward):
            refuses(partial(operation, case.scores, target), f"The label {label} at the last pixel")
    gradient = ops.dice_loss_backward(case.scores.astype(np.float32), case.target)
    demand(gradient.dtype == np.float32, f"The gradient is {gradient.dtype}, it should be float32 as the scores are.")
