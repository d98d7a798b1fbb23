"""The layers that slide no window. Arguments, names, defaults and shapes are PyTorch's.

A layer with weights takes `generator`, the source of its initial values: pass numpy.random.default_rng(seed) for a
repeatable layer. Without one the values are different on every run, as PyTorch's are without a seed.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from minifcn import functional as F
from minifcn.arguments import LARGEST_SIZE, choice, flag, integer, number, pair, probability
from minifcn.arrays.resampling import MODES
from minifcn.errors import ArgumentError
from minifcn.functional.resampling import scale_factors
from minifcn.nn import init
from minifcn.nn.module import Module
from minifcn.tensor import Tensor

Generator = np.random.Generator


class Linear(Module):
    """y = x Aᵀ + b: (..., in_features) -> (..., out_features)."""

    def __init__(
        self, in_features: int, out_features: int, bias: bool = True, *, generator: Generator | None = None
    ) -> None:
        rng = np.random.default_rng() if generator is None else generator
        self.in_features = integer(in_features, "Linear: in_features", 1)
        self.out_features = integer(out_features, "Linear: out_features", 1)
        self.weight = init.fan_in_uniform((out_features, in_features), in_features, rng)
        biased = flag(bias, "Linear: bias")
        self.bias = init.fan_in_uniform((out_features,), in_features, rng) if biased else None

    def forward(self, x: Any) -> Any:
        return F.linear(x, self.weight, self.bias)

    def extra_repr(self) -> str:
        frozen = "" if self.weight.requires_grad else ", frozen"
        return f"{self.in_features}, {self.out_features}, bias={self.bias is not None}{frozen}"


class Dropout(Module):
    """See `functional.dropout`."""

    drop = staticmethod(F.dropout)

    def __init__(self, p: float = 0.5, *, generator: Generator | None = None) -> None:
        self.p = probability(p, f"{type(self).__name__}: p")
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
        self.negative_slope = number(negative_slope, "LeakyReLU: negative_slope")

    def forward(self, x: Any) -> Any:
        return F.leaky_relu(x, self.negative_slope)

    def extra_repr(self) -> str:
        return f"{self.negative_slope}"


class GELU(Module):
    """x·Φ(x), Φ the normal distribution function; approximate: "none" or "tanh", see `functional.gelu`."""

    def __init__(self, approximate: str = "none") -> None:
        self.approximate = choice(approximate, "GELU: approximate", ("none", "tanh"))

    def forward(self, x: Tensor) -> Tensor:
        return F.gelu(x, self.approximate)

    def extra_repr(self) -> str:
        return f"approximate={self.approximate!r}"


class SiLU(Module):
    """x / (1 + e⁻ˣ)."""

    def forward(self, x: Tensor) -> Tensor:
        return F.silu(x)


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
        self.dim = integer(dim, "Softmax: dim", -LARGEST_SIZE)

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
        self.start_dim = integer(start_dim, "Flatten: start_dim", -LARGEST_SIZE)
        self.end_dim = integer(end_dim, "Flatten: end_dim", -LARGEST_SIZE)

    def forward(self, x: Any) -> Any:
        return F.flatten(x, self.start_dim, self.end_dim)

    def extra_repr(self) -> str:
        return f"start_dim={self.start_dim}, end_dim={self.end_dim}"


class Upsample(Module):
    """See `functional.interpolate`."""

    def __init__(
        self, size: Any = None, scale_factor: Any = None, mode: str = "nearest", align_corners: bool = False
    ) -> None:
        if (size is None) == (scale_factor is None):
            raise ArgumentError(f"Upsample: give either size or scale_factor, got {size!r} and {scale_factor!r}.")
        if size is not None:
            pair(size, "Upsample: size", 1)
        else:
            scale_factors(scale_factor, "Upsample: scale_factor")
        self.size, self.scale_factor = size, scale_factor
        self.mode = choice(mode, "Upsample: mode", MODES)
        self.align_corners = align_corners is not None and flag(align_corners, "Upsample: align_corners")

    def forward(self, x: Any) -> Any:
        return F.interpolate(x, self.size, self.scale_factor, self.mode, self.align_corners)

    def extra_repr(self) -> str:
        corners = ", align_corners=True" if self.align_corners else ""
        return f"size={self.size}, scale_factor={self.scale_factor}, mode={self.mode!r}{corners}"
