"""Pixels for channels: r·r channels become r x r pixels of one, and back. Elements move, nothing is computed.

Each undoes the other, so each is the other's gradient; both are `reshape`, `permute`, `reshape`, which bring it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from minifcn.arguments import integer
from minifcn.errors import ArgumentError
from minifcn.functional.operands import tensor
from minifcn.functional.shaping import permute, reshape

if TYPE_CHECKING:
    from minifcn.tensor import Tensor


def pixel_shuffle(x: Tensor, upscale_factor: int) -> Tensor:
    """y[..., c, h·r + a, w·r + b] = x[..., c·r² + a·r + b, h, w] with r = upscale_factor.

    x        (..., C·r², H, W)
    returns  (..., C, H·r, W·r)

    Upsampling by a convolution without a transposed one: each phase of the large image is a channel of the small one.
    As `reshape`, a view where the layout in memory allows one (r = 1). Raises ArgumentError if r² does not divide the
    channels. Source: Shi et al. 2016, §3.2.

    >>> import minifcn
    >>> pixel_shuffle(minifcn.Tensor([[[0.0]], [[1.0]], [[2.0]], [[3.0]]]), 2).numpy()
    array([[[0., 1.],
            [2., 3.]]], dtype=float32)
    """
    x, r = _operands("pixel_shuffle", x, "upscale_factor", upscale_factor)
    *before, channels, H, W = x.shape
    if channels % r**2:
        raise ArgumentError(
            f"pixel_shuffle: x has {channels} channels (shape {x.shape}), which are not a multiple of "
            f"upscale_factor² = {r**2}; change one of the two."
        )
    B, C = len(before), channels // r**2
    split = reshape(x, (*before, C, r, r, H, W))
    woven = permute(split, (*range(B), B, B + 3, B + 1, B + 4, B + 2))  # (..., C, H, r, W, r)
    return reshape(woven, (*before, C, H * r, W * r))


def pixel_unshuffle(x: Tensor, downscale_factor: int) -> Tensor:
    """y[..., c·r² + a·r + b, h, w] = x[..., c, h·r + a, w·r + b] with r = downscale_factor: undoes `pixel_shuffle`.

    x        (..., C, H·r, W·r)
    returns  (..., C·r², H, W)

    Raises ArgumentError if r does not divide rows and columns. Source: as `pixel_shuffle`.
    """
    x, r = _operands("pixel_unshuffle", x, "downscale_factor", downscale_factor)
    *before, C, rows, columns = x.shape
    if rows % r or columns % r:
        raise ArgumentError(
            f"pixel_unshuffle: the {rows}x{columns} pixels of x (shape {x.shape}) are not a multiple of "
            f"downscale_factor {r}; pad or crop x."
        )
    B, H, W = len(before), rows // r, columns // r
    split = reshape(x, (*before, C, H, r, W, r))
    sorted_out = permute(split, (*range(B), B, B + 2, B + 4, B + 1, B + 3))  # (..., C, r, r, H, W)
    return reshape(sorted_out, (*before, C * r**2, H, W))


def _operands(name: str, x: Tensor, argument: str, factor: int) -> tuple[Tensor, int]:
    x, factor = tensor(name, x), integer(factor, f"{name}: {argument}", 1)
    if x.ndim < 3:
        raise ArgumentError(f"{name}: x must be (..., C, H, W), got shape {x.shape}; reshape it.")
    return x, factor
