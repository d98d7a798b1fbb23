"""minifcn's operations on sizes, and those that move pixels to where they belong, as functions of NumPy arrays.

They stand in `ours.py` beside all others; see there.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from minifcn import functional as F
from minifcn import geometry, nn
from minifcn.arrays import resampling
from minifcn.geometry import CoordinateMap, Geometry
from minifcn.machine.backend import array_module
from minifcn.models.alignment import Alignment
from minifcn.tensor import Parameter, Tensor

Pair = tuple[int, int]

# --- sizes ------------------------------------------------------------------------------------------------------------


def conv_output_size(size: Any, kernel_size: Any, stride: Any = 1, padding: Any = 0, dilation: Any = 1) -> Pair:
    """(H, W) -> (OH, OW) of conv2d"""
    return Geometry.of_convolution(size, kernel_size, stride, padding, dilation).output_size


def conv_transpose_output_size(size: Any, kernel_size: Any, stride: Any = 1, padding: Any = 0, output_padding: Any = 0,
                               dilation: Any = 1) -> Pair:  # fmt: skip
    """(H, W) -> size of conv_transpose2d's result"""
    options = stride, padding, output_padding, 1, dilation
    return Geometry.of_transposed_convolution(size, kernel_size, *options).input_size


def pool_output_size(size: Any, kernel_size: Any, stride: Any = None, padding: Any = 0, dilation: Any = 1,
                     ceil_mode: bool = False) -> Pair:  # fmt: skip
    """(H, W) -> (OH, OW) of a pooling"""
    return Geometry.of_pooling(size, kernel_size, stride, padding, dilation, ceil_mode).output_size


def preimages(size: int, kernel_size: int, stride: int = 1, padding: int = 0, dilation: int = 1) -> Sequence[int]:
    """The sizes, along one axis and ascending, that conv2d maps to `size`"""
    return geometry.preimages(size, kernel_size, stride, padding, dilation)


# --- places -----------------------------------------------------------------------------------------------------------


def receptive_field(layers: Sequence[tuple[int, int]]) -> int:
    """Pixels of the image that one feature sees, along one axis. layers: (kernel_size, stride) from the image on."""
    return geometry.receptive_field(layers).size


def pixels_seen(layers: Sequence[tuple[str, int, int, int, int]], feature: int, size: int) -> Sequence[int]:
    """The rows of an image of `size` rows that change feature `feature`, ascending.

    layers: ("down" | "up", kernel, stride, padding, dilation) from the image on; "up" is a transposed convolution.
    """
    steps = [geometry.WindowLayer(k, s, p, d, transposed=kind == "up") for kind, k, s, p, d in layers]
    return geometry.pixels_seen(steps, feature, size)


def crop_offset(layers: Sequence[tuple[str, int, int, int]]) -> int:
    """Rows to drop from the last map so that it lies over the image. layers: ("down" | "up", kernel, stride, padding).

    "down" is a convolution or a pooling, "up" a transposed convolution; all together lead back to the image's scale.
    """
    steps = {"down": CoordinateMap.of_convolution, "up": CoordinateMap.of_transposed_convolution}
    whole = CoordinateMap()
    for kind, kernel, stride, padding in layers:
        whole = whole.then(steps[kind](kernel, stride, padding))
    return geometry.crop_offset(whole, CoordinateMap())


def crop(x: Any, size: Pair, offset: Pair = (0, 0)) -> np.ndarray:
    """(N, C, H, W) -> (N, C, *size), beginning at row offset[0], column offset[1]"""
    return F.crop(Tensor(x), size, offset).numpy()


def pad(x: Any, padding: tuple[int, int, int, int]) -> np.ndarray:
    """Zeros around (N, C, H, W): padding = (left, right, top, bottom), PyTorch's order."""
    return F.pad(Tensor(x), padding).numpy()


def crop_like(x: Any, like: Any, offset: Pair = (0, 0)) -> np.ndarray:
    """(N, C, H, W), (N, D, h, w) -> (N, C, h, w), beginning at row offset[0], column offset[1]"""
    return F.crop_like(Tensor(x), Tensor(like), offset).numpy()


def pad_to_multiple(x: Any, m: Any) -> tuple[np.ndarray, Callable[[Any], np.ndarray]]:
    """(N, C, H, W) -> (y, undo): zeros at the bottom and the right up to multiples of m; undo(y) is x again"""
    y, undo = F.pad_to_multiple(Tensor(x), m)
    return y.numpy(), lambda z: undo(Tensor(z)).numpy()


def insert_zeros(x: Any, stride: Any) -> np.ndarray:
    """(N, C, H, W) -> (N, C, (H − 1)·s + 1, (W − 1)·s + 1): s − 1 zeros between neighbours"""
    return F.insert_zeros(Tensor(x), stride).numpy()


def convolutionalise(weight: Any, channels: int, size: Pair) -> np.ndarray:
    """(O, C·h·w), the weight of a linear layer behind a flattened map of C = channels, (h, w) = size -> (O, C, h, w)"""
    linear = nn.Linear(weight.shape[1], len(weight), bias=False, generator=np.random.default_rng(0))
    linear.weight = Parameter(weight)
    return nn.convolutionalise(linear, channels, size).weight.detach().numpy()


def fuse(score: Any, skip: Any, score_offset: int = 0, skip_offset: int = 0) -> np.ndarray:
    """FCN's skip fusion: both maps cropped to what they share, beginning at their offsets, and added."""
    score, skip = Alignment(score_offset, skip_offset)(Tensor(score), Tensor(skip))
    return (score + skip).numpy()


def fcn8s(score: Any, skip4: Any, skip3: Any, size: Pair) -> np.ndarray:
    """The scores of FCN-8s from those at 1/32, 1/16 and 1/8 of the image: (N, C, h, w) each -> (N, C, *size).

    The score is doubled and fused with skip4, doubled and fused with skip3, and enlarged 8 times; every enlarging is a
    transposed convolution with the tent, whose first factor/2 rows and columns lie beside the map and are cropped.
    """
    joined = Tensor(score)
    for skip in (skip4, skip3):
        doubled, other = Alignment(1, 0)(_enlarged(joined, 2), Tensor(skip))
        joined = doubled + other
    return F.crop(_enlarged(joined, 8), size, (4, 4)).numpy()


def tents(x: np.ndarray, factor: int) -> np.ndarray:
    """A tent for each pixel, `factor` apart: (N, C, H, W) -> (N, C, (H + 1)·factor, (W + 1)·factor)"""
    return _enlarged(Tensor(x), factor).numpy()


def _enlarged(x: Tensor, factor: int) -> Tensor:
    tent = resampling.bilinear_kernel((2 * factor, 2 * factor), x.dtype)
    weight = array_module(x.data).asarray(np.repeat(tent[None, None], x.shape[1], 0))
    return F.conv_transpose2d(x, Tensor(weight), stride=factor, groups=x.shape[1])
