"""Laws of max pooling: which pixel wins a window, and what a window is. All exact."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from hypothesis import strategies as st

from minifcn.arguments import Pair
from minifcn.geometry import Geometry
from minifcn.testing.law import demand, equal, law
from minifcn.testing.operations import Operations
from minifcn.testing.strategies import PoolOperands, pairs, pool_operands, window_in_words
from minifcn.testing.unrolled import gathered, places, positions, windows


def many_ties() -> st.SearchStrategy[PoolOperands]:
    """Few different values."""
    return pool_operands().map(lambda case: replace(case, x=np.floor(case.x / 8)))


def pooled(ops: Operations, case: PoolOperands, x: Any = None, **changed: Any) -> Any:
    """Maxima and indices of the case's x (or another), with its options changed where given."""
    return ops.max_pool2d(case.x if x is None else x, **{**case.max_options, **changed})


def one_for_each_window(ops: Operations, case: PoolOperands, x: Any = None) -> Any:
    """As `pooled`, and looked at: there must be a maximum and an index for each window."""
    y, index = pooled(ops, case, x)
    for what, found in {"maxima": y, "indices": index}.items():
        demand(found.shape == case.y.shape, f"The {what} have shape {found.shape}, the windows {case.y.shape}.")
    return y, index


def framed(x: np.ndarray, g: Geometry, more: Pair = (0, 0)) -> np.ndarray:
    """x with −∞ in the place of its padding, and `more` of it at the bottom and right."""
    (ph, pw), (bottom, right) = g.padding, more
    return np.pad(x, ((0, 0), (0, 0), (ph, ph + bottom), (pw, pw + right)), constant_values=-np.inf)


# --- the winner -------------------------------------------------------------------------------------------------------


@law("max_pool2d", cases=pool_operands)
def every_maximum_stands_in_its_window(ops: Operations, case: PoolOperands) -> None:
    """Each result is a pixel of its window, and its index says which, counted row by row through the whole image.

    y[n, c, i, j] = x[n, c, row, column] with index = row·W + column, row = i·s + k·d − p, column = j·s + l·d − p
    """
    y, index = one_for_each_window(ops, case)
    met = (positions(case.geometry) == index[..., None, None]).any((4, 5))
    equal(met, np.ones_like(met), "whether the index is one of its window")
    equal(gathered(case.x, index), y, "the image at the indices")


@law("max_pool2d", cases=pool_operands)
def no_pixel_of_a_window_is_larger(ops: Operations, case: PoolOperands) -> None:
    """A maximum is at least as large as every pixel of its window.

    y[n, c, i, j] ≥ x[n, c, i·s + k·d − p, j·s + l·d − p] for all taps (k, l)
    """
    y, _ = one_for_each_window(ops, case)
    equal(y, np.maximum(y, windows(case.x, case.geometry, -np.inf).max((4, 5))))


@law("max_pool2d", cases=many_ties)
def the_first_of_equal_pixels_wins(ops: Operations, case: PoolOperands) -> None:
    """Where several pixels of a window are equally large, the index is that of the first one, row by row.

    index[n, c, i, j] = the smallest row·W + column in the window with x[n, c, row, column] = y[n, c, i, j]
    """
    y, index = one_for_each_window(ops, case)
    level = windows(case.x, case.geometry, -np.inf) == y[..., None, None]
    first = np.where(level, positions(case.geometry), case.x.size).min((4, 5))
    equal(index, first, "the index")


@law("max_pool2d", cases=pool_operands)
def in_an_even_image_the_first_pixel_of_each_window_wins(ops: Operations, case: PoolOperands) -> None:
    """If all pixels are equal, even all −∞, each window's first pixel wins; padding never does.

    x = a everywhere  ⟹  y = a, index[i, j] = row·W + column with the smallest row = i·s + k·d − p ≥ 0, column likewise
    """
    g = case.geometry
    row, column = (np.where(p >= 0, p, p.max()).min(1) for p in (places(g, 0), places(g, 1)))
    for value in (-np.inf, -7.0, np.inf):
        y, index = one_for_each_window(ops, case, np.full_like(case.x, value))
        equal(y, np.full_like(case.y, value), f"the maximum of an image that is {value} everywhere")
        first = row[:, None] * g.input_size[1] + column
        equal(index, np.broadcast_to(first, index.shape), f"the index in an image that is {value} everywhere")


@law("max_pool2d", cases=pool_operands)
def it_commutes_with_increasing_maps(ops: Operations, case: PoolOperands) -> None:
    """A map that keeps the order of numbers may be applied before or after: the same pixels win.

    max_pool(f(x)) = f(max_pool(x)), with the same indices, for every increasing f; here f(x) = x·|x| − 5
    """
    y, index = pooled(ops, case)
    mapped, same = pooled(ops, case, case.x * np.abs(case.x) - 5)
    equal(mapped, y * np.abs(y) - 5)
    equal(same, index, "the index")


@law("max_pool2d", cases=pool_operands)
def nan_wins_its_windows(ops: Operations, case: PoolOperands) -> None:
    """A NaN is never overlooked: it wins the windows that see it, and no other.

    isnan(y) where the window sees the NaN, with its index; as without it elsewhere
    """
    g, broken = case.geometry, case.x.copy()
    spot = broken[0, -1].size // 2
    broken[0, -1].flat[spot] = np.nan
    sees = np.zeros(case.y.shape, bool)
    sees[0, -1] = (positions(g)[0, 0] == spot).any((2, 3))
    y, index = one_for_each_window(ops, case, broken)
    plain, winners = one_for_each_window(ops, case)
    equal(y, np.where(sees, np.nan, plain))
    equal(index, np.where(sees, spot, winners), "the index")


