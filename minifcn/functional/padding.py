"""What `padding="same"` and `"valid"` mean to a convolution: numbers, and zeros where they are uneven."""

from __future__ import annotations

from typing import TYPE_CHECKING

from minifcn.arguments import IntOrPair
from minifcn.functional.shaping import pad
from minifcn.geometry.same import named_padding

if TYPE_CHECKING:
    from minifcn.tensor import Tensor


def padded_by_name(
    name: str, x: Tensor, kernel_size: IntOrPair, stride: IntOrPair, padding: IntOrPair | str, dilation: IntOrPair
) -> tuple[Tensor, IntOrPair]:
    """x and a padding in numbers, the same on both sides; what the end has besides is in x already.

    A padding that is in numbers stays as it is. The rule is in geometry/same.py.
    """
    if not isinstance(padding, str):
        return x, padding
    before, after = named_padding(name, padding, kernel_size, stride, dilation)
    if before != after:
        x = pad(x, (0, after[1] - before[1], 0, after[0] - before[0]))
    return x, before
