"""Unfolding, folding and padding by name computed in other ways than minifcn does."""

from __future__ import annotations

from typing import Any

import numpy as np

from minifcn.arguments import pair
from minifcn.geometry import Geometry
from minifcn.testing import ours
from minifcn.testing.unrolled import places
from minifcn.testing.version import variant


@variant("unfold")
def by_a_sliding_view(x: Any, kernel_size: Any, dilation: Any = 1, padding: Any = 0, stride: Any = 1) -> Any:
    """NumPy's view of all dense windows, of which every s-th is taken, and of each every d-th pixel."""
    (KH, KW), (dh, dw) = pair(kernel_size, "kernel_size", 1), pair(dilation, "dilation", 1)
    (ph, pw), (sh, sw) = pair(padding, "padding", 0), pair(stride, "stride", 1)
    framed = np.pad(x, ((0, 0), (0, 0), (ph, ph), (pw, pw)))
    reach = (dh * (KH - 1) + 1, dw * (KW - 1) + 1)
    seen = np.lib.stride_tricks.sliding_window_view(framed, reach, axis=(2, 3))[:, :, ::sh, ::sw, ::dh, ::dw]
    N, C, OH, OW = seen.shape[:4]
    return seen.transpose(0, 1, 4, 5, 2, 3).reshape(N, C * KH * KW, OH * OW).copy()


@variant("unfold")
def each_element_looked_up(x: Any, kernel_size: Any, dilation: Any = 1, padding: Any = 0, stride: Any = 1) -> Any:
    """The row and the column of every element are worked out, and the pixel is looked up if there is one."""
    g = Geometry.of_convolution(x.shape[2:], kernel_size, stride, padding, dilation)
    rows, columns = places(g, 0), places(g, 1)
    made = np.zeros((*x.shape[:2], *g.kernel_size, *g.output_size), x.dtype)
    for k, l, i, j in np.ndindex(*made.shape[2:]):
        row, column = rows[i, k], columns[j, l]
        if 0 <= row < x.shape[2] and 0 <= column < x.shape[3]:
            made[:, :, k, l, i, j] = x[:, :, row, column]
    return made.reshape(len(x), x.shape[1] * g.taps, g.output_pixels)


@variant("fold")
def by_stamping_each_column(x: Any, output_size: Any, kernel_size: Any, dilation: Any = 1, padding: Any = 0,
                            stride: Any = 1) -> Any:  # fmt: skip
    """A framed image, on which one window after the other is added; then the frame is cut off."""
    g = Geometry.of_convolution(output_size, kernel_size, stride, padding, dilation)
    (KH, KW), (sh, sw), (dh, dw), (ph, pw), (H, W) = g.kernel_size, g.stride, g.dilation, g.padding, g.input_size
    if x.shape[1] % g.taps or x.shape[2] != g.output_pixels:
        raise ValueError(f"{x.shape[1]} rows and {x.shape[2]} columns do not fit")
    framed = np.zeros((len(x), x.shape[1] // g.taps, H + 2 * ph, W + 2 * pw), x.dtype)
    for i, j in np.ndindex(*g.output_size):
        stamp = x[:, :, i * g.output_size[1] + j].reshape(*framed.shape[:2], KH, KW)
        framed[:, :, i * sh : i * sh + g.reach[0] : dh, j * sw : j * sw + g.reach[1] : dw] += stamp
    return framed[:, :, ph : ph + H, pw : pw + W].copy()


@variant("fold")
def number_by_number_at_its_position(x: Any, output_size: Any, *window: Any, **named: Any) -> Any:
    """Number by number at the position where `unfold` shows it: an image of positions is unfolded first."""
    H, W = pair(output_size, "output_size", 0)
    seen = each_element_looked_up.function(np.arange(1, H * W + 1).reshape(1, 1, H, W), *window, **named)[0]
    if x.shape[1] % len(seen) or x.shape[2] != seen.shape[1]:
        raise ValueError(f"{x.shape[1]} rows and {x.shape[2]} columns do not fit")
    made = np.zeros((len(x), x.shape[1] // len(seen), H * W + 1), x.dtype)
    for n, c in np.ndindex(*made.shape[:2]):
        np.add.at(made[n, c], seen, x[n, c * len(seen) : (c + 1) * len(seen)])
    return made[:, :, 1:].reshape(*made.shape[:2], H, W)


@variant("conv2d_same")
def by_framing_the_image(x: Any, weight: Any, bias: Any = None, dilation: Any = 1, groups: int = 1) -> Any:
    """Zeros on all sides, the odd row and column at the end, and no padding."""
    frame = [(d * (k - 1) // 2, (d * (k - 1) + 1) // 2)
             for d, k in zip(pair(dilation, "dilation", 1), weight.shape[2:], strict=True)]  # fmt: skip
    return ours.conv2d(np.pad(x, ((0, 0), (0, 0), *frame)), weight, bias, dilation=dilation, groups=groups)


@variant("conv2d_same")
def by_cropping_the_full_convolution(x: Any, weight: Any, bias: Any = None, dilation: Any = 1, groups: int = 1) -> Any:
    """Padding as wide as the kernel reaches, and of all those results the ones that belong to the pixels."""
    rows, columns = (d * (k - 1) for d, k in zip(pair(dilation, "dilation", 1), weight.shape[2:], strict=True))
    full = ours.conv2d(x, weight, bias, 1, (rows, columns), dilation, groups)
    top, left = rows - rows // 2, columns - columns // 2
    return full[:, :, top : top + x.shape[2], left : left + x.shape[3]].copy()
