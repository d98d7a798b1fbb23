"""Sizes, receptive fields, crops and fusions with one mistake each."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from minifcn.arguments import pair
from minifcn.testing import ours
from minifcn.testing.version import changes, mutant, spoils

# --- sizes ------------------------------------------------------------------------------------------------------------


def _axes(*numbers: Any) -> list[Any]:
    """(size, kernel, stride, padding, dilation) of the rows, then of the columns."""
    return list(zip(*(pair(a, "", 0) for a in numbers), strict=True))


def by_axis(size: Any, kernel_size: Any, stride: Any = 1, padding: Any = 0, dilation: Any = 1, *,
            formula: Any = lambda n, k, s, p, d: (n + 2 * p - d * (k - 1) - 1) // s + 1) -> Any:  # fmt: skip
    """The formula, of size, kernel, stride, padding and dilation along one axis, for both axes."""
    ours.conv_output_size(size, kernel_size, stride, padding, dilation)  # an error where nothing fits
    return tuple(formula(*numbers) for numbers in _axes(size, kernel_size, stride, padding, dilation))


@changes("conv_output_size", by_axis)
def size_rounded_up() -> Any:
    """The quotient is rounded up, so a window that does not fit any more counts."""
    return {"formula": lambda n, k, s, p, d: -(-(n + 2 * p - d * (k - 1) - 1) // s) + 1}


@changes("conv_output_size", by_axis)
def first_window_not_counted() -> Any:
    """The + 1 is missing: the steps are counted, not the windows."""
    return {"formula": lambda n, k, s, p, d: (n + 2 * p - d * (k - 1) - 1) // s}


@changes("conv_output_size", by_axis)
def size_without_dilation() -> Any:
    """The kernel counts without its holes."""
    return {"formula": lambda n, k, s, p, d: (n + 2 * p - k) // s + 1}


@changes("conv_output_size", by_axis)
def size_with_dilation_times_kernel() -> Any:
    """The extent of the dilated kernel is taken for d·k instead of d·(k − 1) + 1."""
    return {"formula": lambda n, k, s, p, d: (n + 2 * p - d * k) // s + 1}


@changes("conv_output_size", by_axis)
def size_with_padding_once() -> Any:
    """The padding is counted on one side only."""
    return {"formula": lambda n, k, s, p, d: (n + p - d * (k - 1) - 1) // s + 1}


@changes("conv_output_size", by_axis)
def size_divided_by_the_stride() -> Any:
    """The size is divided by the stride and rounded up, which is right for "same" padding only."""
    return {"formula": lambda n, k, s, p, d: -(-n // s)}


@changes("conv_output_size")
def size_with_exchanged_strides(stride: Any) -> Any:
    """The stride of the columns divides the rows."""
    return {"stride": pair(stride, "stride", 1)[::-1]}


@mutant("conv_output_size")
def size_of_nothing(size: Any, kernel_size: Any, stride: Any = 1, padding: Any = 0, dilation: Any = 1) -> Any:
    """A kernel that does not fit is not noticed: the size is 0 or less."""
    axes = _axes(size, kernel_size, stride, padding, dilation)
    return tuple((n + 2 * p - d * (k - 1) - 1) // s + 1 for n, k, s, p, d in axes)


@changes("pool_output_size")
def pool_size_never_rounded_up() -> Any:
    """ceil_mode is not looked at."""
    return {"ceil_mode": False}


@changes("pool_output_size")
def pool_size_always_rounded_up() -> Any:
    """The size is rounded up without being asked, as Caffe does."""
    return {"ceil_mode": True}


@mutant("pool_output_size")
def window_beyond_the_image_counted(size: Any, kernel_size: Any, stride: Any = None, padding: Any = 0,
                                    dilation: Any = 1, ceil_mode: bool = False) -> Any:  # fmt: skip
    """In ceil mode a window that begins beyond the image and its left padding counts, though it sees nothing."""
    if not ceil_mode:
        return ours.pool_output_size(size, kernel_size, stride, padding, dilation)
    steps = kernel_size if stride is None else stride
    return size_rounded_up.function(size, kernel_size, steps, padding, dilation)


@spoils("pool_output_size")
def one_window_more_in_ceil_mode(ceil_mode: Any, again: Any) -> Any:
    """Ceil mode adds a window even where the stride leaves no remainder."""
    rows, columns = again(ceil_mode=False)
    return (rows + 1, columns + 1) if ceil_mode else (rows, columns)


@changes("pool_output_size")
def pool_size_without_dilation() -> Any:
    """The window counts without its holes."""
    return {"dilation": 1}


@changes("pool_output_size")
def pool_size_of_stride_one(stride: Any) -> Any:
    """Without a stride the window moves by one pixel."""
    return {"stride": 1 if stride is None else stride}


# --- receptive fields and crop offsets --------------------------------------------------------------------------------


@mutant("receptive_field")
def kernels_added(layers: Any) -> Any:
    """The kernels are added up, strides or not."""
    return sum(kernel for kernel, _ in layers) or 1


@mutant("receptive_field")
def strides_forgotten(layers: Any) -> Any:
    """Every layer adds k − 1, as if all strides before it were 1."""
    return 1 + sum(kernel - 1 for kernel, _ in layers)


@mutant("receptive_field")
def own_stride_counted(layers: Any) -> Any:
    """A layer's own stride counts for its own window, instead of for those after it."""
    field, step = 1, 1
    for kernel, stride in layers:
        step *= stride
        field += (kernel - 1) * step
    return field


