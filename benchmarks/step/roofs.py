"""The least time of a call by what the machine gives, and the family that a call belongs to.

    roof = max(operations / speed of the fastest product of matrices, bytes / speed of a copy)

The larger of the two and not their sum: a core multiplies while its caches are filled, so a sum would be no bound.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from benchmarks.step.calls import Call
from benchmarks.works import OPTIMIZER
from minifcn.arrays.convolution import winograd
from minifcn.arrays.convolution.turned import turned_geometry
from minifcn.functional.conv import Contraction, ToInput, ToOutput
from minifcn.machine.backend import Array
from minifcn.machine.timetable import FORWARD

FORWARDS, OF_X, OF_WEIGHT = "convolution, forward", "convolution, gradient of x", "convolution, gradient of weight"
NORM, RELU, POOL, REST = "batch norm", "ReLU and its gate", "pooling", "upsampling, fusion, loss"
OPTIMISER, PYTHON = "optimiser", "Python between the operations"
FAMILIES = (FORWARDS, OF_X, OF_WEIGHT, NORM, RELU, POOL, REST, OPTIMISER, PYTHON)

CONVOLUTIONS = {"ToOutput": FORWARDS, "ToInput": OF_X, "ToWeight": OF_WEIGHT}
# What is in the name of an operation, or in that of the operation whose backward it is part of.
WORDS = (
    ("Norm", NORM),
    ("Channel", NORM),
    ("ReLU", RELU),
    ("Gate", RELU),
    ("Pool", POOL),
    ("ScatterTaps", POOL),
    ("walk", PYTHON),
)

# Of one number: w, m, v and g are read, w, m and v written; the formula of AdamW has 14 operations.
ADAMW_MOVES, ADAMW_DOES = 7, 14


@dataclass(frozen=True)
class Speeds:
    """Operations and bytes per second."""

    products: float
    copy: float

    def roof(self, call: Call) -> float:
        """Seconds."""
        return max(call.operations / self.products, call.bytes / self.copy)

    def limit(self, call: Call) -> str:
        """Which of the two is the roof."""
        if not call.operations and not call.bytes:
            return ""
        return "products" if call.operations / self.products >= call.bytes / self.copy else "bytes"


def family(call: Call) -> str:
    """One of FAMILIES. What is neither of a layer nor Python's is REST: scores are enlarged, cropped, added, judged."""
    if call.section:
        return OPTIMISER if call.name == OPTIMIZER else PYTHON
    if call.name in CONVOLUTIONS:
        return REST if call.name == "ToInput" and call.phase == FORWARD else CONVOLUTIONS[call.name]
    for name in (call.within, call.name):
        for word, found in WORDS:
            if word in name:
                return found
    return REST


def look(call: Call, operation: Any, operands: tuple[Array, ...], result: Array) -> None:
    """Tell the call what its roof and its line in the table need: sizes of images, and the products of winograd."""
    if isinstance(operation, Contraction):
        if call.detail.endswith("winograd"):
            call.operations = winograd_products(operation, operands, result)
    else:
        shape = max((*operands, result), key=lambda array: array.size).shape
        sizes = "x".join(map(str, shape)) if len(shape) == 4 else ""  # numbers per channel need no line for each size
        call.detail = " ".join(filter(None, (call.detail, sizes)))


def winograd_products(operation: Contraction, operands: tuple[Array, ...], result: Array) -> int:
    """For each of the (m + 2)² numbers of a tile of m x m a product of C and O channels, tile by tile."""
    x = result if isinstance(operation, ToInput) else operands[0]
    y = result if isinstance(operation, ToOutput) else operands[1]
    N, geometry = len(x), operation.geometry
    if isinstance(operation, ToInput):
        geometry = turned_geometry(geometry)  # a convolution of y
    m = winograd.tile(geometry, N)
    return 2 * x.shape[1] * y.shape[1] * (m + 2) ** 2 * winograd.tiles(geometry, N)


def of_the_optimizer(call: Call, numbers: int, itemsize: int = 4) -> None:
    """A section has no operands to be counted: AdamW with so many numbers to move."""
    call.operations, call.bytes = ADAMW_DOES * numbers, ADAMW_MOVES * numbers * itemsize
