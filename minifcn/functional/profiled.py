"""What a profile says of operations whose cost is no fixed amount per number, and of the sizes of others.

For all others `per_number` in their class is the cost. A product and a sum count as one operation each.
"""

from __future__ import annotations

from math import prod

from minifcn.arrays import convolution
from minifcn.arrays.bands import columns_first
from minifcn.functional.conv import Contraction, ToInput, ToOutput
from minifcn.functional.loss import CrossEntropy
from minifcn.functional.matmul import MatMul
from minifcn.functional.normalization import ChannelAffine
from minifcn.functional.pooling import AvgPool, AvgPoolTransposed, MaxPool, ScatterTaps
from minifcn.functional.resampling import Resize
from minifcn.functional.unfold import Fold, Unfold
from minifcn.machine.backend import Array
from minifcn.machine.profiling import cost, details

Operands = tuple[Array, ...]

# --- convolution: a product and a sum for each term of T, those that meet padding included ----------------------------


def _of_T(operation: Contraction, operands: Operands, result: Array) -> Operands:
    """Operands and result as x, w and y of T."""
    if isinstance(operation, ToOutput):
        return operands[0], operands[1], result
    return (result, *operands) if isinstance(operation, ToInput) else (operands[0], result, operands[1])


@cost.register
def _(operation: Contraction, operands: Operands, result: Array) -> int:
    _, w, y = _of_T(operation, operands, result)
    return 2 * len(y) * operation.geometry.output_pixels * int(w.size)


@details.register
def _(operation: Contraction, operands: Operands, result: Array) -> str:
    """ "3x3 stride 2, 16->32 channels, 48x64->24x32, im2col": kernel, channels, sizes and the algorithm in use."""
    geometry, (x, _, y) = operation.geometry, _of_T(operation, operands, result)
    given, made = (y, x) if result is x else (x, y)  # a transposed convolution goes from y to x
    name = convolution.algorithm_for(geometry, given, made.shape[1])
    window = "x".join(map(str, geometry.kernel_size))
    if geometry.stride != (1, 1):
        window += f" stride {geometry.stride[0]}" + (f"x{geometry.stride[1]}" if len({*geometry.stride}) > 1 else "")
    if geometry.groups > 1:
        window += f" in {geometry.groups} groups"
    sizes = [f"{array.shape[2]}x{array.shape[3]}" for array in (given, made)]
    return f"{window}, {given.shape[1]}->{made.shape[1]} channels, {'->'.join(dict.fromkeys(sizes))}, {name}"


# --- products of matrices ---------------------------------------------------------------------------------------------


@cost.register
def _(operation: MatMul, operands: Operands, result: Array) -> int:
    return 2 * int(result.size) * int(operands[0].shape[-1])


@details.register
def _(operation: MatMul, operands: Operands, result: Array) -> str:
    return " @ ".join("x".join(map(str, operand.shape)) for operand in operands)


@cost.register
def _(operation: Resize, operands: Operands, result: Array) -> int:
    """A product and a sum for each number of the bands, along the rows and along the columns."""
    rows, columns = operation.rows, operation.columns
    first = columns_first(rows, columns)
    lines = (columns.shape[0], rows.shape[1]) if first else (columns.shape[1], rows.shape[0])
    return 2 * prod(result.shape[:2]) * (lines[0] * rows.count + lines[1] * columns.count)


@details.register
def _(operation: Resize, operands: Operands, result: Array) -> str:
    return "->".join(f"{array.shape[2]}x{array.shape[3]}" for array in (operands[0], result))


# --- pooling: each tap of each window ---------------------------------------------------------------------------------


@cost.register
def _(operation: MaxPool | AvgPool, operands: Operands, result: Array) -> int:
    return int(result.size) * operation.geometry.taps


@cost.register
def _(operation: AvgPoolTransposed, operands: Operands, result: Array) -> int:
    return int(operands[0].size) * operation.geometry.taps


@cost.register
def _(operation: ScatterTaps, operands: Operands, result: Array) -> int:
    return int(operands[0].size)


@details.register
def _(operation: MaxPool | Unfold | Fold, operands: Operands, result: Array) -> str:
    return "x".join(map(str, operation.geometry.kernel_size))


# --- the loss, and what batch normalisation adds up -------------------------------------------------------------------


@cost.register
def _(operation: CrossEntropy, operands: Operands, result: Array) -> int:
    """Largest, difference, exponential and sum for a score; logarithm, two differences and product for a pixel."""
    return 4 * int(operands[0].size) + 4 * int(result.size)


@cost.register
def _(operation: ChannelAffine, operands: Operands, result: Array) -> int:
    return (len(operands) - 1) * int(result.size)
