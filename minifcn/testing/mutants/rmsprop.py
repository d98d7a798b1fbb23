"""RMSprops with one mistake each, all made of one loop."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from minifcn.testing.version import changes, spoils


def written_out(
    weight: Any,
    gradients: Any,
    lr: float,
    alpha: float = 0.99,
    eps: float = 1e-8,
    weight_decay: float = 0.0,
    momentum: float = 0.0,
    centered: bool = False,
    *,
    decayed: Callable[[Any, Any, float], Any] = lambda g, w, decay: g + decay * w,
    squared: Callable[[Any], Any] = lambda g: g * g,
    remembered: Callable[[Any, Any, float], Any] = lambda old, new, alpha: alpha * old + (1 - alpha) * new,
    spread: Callable[[Any, Any], Any] = lambda v, m: np.maximum(v - m * m, 0),
    step: Callable[[Any, Any, float], Any] = lambda g, v, eps: g / (np.sqrt(v) + eps),
    gathered: Callable[[Any, Any, float], Any] = lambda buffer, step, momentum: momentum * buffer + step,
    sign: float = 1.0,
    new_square_first: bool = True,
) -> list[np.ndarray]:
    """RMSprop, each of whose lines can be replaced: decay, square, means, spread, the step, momentum."""
    dtype, path = weight.dtype, []
    square, mean, buffer = np.zeros_like(weight), np.zeros_like(weight), np.zeros_like(weight)
    for gradient in gradients:
        g = decayed(gradient, weight, weight_decay)
        before = square
        square, mean = remembered(square, squared(g), alpha), remembered(mean, g, alpha)
        divisor = square if new_square_first else before
        buffer = gathered(buffer, step(g, spread(divisor, mean) if centered else divisor, eps), momentum)
        weight = (weight - sign * lr * buffer).astype(dtype)
        path.append(weight)
    return path


@changes("rmsprop", written_out)
def rmsprop_up_the_slope() -> Any:
    """The step is added instead of subtracted."""
    return {"sign": -1.0}


@changes("rmsprop", written_out)
def alpha_is_the_share_of_the_new() -> Any:
    """α is taken for the share of what is new: v ← (1 − α)·v + α·g²."""
    return {"remembered": lambda old, new, alpha: (1 - alpha) * old + alpha * new}


@changes("rmsprop", written_out)
def squares_summed_for_ever() -> Any:
    """Squares are added up and never fade, as in AdaGrad."""
    return {"remembered": lambda old, new, alpha: old + new}


@changes("rmsprop", written_out)
def rms_corrected_as_in_adam(alpha: Any) -> Any:
    """The mean of squares is corrected for having begun at 0."""
    count = iter(range(1, 10**6))
    return {"step": lambda g, v, eps: g / (np.sqrt(v / (1 - alpha ** next(count))) + eps)}


@changes("rmsprop", written_out)
def root_of_the_squares_forgotten() -> Any:
    """The step is divided by the mean of the squares, not by its root."""
    return {"step": lambda g, v, eps: g / (v + eps)}


@changes("rmsprop", written_out)
def eps_under_the_root() -> Any:
    """eps is added before the root is taken, as in TensorFlow."""
    return {"step": lambda g, v, eps: g / np.sqrt(v + eps)}


@changes("rmsprop", written_out)
def no_eps() -> Any:
    """eps is not added: where a gradient is always 0 the step is 0/0."""
    return {"step": lambda g, v, eps: g / np.sqrt(v)}


@changes("rmsprop", written_out)
def absolute_values_averaged() -> Any:
    """The mean is that of |g| instead of g², and its root is taken all the same."""
    return {"squared": np.abs}


@changes("rmsprop", written_out)
def divided_by_the_old_square() -> Any:
    """The step is divided by the mean of squares before this gradient came in."""
    return {"new_square_first": False}


@changes("rmsprop", written_out)
def mean_not_squared() -> Any:
    """Centered, m is subtracted from v instead of m²."""
    return {"spread": lambda v, m: np.maximum(v - m, 0)}


@changes("rmsprop", written_out)
def never_centered() -> Any:
    """`centered` is ignored."""
    return {"centered": False}


@changes("rmsprop", written_out)
def always_centered() -> Any:
    """The spread divides, asked for or not."""
    return {"centered": True}


@changes("rmsprop", written_out)
def momentum_left_out() -> Any:
    """`momentum` is ignored."""
    return {"momentum": 0.0}


@changes("rmsprop", written_out)
def momentum_averages() -> Any:
    """The buffer is a running mean, μ·b + (1 − μ)·step."""
    return {"gathered": lambda buffer, step, momentum: momentum * buffer + (1 - momentum) * step}


@changes("rmsprop", written_out)
def rmsprop_without_decay() -> Any:
    """`weight_decay` is ignored."""
    return {"weight_decay": 0.0}


@changes("rmsprop", written_out)
def rmsprop_decays_the_first_weight(weight: Any) -> Any:
    """The decay pulls at the weight as it was in the beginning."""
    first = weight.copy()
    return {"decayed": lambda g, w, decay: g + decay * first}


@changes("rmsprop", written_out)
def one_size_for_the_whole_tensor() -> Any:
    """The squares are averaged over all elements: one divisor for the whole tensor."""
    return {"squared": lambda g: np.full_like(g, (g * g).mean())}


@spoils("rmsprop", written_out)
def rmsprops_weights_are_double(path: Any, /) -> Any:
    """The weights become float64 in the first step."""
    return [weight.astype(np.float64) for weight in path]


@spoils("rmsprop", written_out)
def rmsprop_erases_gradients(path: Any, /, gradients: Any) -> Any:
    """The caller's gradients are set to 0 once they are used."""
    for gradient in gradients:
        gradient[...] = 0
    return path
