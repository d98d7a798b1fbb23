"""The strategies of `minifcn.testing`, and the operands of a geometry as a plain tuple."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

from minifcn.geometry import Geometry
from minifcn.testing.strategies import (
    LAYOUTS,
    conv_operands,
    distinct,
    geometries,
    laid_out,
    layouts,
    pairs,
    pool_geometries,
    transposed_geometries,
    whole_numbers,
)

__all__ = [
    "LAYOUTS",
    "distinct",
    "geometries",
    "laid_out",
    "layouts",
    "operands",
    "pairs",
    "pool_geometries",
    "transposed_geometries",
    "whole_numbers",
]


def operands(geometry: Geometry, empty: bool = True) -> st.SearchStrategy[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """(x, w, y) for T(x, w, y), now and then without images or channels."""
    return conv_operands(geometry, empty).map(lambda case: (case.x, case.weight, case.y))
