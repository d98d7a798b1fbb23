"""Sizes, places and fusions computed in other ways than minifcn does."""

from __future__ import annotations

from typing import Any

import numpy as np

from minifcn.arguments import pair
from minifcn.testing.version import variant


def _axes(*numbers: Any) -> list[Any]:
    return list(zip(*(pair(a, "", 0) for a in numbers), strict=True))


@variant("conv_output_size")
def length_of_a_range(size: Any, kernel_size: Any, stride: Any = 1, padding: Any = 0, dilation: Any = 1) -> Any:
    """The places where a window may begin are a range; its length is the size."""
    made = tuple(len(range(0, n + 2 * p - d * (k - 1), s)) for n, k, s, p, d in
                 _axes(size, kernel_size, stride, padding, dilation))  # fmt: skip
    if min(made) < 1:
        raise ValueError(f"the kernel {kernel_size} does not fit into {size}")
    return made


@variant("conv_output_size")
def one_window_after_the_other(
    size: Any, kernel_size: Any, stride: Any = 1, padding: Any = 0, dilation: Any = 1
) -> Any:
    """The window is moved on until it does not fit any more."""
    made = []
    for n, k, s, p, d in _axes(size, kernel_size, stride, padding, dilation):
        if s < 1:
            raise ValueError("the window does not move")
        count, last = 0, -p + d * (k - 1)
        while last < n + p:
            count, last = count + 1, last + s
        if not count:
            raise ValueError(f"a window of {k} does not fit into {n}")
        made.append(count)
    return tuple(made)


@variant("pool_output_size")
def until_nothing_is_left(size: Any, kernel_size: Any, stride: Any = None, padding: Any = 0, dilation: Any = 1,
                          ceil_mode: bool = False) -> Any:  # fmt: skip
    """The window is moved on while it fits, in ceil mode while something is left over and it begins on the image."""
    made = []
    for n, k, s, p, d in _axes(size, kernel_size, kernel_size if stride is None else stride, padding, dilation):
        if s < 1 or 2 * p > d * (k - 1) + 1 or (not ceil_mode and d * (k - 1) + 1 > n + 2 * p):
            raise ValueError(f"no window of {k} that moves by {s} over {n} pixels with a padding of {p}")
        count, end = 1, d * (k - 1) + 1 - p
        while end + s <= n + p or (ceil_mode and end < n + p and count * s - p < n):
            count, end = count + 1, end + s
        made.append(count)
    return tuple(made)


@variant("receptive_field")
def from_the_feature_back(layers: Any) -> Any:
    """From the last layer back to the image: r features lie s apart and the last of them is k wide."""
    field = 1
    for kernel, stride in reversed(layers):
        field = (field - 1) * stride + kernel
    return field


@variant("crop_offset")
def first_pixel_followed(layers: Any) -> Any:
    """The centre of the first pixel is followed through the layers, and that of the second, for the scale."""
    first, second = 0.0, 1.0
    for kind, kernel, stride, padding in layers:
        moved = padding - (kernel - 1) / 2
        first, second = (
            (at + moved) / stride if kind == "down" else at * stride - moved for at in (first, second)
        )  # fmt: skip
    if second - first != 1 or first != int(first) or first < 0:
        raise ValueError(f"the first pixel lies at {first}, the second at {second}")
    return int(first)


@variant("crop")
def rows_and_columns_taken(x: Any, size: Any, offset: Any = (0, 0)) -> Any:
    """The rows are taken by their numbers, then the columns; a number beyond the edge is an error."""
    return x.take(offset[0] + np.arange(size[0]), 2).take(offset[1] + np.arange(size[1]), 3)


@variant("pad")
def put_into_zeros(x: Any, padding: Any) -> Any:
    """The image is put into a larger one of zeros."""
    left, right, top, bottom = padding
    (N, C, H, W) = x.shape
    made = np.zeros((N, C, top + H + bottom, left + W + right), x.dtype)
    made[:, :, top : top + H, left : left + W] = x
    return made


@variant("fuse")
def pixel_added_to_pixel(score: Any, skip: Any, score_offset: int = 0, skip_offset: int = 0) -> Any:
    """Both maps lose the rows and columns before their offsets; what is left is added where both have a pixel."""
    a, b = score[:, :, score_offset:, score_offset:], skip[:, :, skip_offset:, skip_offset:]
    h, w = min(a.shape[2], b.shape[2]), min(a.shape[3], b.shape[3])
    return a[:, :, :h, :w] + b[:, :, :h, :w]
