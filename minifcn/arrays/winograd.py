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

from minifcn.arrays.product import multiply
from minifcn.arrays.turned import turned_geometry
from minifcn.arrays.winograd_tiles import (
    Block,
    add_taps,
    count_of,
    place,
    transformed_image,
    transformed_result,
    transformed_weight,
)
from minifcn.backend import Array, array_module, is_cupy, threads_for, working_bytes
from minifcn.geometry import Geometry
from minifcn.memory import empty, scratch
from minifcn.threads import even_parts, for_each


def fits(geometry: Geometry) -> bool:
    """Whether this algorithm can compute it: 3x3 kernel, stride 1, dilation 1, one group, at most 2 rows of padding."""
    g = geometry
    plain = g.kernel_size == (3, 3) and g.stride == g.dilation == (1, 1) and g.groups == 1
    return plain and max(g.padding) <= 2 and min(g.input_size) > 0


# --- tiles -------------------------------------------------------------------------------------------------------


def tile(geometry: Geometry, images: int) -> int:
    """m: 4, or 2 for results so small that 4 would leave fewer than 40 tiles, and these hang over the edges.

    Each of the n² products multiplies by as many columns as there are tiles, and a matrix must be read from memory for
    them, however few they are: with m = 2 there are more columns, and 16 products instead of 36.
    """
    return 4 if images * _tiles(geometry, 4) >= 40 else 2


def tiles(geometry: Geometry, images: int) -> int:
    """How many tiles cover the results of all images."""
    return images * _tiles(geometry, tile(geometry, images))


def _tiles(geometry: Geometry, m: int) -> int:
    return prod(-(-size // m) for size in geometry.output_size)


# --- blocks of tiles, parts of channels --------------------------------------------------------------------------


# Tiles in a block at least: the weight is transformed anew for each, so it should be multiplied by many.
LEAST_TILES = 256


def _blocks(x: Array, geometry: Geometry, m: int) -> list[Block]:
    """Images and rows of tiles."""
    N, C = x.shape[:2]
    rows = -(-geometry.output_size[0] // m)
    fitting = rows_of_tiles(C, geometry, m, x.dtype.itemsize, working_bytes(x))
    images = max(1, fitting // rows)
    return [
        (slice(i, min(i + images, N)), slice(start, min(start + fitting, rows)))
        for i in range(0, N, images)
        for start in range(0, rows, fitting)
    ]


def rows_of_tiles(C: int, geometry: Geometry, m: int, itemsize: int, room: int) -> int:
    """How many rows a block has at most: their transformed pixels fit twice the room, or they are LEAST_TILES."""
    columns = -(-geometry.output_size[1] // m)
    bytes_per_row = max(1, (m + 2) ** 2 * C * columns * itemsize)
    return max(1, 2 * room // bytes_per_row, LEAST_TILES // columns)


def _parts(channels: int, values: int, products: int, x: Array) -> list[slice]:
    """All channels cut so that every thread has work, and a part's `values` per channel are about `working_bytes`.

    products: how many multiplications each of the values takes part in. On a GPU they are one part.
    """
    if is_cupy(x):
        return [slice(0, channels)]
    total = channels * values
    threads = threads_for(x, total, total * products)
    return even_parts(channels, max(threads, total * x.dtype.itemsize // working_bytes(x)))


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

    With stride 1 it is a convolution of y (turned.py): the taps the other way round, the weight's channels exchanged.
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

    for_each(transform, _parts(C, n_squared * P, n_squared, x))
    return image


def _convolved(x: Array, O: int, weight: Callable[[slice], Array], geometry: Geometry) -> Array:
    """y of x (N, C, H, W) and of weight(outputs) (n², outputs, C), which is asked for some of O outputs at a time."""
    m = tile(geometry, len(x))
    y = empty((len(x), O, *geometry.output_size), x.dtype, x)
    for block in _blocks(x, geometry, m):
        image = _image(x, geometry, m, block)
        n_squared, C, P = image.shape

        def compute(outputs: slice, image: Array = image, block: Block = block) -> None:
            made = scratch("winograd: product", (len(image), outputs.stop - outputs.start, image.shape[2]), x)
            multiply(weight(outputs), image, made)  # (n², O, C) @ (n², C, P)
            place(made, y[:, outputs], geometry, m, block)

        for_each(compute, _parts(O, n_squared * (C + P) // 2, min(C, P), x))
    return y


def to_weight(x: Array, y: Array, geometry: Geometry) -> Array:
    """What the weight receives. x (N, C, H, W), y (N, O, OH, OW) -> w (O, C, 3, 3): Gᵀ (Σ B x Bᵀ ⊙ A y Aᵀ) G."""
    C, O, m = x.shape[1], y.shape[1], tile(geometry, len(x))
    taps = array_module(x, y).zeros((9, O, C), x.dtype)
    for block in _blocks(x, geometry, m):
        image = _image(x, geometry, m, block)
        n_squared, _, P = image.shape

        def compute(outputs: slice, image: Array = image, block: Block = block) -> None:
            result = transformed_result(y[:, outputs], geometry, m, block)
            made = scratch("winograd: product", (len(image), outputs.stop - outputs.start, C), x)
            multiply(result, image.swapaxes(1, 2), made)  # (n², O, P) @ (n², P, C)
            add_taps(made, taps[:, outputs], m)

        for_each(compute, _parts(O, n_squared * (C + P) // 2, min(C, P), x))
    w = empty((O, C, 3, 3), x.dtype, x)
    w.reshape(O, C, 9)[...] = taps.transpose(1, 2, 0)
    return w
