"""The layers that slide a window: convolutions and poolings. Arguments, names, defaults and shapes are PyTorch's.

Each knows its coordinate map and its window, so a network can derive where its features lie and what they see (see
`models/alignment.py`). About `generator` see `layers.py`.
"""

from __future__ import annotations

from dataclasses import replace
from math import prod
from typing import Any

from minifcn import functional as F
from minifcn.arguments import IntOrPair, Pair, flag, integer, pair
from minifcn.errors import ArgumentError
from minifcn.geometry import CoordinateMap, WindowLayer
from minifcn.geometry.same import named_padding
from minifcn.machine.backend import Array
from minifcn.nn import init
from minifcn.nn.module import Layer, Module
from minifcn.random import Generator
from minifcn.tensor import Tensor


class Window(Layer):
    """What convolutions and poolings share: a kernel that slides, and so a coordinate map and a window to walk back."""

    kernel_size: Pair
    stride: Pair
    padding: Pair | str  # by name only in a convolution
    dilation: Pair

    def padded_before(self, axis: int = 0) -> int:
        """How many rows of zeros stand above the image (axis 0), or columns to the left of it (axis 1)."""
        if not isinstance(self.padding, str):
            return self.padding[axis]
        return named_padding(type(self).__name__, self.padding, self.kernel_size, self.stride, self.dilation)[0][axis]

    def coordinate_map(self, axis: int = 0) -> CoordinateMap:
        """Where the centre of an input pixel lands in the output."""
        return CoordinateMap.of_convolution(
            self.kernel_size[axis], self.stride[axis], self.padded_before(axis), self.dilation[axis]
        )

    def layer(self, axis: int = 0) -> WindowLayer:
        """The window along one axis, to be walked back through: see `geometry/field.py`."""
        window = self.kernel_size[axis], self.stride[axis], self.padded_before(axis), self.dilation[axis]
        return WindowLayer(*window, ceil_mode=getattr(self, "ceil_mode", False))

    def _settings(self) -> str:
        shown: dict[str, Pair | str] = {"kernel_size": self.kernel_size, "stride": self.stride}
        shown |= {"padding": self.padding} if self.padding != (0, 0) else {}
        shown |= {"dilation": self.dilation} if self.dilation != (1, 1) else {}
        alike = {name: value[0] for name, value in shown.items() if len({*value}) == 1}
        return ", ".join(f"{name}={value}" for name, value in (shown | alike).items())


class Conv2d(Window):
    """y[n, o, i, j] = Σ over (c, k, l) of x[n, c, i·s + k·d − p, j·s + l·d − p] · weight[o, c, k, l] + bias[o].

    (N, in_channels, H, W) -> (N, out_channels, OH, OW), OH = floor((H + 2·padding − dilation·(KH − 1) − 1)/stride) + 1
    weight (out_channels, in_channels/groups, KH, KW) and bias (out_channels,) begin at U(−1/√n, 1/√n), where n is the
    number of inputs in one output; bias=False leaves the bias out. padding is a number or two, "valid" for none, or at
    stride 1 "same", which keeps the size. See `functional.conv2d`.
    """

    transposed = False

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: IntOrPair,
        stride: IntOrPair = 1,
        padding: IntOrPair | str = 0,
        dilation: IntOrPair = 1,
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
        self.dilation = pair(dilation, f"{name}: dilation", 1)
        if isinstance(padding, str) and not self.transposed:
            named_padding(name, padding, self.kernel_size, self.stride, self.dilation)  # refuses what cannot be
            self.padding = padding
        else:
            self.padding = pair(padding, f"{name}: padding", 0)
        # (out, in/groups, KH, KW), and (in, out/groups, KH, KW) when transposed: the convolution that goes back.
        first, second = (in_channels, out_channels) if self.transposed else (out_channels, in_channels)
        shape = (first, second // groups, *self.kernel_size)
        self.weight = init.fan_in_uniform(shape, prod(shape[1:]), generator)
        biased = flag(bias, f"{name}: bias")
        self.bias = init.fan_in_uniform((out_channels,), prod(shape[1:]), generator) if biased else None

    def forward(self, x: Tensor) -> Tensor:
        return F.conv2d(x, self.weight, self.bias, self.stride, self.padding, self.dilation, self.groups)

    def extra_repr(self) -> str:
        groups = f", groups={self.groups}" if self.groups > 1 else ""
        bias = ", bias=False" if self.bias is None else ""
        frozen = "" if self.weight.requires_grad else ", frozen"
        return f"{self.in_channels}, {self.out_channels}, {self._settings()}{groups}{bias}{frozen}"


class ConvTranspose2d(Conv2d):
    """y[n, c, i·s + k·d − p, j·s + l·d − p] += x[n, o, i, j] · weight[o, c, k, l], and bias[c]: each input stamps.

    (N, in_channels, H, W) -> (N, out_channels, OH, OW), OH = (H − 1)·stride − 2·padding + dilation·(KH − 1) + 1 +
    output_padding; calling it with output_size chooses another size that the convolution back would map to (H, W).
    weight (in_channels, out_channels/groups, KH, KW). See `functional.conv_transpose2d`.
    """

    transposed = True
    padding: Pair

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: IntOrPair,
        stride: IntOrPair = 1,
        padding: IntOrPair = 0,
        output_padding: IntOrPair = 0,
        groups: int = 1,
        bias: bool = True,
        dilation: IntOrPair = 1,
        *,
        generator: Generator | None = None,
    ) -> None:
        super().__init__(
            in_channels, out_channels, kernel_size, stride, padding, dilation, groups, bias, generator=generator
        )
        self.output_padding = pair(output_padding, "ConvTranspose2d: output_padding", 0)

    def __call__(self, x: Tensor, output_size: IntOrPair | None = None) -> Tensor:
        return self.forward(x, output_size)

    def forward(self, x: Tensor, output_size: IntOrPair | None = None) -> Tensor:
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

    def layer(self, axis: int = 0) -> WindowLayer:
        return replace(super().layer(axis), transposed=True, output_padding=self.output_padding[axis])

    def _settings(self) -> str:
        return super()._settings() + (f", output_padding={self.output_padding}" if any(self.output_padding) else "")


