"""Convolution as a matrix: y = C x, and transposed convolution as its transpose: x = Cᵀ y.

A convolution is linear, so it has a matrix, of O·OH·OW rows and C·H·W columns. It is built from the geometry alone:

    C = Σ_{k,l}  w[:, :, k, l] ⊗ A_k ⊗ B_l        A_k[i, r] = 1 where r = i·s + k·d − p, else 0

A_k (OH, H) says which input row tap k meets at each output row, B_l (OW, W) says it for the columns, and ⊗ is the
Kronecker product. So the name "transposed convolution" is meant literally, for every stride, padding, dilation,
group and channel count. The matrix is nearly all zeros: `DenseMatrix` writes them out, to be looked at and
multiplied with; `SparseMatrix` keeps only the sum above, and multiplies tap by tap.

One difference is worth knowing: 0 · NaN is NaN, so the dense matrix spreads one NaN over every output, where a
convolution (and the sparse form) keeps it inside the pixels that see it.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

from minifcn.errors import ArgumentError, ArgumentTypeError
from minifcn.geometry import Geometry
from minifcn.machine.backend import Array, array_module, at_home, device_of
from minifcn.machine.limits import require_memory

# Beyond this the dense matrix costs more time to fill than it can be worth; the sparse form takes over.
DENSE_LIMIT_BYTES = 64 << 20


def block_diagonal(w_tap: Array, groups: int) -> Array:
    """The weight of one tap for all channel pairs: zero where input and output are of different groups.

    (O, C/groups) -> (O, C)
    """
    if groups == 1:
        return w_tap
    O, channels = w_tap.shape
    full = array_module(w_tap).zeros((groups, O // groups, groups, channels), w_tap.dtype)
    for g in range(groups):
        full[g, :, g] = w_tap.reshape(groups, O // groups, channels)[g]
    return full.reshape(O, groups * channels)


def _spots(geometry: Geometry, k: int, l: int, xp: Array) -> tuple[Array, Array, Array, Array]:
    """The ones of A_k and B_l: (output rows, output columns, input rows, input columns), ready to be broadcast."""
    rows, out_rows = geometry.tap(0, k)
    columns, out_columns = geometry.tap(1, l)
    (H, W), (OH, OW) = geometry.input_size, geometry.output_size
    return (
        xp.arange(OH)[out_rows, None],
        xp.arange(OW)[None, out_columns],
        xp.arange(H)[rows, None],
        xp.arange(W)[None, columns],
    )


@dataclass(frozen=True)
class SparseMatrix:
    """C as the sum over taps. `C @ x` takes x of shape (C·H·W,) or (C·H·W, N); `C.T @ y` the same with O·OH·OW."""

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
            return self._times(vectors)

    def _times(self, vectors: Array) -> Array:
        g, (O, channels) = self.geometry, self.weight.shape[:2]
        w = self.weight.reshape(g.groups, O // g.groups, channels, *g.kernel_size)
        batch = vectors.T if vectors.ndim == 2 else vectors[None]  # (·, N) -> (N, ·)
        if self.transposed:
            result = self._scatter(batch.reshape(len(batch), g.groups, O // g.groups, *g.output_size), w)
        else:
            result = self._gather(batch.reshape(len(batch), g.groups, channels, *g.input_size), w)
        result = result.reshape(len(batch), self.shape[0])
        return result.T if vectors.ndim == 2 else result[0]

    def _gather(self, x: Array, w: Array) -> Array:
        """C x, tap by tap: x (N, G, C/G, H, W), w (G, O/G, C/G, KH, KW) -> y (N, G, O/G, OH, OW)."""
        g, xp = self.geometry, array_module(x, w)
        y = xp.zeros((len(x), *w.shape[:2], *g.output_size), x.dtype)
        for k in range(g.kernel_size[0]):
            rows, out_rows = g.tap(0, k)
            for l in range(g.kernel_size[1]):
                columns, out_columns = g.tap(1, l)
                y[..., out_rows, out_columns] += xp.einsum("goc,ngchw->ngohw", w[..., k, l], x[..., rows, columns])
        return y

    def _scatter(self, y: Array, w: Array) -> Array:
        """Cᵀ y, tap by tap: y (N, G, O/G, OH, OW), w (G, O/G, C/G, KH, KW) -> x (N, G, C/G, H, W)."""
        g, xp = self.geometry, array_module(y, w)
        x = xp.zeros((len(y), g.groups, w.shape[2], *g.input_size), y.dtype)
        for k in range(g.kernel_size[0]):
            rows, out_rows = g.tap(0, k)
            for l in range(g.kernel_size[1]):
                columns, out_columns = g.tap(1, l)
                x[..., rows, columns] += xp.einsum("goc,ngohw->ngchw", w[..., k, l], y[..., out_rows, out_columns])
        return x

    def toarray(self) -> Array:
        """All the zeros written out; AllocationError if they are more than all memory can hold."""
        remedy = "use sparse=True and multiply with it as it is"
        require_memory("convolution_matrix: a dense matrix", self.shape, self.weight, remedy)
        with at_home(self.weight):
            return self._written_out()

    def _written_out(self) -> Array:
        g, w, xp = self.geometry, self.weight, array_module(self.weight)
        full = xp.zeros((w.shape[0], *g.output_size, w.shape[1] * g.groups, *g.input_size), w.dtype)
        for k in range(g.kernel_size[0]):
            for l in range(g.kernel_size[1]):
                i, j, row, column = _spots(g, k, l, xp)
                # The four index arrays are broadcast to the (rows, columns) of this tap; the channel axes stay whole.
                full[:, i, j, :, row, column] = block_diagonal(w[:, :, k, l], g.groups)
        shape = w.shape[0] * g.output_pixels, w.shape[1] * g.groups * g.input_pixels
        matrix = full.reshape(shape)  # (O, OH, OW, C, H, W) -> (O·OH·OW, C·H·W)
        return matrix.T if self.transposed else matrix


def _matrix(w: Array, geometry: Geometry) -> Array:
    """C, written out while that is affordable."""
    sparse = SparseMatrix(w, geometry)
    rows, columns = sparse.shape
    return sparse.toarray() if rows * columns * w.dtype.itemsize <= DENSE_LIMIT_BYTES else sparse


def _vectors(images: Array) -> Array:
    """One column per image: (N, C, H, W) -> (C·H·W, N)."""
    return images.reshape(len(images), prod(images.shape[1:])).T


def to_output(x: Array, w: Array, geometry: Geometry) -> Array:
    """Convolution: C x for each image. x (N, C, H, W), w (O, C/groups, KH, KW) -> y (N, O, OH, OW)."""
    y = _matrix(w, geometry) @ _vectors(x)
    return y.T.reshape(len(x), w.shape[0], *geometry.output_size)


def to_input(w: Array, y: Array, geometry: Geometry) -> Array:
    """Transposed convolution: Cᵀ y for each image. w (O, C/groups, KH, KW), y (N, O, OH, OW) -> x (N, C, H, W)."""
    x = _matrix(w, geometry).T @ _vectors(y)
    return x.T.reshape(len(y), w.shape[1] * geometry.groups, *geometry.input_size)


def to_weight(x: Array, y: Array, geometry: Geometry) -> Array:
    """The gradient of yᵀ C x with respect to the weight: for each tap, ⟨y[:, o], A_k x[:, c] B_lᵀ⟩.

    d(yᵀ C x)/dC is the outer product y xᵀ; the entries of C that hold w[o, c, k, l] are the ones of A_k ⊗ B_l, and
    what lies on them is summed. Only those entries are ever computed.
    x (N, C, H, W), y (N, O, OH, OW) -> w (O, C/groups, KH, KW).
    """
    xp, groups, (KH, KW) = array_module(x, y), geometry.groups, geometry.kernel_size
    w = xp.zeros((y.shape[1], x.shape[1] // groups, KH, KW), x.dtype)
    x = x.reshape(len(x), groups, x.shape[1] // groups, *geometry.input_size)  # (N, C, H, W) -> (N, G, C/G, H, W)
    y = y.reshape(len(y), groups, y.shape[1] // groups, *geometry.output_size)  # (N, O, OH, OW) -> (N, G, O/G, OH, OW)
    for k in range(KH):
        rows, out_rows = geometry.tap(0, k)
        for l in range(KW):
            columns, out_columns = geometry.tap(1, l)
            tap = xp.einsum("ngohw,ngchw->goc", y[..., out_rows, out_columns], x[..., rows, columns])
            w[:, :, k, l] = tap.reshape(w.shape[:2])  # (G, O/G, C/G) -> (O, C/G)
    return w
