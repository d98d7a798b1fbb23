"""Convolutions with padding="same" with one mistake each."""

from __future__ import annotations

from typing import Any

import numpy as np

from minifcn.arguments import pair
from minifcn.testing import ours
from minifcn.testing.version import changes, spoils


def framed(x: Any, weight: Any, bias: Any = None, dilation: Any = 1, groups: int = 1, *,
           before: Any = lambda k, d: d * (k - 1) // 2, after: Any = lambda k, d: (d * (k - 1) + 1) // 2,
           mode: Any = "constant", kernel: Any = lambda size: size) -> Any:  # fmt: skip
    """Zeros around the image, before and after by kernel and dilation along an axis; then a convolution."""
    axes = list(zip(kernel(weight.shape[2:]), pair(dilation, "dilation", 1), strict=True))
    frame = [(before(k, d), after(k, d)) for k, d in axes]
    return ours.conv2d(np.pad(x, ((0, 0), (0, 0), *frame), mode=mode), weight, bias, 1, 0, dilation, groups)


@changes("conv2d_same", framed)
def odd_row_at_the_beginning() -> Any:
    """Of an odd number of rows the beginning gets one more than the end."""
    return {"before": lambda k, d: (d * (k - 1) + 1) // 2, "after": lambda k, d: d * (k - 1) // 2}


@changes("conv2d_same", framed)
def same_on_both_sides() -> Any:
    """⌊d·(k − 1)/2⌋ zeros on either side, which loses a row if the kernel is even."""
    return {"after": lambda k, d: d * (k - 1) // 2}


@changes("conv2d_same", framed)
def half_the_kernel_on_both_sides() -> Any:
    """⌊k/2⌋ on either side, which is right for odd kernels without dilation."""
    return {"before": lambda k, d: d * (k // 2), "after": lambda k, d: d * (k // 2)}


@changes("conv2d_same", framed)
def same_without_dilation() -> Any:
    """The holes of a dilated kernel are not counted."""
    return {"before": lambda k, d: (k - 1) // 2, "after": lambda k, d: k // 2}


@changes("conv2d_same", framed)
def all_at_the_end() -> Any:
    """All the zeros stand at the end: the size is right, and the image has moved."""
    return {"before": lambda k, d: 0, "after": lambda k, d: d * (k - 1)}


@changes("conv2d_same", framed)
def same_with_the_border_repeated() -> Any:
    """The frame repeats the border pixels."""
    return {"mode": "edge"}


@changes("conv2d_same", framed)
def same_for_a_square_kernel() -> Any:
    """The frame is as wide on all sides as the longer side of the kernel needs."""
    return {"kernel": lambda size: (max(size), max(size))}


@spoils("conv2d_same")
def same_bias_in_the_middle_only(y: Any, /, weight: Any, bias: Any, again: Any) -> Any:
    """The bias is not added where a window meets the frame."""
    bare = again(bias=None)
    if bias is None:
        return bare
    (top, left), (H, W) = (k // 2 for k in weight.shape[2:]), y.shape[2:]
    bare[:, :, top : H - top, left : W - left] = y[:, :, top : H - top, left : W - left]
    return bare


@spoils("conv2d_same")
def same_always_double(y: Any, /) -> Any:
    """The result is float64 whatever was given: np.zeros was called without a dtype."""
    return y.astype(np.float64)


@spoils("conv2d_same")
def same_turns_its_kernel(weight: Any, again: Any) -> Any:
    """The kernel is flipped, as in a convolution of mathematics."""
    return again(weight=weight[:, :, ::-1, ::-1])
