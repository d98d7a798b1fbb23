"""SGDs with one mistake each, all made of one loop."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from minifcn.testing.version import mutant


@dataclass
class Step:
    """What one step knows: weight, gradient, buffer (None at first), number of the step from 1, and the settings."""

    weight: np.ndarray
    grad: np.ndarray
    buffer: Any
    number: int
    lr: float
    momentum: float
    dampening: float
    decay: float
    nesterov: bool


def decayed(s: Step) -> Any:
    return s.grad + s.decay * s.weight


def gathered(s: Step, grad: Any) -> Any:
    if not s.momentum:
        return grad
    return grad if s.buffer is None else s.momentum * s.buffer + (1 - s.dampening) * grad


def chosen(s: Step, grad: Any, buffer: Any) -> Any:
    return grad + s.momentum * buffer if s.nesterov else buffer


def moved(s: Step, direction: Any) -> Any:
    return s.weight - s.lr * direction


def run(arguments: tuple[Any, ...], decayed: Callable[[Step], Any] = decayed,
        gathered: Callable[[Step, Any], Any] = gathered, chosen: Callable[[Step, Any, Any], Any] = chosen,
        moved: Callable[[Step, Any], Any] = moved) -> list[np.ndarray]:  # fmt: skip
    """SGD, each of whose four lines can be replaced: decay, momentum, Nesterov, the step."""
    weight, gradients, *settings = arguments
    path, buffer, dtype, start = [], None, weight.dtype, weight
    for number, grad in enumerate(gradients, 1):
        s = Step(weight, grad, buffer, number, *settings)
        pulled = decayed(s)
        buffer = gathered(s, pulled)
        weight = np.asarray(moved(s, chosen(s, pulled, buffer)))
        path.append(weight.astype(dtype) if weight is not start else weight.copy())
    return path


def _sgd(weight: Any, gradients: Any, lr: float, momentum: float = 0.0, dampening: float = 0.0,
         weight_decay: float = 0.0, nesterov: bool = False) -> tuple[Any, ...]:  # fmt: skip
    return weight, gradients, lr, momentum, dampening, weight_decay, nesterov


@mutant("sgd")
def up_the_slope(*arguments: Any, **named: Any) -> Any:
    """The step is added instead of subtracted: the loss grows."""
    return run(_sgd(*arguments, **named), moved=lambda s, direction: s.weight + s.lr * direction)


@mutant("sgd")
def learning_rate_twice(*arguments: Any, **named: Any) -> Any:
    """The learning rate is applied to the gradient and once more to the step."""
    return run(_sgd(*arguments, **named), decayed=lambda s: s.lr * decayed(s))


@mutant("sgd")
def momentum_as_a_mean(*arguments: Any, **named: Any) -> Any:
    """The buffer is a running mean, μ·b + (1 − μ)·g, as in Adam: steps do not gather speed."""
    return run(_sgd(*arguments, **named), gathered=lambda s, g: g if s.buffer is None or not s.momentum else
               s.momentum * s.buffer + (1 - s.momentum) * g)  # fmt: skip


@mutant("sgd")
def momentum_from_a_mean_of_zero(*arguments: Any, **named: Any) -> Any:
    """The buffer begins at 0 and dampening is applied in the first step, too."""
    return run(_sgd(*arguments, **named), gathered=lambda s, g: g if not s.momentum else
               s.momentum * (0 if s.buffer is None else s.buffer) + (1 - s.dampening) * g)  # fmt: skip


@mutant("sgd")
def momentum_forgotten(*arguments: Any, **named: Any) -> Any:
    """The buffer is made anew in every step: nothing is ever remembered."""
    return run(_sgd(*arguments, **named), gathered=lambda s, g: g)


@mutant("sgd")
def momentum_of_the_last_gradient(*arguments: Any, **named: Any) -> Any:
    """Only the gradient before this one is remembered, not the sum of all."""
    last: list[Any] = [0]

    def gather(s: Step, grad: Any) -> Any:
        before, last[0] = last[0], grad
        return s.momentum * before + grad * (1 if s.buffer is None or not s.momentum else 1 - s.dampening)

    return run(_sgd(*arguments, **named), gathered=gather)


@mutant("sgd")
def dampening_ignored(*arguments: Any, **named: Any) -> Any:
    """The dampening is not looked at."""
    weight, gradients, lr, momentum, _, decay, nesterov = _sgd(*arguments, **named)
    return run((weight, gradients, lr, momentum, 0.0, decay, nesterov))


@mutant("sgd")
def decay_after_momentum(*arguments: Any, **named: Any) -> Any:
    """The decay is subtracted from the weight directly, past the momentum."""
    return run(_sgd(*arguments, **named), decayed=lambda s: s.grad,
               moved=lambda s, direction: moved(s, direction) - s.lr * s.decay * s.weight)  # fmt: skip


@mutant("sgd")
def decay_grows(*arguments: Any, **named: Any) -> Any:
    """The decay has the wrong sign: weights grow instead of shrinking."""
    return run(_sgd(*arguments, **named), decayed=lambda s: s.grad - s.decay * s.weight)


@mutant("sgd")
def decay_of_the_first_weight(*arguments: Any, **named: Any) -> Any:
    """The decay is that of the weight as it was at the start."""
    weight = _sgd(*arguments, **named)[0]
    return run(_sgd(*arguments, **named), decayed=lambda s: s.grad + s.decay * weight)


@mutant("sgd")
def decay_by_the_sign(*arguments: Any, **named: Any) -> Any:
    """The decay pulls by the sign of the weight (L1) instead of by the weight (L2)."""
    return run(_sgd(*arguments, **named), decayed=lambda s: s.grad + s.decay * np.sign(s.weight))


@mutant("sgd")
def nesterov_ignored(*arguments: Any, **named: Any) -> Any:
    """nesterov=True changes nothing."""
    return run(_sgd(*arguments, **named), chosen=lambda s, grad, buffer: buffer)


@mutant("sgd")
def nesterov_without_the_gradient(*arguments: Any, **named: Any) -> Any:
    """Nesterov's step is μ times the buffer, without the gradient itself."""
    return run(_sgd(*arguments, **named), chosen=lambda s, grad, buffer: s.momentum * buffer if s.nesterov else buffer)


