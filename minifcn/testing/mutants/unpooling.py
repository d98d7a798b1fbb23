"""Gradients of max pooling, and unpoolings, with one mistake each."""

from __future__ import annotations

from typing import Any

import numpy as np

from minifcn.geometry import Geometry
from minifcn.testing import ours
from minifcn.testing.mutants.pooling import geometry, searched
from minifcn.testing.unrolled import scattered, windows
from minifcn.testing.version import changes, mutant, spoils


def _handed_back(y: Any, shares: np.ndarray, g: Geometry) -> np.ndarray:
    """Each window's value times its shares (N, C, OH, OW, KH, KW), added at its pixels."""
    x = np.zeros((*y.shape[:2], *g.input_size), y.dtype)
    for k, l in np.ndindex(*g.kernel_size):
        (rows, out_rows), (columns, out_columns) = g.tap(0, k), g.tap(1, l)
        x[:, :, rows, columns] += (y * shares[..., k, l])[:, :, out_rows, out_columns]
    return x


def _level(x: Any, g: Geometry) -> np.ndarray:
    """1 where a pixel is as large as the maximum of its window, else 0."""
    seen = windows(x, g, -np.inf)
    return (seen == seen.max((4, 5), keepdims=True)).astype(x.dtype)


@mutant("max_pool2d_backward")
def gradient_to_all_ties(grad_output: Any, x: Any, *options: Any, **named: Any) -> Any:
    """Every pixel that is as large as the maximum receives the whole gradient (the mask x == y)."""
    g = geometry(x, *options, **named)
    return _handed_back(grad_output, _level(x, g), g)


@mutant("max_pool2d_backward")
def gradient_divided_among_ties(grad_output: Any, x: Any, *options: Any, **named: Any) -> Any:
    """Pixels that are equally large divide the gradient among themselves."""
    g = geometry(x, *options, **named)
    level = _level(x, g)
    return _handed_back(grad_output, level / level.sum((4, 5), keepdims=True), g).astype(x.dtype)


@mutant("max_pool2d_backward")
def gradient_to_the_last_tie(grad_output: Any, x: Any, *options: Any, **named: Any) -> Any:
    """Of equal pixels the last one receives, although the first one won."""
    _, index = searched(x, *options, **named, order="last")
    return scattered(grad_output, index, x.shape[2:])


@mutant("max_pool2d_backward")
def gradient_lost_in_the_padding(grad_output: Any, x: Any, *options: Any, **named: Any) -> Any:
    """Where all pixels of a window are −∞ its padding wins, and what it receives is cut off with it."""
    _, index = searched(x, *options, **named, beyond=-np.inf)
    return scattered(np.where(index < 0, 0, grad_output), np.maximum(index, 0), x.shape[2:])


@mutant("max_pool2d_backward")
def gradient_overwritten_on_overlap(grad_output: Any, x: Any, *options: Any, **named: Any) -> Any:
    """A pixel that won several windows keeps the last gradient instead of the sum."""
    _, index = ours.max_pool2d(x, *options, **named)
    gradient = np.zeros((*x.shape[:2], x.shape[2] * x.shape[3]), grad_output.dtype)
    np.put_along_axis(gradient, index.reshape(*index.shape[:2], -1), grad_output.reshape(*index.shape[:2], -1), 2)
    return gradient.reshape(x.shape)


@spoils("max_pool2d_backward")
def gradient_divided_by_the_window(right: Any, /, x: Any, kernel_size: Any) -> Any:
    """The winner receives one part in kh·kw, as in average pooling."""
    return (right / (kernel_size[0] * kernel_size[1])).astype(x.dtype)


@mutant("max_pool2d_backward")
def gradient_spread_over_the_window(grad_output: Any, x: Any, *options: Any, **named: Any) -> Any:
    """All pixels of the window receive the same, whichever won."""
    g = geometry(x, *options, **named)
    pixels = windows(np.ones_like(x), g, 0)
    return _handed_back(grad_output, pixels / pixels.sum((4, 5), keepdims=True), g).astype(x.dtype)


@changes("max_pool2d_backward")
def pooling_gradient_of_ones(grad_output: Any) -> Any:
    """The gradient that comes in is taken for 1 everywhere."""
    return {"grad_output": np.ones_like(grad_output)}


@mutant("max_pool2d_backward")
def gradient_times_a_mask(grad_output: Any, x: Any, *options: Any, **named: Any) -> Any:
    """The gradient is multiplied by a mask of the winners, so a NaN spoils the whole window (0 · NaN is NaN)."""
    g = geometry(x, *options, **named)
    _, index = ours.max_pool2d(x, *options, **named)
    places = windows(np.arange(x[0, 0].size, dtype=float).reshape(1, 1, *x.shape[2:]), g, -1)
    return _handed_back(grad_output, (places == index[..., None, None]).astype(x.dtype), g)


