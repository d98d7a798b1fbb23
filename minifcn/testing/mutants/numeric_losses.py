"""Losses of numbers with one mistake each."""

from __future__ import annotations

from typing import Any

import numpy as np

from minifcn.testing import ours
from minifcn.testing.version import changes, mutant, spoils

# --- squared and absolute errors --------------------------------------------------------------------------------------


@spoils("mse_loss")
def root_of_the_mean(loss: Any, /) -> Any:
    """The root is taken of the mean square."""
    return loss**0.5


@spoils("mse_loss")
def half_of_the_square(loss: Any, /) -> Any:
    """The half that makes the gradient prettier is taken."""
    return loss / 2


@spoils("mse_loss")
def squares_divided_by_the_images(loss: Any, /, x: Any) -> Any:
    """The sum is divided by the number of images."""
    return loss * x.size / len(x)


@mutant("mse_loss")
def square_of_the_mean(x: Any, target: Any) -> Any:
    """The differences are averaged first and squared afterwards: errors of both signs cancel."""
    return float(np.mean(x - target) ** 2)


@spoils("mse_loss_backward")
def two_forgotten(right: Any, /) -> Any:
    """The gradient is the difference, without the 2 of the square."""
    return right / 2


@spoils("mse_loss_backward")
def pull_not_shared(right: Any, /, x: Any) -> Any:
    """The gradient is that of the sum."""
    return right * x.size


@spoils("mse_loss_backward")
def push_instead_of_pull(right: Any, /) -> Any:
    """The difference is taken the other way round: an element is pushed away from its target."""
    return -right


@spoils("mse_loss_backward")
def pull_clipped(right: Any, /, x: Any) -> Any:
    """The gradient is clipped inside the loss, where nobody looks for it."""
    return np.clip(right, -2 / x.size, 2 / x.size)


@mutant("l1_loss")
def signs_kept(x: Any, target: Any) -> Any:
    """The absolute value is forgotten: errors of both signs cancel."""
    return float(np.mean(x - target))


@spoils("l1_loss")
def distances_divided_by_the_images(loss: Any, /, x: Any) -> Any:
    """The sum is divided by the number of images."""
    return loss * x.size / len(x)


@spoils("l1_loss_backward")
def no_rest_at_the_target(right: Any, /, x: Any, target: Any) -> Any:
    """Where both are equal the gradient is that of the right side, 1/n, and never 0."""
    return np.where(x == target, 1 / x.size, right).astype(x.dtype)


@spoils("l1_loss_backward")
def force_not_shared(right: Any, /, x: Any) -> Any:
    """The gradient is that of the sum."""
    return right * x.size


@mutant("l1_loss_backward")
def force_of_the_distance(x: Any, target: Any) -> Any:
    """The gradient is the difference, as for squares, not its sign."""
    return ((x - target) / x.size).astype(x.dtype)


@spoils("l1_loss_backward")
def force_in_double_precision(right: Any, /) -> Any:
    """The gradient is float64 whatever was given."""
    return right.astype(np.float64)


# --- binary cross entropy ---------------------------------------------------------------------------------------------


def _sigmoid(x: Any) -> Any:
    return 0.5 + 0.5 * np.tanh(0.5 * x)


def odds(x: Any, target: Any, weight: Any = None, pos_weight: Any = None, *,
         minus_log: Any = lambda x: np.logaddexp(0, -x), positive: Any = lambda t, p: p * t,
         negative: Any = lambda t, p: 1 - t, divisor: Any = lambda w: w.size) -> Any:  # fmt: skip
    """The formula: −log σ(x), the factors of both parts, and what the sum is divided by."""
    ours.binary_cross_entropy_with_logits(x, target, weight, pos_weight)  # refuses what must be refused
    factor = np.ones(()) if pos_weight is None else pos_weight
    each = positive(target, factor) * minus_log(x) + negative(target, factor) * minus_log(-x)
    weights = np.broadcast_to(1.0 if weight is None else weight, x.shape)
    return float((each * weights).sum() / divisor(weights))


