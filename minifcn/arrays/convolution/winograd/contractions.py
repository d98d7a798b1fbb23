"""Winograd's convolution: 3x3 kernels with stride 1, in a basis where the sum over taps is a product of numbers.

Slide r = 3 taps g over a row d: m results come from n = m + r − 1 pixels, by m·r multiplications. n are enough. Let h
be numbers at the results, as y is in T, and write the sum as one over powers of t:

    Σ_j h_j · (Σ_i g_i · d_{i+j}) = Σ_e (coefficient of t^e in g(t)·h(t)) · d_e,   g(t) = Σ g_i·t^i, h(t) = Σ h_j·t^j

The product g·h has n coefficients, so it is known from its values at n points, and there the values of a product are
the products of the values. Let V_k have a row 1, t, ..., t^(k−1) for each point t, and for the point ∞, which reads the
last coefficient, 0, ..., 0, 1. Then the values of g are V_r·g, those of h are V_m·h, and the coefficients are V_n⁻¹
times the product of both, element by element:

    Σ_j h_j · (Σ_i g_i · d_{i+j}) = Σ (V_r·g) ⊙ (V_m·h) ⊙ (V_n⁻ᵀ·d)        G = V_r, A = V_m, B = V_n⁻ᵀ

The form was trilinear and is trilinear still, now without sliding. Along rows and columns alike, tile by tile,

    T(x, w, y) = Σ (B x Bᵀ) ⊙ (G w Gᵀ) ⊙ (A y Aᵀ)

and its three derivatives are the three contractions: n² multiplications for m² results instead of 9·m², that is 36
instead of 144 with m = 4. Summed over channels each of the n² numbers of a tile becomes one matrix product.

The price is rounding. Measured in float32 with normal numbers, 512 channels and 28x30 pixels, the largest error of any
contraction over five seeds was 1.3e-5 of the largest result with m = 4 and 7e-7 with m = 2, where im2col has 4e-7. A
NaN or an infinity makes NaN of all m x m results of each tile that sees it, and of all nine taps of its channels'
weights.

Source: Winograd 1980, "Arithmetic complexity of computations"; Lavin and Gray, CVPR 2016; Toom and Cook's points.
"""

from __future__ import annotations

from collections.abc import Callable
from math import prod

from minifcn.arrays.convolution.turned import turned_geometry
from minifcn.arrays.convolution.winograd.blocks import Block, blocks, parts, tile
from minifcn.arrays.convolution.winograd.steps import (
    add_taps,
    count_of,
    place,
    transformed_image,
    transformed_result,
    transformed_weight,
)
from minifcn.geometry import Geometry
from minifcn.machine.backend import Array, array_module
from minifcn.machine.memory import empty, scratch
from minifcn.machine.product import multiply
from minifcn.machine.threads import for_each

# --- the three contractions ---------------------------------------------------------------------------------------
#
# Block by block of tiles: first all channels of x are transformed, then for some channels of y at a time the weight is,
# multiplied, and what comes out transformed back. Both are small enough to be still in the cache when they are read,
# and different channels are the work of different threads.


def to_output(x: Array, w: Array, geometry: Geometry) -> Array:
    """Convolution. x (N, C, H, W), w (O, C, 3, 3) -> y (N, O, OH, OW): Aᵀ (Σ_c G w Gᵀ ⊙ B x Bᵀ) A for each tile."""
    m = tile(geometry, len(x))

    def weight(outputs: slice) -> Array:
        return transformed_weight(w[outputs], m)

    return _convolved(x, w.shape[0], weight, geometry)


def to_input(w: Array, y: Array, geometry: Geometry) -> Array:
    """Transposed convolution. w (O, C, 3, 3), y (N, O, OH, OW) -> x (N, C, H, W).

    With stride 1 it is a convolution of y, the taps the other way round, the weight's channels exchanged: see
    arrays/convolution/turned.py.
    """
    back = turned_geometry(geometry)
    m = tile(back, len(y))

    def weight(inputs: slice) -> Array:
        return transformed_weight(w[:, inputs], m, turned=True).swapaxes(1, 2)

    return _convolved(y, w.shape[1], weight, back)


def _image(x: Array, geometry: Geometry, m: int, block: Block) -> Array:
    """B x Bᵀ of a block: (n², C, P), P tiles."""
    C, P, n_squared = x.shape[1], prod(count_of(geometry, m, block)), (m + 2) ** 2
    image = scratch("winograd: image", (n_squared, C, P), x)

    def transform(channels: slice) -> None:
        transformed_image(x[:, channels], geometry, m, block, out=image[:, channels])

    for_each(transform, parts(C, n_squared * P, n_squared, x))
    return image


def _convolved(x: Array, O: int, weight: Callable[[slice], Array], geometry: Geometry) -> Array:
    """y of x (N, C, H, W) and of weight(outputs) (n², outputs, C), which is asked for some of O outputs at a time."""
    m = tile(geometry, len(x))
    y = empty((len(x), O, *geometry.output_size), x.dtype, x)
    for block in blocks(x, geometry, m):
        image = _image(x, geometry, m, block)
        n_squared, C, P = image.shape

        def compute(outputs: slice, image: Array = image, block: Block = block) -> None:
            made = scratch("winograd: product", (len(image), outputs.stop - outputs.start, image.shape[2]), x)
            multiply(weight(outputs), image, made)  # (n², O, C) @ (n², C, P)
            place(made, y[:, outputs], geometry, m, block)

        for_each(compute, parts(O, n_squared * (C + P) // 2, min(C, P), x))
    return y


def to_weight(x: Array, y: Array, geometry: Geometry) -> Array:
    """What the weight receives. x (N, C, H, W), y (N, O, OH, OW) -> w (O, C, 3, 3): Gᵀ (Σ B x Bᵀ ⊙ A y Aᵀ) G."""
    C, O, m = x.shape[1], y.shape[1], tile(geometry, len(x))
    taps = array_module(x, y).zeros((9, O, C), x.dtype)
    for block in blocks(x, geometry, m):
        image = _image(x, geometry, m, block)
        n_squared, _, P = image.shape

        def compute(outputs: slice, image: Array = image, block: Block = block) -> None:
            result = transformed_result(y[:, outputs], geometry, m, block)
            made = scratch("winograd: product", (len(image), outputs.stop - outputs.start, C), x)
            multiply(result, image.swapaxes(1, 2), made)  # (n², O, P) @ (n², P, C)
            add_taps(made, taps[:, outputs], m)

        for_each(compute, parts(O, n_squared * (C + P) // 2, min(C, P), x))
    w = empty((O, C, 3, 3), x.dtype, x)
    w.reshape(O, C, 9)[...] = taps.transpose(1, 2, 0)
    return w
