"""With stride 1 a transposed convolution is a convolution: the kernel flipped, its channels exchanged.

    x[n, c, r] = Σ_{o,k} y[n, o, r + p − k·d] · w[o, c, k] = Σ_{o,k'} y[n, o, r − p' + k'·d] · w[o, c, KH − 1 − k']

with k' = KH − 1 − k and p' = d·(KH − 1) − p, and the same for columns. It needs p' ≥ 0.
"""

from __future__ import annotations

from dataclasses import replace

from minifcn.geometry import Geometry
from minifcn.machine.backend import Array


def fits(geometry: Geometry) -> bool:
    """Whether the transposed convolution of this geometry is a convolution: stride 1, padding at most d·(k − 1).

    And no empty image, which has no geometry of its own, and no output_padding, which a dilation allows even with
    stride 1: no window meets the rows that it adds.
    """
    g = geometry
    return (
        g.stride == (1, 1)
        and min(g.input_size) > 0
        and all(
            g.padding[axis] < g.reach[axis]
            and g.input_size[axis] + 2 * g.padding[axis] == g.output_size[axis] + g.reach[axis] - 1
            for axis in (0, 1)
        )
    )


def turned_geometry(geometry: Geometry) -> Geometry:
    """The geometry with which `to_output` of y is x."""
    rows, columns = (geometry.reach[axis] - 1 - geometry.padding[axis] for axis in (0, 1))
    return replace(geometry, input_size=geometry.output_size, output_size=geometry.input_size, padding=(rows, columns))


def turned_weight(w: Array, groups: int) -> Array:
    """The kernel flipped, its channels exchanged: (O, C/G, KH, KW) -> (C, O/G, KH, KW)."""
    O, channels, *taps = w.shape
    w = w.reshape(groups, O // groups, channels, *taps)[..., ::-1, ::-1].swapaxes(1, 2)  # (G, C/G, O/G, KH, KW)
    return w.reshape(groups * channels, O // groups, *taps)
