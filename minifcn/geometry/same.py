"""Padding by name: "valid" pads nothing, "same" keeps the size."""

from __future__ import annotations

from minifcn.arguments import Pair, pair
from minifcn.errors import ArgumentError, ArgumentTypeError

NAMES = ("same", "valid")


def named_padding(name: str, padding: str, kernel_size: object, stride: object, dilation: object) -> tuple[Pair, Pair]:
    """(before, after): how many rows and columns of zeros stand above and to the left, and below and to the right.

        "valid"   before = after = 0
        "same"    before + after = d·(k − 1), before = ⌊d·(k − 1)/2⌋: OH = H and OW = W

    Where d·(k − 1) is odd the end has one more than the beginning, as in PyTorch. "same" exists for stride 1 alone:
    with another one no padding keeps the size.
    Raises ArgumentTypeError for another name, ArgumentError for "same" with a stride above 1.

    >>> named_padding("conv2d", "same", (3, 4), 1, 1)
    ((1, 1), (1, 2))
    """
    if padding not in NAMES:
        raise ArgumentTypeError(
            f"{name}: padding must be an integer or a pair of integers, got {padding!r} (str), which is neither "
            f'"same" nor "valid".'
        )
    if padding == "valid":
        return (0, 0), (0, 0)
    kernel, steps = pair(kernel_size, f"{name}: kernel_size", 1), pair(stride, f"{name}: stride", 1)
    holes = pair(dilation, f"{name}: dilation", 1)
    rows, columns = (holes[a] * (kernel[a] - 1) for a in (0, 1))
    before = rows // 2, columns // 2
    if steps != (1, 1):
        raise ArgumentError(
            f'{name}: padding "same" keeps the size at stride 1 only, got stride {steps}; pass a number, such as '
            f"padding {before}."
        )
    return before, (rows - before[0], columns - before[1])
