"""The layers that move pixels about or ask for a size: no weights. Arguments, names and defaults are PyTorch's."""

from __future__ import annotations

from typing import Any

from minifcn import functional as F
from minifcn.arguments import flag, integer, pair
from minifcn.errors import ArgumentError
from minifcn.functional.adaptive import wanted_size
from minifcn.nn.module import Module


class Unfold(Module):
    """im2col: (N, C, H, W) -> (N, C·KH·KW, L), a column for each of L windows; see `functional.unfold`."""

    def __init__(self, kernel_size: Any, dilation: Any = 1, padding: Any = 0, stride: Any = 1) -> None:
        name = type(self).__name__
        self.kernel_size = pair(kernel_size, f"{name}: kernel_size", 1)
        self.dilation = pair(dilation, f"{name}: dilation", 1)
        self.padding = pair(padding, f"{name}: padding", 0)
        self.stride = pair(stride, f"{name}: stride", 1)

    def forward(self, x: Any) -> Any:
        return F.unfold(x, self.kernel_size, self.dilation, self.padding, self.stride)

    def extra_repr(self) -> str:
        window = f"kernel_size={self.kernel_size}, dilation={self.dilation}"
        return f"{window}, padding={self.padding}, stride={self.stride}"


class Fold(Unfold):
    """col2im, the transpose of `Unfold`: (N, C·KH·KW, L) -> (N, C, *output_size); see `functional.fold`."""

    def __init__(
        self, output_size: Any, kernel_size: Any, dilation: Any = 1, padding: Any = 0, stride: Any = 1
    ) -> None:
        super().__init__(kernel_size, dilation, padding, stride)
        self.output_size = pair(output_size, "Fold: output_size", 0)

    def forward(self, x: Any) -> Any:
        return F.fold(x, self.output_size, self.kernel_size, self.dilation, self.padding, self.stride)

    def extra_repr(self) -> str:
        return f"output_size={self.output_size}, {super().extra_repr()}"


class AdaptiveAvgPool2d(Module):
    """The mean of as many windows as `output_size` has: (N, C, H, W) -> (N, C, OH, OW), whatever H and W are.

    See `functional.adaptive_avg_pool2d`.
    """

    def __init__(self, output_size: Any) -> None:
        self.output_size = wanted_size(type(self).__name__, output_size)

    def forward(self, x: Any) -> Any:
        return F.adaptive_avg_pool2d(x, self.output_size)

    def extra_repr(self) -> str:
        return f"output_size={self.output_size}"


class AdaptiveMaxPool2d(AdaptiveAvgPool2d):
    """The largest of each window; with return_indices also where it stands. See `functional.adaptive_max_pool2d`."""

    def __init__(self, output_size: Any, return_indices: bool = False) -> None:
        super().__init__(output_size)
        self.return_indices = flag(return_indices, "AdaptiveMaxPool2d: return_indices")

    def forward(self, x: Any) -> Any:
        return F.adaptive_max_pool2d(x, self.output_size, self.return_indices)

    def extra_repr(self) -> str:
        return super().extra_repr() + (", return_indices=True" if self.return_indices else "")


class PixelShuffle(Module):
    """(..., C·r², H, W) -> (..., C, H·r, W·r); see `functional.pixel_shuffle`."""

    def __init__(self, upscale_factor: int) -> None:
        self.upscale_factor = integer(upscale_factor, "PixelShuffle: upscale_factor", 1)

    def forward(self, x: Any) -> Any:
        return F.pixel_shuffle(x, self.upscale_factor)

    def extra_repr(self) -> str:
        return f"upscale_factor={self.upscale_factor}"


class PixelUnshuffle(Module):
    """(..., C, H·r, W·r) -> (..., C·r², H, W); see `functional.pixel_unshuffle`."""

    def __init__(self, downscale_factor: int) -> None:
        self.downscale_factor = integer(downscale_factor, "PixelUnshuffle: downscale_factor", 1)

    def forward(self, x: Any) -> Any:
        return F.pixel_unshuffle(x, self.downscale_factor)

    def extra_repr(self) -> str:
        return f"downscale_factor={self.downscale_factor}"


class ZeroPad2d(Module):
    """Zeros around each image: (..., H, W) -> (..., top + H + bottom, left + W + right); see `functional.pad`.

    padding   (left, right, top, bottom), or one integer for all four; negative ones cut
    """

    def __init__(self, padding: Any) -> None:
        widths = tuple(padding) if isinstance(padding, tuple | list) else (padding,) * 4
        if len(widths) != 4:
            raise ArgumentError(
                f"ZeroPad2d: padding must be an integer or (left, right, top, bottom), got {padding!r} of length "
                f"{len(widths)}."
            )
        self.padding = tuple(integer(width, "ZeroPad2d: padding", -(2**31)) for width in widths)

    def forward(self, x: Any) -> Any:
        return F.pad(x, self.padding)

    def extra_repr(self) -> str:
        return f"{self.padding}"
