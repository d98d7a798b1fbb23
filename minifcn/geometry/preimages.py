"""Which sizes a convolution maps to one: why a transposed convolution has to be told what it makes."""

from __future__ import annotations

from minifcn.arguments import LARGEST_SIZE, integer


def preimages(size: int, kernel_size: int, stride: int = 1, padding: int = 0, dilation: int = 1) -> range:
    """All H with ⌊(H + 2p − d·(K − 1) − 1) / s⌋ + 1 = size: (size − 1)·s + d·(K − 1) + 1 − 2p, and the s − 1 after it.

    The sizes, along one axis, that a convolution maps to `size`. A transposed convolution makes the first of them, with
    output_padding 1 the second, and so on: preimages(...)[e] is what output_padding e makes.

    size         of the convolution's result, at least 1
    kernel_size, stride, padding, dilation   integers, of this one axis
    returns      a range of `stride` sizes, ascending; fewer, or none, where padding alone makes more windows than that

    Raises ArgumentError for a number that is too small, ArgumentTypeError for one that is no integer.

    >>> preimages(6, kernel_size=5, stride=3, padding=2)   # 16, 17 and 18 all become 6
    range(16, 19)
    >>> preimages(1, kernel_size=3, padding=1)
    range(1, 2)
    """
    o, K = integer(size, "preimages: size", 1), integer(kernel_size, "preimages: kernel_size", 1)
    s, p = integer(stride, "preimages: stride", 1), integer(padding, "preimages: padding", 0)
    d = integer(dilation, "preimages: dilation", 1)
    smallest = (o - 1) * s + d * (K - 1) + 1 - 2 * p
    # No image has fewer than 0 rows, and none is larger than what is taken for a size at all.
    return range(max(0, smallest), max(0, min(smallest + s, LARGEST_SIZE + 1)))
