"""Laws of bicubic interpolation and of its gradient."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from hypothesis import strategies as st

from minifcn.arguments import Pair
from minifcn.testing.law import close, demand, equal, law
from minifcn.testing.operations import Operations
from minifcn.testing.strategies import count, laid_out, layouts, pairs, seeds, shown, whole_numbers


@dataclass(frozen=True)
class Cubic:
    """An image, the size wanted, and the way; y has that size."""

    x: np.ndarray
    y: np.ndarray
    align_corners: bool

    @property
    def size(self) -> Pair:
        return self.y.shape[2], self.y.shape[3]

    def __str__(self) -> str:
        N, C, H, W = self.x.shape
        made = f"{count(N, 'image')} of {count(C, 'channel')}, from {H}x{W} to {self.size[0]}x{self.size[1]} pixels"
        return f"{made}, bicubic{', corners aligned' * self.align_corners}\n{shown(x=self.x, y=self.y)}"


@st.composite
def cubics(draw: Any, layout: bool = False) -> Cubic:
    """Enlarged, made smaller, or one of each."""
    before, after, align = draw(pairs(1, 7)), draw(pairs(1, 9)), draw(st.booleans())
    planes, seed = (draw(st.integers(1, 2)), draw(st.integers(1, 2))), draw(seeds())
    source = np.random.default_rng(seed) if seed else 0
    x, y = (whole_numbers(source, (*planes, *size)) for size in (before, after))
    if layout:
        x, y = laid_out(x, draw(layouts())), laid_out(y, draw(layouts()))
    return Cubic(x, y, align)


def resized(ops: Operations, case: Cubic, x: Any = None, size: Any = None) -> np.ndarray:
    given, wanted = case.x if x is None else x, case.size if size is None else size
    return ops.interpolate_bicubic(given, wanted, align_corners=case.align_corners)


def received(ops: Operations, case: Cubic, y: Any = None) -> np.ndarray:
    """What x receives from the cotangent y."""
    return ops.interpolate_bicubic_backward(
        case.y if y is None else y, case.x, case.size, align_corners=case.align_corners
    )


def along_a_line(line: np.ndarray, at: np.ndarray) -> np.ndarray:
    """Keys' curve with a = −3/4 through the numbers of a line, read at the places `at`; the ends are repeated."""
    before = np.floor(at).astype(int)
    t, total = at - before, np.zeros(len(at))
    # Between two numbers: the cubic with these values whose slopes are 3/4 of the rise from neighbour to neighbour.
    p, q, r, s = (line[np.clip(before + j, 0, len(line) - 1)] for j in (-1, 0, 1, 2))
    start, end = 0.75 * (r - p), 0.75 * (s - q)
    total += q + t * start
    return total + t * t * (3 * (r - q) - 2 * start - end) + t**3 * (2 * (q - r) + start + end)


@law("interpolate_bicubic", cases=cubics)
def bicubic_keeps_an_image_of_its_size(ops: Operations, case: Cubic) -> None:
    """An image that is resized to the size that it has stays as it is.

    interpolate(x, (H, W)) = x
    """
    close(resized(ops, case, size=case.x.shape[2:]), case.x, atol=1e-12)


@law("interpolate_bicubic", cases=cubics)
def bicubic_keeps_constants_and_sums(ops: Operations, case: Cubic) -> None:
    """The weights of each pixel sum to 1, and they do not depend on the image.

    interpolate(5) = 5, interpolate(2·x − 3·x') = 2·interpolate(x) − 3·interpolate(x')
    """
    close(resized(ops, case, np.full_like(case.x, 5)), np.full_like(case.y, 5), "the constant image")
    x, other = case.x, case.x[..., ::-1, ::-1] + 1
    close(resized(ops, case, 2 * x - 3 * other), 2 * resized(ops, case) - 3 * resized(ops, case, other), atol=1e-8)


