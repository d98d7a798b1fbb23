"""Laws of the gradient of cross entropy, and manners of both: dtypes, layouts, arguments left alone."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from hypothesis import strategies as st

from minifcn.testing.law import close, demand, equal, law
from minifcn.testing.laws.loss import LossCase, loss_cases
from minifcn.testing.operations import Operations
from minifcn.testing.strategies import Draw, laid_out, layouts


@law("cross_entropy_backward", cases=loss_cases)
def the_gradient_is_softmax_minus_onehot(ops: Operations, case: LossCase) -> None:
    """What a pixel's scores receive is how far the probabilities are from the truth, times the pixel's share.

    gradient[n, :, i, j] = (softmax(x) − onehot(t)) · weight[t] / Σ weight[t]
    """
    powers = np.exp(case.scores)
    wrong = powers / powers.sum(1, keepdims=True) - case.onehot
    expected = wrong * (case.each / case.each.sum())[:, None]
    close(ops.cross_entropy_backward(case.scores, case.target, case.weight), expected, "the gradient")


@law("cross_entropy_backward", cases=loss_cases)
def what_one_class_gains_others_lose(ops: Operations, case: LossCase) -> None:
    """The gradient of a pixel sums to zero over the classes: raising all its scores alike changes nothing.

    Σ_c gradient[n, c, i, j] = 0
    """
    gradient = ops.cross_entropy_backward(case.scores, case.target, case.weight)
    close(gradient.sum(1), np.zeros(case.target.shape), "the sum over the classes", atol=1e-12)


@law("cross_entropy", "cross_entropy_backward", cases=loss_cases)
def the_gradient_is_the_slope_of_the_loss(ops: Operations, case: LossCase) -> None:
    """A small step changes the loss by the gradient times the step.

    (loss(x + h·d) − loss(x − h·d)) / 2h = ⟨gradient(x), d⟩
    """
    # The third derivative of a mean of log-sum-exps along |d| ≤ 1 is below 8, so the truncation is below 2·h² = 2e-8.
    h, direction = 1e-4, np.cos(np.arange(case.scores.size)).reshape(case.scores.shape)
    ahead, behind = (ops.cross_entropy(case.scores + s * h * direction, case.target, case.weight) for s in (1, -1))
    gradient = ops.cross_entropy_backward(case.scores, case.target, case.weight)
    close((gradient * direction).sum(), (ahead - behind) / (2 * h), "⟨gradient, d⟩", atol=1e-7)


@law("cross_entropy_backward", cases=loss_cases)
def doubled_weights_leave_the_mean(ops: Operations, case: LossCase) -> None:
    """The loss divides by the sum of the weights, so only their ratios matter.

    gradient(x, t, 2·weight) = gradient(x, t, weight), exactly
    """
    once, twice = (ops.cross_entropy_backward(case.scores, case.target, k * case.factors) for k in (1, 2))
    equal(twice, once, "the gradient with weights twice as large")


# --- manners ----------------------------------------------------------------------------------------------------------


@st.composite
def in_some_layout(draw: Draw) -> LossCase:
    """Scores whose classes are innermost in memory, reversed, read-only, ..."""
    case = draw(loss_cases())
    return replace(case, scores=laid_out(case.scores, draw(layouts())))


@law("cross_entropy", "cross_entropy_backward", cases=in_some_layout)
def scores_may_lie_in_memory_as_they_like(ops: Operations, case: LossCase) -> None:
    """Scores that are transposed, reversed, read-only or skip elements in memory count as their values.

    loss(x) = loss(copy of x), and the same gradient
    """
    copy = case.scores.copy(order="C")
    close(ops.cross_entropy(case.scores, case.target, case.weight), ops.cross_entropy(copy, case.target, case.weight),
          "the loss", rtol=1e-13)  # fmt: skip
    close(ops.cross_entropy_backward(case.scores, case.target, case.weight),
          ops.cross_entropy_backward(copy, case.target, case.weight), "the gradient", atol=1e-13)  # fmt: skip


@law("cross_entropy", "cross_entropy_backward", cases=loss_cases)
def labels_of_every_integer_type_are_alike(ops: Operations, case: LossCase) -> None:
    """uint8, as images are stored, int32 or int64: a label is its value.

    loss(x, t as int64) = loss(x, t as uint8), and the same gradient
    """
    for dtype in (np.int64, np.int32):
        target, words = case.target.astype(dtype), f"with labels of {np.dtype(dtype)}"
        close(ops.cross_entropy(case.scores, target, case.weight),
              ops.cross_entropy(case.scores, case.target, case.weight), f"the loss {words}")  # fmt: skip
        close(ops.cross_entropy_backward(case.scores, target, case.weight),
              ops.cross_entropy_backward(case.scores, case.target, case.weight), f"the gradient {words}")  # fmt: skip


@law("cross_entropy", "cross_entropy_backward", cases=loss_cases)
def scores_and_labels_are_only_read(ops: Operations, case: LossCase) -> None:
    """Scores, labels and weights are as they were, and the gradient has the dtype of the scores and its own memory.

    after loss(x, t) and its gradient: x and t unchanged, gradient.dtype = x.dtype
    """
    x, t = case.scores.astype(np.float32), case.target.copy()
    factors = case.factors.astype(np.float32)
    ops.cross_entropy(x, t, factors)
    gradient = ops.cross_entropy_backward(x, t, factors)
    equal(x, case.scores, "the scores afterwards")
    equal(t, case.target, "the labels afterwards")
    equal(factors, case.factors, "the weights afterwards")
    demand(gradient.dtype == x.dtype, f"The gradient is {gradient.dtype}, it should be {x.dtype} as the scores are.")
    demand(not np.shares_memory(gradient, x), "The gradient shares memory with the scores.")
