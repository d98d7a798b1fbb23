"""The convolution matrix as the sum over taps that it is: multiplied tap by tap, its zeros neither kept nor touched."""

from __future__ import annotations

from dataclasses import dataclass

from minifcn.arrays.convolution.dense import written_out
from minifcn.arrays.sliding import taps_of
from minifcn.errors import ArgumentError, ArgumentTypeError
from minifcn.geometry import Geometry
from minifcn.machine.backend import Array, array_module, at_home, device_of
from minifcn.machine.limits import require_memory


@dataclass(frozen=True)
class SparseMatrix:
    """C of a weight (O, C/groups, KH, KW). `C @ x` takes x of shape (C·H·W,) or (C·H·W, N); `C.T @ y` with O·OH·OW."""

    weight: Array
    geometry: Geometry
    transposed: bool = False

    @property
    def T(self) -> SparseMatrix:
        return SparseMatrix(self.weight, self.geometry, not self.transposed)

    @property
    def shape(self) -> tuple[int, int]:
        g, (O, channels) = self.geometry, self.weight.shape[:2]
        shape = (O * g.output_pixels, channels * g.groups * g.input_pixels)
        return shape[::-1] if self.transposed else shape

    def __matmul__(self, vectors: Array) -> Array:
        if vectors.ndim not in (1, 2) or vectors.shape[0] != self.shape[1]:
            raise ArgumentError(
                f"convolution matrix of shape {self.shape} cannot multiply an array of shape {vectors.shape}; "
                f"pass ({self.shape[1]},) or ({self.shape[1]}, N)."
            )
        if device_of(vectors) != device_of(self.weight):
            raise ArgumentTypeError(
                f"convolution_matrix: the matrix and the array live on different devices, {device_of(self.weight)} "
                f"(shape {self.shape}) and {device_of(vectors)} (shape {vectors.shape}); move one with .to(...)."
            )
        with at_home(self.weight):
            batch = vectors.T if vectors.ndim == 2 else vectors[None]  # (·, N) -> (N, ·)
            result = (self._scatter if self.transposed else self._gather)(batch).reshape(len(batch), self.shape[0])
            return result.T if vectors.ndim == 2 else result[0]

    def toarray(self) -> Array:
        """All the zeros written out; AllocationError if they are more than all memory can hold."""
        remedy = "use sparse=True and multiply with it as it is"
        require_memory("convolution_matrix: a dense matrix", self.shape, self.weight, remedy)
        with at_home(self.weight):
            matrix = written_out(self.weight, self.geometry)
            return matrix.T if self.transposed else matrix

    def _gather(self, x: Array) -> Array:
        """C x, tap by tap: x (N, C·H·W) -> y (N, G, O/G, OH, OW)."""
        g, w, xp = self.geometry, self._weight_by_group(), array_module(x, self.weight)
        x = x.reshape(len(x), g.groups, w.shape[2], *g.input_size)
        y = xp.zeros((len(x), g.groups, w.shape[1], *g.output_size), x.dtype)
        for tap, here, there in taps_of(g):
            y[there] += xp.einsum("goc,ngchw->ngohw", w[..., tap], x[here])
        return y

    def _scatter(self, y: Array) -> Array:
        """Cᵀ y, tap by tap: y (N, O·OH·OW) -> x (N, G, C/G, H, W)."""
        g, w, xp = self.geometry, self._weight_by_group(), array_module(y, self.weight)
        y = y.reshape(len(y), g.groups, w.shape[1], *g.output_size)
        x = xp.zeros((len(y), g.groups, w.shape[2], *g.input_size), y.dtype)
        for tap, here, there in taps_of(g):
            x[here] += xp.einsum("goc,ngohw->ngchw", w[..., tap], y[there])
        return x

    def _weight_by_group(self) -> Array:
        """(O, C/G, KH, KW) -> (G, O/G, C/G, KH·KW)"""
        (O, channels), G = self.weight.shape[:2], self.geometry.groups
        return self.weight.reshape(G, O // G, channels, self.geometry.taps)
