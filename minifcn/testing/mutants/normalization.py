"""Batch normalisations with one mistake each."""

from __future__ import annotations

from typing import Any

import numpy as np

from minifcn.testing import ours
from minifcn.testing.version import mutant


def _per_channel(values: Any) -> Any:
    return values[:, None, None]


def _normalised(x: Any, mean: Any, var: Any, weight: Any, bias: Any, eps: float) -> Any:
    return ((x - mean) / np.sqrt(var + eps) * _per_channel(weight) + _per_channel(bias)).astype(x.dtype)


@mutant("batch_norm")
def running_variance_biased(x: Any, running_mean: Any, running_var: Any, weight: Any, bias: Any,
                            training: bool = False, momentum: float = 0.1, eps: float = 1e-5) -> Any:  # fmt: skip
    """The remembered variance is divided by n, as the one that normalises, instead of by n − 1."""
    y, mean, var = ours.batch_norm(x, running_mean, running_var, weight, bias, training, momentum, eps)
    return y, mean, (1 - momentum) * running_var + momentum * x.var((0, 2, 3)) if training else var


@mutant("batch_norm")
def normalised_by_the_unbiased_variance(x: Any, running_mean: Any, running_var: Any, weight: Any, bias: Any,
                                        training: bool = False, momentum: float = 0.1,
                                        eps: float = 1e-5) -> Any:  # fmt: skip
    """The variance that normalises is divided by n − 1, as the remembered one."""
    y, mean, var = ours.batch_norm(x, running_mean, running_var, weight, bias, training, momentum, eps)
    if training:
        statistics = x.mean((0, 2, 3), keepdims=True), x.var((0, 2, 3), ddof=1, keepdims=True)
        y = _normalised(x, *statistics, weight, bias, eps)
    return y, mean, var


@mutant("batch_norm")
def eps_outside_the_root(x: Any, running_mean: Any, running_var: Any, weight: Any, bias: Any,
                         training: bool = False, momentum: float = 0.1, eps: float = 1e-5) -> Any:  # fmt: skip
    """eps is added to the standard deviation, after the root."""
    _, mean, var = ours.batch_norm(x, running_mean, running_var, weight, bias, training, momentum, eps)
    m, v = (x.mean((0, 2, 3)), x.var((0, 2, 3))) if training else (running_mean, running_var)
    scale = _per_channel(weight / (np.sqrt(v) + eps))
    return ((x - _per_channel(m)) * scale + _per_channel(bias)).astype(x.dtype), mean, var


@mutant("batch_norm")
def momentum_of_the_old(x: Any, running_mean: Any, running_var: Any, weight: Any, bias: Any,
                        training: bool = False, momentum: float = 0.1, eps: float = 1e-5) -> Any:  # fmt: skip
    """momentum is the share of the old statistics that stays, as in Keras, instead of the share of the new."""
    return ours.batch_norm(x, running_mean, running_var, weight, bias, training, 1 - momentum, eps)


@mutant("batch_norm")
def running_variance_stays(x: Any, running_mean: Any, running_var: Any, weight: Any, bias: Any,
                           training: bool = False, momentum: float = 0.1, eps: float = 1e-5) -> Any:  # fmt: skip
    """Only the running mean is updated, the running variance stays what it was at the start."""
    y, mean, _ = ours.batch_norm(x, running_mean, running_var, weight, bias, training, momentum, eps)
    return y, mean, running_var


def _over(axes: tuple[int, ...]) -> Any:
    """A batch_norm that normalises with the statistics over `axes`."""

    def version(x: Any, running_mean: Any, running_var: Any, weight: Any, bias: Any, training: bool = False,
                momentum: float = 0.1, eps: float = 1e-5) -> Any:  # fmt: skip
        y, mean, var = ours.batch_norm(x, running_mean, running_var, weight, bias, training, momentum, eps)
        if training:
            y = _normalised(x, x.mean(axes, keepdims=True), x.var(axes, keepdims=True), weight, bias, eps)
        return y, mean, var

    return version


@mutant("batch_norm")
def statistics_over_the_batch_only(*arguments: Any, **named: Any) -> Any:
    """Mean and variance are taken over the images, for every pixel by itself, as for a layer without pixels."""
    return _over((0,))(*arguments, **named)


@mutant("batch_norm")
def statistics_of_each_image(*arguments: Any, **named: Any) -> Any:
    """Mean and variance are those of each image by itself: that is instance normalisation."""
    return _over((2, 3))(*arguments, **named)


@mutant("batch_norm")
def statistics_of_each_row(*arguments: Any, **named: Any) -> Any:
    """Mean and variance are taken over the columns only."""
    return _over((3,))(*arguments, **named)


@mutant("batch_norm")
def channels_normalised_together(*arguments: Any, **named: Any) -> Any:
    """One mean and one variance for all channels together."""
    return _over((0, 1, 2, 3))(*arguments, **named)


