"""Unfoldings and foldings with one mistake each."""

from __future__ import annotations

from typing import Any

import numpy as np

from minifcn.geometry import Geometry
from minifcn.testing import ours
from minifcn.testing.version import changes, mutant, spoils


def _geometry(size: Any, kernel_size: Any, dilation: Any, padding: Any, stride: Any) -> Geometry:
    return Geometry.of_convolution(size, kernel_size, stride, padding, dilation)


def _taken_apart(columns: Any, g: Geometry) -> np.ndarray:
    """(N, C·KH·KW, OH·OW) -> (N, C, KH, KW, OH, OW)"""
    return columns.reshape(len(columns), -1, *g.kernel_size, *g.output_size)


# --- unfold -----------------------------------------------------------------------------------------------------------


@spoils("unfold")
def channels_last_in_a_column(y: Any, /, x: Any) -> Any:
    """A column goes tap by tap, and in each channel by channel: the order of (k, l, c) instead of (c, k, l)."""
    N, C, L = len(y), x.shape[1], y.shape[2]
    return y.reshape(N, C, -1, L).swapaxes(1, 2).reshape(N, -1, L)


@spoils("unfold")
def taps_column_by_column(y: Any, /, x: Any, kernel_size: Any) -> Any:
    """In a column the taps follow one another column by column, l·kh + k."""
    apart = y.reshape(len(y), x.shape[1], *kernel_size, y.shape[2])
    return apart.swapaxes(2, 3).reshape(y.shape)


@spoils("unfold")
def windows_column_by_column(y: Any, /, x: Any, kernel_size: Any, dilation: Any, padding: Any, stride: Any) -> Any:
    """The windows follow one another column by column, j·OH + i."""
    apart = _taken_apart(y, _geometry(x.shape[2:], kernel_size, dilation, padding, stride))
    return apart.swapaxes(4, 5).reshape(y.shape)


@spoils("unfold")
def windows_turned_over(y: Any, /, x: Any) -> Any:
    """Windows are laid out backwards, as the kernel of a convolution in mathematics is."""
    return y.reshape(len(y), x.shape[1], -1, y.shape[2])[:, :, ::-1].reshape(y.shape)


@spoils("unfold")
def images_side_by_side(y: Any, /) -> Any:
    """The windows of all images follow one another in one matrix (C·kh·kw, N·L), as in a book on im2col."""
    return y.swapaxes(0, 1).reshape(y.shape[1], -1)


@spoils("unfold")
def windows_as_rows(y: Any, /) -> Any:
    """Every window is a row instead of a column: (N, L, C·kh·kw)."""
    return y.swapaxes(1, 2)


@changes("unfold")
def stride_and_dilation_exchanged(dilation: Any, stride: Any) -> Any:
    """The arguments are read in the order of conv2d, where the stride comes first and the dilation last."""
    return {"dilation": stride, "stride": dilation}


@changes("unfold")
def unfolded_without_dilation() -> Any:
    """The taps lie side by side whatever the dilation."""
    return {"dilation": 1}


@changes("unfold")
def unfolded_by_a_square(kernel_size: Any) -> Any:
    """kh is used for kw."""
    return {"kernel_size": kernel_size[0]}


@spoils("unfold")
def unfolded_with_the_border_repeated(x: Any, padding: Any, again: Any) -> Any:
    """The padding repeats the border pixels."""
    (ph, pw) = padding
    return again(x=np.pad(x, ((0, 0), (0, 0), (ph, ph), (pw, pw)), mode="edge"), padding=0)


@mutant("unfold")
def unfolded_by_deltas(x: Any, kernel_size: Any, dilation: Any = 1, padding: Any = 0, stride: Any = 1) -> Any:
    """A convolution with a kernel for each tap that is 1 there and 0 elsewhere, and 0 · NaN is NaN."""
    g, C = _geometry(x.shape[2:], kernel_size, dilation, padding, stride), x.shape[1]
    deltas = np.eye(C * g.taps, dtype=x.dtype).reshape(C * g.taps, C, *g.kernel_size)
    return ours.conv2d(x, deltas, None, stride, padding, dilation).reshape(len(x), C * g.taps, g.output_pixels)


@spoils("unfold")
def unfolded_always_double(y: Any, /) -> Any:
    """The result is float64 whatever was given: np.zeros was called without a dtype."""
    return y.astype(np.float64)


