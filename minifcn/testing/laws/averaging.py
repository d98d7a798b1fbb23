"""Laws of average pooling and of its gradient. Sums are exact, quotients close."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from hypothesis import strategies as st

from minifcn.testing.law import close, demand, equal, law
from minifcn.testing.operations import Operations
from minifcn.testing.strategies import PoolOperands, laid_out, layouts, pool_operands
from minifcn.testing.unrolled import places, taps_inside


@dataclass(frozen=True)
class Averaging(PoolOperands):
    """A pooling that takes means."""

    count_include_pad: bool

    @property
    def average_options(self) -> dict[str, Any]:
        return {**self.options, "count_include_pad": self.count_include_pad}

    def __str__(self) -> str:
        first, _, rest = super().__str__().partition("\n")
        return f"{first}, padding {'counted' if self.count_include_pad else 'not counted'}\n{rest}"


@st.composite
def averagings(draw: Any, include: bool | None = None, ceil_mode: bool | None = None, layout: bool = False) -> Any:
    """Means in each mode. include: count_include_pad, None draws either; layout: in some memory layout."""
    case = draw(pool_operands(dilated=False, ties=True, ceil_mode=ceil_mode))
    x, y = (laid_out(a, draw(layouts())) if layout else a for a in (case.x, case.y))
    return Averaging(case.geometry, case.ceil_mode, x, y, draw(st.booleans()) if include is None else include)


def means(ops: Operations, case: Averaging, x: Any = None, **changed: Any) -> np.ndarray:
    return ops.avg_pool2d(case.x if x is None else x, **{**case.average_options, **changed})


def received(ops: Operations, case: Averaging, y: Any = None, x: Any = None) -> np.ndarray:
    """What x receives from the cotangent y."""
    return ops.avg_pool2d_backward(case.y if y is None else y, case.x if x is None else x, **case.average_options)


# --- the mean ---------------------------------------------------------------------------------------------------------


@law("avg_pool2d", "conv2d", cases=averagings, include=True, ceil_mode=False)
def an_average_is_a_convolution_of_each_channel(ops: Operations, case: Averaging) -> None:
    """A mean weighs each pixel of the window with one part in kh·kw: a convolution, one channel at a time.

    avg_pool(x) = conv(x, w, groups=C) with w = 1 / (kh·kw) everywhere
    """
    g, C = case.geometry, case.x.shape[1]
    sums = ops.conv2d(case.x, np.ones((C, 1, *g.kernel_size)), None, g.stride, g.padding, 1, C)
    close(means(ops, case), sums / g.taps)


@law("avg_pool2d", cases=averagings, include=False)
def a_constant_stays_constant(ops: Operations, case: Averaging) -> None:
    """The mean of equal numbers is that number, at the border too if padding is not counted.

    avg_pool(a, count_include_pad=False) = a
    """
    close(means(ops, case, np.full_like(case.x, 6)), np.full_like(case.y, 6))


@law("avg_pool2d", cases=averagings, include=True)
def padding_counts_as_zeros(ops: Operations, case: Averaging) -> None:
    """By default padding counts as zeros of the mean; what a window shows beyond the padding in ceil mode never counts.

    avg_pool(1)[i, j] = (rows · columns inside the image) / (rows · columns inside the image and its padding)
    """
    g = case.geometry
    share = taps_inside(g) / taps_inside(g, g.padding)
    close(means(ops, case, np.ones_like(case.x)), np.broadcast_to(share, case.y.shape), "the share of the image")


@law("avg_pool2d", cases=averagings)
def the_modes_differ_in_the_divisor_only(ops: Operations, case: Averaging) -> None:
    """Whatever counts, the pixels that are summed are the same: means differ as the means of an image of ones do.

    avg_pool(x) / avg_pool(1) = avg_pool'(x) / avg_pool'(1), for any two ways of counting
    """
    ones = np.ones_like(case.x)
    simple = {"count_include_pad": False, "ceil_mode": False}
    y, of_ones = means(ops, case, **simple), means(ops, case, ones, **simple)
    H, W = y.shape[2:]
    close(
        means(ops, case)[:, :, :H, :W] * of_ones, y * means(ops, case, ones)[:, :, :H, :W], "avg_pool(x)·avg_pool'(1)"
    )


@law("avg_pool2d", cases=averagings)
def averaging_is_linear(ops: Operations, case: Averaging) -> None:
    """The mean of a sum is the sum of the means.

    avg_pool(2·x − 3·x') = 2·avg_pool(x) − 3·avg_pool(x')
    """
    x, other = case.x, case.x[..., ::-1, ::-1] + 1
    close(means(ops, case, 2 * x - 3 * other), 2 * means(ops, case) - 3 * means(ops, case, other))


@law("avg_pool2d", cases=averagings)
def windows_side_by_side_keep_the_sum(ops: Operations, case: Averaging) -> None:
    """Windows that lie side by side, as they do without a stride, see every pixel once: the sum is conserved.

    kh·kw · Σ avg_pool(x, k) = Σ x, for an image of whole windows
    """
    (KH, KW), x = case.geometry.kernel_size, case.x
    tiles = np.tile(x, (1, 1, KH, KW))
    y = ops.avg_pool2d(tiles, case.geometry.kernel_size)
    demand(y.shape == x.shape, f"The result has shape {y.shape}, there are {x.shape} windows.")
    close(KH * KW * y.sum((2, 3)), tiles.sum((2, 3)), "the sum")


@law("avg_pool2d", cases=averagings, ceil_mode=False)
def an_average_stride_leaves_out_windows(ops: Operations, case: Averaging) -> None:
    """A stride keeps every s-th window of the dense pooling.

    avg_pool(x, stride=s) = avg_pool(x, stride=1)[::s_h, ::s_w]
    """
    sh, sw = case.geometry.stride
    close(means(ops, case), means(ops, case, stride=1)[:, :, ::sh, ::sw])


@law("avg_pool2d", cases=averagings)
def planes_are_averaged_one_by_one(ops: Operations, case: Averaging) -> None:
    """Every channel of every image is averaged by itself.

    avg_pool(x)[n, c] = avg_pool(x[n, c])
    """
    y = means(ops, case)
    for n, c in np.ndindex(*case.x.shape[:2]):
        close(y[n, c], means(ops, case, case.x[n : n + 1, c : c + 1])[0, 0], f"channel {c} of image {n}")


@law("avg_pool2d", cases=averagings)
def nan_spoils_the_means_that_contain_it(ops: Operations, case: Averaging) -> None:
    """A NaN spoils the means of the windows that see it, and no other; neither does an infinity.

    isnan(avg_pool(x with NaN at q)) = (avg_pool(1 at q) > 0), isinf(avg_pool(x with ∞ at q)) likewise
    """
    row, column = (n // 2 for n in case.geometry.input_size)
    mark = np.zeros_like(case.x)
    mark[0, 0, row, column] = 1
    seen = means(ops, case, mark) > 0
    for value, is_it in ((np.nan, np.isnan), (np.inf, np.isposinf)):
        broken = case.x.copy()
        broken[0, 0, row, column] = value
        y = means(ops, case, broken)
        equal(is_it(y), seen, f"what is {value}")
        equal(np.isfinite(y), ~seen, "what is finite")


# --- the gradient -----------------------------------------------------------------------------------------------------


@law("avg_pool2d", "avg_pool2d_backward", cases=averagings)
def the_average_gradient_is_the_transpose(ops: Operations, case: Averaging) -> None:
    """Averaging is linear, so its gradient is its transpose: the same shares, read the other way.

    ⟨avg_pool(x), y⟩ = ⟨x, ∂x(y)⟩
    """
    found = received(ops, case)
    demand(found.shape == case.x.shape, f"The gradient has shape {found.shape}, the image {case.x.shape}.")
    close((case.x * found).sum(), (means(ops, case) * case.y).sum(), "⟨x, ∂x(y)⟩", atol=1e-8)


@law("avg_pool2d_backward", cases=averagings, include=False)
def every_window_hands_on_all_it_receives(ops: Operations, case: Averaging) -> None:
    """Each window divides what it receives among its pixels, all of it if padding is not counted.

    Σ ∂x = Σ y for count_include_pad=False
    """
    close(received(ops, case).sum((2, 3)), case.y.sum((2, 3)), "the sum of what the pixels receive")


@law("avg_pool2d_backward", cases=averagings)
def all_pixels_of_a_window_receive_the_same(ops: Operations, case: Averaging) -> None:
    """If one window receives something, its pixels receive equal shares of it, and the others nothing.

    y = 1 at (i, j)  ⟹  ∂x is one positive number in the window (i, j), zero elsewhere
    """
    g, y = case.geometry, np.zeros_like(case.y)
    i, j = (n // 2 for n in g.output_size)
    y[-1, -1, i, j] = 1
    found = received(ops, case, y)
    rows, columns = (np.isin(np.arange(g.input_size[a]), places(g, a)[at]) for a, at in ((0, i), (1, j)))
    window = np.zeros(case.x.shape, bool)
    window[-1, -1] = np.outer(rows, columns)
    share = found.max()
    demand(share > 0, f"The window at {[i, j]} received 1, its pixels {share}.")
    close(found, np.where(window, share, 0), "the gradient")


@law("avg_pool2d_backward", cases=averagings)
def a_nan_gradient_stays_in_its_window(ops: Operations, case: Averaging) -> None:
    """A window that receives NaN spoils its own pixels and no other.

    isnan(∂x(y with NaN at (i, j))) = (∂x(1 at (i, j)) > 0)
    """
    y, mark = case.y.copy(), np.zeros_like(case.y)
    y[0, 0, -1, 0], mark[0, 0, -1, 0] = np.nan, 1
    equal(np.isnan(received(ops, case, y)), received(ops, case, mark) > 0, "what is NaN")


# --- manners ----------------------------------------------------------------------------------------------------------


@law("avg_pool2d", "avg_pool2d_backward", cases=averagings)
def averaging_leaves_its_arguments_alone(ops: Operations, case: Averaging) -> None:
    """Arguments are read, never written; the results have the dtype of the image, and memory of their own.

    after avg_pool(x) and its gradient: x and y unchanged, result.dtype = x.dtype, no element shared
    """
    for dtype in (np.float64, np.float32):
        x, y = case.x.astype(dtype), case.y.astype(dtype)
        every = {
            "mean": means(ops, case, x),
            "mean of 1x1": ops.avg_pool2d(x, 1),
            "gradient": received(ops, case, y, x),
        }
        for what, found in every.items():
            demand(found.dtype == dtype, f"The {what} of {np.dtype(dtype)} came out as {found.dtype}.")
            shared = np.shares_memory(found, x) or np.shares_memory(found, y)
            demand(not shared, f"The {what} shares memory with an argument.")
        equal(x, case.x, "the image afterwards")
        equal(y, case.y, "what the windows received, afterwards,")


@law("avg_pool2d", "avg_pool2d_backward", cases=averagings, layout=True)
def averaging_reads_any_memory_layout(ops: Operations, case: Averaging) -> None:
    """An array that is transposed, reversed, read-only or skips elements in memory counts as its values.

    avg_pool(x) = avg_pool(copy of x), and so for the gradient
    """
    x, y = case.x.copy(order="C"), case.y.copy(order="C")
    close(means(ops, case), means(ops, case, x))
    close(received(ops, case), received(ops, case, y, x), "the gradient")