NAME = "binary_cross_entropy_with_logits"


@changes(NAME, odds)
def logarithm_of_the_sigmoid() -> Any:
    """The logarithm is taken of a sigmoid that has become 0: infinite for scores below −745."""
    return {"minus_log": lambda x: -np.log(1 / (1 + np.exp(-x)))}


@changes(NAME, odds)
def sigmoid_clipped() -> Any:
    """Probabilities below 1e-7 are raised to it: no element can cost more than 16."""
    return {"minus_log": lambda x: -np.log(np.maximum(_sigmoid(x), 1e-7))}


@changes(NAME, odds)
def no_is_not_asked() -> Any:
    """The part of 1 − t is missing: to say yes to everything costs nothing."""
    return {"negative": lambda t, p: 0 * t}


@changes(NAME, odds)
def pos_weight_on_both_parts() -> Any:
    """pos_weight multiplies the whole."""
    return {"negative": lambda t, p: p * (1 - t)}


@changes(NAME, odds)
def pos_weight_on_the_negatives() -> Any:
    """pos_weight multiplies the other part."""
    return {"positive": lambda t, p: t, "negative": lambda t, p: p * (1 - t)}


@changes(NAME, odds)
def elements_divided_by_their_weights() -> Any:
    """The sum is divided by the sum of the weights, as for classes."""
    return {"divisor": lambda w: w.sum() or 1}


@changes(NAME, odds)
def elements_divided_by_the_images() -> Any:
    """The sum is divided by the number of images."""
    return {"divisor": len}


@changes(NAME)
def sigmoid_taken_twice(x: Any) -> Any:
    """The network ends with a sigmoid already, and the loss takes another one of its probabilities."""
    return {"x": _sigmoid(x)}


@changes(NAME)
def truth_rounded(target: Any) -> Any:
    """Targets are made zeros and ones first."""
    return {"target": np.round(target)}


@changes(NAME)
def weights_of_elements_ignored() -> Any:
    """The weight is taken and not looked at."""
    return {"weight": None}


@mutant(NAME)
def odds_of_every_pair(x: Any, target: Any, weight: Any = None, pos_weight: Any = None) -> Any:
    """Shapes are broadcast: each of N scores is compared with all N targets."""
    scores, truth = (np.array(array) for array in np.broadcast_arrays(x, target))
    return ours.binary_cross_entropy_with_logits(scores, truth, weight, pos_weight)


@spoils(f"{NAME}_backward")
def slope_of_the_sigmoid_left_in(right: Any, /, x: Any) -> Any:
    """The gradient has the factor σ·(1 − σ), as that of a squared error has: sure and wrong learns nothing."""
    p = _sigmoid(x)
    return (right * p * (1 - p)).astype(x.dtype)


@spoils(f"{NAME}_backward")
def odds_uphill(right: Any, /) -> Any:
    """The difference is taken the other way round."""
    return -right


@spoils(f"{NAME}_backward")
def odds_not_shared(right: Any, /, x: Any) -> Any:
    """The gradient is that of the sum."""
    return right * x.size


@changes(f"{NAME}_backward")
def pos_weight_forgotten_in_backward() -> Any:
    """pos_weight is in the loss but not in its gradient."""
    return {"pos_weight": None}


@changes(f"{NAME}_backward")
def weights_forgotten_in_backward() -> Any:
    """The weight is in the loss but not in its gradient."""
    return {"weight": None}


@spoils(f"{NAME}_backward")
def odds_overflow_in_backward(right: Any, /, x: Any) -> Any:
    """The sigmoid of the backward pass is e^x / (1 + e^x): ∞/∞ for large scores."""
    return np.where(np.isfinite(np.exp(x)), right, np.nan).astype(x.dtype)
