"""Laws of unfold and fold, im2col and col2im: windows as columns, and columns back to pixels. Exact."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
from hypothesis import strategies as st

from minifcn.geometry import Geometry
from minifcn.testing.law import demand, equal, law, refuses
from minifcn.testing.operations import Operations
from minifcn.testing.strategies import (
    LAYOUTS,
    count,
    geometries,
    laid_out,
    layouts,
    seeds,
    shown,
    whole_numbers,
    window_in_words,
)
from minifcn.testing.unrolled import places, windows


@dataclass(frozen=True)
class Unfolding:
    """A window that slides, an image x, and columns y as x has them."""

    geometry: Geometry
    x: np.ndarray
    y: np.ndarray

    @property
    def window(self) -> dict[str, Any]:
        g = self.geometry
        return {"kernel_size": g.kernel_size, "dilation": g.dilation, "padding": g.padding, "stride": g.stride}

    def __str__(self) -> str:
        N, C, H, W = self.x.shape
        made = f"{count(N, 'image')} of {count(C, 'channel')} with {H}x{W} pixels, {window_in_words(self.geometry)}"
        return f"{made}\n{shown(x=self.x, y=self.y)}"


@st.composite
def unfoldings(draw: Any, layout: bool = False) -> Unfolding:
    """layout: in some memory layout."""
    g = draw(geometries(groups=1).filter(lambda g: 0 not in g.input_size))
    N, C, seed = draw(st.sampled_from([1, 2, 2])), draw(st.integers(1, 3)), draw(seeds())
    source = np.random.default_rng(seed) if seed else 0
    x = whole_numbers(source, (N, C, *g.input_size))
    y = whole_numbers(source, (N, C * g.taps, g.output_pixels))
    if layout:
        of_three = st.sampled_from([name for name in LAYOUTS if name != "transposed"])
        x, y = laid_out(x, draw(layouts())), laid_out(y, draw(of_three))
    return Unfolding(g, x, y)


def unfolded(ops: Operations, case: Unfolding, x: Any = None) -> np.ndarray:
    return ops.unfold(case.x if x is None else x, **case.window)


def folded(ops: Operations, case: Unfolding, y: Any = None) -> np.ndarray:
    return ops.fold(case.y if y is None else y, case.geometry.input_size, **case.window)


def in_columns(seen: np.ndarray) -> np.ndarray:
    """(N, C, OH, OW, KH, KW) -> (N, C·KH·KW, OH·OW)"""
    N, C, OH, OW, KH, KW = seen.shape
    return seen.transpose(0, 1, 4, 5, 2, 3).reshape(N, C * KH * KW, OH * OW)


# --- windows to columns -----------------------------------------------------------------------------------------------


@law("unfold", cases=unfoldings)
def a_column_is_a_window(ops: Operations, case: Unfolding) -> None:
    """Every window is a column: channel by channel, in each row by row; windows follow row by row, padding is 0.

    unfold(x)[n, (c·kh + k)·kw + l, i·OW + j] = x[n, c, i·s + k·d − p, j·s + l·d − p]
    """
    equal(unfolded(ops, case), in_columns(windows(case.x, case.geometry, 0)), "the columns")


@law("unfold", cases=unfoldings)
def a_window_of_one_pixel_is_that_pixel(ops: Operations, case: Unfolding) -> None:
    """With a 1x1 kernel nothing is repeated: every channel is a row of its pixels.

    unfold(x, (1, 1)) = x.reshape(N, C, H·W)
    """
    N, C, H, W = case.x.shape
    equal(ops.unfold(case.x, (1, 1)), case.x.reshape(N, C, H * W), "the columns")


@law("unfold", cases=unfoldings)
def a_nan_pixel_stays_in_its_columns(ops: Operations, case: Unfolding) -> None:
    """A NaN is found where its pixel was copied to, and nowhere else.

    isnan(unfold(x with NaN at q)) = (unfold(1 at q) = 1)
    """
    x, mark = case.x.copy(), np.zeros_like(case.x)
    q = (0, -1, case.x.shape[2] // 2, case.x.shape[3] // 2)
    x[q], mark[q] = np.nan, 1
    equal(np.isnan(unfolded(ops, case, x)), in_columns(windows(mark, case.geometry, 0)) == 1, "what is NaN")


@law("unfold", "conv2d", cases=unfoldings)
def a_convolution_is_a_product_with_the_columns(ops: Operations, case: Unfolding) -> None:
    """With windows laid out as columns, a convolution is one product of matrices.

    conv(x, w) = w.reshape(O, C·kh·kw) @ unfold(x), as (N, O, OH, OW)
    """
    g, C = case.geometry, case.x.shape[1]
    w = whole_numbers(7, (2, C, *g.kernel_size))
    y = ops.conv2d(case.x, w, stride=g.stride, padding=g.padding, dilation=g.dilation)
    equal(y.reshape(len(y), 2, g.output_pixels), w.reshape(2, C * g.taps) @ unfolded(ops, case), "the convolution")


# --- columns to pixels ------------------------------------------------------------------------------------------------


@law("fold", cases=unfoldings)
def folding_adds_at_the_pixels_of_the_window(ops: Operations, case: Unfolding) -> None:
    """Each number of a column is added at the pixel that stood there when windows were laid out: the transpose.

    ⟨fold(y), x⟩ = ⟨y, columns of x⟩ for x = 1, 2, 3, …
    """
    x = np.arange(1.0, case.x.size + 1).reshape(case.x.shape)
    made = folded(ops, case)
    demand(made.shape == x.shape, f"The result has shape {made.shape}, it should have {x.shape}.")
    equal((made * x).sum(), (case.y * in_columns(windows(x, case.geometry, 0))).sum(), "⟨fold(y), x⟩")


@law("fold", cases=unfoldings)
def folding_ones_counts_the_windows_over_each_pixel(ops: Operations, case: Unfolding) -> None:
    """Columns of ones make an image of how many windows see each pixel: 0 where the stride leaves one out.

    fold(1)[n, c, h, w] = #{(i, k): i·s + k·d − p = h} · #{(j, l): j·s + l·d − p = w}
    """
    g = case.geometry
    counts = [(places(g, a)[..., None] == np.arange(g.input_size[a])).sum((0, 1)) for a in (0, 1)]
    equal(folded(ops, case, np.ones_like(case.y)), np.broadcast_to(np.outer(*counts), case.x.shape), "the image")


@law("unfold", "fold", cases=unfoldings)
def folding_undoes_unfolding_up_to_the_counts(ops: Operations, case: Unfolding) -> None:
    """Unfolded and folded, a pixel is as many times what it was as there are windows over it.

    fold(unfold(x)) = x · fold(unfold(1))
    """
    there_and_back = folded(ops, case, unfolded(ops, case))
    counts = folded(ops, case, unfolded(ops, case, np.ones_like(case.x)))
    equal(there_and_back, case.x * counts, "fold(unfold(x))")


@law("fold", cases=unfoldings)
def a_nan_in_a_column_stays_at_its_pixel(ops: Operations, case: Unfolding) -> None:
    """A NaN in a column spoils the one pixel it is added to, or none if that is padding.

    isnan(fold(y with NaN at q)) = (fold(1 at q) = 1)
    """
    y, mark = case.y.copy(), np.zeros_like(case.y)
    y[0, -1, 0], mark[0, -1, 0] = np.nan, 1
    equal(np.isnan(folded(ops, case, y)), folded(ops, case, mark) == 1, "what is NaN")


@law("fold", cases=unfoldings)
def columns_that_do_not_fit_are_refused(ops: Operations, case: Unfolding) -> None:
    """A column too many or too few, or rows that do not divide into channels, is an error and not another image.

    fold(y with L ± 1 columns) and fold(y with C·kh·kw + 1 rows) are refused
    """
    more = np.concatenate([case.y, case.y[:, :, :1]], axis=2)
    refuses(partial(folded, ops, case, more), f"{more.shape[2]} columns where there are {case.y.shape[2]} windows")
    refuses(partial(folded, ops, case, case.y[:, :, 1:]), f"{case.y.shape[2] - 1} columns, one too few,")
    if case.geometry.taps > 1:
        longer = np.concatenate([case.y, case.y[:, :1]], axis=1)
        refuses(partial(folded, ops, case, longer), f"{longer.shape[1]} rows for windows of {case.geometry.taps}")


# --- manners ----------------------------------------------------------------------------------------------------------


@law("unfold", "fold", cases=unfoldings, layout=True)
def unfolding_minds_its_manners(ops: Operations, case: Unfolding) -> None:
    """Any memory layout will do, arguments are read and never written, results are copies in the dtype of what came.

    unfold(x) = unfold(copy of x), fold(y) = fold(copy of y), result.dtype = x.dtype, no element shared
    """
    x, y = case.x.copy(order="C"), case.y.copy(order="C")
    equal(unfolded(ops, case), in_columns(windows(x, case.geometry, 0)), "the columns")
    equal(folded(ops, case), folded(ops, replace(case, y=y)), "the image")
    equal(x, case.x, "the image afterwards")
    equal(y, case.y, "the columns afterwards")
    single = replace(case, x=x.astype(np.float32), y=y.astype(np.float32))
    pairs = {
        "unfold": (single.x, unfolded(ops, single)),
        "unfold of 1x1": (single.x, ops.unfold(single.x, 1)),
        "fold": (single.y, folded(ops, single)),
    }
    for what, (given, found) in pairs.items():
        demand(found.dtype == np.float32, f"The {what} of float32 is {found.dtype}.")
        demand(not np.shares_memory(found, given), f"The {what} shares memory with what was given.")