@mutant("batch_norm")
def remembers_in_evaluation(x: Any, running_mean: Any, running_var: Any, weight: Any, bias: Any,
                            training: bool = False, momentum: float = 0.1, eps: float = 1e-5) -> Any:  # fmt: skip
    """The running statistics move in evaluation, too: the test images leak into the model."""
    y = ours.batch_norm(x, running_mean, running_var, weight, bias, training, momentum, eps)[0]
    return y, *ours.batch_norm(x, running_mean, running_var, weight, bias, True, momentum, eps)[1:]


@mutant("batch_norm")
def evaluation_normalises_by_the_batch(x: Any, running_mean: Any, running_var: Any, weight: Any, bias: Any,
                                       training: bool = False, momentum: float = 0.1,
                                       eps: float = 1e-5) -> Any:  # fmt: skip
    """The batch's own statistics are used in evaluation, too: nothing that was remembered is looked at."""
    _, mean, var = ours.batch_norm(x, running_mean, running_var, weight, bias, training, momentum, eps)
    return ours.batch_norm(x, running_mean, running_var, weight, bias, True, momentum, eps)[0], mean, var


@mutant("batch_norm")
def training_normalises_by_the_past(x: Any, running_mean: Any, running_var: Any, weight: Any, bias: Any,
                                    training: bool = False, momentum: float = 0.1,
                                    eps: float = 1e-5) -> Any:  # fmt: skip
    """The running statistics are updated first and then used, in training as well."""
    _, mean, var = ours.batch_norm(x, running_mean, running_var, weight, bias, training, momentum, eps)
    return ours.batch_norm(x, mean, var, weight, bias, False, momentum, eps)[0], mean, var


@mutant("batch_norm")
def weight_applied_before(x: Any, running_mean: Any, running_var: Any, weight: Any, bias: Any,
                          training: bool = False, momentum: float = 0.1, eps: float = 1e-5) -> Any:  # fmt: skip
    """Weight and bias are applied before the normalisation, which takes them out again."""
    one = np.ones_like(weight)
    scaled = x * _per_channel(weight) + _per_channel(bias)
    return ours.batch_norm(scaled, running_mean, running_var, one, 0 * one, training, momentum, eps)


@mutant("batch_norm")
def bias_added_before_the_weight(x: Any, running_mean: Any, running_var: Any, weight: Any, bias: Any,
                                 training: bool = False, momentum: float = 0.1, eps: float = 1e-5) -> Any:  # fmt: skip
    """The bias is added before the weight multiplies, and is multiplied with the rest."""
    return ours.batch_norm(x, running_mean, running_var, weight, bias * weight, training, momentum, eps)


@mutant("batch_norm")
def divided_by_the_variance(x: Any, running_mean: Any, running_var: Any, weight: Any, bias: Any,
                            training: bool = False, momentum: float = 0.1, eps: float = 1e-5) -> Any:  # fmt: skip
    """The root is missing: what is centred is divided by the variance."""
    y, mean, var = ours.batch_norm(x, running_mean, running_var, weight, bias, training, momentum, eps)
    root = np.sqrt((x.var((0, 2, 3)) if training else running_var) + eps)
    return ((y - _per_channel(bias)) / _per_channel(root) + _per_channel(bias)).astype(x.dtype), mean, var


@mutant("batch_norm")
def variance_from_squares(x: Any, running_mean: Any, running_var: Any, weight: Any, bias: Any,
                          training: bool = False, momentum: float = 0.1, eps: float = 1e-5) -> Any:  # fmt: skip
    """The variance is mean(x²) − mean(x)²: two large numbers whose difference loses its digits far from zero."""
    y, mean, var = ours.batch_norm(x, running_mean, running_var, weight, bias, training, momentum, eps)
    if training:
        m = x.mean((0, 2, 3), keepdims=True)
        y = _normalised(x, m, (x * x).mean((0, 2, 3), keepdims=True) - m * m, weight, bias, eps)
    return y, mean, var


@mutant("batch_norm")
def weight_without_its_sign(x: Any, running_mean: Any, running_var: Any, weight: Any, bias: Any,
                            training: bool = False, momentum: float = 0.1, eps: float = 1e-5) -> Any:  # fmt: skip
    """The weight is taken for a standard deviation, which cannot be negative: its sign is dropped."""
    return ours.batch_norm(x, running_mean, running_var, np.abs(weight), bias, training, momentum, eps)


@mutant("batch_norm")
def centred_in_place(x: Any, running_mean: Any, running_var: Any, weight: Any, bias: Any,
                     training: bool = False, momentum: float = 0.1, eps: float = 1e-5) -> Any:  # fmt: skip
    """The mean is subtracted in the caller's own array."""
    found = ours.batch_norm(x, running_mean, running_var, weight, bias, training, momentum, eps)
    if training and x.flags.writeable:
        x -= x.mean((0, 2, 3), keepdims=True)
    return found
