"""Cross entropies with one mistake each. Most are written as a student writes them, from the formula."""

from __future__ import annotations

from typing import Any

import numpy as np

from minifcn.testing import ours
from minifcn.testing.version import mutant


def _pieces(x: Any, target: Any, weight: Any, ignore_index: int) -> tuple[Any, Any, Any]:
    """Per pixel: log softmax (N, C, H, W), the label with 0 for void, and what it weighs. All of it right."""
    ours.cross_entropy(x, target, weight, ignore_index)  # refuses what must be refused
    counted = target != ignore_index
    x = np.where(counted[:, None], x, 0)
    low = x - x.max(1, keepdims=True)
    labels = np.where(counted, target, 0).astype(int)
    factors = np.ones(x.shape[1]) if weight is None else weight
    return low - np.log(np.exp(low).sum(1, keepdims=True)), labels, np.where(counted, factors[labels], 0)


def _at(array: Any, labels: Any) -> Any:
    return np.take_along_axis(array, labels[:, None], 1)[:, 0]


def _mean(losses: Any, each: Any) -> float:
    return float((losses * each).sum() / max(each.sum(), 1e-300))


@mutant("cross_entropy")
def exponentials_overflow(x: Any, target: Any, weight: Any = None, ignore_index: int = 255) -> Any:
    """exp is taken of the scores as they are: it is infinite from 710 on."""
    _, labels, each = _pieces(x, target, weight, ignore_index)
    powers = np.exp(np.where((target != ignore_index)[:, None], x, 0))
    return _mean(-np.log(_at(powers, labels) / powers.sum(1)), each)


@mutant("cross_entropy")
def largest_score_of_the_whole_batch(x: Any, target: Any, weight: Any = None, ignore_index: int = 255) -> Any:
    """The largest score of all pixels is subtracted instead of each pixel's own: pixels far below it vanish."""
    _, labels, each = _pieces(x, target, weight, ignore_index)
    x = np.where((target != ignore_index)[:, None], x, 0)
    powers = np.exp(x - x.max())
    return _mean(-np.log(_at(powers, labels) / powers.sum(1)), each)


@mutant("cross_entropy")
def probabilities_clipped(x: Any, target: Any, weight: Any = None, ignore_index: int = 255) -> Any:
    """Probabilities below 1e-7 are raised to it before the logarithm: no pixel can cost more than 16."""
    log_p, labels, each = _pieces(x, target, weight, ignore_index)
    return _mean(-np.log(np.maximum(_at(np.exp(log_p), labels), 1e-7)), each)


@mutant("cross_entropy")
def logarithm_to_base_two(x: Any, target: Any, weight: Any = None, ignore_index: int = 255) -> Any:
    """The logarithm is the one to base 2: the loss is in bits."""
    return ours.cross_entropy(x, target, weight, ignore_index) / np.log(2)


@mutant("cross_entropy")
def softmax_taken_twice(x: Any, target: Any, weight: Any = None, ignore_index: int = 255) -> Any:
    """The network ends with a softmax already, and the loss takes another one of its probabilities."""
    return ours.cross_entropy(np.exp(_pieces(x, target, weight, ignore_index)[0]), target, weight, ignore_index)


@mutant("cross_entropy")
def softmax_over_the_columns(x: Any, target: Any, weight: Any = None, ignore_index: int = 255) -> Any:
    """The softmax runs over the pixels of a row (axis −1) instead of over the classes (axis 1)."""
    _, labels, each = _pieces(x, target, weight, ignore_index)
    x = np.where((target != ignore_index)[:, None], x, 0)
    low = x - x.max(-1, keepdims=True)
    return _mean(-_at(low - np.log(np.exp(low).sum(-1, keepdims=True)), labels), each)


@mutant("cross_entropy")
def sigmoid_for_each_class(x: Any, target: Any, weight: Any = None, ignore_index: int = 255) -> Any:
    """Every class has a sigmoid of its own, so the probabilities of a pixel do not sum to 1."""
    _, labels, each = _pieces(x, target, weight, ignore_index)
    x = np.where((target != ignore_index)[:, None], x, 0)
    return _mean(np.logaddexp(0, -_at(x, labels)), each)


@mutant("cross_entropy")
def mean_over_all_pixels(x: Any, target: Any, weight: Any = None, ignore_index: int = 255) -> Any:
    """The sum is divided by the number of all pixels, void ones included: the more void, the smaller the loss."""
    return ours.cross_entropy(x, target, weight, ignore_index) * float((target != ignore_index).mean())


@mutant("cross_entropy")
def mean_over_the_batch_only(x: Any, target: Any, weight: Any = None, ignore_index: int = 255) -> Any:
    """The sum is divided by the number of images: larger images have larger losses."""
    log_p, labels, each = _pieces(x, target, weight, ignore_index)
    return float(-(_at(log_p, labels) * each).sum() / len(x))


