"""1x1 convolution with stride 1 and no padding: every pixel's channels times one matrix. No columns are needed.

y[n, :, q] = w · x[n, :, q]        q a pixel; for groups, block by block
"""

from __future__ import annotations

from minifcn.geometry import Geometry
from minifcn.machine.backend import Array
from minifcn.machine.memory import empty, zeros
from minifcn.machine.product import product


def fits(geometry: Geometry) -> bool:
    """Whether this algorithm can compute it: 1x1 kernel, stride 1, no padding, and a result as large as the image.

    A dilation means nothing to one tap, but it allows an output_padding, which adds rows that nothing meets.
    """
    same_size = geometry.input_size == geometry.output_size
    return geometry.kernel_size == geometry.stride == (1, 1) and geometry.padding == (0, 0) and same_size


def _by_group(pixels: Array, groups: int) -> Array:
    """(N, C, H, W) -> (N, G, C/G, H·W)"""
    N, C, H, W = pixels.shape
    return pixels.reshape(N, groups, C // groups, H * W)


def to_output(x: Array, w: Array, geometry: Geometry) -> Array:
    """Convolution. x (N, C, H, W), w (O, C/groups, 1, 1) -> y (N, O, H, W)."""
    (O, channels), G = w.shape[:2], geometry.groups
    y = product(w.reshape(G, O // G, channels), _by_group(x, G))
    return y.reshape(len(x), O, *geometry.output_size)


def to_input(w: Array, y: Array, geometry: Geometry) -> Array:
    """Transposed convolution. w (O, C/groups, 1, 1), y (N, O, H, W) -> x (N, C, H, W)."""
    (O, channels), G = w.shape[:2], geometry.groups
    x = product(w.reshape(G, O // G, channels).swapaxes(1, 2), _by_group(y, G))
    return x.reshape(len(y), channels * G, *geometry.input_size)


def to_weight(x: Array, y: Array, geometry: Geometry) -> Array:
    """What the weight receives. x (N, C, H, W), y (N, O, H, W) -> w (O, C/groups, 1, 1)."""
    G, O, C = geometry.groups, y.shape[1], x.shape[1]
    w = (empty if len(x) else zeros)((O, C // G, 1, 1), x.dtype, x)
    by_group = w.reshape(G, O // G, C // G)
    for number, (result, image) in enumerate(zip(_by_group(y, G), _by_group(x, G).swapaxes(2, 3), strict=True)):
        product(result, image, out=by_group, add=number > 0)
    return w


def workspace(geometry: Geometry, N: int, C: int, O: int, itemsize: int, threads: int) -> int:
    """How many bytes a contraction takes beside its operands and its result: the weight's gradient of one image."""
    return O * (C // geometry.groups) * itemsize if N > 1 else 0
