"""The part of `ours.py` about columns of windows, sizes that are asked for, and pixels that change their place."""

from __future__ import annotations

from typing import Any

import numpy as np

from minifcn import functional as F
from minifcn.autograd import grad
from minifcn.tensor import Tensor

Pair = tuple[int, int]


def conv2d_same(x: Any, weight: Any, bias: Any = None, dilation: Any = 1, groups: int = 1) -> np.ndarray:
    """conv2d with padding="same": (N, C, H, W), (O, C/groups, KH, KW), (O,) -> (N, O, H, W)"""
    given = None if bias is None else Tensor(bias)
    return F.conv2d(Tensor(x), Tensor(weight), given, 1, "same", dilation, groups).numpy()


def unfold(x: Any, kernel_size: Any, dilation: Any = 1, padding: Any = 0, stride: Any = 1) -> np.ndarray:
    """(N, C, H, W) -> (N, C·KH·KW, OH·OW), a column for each window"""
    return F.unfold(Tensor(x), kernel_size, dilation, padding, stride).numpy()


def fold(x: Any, output_size: Any, kernel_size: Any, dilation: Any = 1, padding: Any = 0,
         stride: Any = 1) -> np.ndarray:  # fmt: skip
    """(N, C·KH·KW, L) -> (N, C, *output_size), each column added where its window was"""
    return F.fold(Tensor(x), output_size, kernel_size, dilation, padding, stride).numpy()


def adaptive_avg_pool2d(x: Any, output_size: Pair) -> np.ndarray:
    """(N, C, H, W) -> the means (N, C, *output_size)"""
    return F.adaptive_avg_pool2d(Tensor(x), output_size).numpy()


def adaptive_avg_pool2d_backward(grad_output: Any, x: Any, output_size: Pair) -> np.ndarray:
    """The gradient of ⟨adaptive_avg_pool2d(x), grad_output⟩ with respect to x"""
    leaf = Tensor(x, requires_grad=True)
    return grad(F.adaptive_avg_pool2d(leaf, output_size), leaf, Tensor(grad_output))[0].numpy()


def adaptive_max_pool2d(x: Any, output_size: Pair) -> np.ndarray:
    """(N, C, H, W) -> the maxima (N, C, *output_size)"""
    return F.adaptive_max_pool2d(Tensor(x), output_size).numpy()


def pixel_shuffle(x: Any, upscale_factor: int) -> np.ndarray:
    """(N, C·r², H, W) -> (N, C, H·r, W·r)"""
    return F.pixel_shuffle(Tensor(x), upscale_factor).numpy()


def pixel_unshuffle(x: Any, downscale_factor: int) -> np.ndarray:
    """(N, C, H·r, W·r) -> (N, C·r², H, W)"""
    return F.pixel_unshuffle(Tensor(x), downscale_factor).numpy()


def interpolate_bicubic(x: Any, size: Pair, align_corners: bool = False) -> np.ndarray:
    """interpolate with mode="bicubic": (N, C, H, W) -> (N, C, *size)"""
    return F.interpolate(Tensor(x), size, mode="bicubic", align_corners=align_corners).numpy()


def interpolate_bicubic_backward(grad_output: Any, x: Any, size: Pair, align_corners: bool = False) -> np.ndarray:
    """The gradient of ⟨interpolate_bicubic(x, size), grad_output⟩ with respect to x"""
    leaf = Tensor(x, requires_grad=True)
    y = F.interpolate(leaf, size, mode="bicubic", align_corners=align_corners)
    return grad(y, leaf, Tensor(grad_output))[0].numpy()
