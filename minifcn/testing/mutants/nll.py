"""Negative log likelihoods, and their gradients, with one mistake each."""

from __future__ import annotations

from typing import Any

import numpy as np

from minifcn.testing import ours
from minifcn.testing.version import changes, spoils


def _each(x: Any, target: Any, weight: Any, ignore_index: int) -> tuple[Any, Any]:
    """−x at the label of each pixel, and what the pixel weighs: 0 where it is void."""
    counted = target != ignore_index
    labels = np.where(counted, target, 0).astype(int)
    factors = np.ones(x.shape[1]) if weight is None else weight
    picked = np.take_along_axis(x, labels[:, None], 1)[:, 0]
    return np.where(counted, -picked, 0), np.where(counted, factors[labels], 0)


def _mean(losses: Any, each: Any) -> float:
    return float((losses * each).sum() / (each.sum() or 1))


def written_out(x: Any, target: Any, weight: Any = None, ignore_index: int = 255, reduction: str = "mean", *,
                mean: Any = _mean, sign: float = 1.0) -> Any:  # fmt: skip
    """The mean by its formula; the other reductions are minifcn's."""
    right = ours.nll_loss(x, target, weight, ignore_index, reduction)  # refuses what must be refused
    return sign * (mean(*_each(x, target, weight, ignore_index)) if reduction == "mean" else right)


@changes("nll_loss", written_out)
def sign_forgotten() -> Any:
    """The mean of x[t] is returned, without the minus: training makes the right class less likely."""
    return {"sign": -1.0}


@changes("nll_loss")
def softmax_taken_again(x: Any) -> Any:
    """log softmax is taken once more, which changes nothing of logarithms of probabilities, and all else."""
    finite = np.where(np.isfinite(x), x, 0)
    return {"x": finite - np.log(np.exp(np.minimum(finite, 700)).sum(1, keepdims=True))}


@changes("nll_loss", written_out)
def likelihood_over_all_pixels() -> Any:
    """The mean divides by the number of all pixels, void ones and all."""
    return {"mean": lambda losses, each: float((losses * each).sum() / each.size)}


@changes("nll_loss", written_out)
def likelihood_without_weights_below() -> Any:
    """The mean divides by the number of pixels that count, not by the sum of their weights."""
    return {"mean": lambda losses, each: float((losses * each).sum() / ((each > 0).sum() or 1))}


@changes("nll_loss", written_out)
def likelihood_of_nothing_is_nan() -> Any:
    """With nothing but void pixels the mean is 0/0."""
    return {"mean": lambda losses, each: float(np.divide((losses * each).sum(), each.sum()))}


@changes("nll_loss")
def likelihood_without_weights() -> Any:
    """The weights of the classes are not looked at."""
    return {"weight": None}


@changes("nll_loss")
def likelihood_with_255_as_void() -> Any:
    """255 is written into the code, and ignore_index is not looked at."""
    return {"ignore_index": 255}


@spoils("nll_loss")
def likelihood_of_void_times_zero(loss: Any, /, x: Any, target: Any, ignore_index: Any) -> Any:
    """What stands at void pixels is multiplied by 0 and added; but 0 · NaN is NaN."""
    return loss + 0 * x[:, 0][target == ignore_index].sum()


@spoils("nll_loss")
def likelihood_of_the_last_class_for_void(x: Any, target: Any, again: Any) -> Any:
    """ignore_index is forgotten: 255 is cut to the number of the last class."""
    again()  # refuses what must be refused
    return again(target=np.minimum(target, x.shape[1] - 1), ignore_index=-100)


@changes("nll_loss")
def likelihood_of_unknown_labels_is_skipped(x: Any, target: Any, ignore_index: Any) -> Any:
    """A label beyond the classes is ignored without a word."""
    known = (target >= 0) & (target < x.shape[1]) | (target == ignore_index)
    return {"target": np.where(known, target, ignore_index)}


@changes("nll_loss")
def sum_is_a_mean() -> Any:
    """The reduction is not looked at: it is always the mean."""
    return {"reduction": "mean"}


@spoils("nll_loss")
def pixels_without_their_weights(right: Any, /, reduction: Any, again: Any) -> Any:
    """Without a reduction the weights are left out: they are applied where the mean is taken."""
    return again(weight=None) if reduction == "none" else right


@spoils("nll_loss_backward")
def likelihood_uphill(right: Any, /) -> Any:
    """The label receives its share with the wrong sign."""
    return -right


@spoils("nll_loss_backward")
def likelihood_shared_by_all_classes(right: Any, /) -> Any:
    """All classes of a pixel receive alike what is its label's alone."""
    return np.broadcast_to(right.mean(1, keepdims=True), right.shape).copy()


@spoils("nll_loss_backward")
def likelihood_of_softmax_in_backward(right: Any, /, x: Any, target: Any, weight: Any, ignore_index: Any) -> Any:
    """The gradient is that of cross entropy: the softmax is in it, although the input has gone through one already."""
    finite = np.where((target == ignore_index)[:, None], 0, x)
    return ours.cross_entropy_backward(finite, target, weight, ignore_index)


@spoils("nll_loss_backward")
def likelihood_gradient_not_divided(right: Any, /, x: Any, target: Any, weight: Any, ignore_index: Any) -> Any:
    """The gradient is that of the sum."""
    return right * (_each(x, target, weight, ignore_index)[1].sum() or 1)


@changes("nll_loss_backward")
def likelihood_gradient_without_weights() -> Any:
    """The weights of the classes are in the loss but not in its gradient."""
    return {"weight": None}


@spoils("nll_loss_backward")
def likelihood_reaches_void(right: Any, /, target: Any, ignore_index: Any) -> Any:
    """Void pixels receive a share as if their label were 0."""
    spoilt = right.copy()
    spoilt[:, 0][target == ignore_index] -= 1 / target.size
    return spoilt


@changes("nll_loss_backward")
def likelihood_gradient_of_unknown_labels_is_skipped(x: Any, target: Any, ignore_index: Any) -> Any:
    """In backward a label beyond the classes is ignored without a word."""
    known = (target >= 0) & (target < x.shape[1]) | (target == ignore_index)
    return {"target": np.where(known, target, ignore_index)}


@changes("nll_loss_backward")
def likelihood_gradient_with_255_as_void() -> Any:
    """In backward 255 is written into the code."""
    return {"ignore_index": 255}
