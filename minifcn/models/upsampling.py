"""Bilinear upsampling as FCN has it: a transposed convolution whose weight starts as a tent, one for every class."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np

from minifcn.arguments import Pair
from minifcn.arrays.bands import BandMatrix
from minifcn.arrays.half import sum_dtype
from minifcn.arrays.resampling import bilinear_kernel
from minifcn.functional.resampling import Resize
from minifcn.machine.backend import Array, array_module, is_cupy
from minifcn.nn import ConvTranspose2d, init


class TentStamps(Resize):
    """The transposed convolution of a frozen tent, `weight`, by a band of weights for each axis."""

    def __init__(self, rows: BandMatrix, columns: BandMatrix, weight: Array, stride: Pair) -> None:
        super().__init__(rows, columns)
        self.weight, self.stride = weight, stride


class BilinearUpsampling(ConvTranspose2d):
    """x convᵀ (t ⊗ t) = R · x · Rᵀ in every channel, with t the tent of `init.bilinear_`: (N, C, H, W) -> (N, C, ...).

    channels      C; each is upsampled for itself (groups = C)
    kernel_size   2·factor or 2·factor − 1
    factor        the stride

    A transposed convolution like any other: it can learn, its weight is saved and loaded. While the weight is frozen
    and still the tent, the kernel is a product of one along the rows and one along the columns, and so is the
    operation: a band of weights along each axis instead of kernel_size² stamps for each pixel. R is the transposed
    convolution matrix of one axis.
    """

    def __init__(self, channels: int, kernel_size: int, factor: int) -> None:
        super().__init__(
            channels, channels, kernel_size, stride=factor, groups=channels, bias=False,
            generator=np.random.default_rng(0),
        )  # fmt: skip
        init.bilinear_(self.weight)

    def forward(self, x: Any, output_size: Any = None) -> Any:
        # On a GPU the host would have to wait for the weight to look at it, and stamps are cheap there.
        separable = output_size is None and not self.weight.requires_grad and not is_cupy(x._array)
        if not separable or not self._is_a_tent():
            return super().forward(x, output_size)
        rows, columns = (
            _axis_matrix(self.kernel_size[axis], self.stride[axis], x.shape[2 + axis], x.dtype) for axis in (0, 1)
        )
        return TentStamps(rows, columns, self.weight._array, self.stride)(x)

    def _is_a_tent(self) -> bool:
        """Whether the weight is what `init.bilinear_` made it; other values may have been loaded."""
        weight = self.weight._array
        tent = array_module(weight).asarray(bilinear_kernel(self.kernel_size, weight.dtype))
        return bool((weight == tent).all())


@lru_cache(maxsize=64)
def _axis_matrix(kernel_size: int, stride: int, size: int, dtype: Any) -> BandMatrix:
    """(made, size): the transposed convolution of one axis, with the sizes of `conv_transpose2d`."""
    tent = bilinear_kernel((kernel_size, 1), dtype)[:, 0]
    stamps = ({pixel * stride + k: weight for k, weight in enumerate(tent)} for pixel in range(size))
    return BandMatrix.of_rows(stamps, (size - 1) * stride + kernel_size, sum_dtype(np.dtype(dtype))).T
