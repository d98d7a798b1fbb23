"""The sliding window: sizes, taps and borders, settled once. Integers, no arrays.

The whole library leans on one relation between an input position and an output position of a sliding window,

    row of the input = i·s + k·d − p        i output row, k tap of the kernel, s stride, d dilation, p padding,

and the same for columns. `Geometry` holds the numbers of one such relation and settles once which taps meet which
positions. Convolution, transposed convolution, the weight gradient and pooling all read it here. Where the centre of a
window lies over the image is told in `coordinates.py`.
"""

from __future__ import annotations

import operator
from dataclasses import dataclass
from fractions import Fraction
from math import ceil

from minifcn.coordinates import CoordinateMap
from minifcn.errors import ArgumentError, ArgumentTypeError

Pair = tuple[int, int]

# The largest size that is taken seriously: beyond it products of sizes leave 64-bit integers.
LARGEST_SIZE = 2**31 - 1


def pair(value: object, name: str, minimum: int) -> Pair:
    """`value` as two integers (rows, columns): an integer counts for both; anything else is an error that says so."""
    values = tuple(value) if isinstance(value, tuple | list) else (value, value)
    if len(values) != 2:
        raise ArgumentError(f"{name} must be an integer or a pair of integers, got {value!r} of length {len(values)}.")
    kind = "an integer or a pair of integers"
    return integer(values[0], name, minimum, kind), integer(values[1], name, minimum, kind)


def integer(value: object, name: str, minimum: int, kind: str = "an integer") -> int:
    """`value` as a plain int of at least `minimum`; floats, booleans, strings and None are refused by name."""
    try:
        if isinstance(value, bool):
            raise TypeError
        number = operator.index(value)  # type: ignore[arg-type]
    except TypeError:
        raise ArgumentTypeError(f"{name} must be {kind}, got {value!r} ({type(value).__name__}).") from None
    if not minimum <= number <= LARGEST_SIZE:
        raise ArgumentError(f"{name} must be between {minimum} and {LARGEST_SIZE}, got {number}.")
    return number


