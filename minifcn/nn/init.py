"""How weights begin. Every function fills a Tensor in place and draws from `generator`, or else the default one.

Fans. A weight of shape (A, B, *kernel) has fan_in = B · |kernel| and fan_out = A · |kernel|. For a linear map (out, in)
and a convolution (out, in/groups, kh, kw), fan_in is exactly the number of inputs that meet in one output, with groups
too. fan_out ignores groups and stride: it is the number of outputs that one input reaches when both are 1.

A transposed convolution stores (in, out/groups, kh, kw), so the roles are exchanged. The rule stays, as in PyTorch: its
"fan_in" is out/groups · kh · kw, the fan of the convolution whose transpose it is. What one of its outputs really
receives is in/groups · kh · kw / (sh · sw) inputs, because stamps that lie a stride apart overlap k/s times per axis.
mode="fan_out" comes nearest, with in · kh · kw: right for stride 1 without groups, and otherwise the signal shrinks by
√(groups · sh · sw), which a gain of that size undoes. FCN's upsampling avoids the question with `bilinear_`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from math import prod, sqrt
from typing import Any

import numpy as np

from minifcn.arguments import choice, number
from minifcn.arrays.resampling import bilinear_kernel
from minifcn.errors import ArgumentError, ArgumentTypeError
from minifcn.machine.backend import array_module, at_home
from minifcn.machine.limits import require_memory
from minifcn.random import Generator, generator_for
from minifcn.tensor import Parameter, Tensor

GAINS = {"linear": 1.0, "conv2d": 1.0, "conv_transpose2d": 1.0, "sigmoid": 1.0, "tanh": 5 / 3, "relu": sqrt(2.0)}


_only_shapes: ContextVar[bool] = ContextVar("minifcn_only_shapes", default=False)


@contextmanager
def only_shapes() -> Iterator[None]:
    """Layers built inside have weights of their shape, of one zero that takes no memory: to be counted, not to compute.

    >>> from minifcn.nn import Conv2d
    >>> with only_shapes():
    ...     fc6 = Conv2d(512, 4096, 7)
    >>> fc6.weight.numel(), float(fc6.weight[0, 0, 0, 0])
    (102760448, 0.0)
    """
    token = _only_shapes.set(True)
    try:
        yield
    finally:
        _only_shapes.reset(token)


def calculate_gain(nonlinearity: str, param: float = 0.01) -> float:
    """√(1 / E[f(z)²]) or thereabouts: how much a nonlinearity shrinks a signal, which the weights then make up for.

    1 for "linear", "conv2d", "conv_transpose2d" and "sigmoid", 5/3 for "tanh", √2 for "relu", √(2 / (1 + param²)) for
    "leaky_relu" with negative slope `param`. Raises ArgumentError for another name.
    """
    choice(nonlinearity, "calculate_gain: nonlinearity", (*GAINS, "leaky_relu"))
    slope = number(param, "calculate_gain: param")
    return GAINS.get(nonlinearity, sqrt(2 / (1 + slope**2)))


def calculate_fan(tensor: Tensor) -> tuple[int, int]:
    """(fan_in, fan_out) of a weight (A, B, *kernel), as the head of this file explains.

    Raises ArgumentError for fewer than two dimensions, or a size of 0.

    >>> calculate_fan(Tensor(np.zeros((8, 3, 5, 7))))
    (105, 280)
    """
    shape = _checked("calculate_fan", tensor).shape
    if len(shape) < 2 or 0 in shape:
        raise ArgumentError(f"calculate_fan: a weight needs two or more dimensions, none of them 0, got {shape}.")
    kernel = prod(shape[2:])
    return shape[1] * kernel, shape[0] * kernel


def kaiming_normal_(
    tensor: Tensor,
    a: float = 0.0,
    mode: str = "fan_in",
    nonlinearity: str = "leaky_relu",
    *,
    generator: Generator | None = None,
) -> Tensor:
    """w ~ N(0, gain² / fan): a signal keeps its variance through layers of rectifiers.

    tensor         a weight of two or more dimensions
    a              the negative slope of "leaky_relu", otherwise unused; with the defaults the gain is √2, as for "relu"
    mode           "fan_in" keeps the variance of the signal, "fan_out" that of the gradient
    nonlinearity   see `calculate_gain`
    generator      the source of randomness

    Returns the tensor. Raises ArgumentError for an unknown mode or nonlinearity and for weights without a fan.
    Source: He et al. 2015, "Delving deep into rectifiers", section 2.2.
    """
    scale = _kaiming_scale("kaiming_normal_", tensor, a, mode, nonlinearity)
    return _fill_normal("kaiming_normal_", tensor, scale, generator)


def kaiming_uniform_(
    tensor: Tensor,
    a: float = 0.0,
    mode: str = "fan_in",
    nonlinearity: str = "leaky_relu",
    *,
    generator: Generator | None = None,
) -> Tensor:
    """w ~ U(−b, b) with b = gain · √(3 / fan), the variance of `kaiming_normal_`; its arguments and errors too."""
    scale = _kaiming_scale("kaiming_uniform_", tensor, a, mode, nonlinearity)
    return _fill_uniform("kaiming_uniform_", tensor, scale, generator)


def xavier_normal_(tensor: Tensor, gain: float = 1.0, *, generator: Generator | None = None) -> Tensor:
    """w ~ N(0, gain² · 2 / (fan_in + fan_out)): between what the signal and what the gradient asks for.

    Returns the tensor. Raises ArgumentError for weights without a fan.
    Source: Glorot and Bengio 2010, "Understanding the difficulty of training deep feedforward networks", equation 12.
    """
    gain = number(gain, "xavier_normal_: gain", 0)
    return _fill_normal("xavier_normal_", tensor, gain * sqrt(2 / sum(calculate_fan(tensor))), generator)


def xavier_uniform_(tensor: Tensor, gain: float = 1.0, *, generator: Generator | None = None) -> Tensor:
    """w ~ U(−b, b) with b = gain · √(6 / (fan_in + fan_out)): the variance of `xavier_normal_`. Glorot's eq. 16."""
    gain = number(gain, "xavier_uniform_: gain", 0)
    return _fill_uniform("xavier_uniform_", tensor, gain * sqrt(2 / sum(calculate_fan(tensor))), generator)