class MaxPool2d(Window):
    """The largest element of each window: (N, C, H, W) -> (N, C, OH, OW); stride is kernel_size unless given.

    With return_indices the result is a pair, the second part int64: where in the image each was (a type checker is told
    of one Tensor, which also unpacks). ceil_mode lets a last window hang over the edge. See `functional.max_pool2d`.
    """

    padding: Pair

    def __init__(
        self,
        kernel_size: IntOrPair,
        stride: IntOrPair | None = None,
        padding: IntOrPair = 0,
        dilation: IntOrPair = 1,
        return_indices: bool = False,
        ceil_mode: bool = False,
    ) -> None:
        self.kernel_size = pair(kernel_size, "MaxPool2d: kernel_size", 1)
        self.stride = self.kernel_size if stride is None else pair(stride, "MaxPool2d: stride", 1)
        self.padding = pair(padding, "MaxPool2d: padding", 0)
        self.dilation = pair(dilation, "MaxPool2d: dilation", 1)
        self.return_indices = flag(return_indices, "MaxPool2d: return_indices")
        self.ceil_mode = flag(ceil_mode, "MaxPool2d: ceil_mode")

    def forward(self, x: Tensor) -> Any:
        return F.max_pool2d(
            x, self.kernel_size, self.stride, self.padding, self.dilation, self.ceil_mode, self.return_indices
        )

    def extra_repr(self) -> str:
        indices = ", return_indices=True" if self.return_indices else ""
        return self._settings() + indices + (", ceil_mode=True" if self.ceil_mode else "")


class AvgPool2d(Window):
    """The mean of each window: (N, C, H, W) -> (N, C, OH, OW); stride is kernel_size unless given.

    count_include_pad: whether zeros of the padding count; divisor_override divides by another number. See
    `functional.avg_pool2d`.
    """

    padding: Pair
    dilation = (1, 1)

    def __init__(
        self,
        kernel_size: IntOrPair,
        stride: IntOrPair | None = None,
        padding: IntOrPair = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
        divisor_override: int | None = None,
    ) -> None:
        self.kernel_size = pair(kernel_size, "AvgPool2d: kernel_size", 1)
        self.stride = self.kernel_size if stride is None else pair(stride, "AvgPool2d: stride", 1)
        self.padding = pair(padding, "AvgPool2d: padding", 0)
        self.ceil_mode = flag(ceil_mode, "AvgPool2d: ceil_mode")
        self.count_include_pad = flag(count_include_pad, "AvgPool2d: count_include_pad")
        override = divisor_override
        self.divisor_override = None if override is None else integer(override, "AvgPool2d: divisor_override", 1)

    def forward(self, x: Tensor) -> Tensor:
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
    """y[n, c, indices[n, c, i, j]] += x[n, c, i, j], zero elsewhere: x and indices (N, C, H, W) of a `MaxPool2d`.

    -> (N, C, (H − 1)·stride − 2·padding + kernel_size, ...), or the output_size it is called with. See
    `functional.max_unpool2d`.
    """

    def __init__(self, kernel_size: IntOrPair, stride: IntOrPair | None = None, padding: IntOrPair = 0) -> None:
        self.kernel_size = pair(kernel_size, "MaxUnpool2d: kernel_size", 1)
        self.stride = self.kernel_size if stride is None else pair(stride, "MaxUnpool2d: stride", 1)
        self.padding = pair(padding, "MaxUnpool2d: padding", 0)

    def __call__(self, x: Tensor, indices: Tensor | Array, output_size: IntOrPair | None = None) -> Tensor:
        return self.forward(x, indices, output_size)

    def forward(self, x: Tensor, indices: Tensor | Array, output_size: IntOrPair | None = None) -> Tensor:
        return F.max_unpool2d(x, indices, self.kernel_size, self.stride, self.padding, output_size)

    def extra_repr(self) -> str:
        return f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"
