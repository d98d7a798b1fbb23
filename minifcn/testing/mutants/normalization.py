"""Batch normalisations with one mistake each."""

from __future__ import annotations

from typing import Any

import numpy as np

from minifcn.testing import ours
from minifcn.testing.version import changes, mutant, spoils


def _per_channel(values: Any) -> Any:
    return values[:, None, None]


def _normalised(x: Any, mean: Any, var: Any, weight: Any, bias: Any, eps: float) -> Any:
    return ((x - mean) / np.sqrt(var + eps) * _per_channel(weight) + _per_channel(bias)).astype(x.dtype)


@spoils("batch_norm")
def running_variance_biased(
    y: Any, mean: Any, var: Any, /, x: Any, running_var: Any, training: Any, momentum: Any
) -> Any:
    """The remembered variance is divided by n, as the one that normalises, instead of by n − 1."""
    return y, mean, (1 - momentum) * running_var + momentum * x.var((0, 2, 3)) if training else var


def written_out(x: Any, running_mean: Any, running_var: Any, weight: Any, bias: Any, training: bool = False,
                momentum: float = 0.1, eps: float = 1e-5, *, axes: tuple[int, ...] = (0, 2, 3),
                variance: Any = lambda x, axes: x.var(axes, keepdims=True)) -> Any:  # fmt: skip
    """The formula of training, with its mean and its variance taken over `axes`. All the rest is minifcn's."""
    y, mean, var = ours.batch_norm(x, running_mean, running_var, weight, bias, training, momentum, eps)
    if training:
        y = _normalised(x, x.mean(axes, keepdims=True), variance(x, axes), weight, bias, eps)
    return y, mean, var


@changes("batch_norm", written_out)
def normalised_by_the_unbiased_variance() -> Any:
    """The variance that normalises is divided by n − 1, as the remembered one."""
    return {"variance": lambda x, axes: x.var(axes, ddof=1, keepdims=True)}


@mutant("batch_norm")
def eps_outside_the_root(x: Any, running_mean: Any, running_var: Any, weight: Any, bias: Any,
                         training: bool = False, momentum: float = 0.1, eps: float = 1e-5) -> Any:  # fmt: skip
    """eps is added to the standard deviation, after the root."""
    _, mean, var = ours.batch_norm(x, running_mean, running_var, weight, bias, training, momentum, eps)
    m, v = (x.mean((0, 2, 3)), x.var((0, 2, 3))) if training else (running_mean, running_var)
    scale = _per_channel(weight / (np.sqrt(v) + eps))
    return ((x - _per_channel(m)) * scale + _per_channel(bias)).astype(x.dtype), mean, var


@changes("batch_norm")
def momentum_of_the_old(momentum: Any) -> Any:
    """momentum is the share of the old statistics that stays, as in Keras, instead of the share of the new."""
    return {"momentum": 1 - momentum}


@spoils("batch_norm")
def running_variance_stays(y: Any, mean: Any, _: Any, /, running_var: Any) -> Any:
    """Only the running mean is updated, the running variance stays what it was at the start."""
    return y, mean, running_var


@changes("batch_norm", written_out)
def statistics_over_the_batch_only() -> Any:
    """Mean and variance are taken over the images, for every pixel by itself, as for a layer without pixels."""
    return {"axes": (0,)}


@changes("batch_norm", written_out)
def statistics_of_each_image() -> Any:
    """Mean and variance are those of each image by itself: that is instance normalisation."""
    return {"axes": (2, 3)}


@changes("batch_norm", written_out)
def statistics_of_each_row() -> Any:
    """Mean and variance are taken over the columns only."""
    return {"axes": (3,)}


@changes("batch_norm", written_out)
def channels_normalised_together() -> Any:
    """One mean and one variance for all channels together."""
    return {"axes": (0, 1, 2, 3)}


@spoils("batch_norm")
def remembers_in_evaluation(right: Any, /, again: Any) -> Any:
    """The running statistics move in evaluation, too: the test images leak into the model."""
    return right[0], *again(training=True)[1:]


@spoils("batch_norm")
def evaluation_normalises_by_the_batch(right: Any, /, again: Any) -> Any:
    """The batch's own statistics are used in evaluation, too: nothing that was remembered is looked at."""
    return again(training=True)[0], *right[1:]


@spoils("batch_norm")
def training_normalises_by_the_past(_: Any, mean: Any, var: Any, /, again: Any) -> Any:
    """The running statistics are updated first and then used, in training as well."""
    return again(running_mean=mean, running_var=var, training=False)[0], mean, var


@changes("batch_norm")
def weight_applied_before(x: Any, weight: Any, bias: Any) -> Any:
    """Weight and bias are applied before the normalisation, which takes them out again."""
    one = np.ones_like(weight)
    return {"x": x * _per_channel(weight) + _per_channel(bias), "weight": one, "bias": 0 * one}


@changes("batch_norm")
def bias_added_before_the_weight(weight: Any, bias: Any) -> Any:
    """The bias is added before the weight multiplies, and is multiplied with the rest."""
    return {"bias": bias * weight}


@spoils("batch_norm")
def divided_by_the_variance(
    y: Any, mean: Any, var: Any, /, x: Any, running_var: Any, bias: Any, training: Any, eps: Any
) -> Any:
    """The root is missing: what is centred is divided by the variance."""
    root = np.sqrt((x.var((0, 2, 3)) if training else running_var) + eps)
    return ((y - _per_channel(bias)) / _per_channel(root) + _per_channel(bias)).astype(x.dtype), mean, var


@changes("batch_norm", written_out)
def variance_from_squares() -> Any:
    """The variance is mean(x²) − mean(x)²: two large numbers whose difference loses its digits far from zero."""
    return {"variance": lambda x, axes: (x * x).mean(axes, keepdims=True) - np.square(x.mean(axes, keepdims=True))}


@changes("batch_norm")
def weight_without_its_sign(weight: Any) -> Any:
    """The weight is taken for a standard deviation, which cannot be negative: its sign is dropped."""
    return {"weight": np.abs(weight)}


@spoils("batch_norm")
def centred_in_place(right: Any, /, x: Any, training: Any) -> Any:
    """The mean is subtracted in the caller's own array."""
    if training and x.flags.writeable:
        x -= x.mean((0, 2, 3), keepdims=True)
    return right
