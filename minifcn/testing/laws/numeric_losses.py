"""Laws of losses of numbers: squared and absolute errors, and the binary cross entropy of scores."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from hypothesis import strategies as st

from minifcn.testing.law import close, demand, equal, law, refuses
from minifcn.testing.operations import Operations
from minifcn.testing.strategies import Draw, seeds, shown, whole_numbers


@dataclass(frozen=True)
class NumbersCase:
    """x, target (N, C, H, W), whole numbers, some of them equal; truth: zeros and ones, or eighths; some factors."""

    x: np.ndarray
    target: np.ndarray
    truth: np.ndarray
    weight: np.ndarray
    pos_weight: np.ndarray

    def __str__(self) -> str:
        return f"these arrays\n{shown(x=self.x, target=self.target, truth=self.truth)}"


@st.composite
def numbers_cases(draw: Draw) -> NumbersCase:
    """More than one image and element; weight (W,) and pos_weight (C, 1, 1) are broadcast, some weights are 0."""
    shape = draw(st.tuples(st.integers(2, 3), st.integers(1, 3), st.integers(1, 2), st.integers(1, 3)))
    hard, seed = draw(st.booleans()), draw(seeds())
    generator = np.random.default_rng(seed)
    x, target = whole_numbers(seed, shape), whole_numbers(generator, shape)
    target.flat[0] = x.flat[0]
    truth = generator.integers(0, 2, shape) * 1.0 if hard else generator.integers(0, 9, shape) / 8
    return NumbersCase(x, target, truth, generator.choice([0.0, 0.5, 2.0], shape[-1:]),
                       2.0 ** generator.integers(-1, 3, (shape[1], 1, 1)))  # fmt: skip


def softplus(x: Any) -> Any:
    return np.logaddexp(0, x)


def sigmoid(x: Any) -> Any:
    return 1 / (1 + np.exp(-x))


# --- errors -----------------------------------------------------------------------------------------------------------


@law("mse_loss", cases=numbers_cases)
def squared_errors_are_averaged(ops: Operations, case: NumbersCase) -> None:
    """The loss is the mean of the squared differences, over all elements.

    loss = Σ (x − t)² / n
    """
    close(ops.mse_loss(case.x, case.target), ((case.x - case.target) ** 2).sum() / case.x.size, "the loss")


@law("mse_loss", "mse_loss_backward", cases=numbers_cases)
def twice_as_far_costs_four_times_as_much(ops: Operations, case: NumbersCase) -> None:
    """It grows with the square of the distance, and its gradient with the distance; where both agree it is 0.

    loss(2·x, 2·t) = 4·loss(x, t),   gradient(2·x, 2·t) = 2·gradient(x, t),   loss(x, x) = 0
    """
    close(ops.mse_loss(2 * case.x, 2 * case.target), 4 * ops.mse_loss(case.x, case.target), "the loss")
    close(ops.mse_loss_backward(2 * case.x, 2 * case.target), 2 * ops.mse_loss_backward(case.x, case.target),
          "the gradient")  # fmt: skip
    equal(ops.mse_loss(case.x, case.x), 0.0, "the loss of x beside itself")


@law("mse_loss_backward", cases=numbers_cases)
def the_pull_grows_with_the_error(ops: Operations, case: NumbersCase) -> None:
    """An element is pulled to its target by twice their difference, shared by all elements.

    gradient = 2·(x − t) / n
    """
    close(ops.mse_loss_backward(case.x, case.target), 2 * (case.x - case.target) / case.x.size, "the gradient")


@law("l1_loss", cases=numbers_cases)
def absolute_errors_are_averaged(ops: Operations, case: NumbersCase) -> None:
    """The loss is the mean of the absolute differences, over all elements.

    loss = Σ |x − t| / n
    """
    close(ops.l1_loss(case.x, case.target), np.abs(case.x - case.target).sum() / case.x.size, "the loss")


@law("l1_loss_backward", cases=numbers_cases)
def the_pull_is_the_same_from_everywhere(ops: Operations, case: NumbersCase) -> None:
    """An element is pulled to its target with the same force however far it is, and not at all once it is there.

    gradient = sign(x − t) / n,   sign(0) = 0
    """
    close(ops.l1_loss_backward(case.x, case.target), np.sign(case.x - case.target) / case.x.size, "the gradient")


# --- yes and no -------------------------------------------------------------------------------------------------------


@law("binary_cross_entropy_with_logits", cases=numbers_cases)
def a_score_is_the_logarithm_of_odds(ops: Operations, case: NumbersCase) -> None:
    """A score is log(p / (1 − p)), and an element costs −log p for the share that is true, −log(1 − p) for the rest.

    x = log(p / (1 − p))  ⟹  loss = mean of −t·log p − (1 − t)·log(1 − p)
    """
    p = (1 + np.abs(case.x)) / 16
    expected = -(case.truth * np.log(p) + (1 - case.truth) * np.log(1 - p)).mean()
    close(ops.binary_cross_entropy_with_logits(np.log(p / (1 - p)), case.truth), expected, "the loss")


@law("binary_cross_entropy_with_logits", cases=numbers_cases)
def yes_and_no_may_change_places(ops: Operations, case: NumbersCase) -> None:
    """To ask the opposite question turns scores and truth around, and costs the same.

    loss(−x, 1 − t) = loss(x, t)
    """
    loss = ops.binary_cross_entropy_with_logits
    close(loss(-case.x, 1 - case.truth), loss(case.x, case.truth), "the loss")


@law("binary_cross_entropy_with_logits", "binary_cross_entropy_with_logits_backward", cases=numbers_cases)
def large_odds_are_safe(ops: Operations, case: NumbersCase) -> None:
    """Scores of ten thousand neither overflow nor vanish: what is wrong costs its distance, what is right nothing.

    |x| = 10⁴, t ∈ {0, 1}  ⟹  loss = mean of |x| where the sign is wrong, gradient = (yes − t) / n
    """
    x, truth = np.where(case.x > 0, 1e4, -1e4), np.round(case.truth)
    yes = (x > 0) * 1.0
    close(ops.binary_cross_entropy_with_logits(x, truth), (np.abs(x) * (yes != truth)).mean(), "the loss")
    close(ops.binary_cross_entropy_with_logits_backward(x, truth), (yes - truth) / x.size, "the gradient")


@law("binary_cross_entropy_with_logits", cases=numbers_cases)
def pos_weight_multiplies_the_positive_part(ops: Operations, case: NumbersCase) -> None:
    """pos_weight multiplies what is asked by the true share, and leaves the rest alone; the mean stays one over all.

    loss = mean of pos_weight·t·log(1 + e⁻ˣ) + (1 − t)·log(1 + eˣ)
    """
    each = case.pos_weight * case.truth * softplus(-case.x) + (1 - case.truth) * softplus(case.x)
    found = ops.binary_cross_entropy_with_logits(case.x, case.truth, pos_weight=case.pos_weight)
    close(found, each.mean(), "the loss")


@law("binary_cross_entropy_with_logits", cases=numbers_cases)
def weights_of_elements_do_not_divide(ops: Operations, case: NumbersCase) -> None:
    """A weight multiplies an element's cost; the mean divides by the number of elements, whatever they weigh.

    loss = Σ weight · (t·log(1 + e⁻ˣ) + (1 − t)·log(1 + eˣ)) / n
    """
    each = case.truth * softplus(-case.x) + (1 - case.truth) * softplus(case.x)
    found = ops.binary_cross_entropy_with_logits(case.x, case.truth, case.weight)
    close(found, (each * case.weight).sum() / each.size, "the loss")


@law("binary_cross_entropy_with_logits_backward", cases=numbers_cases)
def a_score_receives_how_far_it_believes_wrong(ops: Operations, case: NumbersCase) -> None:
    """What a score receives is its probability less the truth, each part with its factor, shared by all elements.

    gradient = weight · ((1 − t)·σ(x) − pos_weight·t·(1 − σ(x))) / n
    """
    p, t = sigmoid(case.x), case.truth
    plain = ops.binary_cross_entropy_with_logits_backward(case.x, t)
    close(plain, (p - t) / p.size, "the gradient")
    found = ops.binary_cross_entropy_with_logits_backward(case.x, t, case.weight, case.pos_weight)
    close(found, case.weight * ((1 - t) * p - case.pos_weight * t * (1 - p)) / p.size, "the gradient with factors")


@law("binary_cross_entropy_with_logits", cases=numbers_cases)
def truth_is_not_stretched(ops: Operations, case: NumbersCase) -> None:
    """A target of another shape is refused, not stretched: (N, 1) beside (N,) would compare every pair.

    x (N, 1), t (N,)  ⟹  error
    """
    x, target = case.x[:, :1, 0, 0], case.truth[:, 0, 0, 0]
    call = partial(ops.binary_cross_entropy_with_logits, x, target)
    refuses(call, f"A target of shape {target.shape} beside x of shape {x.shape}")


# --- manners ----------------------------------------------------------------------------------------------------------


@law("mse_loss_backward", "l1_loss_backward", "binary_cross_entropy_with_logits_backward", cases=numbers_cases)
def single_precision_has_single_gradients(ops: Operations, case: NumbersCase) -> None:
    """Numbers and targets are as they were, and a gradient has the dtype of its numbers.

    after the gradient: x and t unchanged, gradient.dtype = x.dtype
    """
    backwards = ops.mse_loss_backward, ops.l1_loss_backward, ops.binary_cross_entropy_with_logits_backward
    for backward in backwards:
        x, truth = case.x.astype(np.float32), case.truth.astype(np.float32)
        gradient = backward(x, truth)
        demand(gradient.dtype == np.float32, f"The gradient is {gradient.dtype}, it should be float32 as x is.")
        equal(x, case.x, "x afterwards")
        equal(truth, case.truth, "the target afterwards")