@mutant("cross_entropy")
def mean_of_the_means_of_images(x: Any, target: Any, weight: Any = None, ignore_index: int = 255) -> Any:
    """Each image's loss is averaged, then the averages: a pixel of an image with much void counts more."""
    return float(np.mean([ours.cross_entropy(a[None], t[None], weight, ignore_index)
                          for a, t in zip(x, target, strict=True)]))  # fmt: skip


@mutant("cross_entropy")
def weights_not_in_the_denominator(x: Any, target: Any, weight: Any = None, ignore_index: int = 255) -> Any:
    """The weighted sum is divided by the number of pixels, not by the sum of their weights."""
    log_p, labels, each = _pieces(x, target, weight, ignore_index)
    return float(-(_at(log_p, labels) * each).sum() / max((each > 0).sum(), 1))


@mutant("cross_entropy")
def weight_of_the_prediction(x: Any, target: Any, weight: Any = None, ignore_index: int = 255) -> Any:
    """A pixel weighs what the predicted class weighs, not what the true one does."""
    log_p, labels, each = _pieces(x, target, weight, ignore_index)
    chosen = each if weight is None else np.where(each > 0, weight[log_p.argmax(1)], 0)
    return _mean(-_at(log_p, labels), chosen)


@mutant("cross_entropy")
def void_counted_as_the_last_class(x: Any, target: Any, weight: Any = None, ignore_index: int = 255) -> Any:
    """ignore_index is forgotten: a label of 255 is cut to the number of the last class."""
    _pieces(x, target, weight, ignore_index)
    return ours.cross_entropy(x, np.minimum(target, x.shape[1] - 1), weight, -100)


@mutant("cross_entropy")
def only_255_is_void(x: Any, target: Any, weight: Any = None, ignore_index: int = 255) -> Any:
    """255 is written into the code, and ignore_index is not looked at."""
    return ours.cross_entropy(x, target, weight)


@mutant("cross_entropy")
def void_multiplied_by_zero(x: Any, target: Any, weight: Any = None, ignore_index: int = 255) -> Any:
    """A void pixel's loss is computed and multiplied by 0; but 0 · NaN is NaN."""
    return ours.cross_entropy(x, target, weight, ignore_index) + 0 * x[:, 0][target == ignore_index].sum()


@mutant("cross_entropy")
def all_void_divides_by_zero(x: Any, target: Any, weight: Any = None, ignore_index: int = 255) -> Any:
    """With nothing but void pixels the mean is 0/0, which is NaN and stays in the weights for ever."""
    log_p, labels, each = _pieces(x, target, weight, ignore_index)
    return float(-np.divide((_at(log_p, labels) * each).sum(), each.sum()))


@mutant("cross_entropy")
def labels_begin_at_one(x: Any, target: Any, weight: Any = None, ignore_index: int = 255) -> Any:
    """Labels are taken to count from 1: t − 1 picks the score, and 0 wraps around to the last class."""
    log_p, labels, each = _pieces(x, target, weight, ignore_index)
    return _mean(-_at(log_p, (labels - 1) % x.shape[1]), each)


@mutant("cross_entropy")
def negative_labels_wrap(x: Any, target: Any, weight: Any = None, ignore_index: int = 255) -> Any:
    """A label of −1 picks the last class without a word, as indices do in Python."""
    C = x.shape[1]
    return ours.cross_entropy(x, np.where((target < 0) & (target >= -C), target + C, target), weight, ignore_index)


@mutant("cross_entropy")
def unknown_labels_are_void(x: Any, target: Any, weight: Any = None, ignore_index: int = 255) -> Any:
    """A label beyond the classes is ignored without a word: with a class too few nobody notices."""
    known = (target < x.shape[1]) | (target == ignore_index)
    return ours.cross_entropy(x, np.where(known, target, ignore_index), weight, ignore_index)


@mutant("cross_entropy")
def scores_shifted_in_place(x: Any, target: Any, weight: Any = None, ignore_index: int = 255) -> Any:
    """The largest score is subtracted in the caller's own array."""
    loss = ours.cross_entropy(x, target, weight, ignore_index)
    if x.flags.writeable:
        x -= x.max(1, keepdims=True)
    return loss


@mutant("cross_entropy")
def classes_read_as_contiguous(x: Any, target: Any, weight: Any = None, ignore_index: int = 255) -> Any:
    """The memory of the scores is read in the order of (N, C, H, W), whatever their strides say."""
    return ours.cross_entropy(x.ravel(order="K").reshape(x.shape), target, weight, ignore_index)


@mutant("cross_entropy")
def labels_only_of_one_byte(x: Any, target: Any, weight: Any = None, ignore_index: int = 255) -> Any:
    """The bytes of the labels are read one by one, whatever their type: of int64 only every eighth is a label."""
    bytes_of = np.ascontiguousarray(target).view(np.uint8).ravel()[: target.size].reshape(target.shape)
    valid = target.min(initial=0) >= 0
    return ours.cross_entropy(x, bytes_of if valid else target, weight, ignore_index)
