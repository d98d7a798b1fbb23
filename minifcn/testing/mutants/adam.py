"""Adams with one mistake each, all made of one loop."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from minifcn.testing.version import changes, spoils


def written_out(
    weight: Any,
    gradients: Any,
    lr: float,
    betas: tuple[float, float] = (0.9, 0.999),
    eps: float = 1e-8,
    weight_decay: float = 0.0,
    *,
    squared: Callable[[Any, Any], Any] = lambda g, m: g * g,
    remembered: Callable[[Any, Any, float], Any] = lambda old, new, beta: beta * old + (1 - beta) * new,
    corrected: Callable[[Any, float, int], Any] = lambda mean, beta, t: mean / (1 - beta**t),
    corrected_square: Callable[[Any, float, int], Any] = lambda mean, beta, t: mean / (1 - beta**t),
    step: Callable[[Any, Any, float], Any] = lambda m, v, eps: m / (np.sqrt(v) + eps),
    decoupled: bool = False,
    sign: float = 1.0,
    keep_corrected: bool = False,
) -> list[np.ndarray]:
    """Adam, each of whose lines can be replaced: square, running means, their corrections, the step."""
    (one, two), dtype, path = betas, weight.dtype, []
    mean, square = np.zeros_like(weight), np.zeros_like(weight)
    for t, grad in enumerate(gradients, 1):
        g = grad if decoupled else grad + weight_decay * weight
        mean = remembered(mean, g, one)
        square = remembered(square, squared(g, mean), two)
        m, v = corrected(mean, one, t), corrected_square(square, two, t)
        if keep_corrected:
            mean, square = m, v
        moved = weight - sign * lr * step(m, v, eps) - (lr * weight_decay * weight if decoupled else 0)
        weight = np.asarray(moved).astype(dtype)
        path.append(weight)
    return path


BOTH_CORRECTIONS = "corrected", "corrected_square"


@changes("adam", written_out)
def means_not_corrected() -> Any:
    """Neither mean is corrected for having begun at 0: the first steps have another length."""
    return dict.fromkeys(BOTH_CORRECTIONS, lambda mean, beta, t: mean)


@changes("adam", written_out)
def only_the_mean_corrected() -> Any:
    """Only the mean of the gradients is corrected, not that of their squares: the first steps are far too long."""
    return {"corrected_square": lambda v, *_: v}


@changes("adam", written_out)
def only_the_square_corrected() -> Any:
    """Only the mean of the squares is corrected."""
    return {"corrected": lambda m, *_: m}


@changes("adam", written_out)
def steps_counted_from_two() -> Any:
    """The step is counted twice before the first correction: t is one too large."""
    return dict.fromkeys(BOTH_CORRECTIONS, lambda mean, beta, t: mean / (1 - beta ** (t + 1)))


@changes("adam", written_out)
def corrected_once_for_all() -> Any:
    """The correction is that of the first step in every step: 1 − β instead of 1 − βᵗ."""
    return dict.fromkeys(BOTH_CORRECTIONS, lambda mean, beta, t: mean / (1 - beta))


@changes("adam", written_out)
def corrected_means_remembered() -> Any:
    """The corrected means overwrite the running ones and are corrected once more in the next step."""
    return {"keep_corrected": True}


@changes("adam", written_out)
def eps_inside_the_root() -> Any:
    """eps is added to the mean of the squares, before the root is taken."""
    return {"step": lambda m, v, eps: m / np.sqrt(v + eps)}


@changes("adam", written_out)
def eps_before_the_correction(betas: Any) -> Any:
    """eps is added to the root of the mean before that is corrected, which makes it larger in the first steps."""
    count = iter(range(1, 10**6))
    return {"step": lambda m, v, eps: m / (np.sqrt(v) + eps / np.sqrt(1 - betas[1] ** next(count)))}


@changes("adam", written_out)
def eps_left_out() -> Any:
    """eps is not added: where a gradient is always 0 the step is 0/0."""
    return {"step": lambda m, v, eps: m / np.sqrt(v)}


@changes("adam", written_out)
def betas_exchanged(betas: Any) -> Any:
    """β₁ is used for the squares and β₂ for the gradients."""
    return {"betas": betas[::-1]}


@changes("adam", written_out)
def betas_are_the_share_of_the_new() -> Any:
    """A beta is taken for the share of what is new: means are β·g + (1 − β)·m."""
    return {"remembered": lambda old, new, beta: (1 - beta) * old + beta * new}


@changes("adam", written_out)
def decay_past_the_means() -> Any:
    """The decay is subtracted from the weight directly: that is AdamW."""
    return {"decoupled": True}


@changes("adam", written_out)
def root_forgotten() -> Any:
    """The step is divided by the mean of the squares, not by its root."""
    return {"step": lambda m, v, eps: m / (v + eps)}


@changes("adam", written_out)
def absolute_values_for_squares() -> Any:
    """The second mean is that of |g| instead of g², and its root is taken all the same."""
    return {"squared": lambda g, m: np.abs(g)}


@changes("adam", written_out)
def spread_around_the_mean() -> Any:
    """The squares are those of the distance to the mean, (g − m)², as in AdaBelief."""
    return {"squared": lambda g, m: (g - m) ** 2}


@changes("adam", written_out)
def largest_square_kept() -> Any:
    """The largest mean of squares so far divides, as with amsgrad: after one large gradient steps stay small."""
    largest: list[Any] = [0.0]

    def step(m: Any, v: Any, eps: float) -> Any:
        largest[0] = np.maximum(largest[0], v)
        return m / (np.sqrt(largest[0]) + eps)

    return {"step": step}


@changes("adam", written_out)
def one_spread_for_the_whole_tensor() -> Any:
    """The squares are averaged over all elements: one step length for the whole tensor."""
    return {"squared": lambda g, m: np.full_like(g, (g * g).mean())}


@changes("adam", written_out)
def adam_up_the_slope() -> Any:
    """The step is added instead of subtracted."""
    return {"sign": -1.0}


@changes("adam", written_out)
def negative_gradients_weigh_less(gradients: Any) -> Any:
    """Gradients pass through a leaky ReLU by mistake: negative ones are halved, which only memory can show."""
    return {"gradients": [np.where(g < 0, g / 2, g) for g in gradients]}


@spoils("adam", written_out)
def rests_without_a_gradient(path: Any, /, weight: Any, gradients: Any) -> Any:
    """Elements whose gradient is 0 in this step are left alone, although the mean would move them on."""
    moves = np.diff(np.stack([weight, *path]), axis=0) * (np.stack(gradients) != 0)
    return list((weight + np.cumsum(moves, 0)).astype(weight.dtype))


@spoils("adam", written_out)
def adams_weights_are_double(path: Any, /) -> Any:
    """The weights become float64 in the first step."""
    return [weight.astype(np.float64) for weight in path]


@spoils("adam", written_out)
def gradients_erased_after_use(path: Any, /, gradients: Any) -> Any:
    """The caller's gradients are set to 0 once they are used."""
    for gradient in gradients:
        gradient[...] = 0
    return path
