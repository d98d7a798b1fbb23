"""The layers of FCN and its kin. Arguments, names, defaults and shapes are PyTorch's.

A layer with weights takes `generator`, the source of its initial values: pass numpy.random.default_rng(seed) for a
repeatable layer. Without one the values are different on every run, as PyTorch's are without a seed.
"""

from __future__ import annotations

from math import prod, sqrt
from typing import Any

import numpy as np

from minifcn import functional as F
from minifcn.coordinates import CoordinateMap, ReceptiveField
from minifcn.errors import ArgumentError
from minifcn.geometry import Pair, integer, pair
from minifcn.nn.module import Module
from minifcn.tensor import Buffer, Parameter

Generator = np.random.Generator


def _uniform(shape: tuple[int, ...], fan_in: int, generator: Generator) -> Parameter:
    """U(−1/√fan_in, 1/√fan_in), PyTorch's default for linear and convolutional layers."""
    bound = 1 / sqrt(max(fan_in, 1))
    return Parameter(generator.uniform(-bound, bound, shape).astype(np.float32))


class Linear(Module):
    """y = x Aᵀ + b: (..., in_features) -> (..., out_features)."""

    def __init__(
        self, in_features: int, out_features: int, bias: bool = True, *, generator: Generator | None = None
    ) -> None:
        rng = np.random.default_rng() if generator is None else generator
        self.in_features = integer(in_features, "Linear: in_features", 1)
        self.out_features = integer(out_features, "Linear: out_features", 1)
        self.weight = _uniform((out_features, in_features), in_features, rng)
        self.bias = _uniform((out_features,), in_features, rng) if bias else None

    def forward(self, x: Any) -> Any:
        return F.linear(x, self.weight, self.bias)

    def extra_repr(self) -> str:
        frozen = "" if self.weight.requires_grad else ", frozen"
        return f"{self.in_features}, {self.out_features}, bias={self.bias is not None}{frozen}"


class Window(Module):
    """What convolutions and poolings share: a kernel that slides, and so a coordinate map and a receptive field."""

    kernel_size: Pair
    stride: Pair
    padding: Pair
    dilation: Pair

    def coordinate_map(self, axis: int = 0) -> CoordinateMap:
        """Where the centre of an input pixel lands in the output."""
        return CoordinateMap.of_convolution(
            self.kernel_size[axis], self.stride[axis], self.padding[axis], self.dilation[axis]
        )

    def receptive_field(self, before: ReceptiveField, axis: int = 0) -> ReceptiveField:
        """The receptive field after this layer."""
        return before.then(self.kernel_size[axis], self.stride[axis], self.dilation[axis])

    def _settings(self) -> str:
        shown = {"kernel_size": self.kernel_size, "stride": self.stride}
        shown |= {"padding": self.padding} if self.padding != (0, 0) else {}
        shown |= {"dilation": self.dilation} if self.dilation != (1, 1) else {}
        return ", ".join(f"{name}={value[0] if value[0] == value[1] else value}" for name, value in shown.items())


class Conv2d(Window):
    """Convolution: (N, in_channels, H, W) -> (N, out_channels, OH, OW); see `functional.conv2d`."""

    transposed = False

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Any,
        stride: Any = 1,
        padding: Any = 0,
        dilation: Any = 1,
        groups: int = 1,
        bias: bool = True,
        *,
        generator: Generator | None = None,
    ) -> None:
        name = type(self).__name__
        self.in_channels = integer(in_channels, f"{name}: in_channels", 1)
        self.out_channels = integer(out_channels, f"{name}: out_channels", 1)
        self.groups = integer(groups, f"{name}: groups", 1)
        if in_channels % groups or out_channels % groups:
            raise ArgumentError(
                f"{name}: groups {groups} must divide in_channels {in_channels} and out_channels {out_channels}."
            )
        self.kernel_size = pair(kernel_size, f"{name}: kernel_size", 1)
        self.stride = pair(stride, f"{name}: stride", 1)
        self.padding = pair(padding, f"{name}: padding", 0)
        self.dilation = pair(dilation, f"{name}: dilation", 1)
        # (out, in/groups, KH, KW), and (in, out/groups, KH, KW) when transposed: the convolution that goes back.
        first, second = (in_channels, out_channels) if self.transposed else (out_channels, in_channels)
        shape = (first, second // groups, *self.kernel_size)
        rng = np.random.default_rng() if generator is None else generator
        self.weight = _uniform(shape, prod(shape[1:]), rng)
        self.bias = _uniform((out_channels,), prod(shape[1:]), rng) if bias else None

    def forward(self, x: Any) -> Any:
        return F.conv2d(x, self.weight, self.bias, self.stride, self.padding, self.dilation, self.groups)

    def extra_repr(self) -> str:
        groups = f", groups={self.groups}" if self.groups > 1 else ""
        bias = ", bias=False" if self.bias is None else ""
        frozen = "" if self.weight.requires_grad else ", frozen"
        return f"{self.in_channels}, {self.out_channels}, {self._settings()}{groups}{bias}{frozen}"


class ConvTranspose2d(Conv2d):
    """Transposed convolution: (N, in_channels, H, W) -> (N, out_channels, ...); see `functional.conv_transpose2d`."""

    transposed = True

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Any,
        stride: Any = 1,
        padding: Any = 0,
        output_padding: Any = 0,
        groups: int = 1,
        bias: bool = True,
        dilation: Any = 1,
        *,
        generator: Generator | None = None,
    ) -> None:
        super().__init__(
            in_channels, out_channels, kernel_size, stride, padding, dilation, groups, bias, generator=generator
        )
        self.output_padding = pair(output_padding, "ConvTranspose2d: output_padding", 0)

    def forward(self, x: Any, output_size: Any = None) -> Any:
        return F.conv_transpose2d(
            x,
            self.weight,
            self.bias,
            self.stride,
            self.padding,
            self.output_padding if output_size is None else 0,
            self.groups,
            self.dilation,
            output_size,
        )

    def coordinate_map(self, axis: int = 0) -> CoordinateMap:
        return super().coordinate_map(axis).inverse()

    def _settings(self) -> str:
        return super()._settings() + (f", output_padding={self.output_padding}" if any(self.output_padding) else "")


