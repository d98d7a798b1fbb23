"""What a window is refused for, and the sentences that say so: the value, the limit, the remedy.

Each function raises ArgumentError (or ArgumentTypeError) for the one thing that its name says, and otherwise does
nothing. `window.py` calls them between its formulas.
"""

from __future__ import annotations

from minifcn.arguments import Pair, pair
from minifcn.errors import ArgumentError, ArgumentTypeError


def numbers(
    name: str, size: object, kernel: object, stride: object, padding: object, dilation: object, smallest: int
) -> tuple[Pair, Pair, Pair, Pair, Pair]:
    """The five as pairs of integers; a size is at least `smallest`."""
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


def sizes_belong_together(
    input_size: Pair, kernel: Pair, stride: Pair, padding: Pair, dilation: Pair, output_size: Pair
) -> None:
    """The last window must begin inside the padded input."""
    for axis in (0, 1):
        last = (output_size[axis] - 1) * stride[axis]
        if output_size[axis] < 1 or last >= input_size[axis] + 2 * padding[axis]:
            raise ArgumentError(
                f"output size {output_size} does not belong to input size {input_size} with kernel "
                f"{kernel}, stride {stride}, padding {padding}, dilation {dilation}; "
                f"build the geometry with of_convolution, of_transposed_convolution or of_pooling."
            )


def kernel_fits(name: str, size: Pair, padding: Pair, kernel: Pair, dilation: Pair, reach: Pair) -> None:
    """A convolution needs a whole window inside the padded input."""
    padded = (size[0] + 2 * padding[0], size[1] + 2 * padding[1])
    if padded[0] < reach[0] or padded[1] < reach[1]:
        raise ArgumentError(
            f"{name}: the kernel does not fit: padded input {padded[0]}x{padded[1]} (input {size[0]}x{size[1]}, "
            f"padding {padding}), effective kernel {reach[0]}x{reach[1]} (kernel {kernel[0]}x{kernel[1]}, dilation "
            f"{dilation}); increase padding or reduce the kernel or its dilation."
        )


def output_size_can_be_reached(name: str, given: Pair, wanted: Pair, least: Pair, room: Pair) -> None:
    """A transposed convolution can make sizes from `least` to `least + room`."""
    if any(not least[a] <= wanted[a] <= least[a] + room[a] for a in (0, 1)):
        raise ArgumentError(
            f"{name}: output_size {wanted} cannot be reached from {given}; choose rows from {least[0]} to "
            f"{least[0] + room[0]} and columns from {least[1]} to {least[1] + room[1]}."
        )


def one_of_the_two(name: str, output_padding: Pair, output_size: object) -> None:
    """The wanted size may be said once, by output_padding or by output_size."""
    if output_padding != (0, 0):
        raise ArgumentError(f"{name}: give output_padding {output_padding} or output_size {output_size}, not both.")


def output_padding_is_small(name: str, output_padding: Pair, stride: Pair, dilation: Pair, room: Pair) -> None:
    """It chooses among as many sizes as the stride is, or the dilation if that is larger."""
    if any(output_padding[a] > room[a] for a in (0, 1)):
        raise ArgumentError(
            f"{name}: output_padding must be smaller than either stride or dilation, got output_padding "
            f"{output_padding}, stride {stride}, dilation {dilation}; use at most {room}."
        )


def something_is_left(
    name: str, made: Pair, given: Pair, kernel: Pair, stride: Pair, padding: Pair, dilation: Pair
) -> None:
    """The padding of a transposed convolution crops its result; a row and a column must remain."""
    if made[0] < 1 or made[1] < 1:
        raise ArgumentError(
            f"{name}: the output would be {made[0]}x{made[1]} (input {given[0]}x{given[1]}, kernel "
            f"{kernel[0]}x{kernel[1]}, stride {stride}, padding {padding}, dilation {dilation}); reduce padding."
        )


def padding_is_at_most_half(name: str, axis: int, padding: Pair, reach: Pair) -> None:
    """More would make windows that see nothing but padding."""
    if 2 * padding[axis] > reach[axis]:
        raise ArgumentError(
            f"{name}: padding must be at most half of the effective kernel, got padding {padding} and effective "
            f"kernel {reach[0]}x{reach[1]}; use padding at most {(reach[0] // 2, reach[1] // 2)}."
        )


def window_fits(name: str, count: int, size: Pair, padding: Pair, reach: Pair, ceil_mode: bool) -> None:
    """A pooling needs at least one window."""
    if count < 1:
        remedy = "increase the stride" if ceil_mode else "use ceil_mode"
        raise ArgumentError(
            f"{name}: the window does not fit: padded input {size[0] + 2 * padding[0]}x{size[1] + 2 * padding[1]}, "
            f"effective kernel {reach[0]}x{reach[1]}; increase padding, reduce the kernel or {remedy}."
        )


def every_window_sees_a_pixel(
    name: str, size: int, kernel: int, stride: int, padding: int, dilation: int, count: int
) -> None:
    """A maximum over padding alone does not exist."""
    if dilation <= size:
        return  # two neighbouring taps cannot straddle the whole image
    for i in range(count):
        positions = [i * stride + k * dilation - padding for k in range(kernel)]
        if not any(0 <= position < size for position in positions):
            raise ArgumentError(
                f"{name}: window {i} sees only padding: its taps are at {positions}, the input is {size} long; "
                f"reduce the dilation {dilation} to at most {size} or the padding {padding}."
            )
