"""Laws of interpolation and of the bilinear kernel. Exact where all numbers are powers of two, close elsewhere."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from hypothesis import strategies as st

from minifcn.arguments import Pair
from minifcn.testing.law import close, demand, equal, law
from minifcn.testing.operations import Operations
from minifcn.testing.strategies import count, laid_out, layouts, pairs, seeds, shown, whole_numbers

# --- the kernel -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Tent:
    """A kernel that enlarges by `factor`: 2s taps, or 2s − 1, and an image for it."""

    factor: Pair
    odd: tuple[bool, bool]
    x: np.ndarray

    @property
    def kernel_size(self) -> Pair:
        return 2 * self.factor[0] - self.odd[0], 2 * self.factor[1] - self.odd[1]

    def __str__(self) -> str:
        return f"kernel {self.kernel_size}, which enlarges {self.factor} times\n{shown(x=self.x)}"


@st.composite
def tents(draw: Any, powers: bool = False) -> Tent:
    """powers: factors of 1, 2 and 4, with which all weights are exact."""
    number = st.sampled_from([1, 2, 4]) if powers else st.integers(1, 7)
    factor, odd = draw(st.tuples(number, number)), draw(st.tuples(st.booleans(), st.booleans()))
    return Tent(factor, odd, whole_numbers(draw(seeds()), (1, 1, *draw(pairs(1, 4)))))


@law("bilinear_kernel", cases=tents)
def the_tent_is_symmetric(ops: Operations, case: Tent) -> None:
    """The kernel is the same from above and below, from left and right; its middle is the middle of its taps.

    w = w[::−1] = w[:, ::−1] for every k, and w(k_w, k_h) = w(k_h, k_w)ᵀ
    """
    w = ops.bilinear_kernel(case.kernel_size)
    close(w[::-1], w, "the kernel upside down", atol=1e-12)
    close(w[:, ::-1], w, "the kernel turned left to right", atol=1e-12)
    close(ops.bilinear_kernel(case.kernel_size[::-1]), w.T, "the kernel of the exchanged size", atol=1e-12)


@law("bilinear_kernel", cases=tents, powers=True)
def the_tent_is_a_product(ops: Operations, case: Tent) -> None:
    """The kernel is a column of weights times a row of weights, so rows and columns are interpolated independently.

    w[i, j] · Σ w = (Σ_j w[i, j]) · (Σ_i w[i, j])
    """
    w = ops.bilinear_kernel(case.kernel_size)
    demand(w.shape == case.kernel_size, f"The kernel has shape {w.shape}, it should have {case.kernel_size}.")
    equal(w * w.sum(), np.outer(w.sum(1), w.sum(0)), "the kernel times its sum")


@law("bilinear_kernel", cases=tents, powers=True)
def shares_sum_to_one(ops: Operations, case: Tent) -> None:
    """The taps that meet in one pixel of the enlarged image sum to 1, so a constant image stays constant.

    Σ over i, j of w[a + i·s, b + j·s] = 1 for every phase a, b < s
    """
    (sh, sw), w = case.factor, ops.bilinear_kernel(case.kernel_size)
    phases = [[w[a::sh, b::sw].sum() for b in range(sw)] for a in range(sh)]
    equal(phases, np.ones((sh, sw)), "the sum of a phase")


@law("bilinear_kernel", cases=tents)
def between_pixels_the_tent_interpolates(ops: Operations, case: Tent) -> None:
    """Stamped with a stride, the kernel draws straight lines between neighbouring pixels, as np.interp does.

    convᵀ(x, w, stride=s)[I] = interp((I − (k − 1)/2) / s, 0 … H − 1, x)   between the first and the last pixel
    """
    x, (KH, KW), (sh, sw) = case.x, case.kernel_size, case.factor
    column = x[:, :, :, :1]
    w = ops.bilinear_kernel((KH, KW))[None, None]
    demand(w.shape[2:] == (KH, KW), f"The kernel has shape {w.shape[2:]}, it should have {(KH, KW)}.")
    tall = ops.conv_transpose2d(np.repeat(column, 3, 3), w, None, (sh, sw))
    line = tall[0, 0, :, KW // 2 + sw]  # where three equal columns leave the rows alone
    at = (np.arange(len(line)) - (KH - 1) / 2) / sh
    inside = (at >= 0) & (at <= x.shape[2] - 1)
    close(line[inside], np.interp(at[inside], np.arange(x.shape[2]), column[0, 0, :, 0]), "the line between the pixels")


@law("bilinear_kernel", "interpolate", cases=tents)
def enlarging_is_a_transposed_convolution(ops: Operations, case: Tent) -> None:
    """Enlarging by a whole factor is a transposed convolution with the tent, of the image with its border repeated.

    interpolate(x, s·H) = convᵀ(x framed by its border, w, stride=s, padding=⌊(s + k)/2⌋), k = 2s, or 2s − 1 if s is odd
    """
    (sh, sw), (H, W) = case.factor, case.x.shape[2:]
    kernel = (2 * sh - sh % 2, 2 * sw - sw % 2)
    framed = np.pad(case.x, ((0, 0), (0, 0), (1, 1), (1, 1)), mode="edge")
    # (H + 1)·s + k − 2p = s·H
    crop = ((sh + kernel[0]) // 2, (sw + kernel[1]) // 2)
    found = ops.interpolate(case.x, (sh * H, sw * W), mode="bilinear")
    w = ops.bilinear_kernel(kernel)[None, None]
    close(found, ops.conv_transpose2d(framed, w, None, (sh, sw), crop))


# --- interpolation ----------------------------------------------------------------------------------------------------

MODES = (("nearest", False), ("bilinear", False), ("bilinear", True))


@dataclass(frozen=True)
class Resizing:
    """An image, the size wanted, and the way; y has that size."""

    x: np.ndarray
    y: np.ndarray
    mode: str
    align_corners: bool

    @property
    def size(self) -> Pair:
        return self.y.shape[2], self.y.shape[3]

    @property
    def options(self) -> dict[str, Any]:
        return {"mode": self.mode, "align_corners": self.align_corners}

    def __str__(self) -> str:
        N, C, H, W = self.x.shape
        made = f"{count(N, 'image')} of {count(C, 'channel')}, from {H}x{W} to {self.size[0]}x{self.size[1]} pixels"
        return f"{made}, {self.mode}{', corners aligned' * self.align_corners}\n{shown(x=self.x, y=self.y)}"


@st.composite
def resizings(draw: Any, mode: str | None = None, align: bool | None = None, layout: bool = False) -> Resizing:
    """Enlarged, made smaller, or one of each."""
    ways = [way for way in MODES if mode in (None, way[0]) and align in (None, way[1])]
    chosen, before, after = draw(st.sampled_from(ways)), draw(pairs(1, 6)), draw(pairs(1, 9))
    planes, seed = (draw(st.integers(1, 2)), draw(st.integers(1, 2))), draw(seeds())
    source = np.random.default_rng(seed) if seed else 0
    x, y = (whole_numbers(source, (*planes, *size)) for size in (before, after))
    if layout:
        x, y = laid_out(x, draw(layouts())), laid_out(y, draw(layouts()))
    return Resizing(x, y, *chosen)


def resized(ops: Operations, case: Resizing, x: Any = None, size: Any = None) -> np.ndarray:
    return ops.interpolate(case.x if x is None else x, case.size if size is None else size, **case.options)


def received(ops: Operations, case: Resizing, y: Any = None) -> np.ndarray:
    """What x receives from the cotangent y."""
    return ops.interpolate_backward(case.y if y is None else y, case.x, case.size, **case.options)


@law("interpolate", cases=resizings)
def the_same_size_is_the_same_image(ops: Operations, case: Resizing) -> None:
    """An image that is resized to the size that it has stays as it is.

    interpolate(x, (H, W)) = x
    """
    close(resized(ops, case, size=case.x.shape[2:]), case.x, atol=1e-12)


@law("interpolate", cases=resizings)
def interpolation_keeps_constants_and_sums(ops: Operations, case: Resizing) -> None:
    """The weights of each pixel sum to 1, and they do not depend on the image.

    interpolate(5) = 5, interpolate(2·x − 3·x') = 2·interpolate(x) − 3·interpolate(x')
    """
    close(resized(ops, case, np.full_like(case.x, 5)), np.full_like(case.y, 5), "the constant image")
    x, other = case.x, case.x[..., ::-1, ::-1] + 1
    close(resized(ops, case, 2 * x - 3 * other), 2 * resized(ops, case) - 3 * resized(ops, case, other))


@law("interpolate", cases=resizings, mode="bilinear", align=True)
def aligned_corners_stay(ops: Operations, case: Resizing) -> None:
    """With align_corners the four corner pixels keep their values.

    interpolate(x, align_corners=True)[first or last, first or last] = x[first or last, first or last]
    """
    H, W = case.size
    rows, columns = ([0] if n == 1 else [0, -1] for n in (H, W))  # a single row shows the first one
    found = resized(ops, case)
    demand(found.shape == case.y.shape, f"The result has shape {found.shape}, it should have {case.y.shape}.")
    close(found[:, :, rows][..., columns], case.x[:, :, rows][..., columns], "the corner", atol=1e-12)


@law("interpolate", cases=resizings, mode="bilinear")
def one_line_is_numpys_interpolation(ops: Operations, case: Resizing) -> None:
    """Along one axis it is linear interpolation at the places of the new pixels, clamped to the border.

    interpolate(x)[I] = interp(u(I), 0 … H − 1, x) with u(I) = (I + 1/2)·H/OH − 1/2,
    or with align_corners u(I) = I·(H − 1)/(OH − 1)
    """
    for axis in (2, 3):
        line = np.take(case.x, [0], 5 - axis)  # one column, or one row
        new, old = case.size[axis - 2], line.shape[axis]
        size = (new, 1) if axis == 2 else (1, new)
        at = (np.arange(new) + 0.5) * old / new - 0.5
        if case.align_corners:
            at = np.linspace(0, old - 1, new)
        expected = np.interp(at, np.arange(old), line[0, 0].ravel())
        close(resized(ops, case, line, size)[0, 0].ravel(), expected, f"the {'column' if axis == 2 else 'row'}")


@law("interpolate", cases=resizings)
def rows_and_columns_are_resized_independently(ops: Operations, case: Resizing) -> None:
    """First the rows and then the columns, or both at once: the same image; and turned over it is turned over.

    interpolate(x, (OH, OW)) = interpolate(interpolate(x, (OH, W)), (OH, OW)), interpolate(xᵀ) = interpolate(x)ᵀ
    """
    found, turned = resized(ops, case), case.x.swapaxes(2, 3)
    close(resized(ops, case, resized(ops, case, size=(case.size[0], case.x.shape[3]))), found, "rows, then columns,")
    close(resized(ops, case, turned, case.size[::-1]).swapaxes(2, 3), found, "the transposed image")


@law("interpolate", cases=resizings, mode="bilinear")
def a_mirror_image_stays_one(ops: Operations, case: Resizing) -> None:
    """No side is preferred: the mirror image is resized to the mirror image.

    interpolate(x[::−1, ::−1]) = interpolate(x)[::−1, ::−1]   (with align_corners, for more than one row and column)
    """
    if case.align_corners and 1 in case.size:
        return
    close(resized(ops, case, case.x[:, :, ::-1, ::-1]), resized(ops, case)[:, :, ::-1, ::-1])


@law("interpolate", cases=resizings, mode="nearest")
def nearest_repeats_pixels(ops: Operations, case: Resizing) -> None:
    """Enlarged by whole factors every pixel becomes a block; made smaller by them, the block's first pixel is left.

    interpolate(x, (a·H, b·W)) = each pixel a·b times, and back to (H, W) it is x
    """
    a, b = (n % 4 + 1 for n in case.size)
    H, W = case.x.shape[2:]
    large = case.x.repeat(a, 2).repeat(b, 3)
    equal(resized(ops, case, size=(a * H, b * W)), large, "the enlarged image")
    fine = whole_numbers(5, large.shape)
    equal(resized(ops, case, fine, (H, W)), fine[:, :, ::a, ::b], "the smaller image")


@law("interpolate", cases=resizings)
def no_new_extremes(ops: Operations, case: Resizing) -> None:
    """Between two pixels there is nothing brighter than both: results stay within the range of the image.

    min x ≤ interpolate(x) ≤ max x, for each channel of each image
    """
    found = resized(ops, case)
    low, high = (getattr(case.x, name)((2, 3), keepdims=True) for name in ("min", "max"))
    close(np.clip(found, low, high), found, "the result, kept within the range of its channel,", atol=1e-12)


# --- the gradient -----------------------------------------------------------------------------------------------------


@law("interpolate", "interpolate_backward", cases=resizings)
def the_interpolation_gradient_is_the_transpose(ops: Operations, case: Resizing) -> None:
    """Interpolation is linear, so its gradient is its transpose: the same weights, read the other way.

    ⟨interpolate(x), y⟩ = ⟨x, ∂x(y)⟩
    """
    found = received(ops, case)
    demand(found.shape == case.x.shape, f"The gradient has shape {found.shape}, the image {case.x.shape}.")
    close((case.x * found).sum(), (resized(ops, case) * case.y).sum(), "⟨x, ∂x(y)⟩", atol=1e-8)


@law("interpolate_backward", cases=resizings)
def the_interpolation_gradient_loses_nothing(ops: Operations, case: Resizing) -> None:
    """What the new pixels receive is handed on to the old ones, all of it: weights sum to 1.

    Σ ∂x = Σ y, for each channel of each image
    """
    close(received(ops, case).sum((2, 3)), case.y.sum((2, 3)), "the sum of what the pixels receive")


# --- manners ----------------------------------------------------------------------------------------------------------


@law("interpolate", "interpolate_backward", cases=resizings, layout=True)
def resizing_minds_its_manners(ops: Operations, case: Resizing) -> None:
    """Any memory layout will do, arguments are read and never written, and results have the dtype of the image.

    interpolate(x) = interpolate(copy of x), result.dtype = x.dtype, x unchanged, no element shared
    """
    x, y = case.x.copy(order="C"), case.y.copy(order="C")
    copies = replace(case, x=x, y=y)
    close(resized(ops, case), resized(ops, copies))
    close(received(ops, case), received(ops, copies), "the gradient")
    equal(x, case.x, "the image afterwards")
    equal(y, case.y, "what came in, afterwards,")
    demand(not np.shares_memory(resized(ops, copies), x), "The result shares memory with the image.")
    single = replace(case, x=x.astype(np.float32), y=y.astype(np.float32))
    for what, found in {"result": resized(ops, single), "gradient": received(ops, single)}.items():
        demand(found.dtype == np.float32, f"The {what} of float32 is {found.dtype}.")
