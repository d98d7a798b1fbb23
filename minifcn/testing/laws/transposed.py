"""Laws of transposed convolution: a stamp per pixel, a transposed matrix, the gradient of a convolution. Exact."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from hypothesis import strategies as st

from minifcn.testing.law import demand, equal, law
from minifcn.testing.operations import Operations
from minifcn.testing.strategies import (
    ConvOperands,
    conv_operands,
    geometries,
    laid_out,
    layouts,
    transposed_geometries,
)
from minifcn.testing.unrolled import taps_inside


def any_case() -> st.SearchStrategy[ConvOperands]:
    return conv_operands(transposed_geometries())


def there_and_back() -> st.SearchStrategy[ConvOperands]:
    """Where y has the size that conv2d makes of x; output_padding beyond the stride leads elsewhere."""
    return conv_operands(geometries().filter(lambda geometry: 0 not in geometry.input_size))


def ungrouped() -> st.SearchStrategy[ConvOperands]:
    return conv_operands(transposed_geometries().filter(lambda geometry: geometry.groups == 1))


def stamped(ops: Operations, case: ConvOperands, y: Any = None, **changed: Any) -> np.ndarray:
    """conv_transpose2d of the case's y (or another), with its options changed where given."""
    options = {**case.transposed_options, **changed}
    return ops.conv_transpose2d(case.y if y is None else y, case.weight, **options)


# --- what it is -------------------------------------------------------------------------------------------------------


@law("conv2d", "conv_transpose2d", "conv2d_weight", cases=there_and_back)
def one_number_in_three_ways(ops: Operations, case: ConvOperands) -> None:
    """Convolution, transposed convolution and weight gradient are three readings of one sum over x, w and y.

    ⟨conv(x, w), y⟩ = ⟨x, convᵀ(y, w)⟩ = ⟨w, conv_weight(x, y)⟩ = T(x, w, y)
    """
    x, w, y = case.x, case.weight, case.y
    forwards = (ops.conv2d(x, w, **case.options).astype(float) * y).sum()
    backwards = (x.astype(float) * stamped(ops, case)).sum()
    weights = (w.astype(float) * ops.conv2d_weight(x, w.shape, y, **case.options)).sum()
    equal(backwards, forwards, "⟨x, convᵀ(y, w)⟩, beside ⟨conv(x, w), y⟩,")
    equal(weights, forwards, "⟨w, conv_weight(x, y)⟩, beside ⟨conv(x, w), y⟩,")


@law("conv_transpose2d", "conv2d_input", cases=there_and_back)
def the_gradient_of_convolution_is_transposed_convolution(ops: Operations, case: ConvOperands) -> None:
    """What a convolution's input receives is the transposed convolution of what its output received.

    ∂⟨conv(x, w), y⟩/∂x = convᵀ(y, w)
    """
    equal(ops.conv2d_input(case.x.shape, case.weight, case.y, **case.options), stamped(ops, case))


@law("conv_transpose2d", "convolution_matrix", cases=there_and_back)
def it_multiplies_by_the_transposed_matrix(ops: Operations, case: ConvOperands) -> None:
    """Transposed convolution multiplies by the transpose of the matrix that convolution multiplies by.

    convᵀ(y, w) = Cᵀ · y
    """
    C = ops.convolution_matrix(case.weight, case.geometry.input_size, **case.options)
    equal(stamped(ops, case), np.stack([(C.T @ y.ravel()).reshape(case.x.shape[1:]) for y in case.y]))


@law("conv2d", "convolution_matrix", cases=conv_operands)
def convolution_multiplies_by_its_matrix(ops: Operations, case: ConvOperands) -> None:
    """The convolution matrix, times the image as one column, is the convolution.

    conv(x, w) = C · x
    """
    C = ops.convolution_matrix(case.weight, case.geometry.input_size, **case.options)
    y = ops.conv2d(case.x, case.weight, **case.options)
    equal(np.stack([(C @ x.ravel()).reshape(y.shape[1:]) for x in case.x]), y, "C · x")


