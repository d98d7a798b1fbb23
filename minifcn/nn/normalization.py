"""Layers that normalise. Arguments, names, defaults and shapes are PyTorch's.

Weights begin as 1 and biases as 0, so a new layer only normalises.
"""

from __future__ import annotations

import numpy as np

from minifcn import functional as F
from minifcn.arguments import flag, integer, number
from minifcn.errors import ArgumentError
from minifcn.functional.normalization import normalized_sizes
from minifcn.nn.module import Layer
from minifcn.tensor import Buffer, Parameter, Tensor


class BatchNorm2d(Layer):
    """y = (x − mean) / √(var + eps) · weight + bias, per channel of (N, C, H, W); see `functional.batch_norm`.

    momentum   the share of the new in the running statistics, in [0, 1]; None: all batches count alike, so that the
               running statistics are the averages of those of all batches so far

    Buffers: running_mean, running_var; with momentum None also num_batches_tracked, which PyTorch counts always.
    """

    _idle = ("num_batches_tracked",)

    def __init__(self, num_features: int, eps: float = 1e-5, momentum: float | None = 0.1, affine: bool = True) -> None:
        name = type(self).__name__
        self.num_features = C = integer(num_features, f"{name}: num_features", 1)
        self.eps = number(eps, f"{name}: eps", 0)
        self.momentum = None if momentum is None else number(momentum, f"{name}: momentum", 0, 1)
        self.weight, self.bias = _ones_and_zeros((C,), flag(affine, f"{name}: affine"))
        self.running_mean = Buffer(np.zeros(C, np.float32))
        self.running_var = Buffer(np.ones(C, np.float32))
        if momentum is None:
            self.num_batches_tracked = Buffer(np.zeros((), np.int64))

    def forward(self, x: Tensor) -> Tensor:
        running, affine = (self.running_mean, self.running_var), (self.weight, self.bias)
        return F.batch_norm(x, *running, *affine, self.training, self._share(), self.eps)

    def _share(self) -> float:
        """The momentum of this batch; where all count alike, the k-th batch has the share 1/k."""
        if self.momentum is not None or not self.training:
            return self.momentum or 0.0
        count = int(self.num_batches_tracked) + 1  # asked of a GPU, which is waited for
        self.num_batches_tracked.mutable()[...] = count
        return 1 / count

    def extra_repr(self) -> str:
        affine = ", affine=False" if self.weight is None else ""
        return f"{self.num_features}, eps={self.eps}, momentum={self.momentum}{affine}"


class GroupNorm(Layer):
    """y = (x − mean) / √(var + eps) · weight + bias, per image and group of channels; see `functional.group_norm`.

    num_channels   C of (N, C, ...), divisible by num_groups
    """

    def __init__(self, num_groups: int, num_channels: int, eps: float = 1e-5, affine: bool = True) -> None:
        self.num_groups = integer(num_groups, "GroupNorm: num_groups", 1)
        self.num_channels = integer(num_channels, "GroupNorm: num_channels", 1)
        if self.num_channels % self.num_groups:
            raise ArgumentError(
                f"GroupNorm: num_groups {self.num_groups} must divide num_channels {self.num_channels}; change one."
            )
        self.eps = number(eps, "GroupNorm: eps", 0)
        self.weight, self.bias = _ones_and_zeros((self.num_channels,), flag(affine, "GroupNorm: affine"))

    def forward(self, x: Tensor) -> Tensor:
        return F.group_norm(x, self.num_groups, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        affine = ", affine=False" if self.weight is None else ""
        return f"{self.num_groups}, {self.num_channels}, eps={self.eps}{affine}"


class LayerNorm(Layer):
    """y = (x − mean) / √(var + eps) · weight + bias over the last dimensions; see `functional.layer_norm`.

    normalized_shape      the sizes of those dimensions, or that of the last one
    elementwise_affine    whether there are a weight and, with `bias`, a bias; both of that shape
    """

    def __init__(
        self,
        normalized_shape: int | tuple[int, ...],
        eps: float = 1e-5,
        elementwise_affine: bool = True,
        bias: bool = True,
    ) -> None:
        self.normalized_shape = normalized_sizes(normalized_shape, "LayerNorm")
        self.eps = number(eps, "LayerNorm: eps", 0)
        affine, biased = flag(elementwise_affine, "LayerNorm: elementwise_affine"), flag(bias, "LayerNorm: bias")
        self.weight, self.bias = _ones_and_zeros(self.normalized_shape, affine)
        self.bias = self.bias if biased else None

    def forward(self, x: Tensor) -> Tensor:
        return F.layer_norm(x, self.normalized_shape, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        affine = ", elementwise_affine=False" if self.weight is None else ", bias=False" if self.bias is None else ""
        return f"{self.normalized_shape}, eps={self.eps}{affine}"


class LocalResponseNorm(Layer):
    """y[c] = x[c] / (k + alpha/size · Σ x[c']²)^beta over `size` channels; see `functional.local_response_norm`."""

    def __init__(self, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0) -> None:
        self.size = integer(size, "LocalResponseNorm: size", 1)
        self.alpha, self.k = number(alpha, "LocalResponseNorm: alpha", 0), number(k, "LocalResponseNorm: k", 0)
        self.beta = number(beta, "LocalResponseNorm: beta")

    def forward(self, x: Tensor) -> Tensor:
        return F.local_response_norm(x, self.size, self.alpha, self.beta, self.k)

    def extra_repr(self) -> str:
        return f"{self.size}, alpha={self.alpha}, beta={self.beta}, k={self.k}"


def _ones_and_zeros(shape: tuple[int, ...], wanted: bool) -> tuple[Parameter | None, Parameter | None]:
    """The weight and the bias of a new layer, if any."""
    if not wanted:
        return None, None
    return Parameter(np.ones(shape, np.float32)), Parameter(np.zeros(shape, np.float32))
