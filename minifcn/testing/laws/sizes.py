"""Laws of sizes and receptive fields: windows counted one by one, pixels tried one by one. Integers, all exact."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from hypothesis import strategies as st

from minifcn.arguments import Pair
from minifcn.geometry import Geometry
from minifcn.testing.law import demand, equal, law, refuses
from minifcn.testing.operations import Operations
from minifcn.testing.strategies import geometries, pool_geometries, window_in_words


@dataclass(frozen=True)
class Sliding:
    """A window that slides over an image."""

    geometry: Geometry
    ceil_mode: bool = False

    @property
    def options(self) -> dict[str, Any]:
        g = self.geometry
        return {"kernel_size": g.kernel_size, "stride": g.stride, "padding": g.padding, "dilation": g.dilation}

    def __str__(self) -> str:
        H, W = self.geometry.input_size
        return f"an image of {H}x{W} pixels, {window_in_words(self.geometry)}{', ceil mode' * self.ceil_mode}"


def convolutions() -> st.SearchStrategy[Sliding]:
    return geometries(groups=1).map(Sliding)


def of_some_pixels() -> st.SearchStrategy[Sliding]:
    return convolutions().filter(lambda case: 0 not in case.geometry.input_size)


@st.composite
def poolings(draw: Any, ceil_mode: bool | None = None, dilated: bool = True) -> Sliding:
    ceil = draw(st.booleans()) if ceil_mode is None else ceil_mode
    return Sliding(draw(pool_geometries(ceil, dilated)), ceil)


def covering() -> st.SearchStrategy[Sliding]:
    """Ceil mode, and no gap between windows."""
    closed = poolings(ceil_mode=True, dilated=False)
    return closed.filter(lambda case: all(case.geometry.stride[a] <= case.geometry.kernel_size[a] for a in (0, 1)))


def pool_size(ops: Operations, case: Sliding, **changed: Any) -> Pair:
    return ops.pool_output_size(case.geometry.input_size, **{**case.options, "ceil_mode": case.ceil_mode, **changed})


@law("conv_output_size", cases=convolutions)
def the_size_counts_the_windows_that_fit(ops: Operations, case: Sliding) -> None:
    """There is one result for each window that fits into the padded image.

    OH = the number of i ≥ 0 with i·s + d·(k − 1) + 1 ≤ H + 2p = ⌊(H + 2p − d·(k − 1) − 1) / s⌋ + 1
    """
    g, fitting = case.geometry, []
    for axis in (0, 1):
        starts = range(0, g.input_size[axis] + 2 * g.padding[axis], g.stride[axis])
        fitting.append(sum(start + g.reach[axis] <= g.input_size[axis] + 2 * g.padding[axis] for start in starts))
    equal(ops.conv_output_size(g.input_size, **case.options), fitting, "the size")


@law("conv_output_size", cases=of_some_pixels)
def half_the_kernel_of_padding_keeps_the_size(ops: Operations, case: Sliding) -> None:
    """An odd kernel with a padding of half its extent keeps the size at stride 1.

    size(H, 2r + 1, padding = d·r) = H for every r
    """
    g = case.geometry
    (H, W), (dh, dw), (rh, rw) = g.input_size, g.dilation, g.kernel_size
    size = ops.conv_output_size((H, W), (2 * rh + 1, 2 * rw + 1), 1, (dh * rh, dw * rw), (dh, dw))
    equal(size, (H, W), "the size")


@law("conv_output_size", "conv2d", cases=convolutions)
def the_size_is_known_before_the_convolution(ops: Operations, case: Sliding) -> None:
    """The size that is computed beforehand is the size of the result.

    conv(x, w).shape[2:] = size(H, W)
    """
    g = case.geometry
    y = ops.conv2d(np.zeros((1, 1, *g.input_size)), np.zeros((1, 1, *g.kernel_size)), None, g.stride, g.padding,
                   g.dilation)  # fmt: skip
    equal(ops.conv_output_size(g.input_size, **case.options), y.shape[2:], "the size")


@law("conv_output_size", cases=convolutions)
def a_kernel_that_does_not_fit_is_refused(ops: Operations, case: Sliding) -> None:
    """A kernel larger than the padded image has no window, and there is no stride of 0: errors, not sizes of 0 or less.

    size(H, k) is refused if d·(k − 1) + 1 > H + 2p, and so is s = 0
    """
    g = case.geometry
    for axis in (0, 1):
        kernel = list(g.kernel_size)
        kernel[axis] = g.input_size[axis] + 2 * g.padding[axis] + 1
        refuses(partial(ops.conv_output_size, g.input_size, **{**case.options, "kernel_size": tuple(kernel)}),
                f"A kernel of {kernel}")  # fmt: skip
    refuses(partial(ops.conv_output_size, g.input_size, **{**case.options, "stride": 0}), "A stride of 0")


@law("pool_output_size", cases=poolings)
def pool_windows_are_counted(ops: Operations, case: Sliding) -> None:
    """A pooling has the windows that fit; in ceil mode one more if places are left over and it begins before the end.

    floor: #{i : i·s + reach ≤ H + 2p};  ceil: #{i : (i − 1)·s + reach < H + 2p and i·s < H + p};  reach = d·(k − 1) + 1
    """
    g, expected = case.geometry, []
    for axis in (0, 1):
        size, padding, reach, step = g.input_size[axis], g.padding[axis], g.reach[axis], g.stride[axis]
        starts = range(0, size + 2 * padding, step)
        if case.ceil_mode:
            opened = [i for i in starts if (i == 0 or i - step + reach < size + 2 * padding) and i < size + padding]
        else:
            opened = [i for i in starts if i + reach <= size + 2 * padding]
        expected.append(len(opened))
    equal(pool_size(ops, case), expected, "the size")


@law("pool_output_size", cases=poolings)
def a_pool_window_of_padding_alone_is_refused(ops: Operations, case: Sliding) -> None:
    """A padding of more than half a window, a window that does not fit and a step of 0 are errors, not sizes.

    size(H) is refused if p > (d·(k − 1) + 1) / 2, if d·(k − 1) + 1 > H + 2p, and if s = 0
    """
    g = case.geometry
    for axis in (0, 1):
        padding = list(g.padding)
        padding[axis] = g.reach[axis] // 2 + 1
        refuses(partial(pool_size, ops, case, padding=tuple(padding)),
                f"A padding of {tuple(padding)} around a window that extends over {g.reach}")  # fmt: skip
        kernel = list(g.kernel_size)
        kernel[axis] = g.input_size[axis] + 2 * g.padding[axis] + 1
        large = {"kernel_size": tuple(kernel), "ceil_mode": False}
        refuses(partial(pool_size, ops, case, **large), f"A kernel of {tuple(kernel)}")
    refuses(partial(pool_size, ops, case, stride=0), "A stride of 0")


@law("pool_output_size", cases=covering)
def ceil_mode_leaves_no_pixel_out(ops: Operations, case: Sliding) -> None:
    """In ceil mode every pixel is seen, as long as there are no gaps between windows.

    (OH − 1)·s + k − p ≥ H for s ≤ k
    """
    g, size = case.geometry, pool_size(ops, case)
    for axis in (0, 1):
        seen = (size[axis] - 1) * g.stride[axis] + g.kernel_size[axis] - g.padding[axis]
        demand(seen >= g.input_size[axis], f"Only {seen} of {g.input_size[axis]} rows or columns are seen.")


@law("pool_output_size", cases=poolings)
def the_pool_stride_is_the_kernel_by_default(ops: Operations, case: Sliding) -> None:
    """Without a stride, windows lie side by side.

    size(H, k) = size(H, k, stride=k)
    """
    kernel = case.geometry.kernel_size
    equal(pool_size(ops, case, stride=None), pool_size(ops, case, stride=kernel), "the size without a stride")


@law("pool_output_size", "max_pool2d", cases=poolings)
def the_size_is_known_before_the_pooling(ops: Operations, case: Sliding) -> None:
    """The size that is computed beforehand is the size of the result.

    max_pool(x).shape[2:] = size(H, W)
    """
    x = np.zeros((1, 1, *case.geometry.input_size))
    y, _ = ops.max_pool2d(x, **case.options, ceil_mode=case.ceil_mode)
    equal(pool_size(ops, case), y.shape[2:], "the size")


# --- receptive fields -------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Stack:
    """Layers one above the other: (kernel_size, stride) from the image on."""

    layers: Sequence[Pair]

    def __str__(self) -> str:
        words = [f"kernel {kernel} with stride {stride}" for kernel, stride in self.layers]
        return f"layers from the image on: {', then '.join(words) or 'none'}"


def stacks() -> st.SearchStrategy[Stack]:
    """Kernels as large as their stride or larger, so that no pixel inside the field is left out."""
    layer = st.integers(1, 5).flatmap(lambda kernel: st.tuples(st.just(kernel), st.integers(1, min(kernel, 3))))
    return st.lists(layer, max_size=4).map(Stack)


@law("receptive_field", cases=stacks)
def the_receptive_field_is_what_a_feature_sees(ops: Operations, case: Stack) -> None:
    """Light up the pixels of the image one after the other: those that reach a feature are its receptive field.

    receptive_field = #{q : the first feature of the stack is not 0 for the image with a 1 at q and 0 elsewhere}
    """
    rows = 1
    for kernel, stride in reversed(case.layers):
        rows = (rows - 1) * stride + kernel
    feature = np.eye(rows + 2).reshape(rows + 2, 1, rows + 2, 1)  # one image for each pixel, one column wide
    for kernel, stride in case.layers:
        feature = ops.conv2d(feature, np.ones((1, 1, kernel, 1)), None, (stride, 1))
    equal(ops.receptive_field(case.layers), np.count_nonzero(feature[:, 0, 0, 0]), "the receptive field")


@law("receptive_field", cases=stacks)
def the_last_stride_does_not_widen_the_field(ops: Operations, case: Stack) -> None:
    """How far the last layer moves from feature to feature does not change what one feature sees.

    receptive_field(..., (k, s)) = receptive_field(..., (k, 1))
    """
    last = [*case.layers, (3, 2)], [*case.layers, (3, 1)]
    equal(ops.receptive_field(last[0]), ops.receptive_field(last[1]), "the receptive field with stride 2")
