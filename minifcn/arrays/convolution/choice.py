"""`auto`: which algorithm computes a convolution, by a short rule from sizes alone, which can be asked.

    1x1 kernel, stride 1, no padding                                     pointwise: one product, no columns
    3x3 kernel, stride 1, 48 channels or more on both sides,
        10⁸ multiplications or more, 36 tiles or more                    winograd: a quarter of the multiplications
    a product of output rows, perhaps of several images, that takes
        5·10⁴ multiplications or more and has half as many pixels
        as there are channels, or more                                   rows: a third of a 3x3 kernel's columns
    everything else                                                      im2col

Why 48 channels: a tile of 36 pixels is transformed once for each channel and used once for each channel of the other
side; with fewer the transforms cost more than the products they save. Why 10⁸: what is smaller is done before the many
small steps are. Why 36 tiles: each of the products multiplies an (O, C) matrix by as many columns as there are tiles,
and a product with few columns reads its matrix from memory for little work. Why 5·10⁴ multiplications: rows calls for a
product for each output row, which takes as long as some ten thousands of them. Why half as many pixels: of each row it
makes a whole weight, to be added to the gradient. The limits were tried out on one processor, all three contractions
together; another may put them elsewhere.

On a GPU, where products are fast and memory is what limits, numbers are counted. With C channels on one side and O on
the other, winograd moves 5.5 (C + O) numbers for each pixel of the result: x once, and 2.25 of each tile in its other
basis twice, and so for y. im2col moves 18 C + 3 O: nine columns twice, and y. So winograd is taken where neither side
has fewer than a fifth of the other's channels, and at least 8. This was counted, not measured.
"""

from __future__ import annotations

from minifcn.arrays.convolution import pointwise, winograd
from minifcn.arrays.convolution.strips import images_together, products_of_row
from minifcn.geometry import Geometry

LEAST_CHANNELS = 48
LEAST_CHANNELS_ON_GPU, LEAST_SHARE_ON_GPU = 8, 5
LEAST_PRODUCTS = 10**8
LEAST_TILES = 36
LEAST_IN_A_ROW, MOST_CHANNELS_OF_A_PIXEL = 5 * 10**4, 2


def choose(geometry: Geometry, images: int, channels: int, outputs: int, on_gpu: bool = False) -> tuple[str, str]:
    """(name of the algorithm, why) for x (images, channels, H, W) and y (images, outputs, OH, OW)."""
    if pointwise.fits(geometry):
        return "pointwise", "a 1x1 kernel that moves pixel by pixel is one matrix product"
    why = _why_not_winograd(geometry, images, channels, outputs, on_gpu)
    if not why:
        m, tiles = winograd.tile(geometry, images), winograd.tiles(geometry, images)
        return "winograd", f"3x3, stride 1, {min(channels, outputs)} channels or more and {tiles} tiles of {m}x{m}"
    joined = images_together(geometry, images, channels, outputs)
    columns, products = joined * geometry.output_size[1], joined * products_of_row(geometry, channels, outputs)
    wide = max(channels, outputs) <= MOST_CHANNELS_OF_A_PIXEL * columns
    if wide and products >= LEAST_IN_A_ROW and not on_gpu:
        return "rows", f"{columns} pixels and {products / 1e6:.1f} M multiplications in a product of rows; {why}"
    return "im2col", why


def _why_not_winograd(geometry: Geometry, images: int, channels: int, outputs: int, on_gpu: bool) -> str:
    """Why it is not worth while, or ""."""
    if not winograd.fits(geometry):
        return "winograd needs a 3x3 kernel, stride 1, dilation 1, padding of at most 2 and one group"
    least = LEAST_CHANNELS
    if on_gpu:
        least = max(LEAST_CHANNELS_ON_GPU, -(-max(channels, outputs) // LEAST_SHARE_ON_GPU))
    if min(channels, outputs) < least:
        return f"with {min(channels, outputs)} channels winograd's transforms cost more than they save"
    products = images * outputs * channels * geometry.output_pixels * geometry.taps
    if products < LEAST_PRODUCTS:
        return f"{products / 1e6:.0f} M multiplications are fewer than winograd's many small steps are worth"
    m, tiles = winograd.tile(geometry, images), winograd.tiles(geometry, images)
    return f"{tiles} tiles of {m}x{m} are too few to fill winograd's matrix products" if tiles < LEAST_TILES else ""
