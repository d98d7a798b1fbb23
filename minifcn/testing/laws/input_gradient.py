"""Laws of what the image of a convolution receives, and of the sizes that it may have. Exact."""

from __future__ import annotations

from functools import partial

import numpy as np
from hypothesis import strategies as st

from minifcn.testing.law import demand, equal, law, refuses
from minifcn.testing.operations import Operations
from minifcn.testing.strategies import ConvOperands, conv_operands, geometries, transposed_geometries


def any_case() -> st.SearchStrategy[ConvOperands]:
    return conv_operands(geometries().filter(lambda geometry: 0 not in geometry.input_size))


def transposed() -> st.SearchStrategy[ConvOperands]:
    return conv_operands(transposed_geometries())


@law("conv2d_input", "conv2d", cases=any_case)
def a_step_of_one_pixel_is_exact(ops: Operations, case: ConvOperands) -> None:
    """Convolution is linear in its image, so a finite difference with step 1 is the gradient itself, border and all.

    ⟨conv(x + e_q, w) − conv(x, w), y⟩ = conv_input(w, y)[q]
    """
    found = ops.conv2d_input(case.x.shape, case.weight, case.y, **case.options)
    demand(found.shape == case.x.shape, f"The gradient has shape {found.shape}, it should have {case.x.shape}.")
    still, (N, C, H, W) = ops.conv2d(case.x, case.weight, **case.options), case.x.shape
    for at in {(0, 0, 0, 0), (N - 1, C - 1, H - 1, W - 1), (0, C - 1, H // 2, W // 2), (N - 1, 0, 0, W - 1)}:
        moved = case.x.copy()
        moved[at] += 1
        slope = ((ops.conv2d(moved, case.weight, **case.options) - still) * case.y).sum()
        equal(found[at], slope, f"the gradient at {list(at)}")


@law("conv2d_input", cases=any_case)
def a_gradient_reaches_the_window_that_was_read(ops: Operations, case: ConvOperands) -> None:
    """If one pixel of the result receives 1, the window that it was made from receives the kernel, all else nothing.

    y[n, o, i, j] = 1  ⟹  ∂x[n, c, i·s + k·d − p, j·s + l·d − p] = w[o, c, k, l], zero elsewhere
    """
    g, (N, O, OH, OW), per_group = case.geometry, case.y.shape, case.weight.shape[1]
    (ph, pw), (dh, dw), (H, W) = g.padding, g.dilation, g.input_size
    for n, o, i, j in {(0, 0, 0, 0), (N - 1, O - 1, OH - 1, OW // 2), (0, O // 2, OH // 2, OW - 1)}:
        y, whole = np.zeros_like(case.y), np.zeros((*case.x.shape[:2], H + 2 * ph, W + 2 * pw))
        y[n, o, i, j] = 1
        first, top, left = o // (O // g.groups) * per_group, i * g.stride[0], j * g.stride[1]
        whole[n, first : first + per_group, top : top + g.reach[0] : dh, left : left + g.reach[1] : dw] = case.weight[o]
        found = ops.conv2d_input(case.x.shape, case.weight, y, **case.options)
        equal(found, whole[:, :, ph : ph + H, pw : pw + W], f"what {[n, o, i, j]} gives")


@law("conv2d_input", cases=any_case)
def each_image_receives_its_own(ops: Operations, case: ConvOperands) -> None:
    """What one image of a batch receives does not depend on the others.

    conv_input(w, y)[n] = conv_input(w, y[n])
    """
    y = np.concatenate([case.y, 2 * case.y - 1])
    (_, *size), options = case.x.shape, case.options
    each = [ops.conv2d_input((1, *size), case.weight, y[n : n + 1], **options) for n in range(len(y))]
    equal(ops.conv2d_input((len(y), *size), case.weight, y, **options), np.concatenate(each))


@law("conv2d_input", cases=any_case)
def groups_receive_separately(ops: Operations, case: ConvOperands) -> None:
    """The channels of one group receive from that group's results only.

    conv_input(w, y, groups=G) = conv_input(w_1, y_1) beside ... beside conv_input(w_G, y_G)
    """
    G, O, (N, C, H, W) = case.geometry.groups, len(case.weight), case.x.shape
    options = {**case.options, "groups": 1}
    parts = [
        ops.conv2d_input((N, C // G, H, W), case.weight[part], case.y[:, part], **options)
        for part in (slice(g * O // G, (g + 1) * O // G) for g in range(G))
    ]
    equal(ops.conv2d_input(case.x.shape, case.weight, case.y, **case.options), np.concatenate(parts, 1))


@law("conv2d_input", cases=any_case)
def the_input_gradient_is_linear_in_what_comes_in(ops: Operations, case: ConvOperands) -> None:
    """Twice the gradient of the result gives twice the gradient of the image, and sums stay sums.

    conv_input(w, 2·y − 3·y') = 2·conv_input(w, y) − 3·conv_input(w, y')
    """
    other = case.y[..., ::-1, ::-1] + 1
    found, first, second = (
        ops.conv2d_input(case.x.shape, case.weight, y, **case.options) for y in (2 * case.y - 3 * other, case.y, other)
    )
    equal(found, 2 * first - 3 * second)


@law("conv2d_input", cases=any_case)
def an_image_that_does_not_make_the_gradient_is_refused(ops: Operations, case: ConvOperands) -> None:
    """What comes in has the size of the convolution's result; an image with another number of windows is an error.

    conv_input(w, y) is refused for an image whose conv(x, w) has other rows, or other columns, than y
    """
    for axis in (2, 3):
        size = list(case.x.shape)
        size[axis] += case.geometry.stride[axis - 2]
        refuses(partial(ops.conv2d_input, tuple(size), case.weight, case.y, **case.options),
                f"A gradient of {case.y.shape[2:]} for an image of {tuple(size[2:])}")  # fmt: skip


# --- the matrix, for every output_padding -----------------------------------------------------------------------------


@law("convolution_matrix", "conv_transpose2d", cases=transposed)
def the_transposed_matrix_has_every_output_padding(ops: Operations, case: ConvOperands) -> None:
    """Told both sizes, the matrix has one row per pixel of y: its transpose is convᵀ, an output_padding beyond s too.

    convᵀ(y, w, output_padding=e) = Cᵀ · y   for C from the size of convᵀ(y, w) to that of y
    """
    g = case.geometry
    C = ops.convolution_matrix(case.weight, g.input_size, **case.options, output_size=g.output_size)
    wanted = (len(case.weight) * g.output_pixels, case.x[0].size)
    demand(C.shape == wanted, f"The matrix has shape {C.shape}, it should have {wanted}.")
    made = ops.conv_transpose2d(case.y, case.weight, **case.transposed_options)
    equal(np.stack([(C.T @ y.ravel()).reshape(made.shape[1:]) for y in case.y]), made, "Cᵀ · y")


@law("convolution_matrix", cases=any_case)
def a_size_that_the_window_does_not_make_is_refused(ops: Operations, case: ConvOperands) -> None:
    """More rows than there are windows is an error, not rows of zeros.

    C of an output_size of one row more than size(H) is refused
    """
    g = case.geometry
    size = (g.output_size[0] + 1, g.output_size[1])
    refuses(partial(ops.convolution_matrix, case.weight, g.input_size, **case.options, output_size=size),
            f"An output_size of {size} from an image of {g.input_size}")  # fmt: skip


@law("convolution_matrix", cases=any_case)
def each_group_has_a_block_of_its_own(ops: Operations, case: ConvOperands) -> None:
    """Between the channels of different groups the matrix is zero; within a group it is the matrix of that group.

    C(w, groups=G) = diag(C(w_1), ..., C(w_G))
    """
    g, O = case.geometry, len(case.weight)
    options = {**case.options, "groups": 1}
    C = np.asarray(ops.convolution_matrix(case.weight, g.input_size, **case.options))
    parts = [np.asarray(ops.convolution_matrix(w, g.input_size, **options)) for w in np.split(case.weight, g.groups)]
    rows, columns = parts[0].shape
    expected = np.zeros((g.groups, rows, g.groups, columns))
    for number, part in enumerate(parts):
        expected[number, :, number] = part
    equal(C, expected.reshape(O * g.output_pixels, g.groups * columns))


# --- sizes ------------------------------------------------------------------------------------------------------------


@law("conv_transpose_output_size", cases=transposed)
def the_last_stamp_ends_the_size(ops: Operations, case: ConvOperands) -> None:
    """The size is where the last tap of the last stamp lies, without the padding, and output_padding more.

    max{i·s + k·d : i < H, k < kh} + 1 − 2p + output_padding = (H − 1)·s − 2p + d·(kh − 1) + output_padding + 1
    """
    g, extra = case.geometry, case.transposed_options["output_padding"]
    expected = []
    for a in (0, 1):
        places = [i * g.stride[a] + k * g.dilation[a] for i in range(g.output_size[a]) for k in range(g.kernel_size[a])]
        expected.append(max(places) + 1 - 2 * g.padding[a] + extra[a])
    found = ops.conv_transpose_output_size(g.output_size, g.kernel_size, g.stride, g.padding, extra, g.dilation)
    equal(found, expected, "the size")


@law("conv_transpose_output_size", "conv_transpose2d", cases=transposed)
def the_size_is_known_before_the_stamps(ops: Operations, case: ConvOperands) -> None:
    """The size that is computed beforehand is the size of the result.

    convᵀ(y, w).shape[2:] = size_T(h, w)
    """
    g, options = case.geometry, {**case.transposed_options}
    made = ops.conv_transpose2d(case.y, case.weight, **options)
    options.pop("groups")
    equal(ops.conv_transpose_output_size(g.output_size, g.kernel_size, **options), made.shape[2:], "the size")


@law("conv_transpose_output_size", cases=transposed)
def output_padding_stays_below_stride_or_dilation(ops: Operations, case: ConvOperands) -> None:
    """An output_padding as large as stride and dilation names no size of this y: an error, not rows of zeros.

    size_T(h, output_padding = max(s, d)) is refused
    """
    g, options = case.geometry, {**case.transposed_options}
    options.pop("groups")
    for axis in (0, 1):
        extra = list(options["output_padding"])
        extra[axis] = max(g.stride[axis], g.dilation[axis])
        wrong = {**options, "output_padding": tuple(extra)}
        refuses(partial(ops.conv_transpose_output_size, g.output_size, g.kernel_size, **wrong),
                f"An output_padding of {tuple(extra)}")  # fmt: skip
