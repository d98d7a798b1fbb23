"""The definition, as loops: every term of T(x, w, y), one at a time.

    T(x, w, y) = Σ x[n, c, i·s + k·d − p, j·s + l·d − p] · w[o, c, k, l] · y[n, o, i, j]

    x (N, C, H, W)    image n, input channel c              w (O, C, KH, KW)    k, l: one place of the kernel, a tap
    y (N, O, OH, OW)  output channel o, row i, column j     s stride, d dilation, p padding by zeros, per axis

`Geometry` holds these numbers (`geometry/window.py`); `array_module(x)` is NumPy, or CuPy on a GPU: read it as np.

The terms are listed once. The three derivatives of T walk the same list and differ only in the operand that receives:
leave out y and you have convolution, leave out x and you have transposed convolution, leave out w and you have the
gradient of the weight. Slow, short and obviously right: the oracle of the small tests.
"""

from __future__ import annotations

from collections.abc import Iterator

from minifcn.geometry import Geometry
from minifcn.machine.backend import Array, array_module

Index = tuple[int, int, int, int]


def terms(N: int, C: int, O: int, geometry: Geometry) -> Iterator[tuple[Index, Index, Index]]:
    """Every term of T as the indices of its three factors: (of x, of w, of y). Terms in the padding are zero: left out.

    With groups, output channel o meets only the C / groups input channels of its own group.
    """
    (H, W), (KH, KW), (OH, OW) = geometry.input_size, geometry.kernel_size, geometry.output_size
    (sh, sw), (ph, pw), (dh, dw) = geometry.stride, geometry.padding, geometry.dilation
    channels = C // geometry.groups
    for n in range(N):
        for o in range(O):
            first = o // (O // geometry.groups) * channels  # the first input channel of o's group
            for c in range(channels):
                for k in range(KH):
                    for l in range(KW):
                        for i in range(OH):
                            for j in range(OW):
                                row, column = i * sh + k * dh - ph, j * sw + l * dw - pw
                                if 0 <= row < H and 0 <= column < W:
                                    yield (n, first + c, row, column), (o, c, k, l), (n, o, i, j)


def to_output(x: Array, w: Array, geometry: Geometry) -> Array:
    """y = ∂T/∂y: convolution. x (N, C, H, W), w (O, C/groups, KH, KW) -> y (N, O, OH, OW)."""
    y = array_module(x, w).zeros((x.shape[0], w.shape[0], *geometry.output_size), x.dtype)
    for at_x, at_w, at_y in terms(x.shape[0], x.shape[1], w.shape[0], geometry):
        y[at_y] += x[at_x] * w[at_w]
    return y


def to_input(w: Array, y: Array, geometry: Geometry) -> Array:
    """x = ∂T/∂x: transposed convolution. w (O, C/groups, KH, KW), y (N, O, OH, OW) -> x (N, C, H, W)."""
    x = array_module(w, y).zeros((y.shape[0], w.shape[1] * geometry.groups, *geometry.input_size), y.dtype)
    for at_x, at_w, at_y in terms(x.shape[0], x.shape[1], w.shape[0], geometry):
        x[at_x] += w[at_w] * y[at_y]
    return x


def to_weight(x: Array, y: Array, geometry: Geometry) -> Array:
    """w = ∂T/∂w: what the weight receives. x (N, C, H, W), y (N, O, OH, OW) -> w (O, C/groups, KH, KW)."""
    w = array_module(x, y).zeros((y.shape[1], x.shape[1] // geometry.groups, *geometry.kernel_size), x.dtype)
    for at_x, at_w, at_y in terms(x.shape[0], x.shape[1], y.shape[1], geometry):
        w[at_w] += x[at_x] * y[at_y]
    return w
