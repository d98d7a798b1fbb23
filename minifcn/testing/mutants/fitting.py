"""Sizes that do not fit, zeros in the wrong places and kernels in the wrong order, with one mistake each."""

from __future__ import annotations

from typing import Any

import numpy as np

from minifcn.arguments import pair
from minifcn.testing import ours
from minifcn.testing.version import changes, mutant, spoils

# --- preimages --------------------------------------------------------------------------------------------------------


@spoils("preimages")
def only_the_smallest_preimage(right: Any, /) -> Any:
    """The formula is solved for the size as if nothing had been rounded: one size instead of as many as the stride."""
    return list(right)[:1]


@spoils("preimages")
def one_preimage_too_many(right: Any, /) -> Any:
    """The last one is counted in where it ought to end the range."""
    return [*right, list(right)[-1] + 1]


@spoils("preimages")
def preimages_downwards(right: Any, /, stride: Any) -> Any:
    """The remainder is subtracted: sizes that end at the smallest one instead of beginning there."""
    return [size - stride[0] + 1 for size in right]


@changes("preimages")
def preimages_without_dilation() -> Any:
    """The kernel counts without its holes."""
    return {"dilation": 1}


@spoils("preimages")
def preimages_with_padding_once(right: Any, /, padding: Any) -> Any:
    """The padding is counted on one side only."""
    return [size + padding[0] for size in right]


@mutant("preimages")
def preimages_by_dividing(size: int, kernel_size: int, stride: int = 1, padding: int = 0, dilation: int = 1) -> Any:
    """The size times the stride and what is rounded up to it, which is right for "same" padding only."""
    return list(range((size - 1) * stride + 1, size * stride + 1))


# --- zeros between pixels ---------------------------------------------------------------------------------------------


@spoils("insert_zeros")
def zeros_after_the_last_pixel(right: Any, /, stride: Any) -> Any:
    """Every pixel is followed by zeros, the last one too: H·s rows."""
    return np.pad(right, ((0, 0), (0, 0), (0, stride[0] - 1), (0, stride[1] - 1)))


@changes("insert_zeros")
def a_zero_too_many(stride: Any) -> Any:
    """s zeros between neighbours, so that pixels lie s + 1 apart."""
    return {"stride": (stride[0] + 1, stride[1] + 1)}


@changes("insert_zeros")
def zeros_in_exchanged_directions(stride: Any) -> Any:
    """The stride of the columns spreads the rows, and that of the rows the columns."""
    return {"stride": stride[::-1]}


@changes("insert_zeros")
def zeros_between_rows_only(stride: Any) -> Any:
    """Rows are spread and columns are not."""
    return {"stride": (stride[0], 1)}


@mutant("insert_zeros")
def pixels_repeated(x: Any, stride: Any) -> Any:
    """Pixels are repeated instead of being followed by zeros: nearest neighbours."""
    down, right = pair(stride, "stride", 1)
    made = x.repeat(down, 2).repeat(right, 3)
    return made[:, :, : (x.shape[2] - 1) * down + 1, : (x.shape[3] - 1) * right + 1]


@spoils("insert_zeros")
def zeros_of_double_precision(right: Any, /) -> Any:
    """The result is float64 whatever was given: np.zeros was called without a dtype."""
    return right.astype(np.float64)


# --- up to a multiple and back ----------------------------------------------------------------------------------------


@mutant("pad_to_multiple")
def a_whole_multiple_more(x: Any, m: Any) -> Any:
    """m − H mod m rows are added: a whole m to an image that is a multiple already."""
    (H, W), (rows, columns) = x.shape[2:], pair(m, "m", 1)
    below, beyond = rows - H % rows, columns - W % columns
    return ours.pad(x, (0, beyond, 0, below)), lambda y: y[:, :, :H, :W]


@mutant("pad_to_multiple")
def padded_on_all_sides(x: Any, m: Any) -> Any:
    """Half of the zeros stand above and to the left, so every pixel moves, and the way back knows."""
    padded, _ = ours.pad_to_multiple(x, m)
    (H, W), (h, w) = x.shape[2:], padded.shape[2:]
    top, left = (h - H) // 2, (w - W) // 2
    made = ours.pad(x, (left, w - W - left, top, h - H - top))
    return made, lambda y: y[:, :, top : top + H, left : left + W]


