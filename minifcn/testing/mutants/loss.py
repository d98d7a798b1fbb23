"""Cross entropies with one mistake each. Most are written as a student writes them, from the formula."""

from __future__ import annotations

from typing import Any

import numpy as np

from minifcn.testing import ours
from minifcn.testing.version import changes, spoils


def _at(array: Any, labels: Any) -> Any:
    return np.take_along_axis(array, labels[:, None], 1)[:, 0]


def _log_softmax(x: Any, axis: int = 1) -> Any:
    low = x - x.max(axis, keepdims=True)
    return low - np.log(np.exp(low).sum(axis, keepdims=True))


def _from_powers(powers: Any, labels: Any) -> Any:
    """log p of each pixel's label from the exponentials of its scores."""
    return np.log(_at(powers, labels) / powers.sum(1))


def log_p_of(x: Any, labels: Any) -> Any:
    return _at(_log_softmax(x), labels)


def mean_of(log_p: Any, each: Any) -> float:
    return float((-log_p * each).sum() / max(each.sum(), 1e-300))


def written_out(x: Any, target: Any, weight: Any = None, ignore_index: int = 255, label_smoothing: float = 0.0, *,
                log_p: Any = log_p_of, mean: Any = mean_of) -> Any:  # fmt: skip
    """The formula: log p of each pixel's label, from scores and labels that are 0 where it is void, and the mean.

    What all classes are asked for with smoothing is minifcn's.
    """
    evenly = ours.cross_entropy(x, target, weight, ignore_index, 1.0)  # refuses what must be refused
    counted = target != ignore_index
    labels = np.where(counted, target, 0).astype(int)
    factors = np.ones(x.shape[1]) if weight is None else weight
    plain = mean(log_p(np.where(counted[:, None], x, 0), labels), np.where(counted, factors[labels], 0))
    return (1 - label_smoothing) * plain + label_smoothing * evenly if label_smoothing else plain


@changes("cross_entropy", written_out)
def exponentials_overflow() -> Any:
    """exp is taken of the scores as they are: it is infinite from 710 on."""
    return {"log_p": lambda x, labels: _from_powers(np.exp(x), labels)}


@changes("cross_entropy", written_out)
def largest_score_of_the_whole_batch() -> Any:
    """The largest score of all pixels is subtracted instead of each pixel's own: pixels far below it vanish."""
    return {"log_p": lambda x, labels: _from_powers(np.exp(x - x.max()), labels)}


@changes("cross_entropy", written_out)
def probabilities_clipped() -> Any:
    """Probabilities below 1e-7 are raised to it before the logarithm: no pixel can cost more than 16."""
    return {"log_p": lambda x, labels: np.log(np.maximum(_at(np.exp(_log_softmax(x)), labels), 1e-7))}


@spoils("cross_entropy")
def logarithm_to_base_two(loss: Any, /) -> Any:
    """The logarithm is the one to base 2: the loss is in bits."""
    return loss / np.log(2)


@changes("cross_entropy")
def softmax_taken_twice(x: Any, target: Any, ignore_index: Any) -> Any:
    """The network ends with a softmax already, and the loss takes another one of its probabilities."""
    return {"x": np.exp(_log_softmax(np.where((target != ignore_index)[:, None], x, 0)))}


@changes("cross_entropy", written_out)
def softmax_over_the_columns() -> Any:
    """The softmax runs over the pixels of a row (axis −1) instead of over the classes (axis 1)."""
    return {"log_p": lambda x, labels: _at(_log_softmax(x, -1), labels)}


@changes("cross_entropy", written_out)
def sigmoid_for_each_class() -> Any:
    """Every class has a sigmoid of its own, so the probabilities of a pixel do not sum to 1."""
    return {"log_p": lambda x, labels: -np.logaddexp(0, -_at(x, labels))}


@spoils("cross_entropy")
def mean_over_all_pixels(loss: Any, /, target: Any, ignore_index: Any) -> Any:
    """The sum is divided by the number of all pixels, void ones included: the more void, the smaller the loss."""
    return loss * float((target != ignore_index).mean())


@changes("cross_entropy", written_out)
def mean_over_the_batch_only() -> Any:
    """The sum is divided by the number of images: larger images have larger losses."""
    return {"mean": lambda log_p, each: float(-(log_p * each).sum() / len(log_p))}


@spoils("cross_entropy")
def mean_of_the_means_of_images(x: Any, target: Any, again: Any) -> Any:
    """Each image's loss is averaged, then the averages: a pixel of an image with much void counts more."""
    return float(np.mean([again(x=a[None], target=t[None]) for a, t in zip(x, target, strict=True)]))


@changes("cross_entropy")
def weights_ignored() -> Any:
    """The weight is an argument, but it is not looked at."""
    return {"weight": None}


@changes("cross_entropy", written_out)
def loss_not_divided() -> Any:
    """The sum over the pixels is given, not their mean."""
    return {"mean": lambda log_p, each: float(-(log_p * each).sum())}


@changes("cross_entropy", written_out)
def weighted_sum_over_all_pixels() -> Any:
    """The weighted sum is divided by the number of all pixels, void ones included."""
    return {"mean": lambda log_p, each: float(-(log_p * each).sum() / max(each.size, 1))}


@changes("cross_entropy", written_out)
def weights_not_in_the_denominator() -> Any:
    """The weighted sum is divided by the number of pixels, not by the sum of their weights."""
    return {"mean": lambda log_p, each: float(-(log_p * each).sum() / max((each > 0).sum(), 1))}


