"""The layers that slide no window. Arguments, names, defaults and shapes are PyTorch's.

A layer with weights takes `generator`, the source of its initial values: numpy.random.default_rng(seed). Without one
it is the default generator, which `minifcn.manual_seed` sets (see minifcn/random.py).
"""

from __future__ import annotations

from typing import Any

from minifcn import functional as F
from minifcn.arguments import LARGEST_SIZE, choice, flag, integer, number, pair, probability
from minifcn.arrays.resampling import MODES
from minifcn.errors import ArgumentError
from minifcn.functional.resampling import scale_factors
from minifcn.nn import init
from minifcn.nn.module import Layer
from minifcn.random import Generator
from minifcn.tensor import Tensor


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
        biased = flag(bias, "Linear: bias")
        self.bias = init.fan_in_uniform((out_features,), in_features, generator) if biased else None

    def forward(self, x: Tensor) -> Tensor:
        return F.linear(x, self.weight, self.bias)

    def extra_repr(self) -> str:
        frozen = "" if self.weight.requires_grad else ", frozen"
        return f"{self.in_features}, {self.out_features}, bias={self.bias is not None}{frozen}"


class Dropout(Layer):
    """In training each element is 0 with probability p, else x / (1 − p); in eval mode y = x. Any shape.

    generator   draws; without one the default generator (see minifcn/random.py). See `functional.dropout`.
    inplace     taken and without effect, as by `ReLU`.
    """

    drop = staticmethod(F.dropout)

    def __init__(self, p: float = 0.5, inplace: bool = False, *, generator: Generator | None = None) -> None:
        self.p = probability(p, f"{type(self).__name__}: p")
        self.inplace = flag(inplace, f"{type(self).__name__}: inplace")
        self.generator = generator

    def forward(self, x: Tensor) -> Tensor:
        return self.drop(x, self.p, self.training, generator=self.generator)

    def extra_repr(self) -> str:
        return f"p={self.p}" + (", inplace=True" if self.inplace else "")


class Dropout2d(Dropout):
    """As `Dropout`, but of whole channels: x (N, C, H, W), each plane is kept or zeroed. See `functional.dropout2d`."""

    drop = staticmethod(F.dropout2d)


class ReLU(Layer):
    """max(x, 0).

    inplace   taken for PyTorch's sake, and the values are the same: x stays as it was, and no memory is saved. A result
              of an operation never changes here, as others may have kept it for their gradient.
    """

    def __init__(self, inplace: bool = False) -> None:
        self.inplace = flag(inplace, "ReLU: inplace")

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(x)

    def extra_repr(self) -> str:
        return "inplace=True" if self.inplace else ""


class LeakyReLU(Layer):
    """x where x > 0, else negative_slope · x. About `inplace` see `ReLU`."""

    def __init__(self, negative_slope: float = 0.01, inplace: bool = False) -> None:
        self.negative_slope = number(negative_slope, "LeakyReLU: negative_slope")
        self.inplace = flag(inplace, "LeakyReLU: inplace")

    def forward(self, x: Tensor) -> Tensor:
        return F.leaky_relu(x, self.negative_slope)

    def extra_repr(self) -> str:
        return f"{self.negative_slope}" + (", inplace=True" if self.inplace else "")


class GELU(Layer):
    """x·Φ(x), Φ the normal distribution function; approximate: "none" or "tanh", see `functional.gelu`."""

    def __init__(self, approximate: str = "none") -> None:
        self.approximate = choice(approximate, "GELU: approximate", ("none", "tanh"))

    def forward(self, x: Tensor) -> Tensor:
        return F.gelu(x, self.approximate)

    def extra_repr(self) -> str:
        return f"approximate={self.approximate!r}"


class SiLU(Layer):
    """x / (1 + e⁻ˣ)."""

    def forward(self, x: Tensor) -> Tensor:
        return F.silu(x)


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
        self.dim = integer(dim, "Softmax: dim", -LARGEST_SIZE)

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
        self.start_dim = integer(start_dim, "Flatten: start_dim", -LARGEST_SIZE)
        self.end_dim = integer(end_dim, "Flatten: end_dim", -LARGEST_SIZE)

    def forward(self, x: Tensor) -> Tensor:
        return F.flatten(x, self.start_dim, self.end_dim)

    def extra_repr(self) -> str:
        return f"start_dim={self.start_dim}, end_dim={self.end_dim}"


class Upsample(Layer):
    """(N, C, H, W) resized to `size` (rows, columns), or by `scale_factor` to floor(H·factor), floor(W·factor).

    mode "nearest", "nearest-exact", "bilinear" or "bicubic". Nothing is learned. See `functional.interpolate`.
    """

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

    def forward(self, x: Tensor) -> Tensor:
        return F.interpolate(x, self.size, self.scale_factor, self.mode, self.align_corners)

    def extra_repr(self) -> str:
        corners = ", align_corners=True" if self.align_corners else ""
        return f"size={self.size}, scale_factor={self.scale_factor}, mode={self.mode!r}{corners}"
