"""The convolution matrix written out, entry by entry: nearly all zeros, to be looked at and multiplied with.

    C = Σ_{k,l}  w[:, :, k, l] ⊗ A_k ⊗ B_l        A_k[i, r] = 1 where r = i·s + k·d − p, else 0

A_k (OH, H) says which input row tap k meets at each output row, B_l (OW, W) says it for the columns, and ⊗ is the
Kronecker product: so the weight of a tap stands wherever that tap of some window lies over a pixel.
"""

from __future__ import annotations

from minifcn.geometry import Geometry
from minifcn.machine.backend import Array, array_module


def written_out(w: Array, geometry: Geometry) -> Array:
    """C (O·OH·OW, C·H·W) of the weight w (O, C/groups, KH, KW)."""
    g, xp = geometry, array_module(w)
    O, channels = w.shape[0], w.shape[1] * g.groups
    full = xp.zeros((O, *g.output_size, channels, *g.input_size), w.dtype)
    for k in range(g.kernel_size[0]):
        for l in range(g.kernel_size[1]):
            i, j, row, column = _ones(g, k, l, xp)
            # Between index arrays that a slice separates NumPy puts their common axes first: (rows, columns, O, C);
            # over them the (O, C) is repeated. Assigned, not added: at one output row no two taps meet one input row.
            full[:, i, j, :, row, column] = _block_diagonal(w[:, :, k, l], g.groups)
    return full.reshape(O * g.output_pixels, channels * g.input_pixels)  # (O, OH, OW, C, H, W) -> (O·OH·OW, C·H·W)


def _ones(geometry: Geometry, k: int, l: int, xp: Array) -> tuple[Array, Array, Array, Array]:
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


def _block_diagonal(w_tap: Array, groups: int) -> Array:
    """The weight of one tap for all pairs of channels, zero between groups: (O, C/groups) -> (O, C)."""
    if groups == 1:
        return w_tap
    O, channels = w_tap.shape
    full = array_module(w_tap).zeros((groups, O // groups, groups, channels), w_tap.dtype)
    for g in range(groups):
        full[g, :, g] = w_tap.reshape(groups, O // groups, channels)[g]
    return full.reshape(O, groups * channels)
