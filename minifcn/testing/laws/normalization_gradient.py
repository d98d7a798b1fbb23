"""Laws of the gradients of batch normalisation: mean and variance of the batch depend on x, too."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from minifcn.testing.law import close, equal, law
from minifcn.testing.laws.normalization import NormCase, in_one_row, norm_cases
from minifcn.testing.operations import Operations

NAMES = "the gradient of x", "the gradient of the weight", "the gradient of the bias"


def gradients(ops: Operations, case: NormCase, grad: Any = None) -> Any:
    """What x, weight and bias receive from `grad`, by default the case's own."""
    return ops.batch_norm_backward(case.grad if grad is None else grad, case.x, case.weight, case.bias, case.eps)


def normalised(ops: Operations, case: NormCase) -> np.ndarray:
    """x̂: the result with weight 1 and bias 0."""
    one = np.ones_like(case.weight)
    y: np.ndarray = ops.batch_norm(case.x, 0 * one, one, one, 0 * one, True, 0.5, case.eps)[0]
    return y


@law("batch_norm_backward", cases=norm_cases)
def a_channel_receives_nothing_in_sum(ops: Operations, case: NormCase) -> None:
    """Adding a constant to a channel changes nothing, so what its values receive sums to zero.

    Σ_{n, i, j} grad_x[n, c, i, j] = 0
    """
    total = gradients(ops, case)[0].sum((0, 2, 3))
    close(total, np.zeros_like(total), "the sum of the gradient of x over each channel")


@law("batch_norm_backward", cases=norm_cases)
def a_channel_receives_nothing_along_itself(ops: Operations, case: NormCase) -> None:
    """Stretching a channel changes nothing either (without eps), so it receives nothing in that direction.

    Σ_{n, i, j} grad_x[n, c, i, j] · (x − mean)[n, c, i, j] = 0   for eps → 0
    """
    fine = replace(case, eps=2.0**-50)
    centred = case.x - case.x.mean((0, 2, 3), keepdims=True)
    along = (gradients(ops, fine)[0] * centred).sum((0, 2, 3))
    close(along, np.zeros_like(along), "the gradient of x along x − mean", atol=1e-8)


@law("batch_norm_backward", cases=norm_cases)
def the_bias_receives_the_sum(ops: Operations, case: NormCase) -> None:
    """The bias is added to every value of its channel, so it receives the sum of their gradients. Exact.

    grad_bias[c] = Σ_{n, i, j} grad_y[n, c, i, j]
    """
    equal(gradients(ops, case)[2], case.grad.sum((0, 2, 3)), NAMES[2])


@law("batch_norm_backward", "batch_norm", cases=norm_cases)
def the_weight_receives_the_normalised_input(ops: Operations, case: NormCase) -> None:
    """The weight multiplies the normalised input, so it receives their dot product with the gradients.

    grad_weight[c] = Σ_{n, i, j} grad_y[n, c, i, j] · x̂[n, c, i, j]
    """
    expected = (case.grad * normalised(ops, case)).sum((0, 2, 3))
    close(gradients(ops, case)[1], expected, NAMES[1])


@law("batch_norm_backward", "batch_norm", cases=norm_cases)
def a_small_step_of_x_moves_y_by_its_gradient(ops: Operations, case: NormCase) -> None:
    """Moving x a little changes the result by the gradient times the step, through mean and variance as well.

    ⟨bn(x + h·d) − bn(x − h·d), grad_y⟩ / 2h = ⟨grad_x, d⟩
    """
    # x differs by 1 or more, so bn is smooth on the scale of 1: truncation and rounding are both near 1e-8.
    h, running = 1e-4, (np.zeros_like(case.weight), np.ones_like(case.weight))
    direction = np.cos(1 + np.arange(case.x.size)).reshape(case.x.shape)
    ahead, behind = (
        ops.batch_norm(case.x + s * h * direction, *running, case.weight, case.bias, True, 0.5, case.eps)[0]
        for s in (1, -1)
    )
    slope = ((ahead - behind) * case.grad).sum() / (2 * h)
    close((gradients(ops, case)[0] * direction).sum(), slope, "⟨grad_x, d⟩", atol=1e-5, rtol=1e-6)


@law("batch_norm_backward", cases=norm_cases)
def gradients_of_normalisation_are_linear(ops: Operations, case: NormCase) -> None:
    """Twice the incoming gradient is twice what all three receive, and sums stay sums.

    backward(2·g − 3·g') = 2·backward(g) − 3·backward(g')
    """
    other = case.grad[::-1, ..., ::-1] + np.arange(case.grad.shape[-1])
    both, first, second = (gradients(ops, case, g) for g in (2 * case.grad - 3 * other, case.grad, other))
    for name, found, a, b in zip(NAMES, both, first, second, strict=True):
        close(found, 2 * a - 3 * b, name)


@law("batch_norm_backward", cases=norm_cases)
def a_constant_gradient_does_not_reach_x(ops: Operations, case: NormCase) -> None:
    """What pushes all values of a channel alike, or each by its distance to the mean, is undone by normalising.

    grad_x(g + a + b·(x − mean)) = grad_x(g)   for eps → 0
    """
    fine = replace(case, eps=2.0**-50)
    pushed = case.grad + 2 + 3 * (case.x - case.x.mean((0, 2, 3), keepdims=True))
    close(gradients(ops, fine, pushed)[0], gradients(ops, fine)[0], NAMES[0], atol=1e-8)


@law("batch_norm_backward", cases=norm_cases)
def a_stretched_input_receives_less(ops: Operations, case: NormCase) -> None:
    """With x four times as large, the same result hangs on it four times less.

    grad_x(4·x; 16·eps) = ¼ · grad_x(x; eps), the others unchanged
    """
    found = gradients(ops, replace(case, x=4 * case.x, eps=16 * case.eps))
    to_x, to_weight, to_bias = gradients(ops, case)
    for name, a, b in zip(NAMES, found, (to_x / 4, to_weight, to_bias), strict=True):
        close(a, b, name)


@law("batch_norm_backward", cases=norm_cases)
def the_crowd_receives_as_a_crowd(ops: Operations, case: NormCase) -> None:
    """In which image or row a value stands means nothing for what it receives.

    backward(all values of a channel in one row, backwards) = backward(x) in that row
    """
    row = replace(case, x=in_one_row(case.x), grad=in_one_row(case.grad))
    to_x, to_weight, to_bias = gradients(ops, case)
    for name, a, b in zip(NAMES, gradients(ops, row), (in_one_row(to_x), to_weight, to_bias), strict=True):
        close(a, b, name)