# --- the window -------------------------------------------------------------------------------------------------------


@law("max_pool2d", cases=pool_operands, ceil_mode=False)
def padding_is_minus_infinity(ops: Operations, case: PoolOperands) -> None:
    """Padding counts as −∞, below every pixel; padded with zeros, a negative image would lose to its padding.

    max_pool(x, padding=p) = max_pool(x framed by p places of −∞)
    """
    y, _ = pooled(ops, case)
    equal(y, pooled(ops, case, framed(case.x, case.geometry), padding=0)[0])


@law("max_pool2d", cases=pool_operands, ceil_mode=True)
def ceil_mode_extends_the_image(ops: Operations, case: PoolOperands) -> None:
    """In ceil mode a last window may hang over the edge, but must begin inside the image or its left padding.

    max_pool(x, ceil_mode) = max_pool(x extended by −∞, s − 1 places beyond the padding), less windows with i·s ≥ H + p
    """
    g = case.geometry
    (sh, sw), (ph, pw), (H, W) = g.stride, g.padding, g.input_size
    all_of_them, _ = pooled(ops, case, framed(case.x, g, (sh - 1, sw - 1)), padding=0, ceil_mode=False)
    equal(pooled(ops, case)[0], all_of_them[:, :, : -(-(H + ph) // sh), : -(-(W + pw) // sw)])


@law("max_pool2d", cases=pool_operands, ceil_mode=False)
def a_pool_stride_leaves_out_windows(ops: Operations, case: PoolOperands) -> None:
    """A stride keeps every s-th window of the dense pooling, with the same winners.

    max_pool(x, stride=s) = max_pool(x, stride=1)[::s_h, ::s_w]
    """
    sh, sw = case.geometry.stride
    kept, dense = pooled(ops, case), pooled(ops, case, stride=1)
    equal(kept[0], dense[0][:, :, ::sh, ::sw])
    equal(kept[1], dense[1][:, :, ::sh, ::sw], "the index")


@law("max_pool2d", cases=pool_operands)
def windows_lie_side_by_side_by_default(ops: Operations, case: PoolOperands) -> None:
    """Without a stride the kernel size is the stride.

    max_pool(x, k) = max_pool(x, k, stride=k)
    """
    options = {name: value for name, value in case.max_options.items() if name != "stride"}
    equal(ops.max_pool2d(case.x, **options)[0], pooled(ops, case, stride=case.geometry.kernel_size)[0])


@law("max_pool2d", cases=pool_operands, ceil_mode=False)
def a_dilated_window_sees_every_other_pixel(ops: Operations, case: PoolOperands) -> None:
    """A dilated window stays within one of the d·d images made of every d-th pixel, and pools that one densely.

    max_pool(x, dilation=d)[a::d, b::d] = max_pool(x[a::d, b::d])   for stride 1, without padding
    """
    (dh, dw), x = case.geometry.dilation, framed(case.x, case.geometry)
    y, _ = pooled(ops, case, x, padding=0, stride=1)
    for a, b in np.ndindex(min(dh, y.shape[2]), min(dw, y.shape[3])):
        thinned, _ = pooled(ops, case, x[:, :, a::dh, b::dw], padding=0, stride=1, dilation=1)
        equal(y[:, :, a::dh, b::dw], thinned, f"every {(dh, dw)}-th result from {(a, b)} on")


@law("max_pool2d", cases=pool_operands)
def planes_are_pooled_one_by_one(ops: Operations, case: PoolOperands) -> None:
    """Every channel of every image is pooled by itself.

    max_pool(x)[n, c] = max_pool(x[n, c]), and so are the indices
    """
    y, index = one_for_each_window(ops, case)
    for n, c in np.ndindex(*case.x.shape[:2]):
        alone, where = pooled(ops, case, case.x[n : n + 1, c : c + 1])
        equal(y[n, c], alone[0, 0], f"channel {c} of image {n}")
        equal(index[n, c], where[0, 0], f"the index in channel {c} of image {n}")


@dataclass(frozen=True)
class Spot:
    """A black image with one bright pixel."""

    geometry: Geometry
    at: Pair

    def __str__(self) -> str:
        H, W = self.geometry.input_size
        return f"an image of {H}x{W} zeros with a 1 at {list(self.at)}, {window_in_words(self.geometry)}"


@st.composite
def spots(draw: Any) -> Spot:
    """Large images and windows: more than 256 pixels in both, where a byte is too small for a position."""
    size = draw(pairs(17, 24))
    kernel = size if draw(st.booleans()) else tuple(n - draw(st.integers(0, n - 1)) for n in size)
    at = (size[0] - 1 - draw(st.integers(0, size[0] - 1)), size[1] - 1 - draw(st.integers(0, size[1] - 1)))
    return Spot(Geometry.of_pooling(size, kernel, draw(pairs(1, 16))), at)


@law("max_pool2d", cases=spots)
def a_bright_pixel_is_found_however_large_the_window(ops: Operations, case: Spot) -> None:
    """One bright pixel wins every window that sees it, however many pixels there are, and no other.

    x = 1 at (row, column), 0 elsewhere  ⟹  y = 1 with index row·W + column where the window covers it, else y = 0
    """
    g, (row, column) = case.geometry, case.at
    x = np.zeros((1, 1, *g.input_size))
    x[0, 0, row, column] = 1
    y, index = ops.max_pool2d(x, g.kernel_size, g.stride)
    sees = (places(g, 0) == row).any(1)[:, None] & (places(g, 1) == column).any(1)
    equal(y[0, 0], sees.astype(float))
    equal(index[0, 0][sees], np.full(sees.sum(), row * g.input_size[1] + column), "the index where it is seen")
