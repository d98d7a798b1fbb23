"""Shufflings of pixels with one mistake each."""

from __future__ import annotations

from typing import Any

import numpy as np

from minifcn.testing.version import changes, spoils


def shuffled(x: Any, upscale_factor: int, *, parts: Any = ("c", "a", "b"), order: Any = "chawb") -> Any:
    """The channels taken apart into `parts`; these and the pixels h, w put together in `order`: c, rows, columns."""
    N, C, H, W = x.shape
    r = upscale_factor
    sizes = {"c": C // (r * r), "a": r, "b": r, "h": H, "w": W}
    names = [*parts, "h", "w"]
    if C % (r * r):
        raise ValueError(f"{C} channels")
    apart = x.reshape(N, *(sizes[name] for name in names))
    return apart.transpose(0, *(1 + names.index(name) for name in order)).reshape(N, sizes["c"], H * r, W * r)


@changes("pixel_shuffle", shuffled)
def channel_of_a_phase_first() -> Any:
    """The phase comes before the channel, (a·r + b)·C + c, as in the depth-to-space of TensorFlow."""
    return {"parts": ("a", "b", "c")}


@changes("pixel_shuffle", shuffled)
def phases_column_by_column() -> Any:
    """The r·r channels fill a block column by column."""
    return {"order": "chbwa"}


@changes("pixel_shuffle", shuffled)
def tiled_instead_of_woven() -> Any:
    """Each channel becomes one tile of the large image, instead of every r-th pixel."""
    return {"order": "cahbw"}


@spoils("pixel_shuffle")
def channels_that_are_left_over_dropped(x: Any, upscale_factor: Any, again: Any) -> Any:
    """The number of channels is divided by r² and rounded down; what is left over is not looked at."""
    return again(x=x[:, : x.shape[1] // upscale_factor**2 * upscale_factor**2])


@spoils("pixel_shuffle")
def shuffled_always_double(y: Any, /) -> Any:
    """The result is float64 whatever was given."""
    return y.astype(np.float64)


@spoils("pixel_unshuffle")
def phase_of_a_channel_last(y: Any, /, x: Any) -> Any:
    """The phase comes before the channel, (a·r + b)·C + c, as in the space-to-depth of TensorFlow."""
    return y.reshape(len(y), x.shape[1], -1, *y.shape[2:]).swapaxes(1, 2).reshape(y.shape)


@spoils("pixel_unshuffle")
def phases_taken_column_by_column(y: Any, /, x: Any, downscale_factor: Any) -> Any:
    """The phases of a channel follow one another column by column, b·r + a."""
    apart = y.reshape(*x.shape[:2], downscale_factor, downscale_factor, *y.shape[2:])
    return apart.swapaxes(2, 3).reshape(y.shape)


@changes("pixel_unshuffle")
def rows_and_columns_left_over_dropped(x: Any, downscale_factor: Any) -> Any:
    """Rows and columns beyond the last whole block are dropped without a word."""
    rows, columns = (n // downscale_factor * downscale_factor for n in x.shape[2:])
    return {"x": x[:, :, :rows, :columns]}


@spoils("pixel_unshuffle")
def cut_into_tiles(y: Any, /, x: Any) -> Any:
    """Each channel is one tile of the large image, instead of every r-th pixel."""
    (H, W), (h, w) = x.shape[2:], y.shape[2:]
    tiles = x.reshape(*x.shape[:2], H // h, h, W // w, w).swapaxes(3, 4)
    return tiles.reshape(y.shape)


@spoils("pixel_unshuffle")
def unshuffled_always_double(y: Any, /) -> Any:
    """The result is float64 whatever was given."""
    return y.astype(np.float64)