@mutant("receptive_field")
def only_the_stride_before(layers: Any) -> Any:
    """The strides are not multiplied up: each layer counts with the stride of the one before it."""
    before = [1, *(stride for _, stride in layers)]
    return 1 + sum((kernel - 1) * step for (kernel, _), step in zip(layers, before, strict=False))


@mutant("receptive_field")
def kernels_times_strides(layers: Any) -> Any:
    """All strides are multiplied with the last kernel, as if the windows were laid side by side."""
    return layers[-1][0] * prod(stride for _, stride in layers[:-1]) if layers else 1


def _walk(layers: Any, half: float = 0.5, padded: float = 1, scaled: bool = True) -> int:
    """The offset, with the weight of the kernels and of the paddings, with and without the strides."""
    at = 0.0
    for kind, kernel, stride, padding in layers:
        moved = padded * padding - half * (kernel - 1)
        at = ((at + moved) / stride if scaled else at + moved) if kind == "down" else at * stride - moved
    return round(at)


def followed(layers: Any, *, half: float = 0.5, padded: float = 1, scaled: bool = True) -> int:
    """The same, after an error where there is no offset."""
    ours.crop_offset(layers)
    return _walk(layers, half, padded, scaled)


@changes("crop_offset", followed)
def offset_without_kernels() -> Any:
    """The half kernel by which each layer moves the centres is forgotten."""
    return {"half": 0}


@changes("crop_offset", followed)
def offset_without_padding() -> Any:
    """The padding is left out."""
    return {"padded": 0}


@changes("crop_offset", followed)
def offset_without_strides() -> Any:
    """On the way down the offsets are added without being divided by the strides."""
    return {"scaled": False}


@mutant("crop_offset")
def offset_by_the_corner(layers: Any) -> Any:
    """The first row is aligned with the first, by (k / 2) instead of (k − 1) / 2: half a pixel for each layer."""
    ours.crop_offset(layers)
    return _walk([(kind, kernel + 1, stride, padding) for kind, kernel, stride, padding in layers])


@spoils("crop_offset")
def offset_negative(offset: Any, /) -> Any:
    """The offset counts the other way: negative where it should be positive."""
    return -offset


@spoils("crop_offset")
def offset_of_the_next_row(offset: Any, /) -> Any:
    """The offset is one too large: counted from 1."""
    return offset + 1


@mutant("crop_offset")
def offset_of_the_last_layer(layers: Any) -> Any:
    """Only the last layer is looked at; what those before it moved is forgotten."""
    ours.crop_offset(layers)
    return max(0, _walk(layers[-1:]))


@mutant("crop_offset")
def offset_rounded(layers: Any) -> Any:
    """Half a pixel is rounded away instead of being reported, and an offset below zero becomes 0."""
    return max(0, _walk(layers))


# --- crop, pad, fuse --------------------------------------------------------------------------------------------------


