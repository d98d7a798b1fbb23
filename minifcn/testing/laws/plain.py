"""Laws of the simplest case: the window moves pixel by pixel, and there is no padding, no dilation, no option at all.

Whoever writes an operation writes this part first, so it is asked first, and alone: what is broken here has nothing to
do with strides. Whole numbers, all exact.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import strategies as st

from minifcn.geometry import Geometry
from minifcn.testing.law import demand, equal, law
from minifcn.testing.laws.sizes import Sliding, of_some_pixels
from minifcn.testing.laws.unfolding import Unfolding, unfoldings
from minifcn.testing.operations import Operations
from minifcn.testing.strategies import ConvOperands, conv_operands, keeping_default, pairs

OPTIONS = ("stride", "padding", "dilation", "groups", "output_padding")


@st.composite
def plain(draw: Any, cases: st.SearchStrategy[Any]) -> Any:
    with keeping_default(OPTIONS):
        return draw(cases)


def windows() -> st.SearchStrategy[Sliding]:
    return plain(of_some_pixels())


def columns() -> st.SearchStrategy[Unfolding]:
    return plain(unfoldings())


def operands() -> st.SearchStrategy[ConvOperands]:
    """Square kernels as often as others: one that is transposed is seen by them alone."""
    return st.one_of(plain(conv_operands()), plain(conv_operands(square_kernels())))


@st.composite
def square_kernels(draw: Any) -> Geometry:
    k, more = draw(st.integers(2, 3)), draw(pairs(0, 2))
    return Geometry.of_convolution((k + more[0], k + more[1]), (k, k), 1, 0, 1, 1)


@law("conv_output_size", cases=windows)
def a_window_begins_at_every_pixel_but_the_last_few(ops: Operations, case: Sliding) -> None:
    """Moved pixel by pixel, a window may begin anywhere but at the last k − 1 pixels.

    size(H, k) = H − k + 1
    """
    (H, W), (KH, KW) = case.geometry.input_size, case.geometry.kernel_size
    equal(ops.conv_output_size((H, W), (KH, KW)), (H - KH + 1, W - KW + 1), "the size")


@law("conv_transpose_output_size", cases=windows)
def the_last_pixel_adds_a_whole_stamp(ops: Operations, case: Sliding) -> None:
    """Stamped pixel by pixel, every pixel begins a row of the result, and the last stamp has k − 1 rows more.

    size_T(h, k) = h + k − 1
    """
    (h, w), (KH, KW) = case.geometry.output_size, case.geometry.kernel_size
    equal(ops.conv_transpose_output_size((h, w), (KH, KW)), (h + KH - 1, w + KW - 1), "the size")


@law("unfold", cases=columns)
def neighbouring_windows_become_columns(ops: Operations, case: Unfolding) -> None:
    """Moved pixel by pixel: each window, channel by channel and row by row, is a column; windows go row by row.

    unfold(x, k)[n, :, i·OW + j] = flatten(x[n, :, i:i+kh, j:j+kw])
    """
    (KH, KW), (OH, OW), x = case.geometry.kernel_size, case.geometry.output_size, case.x
    taken = [x[:, :, i : i + KH, j : j + KW].reshape(len(x), -1) for i, j in np.ndindex(OH, OW)]
    equal(ops.unfold(x, (KH, KW)), np.stack(taken, 2), "the columns")


@law("fold", cases=columns)
def columns_are_added_where_neighbouring_windows_were(ops: Operations, case: Unfolding) -> None:
    """Moved pixel by pixel: each column is added where its window was, the sum stays where windows overlap.

    fold(y, (H, W), k) = Σ y[:, :, i·OW + j] at rows i to i + kh − 1 and columns j to j + kw − 1
    """
    g, made = case.geometry, np.zeros_like(case.x)
    (KH, KW), (OH, OW) = g.kernel_size, g.output_size
    for i, j in np.ndindex(OH, OW):
        made[:, :, i : i + KH, j : j + KW] += case.y[:, :, i * OW + j].reshape(*made.shape[:2], KH, KW)
    equal(ops.fold(case.y, g.input_size, (KH, KW)), made, "the image")


@law("conv2d", cases=operands)
def a_result_is_a_window_times_the_kernel(ops: Operations, case: ConvOperands) -> None:
    """Moved pixel by pixel: the window and the kernel are multiplied number by number, and all is added up.

    y[n, o, i, j] = Σ x[n, :, i:i+kh, j:j+kw] · w[o]
    """
    x, w = case.x, case.weight
    (KH, KW), made = w.shape[2:], np.zeros_like(case.y)
    for i, j in np.ndindex(*made.shape[2:]):
        made[:, :, i, j] = np.einsum("nckl,ockl->no", x[:, :, i : i + KH, j : j + KW], w)
    equal(ops.conv2d(x, w), made)


@law("conv_transpose2d", cases=operands)
def neighbouring_stamps_are_added(ops: Operations, case: ConvOperands) -> None:
    """Stamped pixel by pixel: every pixel times the kernel is added where the pixel is, overlaps and all.

    convᵀ(y, w) = Σ y[n, o, i, j] · w[o] at rows i to i + kh − 1 and columns j to j + kw − 1
    """
    y, w, made = case.y, case.weight, np.zeros_like(case.x)
    KH, KW = w.shape[2:]
    for i, j in np.ndindex(*y.shape[2:]):
        made[:, :, i : i + KH, j : j + KW] += np.einsum("no,ockl->nckl", y[:, :, i, j], w)
    equal(ops.conv_transpose2d(y, w), made)


@law("convolution_matrix", cases=operands)
def a_row_is_a_kernel_among_zeros(ops: Operations, case: ConvOperands) -> None:
    """Moved pixel by pixel: the row of a result is an image of zeros with the kernel where its window is.

    C[(o·OH + i)·OW + j] = flatten(zeros (C, H, W) with w[o] at rows i to i + kh − 1 and columns j to j + kw − 1)
    """
    g, w = case.geometry, case.weight
    rows = np.zeros((len(w), *g.output_size, *case.x.shape[1:]), w.dtype)
    for i, j in np.ndindex(*g.output_size):
        rows[:, i, j, :, i : i + w.shape[2], j : j + w.shape[3]] = w
    made = np.asarray(ops.convolution_matrix(w, g.input_size))
    wanted = (len(w) * g.output_pixels, case.x[0].size)
    demand(made.shape == wanted, f"The matrix has shape {made.shape}, it should have {wanted}.")
    equal(made, rows.reshape(wanted), "the matrix")
