"""Dice losses with one mistake each."""

from __future__ import annotations

from typing import Any

import numpy as np

from minifcn.testing import ours
from minifcn.testing.version import changes, spoils

AXES = (0, 2, 3)


def _softmax(x: Any, counted: Any) -> Any:
    finite = np.where(counted, x, 0)
    powers = np.exp(finite - finite.max(1, keepdims=True))
    return powers / powers.sum(1, keepdims=True)


def _sigmoid(x: Any, counted: Any) -> Any:
    return 0.5 + 0.5 * np.tanh(0.5 * np.where(counted, x, 0))


def _ratio(shared: Any, squares: Any, truth: Any, s: float) -> Any:
    return 1 - (2 * shared + s) / (squares + truth + s)


def written_out(x: Any, target: Any, ignore_index: int = 255, smooth: float = 1.0, *, probabilities: Any = _softmax,
                size: Any = np.square, ratio: Any = _ratio, axes: Any = AXES, gather: Any = np.mean,
                void: bool = False) -> Any:  # fmt: skip
    """The formula. axes: what is added up; void: whether void pixels are."""
    ours.dice_loss(x, target, ignore_index, smooth)  # refuses what must be refused
    counted = (target != ignore_index)[:, None]
    g = (target[:, None] == np.arange(x.shape[1])[:, None, None]) & counted
    p = probabilities(x, counted) * (counted | void)
    sums = ((p * g).sum(axes), size(p).sum(axes), g.sum(axes))
    return float(gather(ratio(*sums, smooth)))


@changes("dice_loss", written_out)
def sets_without_squares() -> Any:
    """What a class has is the sum of its probabilities, not of their squares: another loss of the same name."""
    return {"size": np.abs}


@changes("dice_loss", written_out)
def shared_counted_once() -> Any:
    """The factor 2 is forgotten: even a perfect prediction costs nearly a half."""
    return {"ratio": lambda shared, squares, truth, s: 1 - (shared + s) / (squares + truth + s)}


@changes("dice_loss", written_out)
def intersection_over_union() -> Any:
    """What is shared is divided by the union: that is the Jaccard loss."""
    return {"ratio": lambda shared, squares, truth, s: 1 - (shared + s) / (squares + truth - shared + s)}


@changes("dice_loss", written_out)
def smooth_only_below() -> Any:
    """smooth is added below the line alone: a class that is not there costs 1."""
    return {"ratio": lambda shared, squares, truth, s: 1 - 2 * shared / (squares + truth + s)}


@changes("dice_loss", written_out)
def similarity_instead_of_loss() -> Any:
    """The coefficient itself is returned, which training would make smaller."""
    return {"ratio": lambda *sums: 1 - _ratio(*sums)}


@changes("dice_loss")
def smooth_ignored() -> Any:
    """smooth is always 1."""
    return {"smooth": 1.0}


@changes("dice_loss", written_out)
def all_classes_in_one_sum() -> Any:
    """The sums run over the classes, too: large classes count more than small ones."""
    return {"axes": (0, 1, 2, 3)}


@changes("dice_loss", written_out)
def sets_of_each_image() -> Any:
    """Every image has sums of its own, and the mean runs over images and classes."""
    return {"axes": (2, 3)}


@changes("dice_loss", written_out)
def sets_without_background() -> Any:
    """Class 0 is taken for background and left out of the mean."""
    return {"gather": lambda each: each[1:].mean()}


@changes("dice_loss", written_out)
def classes_added_up() -> Any:
    """The losses of the classes are added up, not averaged."""
    return {"gather": np.sum}


@changes("dice_loss", written_out)
def sets_by_a_sigmoid() -> Any:
    """Every class has a sigmoid of its own instead of its share in a softmax."""
    return {"probabilities": _sigmoid}


@changes("dice_loss", written_out)
def void_predictions_in_the_sets() -> Any:
    """Void pixels are in no true set, but what is predicted there counts."""
    return {"void": True}


@spoils("dice_loss")
def sets_of_void_times_zero(loss: Any, /, x: Any, target: Any, ignore_index: Any) -> Any:
    """The scores of void pixels are multiplied by 0; but 0 · NaN is NaN."""
    return loss + 0 * x[:, 0][target == ignore_index].sum()


@changes("dice_loss")
def sets_of_unknown_labels_are_skipped(x: Any, target: Any, ignore_index: Any) -> Any:
    """A label beyond the classes is ignored without a word."""
    known = (target >= 0) & (target < x.shape[1]) | (target == ignore_index)
    return {"target": np.where(known, target, ignore_index)}


# --- the gradient ---------------------------------------------------------------------------------------------------


@spoils("dice_loss_backward")
def dice_uphill(right: Any, /) -> Any:
    """The gradient is that of the coefficient."""
    return -right


@spoils("dice_loss_backward")
def what_divides_taken_for_a_constant(x: Any, target: Any, ignore_index: Any, smooth: Any) -> Any:
    """Only what is shared is differentiated, not what it is divided by."""
    ours.dice_loss(x, target, ignore_index, smooth)  # refuses what must be refused
    counted = (target != ignore_index)[:, None]
    g = (target[:, None] == np.arange(x.shape[1])[:, None, None]) & counted
    p = _softmax(x, counted) * counted
    to_p = -2 * g / ((p**2).sum(AXES) + g.sum(AXES) + smooth)[:, None, None] / x.shape[1]
    return (p * (to_p - (p * to_p).sum(1, keepdims=True))).astype(x.dtype)


@spoils("dice_loss_backward")
def softmax_forgotten_in_backward(right: Any, /, x: Any, target: Any, ignore_index: Any) -> Any:
    """Each class receives by its own probability, as of a sigmoid: what one gains no other loses."""
    p = _softmax(x, (target != ignore_index)[:, None])
    return (right / np.maximum(p, 0.5)).astype(x.dtype)


@spoils("dice_loss_backward")
def dice_reaches_void(right: Any, /, target: Any, ignore_index: Any) -> Any:
    """Void pixels receive a little."""
    return right + ((target == ignore_index) / target.size)[:, None].astype(right.dtype)


@changes("dice_loss_backward")
def dice_gradient_of_unknown_labels_is_skipped(x: Any, target: Any, ignore_index: Any) -> Any:
    """In backward a label beyond the classes is ignored without a word."""
    known = (target >= 0) & (target < x.shape[1]) | (target == ignore_index)
    return {"target": np.where(known, target, ignore_index)}


@spoils("dice_loss_backward")
def dice_gradient_in_double_precision(right: Any, /) -> Any:
    """The gradient is float64 whatever the scores are."""
    return right.astype(np.float64)
