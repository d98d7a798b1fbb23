"""A number that differs with the size of the image, said as the size of something: "as large as the skip, and 4 more".

The model is followed with images of several sizes. A number that was the same each time is a constant; any other must
have an `Extent`: one axis of one value that explains it in all of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

Numbers = tuple[int, ...]  # one for each image that the model was followed with


@dataclass(frozen=True)
class Extent:
    """shape(value)[axis] · times // divisor + plus."""

    value: int
    axis: int
    times: int = 1
    divisor: int = 1
    plus: int = 0


def constant(numbers: Numbers) -> bool:
    return len(set(numbers)) == 1


def extent(
    numbers: Numbers, shapes: Sequence[tuple[int, tuple[Numbers, ...]]], most: Numbers | None = None
) -> Extent | None:
    """The simplest extent that gives `numbers`: of the first of the values that has it, as large as it, else larger or
    smaller by a fixed number, else a multiple, else a part. None if there is none.

    shapes   (value, the numbers of each axis), the values in the order in which they are preferred
    most     the extent may be larger than `numbers` where these are as large as they can be
    """
    axes = [(value, axis, sizes) for value, shape in shapes for axis, sizes in enumerate(shape) if not constant(sizes)]
    for value, axis, sizes in axes:
        if sizes == numbers:
            return Extent(value, axis)
    for value, axis, sizes in axes:
        plus = numbers[0] - sizes[0]
        if all(number == size + plus for number, size in zip(numbers, sizes, strict=True)):
            return Extent(value, axis, plus=plus)
    for value, axis, sizes in axes:
        times, divisor = _ratio(numbers, sizes), _ratio(sizes, numbers)
        if times or divisor:
            return Extent(value, axis, times or 1, divisor or 1)
    if most is not None and numbers != most:
        return _cut(numbers, axes, most)
    return None


def _cut(numbers: Numbers, axes: list[tuple[int, int, Numbers]], most: Numbers) -> Extent | None:
    """The extent of which `numbers` are what is left when it is cut to `most`."""
    free = [place for place, number in enumerate(numbers) if number < most[place]]
    for value, axis, sizes in axes:
        plus = numbers[free[0]] - sizes[free[0]]
        if all(number == min(size + plus, limit) for number, size, limit in zip(numbers, sizes, most, strict=True)):
            return Extent(value, axis, plus=plus)
    return None


def _ratio(numbers: Numbers, sizes: Numbers) -> int:
    """The whole number that `numbers` are of `sizes`, or 0."""
    times = numbers[0] // sizes[0] if sizes[0] else 0
    return times if all(number == size * times for number, size in zip(numbers, sizes, strict=True)) else 0
