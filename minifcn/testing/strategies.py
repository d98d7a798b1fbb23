"""What Hypothesis draws: geometries biased to remainders and edges, whole numbers, and one array in many layouts.

The two axes differ by default. A square case cannot tell rows from columns, a stride that divides evenly cannot tell
floor from ceil, and one channel cannot tell channels apart: such cases are drawn too, but seldom.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import cache
from math import prod
from typing import Any

import numpy as np
from hypothesis import strategies as st

from minifcn.arguments import Pair
from minifcn.geometry import Geometry

Draw = Any  # the function that Hypothesis hands to a composite strategy; its type has no useful name


# Arguments that keep their default in every draw, and those that are the same for rows and columns: what an
# implementation under test does not take at all, and what it takes as one number.
_fixed: ContextVar[frozenset[str]] = ContextVar("minifcn_testing_fixed", default=frozenset())
_square: ContextVar[frozenset[str]] = ContextVar("minifcn_testing_square", default=frozenset())


@contextmanager
def keeping_default(names: Iterable[str], square: Iterable[str] = ()) -> Iterator[None]:
    """Inside, geometries are drawn with the arguments `names` ("stride", "padding", "groups", ...) at their default.

    square: arguments that are drawn equal for rows and columns.
    """
    tokens = _fixed.set(frozenset(names)), _square.set(frozenset(square))
    try:
        yield
    finally:
        _fixed.reset(tokens[0])
        _square.reset(tokens[1])


def restrictions() -> tuple[frozenset[str], frozenset[str]]:
    """The arguments that keep their default now, and those that are drawn equal for rows and columns."""
    return _fixed.get(), _square.get()


def _free(draw: Draw, name: str, strategy: st.SearchStrategy[Any], default: Any) -> Any:
    return default if name in _fixed.get() else draw(strategy)


def _pair(draw: Draw, name: str, smallest: int, largest: int, default: Any = None) -> Any:
    """(rows, columns) of an argument, mostly unequal."""
    if name in _square.get() - _fixed.get():
        number = draw(st.integers(smallest, largest))
        return number, number
    return _free(draw, name, pairs(smallest, largest), default)


def _along(draw: Draw, name: str, earlier: Sequence[int], most: Sequence[int]) -> int:
    """An argument's number for the next axis: up to `most` of that axis, or of both if they are to be equal."""
    if name not in _square.get():
        return int(_free(draw, name, st.integers(0, most[len(earlier)]), 0))
    return earlier[0] if earlier else int(_free(draw, name, st.integers(0, min(most)), 0))


# --- numbers ----------------------------------------------------------------------------------------------------------


@cache
def pairs(smallest: int, largest: int) -> st.SearchStrategy[Pair]:
    """(rows, columns), mostly unequal; one draw for both, since drawing is what takes the time."""
    numbers = range(smallest, largest + 1)
    made = sorted(((a, b) for a in numbers for b in numbers), key=lambda pair: abs(pair[0]) + abs(pair[1]))
    unequal = [pair for pair in made if pair[0] != pair[1]]
    return st.sampled_from([*unequal, *unequal, *unequal, *made])


def seeds() -> st.SearchStrategy[int]:
    """What `whole_numbers` and `distinct` are made from; a failing example shrinks to 0, which is easy to read."""
    return st.integers(0, 2**32 - 1)


def whole_numbers(seed: int | np.random.Generator, shape: tuple[int, ...], dtype: Any = np.float64) -> np.ndarray:
    """Integers in [−9, 9] as floating point: sums and products of them are exact, in any order. Seed 0 counts 1, 2, 3.

    >>> whole_numbers(0, (2, 3)).tolist()
    [[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]
    """
    if isinstance(seed, int) and seed == 0:
        return (np.arange(prod(shape)) % 9 + 1).reshape(shape).astype(dtype)
    return np.random.default_rng(seed).integers(-9, 10, shape).astype(dtype)


