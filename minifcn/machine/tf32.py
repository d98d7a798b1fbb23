"""How exactly a GPU multiplies matrices of float32.

A card's matrix units read float32 as TF32: the same exponents, but 10 binary digits behind the point instead of 23.
They multiply several times as fast so, and each product is wrong by up to one part in a thousand before they are added
up in float32. Networks train all the same, as a rule; whoever compares numbers should not be surprised by it. So it is
a switch, and it is off.
"""

from __future__ import annotations

from minifcn.errors import ArgumentError

PRECISIONS = ("highest", "high", "medium")

_precision = "highest"


def set_float32_matmul_precision(precision: str) -> None:
    """Choose how all convolutions and products of float32 are multiplied on a GPU; on a CPU it changes nothing.

    "highest"   in float32, the default
    "high"      in TF32: operands rounded to 10 binary digits, sums in float32
    "medium"    as "high" (PyTorch may round to bfloat16 here)

    The name, the values and the meaning are PyTorch's. float64 is never touched. ArgumentError for another value.

    >>> set_float32_matmul_precision("high")
    >>> get_float32_matmul_precision()
    'high'
    >>> set_float32_matmul_precision("highest")
    """
    global _precision
    if precision not in PRECISIONS:
        raise ArgumentError(
            f"set_float32_matmul_precision: {precision!r} is unknown; choose one of {', '.join(PRECISIONS)}."
        )
    _precision = precision


def get_float32_matmul_precision() -> str:
    """What was chosen last: "highest", "high" or "medium"."""
    return _precision
