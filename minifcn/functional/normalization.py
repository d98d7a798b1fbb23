"""Batch normalisation and local response normalisation, written as their formulas."""

from __future__ import annotations

from math import prod
from typing import Any

from minifcn.autograd import Operation, Variable
from minifcn.backend import Array, array_module
from minifcn.errors import ArgumentError
from minifcn.functional.arithmetic import add, divide, multiply, power, sqrt, subtract
from minifcn.functional.operands import floating, image, same_kind, tensor
from minifcn.functional.reductions import sum
from minifcn.functional.shaping import getitem, pad, reshape
from minifcn.functional.transfer import astype, single
from minifcn.geometry import integer


class ChannelDot(Operation):
    """Σ over n, h, w of a·b: (N, C, H, W), (N, C, H, W) -> (C,), without a product in between."""

    def forward(self, a: Array, b: Array) -> Array:
        return array_module(a, b).einsum("nchw,nchw->c", a, b)

    def backward(self, grad: Variable) -> Any:
        a, b = self.operands
        each = _per_channel(grad)
        return lambda: multiply(b, each), lambda: multiply(a, each)


class ChannelAffine(Operation):
    """x·scale + shift with one number per channel: (N, C, H, W), (C,), (C,) -> (N, C, H, W)."""

    def forward(self, x: Array, scale: Array, shift: Array) -> Array:
        y = x * scale[:, None, None]
        y += shift[:, None, None]
        return y

    def backward(self, grad: Variable) -> Any:
        x, scale, _ = self.operands
        return (
            lambda: multiply(grad, _per_channel(scale)),
            lambda: ChannelDot()(grad, x),
            lambda: sum(grad, (0, 2, 3)),
        )


def _per_channel(values: Any) -> Any:
    return reshape(values, (1, values.shape[0], 1, 1))


def batch_norm(
    x: Any,
    running_mean: Any,
    running_var: Any,
    weight: Any = None,
    bias: Any = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Any:
    """y = (x − mean) / √(var + eps) · weight + bias, per channel.

    In training, mean and (biased) variance are those of the batch, over N, H and W, and the running ones move towards
    them: running ← (1 − momentum)·running + momentum·batch, with the unbiased variance. Otherwise the running ones
    are used. x: (N, C, H, W) or (N, C); all others (C,); running ones may be None in training.
    Raises ArgumentError when training with fewer than two values per channel. Source: Ioffe and Szegedy 2015.
    """
    x = floating("batch_norm", x)
    if x.ndim not in (2, 4):
        raise ArgumentError(f"batch_norm: x must be (N, C, H, W) or (N, C), got shape {x.shape}; reshape it.")
    N, C = x.shape[:2]
    images = single(reshape(x, (N, C, *(x.shape[2:] or (1, 1)))))
    named = {"weight": weight, "bias": bias, "running_mean": running_mean, "running_var": running_var}
    for name, values in named.items():
        if values is not None:
            if tensor("batch_norm", values, name).shape != (C,):
                raise ArgumentError(f"batch_norm: {name} must have shape ({C},), got {values.shape}.")
            same_kind("batch_norm", x, values, f"x and {name}")
    constant = type(x).of
    xp = array_module(x._array)
    weight = constant(xp.ones(C, images.dtype)) if weight is None else single(weight)
    bias = constant(xp.zeros(C, images.dtype)) if bias is None else single(bias)
    if not training:
        if running_mean is None or running_var is None:
            raise ArgumentError("batch_norm: without training, running_mean and running_var are needed.")
        scale = divide(weight, sqrt(add(single(running_var), eps)))
        y = ChannelAffine()(images, scale, subtract(bias, multiply(single(running_mean), scale)))
        return astype(reshape(y, x.shape), x.dtype)
    count = N * prod(x.shape[2:])
    if count < 2:
        raise ArgumentError(
            f"batch_norm: training needs at least two values per channel, x of shape {x.shape} has {count}; "
            f"use a larger batch or image, or eval mode."
        )
    mean = multiply(sum(images, (0, 2, 3)), 1.0 / count)
    # Mean first, then squares of what is left: E[x²] − mean² would lose all digits where the mean is large.
    centred = subtract(images, _per_channel(mean))
    var = multiply(ChannelDot()(centred, centred), 1.0 / count)
    if running_mean is not None:
        _move(running_mean, mean._array, momentum)
    if running_var is not None:
        _move(running_var, var._array * (count / (count - 1)), momentum)
    y = ChannelAffine()(centred, divide(weight, sqrt(add(var, eps))), bias)
    return astype(reshape(y, x.shape), x.dtype)


def _move(running: Any, batch: Array, momentum: float) -> None:
    array = running.mutable()
    array *= 1 - momentum
    array += (momentum * batch).astype(array.dtype)


def local_response_norm(x: Any, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0) -> Any:
    """y[c] = x[c] / (k + alpha/size · Σ x[c']²)^beta over the `size` channels c' around c (size//2 of them before c).

    x: (N, C, H, W). Alpha is divided by the size, as in Caffe and PyTorch; AlexNet's paper and Chainer do not.
    Source: Krizhevsky et al. 2012, §3.3.
    """
    x, size = image("local_response_norm", x), integer(size, "local_response_norm: size", 1)
    C = x.shape[1]
    values = single(x)
    squares = pad(power(values, 2), (0, 0, 0, 0, size // 2, (size - 1) // 2))
    total = getitem(squares, (slice(None), slice(0, C)))
    for shift in range(1, size):
        total = add(total, getitem(squares, (slice(None), slice(shift, shift + C))))
    return astype(divide(values, power(add(multiply(total, alpha / size), k), beta)), x.dtype)
