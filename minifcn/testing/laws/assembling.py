"""Laws of the way back of FCN-8s: three scores, each on a grid of its own, become one as large as the image.

All numbers are whole and all weights of the tents powers of two, so everything is exact.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
from hypothesis import strategies as st

from minifcn.arguments import Pair
from minifcn.testing.law import demand, equal, law, refuses
from minifcn.testing.operations import Operations
from minifcn.testing.strategies import Draw, count, pairs, seeds, shown, whole_numbers


@dataclass(frozen=True)
class Streams:
    """Scores at 1/32, 1/16 and 1/8 of an image of `size`, as poolings that round up leave them."""

    score: np.ndarray
    skip4: np.ndarray
    skip3: np.ndarray
    size: Pair

    @property
    def maps(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        return self.score, self.skip4, self.skip3

    def __str__(self) -> str:
        N, C = self.score.shape[:2]
        made = f"{count(N, 'image')} with {self.size[0]}x{self.size[1]} pixels, {C} classes"
        return f"{made}\n{shown(score=self.score, skip4=self.skip4, skip3=self.skip3)}"


@st.composite
def streams(draw: Draw) -> Streams:
    """One or two rows and columns of the coarsest score; sizes that are no multiples of 32 preferred."""
    size, (N, C), seed = draw(pairs(9, 34)), draw(st.sampled_from([(2, 2), (1, 3), (2, 3)])), draw(seeds())
    source = np.random.default_rng(seed) if seed else 0
    fine: Any = tuple(-(-pixels // 8) for pixels in size)
    middle: Any = tuple(-(-pixels // 2) for pixels in fine)
    coarse: Any = tuple(-(-pixels // 2) for pixels in middle)
    score, skip4, skip3 = (whole_numbers(source, (N, C, *shape)) for shape in (coarse, middle, fine))
    return Streams(score, skip4, skip3, size)


def enlarged(x: np.ndarray, size: tuple[int, ...], factor: int) -> np.ndarray:
    """Pixel I of a line is Σ_i x[i] · max(0, 1 − |(I + 1/2)/factor − 1/2 − i|): tents, without a convolution."""
    down, right = (
        np.maximum(0, 1 - np.abs((np.arange(new)[:, None] + 0.5) / factor - 0.5 - np.arange(old)))
        for new, old in zip(size, x.shape[2:], strict=True)
    )
    return np.einsum("Ii,Jj,ncij->ncIJ", down, right, x)


@law("fcn8s", cases=streams)
def empty_skips_leave_the_coarse_score(ops: Operations, case: Streams) -> None:
    """With skips of zeros, as they are when training begins, the result is the coarse score, enlarged three times.

    fcn8s(z, 0, 0) = up8(up2(up2(z))), up_s(z)[I] = Σ_i z[i] · max(0, 1 − |(I + 1/2)/s − 1/2 − i|)
    """
    z, skip4, skip3 = case.maps
    doubled = enlarged(enlarged(z, skip4.shape[2:], 2), skip3.shape[2:], 2)
    found = ops.fcn8s(z, np.zeros_like(skip4), np.zeros_like(skip3), case.size)
    equal(found, enlarged(doubled, case.size, 8))


@law("fcn8s", cases=streams)
def each_skip_is_enlarged_from_its_own_grid(ops: Operations, case: Streams) -> None:
    """A skip alone is enlarged from where it lies: skip4 by 2 and by 8, skip3 by 8.

    fcn8s(0, s4, 0) = up8(up2(s4)), fcn8s(0, 0, s3) = up8(s3)
    """
    z, skip4, skip3 = case.maps
    middle = enlarged(enlarged(skip4, skip3.shape[2:], 2), case.size, 8)
    equal(ops.fcn8s(np.zeros_like(z), skip4, np.zeros_like(skip3), case.size), middle, "the result of skip4 alone")
    fine = enlarged(skip3, case.size, 8)
    equal(ops.fcn8s(np.zeros_like(z), np.zeros_like(skip4), skip3, case.size), fine, "the result of skip3 alone")


@law("fcn8s", cases=streams)
def three_streams_add_up(ops: Operations, case: Streams) -> None:
    """The result is the sum of what each of the three gives alone: nothing is averaged, cut or left out.

    fcn8s(z, s4, s3) = fcn8s(z, 0, 0) + fcn8s(0, s4, 0) + fcn8s(0, 0, s3)
    """
    alone = [
        ops.fcn8s(*(m if k == kept else np.zeros_like(m) for k, m in enumerate(case.maps)), case.size)
        for kept in range(3)
    ]
    equal(ops.fcn8s(*case.maps, case.size), sum(alone))


@law("fcn8s", cases=streams)
def a_move_by_32_moves_the_result_by_32(ops: Operations, case: Streams) -> None:
    """A row more of zeros above the coarsest score, two above skip4 and four above skip3 move the result by 32 rows.

    fcn8s(below 2, 4, 8 rows of zeros, (H + 64, W))[32:] = fcn8s(below 1, 2, 4, (H + 32, W)), and so for columns
    """
    H, W = case.size
    for axis in (0, 1):
        still, moved = (
            ops.fcn8s(*(below(m, rows * n, axis) for m, n in zip(case.maps, (1, 2, 4), strict=True)),
                      (H + 32 * rows * (1 - axis), W + 32 * rows * axis))
            for rows in (1, 2)
        )  # fmt: skip
        wanted = (H + 64 - 64 * axis, W + 64 * axis)
        demand(np.shape(moved)[2:] == wanted, f"The result has shape {np.shape(moved)}, it should end in {wanted}.")
        equal(moved[:, :, 32:] if axis == 0 else moved[..., 32:], still, "the moved result")


def below(x: np.ndarray, zeros: int, axis: int) -> np.ndarray:
    """A map below, or to the right of, rows or columns of zeros."""
    edge = [(0, 0), (0, 0), (0, 0), (0, 0)]
    edge[2 + axis] = (zeros, 0)
    return np.pad(x, edge)


@law("fcn8s", cases=streams)
def classes_and_images_stay_apart(ops: Operations, case: Streams) -> None:
    """Classes and images in another order give the results in that order: none of them sees another one.

    fcn8s(z[σ, τ], s4[σ, τ], s3[σ, τ]) = fcn8s(z, s4, s3)[σ, τ]
    """
    turned = [np.roll(m[::-1], 1, 1) for m in case.maps]
    equal(ops.fcn8s(*turned, case.size), np.roll(ops.fcn8s(*case.maps, case.size)[::-1], 1, 1))
    alone = [m.copy() for m in case.maps]
    for m in alone:
        m[:, 1:] = 0
    equal(ops.fcn8s(*alone, case.size)[:, 1:], 0 * ops.fcn8s(*case.maps, case.size)[:, 1:], "classes that are zero")


@law("fcn8s", cases=streams)
def an_image_that_is_not_covered_is_refused(ops: Operations, case: Streams) -> None:
    """Scores that end before the image does cannot label it: an error, not a smaller result.

    fcn8s(z, s4, s3, (H', W)) is refused if the enlarged score has fewer than H' rows, 8·h3 + 4, behind its crop
    """
    (H, W), (rows, columns) = case.size, case.skip3.shape[2:]
    for size in ((8 * rows + 5, W), (H, 8 * columns + 5)):
        refuses(partial(ops.fcn8s, *case.maps, size), f"An image of {size} for a skip3 of {rows}x{columns}")


@law("fcn8s", cases=streams)
def the_streams_are_only_read(ops: Operations, case: Streams) -> None:
    """The three scores are as they were, and the result is memory of its own, with their dtype.

    after fcn8s(z, s4, s3): z, s4 and s3 unchanged, result.dtype = z.dtype
    """
    single = replace(case, **{name: getattr(case, name).astype(np.float32) for name in ("score", "skip4", "skip3")})
    found = ops.fcn8s(*single.maps, case.size)
    for now, before, name in zip(single.maps, case.maps, ("score", "skip4", "skip3"), strict=True):
        equal(now, before, f"{name} afterwards")
        demand(not np.shares_memory(found, now), f"The result shares memory with {name}.")
    demand(found.dtype == np.float32, f"The result of float32 is {found.dtype}.")