@spoils("crop")
def crop_from_the_middle(right: Any, /, x: Any, again: Any) -> Any:
    """The middle is kept, whatever the offset says."""
    (H, W), (h, w) = x.shape[2:], right.shape[2:]
    return again(offset=((H - h) // 2, (W - w) // 2))


@spoils("crop")
def crop_offset_exchanged(right: Any, /, x: Any, offset: Any, again: Any) -> Any:
    """The first number of the offset moves the columns, the second the rows."""
    (H, W), (h, w) = x.shape[2:], right.shape[2:]
    return again(offset=(min(offset[1], H - h), min(offset[0], W - w)))


@spoils("crop")
def crop_from_the_end(right: Any, /, x: Any, offset: Any, again: Any) -> Any:
    """The offset counts from the bottom and the right."""
    (H, W), (h, w) = x.shape[2:], right.shape[2:]
    return again(offset=(H - h - offset[0], W - w - offset[1]))


@mutant("crop")
def crop_shortened_silently(x: Any, size: Any, offset: Any = (0, 0)) -> Any:
    """Beyond the edge there are fewer rows, as with every slice, and nobody is told."""
    return x[:, :, offset[0] : offset[0] + size[0], offset[1] : offset[1] + size[1]]


@spoils("crop")
def crop_up_to_the_size(right: Any, /, size: Any, offset: Any) -> Any:
    """The slice ends at row `size`, not `size` rows after the offset."""
    return right[:, :, : max(0, size[0] - offset[0]), : max(0, size[1] - offset[1])]


@changes("pad")
def frame_from_the_first_dimension(padding: Any) -> Any:
    """The numbers are taken for (top, bottom, left, right)."""
    return {"padding": (*padding[2:], *padding[:2])}


@changes("pad")
def frame_in_pairs(padding: Any) -> Any:
    """The numbers are taken for (left, top, right, bottom), the corners of a box."""
    left, top, right, bottom = padding
    return {"padding": (left, right, top, bottom)}


@mutant("pad")
def frame_repeats_the_border(x: Any, padding: Any) -> Any:
    """The frame repeats the border pixels."""
    left, right, top, bottom = padding
    return np.pad(x, ((0, 0), (0, 0), (top, bottom), (left, right)), mode="edge")


@spoils("pad")
def frame_always_double(right: Any, /) -> Any:
    """The result is float64 whatever was given: np.zeros was called without a dtype."""
    return right.astype(np.float64)


@changes("fuse")
def fuse_offsets_exchanged(score: Any, skip: Any, score_offset: Any, skip_offset: Any) -> Any:
    """The score is cropped at the skip's offset and the skip at the score's."""
    room = [min(x.shape[2:]) - 1 for x in (score, skip)]
    return {"score_offset": min(skip_offset, room[0]), "skip_offset": min(score_offset, room[1])}


@spoils("fuse")
def fuse_averages(right: Any, /) -> Any:
    """The mean of the two instead of their sum."""
    return right / 2


@spoils("fuse")
def fuse_without_offsets(right: Any, /, score: Any, skip: Any) -> Any:
    """Both maps are cut to the size that they share, from their first row on."""
    size = right.shape[2:]
    return ours.crop(score, size) + ours.crop(skip, size)


@spoils("fuse")
def fuse_in_the_middle(right: Any, /, score: Any, skip: Any) -> Any:
    """The larger map is cropped in the middle: half a pixel and more beside the score that it should meet."""
    size = right.shape[2:]
    return crop_from_the_middle.function(score, size) + crop_from_the_middle.function(skip, size)


@spoils("fuse")
def fuse_ignores_the_score_offset(right: Any, /, score: Any, skip: Any, skip_offset: Any) -> Any:
    """Only the skip is cropped at its offset."""
    size = right.shape[2:]
    return ours.crop(score, size) + ours.crop(skip, size, (skip_offset, skip_offset))


@spoils("fuse")
def fuse_keeps_the_larger(score: Any, skip: Any, again: Any) -> Any:
    """The larger of the two scores instead of their sum."""
    return np.maximum(again(skip=np.zeros_like(skip)), again(score=np.zeros_like(score)))
