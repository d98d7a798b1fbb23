"""The three contractions of T(x, w, y), and the choice of the algorithm that computes them.

    to_output(x, w)   ∂T/∂y   convolution
    to_input(w, y)    ∂T/∂x   transposed convolution = gradient of convolution with respect to its input
    to_weight(x, y)   ∂T/∂w   gradient of convolution with respect to its weight

T is in DESIGN and in `loops`. An algorithm is one file with these three functions; all of them give the same answer,
so the choice is about speed and about what you want to see. Whichever it is, float16 is added up in float32. These
functions trust their arguments: shapes that fit the geometry, one dtype, one device. `functional.conv2d` is where
arguments are checked.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Protocol

import numpy as np

from minifcn.arrays import im2col, loops, matrix
from minifcn.arrays.precision import narrow, wide
from minifcn.backend import Array
from minifcn.errors import ArgumentError
from minifcn.geometry import Geometry


class Algorithm(Protocol):
    def to_output(self, x: Array, w: Array, geometry: Geometry) -> Array: ...
    def to_input(self, w: Array, y: Array, geometry: Geometry) -> Array: ...
    def to_weight(self, x: Array, y: Array, geometry: Geometry) -> Array: ...


ALGORITHMS: dict[str, Algorithm] = {"loops": loops, "matrix": matrix, "im2col": im2col}

# An infinite weight on a padding of zeros gives NaN and a sum too large infinity, as IEEE 754 has it: answers, not
# accidents to warn of.
quiet = np.errstate(over="ignore", invalid="ignore")

# The one piece of global state of the library. A context variable, so that threads do not disturb each other.
_chosen: ContextVar[str] = ContextVar("minifcn_algorithm", default="im2col")


@contextmanager
def use_algorithm(name: str) -> Iterator[None]:
    """Inside `with use_algorithm("matrix"):` every convolution and all its gradients are computed by that algorithm.

    Names: "loops", "matrix", "im2col" (the default). Raises ArgumentError for any other.
    """
    if name not in ALGORITHMS:
        raise ArgumentError(f"algorithm {name!r} is unknown; choose one of {', '.join(ALGORITHMS)}.")
    token = _chosen.set(name)
    try:
        yield
    finally:
        _chosen.reset(token)


@quiet
def to_output(x: Array, w: Array, geometry: Geometry) -> Array:
    """x (N, C, H, W), w (O, C/groups, KH, KW) -> y (N, O, OH, OW)."""
    return narrow(ALGORITHMS[_chosen.get()].to_output(wide(x), wide(w), geometry), x.dtype)


@quiet
def to_input(w: Array, y: Array, geometry: Geometry) -> Array:
    """w (O, C/groups, KH, KW), y (N, O, OH, OW) -> x (N, C, H, W)."""
    return narrow(ALGORITHMS[_chosen.get()].to_input(wide(w), wide(y), geometry), y.dtype)


@quiet
def to_weight(x: Array, y: Array, geometry: Geometry) -> Array:
    """x (N, C, H, W), y (N, O, OH, OW) -> w (O, C/groups, KH, KW)."""
    return narrow(ALGORITHMS[_chosen.get()].to_weight(wide(x), wide(y), geometry), x.dtype)
