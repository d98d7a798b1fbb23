"""Dropout: set random elements, or whole channels, to zero while training."""

from __future__ import annotations

from typing import TYPE_CHECKING

from minifcn.arguments import flag, probability
from minifcn.arrays.drawing import dropout_factors
from minifcn.functional.arithmetic import Scale
from minifcn.functional.operands import Shape, floating, image, unchanged
from minifcn.random import Generator, generator_for

if TYPE_CHECKING:
    from minifcn.tensor import Tensor


def dropout(x: Tensor, p: float = 0.5, training: bool = True, *, generator: Generator | None = None) -> Tensor:
    """Each element is 0 with probability p, else x / (1 − p), so the expectation stays x. Identity if not training.

    x: any shape. generator: the source of randomness; without one the default generator (see minifcn/random.py). On a
    GPU it gives only a key, from which the mask is drawn there: one seed gives one mask, but not that of a CPU.
    Source: Srivastava et al. 2014.
    """
    x = floating("dropout", x)
    return _dropped("dropout", x, x.shape, p, training, generator)


def dropout2d(x: Tensor, p: float = 0.5, training: bool = True, *, generator: Generator | None = None) -> Tensor:
    """Dropout of whole channels: x (N, C, H, W), each (n, c) plane is kept or zeroed. Source: Tompson et al. 2015."""
    x = image("dropout2d", x)
    return _dropped("dropout2d", x, (*x.shape[:2], 1, 1), p, training, generator)


def _dropped(name: str, x: Tensor, shape: Shape, p: float, training: bool, generator: Generator | None) -> Tensor:
    p = probability(p, f"{name}: p")
    if not flag(training, f"{name}: training") or p == 0:
        return unchanged(x)
    return Scale(dropout_factors(shape, p, generator_for(name, generator), x._array))(x)
