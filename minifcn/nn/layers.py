"""The layers that slide no window. Arguments, names, defaults and shapes are PyTorch's.

A layer with weights takes `generator`, the source of its initial values: numpy.random.default_rng(seed). Without one
it is the default generator, which `minifcn.manual_seed` sets (see minifcn/random.py).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from minifcn import functional as F
from minifcn.arguments import integer
from minifcn.errors import ArgumentError
from minifcn.machine.backend import Array
from minifcn.nn import init
from minifcn.nn.module import Layer, Module
from minifcn.random import Generator
from minifcn.tensor import Buffer, Parameter, Tensor


class Linear(Layer):
    """y = x Aᵀ + b: (..., in_features) -> (..., out_features).

    weight A (out_features, in_features) and bias b (out_features,) begin at U(−1/√in_features, 1/√in_features);
    bias=False leaves b out.
    """

    def __init__(
        self, in_features: int, out_features: int, bias: bool = True, *, generator: Generator | None = None
    ) -> None:
        self.in_features = integer(in_features, "Linear: in_features", 1)
        self.out_features = integer(out_features, "Linear: out_features", 1)
        self.weight = init.fan_in_uniform((out_features, in_features), in_features, generator)
        self.bias = init.fan_in_uniform((out_features,), in_features, generator) if bias else None

    def forward(self, x: Tensor) -> Tensor:
        return F.linear(x, self.weight, self.bias)

    def extra_repr(self) -> str:
        frozen = "" if self.weight.requires_grad else ", frozen"
        return f"{self.in_features}, {self.out_features}, bias={self.bias is not None}{frozen}"


class BatchNorm2d(Layer):
    """y = (x − mean) / √(var + eps) · weight + bias, per channel: (N, num_features, H, W) -> the same shape.

    In training mean and var are those of the batch, and the buffers running_mean and running_var, (num_features,) and
    at first 0 and 1, move towards them by `momentum`; in eval mode the buffers are used. weight and bias are learned,
    from 1 and 0 on; affine=False leaves them out. See `functional.batch_norm`.
    """

    def __init__(self, num_features: int, eps: float = 1e-5, momentum: float = 0.1, affine: bool = True) -> None:
        C = integer(num_features, "BatchNorm2d: num_features", 1)
        self.num_features, self.eps, self.momentum = C, eps, momentum
        self.weight = Parameter(np.ones(C, np.float32)) if affine else None
        self.bias = Parameter(np.zeros(C, np.float32)) if affine else None
        self.running_mean = Buffer(np.zeros(C, np.float32))
        self.running_var = Buffer(np.ones(C, np.float32))

    def forward(self, x: Tensor) -> Tensor:
        return F.batch_norm(
            x, self.running_mean, self.running_var, self.weight, self.bias, self.training, self.momentum, self.eps
        )

    def extra_repr(self) -> str:
        affine = ", affine=False" if self.weight is None else ""
        return f"{self.num_features}, eps={self.eps}, momentum={self.momentum}{affine}"


class LocalResponseNorm(Layer):
    """y[c] = x[c] / (k + alpha/size · Σ x[c']²)^beta over the `size` channels c' around c: (N, C, H, W) -> the same.

    See `functional.local_response_norm`.
    """

    def __init__(self, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0) -> None:
        self.size, self.alpha, self.beta, self.k = integer(size, "LocalResponseNorm: size", 1), alpha, beta, k

    def forward(self, x: Tensor) -> Tensor:
        return F.local_response_norm(x, self.size, self.alpha, self.beta, self.k)

    def extra_repr(self) -> str:
        return f"{self.size}, alpha={self.alpha}, beta={self.beta}, k={self.k}"


class Dropout(Layer):
    """In training each element is 0 with probability p, else x / (1 − p); in eval mode y = x. Any shape.

    generator   draws; without one the default generator (see minifcn/random.py). See `functional.dropout`.
    """

    drop = staticmethod(F.dropout)

    def __init__(self, p: float = 0.5, *, generator: Generator | None = None) -> None:
        if not isinstance(p, int | float | np.floating) or not 0 <= p <= 1:
            raise ArgumentError(f"{type(self).__name__}: p must be a probability between 0 and 1, got {p!r}.")
        self.p = p
        self.generator = generator

    def forward(self, x: Tensor) -> Tensor:
        return self.drop(x, self.p, self.training, generator=self.generator)

    def extra_repr(self) -> str:
        return f"p={self.p}"


class Dropout2d(Dropout):
    """As `Dropout`, but of whole channels: x (N, C, H, W), each plane is kept or zeroed. See `functional.dropout2d`."""

    drop = staticmethod(F.dropout2d)


class ReLU(Layer):
    """max(x, 0)."""

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(x)


class LeakyReLU(Layer):
    """x where x > 0, else negative_slope · x."""

    def __init__(self, negative_slope: float = 0.01) -> None:
        self.negative_slope = negative_slope

    def forward(self, x: Tensor) -> Tensor:
        return F.leaky_relu(x, self.negative_slope)

    def extra_repr(self) -> str:
        return f"{self.negative_slope}"


class Sigmoid(Layer):
    """1 / (1 + e⁻ˣ)."""

    def forward(self, x: Tensor) -> Tensor:
        return F.sigmoid(x)


class Tanh(Layer):
    """Hyperbolic tangent."""

    def forward(self, x: Tensor) -> Tensor:
        return F.tanh(x)


class Softmax(Layer):
    """e^x / Σ e^x along `dim`."""

    def __init__(self, dim: int) -> None:
        self.dim = dim

    def forward(self, x: Tensor) -> Tensor:
        return F.softmax(x, self.dim)

    def extra_repr(self) -> str:
        return f"dim={self.dim}"


class Identity(Layer):
    """x."""

    def forward(self, x: Tensor) -> Tensor:
        return x


class Flatten(Layer):
    """(N, C, H, W) -> (N, C·H·W)."""

    def __init__(self, start_dim: int = 1, end_dim: int = -1) -> None:
        self.start_dim, self.end_dim = start_dim, end_dim

    def forward(self, x: Tensor) -> Tensor:
        return F.flatten(x, self.start_dim, self.end_dim)

    def extra_repr(self) -> str:
        return f"start_dim={self.start_dim}, end_dim={self.end_dim}"


class Upsample(Layer):
    """(N, C, H, W) resized to `size` (rows, columns), or by `scale_factor` to floor(H·factor), floor(W·factor).

    mode "nearest", "nearest-exact" or "bilinear". Nothing is learned. See `functional.interpolate`.
    """

    def __init__(
        self, size: Any = None, scale_factor: Any = None, mode: str = "nearest", align_corners: bool = False
    ) -> None:
        self.size, self.scale_factor, self.mode, self.align_corners = size, scale_factor, mode, align_corners

    def forward(self, x: Tensor) -> Tensor:
        return F.interpolate(x, self.size, self.scale_factor, self.mode, self.align_corners)

    def extra_repr(self) -> str:
        corners = ", align_corners=True" if self.align_corners else ""
        return f"size={self.size}, scale_factor={self.scale_factor}, mode={self.mode!r}{corners}"


class CrossEntropyLoss(Module):
    """loss = Σ weight[t]·(−log softmax(x)[t]) / Σ weight[t] over the pixels whose label t is not ignore_index.

    x (N, C, ...) scores, target (N, ...) integers in [0, C) or ignore_index -> one number, or with reduction="none"
    (N, ...). `weight`: one factor per class, kept as a buffer. ignore_index is 255, the convention of segmentation
    (PyTorch: −100). See `functional.cross_entropy`.
    """

    def __init__(self, weight: Any = None, *, ignore_index: int = 255, reduction: str = "mean") -> None:
        self.weight = None if weight is None else Buffer(weight)
        self.ignore_index, self.reduction = ignore_index, reduction

    def __call__(self, x: Tensor, target: Tensor | Array) -> Tensor:
        return self.forward(x, target)

    def forward(self, x: Tensor, target: Tensor | Array) -> Tensor:
        return F.cross_entropy(x, target, self.weight, ignore_index=self.ignore_index, reduction=self.reduction)

    def extra_repr(self) -> str:
        weight = "" if self.weight is None else f"weight of {self.weight.numel()} classes, "
        return f"{weight}ignore_index={self.ignore_index}, reduction={self.reduction!r}"
