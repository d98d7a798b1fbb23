"""Laws of max unpooling: values go back to where they came from. Exact."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from hypothesis import strategies as st

from minifcn.testing.law import demand, equal, law, refuses
from minifcn.testing.operations import Operations
from minifcn.testing.strategies import count, pairs, seeds, shown, whole_numbers
from minifcn.testing.unrolled import flat, gathered, scattered

Pair = tuple[int, int]


@dataclass(frozen=True)
class UnpoolOperands:
    """Values, the indices they go to, and the window they came from. size: of the result."""

    y: np.ndarray
    index: np.ndarray
    kernel_size: Pair
    stride: Pair
    padding: Pair
    size: Pair

    @property
    def options(self) -> dict[str, Any]:
        named = {"kernel_size": self.kernel_size, "stride": self.stride, "padding": self.padding}
        return {**named, "output_size": self.size}

    def __str__(self) -> str:
        N, C, H, W = self.y.shape
        made = f"{count(N, 'image')} of {count(C, 'channel')} with {H}x{W} values, into {self.size[0]}x{self.size[1]}"
        window = f"kernel {self.kernel_size}, stride {self.stride}, padding {self.padding}"
        return f"{made} pixels, {window}\n{shown(y=self.y, index=self.index)}"


@st.composite
def unpool_operands(draw: Any, single: bool = False) -> UnpoolOperands:
    """Every size that a stride allows. single: each index once in a plane; otherwise some come twice."""
    kernel, given = draw(pairs(1, 4)), draw(pairs(1, 3))
    stride = kernel if single else (draw(st.integers(1, kernel[0])), draw(st.integers(1, kernel[1])))
    padding, size = [], []
    for axis in (0, 1):
        whole = (given[axis] - 1) * stride[axis] + kernel[axis]
        padding.append(0 if single else draw(st.integers(0, min(kernel[axis] // 2, (whole - 1) // 2))))
        more = draw(st.integers(0 if single else 1 - stride[axis], stride[axis] - 1))
        size.append(max(1, whole - 2 * padding[axis] + more))
    N, C, seed = draw(st.sampled_from([1, 2])), draw(st.integers(1, 3)), draw(seeds())
    shape, source = (N, C, *given), np.random.default_rng(seed)
    if single:  # one place of each window: the window's first one, moved by less than the kernel
        rows, columns = (source.integers(0, kernel[a], shape) for a in (0, 1))
        rows += np.arange(given[0])[:, None] * kernel[0]
        columns += np.arange(given[1]) * kernel[1]
        index = rows * size[1] + columns
    else:
        index = source.integers(0, size[0] * size[1], shape)
    return UnpoolOperands(
        whole_numbers(seed, shape), index, kernel, stride, (padding[0], padding[1]), (size[0], size[1])
    )


@law("max_unpool2d", cases=unpool_operands, single=True)
def unpooling_puts_values_at_their_indices(ops: Operations, case: UnpoolOperands) -> None:
    """Every value is found again at its index, row·W + column of its own plane, and there is nothing elsewhere.

    x[n, c, index[n, c, i, j]] = y[n, c, i, j], and Σ|x| = Σ|y|
    """
    x = ops.max_unpool2d(case.y, case.index, **case.options)
    demand(x.shape[2:] == case.size, f"The result has {x.shape[2:]} pixels, it should have {case.size}.")
    equal(gathered(x, case.index), case.y, "the result at the indices")
    equal(np.abs(x).sum((2, 3)), np.abs(case.y).sum((2, 3)), "the sum of the absolute values")


@law("max_pool2d", "max_unpool2d", cases=unpool_operands, single=True)
def pooling_undoes_unpooling(ops: Operations, case: UnpoolOperands) -> None:
    """Positive values that were unpooled into windows side by side are the maxima of these windows.

    max_pool(unpool(y, index)) = y with the same index, for y > 0 and stride = kernel
    """
    y = np.abs(case.y) + 1
    back, index = ops.max_pool2d(ops.max_unpool2d(y, case.index, **case.options), case.kernel_size)
    equal(back, y, "the pooling of the unpooling")
    equal(index, case.index, "the index")


@law("max_unpool2d", cases=unpool_operands)
def values_with_one_index_add_up(ops: Operations, case: UnpoolOperands) -> None:
    """Where two values have the same index, their sum stands: unpooling is the transpose of reading at the indices.

    ⟨unpool(y, index), x⟩ = ⟨y, x[index]⟩ for every x
    """
    x = np.arange(1.0, case.y[:, :, 0, 0].size * case.size[0] * case.size[1] + 1)
    x = x.reshape(*case.y.shape[:2], *case.size)
    made = ops.max_unpool2d(case.y, case.index, **case.options)
    demand(made.shape == x.shape, f"The result has shape {made.shape}, it should have {x.shape}.")
    equal((made * x).sum(), (case.y * gathered(x, case.index)).sum(), "⟨unpool(y, index), x⟩ with x = 1, 2, 3, …")


@law("max_unpool2d", cases=unpool_operands)
def the_size_is_that_of_the_smallest_image(ops: Operations, case: UnpoolOperands) -> None:
    """Without output_size the result is as large as its windows reach, less the padding.

    H = (OH − 1)·s − 2p + k
    """
    rows, columns = (
        (case.y.shape[2 + a] - 1) * case.stride[a] - 2 * case.padding[a] + case.kernel_size[a] for a in (0, 1)
    )
    index = case.index % (rows * columns)
    x = ops.max_unpool2d(case.y, index, case.kernel_size, case.stride, case.padding)
    equal(x, scattered(case.y, index, (rows, columns)))


@law("max_unpool2d", cases=unpool_operands, single=True)
def a_nan_value_stays_at_its_index(ops: Operations, case: UnpoolOperands) -> None:
    """A value that is NaN spoils the pixel at its index and no other.

    isnan(unpool(y with NaN, index)) at that index only
    """
    y, expected = case.y.copy(), np.zeros((*case.y.shape[:2], *case.size), bool)
    y[0, -1, 0, 0] = np.nan
    expected[0, -1].flat[case.index[0, -1, 0, 0]] = True
    equal(np.isnan(ops.max_unpool2d(y, case.index, **case.options)), expected, "what is NaN")


@law("max_unpool2d", cases=unpool_operands)
def an_index_outside_the_image_is_refused(ops: Operations, case: UnpoolOperands) -> None:
    """An index below 0 or beyond the last pixel is an error; −1 must not mean the last pixel.

    unpool(y, −1) and unpool(y, H·W) are refused
    """
    for wrong in (-1, case.size[0] * case.size[1]):
        index = case.index.copy()
        flat(index)[0, 0, -1] = wrong
        refuses(partial(ops.max_unpool2d, case.y, index, **case.options), f"The index {wrong}")


@law("max_unpool2d", cases=unpool_operands)
def unpooling_leaves_its_arguments_alone(ops: Operations, case: UnpoolOperands) -> None:
    """Values and indices are read, never written, and the result keeps the dtype.

    after unpool(y, index): y and index unchanged, result.dtype = y.dtype
    """
    y, index = case.y.astype(np.float32), case.index.copy()
    x = ops.max_unpool2d(y, index, **case.options)
    equal(y, case.y, "the values afterwards")
    equal(index, case.index, "the indices afterwards")
    demand(x.dtype == y.dtype, f"The result is {x.dtype}, it should be {y.dtype}.")