@changes("max_pool2d_backward")
def gradient_of_the_last_window_lost(grad_output: Any) -> Any:
    """The loop over the windows ends one row early where there are several."""
    kept = grad_output.copy()
    if kept.shape[2] > 1:
        kept[:, :, -1] = 0
    return {"grad_output": kept}


@spoils("max_pool2d_backward")
def gradient_summed_over_images(right: Any, /) -> Any:
    """The buffer is not cleared between images: each one gets the gradients of those before it on top."""
    return np.cumsum(right, 0)


@spoils("max_pool2d_backward")
def what_came_in_is_scratched(right: Any, /, grad_output: Any) -> Any:
    """The gradient that comes in is used as scratch memory and is another one afterwards."""
    if grad_output.flags.writeable:
        grad_output *= 0
    return right


@spoils("max_unpool2d")
def rows_and_columns_of_the_index_exchanged(right: Any, /, indices: Any, again: Any) -> Any:
    """The index is taken apart as column·H + row."""
    H, W = right.shape[2:]
    column, row = np.divmod(indices, H)
    return again(indices=row * W + column)


@spoils("max_unpool2d")
def last_of_equal_indices_stays(right: Any, /, x: Any, indices: Any) -> Any:
    """Where an index occurs twice the last value stays, instead of the sum."""
    made = np.zeros_like(right)
    planes = made.reshape(*made.shape[:2], made.shape[2] * made.shape[3])
    np.put_along_axis(planes, indices.reshape(*indices.shape[:2], -1), x.reshape(*x.shape[:2], -1), 2)
    return made


@spoils("max_unpool2d")
def values_in_the_corner_of_their_window(right: Any, /, x: Any, kernel_size: Any, stride: Any) -> Any:
    """The index is not looked at: each value is put in the first pixel of its window."""
    made, (sh, sw) = np.zeros_like(right), kernel_size if stride is None else stride
    for i, j in np.ndindex(*x.shape[2:]):
        made[:, :, min(i * sh, made.shape[2] - 1), min(j * sw, made.shape[3] - 1)] += x[:, :, i, j]
    return made


@changes("max_unpool2d")
def wanted_size_ignored() -> Any:
    """output_size is not looked at, so indices of an image with a remainder land in another row."""
    return {"output_size": None}


@changes("max_unpool2d")
def unpooled_size_without_padding(padding: Any, output_size: Any) -> Any:
    """The padding is not taken off the size."""
    return {"padding": padding if output_size else 0}


@spoils("max_unpool2d")
def unpooled_size_of_stride_times_size(x: Any, indices: Any, kernel_size: Any, stride: Any, output_size: Any,
                                       again: Any) -> Any:  # fmt: skip
    """The size is taken for H·s, which is right only if the stride is the kernel."""
    if output_size is not None:
        return again()
    sh, sw = kernel_size if stride is None else stride
    H, W = x.shape[2] * sh, x.shape[3] * sw
    return scattered(x, indices % (H * W), (H, W))


@spoils("max_unpool2d")
def negative_index_from_the_end(indices: Any, again: Any) -> Any:
    """The index −1 means the last pixel, as Python has it."""
    size = again(indices=np.zeros_like(indices))[0, 0].size
    return again(indices=np.where((indices < 0) & (indices >= -size), indices + size, indices))


@spoils("max_unpool2d")
def index_beyond_the_end_ignored(x: Any, indices: Any, again: Any) -> Any:
    """Values whose index lies beyond the image are silently left out."""
    beyond = indices >= again(indices=np.zeros_like(indices))[0, 0].size
    return again(x=np.where(beyond, 0, x), indices=np.where(beyond, 0, indices))


@spoils("max_unpool2d")
def all_channels_in_the_first(right: Any, /) -> Any:
    """The index is taken for one through the whole image, so all channels land in the first."""
    made = right.copy()
    made[:, 0], made[:, 1:] = made.sum(1), 0
    return made


@spoils("max_unpool2d")
def unpooled_always_double(right: Any, /) -> Any:
    """The result is float64 whatever was given: np.zeros was called without a dtype."""
    return right.astype(np.float64)


@spoils("max_unpool2d")
def unpooled_by_a_matrix(x: Any, again: Any) -> Any:
    """A matrix of zeros and ones multiplies every value with every pixel, so one NaN spoils its plane."""
    return again(x=np.nan_to_num(x)) + 0 * x.sum((2, 3), keepdims=True)
