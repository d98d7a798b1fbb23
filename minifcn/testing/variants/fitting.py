"""Sizes made to fit, and what features see, computed in other ways than minifcn does."""

from __future__ import annotations

from typing import Any

import numpy as np

from minifcn.arguments import pair
from minifcn.testing import ours
from minifcn.testing.version import variant


@variant("preimages")
def sizes_tried_out(size: int, kernel_size: int, stride: int = 1, padding: int = 0, dilation: int = 1) -> Any:
    """Image after image is made one row longer, and the windows that fit are counted."""
    found, reach = [], dilation * (kernel_size - 1) + 1
    for H in range(1, size * stride + reach + 1):
        if len(range(0, H + 2 * padding - reach + 1, stride)) == size:
            found.append(H)
    return found


@variant("preimages")
def the_last_window_and_what_it_leaves(
    size: int, kernel_size: int, stride: int = 1, padding: int = 0, dilation: int = 1
) -> Any:
    """The last window ends at a place of the padded image; behind it there is room for less than a stride."""
    end = (size - 1) * stride + 1 + dilation * (kernel_size - 1)
    return [end + left_over - 2 * padding for left_over in range(stride)]


@variant("insert_zeros")
def kronecker_product(x: Any, stride: Any) -> Any:
    """Every pixel times a corner with a 1, and the last zeros cut off."""
    down, right = pair(stride, "stride", 1)
    corner = np.zeros((1, 1, down, right), x.dtype)
    corner[..., 0, 0] = 1
    return np.kron(x, corner)[:, :, : x.shape[2] * down - down + 1, : x.shape[3] * right - right + 1]


@variant("insert_zeros")
def a_stamp_of_one_pixel(x: Any, stride: Any) -> Any:
    """A transposed convolution, each channel for itself, with a kernel of a single 1."""
    C = x.shape[1]
    return ours.conv_transpose2d(x, np.ones((C, 1, 1, 1), x.dtype), None, stride, groups=C)


@variant("pad_to_multiple")
def put_into_a_grid(x: Any, m: Any) -> Any:
    """As many blocks of zeros as are needed, with the image in their upper left corner."""
    (H, W), (rows, columns) = x.shape[2:], pair(m, "m", 1)
    made = np.zeros((*x.shape[:2], -(-H // rows) * rows, -(-W // columns) * columns), x.dtype)
    made[:, :, :H, :W] = x
    return made, lambda y: y[:, :, :H, :W]


@variant("crop_like")
def rows_and_columns_beside(x: Any, like: Any, offset: Any = (0, 0)) -> Any:
    """The rows and columns are taken by their numbers; one beyond the edge is an error."""
    return x.take(offset[0] + np.arange(like.shape[2]), 2).take(offset[1] + np.arange(like.shape[3]), 3)


@variant("convolutionalise")
def number_by_number(weight: Any, channels: int, size: Any) -> Any:
    """Each weight is put where it belongs, by its place in the flattened map."""
    (h, w), O = size, len(weight)
    if weight.shape[1] != channels * h * w:
        raise ValueError(f"{weight.shape[1]} weights for {channels} channels of {h}x{w}")
    kernel = np.zeros((O, channels, h, w), weight.dtype)
    for place in range(weight.shape[1]):
        kernel[:, place // (h * w), place // w % h, place % w] = weight[:, place]
    return kernel


@variant("pixels_seen")
def rows_that_meet(layers: Any, feature: Any, size: Any) -> Any:
    """A table for each layer says which rows meet; their product says which rows of the image meet the feature."""
    meets = np.eye(size, dtype=int)
    for kind, k, s, p, d in layers:
        n = len(meets)
        made = (n + 2 * p - d * (k - 1) - 1) // s + 1 if kind == "down" else (n - 1) * s - 2 * p + d * (k - 1) + 1
        table = np.zeros((made, n), int)
        for row, tap in np.ndindex(made if kind == "down" else n, k):
            other = row * s + tap * d - p
            if 0 <= other < (n if kind == "down" else made):
                table[(row, other) if kind == "down" else (other, row)] = 1
        meets = np.minimum(table @ meets, 1)
    return np.flatnonzero(meets[feature]) if 0 <= feature < len(meets) else meets[len(meets)]


@variant("conv2d_input")
def gradient_window_by_window(input_size: Any, weight: Any, grad_output: Any, stride: Any = 1, padding: Any = 0,
                              dilation: Any = 1, groups: int = 1) -> Any:  # fmt: skip
    """Every pixel of the gradient adds its kernels to the window that it was made from."""
    (sh, sw), (ph, pw), (dh, dw) = (pair(a, "", 0) for a in (stride, padding, dilation))
    (N, C, H, W), (KH, KW) = input_size, weight.shape[2:]
    if ours.conv_output_size((H, W), (KH, KW), stride, padding, dilation) != grad_output.shape[2:]:
        raise ValueError(f"no windows of {(KH, KW)} in {(H, W)} pixels are {grad_output.shape[2:]}")
    whole = np.zeros((N, C, H + 2 * ph, W + 2 * pw), weight.dtype)
    for i, j in np.ndindex(*grad_output.shape[2:]):
        parts = zip(np.split(grad_output[:, :, i, j], groups, 1), np.split(weight, groups), strict=True)
        stamp = np.concatenate([np.einsum("no,ockl->nckl", g, w) for g, w in parts], 1)
        rows, columns = slice(i * sh, i * sh + dh * (KH - 1) + 1, dh), slice(j * sw, j * sw + dw * (KW - 1) + 1, dw)
        whole[:, :, rows, columns] += stamp
    return whole[:, :, ph : ph + H, pw : pw + W]


@variant("conv_transpose_output_size")
def where_the_last_stamp_ends(size: Any, kernel_size: Any, stride: Any = 1, padding: Any = 0, output_padding: Any = 0,
                              dilation: Any = 1) -> Any:  # fmt: skip
    """Stamps are laid a stride apart; where the last ends the image ends, less what is cropped, plus what is not."""
    made = []
    axes = zip(*(pair(a, "", 0) for a in (size, kernel_size, stride, padding, output_padding, dilation)), strict=True)
    for n, k, s, p, e, d in axes:
        if e >= max(s, d):
            raise ValueError(f"an output_padding of {e} is none of a stride of {s}")
        end = [start + d * (k - 1) + 1 for start in range(0, n * s, s)][-1]
        made.append(end - 2 * p + e)
        if made[-1] < 1:
            raise ValueError("nothing is left")
    return tuple(made)
