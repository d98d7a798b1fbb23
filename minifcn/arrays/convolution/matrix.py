"""Convolution as a matrix: y = C x, and transposed convolution as its transpose: x = Cᵀ y.

A convolution is linear, so it has a matrix C (O·OH·OW, C·H·W), and T(x, w, y) = yᵀ C x, summed over the images. Where
each weight stands in it follows from the geometry alone (`dense.py`). "Transposed convolution" is meant literally: here
it is computed by multiplying with the transpose. (C is its usual name; in sizes, C is the number of input channels.)

The matrix is nearly all zeros. Written out it can be looked at; where that would be too large, `sparse.py` keeps only
the sum over taps. One difference is worth knowing: 0 · NaN is NaN, so the dense matrix spreads one NaN over every
output of its image, where a convolution (and the sparse form) keeps it inside the windows that see it.
"""

from __future__ import annotations

from math import prod

from minifcn.arrays.convolution.sparse import SparseMatrix
from minifcn.arrays.sliding import taps_of
from minifcn.geometry import Geometry
from minifcn.machine.backend import Array, array_module

# Beyond this the dense matrix costs more time to fill than it can be worth; the sparse form takes over.
DENSE_LIMIT_BYTES = 64 << 20


def to_output(x: Array, w: Array, geometry: Geometry) -> Array:
    """Convolution: C x for each image. x (N, C, H, W), w (O, C/groups, KH, KW) -> y (N, O, OH, OW)."""
    y = _matrix(w, geometry) @ _vectors(x)
    return y.T.reshape(len(x), w.shape[0], *geometry.output_size)


def to_input(w: Array, y: Array, geometry: Geometry) -> Array:
    """Transposed convolution: Cᵀ y for each image. w (O, C/groups, KH, KW), y (N, O, OH, OW) -> x (N, C, H, W)."""
    x = _matrix(w, geometry).T @ _vectors(y)
    return x.T.reshape(len(y), w.shape[1] * geometry.groups, *geometry.input_size)


def to_weight(x: Array, y: Array, geometry: Geometry) -> Array:
    """The gradient of yᵀ C x with respect to the weight. x (N, C, H, W), y (N, O, OH, OW) -> w (O, C/groups, KH, KW).

    d(yᵀ C x)/dC is the outer product y xᵀ. The entries of C that hold w[o, c, k, l] are the ones of A_k ⊗ B_l (see
    dense.py), so what lies on them is summed: ⟨y[:, o], A_k x[:, c] B_lᵀ⟩. Only those entries are ever computed.
    """
    xp, C, O, G = array_module(x, y), x.shape[1], y.shape[1], geometry.groups
    w = xp.zeros((O, C // G, *geometry.kernel_size), x.dtype)
    by_group = w.reshape(G, O // G, C // G, geometry.taps)  # a view: what is written into it stands in w
    x = x.reshape(len(x), G, C // G, *geometry.input_size)  # (N, C, H, W) -> (N, G, C/G, H, W)
    y = y.reshape(len(y), G, O // G, *geometry.output_size)  # (N, O, OH, OW) -> (N, G, O/G, OH, OW)
    for tap, here, there in taps_of(geometry):  # x[here] meets y[there] under the tap of that number, k·KW + l
        by_group[..., tap] = xp.einsum("ngohw,ngchw->goc", y[there], x[here])
    return w


def _matrix(w: Array, geometry: Geometry) -> Array:
    """C, written out (by `dense.py`) while that is affordable."""
    sparse = SparseMatrix(w, geometry)
    rows, columns = sparse.shape
    return sparse.toarray() if rows * columns * w.dtype.itemsize <= DENSE_LIMIT_BYTES else sparse


def _vectors(images: Array) -> Array:
    """One column per image: (N, C, H, W) -> (C·H·W, N)."""
    return images.reshape(len(images), prod(images.shape[1:])).T
