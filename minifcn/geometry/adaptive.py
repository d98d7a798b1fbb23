"""Windows that adapt to the image: as many as are wanted, whatever the size, and every pixel is seen."""

from __future__ import annotations


def adaptive_windows(size: int, count: int) -> list[tuple[int, int]]:
    """(first, end) of each of `count` windows along an axis of `size` pixels: window i sees first ≤ pixel < end.

        first(i) = ⌊i · size / count⌋, end(i) = ⌈(i + 1) · size / count⌉

    The axis is cut into `count` equal parts, and a window sees all pixels that its part touches: neighbours share a
    pixel where the cut goes through one, lengths differ by one at most, and pixels are repeated where count > size.
    PyTorch's rule.

    >>> adaptive_windows(7, 3)
    [(0, 3), (2, 5), (4, 7)]
    """
    return [(i * size // count, -(-(i + 1) * size // count)) for i in range(count)]
