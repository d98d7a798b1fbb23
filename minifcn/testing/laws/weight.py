"""Laws of what the weight receives, and of derivatives of derivatives. Exact."""

from __future__ import annotations

from functools import partial

import numpy as np
from hypothesis import strategies as st

from minifcn.testing.law import equal, law, refuses
from minifcn.testing.operations import Operations
from minifcn.testing.strategies import ConvOperands, conv_operands, geometries


def any_case() -> st.SearchStrategy[ConvOperands]:
    return conv_operands(geometries().filter(lambda geometry: 0 not in geometry.input_size))


@law("conv2d_weight", cases=any_case)
def a_single_gradient_reads_one_window(ops: Operations, case: ConvOperands) -> None:
    """If one pixel of the result receives 1, the weight receives the window of the image that this pixel saw.

    y[n, o, i, j] = 1  ⟹  ∂w[o, c, k, l] = x[n, c, i·s + k·d − p, j·s + l·d − p], zero for the other o
    """
    g, (N, O, OH, OW) = case.geometry, case.y.shape
    (ph, pw), per_group = g.padding, case.weight.shape[1]
    padded = np.pad(case.x, ((0, 0), (0, 0), (ph, ph), (pw, pw)))
    for n, o, i, j in {(0, 0, 0, 0), (N - 1, O - 1, OH - 1, OW // 2), (0, O // 2, OH // 2, OW - 1)}:
        y, expected = np.zeros_like(case.y), np.zeros_like(case.weight)
        y[n, o, i, j] = 1
        first, top, left = o // (O // g.groups) * per_group, i * g.stride[0], j * g.stride[1]
        window = padded[n, first : first + per_group, top : top + g.reach[0], left : left + g.reach[1]]
        expected[o] = window[:, :: g.dilation[0], :: g.dilation[1]]
        equal(ops.conv2d_weight(case.x, case.weight.shape, y, **case.options), expected, f"what {[n, o, i, j]} gives")


@law("conv2d_weight", cases=any_case)
def gradients_of_images_add_up(ops: Operations, case: ConvOperands) -> None:
    """All images of a batch share one weight, so what they give it is added, not averaged.

    conv_weight(x, y) = Σ_n conv_weight(x[n], y[n])
    """
    x, y = np.concatenate([case.x, case.x + 1]), np.concatenate([case.y, 2 * case.y])
    each = [ops.conv2d_weight(x[n : n + 1], case.weight.shape, y[n : n + 1], **case.options) for n in range(len(x))]
    equal(ops.conv2d_weight(x, case.weight.shape, y, **case.options), sum(each))


@law("conv2d_weight", cases=any_case)
def groups_learn_separately(ops: Operations, case: ConvOperands) -> None:
    """What one group's weight receives depends on that group's channels only.

    conv_weight(x, y, groups=G) = conv_weight(x_1, y_1) above ... above conv_weight(x_G, y_G)
    """
    G, (O, per_group, *taps) = case.geometry.groups, case.weight.shape
    options = {**case.options, "groups": 1}
    parts = [
        ops.conv2d_weight(
            case.x[:, g * per_group : (g + 1) * per_group],
            (O // G, per_group, *taps),
            case.y[:, g * O // G : (g + 1) * O // G],
            **options,
        )
        for g in range(G)
    ]
    equal(ops.conv2d_weight(case.x, case.weight.shape, case.y, **case.options), np.concatenate(parts))


@law("conv2d_weight", cases=any_case)
def the_weight_gradient_is_linear_in_the_image(ops: Operations, case: ConvOperands) -> None:
    """Twice the image gives twice the gradient, and sums stay sums.

    conv_weight(2·x − 3·x', y) = 2·conv_weight(x, y) − 3·conv_weight(x', y)
    """
    other = case.x[..., ::-1, ::-1] + 1
    found, first, second = (
        ops.conv2d_weight(x, case.weight.shape, case.y, **case.options) for x in (2 * case.x - 3 * other, case.x, other)
    )
    equal(found, 2 * first - 3 * second)


@law("conv2d_weight", cases=any_case)
def a_kernel_that_does_not_make_the_gradient_is_refused(ops: Operations, case: ConvOperands) -> None:
    """What comes in has the size of the convolution's result; a kernel that makes fewer windows is an error.

    conv_weight(x, y) is refused for x with s rows, or s columns, more than make y
    """
    for axis in (2, 3):
        more = [(0, 0)] * 4
        more[axis] = (0, case.geometry.stride[axis - 2])
        x = np.pad(case.x, more)
        refuses(partial(ops.conv2d_weight, x, case.weight.shape, case.y, **case.options),
                f"A gradient of {case.y.shape[2:]} for an image of {x.shape[2:]}")  # fmt: skip


@law("conv2d_weight", "conv2d", cases=any_case)
def a_step_of_one_is_exact(ops: Operations, case: ConvOperands) -> None:
    """Convolution is linear in its weight, so a finite difference with step 1 is the gradient itself.

    ⟨conv(x, w + e_q) − conv(x, w), y⟩ = conv_weight(x, y)[q]
    """
    still = ops.conv2d(case.x, case.weight, **case.options)
    found = ops.conv2d_weight(case.x, case.weight.shape, case.y, **case.options)
    last = tuple(n - 1 for n in case.weight.shape)
    for at in {(0, 0, 0, 0), last, (0, last[1], 0, last[3]), (last[0], 0, last[2], 0)}:
        moved = case.weight.copy()
        moved[at] += 1
        slope = ((ops.conv2d(case.x, moved, **case.options) - still) * case.y).sum()
        equal(found[at], slope, f"the gradient at {list(at)}")


@law("conv2d_double_backward", "conv2d", "conv2d_input", "conv2d_weight", cases=any_case)
def the_second_derivative_is_made_of_the_first(ops: Operations, case: ConvOperands) -> None:
    """Differentiating the gradients once more needs nothing new: the same three operations, with other operands.

    ∂/∂y = conv(u, w) + conv(x, v),  ∂/∂x = convᵀ(y, v),  ∂/∂w = conv_weight(u, y)
        of ⟨convᵀ(y, w), u⟩ + ⟨conv_weight(x, y), v⟩
    """
    u, v, options = case.x[..., ::-1] - 1, case.weight[..., ::-1] + 2, case.options
    to_y, to_x, to_w = ops.conv2d_double_backward(case.x, case.weight, case.y, u, v, **options)
    both = ops.conv2d(u, case.weight, **options) + ops.conv2d(case.x, v, **options)
    equal(to_y, both, "what grad_output receives")
    equal(to_x, ops.conv2d_input(case.x.shape, v, case.y, **options), "what x receives")
    equal(to_w, ops.conv2d_weight(u, case.weight.shape, case.y, **options), "what the weight receives")


@law("conv2d_double_backward", cases=any_case)
def second_derivatives_are_symmetric(ops: Operations, case: ConvOperands) -> None:
    """First by x and then by w, or first by w and then by x: the same number.

    ⟨v, ∂_w ∂_x T · u⟩ = ⟨u, ∂_x ∂_w T · v⟩
    """
    u, v, nothing = case.x[..., ::-1] - 1, case.weight[..., ::-1] + 2, np.zeros_like
    _, _, to_w = ops.conv2d_double_backward(case.x, case.weight, case.y, u, nothing(v), **case.options)
    _, to_x, _ = ops.conv2d_double_backward(case.x, case.weight, case.y, nothing(u), v, **case.options)
    equal((to_w * v).sum(), (to_x * u).sum(), "first by x, then by w,")