def normal_(tensor: Tensor, mean: float = 0.0, std: float = 1.0, *, generator: Generator | None = None) -> Tensor:
    """w ~ N(mean, std²). Returns the tensor. Raises ArgumentError for a negative std."""
    mean, std = number(mean, "normal_: mean"), number(std, "normal_: std", 0)
    return _fill_normal("normal_", tensor, std, generator, mean)


def uniform_(tensor: Tensor, a: float = 0.0, b: float = 1.0, *, generator: Generator | None = None) -> Tensor:
    """w ~ U(a, b). Returns the tensor. Raises ArgumentError for a > b."""
    a, b = number(a, "uniform_: a"), number(b, "uniform_: b")
    if a > b:
        raise ArgumentError(f"uniform_: a {a} is larger than b {b}; exchange them.")
    return _fill_uniform("uniform_", tensor, (b - a) / (2 * sqrt(3.0)), generator, (a + b) / 2)


def constant_(tensor: Tensor, val: float) -> Tensor:
    """Every element is `val`. Returns the tensor."""
    return _fill_constant("constant_", tensor, val)


def zeros_(tensor: Tensor) -> Tensor:
    """Every element is 0: how FCN's score layers begin, so that a new skip changes nothing at first."""
    return _fill_constant("zeros_", tensor, 0.0)


def ones_(tensor: Tensor) -> Tensor:
    """Every element is 1."""
    return _fill_constant("ones_", tensor, 1.0)


