"""Windows laid out one by one, for laws and mutants that look into them."""

from __future__ import annotations

from typing import Any

import numpy as np

from minifcn.geometry import Geometry


def places(g: Geometry, axis: int) -> np.ndarray:
    """(OH, KH): the row i·s + k·d − p under tap k of window i; in the padding it is negative or beyond the image."""
    return np.arange(g.output_size[axis])[:, None] * g.stride[axis] + (
        np.arange(g.kernel_size[axis]) * g.dilation[axis] - g.padding[axis]
    )


def taps_inside(g: Geometry, frame: tuple[int, int] = (0, 0)) -> np.ndarray:
    """(OH, OW): how many taps of each window meet the image, or a frame of so many rows and columns around it."""
    counts = []
    for axis in (0, 1):
        rows, edge = places(g, axis), frame[axis]
        counts.append(((rows >= -edge) & (rows < g.input_size[axis] + edge)).sum(1))
    return np.outer(*counts)


def windows(x: Any, g: Geometry, beyond: float) -> np.ndarray:
    """(N, C, H, W) -> (N, C, OH, OW, KH, KW), with `beyond` where a tap lies outside the image."""
    (top, bottom), (left, right) = ((max(0, -p.min()), max(0, p.max() + 1 - n)) for p, n in _axes(g))
    framed = np.pad(x, ((0, 0), (0, 0), (top, bottom), (left, right)), constant_values=beyond)
    rows, columns = places(g, 0) + top, places(g, 1) + left
    return framed[:, :, rows[:, None, :, None], columns[None, :, None, :]]


def positions(g: Geometry) -> np.ndarray:
    """(1, 1, OH, OW, KH, KW): row·W + column of the pixel under each tap, −1 outside the image."""
    H, W = g.input_size
    return windows(np.arange(H * W).reshape(1, 1, H, W), g, -1)


def flat(x: Any) -> np.ndarray:
    """(N, C, H, W) -> (N, C, H·W)"""
    return np.reshape(x, (*x.shape[:2], x.shape[2] * x.shape[3]))


def gathered(x: Any, index: Any) -> np.ndarray:
    """What stands at the indices row·W + column of each plane."""
    return np.take_along_axis(flat(x), flat(index), 2).reshape(index.shape)


def scattered(y: Any, index: Any, size: tuple[int, int]) -> np.ndarray:
    """Each value added at its index row·W + column of an empty plane."""
    x = np.zeros((*y.shape[:2], size[0] * size[1]), y.dtype)
    for plane in np.ndindex(*y.shape[:2]):
        np.add.at(x[plane], index[plane].ravel(), y[plane].ravel())
    return x.reshape(*y.shape[:2], *size)


def _axes(g: Geometry) -> list[tuple[np.ndarray, int]]:
    return [(places(g, axis), g.input_size[axis]) for axis in (0, 1)]
