"""Laws of crops, padding and skip fusion: what belongs together lies over each other. All exact."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from typing import Any

import numpy as np
from hypothesis import strategies as st

from minifcn.arguments import Pair
from minifcn.testing.law import demand, equal, law, refuses
from minifcn.testing.operations import Operations
from minifcn.testing.strategies import count, pairs, seeds, shown, whole_numbers

# --- where features land ----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Way:
    """A way down and up again: ("down" | "up", kernel, stride, padding), back to the scale of the image."""

    layers: Sequence[tuple[str, int, int, int]]

    def __str__(self) -> str:
        words = {"down": "convolution", "up": "transposed convolution"}
        told = (f"{words[kind]} with kernel {k}, stride {s}, padding {p}" for kind, k, s, p in self.layers)
        return f"layers from the image on: {'; '.join(told)}"


def _offset(layers: Sequence[tuple[str, int, int, int]]) -> Fraction:
    """Where the centre of the first pixel lands."""
    at = Fraction(0)
    for kind, kernel, stride, padding in layers:
        half = Fraction(kernel - 1, 2)
        at = (at + padding - half) / stride if kind == "down" else at * stride + half - padding
    return at


@st.composite
def ways(draw: Any) -> Way:
    """Strides of 1, 2 and 4, so that all numbers are exact; interpolating kernels of 2s or 2s − 1; any padding.

    The last kernel's parity and the first padding are chosen so that a crop exists, as FCN chooses them.
    """
    steps = st.sampled_from([1, 2, 4])
    down = [("down", draw(st.integers(1, 4)), s, draw(st.integers(0, 2))) for s in draw(st.lists(steps, max_size=2))]
    scale = int(np.prod([s for _, _, s, _ in down], dtype=int))
    first = draw(st.sampled_from([s for s in (1, 2, 4) if scale % s == 0]))
    up = [("up", 2 * s - draw(st.integers(0, 1)), s, draw(st.integers(0, 1))) for s in (first, scale // first)]
    layers = [("down", draw(st.integers(1, 4)), 1, draw(st.integers(0, 2))), *down, *up]
    if _offset(layers).denominator != 1:
        kind, kernel, stride, padding = layers[-1]
        layers[-1] = (kind, 4 * stride - 1 - kernel, stride, padding)  # 2s for 2s − 1 and the other way round
    kind, kernel, stride, padding = layers[0]
    layers[0] = (kind, kernel, stride, padding + max(0, -int(_offset(layers))))
    return Way(layers)


def through(ops: Operations, x: np.ndarray, layers: Sequence[tuple[str, int, int, int]]) -> np.ndarray:
    """x down and up, one column wide: down by the pixel in the middle (or two), up by linear interpolation."""
    for kind, kernel, stride, padding in layers:
        if kind == "down":
            middle = np.zeros((1, 1, kernel, 1))
            middle[0, 0, [(kernel - 1) // 2, kernel // 2]] += 0.5
            middle *= 1 / middle.sum()
            x = ops.conv2d(x, middle, None, (stride, 1), (padding, 0))
        else:
            tent = ops.bilinear_kernel((kernel, 1)).reshape(1, 1, kernel, 1)
            x = ops.conv_transpose2d(x, tent, None, (stride, 1), (padding, 0))
    return x


@law("crop_offset", "bilinear_kernel", cases=ways)
def what_is_cropped_lies_where_it_began(ops: Operations, case: Way) -> None:
    """Send an image that holds its own row numbers down, up and through the crop: every row finds itself again.

    x[i] = i  ⟹  up(down(x))[i + crop_offset] = i wherever no border is involved
    """
    rows = np.arange(128.0)
    ramp, ones = (through(ops, x.reshape(1, 1, -1, 1), case.layers).ravel() for x in (rows, np.ones(128)))
    offset = int(ops.crop_offset(case.layers))
    demand(offset >= 0, f"The offset is {offset}, it should not be negative.")
    ramp, ones = ramp[offset:][:128], ones[offset:][:128]
    away = ones == 1  # where all that was averaged and interpolated is image
    demand(away.sum() > 64, f"Of 128 rows only {away.sum()} keep the value of a constant image.")
    equal(ramp[away], rows[: len(ramp)][away], f"the row numbers, cropped at {offset},")


@law("crop_offset", cases=ways)
def a_pixel_more_of_padding_is_a_row_more_to_crop(ops: Operations, case: Way) -> None:
    """Padding the image by one pixel more moves everything by one row, whatever happens in between.

    crop_offset(padding of the first layer + 1) = crop_offset + 1
    """
    (kind, kernel, stride, padding), *rest = case.layers
    padded = [(kind, kernel, stride, padding + 1), *rest]
    equal(ops.crop_offset(padded), ops.crop_offset(case.layers) + 1, "the offset with a pixel more of padding")


@law("crop_offset", cases=ways)
def no_crop_mends_half_a_pixel(ops: Operations, case: Way) -> None:
    """Where maps lie half a pixel apart, begin before the image or differ in scale, no crop aligns them: an error.

    crop_offset is refused if the offset is not whole, if it is negative, and if the strides do not cancel
    """
    *before, (kind, kernel, stride, padding) = case.layers
    half = [*before, (kind, kernel + 1, stride, padding)]
    refuses(partial(ops.crop_offset, half), "A kernel that moves everything by half a pixel")
    refuses(partial(ops.crop_offset, [*case.layers, ("up", 3, 1, 2 + int(_offset(case.layers)))]), "An offset of −1")
    refuses(partial(ops.crop_offset, [*case.layers, ("down", 1, 2, 0)]), "A map of half the scale")


# --- crop and pad -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Framed:
    """An image and a frame (left, right, top, bottom)."""

    x: np.ndarray
    frame: tuple[int, int, int, int]

    def __str__(self) -> str:
        left, right, top, bottom = self.frame
        return f"left {left}, right {right}, top {top}, bottom {bottom}\n{shown(x=self.x)}"


@st.composite
def framed(draw: Any) -> Framed:
    shape = (draw(st.integers(1, 2)), draw(st.integers(1, 2)), *draw(pairs(1, 5)))
    left, right, top, bottom = (draw(st.integers(0, 3)) for _ in range(4))
    return Framed(whole_numbers(draw(seeds()), shape), (left, right, top, bottom))


@law("crop", cases=framed)
def a_crop_reads_from_its_offset_on(ops: Operations, case: Framed) -> None:
    """Row 0 of the crop is row offset[0] of the image, column 0 is column offset[1]; the rest follows.

    crop(x, (h, w), (a, b))[i, j] = x[a + i, b + j]
    """
    (H, W), (left, right, top, bottom) = case.x.shape[2:], case.frame
    a, b, below, beyond = top % H, left % W, bottom % (H - top % H), right % (W - left % W)
    size = (H - a - below, W - b - beyond)
    equal(ops.crop(case.x, size, (a, b)), case.x[:, :, a : a + size[0], b : b + size[1]])


@law("crop", cases=framed)
def a_crop_beyond_the_edge_is_refused(ops: Operations, case: Framed) -> None:
    """A crop that leaves the image is an error; NumPy would give fewer rows without a word.

    crop(x, (H, W), (1, 0)) and crop(x, (H, W + 1)) are refused
    """
    H, W = case.x.shape[2:]
    refuses(partial(ops.crop, case.x, (H, W), (1, 0)), f"A crop of {H} rows from row 1 on of {H}")
    refuses(partial(ops.crop, case.x, (H, W + 1), (0, 0)), f"A crop of {W + 1} columns out of {W}")


@law("pad", "crop", cases=framed)
def a_crop_undoes_padding(ops: Operations, case: Framed) -> None:
    """What was padded is found again behind the frame: top rows below, left columns to the right.

    crop(pad(x, (left, right, top, bottom)), (H, W), (top, left)) = x
    """
    padded = ops.pad(case.x, case.frame)
    left, right, top, bottom = case.frame
    (N, C, H, W), whole = case.x.shape, tuple(padded.shape)
    wanted = (N, C, H + top + bottom, W + left + right)
    demand(whole == wanted, f"The padded image has shape {whole}, it should have {wanted}.")
    equal(ops.crop(padded, (H, W), (top, left)), case.x)


@law("pad", cases=framed)
def the_frame_is_zero(ops: Operations, case: Framed) -> None:
    """Padding adds zeros and nothing else, and leaves the image and its dtype alone.

    Σ |pad(x)| = Σ |x|
    """
    x = case.x.astype(np.float32)
    padded = ops.pad(x, case.frame)
    equal(np.abs(padded).sum(), np.abs(case.x).sum(), "the sum of the absolute values")
    equal(x, case.x, "the image afterwards")
    demand(padded.dtype == x.dtype, f"The padded image is {padded.dtype}, it should be {x.dtype}.")


# --- fusion -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Fusion:
    """Two maps and the rows at which they begin to belong together."""

    score: np.ndarray
    skip: np.ndarray
    offsets: Pair

    @property
    def shared(self) -> Pair:
        a, b = (tuple(n - at for n in x.shape[2:]) for x, at in zip((self.score, self.skip), self.offsets, strict=True))
        return min(a[0], b[0]), min(a[1], b[1])

    def __str__(self) -> str:
        made = (
            f"{count(len(self.score), 'image')}, score from row {self.offsets[0]}, skip from row {self.offsets[1]} on"
        )
        return f"{made}\n{shown(score=self.score, skip=self.skip)}"


@st.composite
def fusions(draw: Any) -> Fusion:
    """Maps of unequal sizes; offsets up to 3 into either."""
    N, C, offsets, seed = draw(st.integers(1, 2)), draw(st.integers(1, 2)), draw(pairs(0, 3)), draw(seeds())
    source = np.random.default_rng(seed) if seed else 0
    score, skip = (whole_numbers(source, (N, C, *(at + n for n in draw(pairs(1, 4))))) for at in offsets)
    return Fusion(score, skip, offsets)


@law("fuse", cases=fusions)
def an_empty_skip_changes_nothing(ops: Operations, case: Fusion) -> None:
    """A skip of zeros, which is how FCN's skips begin, leaves the score as it is, from its offset on.

    fuse(score, 0, a, b)[i, j] = score[a + i, a + j], as large as both allow
    """
    (h, w), a = case.shared, case.offsets[0]
    equal(ops.fuse(case.score, 0 * case.skip, *case.offsets), case.score[:, :, a : a + h, a : a + w])


@law("fuse", cases=fusions)
def a_skip_lands_at_its_offset(ops: Operations, case: Fusion) -> None:
    """One pixel of the skip lands as many rows and columns earlier as its offset says, once and undivided.

    skip = 1 at (i, j)  ⟹  fuse(0, skip, a, b) = 1 at (i − b, j − b), 0 elsewhere
    """
    (h, w), b = case.shared, case.offsets[1]
    skip, expected = np.zeros_like(case.skip), np.zeros((*case.skip.shape[:2], h, w))
    skip[0, -1, b + h - 1, b + w // 2], expected[0, -1, h - 1, w // 2] = 1, 1
    equal(ops.fuse(0 * case.score, skip, *case.offsets), expected)


@law("fuse", cases=fusions)
def score_and_skip_may_change_places(ops: Operations, case: Fusion) -> None:
    """Fusion is a sum, so it does not matter which of the two comes first.

    fuse(score, skip, a, b) = fuse(skip, score, b, a)
    """
    a, b = case.offsets
    equal(ops.fuse(case.score, case.skip, a, b), ops.fuse(case.skip, case.score, b, a))