def bilinear_(tensor: Tensor) -> Tensor:
    """w[c, c] = bilinear kernel, w[c, o] = 0 for c ≠ o: each channel is upsampled by itself.

    tensor   the weight of a transposed convolution, (C, C, kh, kw), or (C, 1, kh, kw) with one channel per group

    With kernel 2s, stride s and padding s/2 the layer is bilinear interpolation by the factor s inside the image.
    Filling all pairs of channels instead would add up every channel into each: the usual mistake.
    Returns the tensor. Raises ArgumentError for other shapes.
    Source: Long, Shelhamer and Darrell 2015, section 3.3.
    """
    shape = _checked("bilinear_", tensor).shape
    if len(shape) != 4 or shape[1] not in (1, shape[0]):
        raise ArgumentError(
            f"bilinear_: the weight must be (C, C, kh, kw), or (C, 1, kh, kw) with groups = C, got {shape}; "
            f"upsampling keeps the number of channels."
        )
    if _only_shapes.get():
        return tensor
    weight = tensor.mutable()
    with at_home(weight):
        kernel = array_module(weight).asarray(bilinear_kernel(shape[2:], dtype=tensor.dtype))
        weight[...] = 0
        for channel in range(shape[0]):
            weight[channel, channel if shape[1] > 1 else 0] = kernel
    return tensor


def _kaiming_scale(name: str, tensor: Tensor, a: float, mode: str, nonlinearity: str) -> float:
    fan = calculate_fan(tensor)[choice(mode, f"{name}: mode", ("fan_in", "fan_out")) == "fan_out"]
    return calculate_gain(nonlinearity, number(a, f"{name}: a")) / sqrt(fan)


def _fill_constant(name: str, tensor: Tensor, value: float) -> Tensor:
    _checked(name, tensor)
    value = number(value, f"{name}: val", finite=False)
    if _only_shapes.get():
        return tensor
    weight = tensor.mutable()
    with at_home(weight):
        weight[...] = value
    return tensor


def _fill_normal(name: str, tensor: Tensor, scale: float, generator: Generator | None, middle: float = 0.0) -> Tensor:
    rng = generator_for(name, generator)
    _checked(name, tensor)
    if _only_shapes.get():
        return tensor
    values = rng.standard_normal(tensor.shape, _drawn(tensor))
    return _fill(tensor, values, scale, middle)


def _fill_uniform(name: str, tensor: Tensor, scale: float, generator: Generator | None, middle: float = 0.0) -> Tensor:
    rng = generator_for(name, generator)
    _checked(name, tensor)
    if _only_shapes.get():
        return tensor
    values = rng.random(tensor.shape, _drawn(tensor))
    values -= 0.5
    return _fill(tensor, values, 2 * sqrt(3.0) * scale, middle)  # U(−1/2, 1/2) has the standard deviation 1/√12


def _fill(tensor: Tensor, values: np.ndarray, scale: float, middle: float) -> Tensor:
    values *= scale
    if middle:
        values += middle
    weight = tensor.mutable()
    with at_home(weight):
        weight[...] = array_module(weight).asarray(values)
    return tensor


def _drawn(tensor: Tensor) -> Any:
    """The dtype to draw in; a generator knows these two."""
    return np.float32 if tensor.dtype == np.float32 else np.float64


def _checked(name: str, tensor: Any) -> Tensor:
    if not isinstance(tensor, Tensor) or tensor.dtype.kind != "f":
        kind = tensor.dtype if isinstance(tensor, Tensor) else type(tensor).__name__
        raise ArgumentTypeError(f"{name}: a floating point Tensor or Parameter is filled in place, got {kind}.")
    return tensor


def fan_in_uniform(shape: tuple[int, ...], fan_in: int, generator: Generator | None) -> Parameter:
    """A new Parameter of U(−1/√fan_in, 1/√fan_in), float32: PyTorch's default for linear and convolutional layers.

    Raises AllocationError for one larger than all memory.
    """
    rng = generator_for("a weight", generator)
    bound = np.float32(1 / sqrt(max(fan_in, 1)))
    if _only_shapes.get():
        made = Parameter(np.zeros((), np.float32))
        made.replace_(np.broadcast_to(np.float32(0), shape))
        return made
    require_memory("a weight", shape, bound, "reduce kernel_size or the number of channels or features")
    return Parameter((2 * rng.random(shape, np.float32) - 1) * bound)
