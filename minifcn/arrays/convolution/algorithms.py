"""The three contractions of T(x, w, y), and the choice of the algorithm that computes them.

    to_output(x, w)   ∂T/∂y   convolution
    to_input(w, y)    ∂T/∂x   transposed convolution = gradient of convolution with respect to its input
    to_weight(x, y)   ∂T/∂w   gradient of convolution with respect to its weight

T is written out in `loops.py`. An algorithm is one file with these three functions; all of them give the same answer,
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

from minifcn.arrays.convolution import im2col, loops, matrix, pointwise, rows, winograd
from minifcn.arrays.convolution.choice import choose
from minifcn.arrays.half import narrow, wide
from minifcn.errors import ArgumentError
from minifcn.geometry import Geometry
from minifcn.machine.backend import Array, is_cupy
from minifcn.machine.threads import one_blas_thread


class Algorithm(Protocol):
    def to_output(self, x: Array, w: Array, geometry: Geometry) -> Array: ...
    def to_input(self, w: Array, y: Array, geometry: Geometry) -> Array: ...
    def to_weight(self, x: Array, y: Array, geometry: Geometry) -> Array: ...


COMPUTED_BY: dict[str, Algorithm] = {
    "loops": loops,
    "matrix": matrix,
    "im2col": im2col,
    "rows": rows,
    "winograd": winograd,
    "pointwise": pointwise,
}
# What can be chosen for everything: those that compute every geometry, and one that turns to im2col where it cannot.
ALGORITHMS = ("auto", "loops", "matrix", "im2col", "rows", "winograd")

# An infinite weight on a padding of zeros gives NaN and a sum too large infinity, as IEEE 754 has it: answers, not
# accidents to warn of.
quiet = np.errstate(over="ignore", invalid="ignore")

# The one piece of global state of the library. A context variable, so that threads do not disturb each other.
_chosen: ContextVar[str] = ContextVar("minifcn_algorithm", default="auto")


@contextmanager
def use_algorithm(name: str) -> Iterator[None]:
    """Inside `with use_algorithm("matrix"):` every convolution and all its gradients are computed by that algorithm.

    Names: "auto" (the default, see choice.py), "loops", "matrix", "im2col", "rows" and "winograd" (im2col where the
    kernel is not 3x3 with stride 1). Raises ArgumentError for any other.
    """
    if name not in ALGORITHMS:
        raise ArgumentError(f"algorithm {name!r} is unknown; choose one of {', '.join(ALGORITHMS)}.")
    token = _chosen.set(name)
    try:
        yield
    finally:
        _chosen.reset(token)


def algorithm_for(geometry: Geometry, given: Array, others: int) -> str:
    """The name in COMPUTED_BY of the algorithm that computes it now: the chosen one, or another in its place.

    given: x or y; others: the channels on the other side.
    """
    name = _chosen.get()
    if name == "auto":
        name, _ = choose(geometry, len(given), given.shape[1], others, is_cupy(given))
    elif name == "winograd" and not winograd.fits(geometry):
        name = "im2col"
    return name


@quiet
def to_output(x: Array, w: Array, geometry: Geometry) -> Array:
    """x (N, C, H, W), w (O, C/groups, KH, KW) -> y (N, O, OH, OW)."""
    algorithm = COMPUTED_BY[algorithm_for(geometry, x, w.shape[0])]
    with one_blas_thread():
        return narrow(algorithm.to_output(wide(x), wide(w), geometry), x.dtype)


@quiet
def to_input(w: Array, y: Array, geometry: Geometry) -> Array:
    """w (O, C/groups, KH, KW), y (N, O, OH, OW) -> x (N, C, H, W)."""
    algorithm = COMPUTED_BY[algorithm_for(geometry, y, w.shape[1] * geometry.groups)]
    with one_blas_thread():
        return narrow(algorithm.to_input(wide(w), wide(y), geometry), y.dtype)


@quiet
def to_weight(x: Array, y: Array, geometry: Geometry) -> Array:
    """x (N, C, H, W), y (N, O, OH, OW) -> w (O, C/groups, KH, KW)."""
    algorithm = COMPUTED_BY[algorithm_for(geometry, x, y.shape[1])]
    with one_blas_thread():
        return narrow(algorithm.to_weight(wide(x), wide(y), geometry), x.dtype)
