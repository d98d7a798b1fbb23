"""Where a pixel of the image lies in a feature map, in exact fractions. (What a feature sees is told in field.py.)

Every layer moves the centre of a pixel by an affine map. Maps compose, and two feature maps that descend from one
image are aligned by the crop that makes their maps equal (the idea of Caffe's `coord_map.py`): FCN's crops are derived
here and written down nowhere.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from minifcn.errors import ArgumentError


@dataclass(frozen=True)
class CoordinateMap:
    """Where the centre of a pixel lands: position in the output = scale · position in the input + offset, exactly.

    0 is the centre of the first pixel. A 2x2 pooling has the map u/2 − 1/4: its first feature, at 0, lies over u = 1/2.
    """

    scale: Fraction = Fraction(1)
    offset: Fraction = Fraction(0)

    @classmethod
    def of_convolution(cls, kernel_size: int, stride: int = 1, padding: int = 0, dilation: int = 1) -> CoordinateMap:
        """Convolution or pooling with a kernel of size K: scale 1/s, offset (p − d·(K − 1)/2) / s.

        Window i begins at input row i·s − p, and its centre lies d·(K − 1)/2 further on. Solved for i, that is the map.
        """
        centre = Fraction(dilation * (kernel_size - 1), 2)
        return cls(Fraction(1, stride), (padding - centre) / stride)

    @classmethod
    def of_transposed_convolution(
        cls, kernel_size: int, stride: int = 1, padding: int = 0, dilation: int = 1
    ) -> CoordinateMap:
        """Transposed convolution: scale s, offset d·(K − 1)/2 − p. It is the inverse of the convolution's map."""
        return cls.of_convolution(kernel_size, stride, padding, dilation).inverse()

    @classmethod
    def of_crop(cls, rows: int) -> CoordinateMap:
        """Dropping the first `rows` rows: what was at `rows` is now at 0."""
        return cls(Fraction(1), Fraction(-rows))

    def then(self, later: CoordinateMap) -> CoordinateMap:
        """This map first, then `later`: (a₂·a₁, a₂·b₁ + b₂)."""
        return CoordinateMap(later.scale * self.scale, later.scale * self.offset + later.offset)

    def inverse(self) -> CoordinateMap:
        """From the output back to the input: (1/a, −b/a)."""
        return CoordinateMap(1 / self.scale, -self.offset / self.scale)

    def __call__(self, position: Fraction | int) -> Fraction:
        return self.scale * position + self.offset


def crop_offset(larger: CoordinateMap, smaller: CoordinateMap) -> int:
    """How many rows (or columns) of `larger` come before the first one of `smaller`, exactly.

    Pixel 0 of the image lies at larger.offset in the one and at smaller.offset in the other; the rows that are cropped
    make up for the difference: larger.offset − crop = smaller.offset.
    Raises ArgumentError, with the numbers, if the scales differ, or the offset is negative or not an integer: then
    no crop aligns the two, whatever their sizes.
    """
    if larger.scale != smaller.scale:
        raise ArgumentError(
            f"crop: the scales differ: {larger.scale} and {smaller.scale} of the image; "
            f"resample one of them so that both have the same stride."
        )
    offset = larger.offset - smaller.offset
    if offset.denominator != 1:
        raise ArgumentError(
            f"crop: the offset {offset} is not an integer (offsets {larger.offset} and {smaller.offset}); "
            f"change the parity of an upsampling kernel by one."
        )
    if offset < 0:
        raise ArgumentError(
            f"crop: the offset {offset} is negative (offsets {larger.offset} and {smaller.offset}); "
            f"increase the padding of the first layer or exchange the two."
        )
    return int(offset)
