"""Laws of Adam: how long its steps are, and what they do not depend on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from hypothesis import strategies as st

from minifcn.testing.law import close, equal, law
from minifcn.testing.laws.optimisers import in_words, path, weight_and_gradients
from minifcn.testing.operations import Operations
from minifcn.testing.strategies import Draw


@dataclass(frozen=True)
class AdamCase:
    """A weight, its gradients (whole numbers, none 0), and settings with β₁ ≠ β₂."""

    weight: np.ndarray
    gradients: tuple[np.ndarray, ...]
    lr: float
    betas: tuple[float, float]
    eps: float

    def __str__(self) -> str:
        return in_words(f"lr {self.lr:g}, betas {self.betas}, eps {self.eps:g}", self.weight, self.gradients)


@st.composite
def adam_cases(draw: Draw) -> AdamCase:
    weight, gradients = weight_and_gradients(draw, 5)
    return AdamCase(
        weight,
        tuple(np.where(g == 0, 10.0, g) for g in gradients),
        draw(st.sampled_from([0.5, 0.25, 1.0])),
        draw(st.sampled_from([(0.5, 0.75), (0.75, 0.5), (0.9, 0.999), (0.0, 0.5)])),
        draw(st.sampled_from([1.0, 0.5, 8.0])),
    )


def steps(weight: np.ndarray, found: object) -> np.ndarray:
    """How far each step moved, (steps, ...)."""
    return np.diff(np.concatenate([weight[None], path(found)]), axis=0)


@law("adam", cases=adam_cases)
def the_first_step_knows_only_the_sign(ops: Operations, case: AdamCase) -> None:
    """The first step is as long as the learning rate, however large the gradient is.

    w_1 = w_0 − lr · sign(g_1)   for eps → 0
    """
    found = path(ops.adam(case.weight.copy(), case.gradients[:1], case.lr, case.betas, 1e-30))[0]
    close(found, case.weight - case.lr * np.sign(case.gradients[0]), "the weight after the first step", atol=1e-12)


@law("adam", cases=adam_cases)
def a_steady_gradient_makes_equal_steps(ops: Operations, case: AdamCase) -> None:
    """With a constant gradient all steps are equal, from the first one on: that the means began at 0 is undone.

    g_t = g  ⟹  w_{t−1} − w_t = lr · g / (|g| + eps)
    """
    g = case.gradients[0]
    found = steps(case.weight, ops.adam(case.weight.copy(), [g] * len(case.gradients), case.lr, case.betas, case.eps))
    close(found, np.stack([-case.lr * g / (np.abs(g) + case.eps)] * len(found)), "the steps", atol=1e-12)


@law("adam", cases=adam_cases)
def the_size_of_the_gradients_does_not_matter(ops: Operations, case: AdamCase) -> None:
    """Multiply the loss by a thousand and Adam goes the same way.

    path(1024·g) = path(g)   for eps → 0
    """
    settings = case.lr, case.betas, 0.0
    larger = path(ops.adam(case.weight.copy(), [1024 * g for g in case.gradients], *settings))
    close(larger, path(ops.adam(case.weight.copy(), case.gradients, *settings)), "the path", atol=1e-12)


@law("adam", cases=adam_cases)
def one_push_fades_by_both_betas(ops: Operations, case: AdamCase) -> None:
    """After one gradient and then none, the mean fades by β₁ and the spread by √β₂ per step.

    w_{t−1} − w_t = lr · sign(g) · (1 − β₁)·β₁^(t−1) / (1 − β₁ᵗ) / √((1 − β₂)·β₂^(t−1) / (1 − β₂ᵗ))   for eps → 0
    """
    (one, two), g = case.betas, case.gradients[0]
    pushes = [g] + [np.zeros_like(g)] * (len(case.gradients) - 1)
    found = steps(case.weight, ops.adam(case.weight.copy(), pushes, case.lr, case.betas, 1e-30))
    for t, step in enumerate(found, 1):
        mean = (1 - one) * one ** (t - 1) / (1 - one**t)
        spread = np.sqrt((1 - two) * two ** (t - 1) / (1 - two**t))
        close(step, -case.lr * np.sign(g) * mean / spread, f"step {t}", atol=1e-12)


@law("adam", cases=adam_cases)
def without_memory_only_the_sign_is_left(ops: Operations, case: AdamCase) -> None:
    """With both betas 0 nothing is remembered: every step is the sign of its own gradient.

    β₁ = β₂ = 0  ⟹  w_t = w_{t−1} − lr · sign(g_t)   for eps → 0
    """
    found = path(ops.adam(case.weight.copy(), case.gradients, case.lr, (0.0, 0.0), 1e-30))
    close(found, case.weight - case.lr * np.cumsum(np.sign(case.gradients), 0), "the path", atol=1e-12)


@law("adam", cases=adam_cases)
def adams_decay_is_a_gradient_of_its_own(ops: Operations, case: AdamCase) -> None:
    """Adam's weight decay adds λ times the weight to the gradient, before both means. (AdamW's does not.)

    path(g_t; λ) = path(g_t + λ·w_{t−1}; 0)
    """
    found = path(ops.adam(case.weight.copy(), case.gradients, case.lr, case.betas, case.eps, weight_decay=0.5))
    before = [case.weight, *found[:-1]]
    pulled = [g + 0.5 * w for g, w in zip(case.gradients, before, strict=True)]
    close(found, path(ops.adam(case.weight.copy(), pulled, case.lr, case.betas, case.eps)), "the path", atol=1e-11)


@law("adam", cases=adam_cases)
def uphill_is_downhill_turned_round(ops: Operations, case: AdamCase) -> None:
    """Turn the signs of weight and gradients and the whole path is turned: Adam prefers no direction.

    path(−w, −g) = −path(w, g)
    """
    settings = case.lr, case.betas, case.eps
    turned = path(ops.adam(-case.weight, [-g for g in case.gradients], *settings))
    equal(turned, -path(ops.adam(case.weight.copy(), case.gradients, *settings)), "the path")


@law("adam", cases=adam_cases)
def where_no_gradient_was_nothing_moves(ops: Operations, case: AdamCase) -> None:
    """A weight that never had a gradient stays exactly where it is: 0 / (0 + eps) is 0, and none is 0/0.

    g = 0 in every step  ⟹  w_t = w_0
    """
    silent = [np.where(np.arange(g.shape[-1]) == 0, 0.0, g) for g in case.gradients]
    found = path(ops.adam(case.weight.copy(), silent, case.lr, case.betas))
    expected = np.stack([case.weight[..., 0]] * len(silent))
    equal(found[..., 0], expected, "the path of what has no gradient")
