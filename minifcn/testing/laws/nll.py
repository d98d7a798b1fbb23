"""Laws of the negative log likelihood, the second half of cross entropy: it picks, weighs and averages, and no more."""

from __future__ import annotations

from functools import partial

import numpy as np

from minifcn.testing.law import close, equal, law, refuses
from minifcn.testing.laws.loss import VOID, LossCase, in_a_row, loss_cases
from minifcn.testing.operations import Operations


@law("nll_loss", cases=loss_cases)
def a_pixel_costs_what_stands_at_its_label(ops: Operations, case: LossCase) -> None:
    """A pixel costs the number at its label with the sign changed, whatever stands at the other classes.

    loss = Σ weight[t]·(−x[t]) / Σ weight[t]
    """
    expected = -(case.scores * case.onehot * case.each[:, None]).sum() / case.each.sum()
    close(ops.nll_loss(case.scores, case.target, case.weight), expected, "the loss")


@law("nll_loss", "cross_entropy", cases=loss_cases)
def of_log_softmax_it_is_cross_entropy(ops: Operations, case: LossCase) -> None:
    """Cross entropy is this loss of the logarithm of the softmax: two halves, one whole.

    cross_entropy(x, t) = nll_loss(x − log Σ_c e^(x[c]), t)
    """
    logs = case.scores - np.log(np.exp(case.scores).sum(1, keepdims=True))
    whole = ops.cross_entropy(case.scores, case.target, case.weight)
    close(ops.nll_loss(logs, case.target, case.weight), whole, "the loss of the logarithms")


@law("nll_loss", "nll_loss_backward", cases=loss_cases)
def unlabelled_pixels_might_hold_anything(ops: Operations, case: LossCase) -> None:
    """What stands at a void pixel is not looked at, be it NaN or infinite, and receives exactly nothing.

    loss(x with NaN, ∞ where t is void) = loss(x),   gradient = 0 at void pixels
    """
    wild = np.array([np.nan, np.inf, -np.inf, 1e300])[np.arange(case.scores.shape[1])][:, None, None]
    x = np.where(case.counted[:, None], case.scores, wild)
    close(ops.nll_loss(x, case.target, case.weight), ops.nll_loss(case.scores, case.target, case.weight), "the loss")
    gradient = in_a_row(ops.nll_loss_backward(x, case.target, case.weight), ~case.counted)
    equal(gradient, np.zeros_like(gradient), "the gradient at void pixels")


@law("nll_loss", "nll_loss_backward", cases=loss_cases)
def nothing_but_void_has_no_likelihood(ops: Operations, case: LossCase) -> None:
    """Of an image that is void throughout loss and gradient are 0, and no NaN of 0/0.

    t = void everywhere  ⟹  loss = 0 and gradient = 0
    """
    void = np.full_like(case.target, VOID)
    equal(ops.nll_loss(case.scores, void, case.weight), 0.0, "the loss")
    equal(ops.nll_loss_backward(case.scores, void, case.weight), np.zeros_like(case.scores), "the gradient")


@law("nll_loss", "nll_loss_backward", cases=loss_cases)
def void_is_what_the_caller_says(ops: Operations, case: LossCase) -> None:
    """Which label is void is the caller's choice, even the number of a class.

    loss(x, t with 0 for void, ignore_index=0) = loss(x, t with 255 for void)   where no label is 0
    """
    lifted = np.where(case.counted & (case.target == 0), 1, case.target).astype(np.uint8)
    other = np.where(case.counted, lifted, 0).astype(np.uint8)
    for name, operation in (("loss", ops.nll_loss), ("gradient", ops.nll_loss_backward)):
        found = operation(case.scores, other, case.weight, ignore_index=0)
        close(found, operation(case.scores, lifted, case.weight), f"the {name}")


@law("nll_loss", cases=loss_cases)
def each_pixel_their_sum_and_their_mean(ops: Operations, case: LossCase) -> None:
    """Without a reduction every pixel has its own number, weighted and 0 where it is void; the sum is of these.

    "none": weight[t]·(−x[t]) per pixel;   "sum": Σ of them;   "mean": Σ of them / Σ weight[t]
    """
    given = case.scores, case.target, case.weight, VOID
    each = -(case.scores * case.onehot).sum(1) * case.each
    close(ops.nll_loss(*given, "none"), each, "the loss without a reduction")
    close(ops.nll_loss(*given, "sum"), each.sum(), "the sum")
    close(ops.nll_loss(*given, "mean"), each.sum() / case.each.sum(), "the mean")


@law("nll_loss_backward", cases=loss_cases)
def only_the_label_receives(ops: Operations, case: LossCase) -> None:
    """The number at a pixel's label receives the pixel's share with the sign changed, all others receive nothing.

    gradient[n, c, i, j] = −weight[t] / Σ weight[t] where c = t, else 0
    """
    share = case.each / case.each.sum()
    close(ops.nll_loss_backward(case.scores, case.target, case.weight), -case.onehot * share[:, None], "the gradient")


@law("nll_loss", "nll_loss_backward", cases=loss_cases)
def labels_beyond_the_classes_are_refused(ops: Operations, case: LossCase) -> None:
    """A label that is neither a class nor void is a mistake in the data, and must be named, not guessed at.

    t ∈ {−1, C, 254}  ⟹  error
    """
    for label in (-1, case.scores.shape[1], 254):
        target = case.target.astype(np.int64)
        target[-1, -1, -1] = label
        for operation in (ops.nll_loss, ops.nll_loss_backward):
            call = partial(operation, case.scores, target, case.weight)
            refuses(call, f"The label {label} at the last pixel, among {case.scores.shape[1]} classes,")
