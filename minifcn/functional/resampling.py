"""Resizing by interpolation: a band of weights per axis, so the gradient uses the transposed bands."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np

from minifcn.arguments import IntOrPair, flag, number, pair, real_number
from minifcn.arrays import resampling
from minifcn.arrays.bands import BandMatrix, require_room
from minifcn.autograd import Operation
from minifcn.errors import ArgumentError
from minifcn.functional.operands import image
from minifcn.machine.backend import Array
from minifcn.machine.limits import require_memory

if TYPE_CHECKING:
    from minifcn.tensor import Tensor

Factor = float | Fraction  # of the size; a Fraction is exact


class Resize(Operation):
    """y = R x Cᵀ for every plane; backward: Rᵀ g C."""

    keeps_operands = False

    def __init__(self, rows: BandMatrix, columns: BandMatrix) -> None:
        self.rows, self.columns = rows, columns

    def forward(self, x: Array) -> Array:
        return resampling.resize(x, self.rows, self.columns)

    def backward(self, grad: Tensor) -> Tensor:
        return Resize(self.rows.T, self.columns.T)(grad)


class Interpolate(Resize):
    """By a rule that holds for every size: what `interpolate` was asked for."""

    def __init__(self, rows: BandMatrix, columns: BandMatrix, mode: str, align_corners: bool, factors: Any) -> None:
        super().__init__(rows, columns)
        self.mode, self.align_corners, self.factors = mode, align_corners, factors


def interpolate(
    x: Tensor,
    size: IntOrPair | None = None,
    scale_factor: Factor | tuple[Factor, Factor] | None = None,
    mode: str = "nearest",
    align_corners: bool = False,
) -> Tensor:
    """x (N, C, H, W) resized to `size` (rows, columns), or by `scale_factor` to floor(H·factor), floor(W·factor).

    mode: "nearest", "nearest-exact", "bilinear" or "bicubic". align_corners (for the last two): whether the centres of
    the corner pixels stay where they are; otherwise pixels are areas, and the half-pixel rule holds. Bicubic overdraws
    edges: results may leave the range of x. Made smaller, nothing is smoothed first. See arrays/resampling.py.
    A pixel that is NaN or infinite reaches the pixels that it is mixed into, and no other.
    Raises ArgumentError unless exactly one of size and scale_factor is given, and for unknown modes; AllocationError
    for a result larger than all memory, or a side so long that its weights are.
    """
    x = image("interpolate", x)
    align_corners = align_corners is not None and flag(align_corners, "interpolate: align_corners")
    if (size is None) == (scale_factor is None):
        raise ArgumentError(f"interpolate: give either size or scale_factor, got {size} and {scale_factor}.")
    factors: tuple[Factor, Factor] | tuple[None, None] = (None, None)
    if scale_factor is not None:
        factors = scale_factors(scale_factor, "interpolate: scale_factor")
        size = tuple(int(n * f) for n, f in zip(x.shape[2:], factors, strict=True))
    size = pair(size, "interpolate: size", 1)
    require_memory("interpolate: a result", (*x.shape[:2], *size), x._array, "choose a smaller size")
    for length in size:
        require_room("interpolate", length, "choose a smaller size")
    rows, columns = (
        resampling.axis_matrix(x.shape[2 + axis], size[axis], mode, align_corners, factors[axis], x.dtype)
        for axis in (0, 1)
    )
    return Interpolate(rows, columns, mode, align_corners, factors)(x)


def scale_factors(value: object, name: str) -> tuple[Factor, Factor]:
    """`value`, or the two of it, as factors for rows and columns: positive numbers; a Fraction stays exact."""
    given = tuple(value) if isinstance(value, tuple | list) else (value, value)
    if len(given) != 2 or not all(0 < (real_number(factor) or 0) < 2**31 for factor in given):
        raise ArgumentError(f"{name} must be one or two positive numbers, got {value!r}.")
    # A float32 counts as the decimal that it shows: 10 pixels times 0.7 are 7, not 6.9999999 and so 6.
    exact = (Fraction(str(factor)) if isinstance(factor, np.floating) else factor for factor in given)
    rows, columns = (factor if isinstance(factor, Fraction) else number(factor, name) for factor in exact)
    return rows, columns