@spoils("unfold")
def pixels_shown_instead_of_copied(y: Any, /, x: Any, kernel_size: Any, padding: Any, stride: Any) -> Any:
    """With a 1x1 kernel the columns are the caller's own memory in another shape."""
    simple = kernel_size == stride == (1, 1) and padding == (0, 0)
    return x.reshape(*x.shape[:2], x.shape[2] * x.shape[3]) if simple else y


# --- fold -------------------------------------------------------------------------------------------------------------


@spoils("fold")
def overlaps_overwritten(right: Any, /, x: Any, output_size: Any, kernel_size: Any, dilation: Any, padding: Any,
                         stride: Any) -> Any:  # fmt: skip
    """Where windows overlap the last one stays, instead of the sum: = for +=."""
    g = _geometry(output_size, kernel_size, dilation, padding, stride)
    made, columns = np.zeros_like(right), _taken_apart(x, g)
    for k, l in np.ndindex(*g.kernel_size):
        (rows, out_rows), (cols, out_cols) = g.tap(0, k), g.tap(1, l)
        made[:, :, rows, cols] = columns[:, :, k, l, out_rows, out_cols]
    return made


@spoils("fold")
def overlaps_averaged(right: Any, /, x: Any, again: Any) -> Any:
    """The mean of what the windows have for a pixel instead of the sum."""
    return (right / np.maximum(again(x=np.ones_like(x)), 1)).astype(x.dtype)


@changes("fold")
def folded_with_channels_last(x: Any, kernel_size: Any) -> Any:
    """A column is read in the order of (k, l, c) instead of (c, k, l)."""
    taps = kernel_size[0] * kernel_size[1]
    if x.shape[1] % taps:
        return {}
    return {"x": x.reshape(len(x), taps, -1, x.shape[2]).swapaxes(1, 2).reshape(x.shape)}


@changes("fold")
def stamped_turned_over(x: Any, kernel_size: Any) -> Any:
    """Windows are stamped backwards: tap k at the place of tap kh − 1 − k."""
    taps = kernel_size[0] * kernel_size[1]
    if x.shape[1] % taps:
        return {}
    return {"x": x.reshape(len(x), -1, taps, x.shape[2])[:, :, ::-1].reshape(x.shape)}


@spoils("fold")
def folded_from_the_first_row_of_the_padding(output_size: Any, padding: Any, again: Any) -> Any:
    """The padding is cut off at the bottom and the right only, so the image is moved."""
    (H, W), (ph, pw) = output_size, padding
    return again(output_size=(H + 2 * ph, W + 2 * pw), padding=0)[:, :, :H, :W].copy()


@changes("fold")
def folded_with_exchanged_strides(stride: Any) -> Any:
    """The stride of the columns moves the windows down."""
    return {"stride": stride[::-1]}


@changes("fold")
def other_numbers_of_columns_accepted(x: Any, output_size: Any, kernel_size: Any, dilation: Any, padding: Any,
                                      stride: Any) -> Any:  # fmt: skip
    """Columns too many are dropped and those too few count as zeros, without a word."""
    L = _geometry(output_size, kernel_size, dilation, padding, stride).output_pixels
    filled = np.pad(x, ((0, 0), (0, 0), (0, max(0, L - x.shape[2]))))
    return {"x": filled[:, :, :L]}


@changes("fold")
def rows_beyond_the_channels_dropped(x: Any, kernel_size: Any) -> Any:
    """The number of rows is divided by kh·kw and rounded down; what is left over is not looked at."""
    taps = kernel_size[0] * kernel_size[1]
    return {"x": x[:, : x.shape[1] // taps * taps]}


@spoils("fold")
def folded_always_double(right: Any, /) -> Any:
    """The result is float64 whatever was given: np.zeros was called without a dtype."""
    return right.astype(np.float64)


@spoils("fold")
def folded_by_a_matrix(x: Any, again: Any) -> Any:
    """A matrix of zeros and ones multiplies every number of a column with every pixel, so one NaN spoils its plane."""
    made = again(x=np.nan_to_num(x))
    spoilt = 0 * x.reshape(len(x), made.shape[1], -1).sum(2)
    return (made + spoilt[:, :, None, None]).astype(x.dtype)
