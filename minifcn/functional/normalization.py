"""Batch, group and layer normalisation, and that of local responses, written as their formulas."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING

from minifcn.arguments import flag, integer, number
from minifcn.arrays import batch_norm as whole
from minifcn.arrays import channels
from minifcn.autograd import Gradient, Gradients, Operation, is_grad_enabled
from minifcn.errors import ArgumentError
from minifcn.functional.arithmetic import add, divide, multiply, negative, power, sqrt, subtract
from minifcn.functional.indexing import getitem
from minifcn.functional.operands import Shape, floating, image, same_kind, tensor
from minifcn.functional.reductions import sum
from minifcn.functional.shaping import pad, reshape
from minifcn.functional.transfer import astype, widened
from minifcn.machine.backend import Array, array_module, at_home

if TYPE_CHECKING:
    from minifcn.tensor import Tensor


class BatchNorm(Operation):
    """y = c·r·weight + bias, where c = x − mean and r = 1/√(var + eps) have the statistics of the batch, per channel.

    With n values per channel, and all of Σ over them, backward is
        weight: r · Σ g·c        bias: Σ g        x: weight·r · (g − Σ g / n − c · r² · Σ g·c / n)
    x (N, C, H, W), weight and bias (C,). `statistics` (2, C) is there after forward.
    """

    per_number = 6  # sum, difference, square and its sum, product, sum

    def __init__(self, eps: float) -> None:
        self.eps = eps

    def forward(self, x: Array, weight: Array, bias: Array) -> Array:
        y, self.statistics = whole.normalised(x, weight, bias, self.eps)
        return y

    def backward(self, grad: Tensor) -> Gradients:
        x, weight, _ = self.operands
        gradient = BatchNormGradient(self.statistics, self.eps)
        for_x = gradient(grad, x, weight)
        if is_grad_enabled():  # what will be differentiated needs to know how mean and variance depend on x
            mean, r = _mean_and_r(x, self.eps)
            total, dot = _sums(grad, x, mean)
            return for_x, lambda: multiply(dot, r), total
        sums, of = gradient.sums, type(x).of
        return for_x, of(sums[1] * (1 / array_module(sums).sqrt(self.statistics[1] + self.eps))), of(sums[0])


class BatchNormGradient(Operation):
    """The gradient of x by the formula of `BatchNorm`; `sums`, (Σ g, Σ g·c) of each channel, is there after forward.

    g and x are visited once. With the sums a = Σ h·c and b = Σ g·c, and with ‹h, g› = Σ h·g − Σ h·Σ g / n,

        Σ h·(gradient of x) = weight · (r·‹h, g› − r³·a·b / n),    dr/dx = −r³·c / n

    which is the same if g and h change places: so the operation is its own transpose in g. For x the rest follows.
    """

    per_number = 8  # two sums, two differences, three products, a sum

    def __init__(self, statistics: Array, eps: float) -> None:
        self.statistics, self.eps = statistics, eps

    def forward(self, grad: Array, x: Array, weight: Array) -> Array:
        y, self.sums = whole.gradient(grad, x, weight, self.statistics, self.eps)
        return y

    def backward(self, grad: Tensor) -> Gradients:
        h, (g, x, weight) = grad, self.operands
        share = 1 / _count(x)
        mean, r = _mean_and_r(x, self.eps)
        (sum_h, a), (sum_g, b) = _sums(h, x, mean), _sums(g, x, mean)
        both = subtract(sum(multiply(h, g), (0, 2, 3)), multiply(multiply(sum_h, share), sum_g))  # ‹h, g›
        cube, ab = power(r, 3), multiply(multiply(a, share), b)

        def for_x() -> Tensor:
            factor = multiply(multiply(weight, cube), -share)
            of_h, of_g = multiply(factor, b), multiply(factor, a)
            of_c = multiply(factor, subtract(both, multiply(multiply(power(r, 2), ab), 3)))
            of_means = add(multiply(of_h, sum_h), multiply(of_g, sum_g))
            level = negative(add(multiply(of_means, share), multiply(of_c, mean)))
            return ChannelAffine()(level, h, of_h, g, of_g, x, of_c)

        def for_weight() -> Tensor:
            return subtract(multiply(r, both), multiply(cube, ab))

        return lambda: BatchNormGradient(self.statistics, self.eps)(h, x, weight), for_x, for_weight


def _mean_and_r(x: Tensor, eps: float) -> tuple[Tensor, Tensor]:
    """The mean and 1/√(var + eps), per channel."""
    statistics = BatchStatistics()(x)
    return getitem(statistics, 0), divide(1.0, sqrt(add(getitem(statistics, 1), eps)))


class BatchStatistics(Operation):
    """Mean and biased variance per channel: (N, C, H, W) -> (2, C);  d mean / dx = 1/n, d var / dx = 2·(x − mean)/n."""

    keeps_output = True
    per_number = 4

    def forward(self, x: Array) -> Array:
        return channels.moments(x)

    def backward(self, grad: Tensor) -> Tensor:
        (x,) = self.operands
        each = multiply(grad, 1 / _count(x))
        slope = multiply(getitem(each, 1), 2.0)
        level = subtract(getitem(each, 0), multiply(slope, getitem(self.output, 0)))
        return ChannelAffine()(level, x, slope)


class ChannelSums(Operation):
    """(Σ a, Σ a·(b − centre)) over n, h, w, in one pass: (N, C, H, W), (N, C, H, W), (C,) -> (2, C)."""

    per_number = 4

    def forward(self, a: Array, b: Array, centre: Array) -> Array:
        return channels.sums(a, b, centre)

    def backward(self, grad: Tensor) -> Gradients:
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
        return channels.affine(shift, *terms)

    def backward(self, grad: Tensor) -> Gradients:
        _, *terms = self.operands

        def for_x(scale: Tensor) -> Gradient:
            return lambda: multiply(grad, _per_channel(scale))

        def for_scale(x: Tensor) -> Gradient:
            return lambda: _sums(grad, x, type(x).of(array_module(x._array).zeros(x.shape[1], x.dtype)))[1]

        pairs = zip(terms[::2], terms[1::2], strict=True)
        return lambda: sum(grad, (0, 2, 3)), *(make for x, scale in pairs for make in (for_x(scale), for_scale(x)))


def _sums(a: Tensor, b: Tensor, centre: Tensor) -> tuple[Tensor, Tensor]:
    """Σ a and Σ a·(b − centre), per channel."""
    sums = ChannelSums()(a, b, centre)
    return getitem(sums, 0), getitem(sums, 1)


def _count(x: Tensor) -> int:
    """n, the values per channel."""
    return int(x.shape[0] * prod(x.shape[2:]))


def _per_channel(values: Tensor) -> Tensor:
    return reshape(values, (1, values.shape[0], 1, 1))


def batch_norm(
    x: Tensor,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    """y = (x − mean) / √(var + eps) · weight + bias, per channel.

    In training, mean and (biased) variance are those of the batch, over N, H and W, and the running ones move towards
    them: running ← (1 − momentum)·running + momentum·batch, with the unbiased variance. Otherwise the running ones
    are used. x: (N, C, H, W) or (N, C); all others (C,); running ones may be None in training.
    Raises ArgumentError when training with fewer than two values per channel, for eps below 0 and for a momentum
    outside [0, 1]. Source: Ioffe and Szegedy 2015.
    """
    x, training = floating("batch_norm", x), flag(training, "batch_norm: training")
    eps, momentum = number(eps, "batch_norm: eps", 0), number(momentum, "batch_norm: momentum", 0, 1)
    if x.ndim not in (2, 4):
        raise ArgumentError(f"batch_norm: x must be (N, C, H, W) or (N, C), got shape {x.shape}; reshape it.")
    N, C = x.shape[:2]
    images = widened(reshape(x, (N, C, *(x.shape[2:] or (1, 1)))))
    given = {"weight": weight, "bias": bias, "running_mean": running_mean, "running_var": running_var}
    weight, bias, mean, var = (_fitting("batch_norm", x, (C,), values, name) for name, values in given.items())
    weight, bias = _or_full(weight, 1, images), _or_full(bias, 0, images)
    if not training:
        if mean is None or var is None:
            raise ArgumentError("batch_norm: without training, running_mean and running_var are needed.")
        scale = divide(weight, sqrt(add(var, eps)))
        y = ChannelAffine()(subtract(bias, multiply(mean, scale)), images, scale)
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


def _move(running: Tensor, batch: Array, momentum: float) -> None:
    array = running.mutable()
    array *= 1 - momentum
    array += (momentum * batch).astype(array.dtype)


def group_norm(
    x: Tensor, num_groups: int, weight: Tensor | None = None, bias: Tensor | None = None, eps: float = 1e-5
) -> Tensor:
    """y = (x − mean) / √(var + eps) · weight + bias, with mean and (biased) variance of each image and group.

    x            (N, C, ...), C divisible by num_groups: group g has the channels g·C/G to (g + 1)·C/G − 1
    weight, bias (C,), one number per channel, default 1 and 0

    Nothing is remembered and the batch does not matter, so training and evaluation are alike, even with one image.
    num_groups = C is instance normalisation. Raises ArgumentError for shapes that do not fit, for images without pixels
    and for eps below 0. Source: Wu and He 2018.
    """
    x, G = floating("group_norm", x), integer(num_groups, "group_norm: num_groups", 1)
    if x.ndim < 2:
        raise ArgumentError(f"group_norm: x must be (N, C, ...), got shape {x.shape}; reshape it.")
    N, C = x.shape[:2]
    if C % G:
        raise ArgumentError(f"group_norm: num_groups {G} must divide the {C} channels of x; change num_groups.")
    weight = _fitting("group_norm", x, (C,), weight, "weight")
    bias = _fitting("group_norm", x, (C,), bias, "bias")
    y = _standardised("group_norm", x, N * G, eps)
    if weight is not None or bias is not None:
        planes = reshape(y, (N, C, 1, prod(x.shape[2:])))
        y = ChannelAffine()(_or_full(bias, 0, planes), planes, _or_full(weight, 1, planes))
    return astype(reshape(y, x.shape), x.dtype)


def layer_norm(
    x: Tensor,
    normalized_shape: int | tuple[int, ...],
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
) -> Tensor:
    """y = (x − mean) / √(var + eps) · weight + bias, with mean and (biased) variance over the last dimensions.

    normalized_shape   the sizes of those dimensions: x is (..., *normalized_shape)
    weight, bias       of that shape, default 1 and 0

    Raises ArgumentError for shapes that do not fit and for eps below 0. Source: Ba, Kiros and Hinton 2016.
    """
    x = floating("layer_norm", x)
    shape = normalized_sizes(normalized_shape, "layer_norm")
    if x.shape[max(0, x.ndim - len(shape)) :] != shape:
        raise ArgumentError(f"layer_norm: normalized_shape {shape} must be the last sizes of x, got shape {x.shape}.")
    weight = _fitting("layer_norm", x, shape, weight, "weight")
    bias = _fitting("layer_norm", x, shape, bias, "bias")
    y = reshape(_standardised("layer_norm", x, prod(x.shape[: x.ndim - len(shape)]), eps), x.shape)
    y = y if weight is None else multiply(y, weight)
    return astype(y if bias is None else add(y, bias), x.dtype)


def normalized_sizes(value: object, name: str) -> tuple[int, ...]:
    """The normalized_shape of a layer normalisation as a tuple of plain sizes."""
    given = tuple(value) if isinstance(value, tuple | list) else (value,)
    if not given:
        raise ArgumentError(f"{name}: normalized_shape is empty; name at least the last size of x.")
    return tuple(integer(size, f"{name}: normalized_shape", 1) for size in given)


def _standardised(name: str, x: Tensor, rows: int, eps: float) -> Tensor:
    """x in `rows` rows of equal length, each less its mean and divided by its √(variance + eps): (1, rows, n, 1)."""
    level = number(eps, f"{name}: eps", 0)
    if rows and 0 in x.shape:
        raise ArgumentError(f"{name}: x of shape {x.shape} has no values to take a mean of; leave empty images out.")
    values = widened(x)
    # Batch normalisation of one image whose channels are the rows.
    planes = reshape(values, (1, rows, prod(x.shape) // max(1, rows), 1))
    return BatchNorm(level)(planes, _or_full(None, 1, planes), _or_full(None, 0, planes)) if rows else planes


def _fitting(name: str, x: Tensor, shape: Shape, values: Tensor | None, argument: str) -> Tensor | None:
    """What stands beside x, if anything does: of `shape`, of the dtype and device of x, and widened as x is."""
    if values is None:
        return None
    if tensor(name, values, argument).shape != shape:
        raise ArgumentError(f"{name}: {argument} must have shape {shape}, got {values.shape}.")
    same_kind(name, x, values, f"x and {argument}")
    return widened(values)


def _or_full(values: Tensor | None, number: float, x: Tensor) -> Tensor:
    """`values`, or `number` for each channel of x (N, C, H, W)."""
    if values is not None:
        return values
    with at_home(x._array):
        return type(x).of(array_module(x._array).full(x.shape[1], number, x.dtype))


def local_response_norm(x: Tensor, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0) -> Tensor:
    """y[c] = x[c] / (k + alpha/size · Σ x[c']²)^beta over the `size` channels c' around c (size//2 of them before c).

    x: (N, C, H, W). Alpha is divided by the size, as in Caffe and PyTorch; AlexNet's paper and Chainer do not.
    alpha and k are at least 0, so that no root is taken of a negative number.
    Source: Krizhevsky et al. 2012, §3.3.
    """
    x, size = image("local_response_norm", x), integer(size, "local_response_norm: size", 1)
    alpha, k = number(alpha, "local_response_norm: alpha", 0), number(k, "local_response_norm: k", 0)
    beta = number(beta, "local_response_norm: beta")
    C = x.shape[1]
    values = widened(x)
    squares = pad(power(values, 2), (0, 0, 0, 0, size // 2, (size - 1) // 2))
    total = getitem(squares, (slice(None), slice(0, C)))
    for shift in range(1, size):
        total = add(total, getitem(squares, (slice(None), slice(shift, shift + C))))
    return astype(divide(values, power(add(multiply(total, alpha / size), k), beta)), x.dtype)
