"""Laws of pixel_shuffle and pixel_unshuffle: channels that become pixels, and back. Exact."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from hypothesis import strategies as st

from minifcn.testing.law import demand, equal, law, refuses
from minifcn.testing.operations import Operations
from minifcn.testing.strategies import count, laid_out, layouts, pairs, seeds, shown, whole_numbers


@dataclass(frozen=True)
class Shuffling:
    """A factor r, many channels with few pixels, and few channels with many."""

    factor: int
    small: np.ndarray
    large: np.ndarray

    def __str__(self) -> str:
        N, C, H, W = self.small.shape
        made = f"{count(N, 'image')} of {count(C, 'channel')} with {H}x{W} pixels, factor {self.factor}"
        return f"{made}\n{shown(small=self.small, large=self.large)}"


@st.composite
def shufflings(draw: Any, layout: bool = False) -> Shuffling:
    r, (H, W), seed = draw(st.sampled_from([2, 3, 1])), draw(pairs(1, 3)), draw(seeds())
    N, C = draw(st.sampled_from([1, 2])), draw(st.integers(1, 3))
    source = np.random.default_rng(seed) if seed else 0
    small, large = (whole_numbers(source, shape) for shape in ((N, C * r * r, H, W), (N, C, H * r, W * r)))
    small = small + np.arange(small.size).reshape(small.shape) / 1024  # all different
    large = large + np.arange(large.size).reshape(large.shape) / 1024
    if layout:
        small, large = laid_out(small, draw(layouts())), laid_out(large, draw(layouts()))
    return Shuffling(r, small, large)


def enlarged(ops: Operations, case: Shuffling, x: Any = None) -> np.ndarray:
    y = ops.pixel_shuffle(case.small if x is None else x, case.factor)
    demand(y.shape == case.large.shape, f"The result has shape {y.shape}, it should have {case.large.shape}.")
    return y


def reduced(ops: Operations, case: Shuffling, x: Any = None) -> np.ndarray:
    y = ops.pixel_unshuffle(case.large if x is None else x, case.factor)
    demand(y.shape == case.small.shape, f"The result has shape {y.shape}, it should have {case.small.shape}.")
    return y


@law("pixel_shuffle", cases=shufflings)
def channels_become_pixels(ops: Operations, case: Shuffling) -> None:
    """Of r·r channels, the one with number a·r + b holds the pixel in row a and column b of every block of r x r.

    pixel_shuffle(x, r)[n, c, h·r + a, w·r + b] = x[n, c·r² + a·r + b, h, w]
    """
    y, r = enlarged(ops, case), case.factor
    for c, a, b in np.ndindex(y.shape[1], r, r):
        equal(y[:, c, a::r, b::r], case.small[:, c * r * r + a * r + b], f"phase {[a, b]} of channel {c}")


@law("pixel_unshuffle", cases=shufflings)
def pixels_become_channels(ops: Operations, case: Shuffling) -> None:
    """Every r-th pixel of every r-th row makes a channel; a channel's r·r phases follow one another row by row.

    pixel_unshuffle(x, r)[n, c·r² + a·r + b, h, w] = x[n, c, h·r + a, w·r + b]
    """
    y, r = reduced(ops, case), case.factor
    for c, a, b in np.ndindex(case.large.shape[1], r, r):
        equal(y[:, c * r * r + a * r + b], case.large[:, c, a::r, b::r], f"channel {c * r * r + a * r + b}")


@law("pixel_shuffle", "pixel_unshuffle", cases=shufflings)
def shuffling_is_undone(ops: Operations, case: Shuffling) -> None:
    """Each undoes the other: no element is lost, made or changed.

    pixel_unshuffle(pixel_shuffle(x)) = x, pixel_shuffle(pixel_unshuffle(x)) = x
    """
    equal(reduced(ops, case, enlarged(ops, case)), case.small, "shuffled and back")
    equal(enlarged(ops, case, reduced(ops, case)), case.large, "unshuffled and back")


@law("pixel_shuffle", "pixel_unshuffle", cases=shufflings)
def what_does_not_divide_is_not_shuffled(ops: Operations, case: Shuffling) -> None:
    """Channels that r·r does not divide, or rows and columns that r does not, are an error.

    pixel_shuffle(x of C·r² + 1 channels) and pixel_unshuffle(x of H·r + 1 rows) are refused, for r > 1
    """
    r = case.factor
    if r == 1:
        return
    more = np.concatenate([case.small, case.small[:, :1]], 1)
    refuses(partial(ops.pixel_shuffle, more, r), f"{more.shape[1]} channels for a factor of {r}")
    for axis, what in ((2, "rows"), (3, "columns")):
        longer = np.concatenate([case.large, case.large.take([0], axis)], axis)
        refuses(partial(ops.pixel_unshuffle, longer, r), f"{longer.shape[axis]} {what} for a factor of {r}")


@law("pixel_shuffle", "pixel_unshuffle", cases=shufflings, layout=True)
def shuffling_minds_its_manners(ops: Operations, case: Shuffling) -> None:
    """Any memory layout will do, arguments are read and never written, and the result keeps the dtype.

    pixel_shuffle(x) = pixel_shuffle(copy of x), result.dtype = x.dtype, x unchanged
    """
    small, large = case.small.copy(order="C"), case.large.copy(order="C")
    equal(enlarged(ops, case), enlarged(ops, case, small), "the shuffled image")
    equal(reduced(ops, case), reduced(ops, case, large), "the unshuffled image")
    equal(small, case.small, "the channels afterwards")
    equal(large, case.large, "the pixels afterwards")
    for found in (enlarged(ops, case, small.astype(np.float32)), reduced(ops, case, large.astype(np.float32))):
        demand(found.dtype == np.float32, f"The result of float32 is {found.dtype}.")
