"""Batch normalisation and its way back on bare arrays, each in one visit of the memory.

What a channel needs are several passes: its mean, then its variance, which needs the mean, then the result, which needs
both. Each is a single addition or multiplication per number, so it is fetching the numbers that takes the time. On a
CPU a few channels are therefore taken at a time, of all images: few enough to stay in the cache until they are done.
A channel is never divided, so neither blocks nor threads change a bit. On a GPU: the kernels of `channels.py`.
"""

from __future__ import annotations

from math import prod

import numpy as np

from minifcn.arrays import channels
from minifcn.machine.backend import Array, array_module
from minifcn.machine.memory import empty, scratch


def normalised(x: Array, weight: Array, bias: Array, eps: float) -> tuple[Array, Array]:
    """y = (x − mean)/√(var + eps)·weight + bias, and the statistics (mean, var): (N, C, H, W) and (2, C).

    x − mean is known in two parts: x − m with m the mean of the plane, and m − mean, one number for each plane.
    """
    xp = array_module(x)
    if xp is not np:
        statistics = channels.moments(x)
        scale = weight / xp.sqrt(statistics[1] + eps)
        return channels.normalised(x, statistics[0], scale, bias), statistics
    y, statistics = empty(x.shape, x.dtype, x), np.empty((2, x.shape[1]), x.dtype)
    values, result = channels.pixels(x), channels.pixels(y)

    def compute(few: slice) -> None:
        deviations = result[:, few]
        statistics[:, few], apart = channels.centred(values[:, few], deviations)
        scale = weight[few] / np.sqrt(statistics[1, few] + eps)
        deviations *= scale[:, None]
        deviations += (apart * scale + bias[few])[..., None]

    channels.by_channels(compute, x)
    return y, statistics


def gradient(grad: Array, x: Array, weight: Array, statistics: Array, eps: float) -> tuple[Array, Array]:
    """The gradient of x, and the sums (Σ g, Σ g·(x − mean)) of each channel, (2, C), which weight and bias need.

    With r = 1/√(var + eps), c = x − mean and n values per channel: weight·r · (g − Σ g/n − c·r²·Σ g·c/n).
    """
    count = len(x) * prod(x.shape[2:])
    if array_module(grad, x) is not np:
        sums = channels.sums(grad, x, statistics[0])
        level, scale, slope = _coefficients(sums, weight, statistics, eps, count)
        return channels.affine(level - slope * statistics[0], grad, scale, x, slope), sums
    y, sums = empty(x.shape, x.dtype, x), np.empty((2, x.shape[1]), x.dtype)
    received, values, result = map(channels.pixels, (grad, x, y))

    def compute(few: slice) -> None:
        g, c = received[:, few], scratch("deviations", values[:, few].shape, x)
        np.subtract(values[:, few], statistics[0, few, None], out=c)
        sums[:, few] = channels.total(g).sum(0), channels.dots(g, c).sum(0)
        level, scale, slope = _coefficients(sums[:, few], weight[few], statistics[:, few], eps, count)
        c *= slope[:, None]
        c += level[:, None]
        np.multiply(g, scale[:, None], out=result[:, few])
        result[:, few] += c

    channels.by_channels(compute, x)
    return y, sums


def _coefficients(sums: Array, weight: Array, statistics: Array, eps: float, count: int) -> tuple[Array, Array, Array]:
    """(level, scale, slope) of level + scale·g + slope·c: what is the same for a channel, and what g and c count."""
    square = 1 / (statistics[1] + eps)  # r²
    scale = weight * array_module(square).sqrt(square)
    return scale * sums[0] / -count, scale, scale * square * sums[1] / -count
