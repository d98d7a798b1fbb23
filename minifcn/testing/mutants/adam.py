"""Adams with one mistake each, all made of one loop."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from minifcn.testing.version import mutant


def _adam(weight: Any, gradients: Any, lr: float, betas: tuple[float, float] = (0.9, 0.999), eps: float = 1e-8,
          weight_decay: float = 0.0) -> tuple[Any, ...]:  # fmt: skip
    return weight, gradients, lr, betas, eps, weight_decay


def run(
    arguments: tuple[Any, ...],
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
    weight, gradients, lr, (one, two), eps, decay = arguments
    dtype, mean, square, path = weight.dtype, np.zeros_like(weight), np.zeros_like(weight), []
    for t, grad in enumerate(gradients, 1):
        g = grad if decoupled else grad + decay * weight
        mean = remembered(mean, g, one)
        square = remembered(square, squared(g, mean), two)
        m, v = corrected(mean, one, t), corrected_square(square, two, t)
        if keep_corrected:
            mean, square = m, v
        moved = weight - sign * lr * step(m, v, eps) - (lr * decay * weight if decoupled else 0)
        weight = np.asarray(moved).astype(dtype)
        path.append(weight)
    return path


@mutant("adam")
def means_not_corrected(*arguments: Any, **named: Any) -> Any:
    """Neither mean is corrected for having begun at 0: the first steps have another length."""
    return run(_adam(*arguments, **named), corrected=lambda m, *_: m, corrected_square=lambda v, *_: v)


@mutant("adam")
def only_the_mean_corrected(*arguments: Any, **named: Any) -> Any:
    """Only the mean of the gradients is corrected, not that of their squares: the first steps are far too long."""
    return run(_adam(*arguments, **named), corrected_square=lambda v, *_: v)


@mutant("adam")
def only_the_square_corrected(*arguments: Any, **named: Any) -> Any:
    """Only the mean of the squares is corrected."""
    return run(_adam(*arguments, **named), corrected=lambda m, *_: m)


@mutant("adam")
def steps_counted_from_two(*arguments: Any, **named: Any) -> Any:
    """The step is counted twice before the first correction: t is one too large."""
    return run(_adam(*arguments, **named), corrected=lambda m, beta, t: m / (1 - beta ** (t + 1)),
               corrected_square=lambda v, beta, t: v / (1 - beta ** (t + 1)))  # fmt: skip


@mutant("adam")
def corrected_once_for_all(*arguments: Any, **named: Any) -> Any:
    """The correction is that of the first step in every step: 1 − β instead of 1 − βᵗ."""
    return run(_adam(*arguments, **named), corrected=lambda m, beta, t: m / (1 - beta),
               corrected_square=lambda v, beta, t: v / (1 - beta))  # fmt: skip


@mutant("adam")
def corrected_means_remembered(*arguments: Any, **named: Any) -> Any:
    """The corrected means overwrite the running ones and are corrected once more in the next step."""
    return run(_adam(*arguments, **named), keep_corrected=True)


@mutant("adam")
def eps_inside_the_root(*arguments: Any, **named: Any) -> Any:
    """eps is added to the mean of the squares, before the root is taken."""
    return run(_adam(*arguments, **named), step=lambda m, v, eps: m / np.sqrt(v + eps))


@mutant("adam")
def eps_before_the_correction(*arguments: Any, **named: Any) -> Any:
    """eps is added to the root of the mean before that is corrected, which makes it larger in the first steps."""
    _, _, _, (_, two), _, _ = _adam(*arguments, **named)
    count = iter(range(1, 10**6))
    return run(_adam(*arguments, **named),
               step=lambda m, v, eps: m / (np.sqrt(v) + eps / np.sqrt(1 - two ** next(count))))  # fmt: skip


@mutant("adam")
def eps_left_out(*arguments: Any, **named: Any) -> Any:
    """eps is not added: where a gradient is always 0 the step is 0/0."""
    return run(_adam(*arguments, **named), step=lambda m, v, eps: m / np.sqrt(v))


@mutant("adam")
def betas_exchanged(weight: Any, gradients: Any, lr: float, betas: Any = (0.9, 0.999), *options: Any,
                    **named: Any) -> Any:  # fmt: skip
    """β₁ is used for the squares and β₂ for the gradients."""
    return run(_adam(weight, gradients, lr, betas[::-1], *options, **named))


@mutant("adam")
def betas_are_the_share_of_the_new(*arguments: Any, **named: Any) -> Any:
    """A beta is taken for the share of what is new: means are β·g + (1 − β)·m."""
    return run(_adam(*arguments, **named), remembered=lambda old, new, beta: (1 - beta) * old + beta * new)


@mutant("adam")
def decay_past_the_means(*arguments: Any, **named: Any) -> Any:
    """The decay is subtracted from the weight directly: that is AdamW."""
    return run(_adam(*arguments, **named), decoupled=True)


@mutant("adam")
def root_forgotten(*arguments: Any, **named: Any) -> Any:
    """The step is divided by the mean of the squares, not by its root."""
    return run(_adam(*arguments, **named), step=lambda m, v, eps: m / (v + eps))


@mutant("adam")
def absolute_values_for_squares(*arguments: Any, **named: Any) -> Any:
    """The second mean is that of |g| instead of g², and its root is taken all the same."""
    return run(_adam(*arguments, **named), squared=lambda g, m: np.abs(g))


@mutant("adam")
def spread_around_the_mean(*arguments: Any, **named: Any) -> Any:
    """The squares are those of the distance to the mean, (g − m)², as in AdaBelief."""
    return run(_adam(*arguments, **named), squared=lambda g, m: (g - m) ** 2)


@mutant("adam")
def largest_square_kept(*arguments: Any, **named: Any) -> Any:
    """The largest mean of squares so far divides, as with amsgrad: after one large gradient steps stay small."""
    largest: list[Any] = [0.0]

    def step(m: Any, v: Any, eps: float) -> Any:
        largest[0] = np.maximum(largest[0], v)
        return m / (np.sqrt(largest[0]) + eps)

    return run(_adam(*arguments, **named), step=step)


@mutant("adam")
def one_spread_for_the_whole_tensor(*arguments: Any, **named: Any) -> Any:
    """The squares are averaged over all elements: one step length for the whole tensor."""
    return run(_adam(*arguments, **named), squared=lambda g, m: np.full_like(g, (g * g).mean()))


@mutant("adam")
def adam_up_the_slope(*arguments: Any, **named: Any) -> Any:
    """The step is added instead of subtracted."""
    return run(_adam(*arguments, **named), sign=-1.0)


@mutant("adam")
def negative_gradients_weigh_less(*arguments: Any, **named: Any) -> Any:
    """Gradients pass through a leaky ReLU by mistake: negative ones are halved, which only memory can show."""
    weight, gradients, *settings = _adam(*arguments, **named)
    return run((weight, [np.where(g < 0, g / 2, g) for g in gradients], *settings))


@mutant("adam")
def rests_without_a_gradient(*arguments: Any, **named: Any) -> Any:
    """Elements whose gradient is 0 in this step are left alone, although the mean would move them on."""
    weight, gradients, lr, *settings = _adam(*arguments, **named)
    path = run((weight, gradients, lr, *settings))
    moves = np.diff(np.stack([weight, *path]), axis=0) * (np.stack(gradients) != 0)
    return list((weight + np.cumsum(moves, 0)).astype(weight.dtype))


@mutant("adam")
def adams_weights_are_double(*arguments: Any, **named: Any) -> Any:
    """The weights become float64 in the first step."""
    return [w.astype(np.float64) for w in run(_adam(*arguments, **named))]


@mutant("adam")
def gradients_erased_after_use(*arguments: Any, **named: Any) -> Any:
    """The caller's gradients are set to 0 once they are used."""
    path = run(_adam(*arguments, **named))
    for gradient in _adam(*arguments, **named)[1]:
        gradient[...] = 0
    return path
