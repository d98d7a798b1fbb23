"""Batch normalisation and local response normalisation, written as their formulas."""

from __future__ import annotations

from math import prod
from typing import Any

from minifcn.arguments import integer
from minifcn.arrays import channels
from minifcn.autograd import Operation, Variable, is_grad_enabled
from minifcn.errors import ArgumentError
from minifcn.functional.arithmetic import add, divide, multiply, negative, power, sqrt, subtract
from minifcn.functional.operands import floating, image, same_kind, tensor
from minifcn.functional.reductions import sum
from minifcn.functional.shaping import getitem, pad, reshape
from minifcn.functional.transfer import astype, single
from minifcn.machine.backend import Array, array_module, at_home
from minifcn.machine.kernels import run_on
from minifcn.machine.memory import empty, scratch
from minifcn.machine.spread import spread


class BatchNorm(Operation):
    """y = c·r·weight + bias, where c = x − mean and r = 1/√(var + eps) have the statistics of the batch, per channel.

    With n values per channel, and all of Σ over them, backward is
        weight: r · Σ g·c        bias: Σ g        x: weight·r · (g − Σ g / n − c · r² · Σ g·c / n)
    x (N, C, H, W), weight and bias (C,). `statistics` (2, C) is there after forward.
    """

    def __init__(self, eps: float) -> None:
        self.eps = eps

    def forward(self, x: Array, weight: Array, bias: Array) -> Array:
        xp, planes = array_module(x), x.shape[:2]
        self.statistics = _moments(x)
        scale = weight / xp.sqrt(self.statistics[1] + self.eps)
        if run_on(x):
            return channels.normalised(x, self.statistics[0], scale, bias)

        def normalise(y: Array, x: Array, mean: Array, scale: Array, bias: Array) -> None:
            xp.subtract(x, mean[:, None, None], out=y)
            y *= scale[:, None, None]
            y += bias[:, None, None]

        per_channel = (xp.broadcast_to(values, planes) for values in (self.statistics[0], scale, bias))
        return spread(normalise, empty(x.shape, x.dtype, x), x, *per_channel, axes=2, in_cache=True)

    def cost(self, operands: tuple[Array, ...], result: Array) -> int:
        return 6 * int(result.size)  # sum, difference, square and its sum, product, sum

    def backward(self, grad: Variable) -> Any:
        x, weight, _ = self.operands
        share = -1 / _count(x)
        # A gradient that will be differentiated needs to know how mean and variance depend on x; else numbers will do.
        statistics = BatchStatistics()(x) if is_grad_enabled() else type(x).of(self.statistics)
        mean, var = getitem(statistics, 0), getitem(statistics, 1)
        r = divide(1.0, sqrt(add(var, self.eps)))
        total, dot = _sums(grad, x, mean)

        def for_x() -> Any:
            scale = multiply(weight, r)
            slope = multiply(multiply(scale, multiply(r, r)), multiply(dot, share))
            level = subtract(multiply(scale, multiply(total, share)), multiply(slope, mean))
            return ChannelAffine()(level, grad, scale, x, slope)

        return for_x, lambda: multiply(dot, r), total


class BatchStatistics(Operation):
    """Mean and biased variance per channel: (N, C, H, W) -> (2, C);  d mean / dx = 1/n, d var / dx = 2·(x − mean)/n."""

    keeps_output = True

    def forward(self, x: Array) -> Array:
        return _moments(x)

    def cost(self, operands: tuple[Array, ...], result: Array) -> int:
        return 4 * int(operands[0].size)

    def backward(self, grad: Variable) -> Variable:
        (x,) = self.operands
        each = multiply(grad, 1 / _count(x))
        slope = multiply(getitem(each, 1), 2.0)
        level = subtract(getitem(each, 0), multiply(slope, getitem(self.output, 0)))
        return ChannelAffine()(level, x, slope)


class ChannelSums(Operation):
    """(Σ a, Σ a·(b − centre)) over n, h, w, in one pass: (N, C, H, W), (N, C, H, W), (C,) -> (2, C)."""

    def forward(self, a: Array, b: Array, centre: Array) -> Array:
        xp, planes = array_module(a, b), a.shape[:2]
        if run_on(a, b):
            return channels.sums(a, b, centre)

        def compute(y: Array, a: Array, b: Array, centre: Array) -> None:
            y[:, 0] = a.sum((1, 2))
            y[:, 1] = xp.einsum(
                "phw,phw->p", a, xp.subtract(b, centre[:, None, None], out=scratch("deviations", b.shape, b))
            )

        y = spread(
            compute, xp.empty((*planes, 2), a.dtype), a, b, xp.broadcast_to(centre, planes), axes=2, in_cache=True
        )
        return xp.ascontiguousarray(y.sum(0).T)  # (N, C, 2) -> (2, C)

    def cost(self, operands: tuple[Array, ...], result: Array) -> int:
        return 4 * int(operands[0].size)

    def backward(self, grad: Variable) -> Any:
        a, b, centre = self.operands
        plain, centred = getitem(grad, 0), getitem(grad, 1)
        return (
            lambda: ChannelAffine()(subtract(plain, multiply(centred, centre)), b, centred),
            lambda: multiply(a, _per_channel(centred)),
            lambda: negative(multiply(centred, sum(a, (0, 2, 3)))),
        )


