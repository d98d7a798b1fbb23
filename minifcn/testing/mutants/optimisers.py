"""SGDs with one mistake each, all made of one loop."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from minifcn.testing.version import changes, spoils


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


def written_out(weight: Any, gradients: Any, lr: float, momentum: float = 0.0, dampening: float = 0.0,
                weight_decay: float = 0.0, nesterov: bool = False, *, decayed: Callable[[Step], Any] = decayed,
                gathered: Callable[[Step, Any], Any] = gathered, chosen: Callable[[Step, Any, Any], Any] = chosen,
                moved: Callable[[Step, Any], Any] = moved) -> list[np.ndarray]:  # fmt: skip
    """SGD, each of whose four lines can be replaced: decay, momentum, Nesterov, the step."""
    path, buffer, dtype, start = [], None, weight.dtype, weight
    for number, grad in enumerate(gradients, 1):
        s = Step(weight, grad, buffer, number, lr, momentum, dampening, weight_decay, nesterov)
        pulled = decayed(s)
        buffer = gathered(s, pulled)
        weight = np.asarray(moved(s, chosen(s, pulled, buffer)))
        path.append(weight.astype(dtype) if weight is not start else weight.copy())
    return path


@changes("sgd", written_out)
def up_the_slope() -> Any:
    """The step is added instead of subtracted: the loss grows."""
    return {"moved": lambda s, direction: s.weight + s.lr * direction}


@changes("sgd", written_out)
def learning_rate_twice() -> Any:
    """The learning rate is applied to the gradient and once more to the step."""
    return {"decayed": lambda s: s.lr * decayed(s)}


@changes("sgd", written_out)
def momentum_as_a_mean() -> Any:
    """The buffer is a running mean, μ·b + (1 − μ)·g, as in Adam: steps do not gather speed."""

    def gather(s: Step, grad: Any) -> Any:
        return grad if s.buffer is None or not s.momentum else s.momentum * s.buffer + (1 - s.momentum) * grad

    return {"gathered": gather}


@changes("sgd", written_out)
def momentum_from_a_mean_of_zero() -> Any:
    """The buffer begins at 0 and dampening is applied in the first step, too."""

    def gather(s: Step, grad: Any) -> Any:
        before = 0 if s.buffer is None else s.buffer
        return s.momentum * before + (1 - s.dampening) * grad if s.momentum else grad

    return {"gathered": gather}


@changes("sgd", written_out)
def momentum_forgotten() -> Any:
    """The buffer is made anew in every step: nothing is ever remembered."""
    return {"gathered": lambda s, g: g}


@changes("sgd", written_out)
def momentum_of_the_last_gradient() -> Any:
    """Only the gradient before this one is remembered, not the sum of all."""
    last: list[Any] = [0]

    def gather(s: Step, grad: Any) -> Any:
        before, last[0] = last[0], grad
        return s.momentum * before + grad * (1 if s.buffer is None or not s.momentum else 1 - s.dampening)

    return {"gathered": gather}


@changes("sgd", written_out)
def dampening_ignored() -> Any:
    """The dampening is not looked at."""
    return {"dampening": 0.0}


@changes("sgd", written_out)
def decay_after_momentum() -> Any:
    """The decay is subtracted from the weight directly, past the momentum."""
    return {"decayed": lambda s: s.grad, "moved": lambda s, direction: moved(s, direction) - s.lr * s.decay * s.weight}


@changes("sgd", written_out)
def decay_grows() -> Any:
    """The decay has the wrong sign: weights grow instead of shrinking."""
    return {"decayed": lambda s: s.grad - s.decay * s.weight}


@changes("sgd", written_out)
def decay_of_the_first_weight(weight: Any) -> Any:
    """The decay is that of the weight as it was at the start."""
    return {"decayed": lambda s: s.grad + s.decay * weight}


@changes("sgd", written_out)
def decay_by_the_sign() -> Any:
    """The decay pulls by the sign of the weight (L1) instead of by the weight (L2)."""
    return {"decayed": lambda s: s.grad + s.decay * np.sign(s.weight)}


@changes("sgd", written_out)
def nesterov_ignored() -> Any:
    """nesterov=True changes nothing."""
    return {"chosen": lambda s, grad, buffer: buffer}


@changes("sgd", written_out)
def nesterov_without_the_gradient() -> Any:
    """Nesterov's step is μ times the buffer, without the gradient itself."""
    return {"chosen": lambda s, grad, buffer: s.momentum * buffer if s.nesterov else buffer}


@changes("sgd", written_out)
def nesterov_looks_too_far() -> Any:
    """Nesterov's step adds μ times the buffer to the buffer instead of to the gradient."""
    return {"chosen": lambda s, grad, buffer: buffer + s.momentum * buffer if s.nesterov else buffer}


@changes("sgd", written_out)
def gradients_never_zeroed(weight: Any, gradients: Any) -> Any:
    """zero_grad is forgotten: every step sees the sum of all gradients so far."""
    return {"gradients": list(np.cumsum(gradients, 0, dtype=weight.dtype))}


@changes("sgd", written_out)
def averaged_over_all_steps(weight: Any, gradients: Any) -> Any:
    """The gradients of all steps are averaged before the first one is made."""
    return {"gradients": [np.mean(gradients, 0, dtype=weight.dtype)] * len(gradients)}


@changes("sgd", written_out)
def gradient_clipped_by_its_length() -> Any:
    """Gradients longer than 4 are shortened inside the optimiser, by the length of the whole tensor."""
    return {"decayed": lambda s: decayed(s) * min(1, 4 / max(float(np.linalg.norm(decayed(s))), 1e-9))}


@changes("sgd", written_out)
def gradient_divided_by_its_length() -> Any:
    """Every step has the length of the learning rate, whatever the gradient; and a zero gradient gives 0/0."""
    return {"decayed": lambda s: decayed(s) / np.linalg.norm(decayed(s))}


@spoils("sgd", written_out)
def rests_where_nothing_pulls(weight: Any, gradients: Any, again: Any) -> Any:
    """A step with a zero gradient is left out, to save time: momentum and decay rest, too."""
    path, kept = [], []
    for gradient in gradients:
        kept += [gradient] if gradient.any() else []
        path.append(again(gradients=kept)[-1] if kept else weight.copy())
    return path


@spoils("sgd", written_out)
def every_weight_is_the_last(path: Any, /) -> Any:
    """The same array is returned for every step: all of them show the last one."""
    return [path[-1]] * len(path)


@changes("sgd", written_out)
def buffer_is_the_callers_gradient() -> Any:
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

    return {"decayed": pull, "gathered": gather}


@spoils("sgd", written_out)
def weight_moved_in_place(path: Any, /, weight: Any) -> Any:
    """The steps are made in the caller's own array."""
    weight[...] = path[-1]
    return path


@spoils("sgd", written_out)
def weights_in_double_precision(path: Any, /) -> Any:
    """The weights become float64 in the first step."""
    return [weight.astype(np.float64) for weight in path]
