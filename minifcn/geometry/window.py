"""The sliding window: sizes, taps and borders, settled once. Integers, no arrays.

The whole library leans on one relation between an input position and an output position of a sliding window,

    row of the input = i·s + k·d − p        i output row, k tap of the kernel, s stride, d dilation, p padding,

and the same for columns. `Geometry` holds the numbers of one such relation and settles once which taps meet which
positions. Convolution, transposed convolution, the weight gradient and pooling all read it here. What is refused, and
why, is told in `checks.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from minifcn.arguments import Pair, integer, pair
from minifcn.geometry import checks


@dataclass(frozen=True)
class Geometry:
    """The numbers of one sliding window: which input pixel meets which output pixel under which tap of the kernel.

    `input_size` (H, W) belongs to x and `output_size` (OH, OW) to y in T(x, w, y), whatever is computed from what:
    a transposed convolution reads y and makes x. Build one with `of_convolution`, `of_transposed_convolution` or
    `of_pooling`: anything may be passed to them, they check every number and derive the missing size.
    """

    input_size: Pair
    kernel_size: Pair
    stride: Pair
    padding: Pair
    dilation: Pair
    groups: int
    output_size: Pair

    def __post_init__(self) -> None:
        checks.sizes_belong_together(
            self.input_size, self.kernel_size, self.stride, self.padding, self.dilation, self.output_size
        )

    # --- the three ways to get one ---------------------------------------------------------------------------------

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
        """From the size of x. Output size: floor((H + 2p − d·(K − 1) − 1) / s) + 1 (Dumoulin and Visin 2016, §4)."""
        size, K, s, p, d = checks.numbers(name, input_size, kernel_size, stride, padding, dilation, smallest=0)
        number = integer(groups, f"{name}: groups", 1)
        reach = _reach(K, d)
        checks.kernel_fits(name, size, p, K, d, reach)
        output = _per_axis(lambda a: (size[a] + 2 * p[a] - reach[a]) // s[a] + 1)
        return cls(size, K, s, p, d, number, pair(output, f"{name}: output size", 1))

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

        The size it makes, that of x, is (h − 1)·s − 2p + d·(K − 1) + 1 + output_padding. A convolution maps s input
        sizes to one output size; `output_padding` chooses among them, or `output_size`, which as in PyTorch is the
        size made. The extra rows receive the contributions that reach them: none where p = 0. As in PyTorch a dilation
        d > s allows more extra rows; the convolution of such a size is larger than what was given.
        """
        given, K, s, p, d = checks.numbers(name, size, kernel_size, stride, padding, dilation, smallest=1)
        number = integer(groups, f"{name}: groups", 1)
        reach = _reach(K, d)
        least = _per_axis(lambda a: (given[a] - 1) * s[a] - 2 * p[a] + reach[a])
        extra = pair(output_padding, f"{name}: output_padding", 0)
        most_extra = _per_axis(lambda a: max(s[a], d[a]) - 1)
        if output_size is not None:
            checks.one_of_the_two(name, extra, output_size)
            wanted = pair(output_size, f"{name}: output_size", 0)
            checks.output_size_can_be_reached(name, given, wanted, least, most_extra)
            extra = _per_axis(lambda a: wanted[a] - least[a])
        checks.output_padding_is_small(name, extra, s, d, most_extra)
        made = _per_axis(lambda a: least[a] + extra[a])
        checks.something_is_left(name, made, given, K, s, p, d)
        return cls(pair(made, f"{name}: output size", 1), K, s, p, d, number, given)

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

        With `ceil_mode` the last window may hang over the edge: ceil((H + 2p − d·(K − 1) − 1) / s) + 1 windows, less
        one if the last would start beyond the input and its left padding (the rule of Caffe and PyTorch).
        """
        stride = kernel_size if stride is None else stride
        size, K, s, p, d = checks.numbers(name, input_size, kernel_size, stride, padding, dilation, smallest=1)
        reach = _reach(K, d)

        def windows(a: int) -> int:
            checks.padding_is_at_most_half(name, a, p, reach)
            space = size[a] + 2 * p[a] - reach[a]
            count = (-(-space // s[a]) if ceil_mode else space // s[a]) + 1
            if ceil_mode and (count - 1) * s[a] >= size[a] + p[a]:
                count -= 1
            checks.window_fits(name, count, size, p, reach, ceil_mode)
            checks.every_window_sees_a_pixel(name, size[a], K[a], s[a], p[a], d[a], count)
            return count

        return cls(size, K, s, p, d, 1, pair(_per_axis(windows), f"{name}: output size", 1))

    # --- taps: the one place where borders, strides and dilation are settled ----------------------------------------

    def tap(self, axis: int, k: int, first: int = 0, last: int | None = None) -> tuple[slice, slice]:
        """The positions that meet under tap `k` along `axis`: (slice of the input, slice of the output).

        Both slices have the same length, and the j-th of the one meets the j-th of the other: row i·s + k·d − p of
        the input with row i of the output. Positions that fall into the padding are left out. With `first` and `last`
        only the output rows in [first, last) count, and the output slice is given relative to `first`: that is for
        algorithms that work in blocks of rows.
        """
        stop = self.output_size[axis] if last is None else last
        shift = k * self.dilation[axis] - self.padding[axis]
        return meeting(self.input_size[axis], self.stride[axis], shift, first, stop)

    def window(self, axis: int, i: int) -> tuple[slice, slice]:
        """The positions that meet at output row `i` along `axis`: (slice of the input, slice of the taps).

        The same relation read the other way: i is fixed and k runs. The j-th of the one meets the j-th of the other.
        """
        shift = i * self.stride[axis] - self.padding[axis]
        return meeting(self.input_size[axis], self.dilation[axis], shift, 0, self.kernel_size[axis])

    # --- what follows from the numbers ------------------------------------------------------------------------------

    @property
    def reach(self) -> Pair:
        """Extent of the dilated kernel, d·(K − 1) + 1."""
        return _reach(self.kernel_size, self.dilation)

    @property
    def taps(self) -> int:
        return self.kernel_size[0] * self.kernel_size[1]

    @property
    def output_pixels(self) -> int:
        return self.output_size[0] * self.output_size[1]

    @property
    def input_pixels(self) -> int:
        return self.input_size[0] * self.input_size[1]


def meeting(size: int, step: int, shift: int, first: int, last: int) -> tuple[slice, slice]:
    """All m in [first, last) with 0 <= m·step + shift < size: (slice of m·step + shift, slice of m − first)."""
    low = max(first, -(shift // step))  # the smallest m with m·step + shift >= 0 is ceil(-shift / step)
    high = min(last, (size - 1 - shift) // step + 1)  # the first m with m·step + shift >= size
    if high <= low:
        return slice(0, 0), slice(0, 0)
    start = low * step + shift
    return slice(start, start + (high - 1 - low) * step + 1, step), slice(low - first, high - first)


def _reach(kernel: Pair, dilation: Pair) -> Pair:
    return _per_axis(lambda a: dilation[a] * (kernel[a] - 1) + 1)


def _per_axis(value: Callable[[int], int]) -> Pair:
    """(value for the rows, value for the columns)"""
    return value(0), value(1)
