"""Max poolings with one mistake each."""

from __future__ import annotations

from typing import Any

import numpy as np

from minifcn.arguments import pair
from minifcn.errors import ArgumentError
from minifcn.geometry import Geometry
from minifcn.testing import ours
from minifcn.testing.unrolled import gathered, positions, windows
from minifcn.testing.version import changes, mutant, spoils


def winners(x: Any, g: Geometry, order: str = "first", padding: float | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Maxima and the numbers k·KW + l of their taps; of ties the `first`, the `last` or the first `by columns`.

    padding: what takes part in its place, and may win; None for no one.
    """
    seen = windows(x, g, -np.inf if padding is None else padding)
    y = seen.max((4, 5))
    best = (seen == y[..., None, None]) | np.isnan(seen)
    if padding is None:
        best &= positions(g) >= 0
    if order == "by columns":
        best = best.swapaxes(4, 5)
    flat = best.reshape(*y.shape, g.taps)
    taps = flat.argmax(-1) if order != "last" else g.taps - 1 - flat[..., ::-1].argmax(-1)
    if order == "by columns":
        l, k = np.divmod(taps, g.kernel_size[0])
        taps = k * g.kernel_size[1] + l
    return y, taps


def index_of(taps: np.ndarray, g: Geometry) -> np.ndarray:
    """row·W + column of the winners, −1 in the padding."""
    places = np.broadcast_to(positions(g).reshape(1, 1, *g.output_size, g.taps), (*taps.shape, g.taps))
    return np.take_along_axis(places, taps[..., None], -1)[..., 0]


def geometry(x: Any, *options: Any, **named: Any) -> Geometry:
    return Geometry.of_pooling(x.shape[2:], *options, **named)


def searched(x: Any, kernel_size: Any, stride: Any = None, padding: Any = 0, dilation: Any = 1,
             ceil_mode: bool = False, *, order: str = "first", beyond: float | None = None) -> Any:  # fmt: skip
    """Max pooling window by window; order, beyond: which of ties wins and what stands in the padding, see `winners`."""
    g = geometry(x, kernel_size, stride, padding, dilation, ceil_mode)
    y, taps = winners(x, g, order, beyond)
    return y, index_of(taps, g)


@mutant("pool_output_size")
def pool_size_of_any_padding(size: Any, kernel_size: Any, stride: Any = None, padding: Any = 0, dilation: Any = 1,
                             ceil_mode: bool = False) -> Any:  # fmt: skip
    """A padding of more than half the window is not refused, nor is a step of 0 (taken for 1): the formula answers."""
    options = kernel_size, stride, padding, dilation, ceil_mode
    try:
        return ours.pool_output_size(size, *options)
    except ArgumentError:
        numbers = (pair(n, "", 0) for n in (size, kernel_size, kernel_size if stride is None else stride, padding,
                                            dilation))  # fmt: skip
        return tuple((n + 2 * p - d * (k - 1) - 1) // max(s, 1) + 1 for n, k, s, p, d in zip(*numbers, strict=True))


@mutant("max_pool2d")
def zeros_of_the_padding_win(x: Any, *options: Any, **named: Any) -> Any:
    """The image is padded with zeros, which win wherever all pixels of a window are negative."""
    y, index = searched(x, *options, **named, beyond=0)
    return y, np.maximum(index, 0)


@spoils("max_pool2d")
def maximum_starts_at_the_lowest_number(y: Any, index: Any, /) -> Any:
    """The maximum starts at the lowest finite number instead of −∞, and leaks out where all pixels are −∞."""
    return np.maximum(y, np.finfo(y.dtype).min), index


@changes("max_pool2d", searched)
def the_last_of_ties() -> Any:
    """The comparison is ≥ instead of >, so of equal pixels the last one wins."""
    return {"order": "last"}


@changes("max_pool2d", searched)
def ties_by_columns() -> Any:
    """The window is searched column by column, so of equal pixels the leftmost wins."""
    return {"order": "by columns"}


@changes("max_pool2d", searched)
def padding_ties_with_minus_infinity() -> Any:
    """In a window of nothing but −∞ the first place wins, even if it is padding: the index is −1."""
    return {"beyond": -np.inf}


@mutant("max_pool2d")
def index_within_the_window(x: Any, *options: Any, **named: Any) -> Any:
    """The index counts the places of the window, k·KW + l, instead of the pixels of the image."""
    return ours.max_pool2d(x, *options, **named)[0], winners(x, geometry(x, *options, **named))[1]


@spoils("max_pool2d")
def index_in_the_padded_image(y: Any, index: Any, /, x: Any, padding: Any) -> Any:
    """The index counts the pixels of the padded image."""
    (ph, pw), (row, column) = padding, np.divmod(index, x.shape[3])
    return y, (row + ph) * (x.shape[3] + 2 * pw) + column + pw


@spoils("max_pool2d")
def index_through_the_batch(y: Any, index: Any, /, x: Any) -> Any:
    """The index counts through all channels and images, instead of beginning at 0 in each plane."""
    first = np.arange(x.shape[0] * x.shape[1]) * x.shape[2] * x.shape[3]
    return y, index + first.reshape(*x.shape[:2], 1, 1)


@spoils("max_pool2d")
def index_column_by_column(y: Any, index: Any, /, x: Any) -> Any:
    """The index is column·H + row."""
    row, column = np.divmod(index, x.shape[3])
    return y, column * x.shape[2] + row


@spoils("max_pool2d")
def index_in_a_byte(y: Any, index: Any, /) -> Any:
    """The index is kept in a byte, to save memory: 256 becomes 0."""
    return y, index.astype(np.uint8)


@mutant("max_pool2d")
def tap_in_a_byte(x: Any, *options: Any, **named: Any) -> Any:
    """The winner's number within the window is kept in a byte, too small for windows of more than 256 pixels."""
    g = geometry(x, *options, **named)
    index = np.maximum(index_of(winners(x, g)[1] % 256, g), 0)
    return gathered(x, index), index


@changes("max_pool2d")
def pool_stride_ignored() -> Any:
    """Windows lie side by side whatever the stride, as if it were the kernel size."""
    return {"stride": None}


@changes("max_pool2d")
def pool_stride_one_by_default(stride: Any) -> Any:
    """Without a stride the window moves by one pixel, as in a convolution."""
    return {"stride": 1 if stride is None else stride}


@changes("max_pool2d")
def pool_strides_exchanged(stride: Any) -> Any:
    """The stride of the columns moves the window down, that of the rows to the right."""
    return {"stride": stride if stride is None else stride[::-1]}


@spoils("max_pool2d")
def pool_strides_exchanged_in_a_result_of_the_right_size(
    y: Any, index: Any, /, x: Any, kernel_size: Any, stride: Any, again: Any
) -> Any:
    """Windows begin at (i·s_w, j·s_h) instead of (i·s_h, j·s_w), in a result of the right size."""
    sh, sw = kernel_size if stride is None else stride
    rows, columns = np.arange(y.shape[2]) * sw, np.arange(y.shape[3]) * sh
    beyond = ((0, 0), (0, 0), (0, rows[-1] + x.shape[2]), (0, columns[-1] + x.shape[3]))
    wide, place = again(x=np.pad(x, beyond, constant_values=-np.inf), stride=1)
    row, column = np.divmod(place, x.shape[3] + beyond[3][1])
    index = np.minimum(row, x.shape[2] - 1) * x.shape[3] + np.minimum(column, x.shape[3] - 1)
    return wide[:, :, rows][..., columns], index[:, :, rows][..., columns]


@mutant("max_pool2d")
def window_always_square(x: Any, kernel_size: Any, *options: Any, **named: Any) -> Any:
    """Columns beyond the height of the window are not looked at: kh is used for kw where it is smaller."""
    g = geometry(x, kernel_size, *options, **named)
    side = min(g.kernel_size)
    seen = windows(x, g, -np.inf)[..., :side]
    places = np.broadcast_to(positions(g)[..., :side], seen.shape).reshape(*seen.shape[:4], -1)
    flat = seen.reshape(places.shape)
    best = flat.argmax(-1)
    return flat.max(-1), np.take_along_axis(places, best[..., None], -1)[..., 0]


@changes("max_pool2d")
def pool_padding_of_rows_for_columns(padding: Any) -> Any:
    """The padding of the rows is used for the columns, too."""
    return {"padding": padding[0]}


@changes("max_pool2d")
def pool_padded_on_one_side(x: Any, padding: Any) -> Any:
    """All the padding is put above and to the left."""
    (ph, pw), (H, W) = padding, x.shape[2:]
    return {"x": np.pad(x, ((0, 0), (0, 0), (ph, 0), (pw, 0)), constant_values=-np.inf)[:, :, :H, :W]}


@changes("max_pool2d")
def pool_dilation_ignored() -> Any:
    """The window has no holes, whatever the dilation."""
    return {"dilation": 1}


@changes("max_pool2d")
def ceil_mode_ignored() -> Any:
    """The size is always rounded down; what is left over at the bottom and right is never seen."""
    return {"ceil_mode": False}


@mutant("max_pool2d")
def ceil_window_in_the_padding(x: Any, kernel_size: Any, stride: Any = None, padding: Any = 0, dilation: Any = 1,
                               ceil_mode: bool = False) -> Any:  # fmt: skip
    """In ceil mode a window that begins beyond the image and its left padding counts, although it sees nothing."""
    y, index = ours.max_pool2d(x, kernel_size, stride, padding, dilation, ceil_mode)
    g = geometry(x, kernel_size, stride, padding, dilation, ceil_mode)
    more = [(0, 0), (0, 0)]
    for size, step, edge, reach, windows_ in zip(g.input_size, g.stride, g.padding, g.reach, g.output_size,
                                                 strict=True):  # fmt: skip
        more.append((0, -(-(size + 2 * edge - reach) // step) + 1 - windows_ if ceil_mode else 0))
    return np.pad(y, more, constant_values=-np.inf), np.pad(index, more)


@changes("max_pool2d")
def nan_overlooked(x: Any) -> Any:
    """A comparison with NaN is false, so a NaN never wins."""
    return {"x": np.where(np.isnan(x), -np.inf, x)}


@spoils("max_pool2d")
def largest_magnitude(x: Any, again: Any) -> Any:
    """The pixel farthest from zero wins, −5 before 3."""
    _, index = again(x=np.abs(x))
    return gathered(x, index), index


@spoils("max_pool2d")
def negative_maxima_cut(y: Any, index: Any, /) -> Any:
    """The maximum starts at 0, which is right behind a ReLU only."""
    return np.maximum(y, 0), index


@spoils("max_pool2d")
def maximum_over_channels(x: Any, again: Any) -> Any:
    """The maximum is taken over the channels, too."""
    y, index = again(x=x.max(1, keepdims=True))
    return np.repeat(y, x.shape[1], 1), np.repeat(index, x.shape[1], 1)


@spoils("max_pool2d")
def maxima_always_double(y: Any, index: Any, /) -> Any:
    """The maxima are float64 whatever was given."""
    return y.astype(np.float64), index


@changes("max_pool2d")
def pooled_image_read_as_contiguous(x: Any) -> Any:
    """A Fortran-ordered image is read as if it were in C order."""
    fortran = x.flags.f_contiguous and not x.flags.c_contiguous
    return {"x": x.ravel(order="K").reshape(x.shape) if fortran else x}


@spoils("max_pool2d")
def winners_marked_in_the_image(y: Any, index: Any, /, x: Any) -> Any:
    """The winners are struck out in the caller's image, to find ties."""
    if x.flags.writeable:
        x[0, 0, 0, 0] = -np.inf
    return y, index