@law("interpolate_bicubic", cases=cubics)
def one_line_is_a_cubic_curve(ops: Operations, case: Cubic) -> None:
    """Along one axis it is a smooth cubic through the pixels, at the places of the new ones; the border is repeated.

    interpolate(x)[I] = q + t·q' + t²·(3(r − q) − 2q' − r') + t³·(2(q − r) + q' + r'), q' = 3(r − p)/4, r' = 3(s − q)/4,
    with u(I) = (I + 1/2)·H/OH − 1/2, or with align_corners I·(H − 1)/(OH − 1), and p, q, r, s at ⌊u⌋ − 1 … ⌊u⌋ + 2
    """
    for axis in (2, 3):
        line = np.take(case.x, [0], 5 - axis)  # one column, or one row
        new, old = case.size[axis - 2], line.shape[axis]
        size = (new, 1) if axis == 2 else (1, new)
        at = (np.arange(new) + 0.5) * old / new - 0.5
        if case.align_corners:
            at = np.arange(new) * ((old - 1) / max(1, new - 1))
        near = np.rint(at)
        at = np.where(np.abs(at - near) < 1e-9, near, at)  # at a pixel, not an ulp before it
        found = resized(ops, case, line, size)[0, 0].ravel()
        close(found, along_a_line(line[0, 0].ravel(), at), f"the {'column' if axis == 2 else 'row'}", atol=1e-8)


@law("interpolate_bicubic", cases=cubics)
def bicubic_takes_rows_and_columns_independently(ops: Operations, case: Cubic) -> None:
    """First the rows and then the columns, or both at once: the same image; and turned over it is turned over.

    interpolate(x, (OH, OW)) = interpolate(interpolate(x, (OH, W)), (OH, OW)), interpolate(xᵀ) = interpolate(x)ᵀ
    """
    found, turned = resized(ops, case), case.x.swapaxes(2, 3)
    halfway = resized(ops, case, size=(case.size[0], case.x.shape[3]))
    close(resized(ops, case, halfway), found, "rows, then columns,", atol=1e-8)
    close(resized(ops, case, turned, case.size[::-1]).swapaxes(2, 3), found, "the transposed image", atol=1e-8)


@law("interpolate_bicubic", cases=cubics)
def bicubic_overdraws_an_edge(ops: Operations, case: Cubic) -> None:
    """Beside a step from 0 to 1 the curve swings to either side: results leave the range of the image.

    min interpolate(step) < 0 and max interpolate(step) > 1, for 8 pixels enlarged twice
    """
    step = np.repeat([0.0, 1.0], 4).reshape(1, 1, 1, 8)
    found = ops.interpolate_bicubic(step, (1, 16), align_corners=case.align_corners)
    demand(found.min() < 0 and found.max() > 1, f"The step came out between {found.min():g} and {found.max():g}.")


@law("interpolate_bicubic", "interpolate_bicubic_backward", cases=cubics)
def the_bicubic_gradient_is_the_transpose(ops: Operations, case: Cubic) -> None:
    """Interpolation is linear, so its gradient is its transpose: the same weights, read the other way.

    ⟨interpolate(x), y⟩ = ⟨x, ∂x(y)⟩
    """
    found = received(ops, case)
    demand(found.shape == case.x.shape, f"The gradient has shape {found.shape}, the image {case.x.shape}.")
    close((case.x * found).sum(), (resized(ops, case) * case.y).sum(), "⟨x, ∂x(y)⟩", atol=1e-7)


@law("interpolate_bicubic_backward", cases=cubics)
def the_bicubic_gradient_loses_nothing(ops: Operations, case: Cubic) -> None:
    """What the new pixels receive is handed on to the old ones, all of it: weights sum to 1.

    Σ ∂x = Σ y, for each channel of each image
    """
    close(received(ops, case).sum((2, 3)), case.y.sum((2, 3)), "the sum of what the pixels receive", atol=1e-8)


@law("interpolate_bicubic", "interpolate_bicubic_backward", cases=cubics, layout=True)
def bicubic_minds_its_manners(ops: Operations, case: Cubic) -> None:
    """Any memory layout will do, arguments are read and never written, and results have the dtype of the image.

    interpolate(x) = interpolate(copy of x), result.dtype = x.dtype, x unchanged, no element shared
    """
    copies = replace(case, x=case.x.copy(order="C"), y=case.y.copy(order="C"))
    close(resized(ops, case), resized(ops, copies), atol=1e-8)
    close(received(ops, case), received(ops, copies), "the gradient", atol=1e-8)
    equal(copies.x, case.x, "the image afterwards")
    equal(copies.y, case.y, "what came in, afterwards,")
    same = resized(ops, copies, size=copies.x.shape[2:])
    demand(not np.shares_memory(same, copies.x), "The result of the same size shares memory with the image.")
    single = replace(case, x=case.x.astype(np.float32), y=case.y.astype(np.float32))
    for what, found in {"result": resized(ops, single), "gradient": received(ops, single)}.items():
        demand(found.dtype == np.float32, f"The {what} of float32 is {found.dtype}.")
