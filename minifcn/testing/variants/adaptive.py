"""Adaptive pooling computed in other ways than minifcn does."""

from __future__ import annotations

from typing import Any

import numpy as np

from minifcn.testing.version import variant


def _pixels(n: int, count: int) -> list[list[int]]:
    """For each window along an axis the pixels that overlap it: h < (i + 1)·n/count and h + 1 > i·n/count."""
    return [[h for h in range(n) if h * count < (i + 1) * n and (h + 1) * count > i * n] for i in range(count)]


@variant("adaptive_avg_pool2d")
def pixels_that_overlap_the_part(x: Any, output_size: Any) -> Any:
    """Every pixel is asked whether it overlaps the part; those that do are gathered and averaged."""
    rows, columns = (_pixels(n, count) for n, count in zip(x.shape[2:], output_size, strict=True))
    made = [[x[:, :, r][..., c].mean((2, 3)) for c in columns] for r in rows]
    return np.array(made, x.dtype).transpose(2, 3, 0, 1)


@variant("adaptive_avg_pool2d")
def rows_then_columns(x: Any, output_size: Any) -> Any:
    """The means of some rows, and of these means those of some columns."""
    for axis in (2, 3):
        parts = [x.take(seen, axis).mean(axis) for seen in _pixels(x.shape[axis], output_size[axis - 2])]
        x = np.stack(parts, axis).astype(x.dtype)
    return x


@variant("adaptive_avg_pool2d_backward")
def shares_of_one_bright_window(grad_output: Any, x: Any, output_size: Any) -> Any:
    """What a pixel receives is how much of it is in each mean, times what that mean receives."""
    made = np.zeros(x.shape, x.dtype)
    for row, column in np.ndindex(*x.shape[2:]):
        unit = np.zeros((1, 1, *x.shape[2:]))
        unit[0, 0, row, column] = 1
        share = pixels_that_overlap_the_part.function(unit, output_size)
        seen = share[0, 0] > 0
        made[:, :, row, column] = (share[0, 0][seen] * grad_output[:, :, seen]).sum(2)
    return made


@variant("adaptive_max_pool2d")
def largest_of_the_largest(x: Any, output_size: Any) -> Any:
    """The largest of some rows, and of these the largest of some columns."""
    for axis in (2, 3):
        parts = [x.take(seen, axis).max(axis) for seen in _pixels(x.shape[axis], output_size[axis - 2])]
        x = np.stack(parts, axis)
    return x