class MaxPool2d(Window):
    """See `functional.max_pool2d`."""

    def __init__(
        self,
        kernel_size: Any,
        stride: Any = None,
        padding: Any = 0,
        dilation: Any = 1,
        return_indices: bool = False,
        ceil_mode: bool = False,
    ) -> None:
        self.kernel_size = pair(kernel_size, "MaxPool2d: kernel_size", 1)
        self.stride = self.kernel_size if stride is None else pair(stride, "MaxPool2d: stride", 1)
        self.padding = pair(padding, "MaxPool2d: padding", 0)
        self.dilation = pair(dilation, "MaxPool2d: dilation", 1)
        self.return_indices, self.ceil_mode = return_indices, ceil_mode

    def forward(self, x: Any) -> Any:
        return F.max_pool2d(
            x, self.kernel_size, self.stride, self.padding, self.dilation, self.ceil_mode, self.return_indices
        )

    def extra_repr(self) -> str:
        indices = ", return_indices=True" if self.return_indices else ""
        return self._settings() + indices + (", ceil_mode=True" if self.ceil_mode else "")


class AvgPool2d(Window):
    """See `functional.avg_pool2d`."""

    dilation = (1, 1)

    def __init__(
        self,
        kernel_size: Any,
        stride: Any = None,
        padding: Any = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
        divisor_override: int | None = None,
    ) -> None:
        self.kernel_size = pair(kernel_size, "AvgPool2d: kernel_size", 1)
        self.stride = self.kernel_size if stride is None else pair(stride, "AvgPool2d: stride", 1)
        self.padding = pair(padding, "AvgPool2d: padding", 0)
        self.ceil_mode, self.count_include_pad = ceil_mode, count_include_pad
        self.divisor_override = divisor_override

    def forward(self, x: Any) -> Any:
        return F.avg_pool2d(
            x,
            self.kernel_size,
            self.stride,
            self.padding,
            self.ceil_mode,
            self.count_include_pad,
            self.divisor_override,
        )

    def extra_repr(self) -> str:
        ceil = ", ceil_mode=True" if self.ceil_mode else ""
        pad = "" if self.count_include_pad else ", count_include_pad=False"
        divisor = "" if self.divisor_override is None else f", divisor_override={self.divisor_override}"
        return self._settings() + ceil + pad + divisor


class MaxUnpool2d(Module):
    """See `functional.max_unpool2d`."""

    def __init__(self, kernel_size: Any, stride: Any = None, padding: Any = 0) -> None:
        self.kernel_size = pair(kernel_size, "MaxUnpool2d: kernel_size", 1)
        self.stride = self.kernel_size if stride is None else pair(stride, "MaxUnpool2d: stride", 1)
        self.padding = pair(padding, "MaxUnpool2d: padding", 0)

    def forward(self, x: Any, indices: Any, output_size: Any = None) -> Any:
        return F.max_unpool2d(x, indices, self.kernel_size, self.stride, self.padding, output_size)

    def extra_repr(self) -> str:
        return f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"


