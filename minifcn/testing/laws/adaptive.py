"""Laws of adaptive pooling: windows that follow from the size that is asked for."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from hypothesis import strategies as st

from minifcn.arguments import Pair
from minifcn.testing.law import close, demand, equal, law
from minifcn.testing.operations import Operations
from minifcn.testing.strategies import count, distinct, laid_out, layouts, pairs, seeds, shown, whole_numbers


@dataclass(frozen=True)
class Adaptive:
    """An image, and what the result receives: it has the size that is asked for."""

    x: np.ndarray
    y: np.ndarray

    @property
    def size(self) -> Pair:
        return self.y.shape[2], self.y.shape[3]

    def seen(self, i: int, j: int) -> tuple[Any, ...]:
        """The pixels that window (i, j) sees: ⌊i·H/OH⌋ to ⌈(i + 1)·H/OH⌉, and so for the columns."""
        parts = []
        for axis, at in enumerate((i, j)):
            n, made = self.x.shape[2 + axis], self.size[axis]
            parts.append(slice(at * n // made, -(-(at + 1) * n // made)))
        return (..., *parts)

    def __str__(self) -> str:
        N, C, H, W = self.x.shape
        made = f"{count(N, 'image')} of {count(C, 'channel')} with {H}x{W} pixels, into {self.size[0]}x{self.size[1]}"
        return f"{made} windows\n{shown(x=self.x, y=self.y)}"


@st.composite
def adaptives(draw: Any, layout: bool = False) -> Adaptive:
    """Sizes that divide, that leave remainders, and that are larger than the image; numbers with ties and without."""
    before, after = draw(pairs(1, 7)), draw(pairs(1, 5))
    planes, seed = (draw(st.sampled_from([1, 2])), draw(st.integers(1, 2))), draw(seeds())
    x = whole_numbers(seed, (*planes, *before)) if draw(st.booleans()) else distinct(seed, (*planes, *before), 1.0)
    x = x - draw(st.sampled_from([0.0, 20.0]))  # all negative: a 0 that leaks in would win
    y = whole_numbers(seed, (*planes, *after))
    if layout:
        x, y = laid_out(x, draw(layouts())), laid_out(y, draw(layouts()))
    return Adaptive(x, y)


def means(ops: Operations, case: Adaptive, x: Any = None) -> np.ndarray:
    return ops.adaptive_avg_pool2d(case.x if x is None else x, case.size)


def received(ops: Operations, case: Adaptive, y: Any = None) -> np.ndarray:
    """What x receives from the cotangent y."""
    return ops.adaptive_avg_pool2d_backward(case.y if y is None else y, case.x, case.size)


# --- the mean ---------------------------------------------------------------------------------------------------------


@law("adaptive_avg_pool2d", cases=adaptives)
def an_adaptive_mean_is_that_of_its_window(ops: Operations, case: Adaptive) -> None:
    """The image is cut into as many equal parts as are wanted; a result is the mean of the pixels its part touches.

    y[i, j] = mean of x[h, w] over ⌊i·H/OH⌋ ≤ h < ⌈(i + 1)·H/OH⌉, ⌊j·W/OW⌋ ≤ w < ⌈(j + 1)·W/OW⌉
    """
    expected = np.empty_like(case.y)
    for i, j in np.ndindex(*case.size):
        expected[:, :, i, j] = case.x[case.seen(i, j)].mean((2, 3))
    close(means(ops, case), expected)


@law("adaptive_avg_pool2d", cases=adaptives)
def as_many_windows_as_pixels_keep_the_image(ops: Operations, case: Adaptive) -> None:
    """Asked for the size that it has, the image comes back.

    adaptive_avg_pool(x, (H, W)) = x
    """
    equal(ops.adaptive_avg_pool2d(case.x, case.x.shape[2:]), case.x)


@law("adaptive_avg_pool2d", "avg_pool2d", cases=adaptives)
def where_the_size_divides_it_is_a_plain_average(ops: Operations, case: Adaptive) -> None:
    """Windows side by side of one size: the pooling with a kernel of H/OH rows and W/OW columns.

    adaptive_avg_pool(x, (H/a, W/b)) = avg_pool(x, (a, b)), for an image of whole windows
    """
    a, b = case.size
    tiles = np.tile(case.x, (1, 1, a, b))
    close(ops.adaptive_avg_pool2d(tiles, case.x.shape[2:]), ops.avg_pool2d(tiles, (a, b)))


@law("adaptive_avg_pool2d", cases=adaptives)
def nan_spoils_the_adaptive_means_that_contain_it(ops: Operations, case: Adaptive) -> None:
    """A NaN spoils the windows that see it, and no other.

    isnan(adaptive_avg_pool(x with NaN at q))[i, j] = (q in window (i, j))
    """
    q = (0, -1, case.x.shape[2] // 2, case.x.shape[3] // 2)
    x, expected = case.x.copy(), np.zeros(case.y.shape, bool)
    x[q] = np.nan
    for i, j in np.ndindex(*case.size):
        expected[:, :, i, j] = np.isnan(x[case.seen(i, j)]).any((2, 3))
    equal(np.isnan(means(ops, case, x)), expected, "what is NaN")


# --- its gradient -----------------------------------------------------------------------------------------------------


@law("adaptive_avg_pool2d_backward", cases=adaptives)
def an_adaptive_window_shares_out_what_it_receives(ops: Operations, case: Adaptive) -> None:
    """Each window divides what it receives equally among its pixels; where windows overlap the shares add up.

    ∂x[h, w] = Σ over the windows (i, j) that see (h, w) of y[i, j] / (pixels of window (i, j))
    """
    expected = np.zeros_like(case.x)
    for i, j in np.ndindex(*case.size):
        pixels = expected[case.seen(i, j)]
        pixels += case.y[:, :, i, j, None, None] / pixels[0, 0].size
    close(received(ops, case), expected, "the gradient")


@law("adaptive_avg_pool2d", "adaptive_avg_pool2d_backward", cases=adaptives)
def the_adaptive_gradient_is_the_transpose(ops: Operations, case: Adaptive) -> None:
    """The mean is linear, so its gradient is its transpose.

    ⟨adaptive_avg_pool(x), y⟩ = ⟨x, ∂x(y)⟩
    """
    found = received(ops, case)
    demand(found.shape == case.x.shape, f"The gradient has shape {found.shape}, the image {case.x.shape}.")
    close((case.x * found).sum(), (means(ops, case) * case.y).sum(), "⟨x, ∂x(y)⟩", atol=1e-8)


@law("adaptive_avg_pool2d_backward", cases=adaptives)
def a_nan_stays_in_its_adaptive_window(ops: Operations, case: Adaptive) -> None:
    """A window that receives NaN spoils its own pixels and no other.

    isnan(∂x(y with NaN at (0, 0)))[h, w] = ((h, w) in window (0, 0))
    """
    y, expected = case.y.copy(), np.zeros(case.x.shape, bool)
    y[0, 0, 0, 0] = np.nan
    expected[0, 0][case.seen(0, 0)] = True
    equal(np.isnan(received(ops, case, y)), expected, "what is NaN")


# --- the maximum ------------------------------------------------------------------------------------------------------


@law("adaptive_max_pool2d", cases=adaptives)
def an_adaptive_maximum_is_that_of_its_window(ops: Operations, case: Adaptive) -> None:
    """The windows are those of the adaptive mean; a result is the largest pixel there, or NaN if one is.

    y[i, j] = max of x[h, w] over ⌊i·H/OH⌋ ≤ h < ⌈(i + 1)·H/OH⌉, ⌊j·W/OW⌋ ≤ w < ⌈(j + 1)·W/OW⌉
    """
    spoilt = case.x.copy()
    spoilt[0, 0, -1, 0] = np.nan
    for x in (case.x, spoilt):
        expected = np.empty_like(case.y)
        for i, j in np.ndindex(*case.size):
            expected[:, :, i, j] = x[case.seen(i, j)].max((2, 3))
        equal(ops.adaptive_max_pool2d(x, case.size), expected)


# --- manners ----------------------------------------------------------------------------------------------------------


@law("adaptive_avg_pool2d", "adaptive_avg_pool2d_backward", "adaptive_max_pool2d", cases=adaptives, layout=True)
def adaptive_pooling_minds_its_manners(ops: Operations, case: Adaptive) -> None:
    """Any memory layout will do, arguments are read and never written, results have the dtype of the image.

    adaptive_pool(x) = adaptive_pool(copy of x), result.dtype = x.dtype, no element shared
    """
    copies = replace(case, x=case.x.copy(order="C"), y=case.y.copy(order="C"))
    close(means(ops, case), means(ops, copies))
    close(received(ops, case), received(ops, copies), "the gradient")
    maxima = ops.adaptive_max_pool2d(case.x, case.size)
    equal(maxima, ops.adaptive_max_pool2d(copies.x, case.size), "the maximum")
    equal(copies.x, case.x, "the image afterwards")
    equal(copies.y, case.y, "what came in, afterwards,")
    x = case.x.astype(np.float32)
    single = replace(case, x=x, y=case.y.astype(np.float32))
    results = {
        "mean": means(ops, single),
        "mean of the same size": ops.adaptive_avg_pool2d(x, x.shape[2:]),
        "gradient": received(ops, single),
        "maximum": ops.adaptive_max_pool2d(x, case.size),
    }
    for what, found in results.items():
        demand(found.dtype == np.float32, f"The {what} of float32 is {found.dtype}.")
        demand(not np.shares_memory(found, x), f"The {what} shares memory with the image.")
