"""Laws of RMSprop: what divides its steps, and what that forgets."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from hypothesis import strategies as st

from minifcn.testing.law import close, demand, equal, law
from minifcn.testing.laws.adam import steps
from minifcn.testing.laws.optimisers import in_words, path, weight_and_gradients
from minifcn.testing.operations import Operations
from minifcn.testing.strategies import Draw


@dataclass(frozen=True)
class RmspropCase:
    """A weight, its gradients (whole numbers, none 0), and settings."""

    weight: np.ndarray
    gradients: tuple[np.ndarray, ...]
    lr: float
    alpha: float
    eps: float
    momentum: float

    @property
    def settings(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in ("lr", "alpha", "eps")}

    def __str__(self) -> str:
        settings = f"lr {self.lr:g}, alpha {self.alpha:g}, eps {self.eps:g}, momentum {self.momentum:g}"
        return in_words(settings, self.weight, self.gradients)


@st.composite
def rmsprop_cases(draw: Draw) -> RmspropCase:
    weight, gradients = weight_and_gradients(draw, 5)
    return RmspropCase(
        weight,
        tuple(np.where(g == 0, 10.0, g) for g in gradients),
        draw(st.sampled_from([0.5, 0.25, 1.0])),
        draw(st.sampled_from([0.5, 0.75, 0.9])),
        draw(st.sampled_from([1.0, 0.5, 8.0])),
        draw(st.sampled_from([0.5, 0.75])),
    )


@law("rmsprop", cases=rmsprop_cases)
def a_steady_gradient_is_divided_by_its_size(ops: Operations, case: RmspropCase) -> None:
    """With a constant gradient, steps shrink from lr / √(1 − α) to lr, whatever the gradient is.

    w_{t−1} − w_t = lr · g / (|g| · √(1 − αᵗ) + eps)
    """
    g, T = case.gradients[0], len(case.gradients)
    found = steps(case.weight, ops.rmsprop(case.weight.copy(), [g] * T, **case.settings))
    right = [-case.lr * g / (np.abs(g) * np.sqrt(1 - case.alpha**t) + case.eps) for t in range(1, T + 1)]
    close(found, np.stack(right), "the steps", atol=1e-12)


@law("rmsprop", cases=rmsprop_cases)
def only_the_size_of_the_past_matters(ops: Operations, case: RmspropCase) -> None:
    """Earlier gradients divide by their squares, so their signs are forgotten; without memory only a sign is left.

    step_t(±g_1, ..., ±g_{t−1}, g_t) = step_t(g_1 ... g_t);   α = 0  ⟹  w_{t−1} − w_t = lr · sign(g_t)   for eps → 0
    """
    *past, last = case.gradients
    turned = [-g if number % 2 else np.abs(g) for number, g in enumerate(past)]
    found, other = (
        steps(case.weight, ops.rmsprop(case.weight.copy(), g, **case.settings))[-1]
        for g in (case.gradients, [*turned, last])
    )
    close(other, found, "the last step after gradients of other signs", atol=1e-12)
    short = steps(case.weight, ops.rmsprop(case.weight.copy(), case.gradients, case.lr, 0.0, 1e-30))
    close(short, -case.lr * np.sign(case.gradients), "the steps without memory", atol=1e-12)


@law("rmsprop", cases=rmsprop_cases)
def a_large_gradient_is_remembered(ops: Operations, case: RmspropCase) -> None:
    """A gradient counts α times less in the mean of squares for every step since then.

    step_2 = lr · g_2 / (√((1 − α)·(α·g_1² + g_2²)) + eps)
    """
    first, second = case.gradients[0], case.gradients[1]
    found = steps(case.weight, ops.rmsprop(case.weight.copy(), [first, second], **case.settings))[1]
    mean = (1 - case.alpha) * (case.alpha * first**2 + second**2)
    close(found, -case.lr * second / (np.sqrt(mean) + case.eps), "the second step", atol=1e-12)


@law("rmsprop", cases=rmsprop_cases)
def centered_divides_by_the_spread(ops: Operations, case: RmspropCase) -> None:
    """Centered, a constant gradient is divided by less and less: it has no spread but that the means began at 0.

    w_{t−1} − w_t = lr · g / (|g| · √((1 − αᵗ)·αᵗ) + eps)
    """
    g, T = case.gradients[0], len(case.gradients)
    found = steps(case.weight, ops.rmsprop(case.weight.copy(), [g] * T, **case.settings, centered=True))
    kept = [case.alpha**t for t in range(1, T + 1)]
    right = [-case.lr * g / (np.abs(g) * np.sqrt((1 - k) * k) + case.eps) for k in kept]
    close(found, np.stack(right), "the steps", atol=1e-11)


@law("rmsprop", cases=rmsprop_cases)
def momentum_gathers_divided_steps(ops: Operations, case: RmspropCase) -> None:
    """With momentum, each step is the one without it plus μ times the step before.

    s_t = s'_t + μ · s_{t−1}, where s' are the steps without momentum; centered too
    """
    for centered in (False, True):
        options = {**case.settings, "centered": centered}
        plain = steps(case.weight, ops.rmsprop(case.weight.copy(), case.gradients, **options))
        found = steps(case.weight, ops.rmsprop(case.weight.copy(), case.gradients, momentum=case.momentum, **options))
        before = np.concatenate([np.zeros_like(found[:1]), found[:-1]])
        close(found, plain + case.momentum * before, "the steps with momentum", atol=1e-11)


@law("rmsprop", cases=rmsprop_cases)
def its_decay_is_a_gradient_of_its_own(ops: Operations, case: RmspropCase) -> None:
    """Weight decay adds λ times the weight as it is now to the gradient, before all else.

    path(g_t; λ) = path(g_t + λ·w_{t−1}; 0)
    """
    options = {**case.settings, "momentum": case.momentum}
    found = path(ops.rmsprop(case.weight.copy(), case.gradients, weight_decay=0.5, **options))
    before = [case.weight, *found[:-1]]
    pulled = [g + 0.5 * w for g, w in zip(case.gradients, before, strict=True)]
    close(found, path(ops.rmsprop(case.weight.copy(), pulled, **options)), "the path", atol=1e-11)


@law("rmsprop", cases=rmsprop_cases)
def nothing_moves_what_had_no_gradient(ops: Operations, case: RmspropCase) -> None:
    """An element that never had a gradient stays exactly where it is, and is no concern of its neighbours.

    g = 0 in every step  ⟹  w_t = w_0;   path(w, g)[q] = path(w[q], g[q])
    """
    silent = [np.where(np.arange(g.shape[-1]) == 0, 0.0, g) for g in case.gradients]
    for centered in (False, True):
        found = path(ops.rmsprop(case.weight.copy(), silent, case.lr, case.alpha, centered=centered))
        equal(found[..., 0], np.stack([case.weight[..., 0]] * len(silent)), "the path of what has no gradient")
        alone = ops.rmsprop(
            case.weight[..., 1:].copy(), [g[..., 1:] for g in silent], case.lr, case.alpha, centered=centered
        )
        close(found[..., 1:], path(alone), "the path of the others")


@law("rmsprop", cases=rmsprop_cases)
def what_rmsprop_is_given_is_only_read(ops: Operations, case: RmspropCase) -> None:
    """The caller's weight and gradients stay as they are, and the weights that come back are of the same dtype.

    after T steps: w_0 and g_1 ... g_T unchanged, w_t.dtype = w_0.dtype
    """
    weight, gradients = case.weight.astype(np.float32), [g.astype(np.float32) for g in case.gradients]
    found = ops.rmsprop(weight, gradients, **case.settings)
    equal(weight, case.weight, "the caller's weight")
    for number, (gradient, before) in enumerate(zip(gradients, case.gradients, strict=True), 1):
        equal(gradient, before, f"gradient {number}")
    kinds = sorted({str(np.asarray(w).dtype) for w in found})
    demand(kinds == ["float32"], f"The weights are {' and '.join(kinds)}, they should be float32.")