@changes("pad_to_multiple")
def multiples_exchanged(m: Any) -> Any:
    """The multiple of the columns is that of the rows, and the other way round."""
    return {"m": pair(m, "m", 1)[::-1]}


@mutant("pad_to_multiple")
def cut_to_a_multiple(x: Any, m: Any) -> Any:
    """The image is cut to the multiple below, and the way back adds zeros where something was."""
    (H, W), (rows, columns) = x.shape[2:], pair(m, "m", 1)
    h, w = max(1, H // rows) * rows, max(1, W // columns) * columns
    made = np.zeros((*x.shape[:2], h, w), x.dtype)
    made[:, :, :H, :W] = x[:, :, :h, :w]
    return made, lambda y: np.pad(y, ((0, 0), (0, 0), (0, max(0, H - h)), (0, max(0, W - w))))[:, :, :H, :W]


@mutant("pad_to_multiple")
def border_repeated_to_a_multiple(x: Any, m: Any) -> Any:
    """The last row and column are repeated instead of zeros being added."""
    padded, undo = ours.pad_to_multiple(x, m)
    (H, W), (h, w) = x.shape[2:], padded.shape[2:]
    return np.pad(x, ((0, 0), (0, 0), (0, h - H), (0, w - W)), mode="edge"), undo


@spoils("pad_to_multiple")
def undo_of_the_columns_forgotten(padded: Any, undo: Any, /, x: Any) -> Any:
    """The way back cuts the rows and leaves the columns."""
    return padded, lambda y: y[:, :, : x.shape[2]]


@spoils("pad_to_multiple")
def undo_from_the_end(padded: Any, undo: Any, /, x: Any) -> Any:
    """The way back keeps the last rows and columns instead of the first."""
    H, W = x.shape[2:]
    return padded, lambda y: y[:, :, y.shape[2] - H :, y.shape[3] - W :]


@spoils("pad_to_multiple")
def undo_remembers_the_image(padded: Any, undo: Any, /, x: Any) -> Any:
    """The way back gives the image that went in, whatever comes out of the network."""
    return padded, lambda y: x


@spoils("crop_like")
def cropped_like_in_the_middle(right: Any, /, x: Any) -> Any:
    """The middle is kept, whatever the offset says."""
    (H, W), (h, w) = x.shape[2:], right.shape[2:]
    return ours.crop(x, (h, w), ((H - h) // 2, (W - w) // 2))


@changes("crop_like")
def cropped_like_without_an_offset() -> Any:
    """The offset is not looked at."""
    return {"offset": (0, 0)}


@mutant("crop_like")
def cropped_as_far_as_there_is(x: Any, like: Any, offset: Any = (0, 0)) -> Any:
    """A slice ends where the map does, and nobody is told that it is smaller than the other."""
    (h, w), (top, left) = like.shape[2:], offset
    return x[:, :, top : top + h, left : left + w]


@spoils("crop_like")
def cropped_like_its_channels(right: Any, /, like: Any) -> Any:
    """As many channels are kept as the other map has."""
    return right[: len(like), : like.shape[1] - 2]


# --- a linear layer that slides ---------------------------------------------------------------------------------------


@mutant("convolutionalise")
def channels_flattened_last(weight: Any, channels: int, size: Any) -> Any:
    """The weights are read row by row, column by column and then channel by channel, as TensorFlow flattens."""
    h, w = size
    return weight.reshape(len(weight), h, w, channels).transpose(0, 3, 1, 2)


@mutant("convolutionalise")
def columns_flattened_before_rows(weight: Any, channels: int, size: Any) -> Any:
    """Each channel is read column by column."""
    h, w = size
    return weight.reshape(len(weight), channels, w, h).swapaxes(2, 3)


@spoils("convolutionalise")
def linear_weights_flipped(right: Any, /) -> Any:
    """The kernels are turned round, as a mathematician's convolution would want them."""
    return right[:, :, ::-1, ::-1]


@spoils("convolutionalise")
def linear_weights_of_the_transpose(right: Any, /) -> Any:
    """The kernels stand as a transposed convolution has them: input channels first."""
    return right.swapaxes(0, 1)


@mutant("convolutionalise")
def linear_weights_cut_to_fit(weight: Any, channels: int, size: Any) -> Any:
    """A weight of another length is cut or repeated until it fits, without a word."""
    return np.resize(weight, (len(weight), channels, *size))
