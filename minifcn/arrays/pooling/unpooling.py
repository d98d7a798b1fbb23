"""Max unpooling on bare arrays: values back to where the flat indices of max pooling say, and its transpose."""

from __future__ import annotations

import numpy as np

from minifcn.arguments import Pair
from minifcn.arrays.scatter import add_at
from minifcn.arrays.sliding import require_same
from minifcn.errors import ArgumentError, ArgumentTypeError
from minifcn.machine.backend import Array, array_module


def unpool(y: Array, indices: Array, output_size: Pair) -> Array:
    """x[n, c, indices[n, c, i, j]] += y[n, c, i, j], each plane (H, W) of x taken flat; zero elsewhere.

    y           (N, C, OH, OW)
    indices     (N, C, OH, OW)   integers row · W + column in [0, H·W), as `flat_indices` gives them
    output_size (H, W)
    returns     (N, C, H, W)

    Where an index occurs more than once in a plane (overlapping windows), the values add up. PyTorch leaves this case
    undefined; with the sum, `gather_flat` is the exact transpose, always.
    Raises ArgumentError for an index outside [0, H·W), ArgumentTypeError for indices that are not integers.
    """
    xp = array_module(y, indices)
    require_same(y, indices, "indices", "max_unpool2d")
    indices = _checked_indices(indices, output_size)
    batch, channels = y.shape[:2]
    plane = output_size[0] * output_size[1]
    x = xp.zeros((batch, channels, *output_size), dtype=y.dtype)
    add_at(x, indices + xp.arange(batch * channels).reshape(batch, channels, 1, 1) * plane, y)
    return x


def gather_flat(x: Array, indices: Array) -> Array:
    """y[n, c, i, j] = x[n, c, indices[n, c, i, j]], each plane (H, W) of x taken flat: the transpose of `unpool`.

    x       (N, C, H, W)
    indices (N, C, OH, OW)   integers in [0, H·W)
    returns (N, C, OH, OW)
    """
    xp = array_module(x, indices)
    if x.ndim != 4 or indices.ndim != 4 or x.shape[:2] != indices.shape[:2]:
        raise ArgumentError(
            f"max_unpool2d: x {x.shape} and indices {indices.shape} must be (N, C, H, W) and (N, C, OH, OW) with "
            f"equal N and C; pass the indices that belong to x."
        )
    places = _flat_planes(_checked_indices(indices, x.shape[2:]))
    return xp.take_along_axis(_flat_planes(x), places, axis=2).reshape(indices.shape)


def _checked_indices(indices: Array, size: Pair) -> Array:
    """`indices` as int64, after looking at every one: NumPy and CuPy would let −1 count from the end."""
    if indices.dtype.kind not in "iu":
        raise ArgumentTypeError(f"max_unpool2d: indices must be integers, got {indices.dtype}; use max_pool2d's.")
    limit = size[0] * size[1]
    low, high = (int(indices.min()), int(indices.max())) if indices.size else (0, -1)
    if low < 0 or high >= limit:
        raise ArgumentError(
            f"max_unpool2d: found an invalid max index {low if low < 0 else high}: indices must lie in [0, {limit}) "
            f"for an output of {size[0]}x{size[1]}; give the size of the input of the max_pool2d that made them."
        )
    return indices.astype(np.int64, copy=False)


def _flat_planes(x: Array) -> Array:
    """(N, C, H, W) -> (N, C, H·W); written out because −1 is ambiguous for an empty batch."""
    return x.reshape(*x.shape[:2], x.shape[2] * x.shape[3])
