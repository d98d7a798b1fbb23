"""The fifteen cases of convolution arithmetic, with numbers in every square.

Dumoulin and Visin, "A guide to convolution arithmetic for deep learning" (2016), drew fifteen convolutions and
transposed convolutions as moving pictures of squares without numbers. Here each is computed in front of the reader. The
transposed cases are those of a convolution from `size` pixels, so that each can be laid beside its partner.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from minifcn.geometry import Geometry
from minifcn.plot.frames import Frames
from minifcn.plot.sliding import slide
from minifcn.plot.stamping import spread, stamps


@dataclass(frozen=True)
class Case:
    """A convolution of `size` pixels in both directions, or its transpose, which makes `size` pixels."""

    name: str
    size: int
    kernel: int
    stride: int = 1
    padding: int = 0
    dilation: int = 1
    transposed: bool = False

    @property
    def geometry(self) -> Geometry:
        sizes = (self.size, self.size), (self.kernel, self.kernel)
        return Geometry.of_convolution(*sizes, self.stride, self.padding, self.dilation)

    @property
    def output_padding(self) -> int:
        """What the transposed case must add to make `size` again: (size + 2p − d·(K − 1) − 1) mod s."""
        return (self.size + 2 * self.padding - self.dilation * (self.kernel - 1) - 1) % self.stride

    def frames(self) -> Frames:
        """The window moving over the image; of a transposed case, over the pixels spread apart."""
        if not self.transposed:
            return slide(_image(self.size), _kernel(self.kernel), self.stride, self.padding, self.dilation)
        given = (_image(self.geometry.output_size[0]), _kernel(self.kernel), self.stride, self.padding)
        return spread(*given, self.output_padding, self.dilation)

    def stamps(self) -> Frames:
        """A transposed case as stamps that are added up."""
        given = (_image(self.geometry.output_size[0]), _kernel(self.kernel), self.stride, self.padding)
        return stamps(*given, self.output_padding, self.dilation)


DIRECT = (
    Case("no padding, no strides", 4, 3),
    Case("arbitrary padding, no strides", 5, 4, padding=2),
    Case("same padding, no strides", 5, 3, padding=1),
    Case("full padding, no strides", 5, 3, padding=2),
    Case("no padding, strides", 5, 3, stride=2),
    Case("padding, strides", 5, 3, stride=2, padding=1),
    Case("padding, strides, odd", 6, 3, stride=2, padding=1),
)
CASES = (
    *DIRECT,
    *(Case(f"{c.name}, transposed", c.size, c.kernel, c.stride, c.padding, transposed=True) for c in DIRECT),
    Case("dilation", 7, 3, dilation=2),
)


def _image(size: int) -> np.ndarray:
    """Small numbers that differ from their neighbours, so that an exchanged pixel is seen: 1 to 9, again and again."""
    return (np.arange(size * size) * 2 % 9 + 1).reshape(size, size)


def _kernel(size: int) -> np.ndarray:
    """A kernel that looks different from every side: 1, 2, 0 along a row, and one more with each row."""
    return np.array([[(l + 2 * k) % 4 for l in range(1, size + 1)] for k in range(size)])
