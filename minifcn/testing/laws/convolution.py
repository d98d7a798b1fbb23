"""Laws of convolution: what stride, padding, dilation, groups and the kernel itself mean. Whole numbers, all exact."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from hypothesis import strategies as st

from minifcn.testing.law import demand, equal, law
from minifcn.testing.operations import Operations
from minifcn.testing.strategies import ConvOperands, conv_operands, geometries, laid_out, layouts
from minifcn.testing.unrolled import taps_inside


def ungrouped() -> st.SearchStrategy[ConvOperands]:
    return conv_operands(geometries(groups=1))


def sized() -> st.SearchStrategy[ConvOperands]:
    return conv_operands(geometries(groups=1).filter(lambda geometry: 0 not in geometry.input_size))


@law("conv2d", cases=conv_operands)
def convolution_is_linear_in_the_input(ops: Operations, case: ConvOperands) -> None:
    """Convolving a sum is summing the convolutions.

    conv(2·x − 3·x', w) = 2·conv(x, w) − 3·conv(x', w)
    """
    x, other = case.x, case.x[::-1, ..., ::-1] + 1
    apart = 2 * ops.conv2d(x, case.weight, **case.options) - 3 * ops.conv2d(other, case.weight, **case.options)
    equal(ops.conv2d(2 * x - 3 * other, case.weight, **case.options), apart)


@law("conv2d", cases=conv_operands)
def convolution_is_linear_in_the_weight(ops: Operations, case: ConvOperands) -> None:
    """Adding two kernels is adding their results.

    conv(x, 2·w − 3·w') = 2·conv(x, w) − 3·conv(x, w')
    """
    w, other = case.weight, case.weight[..., ::-1, ::-1] + 1
    apart = 2 * ops.conv2d(case.x, w, **case.options) - 3 * ops.conv2d(case.x, other, **case.options)
    equal(ops.conv2d(case.x, 2 * w - 3 * other, **case.options), apart)


@law("conv2d", cases=conv_operands)
def a_delta_copies_the_image(ops: Operations, case: ConvOperands) -> None:
    """A kernel with a single 1, at tap (k, l), copies the pixel that lies under that tap. Nothing is flipped.

    w[o, c, k, l] = 1  ⟹  y[n, o, i, j] = x[n, c, i·s + k·d − p, j·s + l·d − p]
    """
    g = case.geometry
    O, per_group, KH, KW = case.weight.shape
    (ph, pw), (sh, sw), (dh, dw) = g.padding, g.stride, g.dilation
    padded = np.pad(case.x, ((0, 0), (0, 0), (ph, ph), (pw, pw)))
    for o, k, l in {(0, 0, 0), (O - 1, KH - 1, 0), (O // 2, 0, KW - 1), (O - 1, KH - 1, KW - 1)}:
        c = (o + k) % per_group
        delta = np.zeros_like(case.weight)
        delta[o, c, k, l] = 1
        y = ops.conv2d(case.x, delta, **case.options)
        seen = padded[:, o // (O // g.groups) * per_group + c, k * dh :: sh, l * dw :: sw]
        expected = np.zeros((len(case.x), O, *g.output_size), case.x.dtype)
        expected[:, o] = seen[:, : g.output_size[0], : g.output_size[1]]
        equal(y, expected, f"the copy by a 1 at weight[{o}, {c}, {k}, {l}]")


@law("conv2d", cases=ungrouped)
def a_moved_image_gives_a_moved_result(ops: Operations, case: ConvOperands) -> None:
    """Move the image by a whole stride and the result moves by one pixel: the kernel is the same everywhere.

    conv(x moved by (s_h, s_w)) = conv(x) moved by (1, 1), where no border is involved
    """
    g = case.geometry
    (ph, pw), (sh, sw) = g.padding, g.stride
    x = np.pad(case.x, ((0, 0), (0, 0), (ph, ph + sh), (pw, pw + sw)))
    options = {**case.options, "padding": 0}
    still, moved = (
        ops.conv2d(x, case.weight, **options),
        ops.conv2d(np.roll(x, (sh, sw), (2, 3)), case.weight, **options),
    )
    equal(moved[:, :, 1:, 1:], still[:, :, :-1, :-1])


@law("conv2d", cases=conv_operands)
def images_do_not_meet(ops: Operations, case: ConvOperands) -> None:
    """Every image of a batch is convolved by itself, and images in another order give results in that order.

    conv(x)[n] = conv(x[n])
    """
    x = np.concatenate([case.x, 2 * case.x + 1])[::-1]
    y = ops.conv2d(x, case.weight, **case.options)
    equal(y, np.concatenate([ops.conv2d(x[n : n + 1], case.weight, **case.options) for n in range(len(x))]))


@law("conv2d", cases=ungrouped)
def channels_may_change_places(ops: Operations, case: ConvOperands) -> None:
    """The order of the channels means nothing, as long as image, weight and result keep the same one.

    conv(x[:, σ], w[τ][:, σ]) = conv(x, w)[:, τ]
    """
    x, w = np.roll(case.x, 1, 1), np.roll(np.roll(case.weight, 1, 1), 1, 0)
    equal(ops.conv2d(x, w, **case.options), np.roll(ops.conv2d(case.x, case.weight, **case.options), 1, 1))


@law("conv2d", cases=conv_operands)
def a_stride_leaves_out_pixels(ops: Operations, case: ConvOperands) -> None:
    """A stride keeps every s-th row and column of the dense result.

    conv(x, w, stride=s) = conv(x, w, stride=1)[::s_h, ::s_w]
    """
    (sh, sw), dense = case.geometry.stride, ops.conv2d(case.x, case.weight, **{**case.options, "stride": 1})
    equal(ops.conv2d(case.x, case.weight, **case.options), dense[:, :, ::sh, ::sw])


@law("conv2d", cases=conv_operands)
def a_dilated_kernel_is_a_kernel_with_holes(ops: Operations, case: ConvOperands) -> None:
    """Dilation puts zeros between the taps of the kernel.

    conv(x, w, dilation=d) = conv(x, w with d − 1 zeros between neighbours)
    """
    (dh, dw), w = case.geometry.dilation, case.weight
    holes = np.zeros((*w.shape[:2], *case.geometry.reach), w.dtype)
    holes[:, :, ::dh, ::dw] = w
    equal(ops.conv2d(case.x, w, **case.options), ops.conv2d(case.x, holes, **{**case.options, "dilation": 1}))


@law("conv2d", cases=conv_operands)
def padding_puts_zeros_around_the_image(ops: Operations, case: ConvOperands) -> None:
    """Padding is a frame of zeros around the image.

    conv(x, w, padding=p) = conv(pad(x, p), w)
    """
    ph, pw = case.geometry.padding
    framed = np.pad(case.x, ((0, 0), (0, 0), (ph, ph), (pw, pw)))
    equal(
        ops.conv2d(case.x, case.weight, **case.options),
        ops.conv2d(framed, case.weight, **{**case.options, "padding": 0}),
    )


@law("conv2d", cases=conv_operands)
def groups_are_blocks_of_one_weight(ops: Operations, case: ConvOperands) -> None:
    """A grouped convolution is an ordinary one whose weight is zero between groups.

    conv(x, w, groups=G) = conv(x, block-diagonal(w_1 ... w_G))
    """
    G, (O, per_group, *taps) = case.geometry.groups, case.weight.shape
    whole = np.zeros((O, per_group * G, *taps), case.weight.dtype)
    for block in range(G):
        outs = slice(block * O // G, (block + 1) * O // G)
        whole[outs, block * per_group : (block + 1) * per_group] = case.weight[outs]
    equal(
        ops.conv2d(case.x, case.weight, **case.options),
        ops.conv2d(case.x, whole, **{**case.options, "groups": 1}),
    )


@law("conv2d", cases=sized)
def a_1x1_convolution_mixes_channels(ops: Operations, case: ConvOperands) -> None:
    """With a 1x1 kernel each pixel's channels are multiplied by one matrix.

    y[n, :, i, j] = w[:, :, 0, 0] · x[n, :, i, j]
    """
    w = case.weight[:, :, :1, :1]
    equal(ops.conv2d(case.x, w), np.einsum("oc,nchw->nohw", w[:, :, 0, 0], case.x))


@law("conv2d", cases=conv_operands)
def a_bias_is_added_once(ops: Operations, case: ConvOperands) -> None:
    """A bias adds its number to every pixel of its channel, once, however many taps and images there are.

    conv(x, w, b)[n, o, i, j] = conv(x, w)[n, o, i, j] + b[o]
    """
    plain = ops.conv2d(case.x, case.weight, **case.options)
    equal(ops.conv2d(case.x, case.weight, case.bias, **case.options), plain + case.bias[:, None, None])


@law("conv2d", cases=conv_operands)
def ones_count_taps(ops: Operations, case: ConvOperands) -> None:
    """With ones everywhere a pixel of the result counts the taps that meet the image, and the size is the formula's.

    conv(1, 1)[i, j] = C/groups · #{k : 0 ≤ i·s + k·d − p < H} · #{l : ...},   OH = ⌊(H + 2p − d·(KH − 1) − 1) / s⌋ + 1
    """
    g = case.geometry
    y = ops.conv2d(np.ones_like(case.x), np.ones_like(case.weight), **case.options)
    expected = case.weight.shape[1] * taps_inside(g)
    equal(y, np.broadcast_to(expected, (len(case.x), len(case.weight), *g.output_size)), "the count")


# --- manners: what an implementation does to its arguments ------------------------------------------------------------


@st.composite
def in_some_layout(draw: Any) -> ConvOperands:
    """x and weight in two memory layouts: transposed, with steps, reversed, read-only, one image repeated, ..."""
    case = draw(conv_operands())
    return replace(case, x=laid_out(case.x, draw(layouts())), weight=laid_out(case.weight, draw(layouts())))


@law("conv2d", cases=in_some_layout)
def the_memory_layout_does_not_matter(ops: Operations, case: ConvOperands) -> None:
    """An array that is transposed, reversed, read-only or skips elements in memory counts as its values.

    conv(x, w) = conv(copy of x, copy of w)
    """
    copies = case.x.copy(order="C"), case.weight.copy(order="C")
    equal(ops.conv2d(case.x, case.weight, **case.options), ops.conv2d(*copies, **case.options))


@law("conv2d", cases=conv_operands)
def arguments_stay_as_they_are(ops: Operations, case: ConvOperands) -> None:
    """Image and weight are read, never written, and the result is memory of its own with the same dtype.

    after conv(x, w): x and w unchanged, result.dtype = x.dtype, and no element shared
    """
    x, w = case.x.copy(), case.weight.copy()
    y = ops.conv2d(x, w, **case.options)
    equal(x, case.x, "the image afterwards")
    equal(w, case.weight, "the weight afterwards")
    demand(y.dtype == x.dtype, f"The result is {y.dtype}, it should be {x.dtype} as its operands are.")
    demand(not np.shares_memory(y, x) and not np.shares_memory(y, w), "The result shares memory with an operand.")


@law("conv2d", cases=conv_operands)
def nan_stays_under_its_windows(ops: Operations, case: ConvOperands) -> None:
    """A pixel that is NaN spoils the windows that see it, and no other.

    isnan(conv(x with NaN at q, w)) = (conv(1 at q, 1) > 0)
    """
    g = case.geometry
    if 0 in g.input_size:
        return
    row, column = g.input_size[0] // 2, g.input_size[1] // 2
    broken, mark = case.x.copy(), np.zeros_like(case.x)
    broken[0, 0, row, column], mark[0, 0, row, column] = np.nan, 1
    reached = ops.conv2d(mark, np.ones_like(case.weight), **case.options) > 0
    equal(np.isnan(ops.conv2d(broken, case.weight, **case.options)), reached, "what is NaN")