@law("convolution_matrix", cases=conv_operands)
def the_matrix_holds_each_weight_once_per_place(ops: Operations, case: ConvOperands) -> None:
    """Every row of the convolution matrix holds the taps that meet the image, each at a place of its own.

    sum of row (o, i, j) of C for w = 1 is C/groups · taps inside, and no entry exceeds 1
    """
    g = case.geometry
    C = np.asarray(ops.convolution_matrix(np.ones_like(case.weight), g.input_size, **case.options))
    demand(((C == 0) | (C == 1)).all(), "A matrix made from a weight of ones holds numbers other than 0 and 1.")
    taps = case.weight.shape[1] * taps_inside(g).ravel()
    equal(C.sum(1), np.tile(taps, len(case.weight)), "the sums of the rows")


# --- what it does -----------------------------------------------------------------------------------------------------


@law("conv_transpose2d", cases=any_case)
def a_pixel_stamps_the_kernel(ops: Operations, case: ConvOperands) -> None:
    """A single 1 leaves the kernel as it is, unflipped, with its first tap at i·s − p; a larger stride moves it apart.

    y[n, o, i, j] = 1  ⟹  x[n, c, i·s + k·d − p, j·s + l·d − p] = w[o, c, k, l], zero elsewhere
    """
    g, (N, O, OH, OW) = case.geometry, case.y.shape
    per_group, (KH, KW) = case.weight.shape[1], g.kernel_size
    for n, o, i, j in {(0, 0, 0, 0), (N - 1, O - 1, OH - 1, OW // 2), (0, O // 2, OH // 2, OW - 1)}:
        y, expected = np.zeros_like(case.y), np.zeros_like(case.x)
        y[n, o, i, j] = 1
        first = o // (O // g.groups) * per_group
        for k, l in np.ndindex(KH, KW):
            row = i * g.stride[0] + k * g.dilation[0] - g.padding[0]
            column = j * g.stride[1] + l * g.dilation[1] - g.padding[1]
            if 0 <= row < g.input_size[0] and 0 <= column < g.input_size[1]:
                expected[n, first : first + per_group, row, column] = case.weight[o, :, k, l]
        equal(stamped(ops, case, y), expected, f"the stamp of the pixel at [{n}, {o}, {i}, {j}]")


@law("conv_transpose2d", cases=any_case)
def stamps_add_up(ops: Operations, case: ConvOperands) -> None:
    """Where stamps overlap they are added: the result of a sum is the sum of the results.

    convᵀ(2·y − 3·y', w) = 2·convᵀ(y, w) − 3·convᵀ(y', w)
    """
    y, other = case.y, case.y[..., ::-1, ::-1] + 1
    equal(stamped(ops, case, 2 * y - 3 * other), 2 * stamped(ops, case, y) - 3 * stamped(ops, case, other))


@law("conv_transpose2d", cases=any_case)
def it_is_linear_in_the_weight(ops: Operations, case: ConvOperands) -> None:
    """Adding two kernels is adding their stamps.

    convᵀ(y, 2·w − 3·w') = 2·convᵀ(y, w) − 3·convᵀ(y, w')
    """
    w, other, options = case.weight, case.weight[..., ::-1, ::-1] + 1, case.transposed_options
    apart = 2 * ops.conv_transpose2d(case.y, w, **options) - 3 * ops.conv_transpose2d(case.y, other, **options)
    equal(ops.conv_transpose2d(case.y, 2 * w - 3 * other, **options), apart)


@law("conv_transpose2d", cases=ungrouped)
def nothing_is_lost(ops: Operations, case: ConvOperands) -> None:
    """Without a crop, every pixel hands its number times the kernel's sum on: the sums are conserved.

    Σ convᵀ(y, w)[n, c] = Σ_o (Σ y[n, o]) · (Σ w[o, c])   for padding 0
    """
    x = stamped(ops, case, padding=0)
    equal(x.sum((2, 3)), np.einsum("nohw,ockl->nc", case.y, case.weight), "the sum over the pixels")


@law("conv_transpose2d", cases=ungrouped)
def tiles_when_the_stride_is_the_kernel(ops: Operations, case: ConvOperands) -> None:
    """With a stride as large as the kernel, stamps lie side by side: a Kronecker product.

    convᵀ(y, w, stride = kernel)[n, c] = Σ_o y[n, o] ⊗ w[o, c]
    """
    x = ops.conv_transpose2d(case.y, case.weight, stride=case.geometry.kernel_size)
    expected = [[sum(np.kron(a, b) for a, b in zip(y, w, strict=True)) for w in case.weight.swapaxes(0, 1)]
                for y in case.y]  # fmt: skip
    equal(x, expected)


@law("conv_transpose2d", cases=any_case)
def padding_crops_the_stamps(ops: Operations, case: ConvOperands) -> None:
    """The padding of the convolution is what a transposed convolution cuts off, on all four sides.

    convᵀ(y, w, padding=p) = convᵀ(y, w, padding=0)[p_h:−p_h, p_w:−p_w]
    """
    (ph, pw), (H, W) = case.geometry.padding, case.geometry.input_size
    equal(stamped(ops, case), stamped(ops, case, padding=0)[:, :, ph : ph + H, pw : pw + W])


@law("conv_transpose2d", cases=any_case)
def output_padding_uncovers_rows(ops: Operations, case: ConvOperands) -> None:
    """output_padding shows more rows at the bottom and right, with their real contributions; no zeros are appended.

    convᵀ(y, w, output_padding=e)[:H, :W] = convᵀ(y, w, output_padding=0), and the e rows more are those that
    convᵀ(y, w, padding=0, output_padding=e) has there
    """
    (ph, pw), (H, W) = case.geometry.padding, case.geometry.input_size
    extra = case.transposed_options["output_padding"]
    first = max(0, H - extra[0])
    if first and extra[1] < W:
        less = stamped(ops, case, output_padding=0)
        equal(stamped(ops, case)[:, :, :first, : W - extra[1]], less, "the part that both show")
    uncropped = stamped(ops, case, padding=0)[:, :, ph + first : ph + H, pw : pw + W]
    equal(stamped(ops, case)[:, :, first:], uncropped, "the rows more")


@law("conv_transpose2d", cases=ungrouped)
def a_stride_puts_zeros_between_pixels(ops: Operations, case: ConvOperands) -> None:
    """A strided transposed convolution is a dense one of the image with zeros put between its pixels.

    convᵀ(y, w, stride=s) = convᵀ(y with s − 1 zeros between neighbours, w, stride=1)
    """
    (sh, sw), (N, O, OH, OW) = case.geometry.stride, case.y.shape
    sparse = np.zeros((N, O, (OH - 1) * sh + 1, (OW - 1) * sw + 1), case.y.dtype)
    sparse[:, :, ::sh, ::sw] = case.y
    equal(stamped(ops, case, output_padding=0, padding=0), stamped(ops, case, sparse, stride=1, output_padding=0,
          padding=0))  # fmt: skip


@law("conv_transpose2d", "conv2d", cases=ungrouped)
def dense_it_is_a_convolution_with_the_flipped_kernel(ops: Operations, case: ConvOperands) -> None:
    """With stride 1 it is an ordinary convolution: full padding, kernel flipped, channels exchanged.

    convᵀ(y, w) = conv(y, w[:, :, ::−1, ::−1] with o and c exchanged, padding = d·(k − 1))   for stride 1
    """
    (dh, dw), (KH, KW) = case.geometry.dilation, case.geometry.kernel_size
    turned = case.weight[:, :, ::-1, ::-1].swapaxes(0, 1)
    full = ops.conv2d(case.y, turned, padding=(dh * (KH - 1), dw * (KW - 1)), dilation=(dh, dw))
    equal(stamped(ops, case, stride=1, padding=0, output_padding=0), full)


@law("conv_transpose2d", cases=any_case)
def groups_stamp_separately(ops: Operations, case: ConvOperands) -> None:
    """Each group of channels is a transposed convolution of its own.

    convᵀ(y, w, groups=G) = convᵀ(y_1, w_1) beside ... beside convᵀ(y_G, w_G)
    """
    G, O = case.geometry.groups, len(case.weight)
    options = {**case.transposed_options, "groups": 1}
    parts = [
        ops.conv_transpose2d(case.y[:, part], case.weight[part], **options)
        for part in (slice(g * O // G, (g + 1) * O // G) for g in range(G))
    ]
    equal(stamped(ops, case), np.concatenate(parts, 1))


@law("conv_transpose2d", cases=any_case)
def a_bias_is_added_after_the_stamps(ops: Operations, case: ConvOperands) -> None:
    """The bias is added once per pixel of the result, not once per stamp.

    convᵀ(y, w, b)[n, c, i, j] = convᵀ(y, w)[n, c, i, j] + b[c]
    """
    bias = np.arange(1, case.x.shape[1] + 1).astype(case.x.dtype)
    equal(ops.conv_transpose2d(case.y, case.weight, bias, **case.transposed_options),
          stamped(ops, case) + bias[:, None, None])  # fmt: skip


@law("conv_transpose2d", cases=any_case)
def nan_stays_in_its_stamp(ops: Operations, case: ConvOperands) -> None:
    """A pixel that is NaN spoils what its stamp covers, and nothing else.

    isnan(convᵀ(y with NaN at q, w)) = (convᵀ(1 at q, 1) > 0)
    """
    broken, mark = case.y.copy(), np.zeros_like(case.y)
    broken[0, 0, 0, 0], mark[0, 0, 0, 0] = np.nan, 1
    reached = ops.conv_transpose2d(mark, np.ones_like(case.weight), **case.transposed_options) > 0
    equal(np.isnan(stamped(ops, case, broken)), reached, "what is NaN")


@st.composite
def in_some_layout(draw: Any) -> ConvOperands:
    """y and weight in two memory layouts: transposed, with steps, reversed, read-only, one image repeated, ..."""
    case = draw(any_case())
    return replace(case, y=laid_out(case.y, draw(layouts())), weight=laid_out(case.weight, draw(layouts())))


@law("conv_transpose2d", cases=in_some_layout)
def stamps_do_not_depend_on_the_layout(ops: Operations, case: ConvOperands) -> None:
    """An array that is transposed, reversed or skips elements counts as its values, and is not written to.

    convᵀ(y, w) = convᵀ(copy of y, copy of w), with y and w as they were
    """
    y, w = case.y.copy(order="C"), case.weight.copy(order="C")
    expected = ops.conv_transpose2d(y.copy(), w.copy(), **case.transposed_options)
    equal(ops.conv_transpose2d(case.y, case.weight, **case.transposed_options), expected)
    equal(case.y, y, "the image afterwards")
    equal(case.weight, w, "the weight afterwards")
    demand(expected.dtype == y.dtype, f"The result is {expected.dtype}, it should be {y.dtype} as its operands are.")


# --- sizes ------------------------------------------------------------------------------------------------------------


@law("conv_output_size", "conv_transpose_output_size", cases=there_and_back)
def output_padding_tells_sizes_apart(ops: Operations, case: ConvOperands) -> None:
    """Several sizes shrink to one; each is restored by exactly one output_padding, from 0 to s − 1.

    for every H there is one e in [0, s) with size_T(size(H), output_padding=e) = H
    """
    g, right = case.geometry, case.transposed_options["output_padding"]
    window = {"stride": g.stride, "padding": g.padding, "dilation": g.dilation}
    size = ops.conv_output_size(g.input_size, g.kernel_size, **window)
    for axis in (0, 1):
        made = []
        for e in range(g.stride[axis]):
            extra = (e, right[1]) if axis == 0 else (right[0], e)
            try:
                made.append(ops.conv_transpose_output_size(size, g.kernel_size, output_padding=extra, **window)[axis])
            except ValueError:  # padding may leave nothing of the smallest ones
                continue
        times = made.count(g.input_size[axis])
        demand(times == 1, f"Size {g.input_size[axis]} is reached {times} times from {size[axis]} (sizes {made}), "
                           f"it should be once.")  # fmt: skip