@dataclass(frozen=True)
class Geometry:
    """The numbers of one sliding window: which input pixel meets which output pixel under which tap of the kernel.

    `input_size` (H, W) belongs to x and `output_size` (OH, OW) to y in T(x, w, y), whatever is computed from what:
    a transposed convolution reads y and makes x. Build one with `of_convolution`, `of_transposed_convolution` or
    `of_pooling`; they check every number and derive the missing size.
    """

    input_size: Pair
    kernel_size: Pair
    stride: Pair
    padding: Pair
    dilation: Pair
    groups: int
    output_size: Pair

    def __post_init__(self) -> None:
        for axis in (0, 1):
            last = (self.output_size[axis] - 1) * self.stride[axis]
            if self.output_size[axis] < 1 or last >= self.input_size[axis] + 2 * self.padding[axis]:
                raise ArgumentError(
                    f"output size {self.output_size} does not belong to input size {self.input_size} with kernel "
                    f"{self.kernel_size}, stride {self.stride}, padding {self.padding}, dilation {self.dilation}; "
                    f"build the geometry with of_convolution, of_transposed_convolution or of_pooling."
                )

    @property
    def reach(self) -> Pair:
        """Extent of the dilated kernel, d·(k − 1) + 1."""
        return _reach(self.kernel_size, self.dilation)

    # --- constructors -------------------------------------------------------------------------------------------

    @classmethod
    def of_convolution(
        cls,
        input_size: object,
        kernel_size: object,
        stride: object = 1,
        padding: object = 0,
        dilation: object = 1,
        groups: object = 1,
        *,
        name: str = "conv2d",
    ) -> Geometry:
        """From the size of x. Output size: floor((H + 2p − d·(k − 1) − 1) / s) + 1 (Dumoulin and Visin 2016, §4)."""
        size, kernel, step, pad, spread = _checked(name, input_size, kernel_size, stride, padding, dilation, smallest=0)
        number = integer(groups, f"{name}: groups", 1)
        reach = _reach(kernel, spread)
        padded = (size[0] + 2 * pad[0], size[1] + 2 * pad[1])
        if padded[0] < reach[0] or padded[1] < reach[1]:
            raise ArgumentError(
                f"{name}: the kernel does not fit: padded input {padded[0]}x{padded[1]} (input {size[0]}x{size[1]}, "
                f"padding {pad}), effective kernel {reach[0]}x{reach[1]} (kernel {kernel[0]}x{kernel[1]}, dilation "
                f"{spread}); increase padding or reduce the kernel or its dilation."
            )
        output = ((padded[0] - reach[0]) // step[0] + 1, (padded[1] - reach[1]) // step[1] + 1)
        return cls(size, kernel, step, pad, spread, number, pair(output, f"{name}: output size", 1))

    @classmethod
    def of_transposed_convolution(
        cls,
        size: object,
        kernel_size: object,
        stride: object = 1,
        padding: object = 0,
        output_padding: object = 0,
        groups: object = 1,
        dilation: object = 1,
        output_size: object = None,
        *,
        name: str = "conv_transpose2d",
    ) -> Geometry:
        """From the size of y, which is what a transposed convolution is given.

        The size it makes is (h − 1)·s − 2p + d·(k − 1) + 1 + output_padding. Several input sizes of a strided
        convolution share one output size; `output_padding` (or the wanted `output_size` itself) chooses among them.
        It appends no zeros: the extra rows receive their real contributions.
        """
        given, kernel, step, pad, spread = _checked(name, size, kernel_size, stride, padding, dilation, smallest=1)
        number = integer(groups, f"{name}: groups", 1)
        reach = _reach(kernel, spread)
        least = tuple((given[a] - 1) * step[a] - 2 * pad[a] + reach[a] for a in (0, 1))
        extra = pair(output_padding, f"{name}: output_padding", 0)
        room = tuple(max(step[a], spread[a]) - 1 for a in (0, 1))
        if output_size is not None:
            if extra != (0, 0):
                raise ArgumentError(f"{name}: give output_padding {extra} or output_size {output_size}, not both.")
            wanted = pair(output_size, f"{name}: output_size", 0)
            if any(not least[a] <= wanted[a] <= least[a] + room[a] for a in (0, 1)):
                raise ArgumentError(
                    f"{name}: output_size {wanted} cannot be reached from {given}; choose rows from {least[0]} to "
                    f"{least[0] + room[0]} and columns from {least[1]} to {least[1] + room[1]}."
                )
            extra = (wanted[0] - least[0], wanted[1] - least[1])
        if any(extra[a] > room[a] for a in (0, 1)):
            raise ArgumentError(
                f"{name}: output_padding must be smaller than either stride or dilation, got output_padding {extra}, "
                f"stride {step}, dilation {spread}; use at most {room}."
            )
        made = (least[0] + extra[0], least[1] + extra[1])
        if made[0] < 1 or made[1] < 1:
            raise ArgumentError(
                f"{name}: the output would be {made[0]}x{made[1]} (input {given[0]}x{given[1]}, kernel "
                f"{kernel[0]}x{kernel[1]}, stride {step}, padding {pad}, dilation {spread}); reduce padding."
            )
        return cls(pair(made, f"{name}: output size", 1), kernel, step, pad, spread, number, given)

    @classmethod
    def of_pooling(
        cls,
        input_size: object,
        kernel_size: object,
        stride: object = None,
        padding: object = 0,
        dilation: object = 1,
        ceil_mode: bool = False,
        *,
        name: str = "max_pool2d",
    ) -> Geometry:
        """From the size of x; `stride` defaults to the kernel.

        With `ceil_mode` the last window may hang over the edge: ceil((H + 2p − d·(k − 1) − 1) / s) + 1 windows, less
        one if the last would start beyond the input and its left padding (the rule of Caffe and PyTorch).
        """
        step = kernel_size if stride is None else stride
        size, kernel, step, pad, spread = _checked(name, input_size, kernel_size, step, padding, dilation, smallest=1)
        reach = _reach(kernel, spread)
        output = []
        for axis in (0, 1):
            if 2 * pad[axis] > reach[axis]:
                raise ArgumentError(
                    f"{name}: padding must be at most half of the effective kernel, got padding {pad} and effective "
                    f"kernel {reach[0]}x{reach[1]}; use padding at most {(reach[0] // 2, reach[1] // 2)}."
                )
            space = size[axis] + 2 * pad[axis] - reach[axis]
            count = (ceil(Fraction(space, step[axis])) if ceil_mode else space // step[axis]) + 1
            if ceil_mode and (count - 1) * step[axis] >= size[axis] + pad[axis]:
                count -= 1
            if count < 1:
                remedy = "increase the stride" if ceil_mode else "use ceil_mode"
                raise ArgumentError(
                    f"{name}: the window does not fit: padded input {size[0] + 2 * pad[0]}x{size[1] + 2 * pad[1]}, "
                    f"effective kernel {reach[0]}x{reach[1]}; increase padding, reduce the kernel or {remedy}."
                )
            if spread[axis] > size[axis]:  # only then can two neighbouring taps straddle the whole image
                _refuse_blind_windows(name, size[axis], kernel[axis], step[axis], pad[axis], spread[axis], count)
            output.append(count)
        return cls(size, kernel, step, pad, spread, 1, pair(output, f"{name}: output size", 1))

    # --- taps: the one place where borders, strides and dilation are settled --------------------------------------

    def tap(self, axis: int, k: int, first: int = 0, last: int | None = None) -> tuple[slice, slice]:
        """The positions that meet under tap `k` along `axis`: (slice of the input, slice of the output).

        Both slices have the same length, and the j-th of the one meets the j-th of the other: row i·s + k·d − p of
        the input with row i of the output. Positions that fall into the padding are left out. With `first` and `last`
        only the output rows in [first, last) count, and the output slice is given relative to `first`.
        """
        stop = self.output_size[axis] if last is None else last
        shift = k * self.dilation[axis] - self.padding[axis]
        return _meeting(self.input_size[axis], self.stride[axis], shift, first, stop)

    def window(self, axis: int, i: int) -> tuple[slice, slice]:
        """The positions that meet at output row `i` along `axis`: (slice of the input, slice of the taps).

        The same relation read the other way: i is fixed and k runs. The j-th of the one meets the j-th of the other.
        """
        shift = i * self.stride[axis] - self.padding[axis]
        return _meeting(self.input_size[axis], self.dilation[axis], shift, 0, self.kernel_size[axis])

    # --- sizes and costs ------------------------------------------------------------------------------------------

    @property
    def taps(self) -> int:
        return self.kernel_size[0] * self.kernel_size[1]

    @property
    def output_pixels(self) -> int:
        return self.output_size[0] * self.output_size[1]

    @property
    def input_pixels(self) -> int:
        return self.input_size[0] * self.input_size[1]

    def coordinates(self) -> tuple[CoordinateMap, CoordinateMap]:
        """The maps input position -> output position of the window's centre, for rows and for columns."""
        rows, columns = (
            CoordinateMap.of_convolution(self.kernel_size[a], self.stride[a], self.padding[a], self.dilation[a])
            for a in (0, 1)
        )
        return rows, columns


def _meeting(size: int, step: int, shift: int, first: int, last: int) -> tuple[slice, slice]:
    """All j in [first, last) with 0 <= j·step + shift < size: (slice of j·step + shift, slice of j − first)."""
    low = max(first, -(shift // step))  # the smallest j with j·step + shift >= 0 is ceil(-shift / step)
    high = min(last, (size - 1 - shift) // step + 1)  # the first j with j·step + shift >= size
    if high <= low:
        return slice(0, 0), slice(0, 0)
    start = low * step + shift
    return slice(start, start + (high - 1 - low) * step + 1, step), slice(low - first, high - first)


def _reach(kernel: Pair, dilation: Pair) -> Pair:
    return dilation[0] * (kernel[0] - 1) + 1, dilation[1] * (kernel[1] - 1) + 1


def _refuse_blind_windows(
    name: str, size: int, kernel: int, stride: int, padding: int, dilation: int, count: int
) -> None:
    """Raises ArgumentError if all taps of some window fall into the padding: such a maximum does not exist."""
    for i in range(count):
        positions = [i * stride + k * dilation - padding for k in range(kernel)]
        if not any(0 <= position < size for position in positions):
            raise ArgumentError(
                f"{name}: window {i} sees only padding: its taps are at {positions}, the input is {size} long; "
                f"reduce the dilation {dilation} to at most {size} or the padding {padding}."
            )


def _checked(
    name: str, size: object, kernel: object, stride: object, padding: object, dilation: object, smallest: int
) -> tuple[Pair, Pair, Pair, Pair, Pair]:
    if isinstance(padding, str):
        raise ArgumentTypeError(
            f"{name}: padding must be an integer or a pair of integers, got {padding!r}; dilation·(k − 1)/2 keeps the "
            f"size at stride 1 if the kernel size k is odd, for an even one extend one side first with functional.pad."
        )
    return (
        pair(size, f"{name}: input size", smallest),
        pair(kernel, f"{name}: kernel_size", 1),
        pair(stride, f"{name}: stride", 1),
        pair(padding, f"{name}: padding", 0),
        pair(dilation, f"{name}: dilation", 1),
    )