def distinct(seed: int | np.random.Generator, shape: tuple[int, ...], step: float = 0.25) -> np.ndarray:
    """No two elements closer than `step`, none closer to 0 than half of it: no kink within reach of a difference."""
    values = (np.arange(prod(shape)) - prod(shape) // 2 + 0.5) * step
    return np.random.default_rng(seed).permutation(values).reshape(shape)


# --- geometries -------------------------------------------------------------------------------------------------------


@st.composite
def geometries(draw: Draw, groups: int | None = None) -> Geometry:
    """A convolution: kernels up to 4x4 (1x1 and the whole padded image included), stride remainders preferred.

    The size comes from the number of windows, so that every draw is valid: one window more or less, and a remainder
    that is most often the largest one, where a stride leaves rows that no window sees.
    """
    kernel, stride = draw(pairs(1, 4)), _pair(draw, "stride", 1, 4, (1, 1))
    padding = _pair(draw, "padding", 0, 3, (0, 0))
    dilation = _pair(draw, "dilation", 1, 3, (1, 1))
    size = []
    for axis in (0, 1):
        windows = draw(st.integers(1, 3))
        unseen = draw(st.sampled_from([stride[axis] - 1, 0, stride[axis] // 2]))
        reach = dilation[axis] * (kernel[axis] - 1) + 1
        size.append(max(0, reach + (windows - 1) * stride[axis] + unseen - 2 * padding[axis]))
    number = _free(draw, "groups", st.sampled_from([1, 1, 2, 3]), 1) if groups is None else groups
    return Geometry.of_convolution(size, kernel, stride, padding, dilation, number)


@st.composite
def transposed_geometries(draw: Draw) -> Geometry:
    """A transposed convolution, from the size of y, with every output_padding that is allowed."""
    kernel, stride = draw(pairs(1, 4)), _pair(draw, "stride", 1, 4, (1, 1))
    dilation, size = _pair(draw, "dilation", 1, 3, (1, 1)), draw(pairs(1, 3))
    smallest = [(size[a] - 1) * stride[a] + dilation[a] * (kernel[a] - 1) + 1 for a in (0, 1)]
    padding: list[int] = []
    extra: list[int] = []
    for axis in (0, 1):
        extra.append(_along(draw, "output_padding", extra, [max(stride[a], dilation[a]) - 1 for a in (0, 1)]))
        more = 0 if "padding" in _square.get() else extra[axis]
        padding.append(_along(draw, "padding", padding, [min(3, (made + more - 1) // 2) for made in smallest]))
    number = _free(draw, "groups", st.sampled_from([1, 1, 2]), 1)
    return Geometry.of_transposed_convolution(size, kernel, stride, padding, extra, number, dilation)


@st.composite
def pool_geometries(draw: Draw, ceil_mode: bool | None = None, dilated: bool = True) -> Geometry:
    """A pooling with paddings up to half the window; in ceil mode the last window may hang over the edge."""
    kernel = _pair(draw, "kernel_size", 1, 4)
    stride = _pair(draw, "stride", 1, 4, kernel)
    dilation = _pair(draw, "dilation", 1, 2, (1, 1)) if dilated else (1, 1)
    ceil = _free(draw, "ceil_mode", st.booleans(), False) if ceil_mode is None else ceil_mode
    size: list[int] = []
    padding: list[int] = []
    for axis in (0, 1):
        reach = dilation[axis] * (kernel[axis] - 1) + 1
        # Padding up to half the taps: with holes between them, half the reach could leave a window without a pixel.
        padding.append(_along(draw, "padding", padding, [taps // 2 for taps in kernel]))
        windows, unseen = draw(st.integers(1, 3)), draw(st.integers(0, stride[axis] - 1))
        size.append(max(dilation[axis], 1, reach + (windows - 1) * stride[axis] + unseen - 2 * padding[axis]))
    return Geometry.of_pooling(size, kernel, stride, padding, dilation, ceil)


# --- operands ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class ConvOperands:
    """One case of T(x, w, y): whole numbers that fit one geometry. y is a cotangent for conv2d's result."""

    geometry: Geometry
    x: np.ndarray
    weight: np.ndarray
    y: np.ndarray
    bias: np.ndarray

    @property
    def options(self) -> dict[str, Any]:
        g = self.geometry
        return {"stride": g.stride, "padding": g.padding, "dilation": g.dilation, "groups": g.groups}

    @property
    def transposed_options(self) -> dict[str, Any]:
        """For conv_transpose2d(y, weight), which makes an array of the size of x."""
        g = self.geometry
        extra = tuple(
            g.input_size[a] + 2 * g.padding[a] - g.reach[a] - (g.output_size[a] - 1) * g.stride[a] for a in (0, 1)
        )
        return {**self.options, "output_padding": extra}

    def __str__(self) -> str:
        g, (N, C, H, W), (O, *_) = self.geometry, self.x.shape, self.weight.shape
        made = f"{count(N, 'image')} of {count(C, 'channel')} with {H}x{W} pixels, {count(O, 'output channel')}"
        return f"{made}, {window_in_words(g)}, groups {g.groups}\n{shown(x=self.x, weight=self.weight, y=self.y)}"


@st.composite
def conv_operands(draw: Draw, geometry: Any = None, empty: bool = False) -> ConvOperands:
    """Whole numbers of one dtype, more than one image and unequal channels preferred.

    geometry: a Geometry or a strategy for one, default `geometries()`. empty: now and then no images or no channels.
    """
    drawn = geometries() if geometry is None else geometry
    g = drawn if isinstance(drawn, Geometry) else draw(drawn)
    small = 0 if empty and draw(st.integers(0, 7)) == 0 else 1
    most = 2 if g.groups > 1 else 3
    C, O = g.groups * draw(st.integers(small, most)), g.groups * draw(st.integers(small, most))
    N = draw(st.sampled_from([1, 2, 2, small]))
    seed = draw(seeds())
    dtype = draw(st.sampled_from([np.float64, np.float32]))
    source = np.random.default_rng(seed) if seed else 0
    return ConvOperands(
        g,
        whole_numbers(source, (N, C, *g.input_size), dtype),
        whole_numbers(source, (O, C // g.groups, *g.kernel_size), dtype),
        whole_numbers(source, (N, O, *g.output_size), dtype),
        whole_numbers(source, (O,), dtype),
    )


@dataclass(frozen=True)
class PoolOperands:
    """One case of a pooling: x, a cotangent y of the result's size, and whether the geometry is one of ceil mode."""

    geometry: Geometry
    ceil_mode: bool
    x: np.ndarray
    y: np.ndarray

    @property
    def options(self) -> dict[str, Any]:
        """Of avg_pool2d; max_pool2d takes `dilation` besides."""
        g = self.geometry
        return {"kernel_size": g.kernel_size, "stride": g.stride, "padding": g.padding, "ceil_mode": self.ceil_mode}

    @property
    def max_options(self) -> dict[str, Any]:
        return {**self.options, "dilation": self.geometry.dilation}

    def __str__(self) -> str:
        N, C, H, W = self.x.shape
        made = f"{count(N, 'image')} of {count(C, 'channel')} with {H}x{W} pixels, {window_in_words(self.geometry)}"
        return f"{made}{', ceil mode' if self.ceil_mode else ''}\n{shown(x=self.x, y=self.y)}"


@st.composite
def pool_operands(draw: Draw, dilated: bool = True, ties: bool | None = None, ceil_mode: bool | None = None) -> Any:
    """A pooling and what it is given: whole numbers with many ties, or numbers without any.

    dilated: with dilations too (max pooling). ties, ceil_mode: True or False, None draws either.
    """
    ceil = _free(draw, "ceil_mode", st.booleans(), False) if ceil_mode is None else ceil_mode
    g = draw(pool_geometries(ceil, dilated))
    N, C = draw(st.sampled_from([1, 2])), draw(st.integers(1, 3))
    seed = draw(seeds())
    shape = (N, C, *g.input_size)
    tied = draw(st.booleans()) if ties is None else ties
    x = whole_numbers(seed, shape) if tied else distinct(seed, shape, 1.0)
    # Mostly negative: a zero that leaks out of the padding would win.
    x = x - draw(st.sampled_from([20.0, 0.0]))
    return PoolOperands(g, ceil, x, whole_numbers(seed, (N, C, *g.output_size)))


# --- layouts ----------------------------------------------------------------------------------------------------------

LAYOUTS = ("plain", "fortran", "reversed", "every third", "transposed", "read-only", "repeated")


def layouts() -> st.SearchStrategy[str]:
    """A name of LAYOUTS, for `laid_out`."""
    return st.sampled_from(LAYOUTS)


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


# --- in words ---------------------------------------------------------------------------------------------------------


def listed(words: Sequence[str]) -> str:
    """a, b and c"""
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def window_in_words(g: Geometry) -> str:
    kernel = f"{g.kernel_size[0]}x{g.kernel_size[1]}"
    return f"kernel {kernel}, stride {g.stride}, padding {g.padding}, dilation {g.dilation}"


def shown(**arrays: np.ndarray) -> str:
    """`name = values`, one line each, whole numbers without their points; what is too long is shortened."""
    with np.printoptions(threshold=60, linewidth=10_000):
        lines = []
        for name, array in arrays.items():
            whole = array.size and np.isfinite(array).all() and (array == np.round(array)).all()
            text = np.array2string(array.astype(int) if whole else array, separator=", ")
            lines.append(f"    {name} = {' '.join(text.split())}   ({array.dtype}, shape {array.shape})")
    return "\n".join(lines)