@changes("cross_entropy", written_out)
def weight_of_the_prediction(x: Any, target: Any, weight: Any, ignore_index: Any) -> Any:
    """A pixel weighs what the predicted class weighs, not what the true one does."""

    def mean(log_p: Any, each: Any) -> float:
        predicted = _log_softmax(np.where((target != ignore_index)[:, None], x, 0)).argmax(1)
        return mean_of(log_p, each if weight is None else np.where(each > 0, weight[predicted], 0))

    return {"mean": mean}


@spoils("cross_entropy")
def void_counted_as_the_last_class(x: Any, target: Any, again: Any) -> Any:
    """ignore_index is forgotten: a label of 255 is cut to the number of the last class."""
    again()  # refuses what must be refused
    return again(target=np.minimum(target, x.shape[1] - 1), ignore_index=-100)


@changes("cross_entropy")
def only_255_is_void() -> Any:
    """255 is written into the code, and ignore_index is not looked at."""
    return {"ignore_index": 255}


@spoils("cross_entropy")
def void_multiplied_by_zero(loss: Any, /, x: Any, target: Any, ignore_index: Any) -> Any:
    """A void pixel's loss is computed and multiplied by 0; but 0 · NaN is NaN."""
    return loss + 0 * x[:, 0][target == ignore_index].sum()


@changes("cross_entropy", written_out)
def all_void_divides_by_zero() -> Any:
    """With nothing but void pixels the mean is 0/0, which is NaN and stays in the weights for ever."""
    return {"mean": lambda log_p, each: float(-np.divide((log_p * each).sum(), each.sum()))}


@changes("cross_entropy", written_out)
def labels_begin_at_one() -> Any:
    """Labels are taken to count from 1: t − 1 picks the score, and 0 wraps around to the last class."""
    return {"log_p": lambda x, labels: log_p_of(x, (labels - 1) % x.shape[1])}


@changes("cross_entropy")
def negative_labels_wrap(x: Any, target: Any) -> Any:
    """A label of −1 picks the last class without a word, as indices do in Python."""
    C = x.shape[1]
    return {"target": np.where((target < 0) & (target >= -C), target + C, target)}


@changes("cross_entropy")
def unknown_labels_are_void(x: Any, target: Any, ignore_index: Any) -> Any:
    """A label beyond the classes is ignored without a word: with a class too few nobody notices."""
    known = (target < x.shape[1]) | (target == ignore_index)
    return {"target": np.where(known, target, ignore_index)}


@spoils("cross_entropy")
def scores_shifted_in_place(loss: Any, /, x: Any) -> Any:
    """The largest score is subtracted in the caller's own array."""
    if x.flags.writeable:
        x -= x.max(1, keepdims=True)
    return loss


@changes("cross_entropy")
def classes_read_as_contiguous(x: Any) -> Any:
    """The memory of the scores is read in the order of (N, C, H, W), whatever their strides say."""
    return {"x": x.ravel(order="K").reshape(x.shape)}


@changes("cross_entropy")
def labels_only_of_one_byte(target: Any) -> Any:
    """The bytes of the labels are read one by one, whatever their type: of int64 only every eighth is a label."""
    bytes_of = np.ascontiguousarray(target).view(np.uint8).ravel()[: target.size].reshape(target.shape)
    valid = target.min(initial=0) >= 0
    return {"target": bytes_of if valid else target}


# --- with smoothing -------------------------------------------------------------------------------------------------


def smoothed(x: Any, target: Any, weight: Any = None, ignore_index: int = 255, label_smoothing: float = 0.0, *,
             evenly: Any = lambda costs, factors, counted: (costs * factors).mean(1) * counted,
             divisor: Any = lambda each: each.sum()) -> Any:  # fmt: skip
    """The formula of smoothing: what all classes cost a pixel together, from their costs, and what divides it."""
    plain = ours.cross_entropy(x, target, weight, ignore_index)
    counted = target != ignore_index
    if not label_smoothing or not counted.any():
        return plain
    factors = np.ones(x.shape[1]) if weight is None else weight
    costs = -_log_softmax(np.where(counted[:, None], x, 0))
    each = np.where(counted, factors[np.where(counted, target, 0)], 0)
    share = evenly(costs, factors[:, None, None], counted).sum() / divisor(each)
    return float((1 - label_smoothing) * plain + label_smoothing * share)


@changes("cross_entropy")
def smoothing_ignored() -> Any:
    """label_smoothing is taken and not looked at."""
    return {"label_smoothing": 0.0}


@changes("cross_entropy")
def smoothing_shared_by_the_others(x: Any, label_smoothing: Any) -> Any:
    """The share ε is given to the other C − 1 classes alone, and the label keeps just 1 − ε."""
    return {"label_smoothing": label_smoothing * x.shape[1] / (x.shape[1] - 1)}


@changes("cross_entropy", smoothed)
def smoothing_without_weights() -> Any:
    """The weights of the classes are in the label's part and not in that of all classes."""
    return {"evenly": lambda costs, factors, counted: costs.mean(1) * counted}


@changes("cross_entropy", smoothed)
def smoothing_not_divided_by_the_classes() -> Any:
    """All classes are asked for the whole share ε each, not for ε/C."""
    return {"evenly": lambda costs, factors, counted: (costs * factors).sum(1) * counted}


@changes("cross_entropy", smoothed)
def smoothing_of_void_pixels() -> Any:
    """Void pixels are left out of the label's part and not of that of all classes."""
    return {"evenly": lambda costs, factors, counted: (costs * factors).mean(1)}


@changes("cross_entropy", smoothed)
def smoothing_divided_by_pixels() -> Any:
    """The part of all classes is divided by the number of pixels, not by the sum of their weights."""
    return {"divisor": lambda each: (each > 0).sum()}
