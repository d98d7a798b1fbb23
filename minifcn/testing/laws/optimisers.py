"""Laws of SGD: every setting by what it does to the path of the weights. Powers of two throughout, all exact."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from hypothesis import strategies as st

from minifcn.testing.law import demand, equal, law
from minifcn.testing.operations import Operations
from minifcn.testing.strategies import Draw, count, seeds, shown, whole_numbers


def weight_and_gradients(draw: Draw, most: int) -> tuple[np.ndarray, list[np.ndarray]]:
    """Whole numbers: a weight, and its gradient in each of 2 to `most` steps."""
    shape, steps, seed = draw(st.sampled_from([(2,), (2, 3), (1, 2)])), draw(st.integers(2, most)), draw(seeds())
    source = np.random.default_rng(seed) if seed else 0
    gradients = [whole_numbers(source, shape) for _ in range(steps)]
    return whole_numbers(source, shape), gradients


def in_words(settings: str, weight: np.ndarray, gradients: tuple[np.ndarray, ...]) -> str:
    """A case of an optimiser."""
    steps = {f"gradient {number}": gradient for number, gradient in enumerate(gradients, 1)}
    return f"{count(len(gradients), 'step')}, {settings}\n{shown(weight=weight, **steps)}"


@dataclass(frozen=True)
class SgdCase:
    """Whole numbers: a weight and its gradient in each step. Settings that are sums of powers of two."""

    weight: np.ndarray
    gradients: tuple[np.ndarray, ...]
    lr: float
    momentum: float
    dampening: float
    weight_decay: float

    @property
    def options(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in ("lr", "momentum", "dampening", "weight_decay")}

    @property
    def without_decay(self) -> dict[str, Any]:
        return {**self.options, "weight_decay": 0.0}

    def __str__(self) -> str:
        words = ", ".join(f"{name.replace('_', ' ')} {value:g}" for name, value in self.options.items())
        return in_words(words, self.weight, self.gradients)


@st.composite
def sgd_cases(draw: Draw) -> SgdCase:
    """2 to 4 steps; a gradient is now and then zero. 4 steps with these settings need less than 53 bits."""
    weight, gradients = weight_and_gradients(draw, 4)
    if draw(st.integers(0, 3)) == 0:
        gradients[-1] = np.zeros(weight.shape)
    return SgdCase(
        weight,
        tuple(gradients),
        draw(st.sampled_from([0.5, 0.25, 0.125])),
        draw(st.sampled_from([0.5, 0.75, 0.25])),
        draw(st.sampled_from([0.0, 0.5, 0.25])),
        draw(st.sampled_from([0.5, 0.25])),
    )


def path(found: Any) -> np.ndarray:
    """The weights after each step as one array, (steps, ...)."""
    return np.stack([np.asarray(weight) for weight in found])


def both(ops: Operations, case: SgdCase) -> dict[str, Callable[..., Any]]:
    """SGD and Adam as functions of weight and gradients."""
    return {"SGD": partial(ops.sgd, **case.options), "Adam": partial(ops.adam, lr=0.5)}


@law("sgd", cases=sgd_cases)
def a_plain_step_goes_down_the_slope(ops: Operations, case: SgdCase) -> None:
    """Without momentum and decay, a step subtracts the learning rate times its own gradient, and forgets it.

    w_t = w_0 − lr · (g_1 + ... + g_t)
    """
    expected = case.weight - case.lr * np.cumsum(case.gradients, 0)
    equal(path(ops.sgd(case.weight.copy(), case.gradients, case.lr)), expected, "the path")


@law("sgd", cases=sgd_cases)
def a_zero_gradient_moves_nothing(ops: Operations, case: SgdCase) -> None:
    """Where nothing pulls, nothing moves: without decay a weight whose gradient was always 0 stays.

    g = 0 in every step  ⟹  w_t = w_0, with momentum or without
    """
    nothing = [np.zeros_like(g) for g in case.gradients]
    expected = np.stack([case.weight] * len(nothing))
    equal(path(ops.sgd(case.weight.copy(), nothing, **case.without_decay)), expected, "the path")


@law("sgd", cases=sgd_cases)
def a_steady_slope_gathers_speed(ops: Operations, case: SgdCase) -> None:
    """With a constant gradient momentum sums a geometric series: steps grow towards lr · g / (1 − μ).

    w_{t−1} − w_t = lr · g · (1 + μ + ... + μ^(t−1))   without dampening and decay
    """
    g, steps = case.gradients[0], len(case.gradients)
    found = path(ops.sgd(case.weight.copy(), [g] * steps, case.lr, case.momentum))
    moves = [case.lr * g * sum(case.momentum**k for k in range(t + 1)) for t in range(steps)]
    equal(found, case.weight - np.cumsum(moves, 0), "the path")


@law("sgd", cases=sgd_cases)
def it_rolls_on_and_slows_down(ops: Operations, case: SgdCase) -> None:
    """After one push, momentum goes on: each step is μ times the one before, though nothing pulls any more.

    g_1 = g, then 0:   w_{t−1} − w_t = lr · g · μ^(t−1)   without dampening and decay
    """
    g, steps = case.gradients[0], len(case.gradients)
    pushes = [g] + [np.zeros_like(g)] * (steps - 1)
    found = path(ops.sgd(case.weight.copy(), pushes, case.lr, case.momentum))
    moves = [case.lr * g * case.momentum**t for t in range(steps)]
    equal(found, case.weight - np.cumsum(moves, 0), "the path")


@law("sgd", cases=sgd_cases)
def momentum_needs_two_steps(ops: Operations, case: SgdCase) -> None:
    """In the first step there is nothing to remember, and dampening spares it: it is a plain step.

    w_1(μ, dampening) = w_0 − lr · (g_1 + λ·w_0)
    """
    found = path(ops.sgd(case.weight.copy(), case.gradients, **case.options))[0]
    expected = case.weight - case.lr * (case.gradients[0] + case.weight_decay * case.weight)
    equal(found, expected, "the weight after the first step")


@law("sgd", cases=sgd_cases)
def dampening_shrinks_all_gradients_but_the_first(ops: Operations, case: SgdCase) -> None:
    """With momentum, dampening d multiplies by 1 − d what the second step and all later ones add.

    path(g_1, g_2, ...; d) = path(g_1, (1 − d)·g_2, ...; 0)   without decay
    """
    less = [case.gradients[0], *((1 - case.dampening) * g for g in case.gradients[1:])]
    found = path(ops.sgd(case.weight.copy(), case.gradients, **case.without_decay))
    equal(found, path(ops.sgd(case.weight.copy(), less, case.lr, case.momentum)), "the path")


@law("sgd", cases=sgd_cases)
def decay_is_a_gradient_of_its_own(ops: Operations, case: SgdCase) -> None:
    """Weight decay λ adds λ times the weight as it is now to the gradient, before all else.

    path(g_t; λ) = path(g_t + λ·w_{t−1}; 0), with momentum and dampening
    """
    found = path(ops.sgd(case.weight.copy(), case.gradients, **case.options))
    before = [case.weight, *found[:-1]]
    pulled = [g + case.weight_decay * w for g, w in zip(case.gradients, before, strict=True)]
    equal(found, path(ops.sgd(case.weight.copy(), pulled, **case.without_decay)), "the path")


@law("sgd", cases=sgd_cases)
def nesterov_looks_ahead(ops: Operations, case: SgdCase) -> None:
    """Nesterov's weights are μ steps further than those of plain momentum, along the step just made.

    nesterov_t = w_t + μ · (w_t − w_{t−1})   without dampening and decay
    """
    plain = path(ops.sgd(case.weight.copy(), case.gradients, case.lr, case.momentum))
    ahead = plain + case.momentum * np.diff(np.concatenate([case.weight[None], plain]), axis=0)
    found = ops.sgd(case.weight.copy(), case.gradients, case.lr, case.momentum, nesterov=True)
    equal(path(found), ahead, "Nesterov's path")


@law("sgd", cases=sgd_cases)
def paths_add_up(ops: Operations, case: SgdCase) -> None:
    """SGD only adds and multiplies by settings: paths of sums are sums of paths.

    path(2·w − 3·w', 2·g − 3·g') = 2·path(w, g) − 3·path(w', g')
    """
    other_weight, other = case.weight[..., ::-1] + 1, [g[::-1] - 2 for g in case.gradients]
    mixed = [2 * g - 3 * h for g, h in zip(case.gradients, other, strict=True)]
    found = path(ops.sgd(2 * case.weight - 3 * other_weight, mixed, **case.options))
    first = path(ops.sgd(case.weight.copy(), case.gradients, **case.options))
    equal(found, 2 * first - 3 * path(ops.sgd(other_weight, other, **case.options)), "the path")


@law("sgd", "adam", cases=sgd_cases)
def every_element_has_its_own_path(ops: Operations, case: SgdCase) -> None:
    """An element of the weight moves by its own gradients, whatever the others do.

    path(w, g)[q] = path(w[q], g[q])
    """
    for name, step in both(ops, case).items():
        whole = path(step(case.weight.copy(), case.gradients))
        for at in {(0,) * case.weight.ndim, tuple(n - 1 for n in case.weight.shape)}:
            alone = path(step(case.weight[at].reshape(1), [g[at].reshape(1) for g in case.gradients]))
            equal(whole[(slice(None), *at)], alone[:, 0], f"the path of element {list(at)} by {name}")


@law("sgd", "adam", cases=sgd_cases)
def the_future_does_not_matter(ops: Operations, case: SgdCase) -> None:
    """A step knows the gradients so far, and what was returned for it does not move with later ones.

    path(g_1 ... g_T)[:t] = path(g_1 ... g_t)
    """
    for name, step in both(ops, case).items():
        whole, begun = (path(step(case.weight.copy(), g)) for g in (case.gradients, case.gradients[:-1]))
        equal(whole[:-1], begun, f"the beginning of the path by {name}")


@law("sgd", "adam", cases=sgd_cases)
def gradients_are_only_read(ops: Operations, case: SgdCase) -> None:
    """The caller's weight and gradients stay as they are, and the weights that come back are of the same dtype.

    after T steps: w_0 and g_1 ... g_T unchanged, w_t.dtype = w_0.dtype
    """
    for name, step in both(ops, case).items():
        weight, gradients = case.weight.astype(np.float32), [g.astype(np.float32) for g in case.gradients]
        found = step(weight, gradients)
        equal(weight, case.weight, f"the caller's weight after {name}")
        for number, (gradient, before) in enumerate(zip(gradients, case.gradients, strict=True), 1):
            equal(gradient, before, f"gradient {number} after {name}")
        kinds = sorted({str(w.dtype) for w in found})
        demand(kinds == ["float32"], f"The weights by {name} are {' and '.join(kinds)}, they should be float32.")