class BatchNorm2d(Module):
    """See `functional.batch_norm`. Buffers: running_mean, running_var."""

    def __init__(self, num_features: int, eps: float = 1e-5, momentum: float = 0.1, affine: bool = True) -> None:
        C = integer(num_features, "BatchNorm2d: num_features", 1)
        self.num_features, self.eps, self.momentum = C, eps, momentum
        self.weight = Parameter(np.ones(C, np.float32)) if affine else None
        self.bias = Parameter(np.zeros(C, np.float32)) if affine else None
        self.running_mean = Buffer(np.zeros(C, np.float32))
        self.running_var = Buffer(np.ones(C, np.float32))

    def forward(self, x: Any) -> Any:
        return F.batch_norm(
            x, self.running_mean, self.running_var, self.weight, self.bias, self.training, self.momentum, self.eps
        )

    def extra_repr(self) -> str:
        affine = ", affine=False" if self.weight is None else ""
        return f"{self.num_features}, eps={self.eps}, momentum={self.momentum}{affine}"


class LocalResponseNorm(Module):
    """See `functional.local_response_norm`."""

    def __init__(self, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0) -> None:
        self.size, self.alpha, self.beta, self.k = integer(size, "LocalResponseNorm: size", 1), alpha, beta, k

    def forward(self, x: Any) -> Any:
        return F.local_response_norm(x, self.size, self.alpha, self.beta, self.k)

    def extra_repr(self) -> str:
        return f"{self.size}, alpha={self.alpha}, beta={self.beta}, k={self.k}"


class Dropout(Module):
    """See `functional.dropout`."""

    drop = staticmethod(F.dropout)

    def __init__(self, p: float = 0.5, *, generator: Generator | None = None) -> None:
        if not isinstance(p, int | float | np.floating) or not 0 <= p <= 1:
            raise ArgumentError(f"{type(self).__name__}: p must be a probability between 0 and 1, got {p!r}.")
        self.p = p
        self.generator = np.random.default_rng() if generator is None else generator

    def forward(self, x: Any) -> Any:
        return self.drop(x, self.p, self.training, generator=self.generator)

    def extra_repr(self) -> str:
        return f"p={self.p}"


class Dropout2d(Dropout):
    """See `functional.dropout2d`."""

    drop = staticmethod(F.dropout2d)


class ReLU(Module):
    """max(x, 0)."""

    def forward(self, x: Any) -> Any:
        return F.relu(x)


class LeakyReLU(Module):
    """x where x > 0, else negative_slope · x."""

    def __init__(self, negative_slope: float = 0.01) -> None:
        self.negative_slope = negative_slope

    def forward(self, x: Any) -> Any:
        return F.leaky_relu(x, self.negative_slope)

    def extra_repr(self) -> str:
        return f"{self.negative_slope}"


class Sigmoid(Module):
    """1 / (1 + e⁻ˣ)."""

    def forward(self, x: Any) -> Any:
        return F.sigmoid(x)


class Tanh(Module):
    """Hyperbolic tangent."""

    def forward(self, x: Any) -> Any:
        return F.tanh(x)


class Softmax(Module):
    """e^x / Σ e^x along `dim`."""

    def __init__(self, dim: int) -> None:
        self.dim = dim

    def forward(self, x: Any) -> Any:
        return F.softmax(x, self.dim)

    def extra_repr(self) -> str:
        return f"dim={self.dim}"


class Identity(Module):
    """x."""

    def forward(self, x: Any) -> Any:
        return x


class Flatten(Module):
    """(N, C, H, W) -> (N, C·H·W)."""

    def __init__(self, start_dim: int = 1, end_dim: int = -1) -> None:
        self.start_dim, self.end_dim = start_dim, end_dim

    def forward(self, x: Any) -> Any:
        return F.flatten(x, self.start_dim, self.end_dim)

    def extra_repr(self) -> str:
        return f"start_dim={self.start_dim}, end_dim={self.end_dim}"


class Upsample(Module):
    """See `functional.interpolate`."""

    def __init__(
        self, size: Any = None, scale_factor: Any = None, mode: str = "nearest", align_corners: bool = False
    ) -> None:
        self.size, self.scale_factor, self.mode, self.align_corners = size, scale_factor, mode, align_corners

    def forward(self, x: Any) -> Any:
        return F.interpolate(x, self.size, self.scale_factor, self.mode, self.align_corners)

    def extra_repr(self) -> str:
        corners = ", align_corners=True" if self.align_corners else ""
        return f"size={self.size}, scale_factor={self.scale_factor}, mode={self.mode!r}{corners}"


class CrossEntropyLoss(Module):
    """See `functional.cross_entropy`; `weight` is one factor per class, kept as a buffer."""

    def __init__(self, weight: Any = None, *, ignore_index: int = 255, reduction: str = "mean") -> None:
        self.weight = None if weight is None else Buffer(weight)
        self.ignore_index, self.reduction = ignore_index, reduction

    def forward(self, x: Any, target: Any) -> Any:
        return F.cross_entropy(x, target, self.weight, ignore_index=self.ignore_index, reduction=self.reduction)

    def extra_repr(self) -> str:
        weight = "" if self.weight is None else f"weight of {self.weight.size} classes, "
        return f"{weight}ignore_index={self.ignore_index}, reduction={self.reduction!r}"