@mutant("sgd")
def nesterov_looks_too_far(*arguments: Any, **named: Any) -> Any:
    """Nesterov's step adds μ times the buffer to the buffer instead of to the gradient."""
    return run(_sgd(*arguments, **named),
               chosen=lambda s, grad, buffer: buffer + s.momentum * buffer if s.nesterov else buffer)  # fmt: skip


@mutant("sgd")
def gradients_never_zeroed(*arguments: Any, **named: Any) -> Any:
    """zero_grad is forgotten: every step sees the sum of all gradients so far."""
    weight, gradients, *settings = _sgd(*arguments, **named)
    return run((weight, list(np.cumsum(gradients, 0, dtype=weight.dtype)), *settings))


@mutant("sgd")
def averaged_over_all_steps(*arguments: Any, **named: Any) -> Any:
    """The gradients of all steps are averaged before the first one is made."""
    weight, gradients, *settings = _sgd(*arguments, **named)
    return run((weight, [np.mean(gradients, 0, dtype=weight.dtype)] * len(gradients), *settings))


@mutant("sgd")
def gradient_clipped_by_its_length(*arguments: Any, **named: Any) -> Any:
    """Gradients longer than 4 are shortened inside the optimiser, by the length of the whole tensor."""
    return run(_sgd(*arguments, **named),
               decayed=lambda s: decayed(s) * min(1, 4 / max(float(np.linalg.norm(decayed(s))), 1e-9)))  # fmt: skip


@mutant("sgd")
def gradient_divided_by_its_length(*arguments: Any, **named: Any) -> Any:
    """Every step has the length of the learning rate, whatever the gradient; and a zero gradient gives 0/0."""
    return run(_sgd(*arguments, **named), decayed=lambda s: decayed(s) / np.linalg.norm(decayed(s)))


@mutant("sgd")
def rests_where_nothing_pulls(*arguments: Any, **named: Any) -> Any:
    """A step with a zero gradient is left out, to save time: momentum and decay rest, too."""
    weight, gradients, *settings = _sgd(*arguments, **named)
    path, kept = [], []
    for gradient in gradients:
        kept += [gradient] if gradient.any() else []
        path.append(run((weight, kept, *settings))[-1] if kept else weight.copy())
    return path


@mutant("sgd")
def every_weight_is_the_last(*arguments: Any, **named: Any) -> Any:
    """The same array is returned for every step: all of them show the last one."""
    path = run(_sgd(*arguments, **named))
    return [path[-1]] * len(path)


@mutant("sgd")
def buffer_is_the_callers_gradient(*arguments: Any, **named: Any) -> Any:
    """The first gradient itself is kept as buffer, without a copy, and later steps write into it."""

    def gather(s: Step, grad: Any) -> Any:
        if s.buffer is None or not s.momentum:
            return grad
        s.buffer *= s.momentum
        s.buffer += (1 - s.dampening) * grad
        return s.buffer

    def pull(s: Step) -> Any:
        if s.number == 1:
            s.grad[...] += s.decay * s.weight
        return s.grad if s.number == 1 else decayed(s)

    return run(_sgd(*arguments, **named), decayed=pull, gathered=gather)


@mutant("sgd")
def weight_moved_in_place(*arguments: Any, **named: Any) -> Any:
    """The steps are made in the caller's own array."""
    path = run(_sgd(*arguments, **named))
    arguments[0][...] = path[-1]
    return path


@mutant("sgd")
def weights_in_double_precision(*arguments: Any, **named: Any) -> Any:
    """The weights become float64 in the first step."""
    return [w.astype(np.float64) for w in run(_sgd(*arguments, **named))]
