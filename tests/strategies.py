"""What Hypothesis draws: geometries biased to remainders and edges, whole numbers, and the same array in many layouts.

The two axes differ by default. A square case cannot tell rows from columns, a stride that divides evenly cannot tell
floor from ceil, and one channel cannot tell channels apart: such cases are drawn too, but seldom.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import strategies as st

from minifcn.geometry import Geometry

Pair = tuple[int, int]


def pairs(smallest: int, largest: int) -> st.SearchStrategy[Pair]:
    """(rows, columns), mostly unequal."""
    number = st.integers(smallest, largest)
    unequal = st.tuples(number, number).filter(lambda pair: pair[0] != pair[1])
    return st.one_of(unequal, unequal, unequal, st.tuples(number, number))


@st.composite
def geometries(draw: Any, channels_divide: int | None = None) -> Geometry:
    """A convolution: kernels up to 4x4 (1x1 and the whole padded image included), stride remainders preferred.

    The size comes from the number of windows, so that every draw is valid: one window more or less, and a remainder
    that is most often the largest one, where a stride leaves rows that no window sees.
    """
    kernel, stride = draw(pairs(1, 4)), draw(pairs(1, 4))
    padding, dilation = draw(pairs(0, 3)), draw(pairs(1, 3))
    size = []
    for axis in (0, 1):
        windows = draw(st.integers(1, 3))
        unseen = draw(st.sampled_from([stride[axis] - 1, 0, stride[axis] // 2]))
        reach = dilation[axis] * (kernel[axis] - 1) + 1
        size.append(max(0, reach + (windows - 1) * stride[axis] + unseen - 2 * padding[axis]))
    groups = draw(st.sampled_from([1, 1, 2, 3])) if channels_divide is None else channels_divide
    return Geometry.of_convolution(size, kernel, stride, padding, dilation, groups)


@st.composite
def transposed_geometries(draw: Any) -> Geometry:
    """A transposed convolution, from the size of y, with every output_padding that is allowed."""
    kernel, stride = draw(pairs(1, 4)), draw(pairs(1, 4))
    dilation, size = draw(pairs(1, 3)), draw(pairs(1, 3))
    padding, extra = [], []
    for axis in (0, 1):
        extra.append(draw(st.integers(0, max(stride[axis], dilation[axis]) - 1)))
        made = (size[axis] - 1) * stride[axis] + dilation[axis] * (kernel[axis] - 1) + 1 + extra[axis]
        padding.append(draw(st.integers(0, min(3, (made - 1) // 2))))
    groups = draw(st.sampled_from([1, 1, 2]))
    return Geometry.of_transposed_convolution(size, kernel, stride, padding, extra, groups, dilation)


def whole_numbers(generator: np.random.Generator, shape: tuple[int, ...], dtype: Any = np.float64) -> np.ndarray:
    """Integers in [-9, 9] as floating point: sums and products of them are exact, in any order."""
    return generator.integers(-9, 10, shape).astype(dtype)


@st.composite
def operands(draw: Any, geometry: Geometry, empty: bool = True) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(x, w, y) for T(x, w, y): whole numbers of one dtype, more than one image and unequal channels preferred."""
    groups = geometry.groups
    small = 0 if empty and draw(st.integers(0, 7)) == 0 else 1  # now and then no images or no channels at all
    C = groups * draw(st.integers(small, 2 if groups > 1 else 3))
    O = groups * draw(st.integers(small, 2 if groups > 1 else 3))
    N = draw(st.sampled_from([2, 1, 2, small]))
    generator = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    dtype = draw(st.sampled_from([np.float64, np.float32]))
    return (
        whole_numbers(generator, (N, C, *geometry.input_size), dtype),
        whole_numbers(generator, (O, C // groups, *geometry.kernel_size), dtype),
        whole_numbers(generator, (N, O, *geometry.output_size), dtype),
    )


LAYOUTS = ("plain", "fortran", "reversed", "every third", "transposed", "read-only", "repeated")


def laid_out(array: np.ndarray, layout: str) -> np.ndarray:
    """The same values in another memory layout; `repeated` changes them: every image is the first, with stride 0."""
    if layout == "fortran":
        return np.asfortranarray(array)
    if layout == "reversed":
        turn = (slice(None, None, -1),) * array.ndim
        return array[turn].copy()[turn]
    if layout == "every third":
        roomy = np.full((*array.shape[:-1], 3 * array.shape[-1] + 1), np.nan, array.dtype)
        roomy[..., 1::3] = array
        return roomy[..., 1::3]
    if layout == "transposed":
        return array.transpose(1, 3, 0, 2).copy().transpose(2, 0, 3, 1)
    if layout == "read-only":
        array = array.copy()
        array.flags.writeable = False
    if layout == "repeated" and len(array):
        return np.broadcast_to(array[:1], array.shape)
    return array


def layouts() -> st.SearchStrategy[str]:
    return st.sampled_from(LAYOUTS)


def distinct(generator: np.random.Generator, shape: tuple[int, ...], step: float = 0.25) -> np.ndarray:
    """No two elements closer than `step`, none closer to 0 than half of it: no kink within reach of a difference."""
    size = int(np.prod(shape))
    values = (np.arange(size) - size // 2 + 0.5) * step
    return generator.permutation(values).reshape(shape)
