"""What the pictures of windows are given, and how it is written: arrays with or without channels, pairs, parameters."""

from __future__ import annotations

from typing import Any

import numpy as np

from minifcn.errors import ArgumentError, ArgumentTypeError
from minifcn.geometry import Geometry
from minifcn.plot.sheet import written
from minifcn.tensor import Tensor

WANTED = {3: "(H, W) or (C, H, W)", 4: "(KH, KW) or (O, C/groups, KH, KW)", 2: "(H, W)"}


def channels(values: Any, dimensions: int, name: str) -> np.ndarray:
    """float64, with the dimensions of one image or one kernel put in front of two; errors begin with `name`."""
    try:
        array = np.asarray(values.detach().numpy() if isinstance(values, Tensor) else values, dtype=np.float64)
    except (TypeError, ValueError):
        raise ArgumentTypeError(
            f"{name} is {values!r:.60}; a picture needs numbers of shape {WANTED[dimensions]}."
        ) from None
    if array.ndim not in (2, dimensions) or not array.size:
        raise ArgumentError(
            f"{name} has shape {array.shape}; a picture needs {WANTED[dimensions]}, and at least one number."
        )
    return array[(None,) * (dimensions - array.ndim)]


def picture(image: Any, name: str) -> np.ndarray:
    """uint8 (H, W, 3): an image as it is held in files, (H, W, 3) or (H, W), or by a network, (1, 3, H, W), (3, H, W).

    Bytes are taken as they are. Other numbers are spread so that the least is black and the greatest white, since a
    network's images are normalised. Errors begin with `name`.
    """
    held = np.asarray(image.detach().numpy() if isinstance(image, Tensor) else image)
    array = held[0] if held.ndim == 4 and len(held) == 1 else held
    if array.ndim == 3 and array.shape[2] not in (1, 3) and array.shape[0] in (1, 3):
        array = array.transpose(1, 2, 0)  # (C, H, W) -> (H, W, C)
    if array.ndim == 2:
        array = array[..., None]
    if array.ndim != 3 or array.shape[2] not in (1, 3) or not array.size or array.dtype.kind not in "biuf":
        raise ArgumentError(f"{name}: an image has shape (H, W, 3), (H, W) or (3, H, W), this has {held.shape}.")
    if array.dtype != np.uint8:
        array = np.nan_to_num(array.astype(np.float64))
        low, high = float(array.min()), float(array.max())
        array = np.rint((array - low) * (255 / (high - low) if high > low else 0)).astype(np.uint8)
    return np.repeat(array, 3, axis=2) if array.shape[2] == 1 else array


def settings(geometry: Geometry, **more: Any) -> str:
    """The parameters as they stand inside every picture: a stride that has to be guessed is missed."""
    pairs = {"stride": geometry.stride, "padding": geometry.padding, **more, "dilation": geometry.dilation}
    words = [f"{name} {shown(value)}" for name, value in pairs.items()]
    return ", ".join(words + ([f"groups {geometry.groups}"] if geometry.groups > 1 else []))


def extra(geometry: Geometry) -> tuple[int, int]:
    """The output_padding: how many rows and columns a transposed convolution makes beyond the fewest."""
    rows, columns = (
        size - ((n - 1) * s - 2 * p + reach)
        for size, n, s, p, reach in zip(
            geometry.input_size, geometry.output_size, geometry.stride, geometry.padding, geometry.reach, strict=True
        )
    )
    return rows, columns


def shown(pair: Any) -> str:
    """A pair as one number where both are equal: 2, or (2, 1)."""
    if not isinstance(pair, tuple):
        return str(pair)
    return str(pair[0]) if pair[0] == pair[1] else f"({pair[0]}, {pair[1]})"


def title(name: str, size: tuple[int, ...], channel: int = 0, count: int = 1) -> str:
    """ "y: 2 x 3", and "y[1]: 2 x 3" where there are several."""
    return f"{name}{f'[{channel}]' if count > 1 else ''}: {size[0]} x {size[1]}"


def factor(value: float) -> str:
    """A number within a product: 3, (−2)."""
    text = written(value)
    return f"({text})" if text.startswith("−") else text


def signed_range(numbers: range) -> str:
    """From the first to the last: "−3 to 40", or "none"."""
    return f"{numbers.start} to {numbers.stop - 1}".replace("-", "−") if numbers else "none"