class ChannelAffine(Operation):
    """shift + Σᵢ xᵢ·scaleᵢ, with one number per channel in shift (C,) and scaleᵢ (C,); xᵢ and result (N, C, H, W)."""

    def forward(self, shift: Array, *terms: Array) -> Array:
        xp, x = array_module(shift), terms[0]
        if run_on(x) and len(terms) in channels.TERMS:
            return channels.affine(shift, *terms)

        def compute(y: Array, shift: Array, x: Array, scale: Array, *more: Array) -> None:
            xp.multiply(x, scale[:, None, None], out=y)
            y += shift[:, None, None]
            for x, scale in zip(more[::2], more[1::2], strict=True):
                y += xp.multiply(x, scale[:, None, None], out=scratch("product", x.shape, x))

        # One number per channel, repeated for each image: (C,) -> (N, C)
        arrays = (array if array.ndim == 4 else xp.broadcast_to(array, x.shape[:2]) for array in (shift, *terms))
        return spread(compute, empty(x.shape, x.dtype, x), *arrays, axes=2, in_cache=len(terms) > 2)

    def cost(self, operands: tuple[Array, ...], result: Array) -> int:
        return (len(operands) - 1) * int(result.size)

    def backward(self, grad: Variable) -> Any:
        _, *terms = self.operands

        def for_x(scale: Any) -> Any:
            return lambda: multiply(grad, _per_channel(scale))

        def for_scale(x: Any) -> Any:
            return lambda: _sums(grad, x, type(x).of(array_module(x._array).zeros(x.shape[1], x.dtype)))[1]

        pairs = zip(terms[::2], terms[1::2], strict=True)
        return lambda: sum(grad, (0, 2, 3)), *(make for x, scale in pairs for make in (for_x(scale), for_scale(x)))


def _sums(a: Any, b: Any, centre: Any) -> tuple[Any, Any]:
    """Σ a and Σ a·(b − centre), per channel."""
    sums = ChannelSums()(a, b, centre)
    return getitem(sums, 0), getitem(sums, 1)


def _moments(x: Array) -> Array:
    """Mean and biased variance per channel (2, C), put together from those of each plane (n, c). E[x²] − mean² would
    lose digits.

    A plane's mean m is rounded; what x − m has on average is what it lost. With M the mean of the channel, m − M = a,

        E (x − M)² = E (x − m)² + 2·a·E (x − m) + a²       on average over the planes, which are equally large

    Source: Chan, Golub and LeVeque 1983.
    """
    xp = array_module(x)
    if run_on(x):
        return channels.moments(x)

    def compute(y: Array, x: Array) -> None:
        y[:, 0] = x.mean((1, 2))
        deviations = xp.subtract(x, y[:, :1, None], out=scratch("deviations", x.shape, x))
        y[:, 1] = deviations.mean((1, 2))
        y[:, 2] = xp.einsum("phw,phw->p", deviations, deviations) / prod(x.shape[1:])

    planes = spread(compute, xp.empty((*x.shape[:2], 3), x.dtype), x, axes=2, in_cache=True)
    means, lost, squares = planes[..., 0], planes[..., 1], planes[..., 2]
    mean = means.mean(0)
    mean += (means - mean + lost).mean(0)
    apart = means - mean
    return xp.stack([mean, (squares + apart * (apart + 2 * lost)).mean(0)])


def _count(x: Any) -> int:
    """n, the values per channel."""
    return int(x.shape[0] * prod(x.shape[2:]))


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
    with at_home(x._array):
        weight = constant(xp.ones(C, images.dtype)) if weight is None else single(weight)
        bias = constant(xp.zeros(C, images.dtype)) if bias is None else single(bias)
    if not training:
        if running_mean is None or running_var is None:
            raise ArgumentError("batch_norm: without training, running_mean and running_var are needed.")
        scale = divide(weight, sqrt(add(single(running_var), eps)))
        y = ChannelAffine()(subtract(bias, multiply(single(running_mean), scale)), images, scale)
        return astype(reshape(y, x.shape), x.dtype)
    count = _count(x)
    if count < 2:
        raise ArgumentError(
            f"batch_norm: training needs at least two values per channel, x of shape {x.shape} has {count}; "
            f"use a larger batch or image, or eval mode."
        )
    norm = BatchNorm(eps)
    y = norm(images, weight, bias)
    with at_home(x._array):
        if running_mean is not None:
            _move(running_mean, norm.statistics[0], momentum)
        if running_var is not None:
            _move(running_var, norm.statistics[1] * (count / (count - 1)), momentum)
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
