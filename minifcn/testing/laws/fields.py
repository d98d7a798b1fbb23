"""Laws of what a feature sees: pixels lit up one after the other. Integers, all exact."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from hypothesis import assume
from hypothesis import strategies as st

from minifcn.testing.law import equal, law, refuses
from minifcn.testing.operations import Operations


@dataclass(frozen=True)
class Path:
    """("down" | "up", kernel, stride, padding, dilation) from an image of `size` rows on; a feature of the last map."""

    layers: Sequence[tuple[str, int, int, int, int]]
    size: int
    feature: int

    def __str__(self) -> str:
        words = {"down": "convolution", "up": "transposed convolution"}
        told = [
            f"{words[kind]} with kernel {k}, stride {s}, padding {p}, dilation {d}" for kind, k, s, p, d in self.layers
        ]
        return f"feature {self.feature} of {self.size} rows; from the image on: {'; '.join(told) or 'nothing'}"


def _made(kind: str, n: int, k: int, s: int, p: int, d: int) -> int:
    return (n + 2 * p - d * (k - 1) - 1) // s + 1 if kind == "down" else (n - 1) * s - 2 * p + d * (k - 1) + 1


@st.composite
def paths(draw: Any) -> Path:
    """Up to three layers, down and up, with strides that leave rows unseen and kernels that leave rows untouched."""
    window = st.tuples(st.sampled_from(["down", "down", "up"]), st.integers(1, 4), st.integers(1, 3), st.integers(0, 2),
                       st.integers(1, 2))  # fmt: skip
    size = n = draw(st.integers(3, 14))
    layers = []
    for kind, k, s, p, d in draw(st.lists(window, max_size=3)):
        made = _made(kind, n, k, s, p, d)
        assume(made > 0)
        layers.append((kind, k, s, p, d))
        n = made
    return Path(layers, size, draw(st.integers(0, n - 1)))


@law("pixels_seen", "conv2d", "conv_transpose2d", cases=paths)
def a_feature_sees_what_changes_it(ops: Operations, case: Path) -> None:
    """Light up the pixels of the image one after the other: those that reach the feature are what it sees.

    pixels_seen(feature) = {q : the feature is not 0 for the image with a 1 at q and 0 elsewhere}, all kernels being 1
    """
    maps = np.eye(case.size).reshape(case.size, 1, case.size, 1)  # one image for each pixel, one column wide
    for kind, k, s, p, d in case.layers:
        operation = ops.conv2d if kind == "down" else ops.conv_transpose2d
        maps = operation(maps, np.ones((1, 1, k, 1)), stride=(s, 1), padding=(p, 0), dilation=(d, 1))
    seen = np.flatnonzero(maps[:, 0, case.feature, 0])
    equal(list(ops.pixels_seen(case.layers, case.feature, case.size)), seen, "what the feature sees")


@law("pixels_seen", cases=paths)
def without_layers_a_feature_is_its_pixel(ops: Operations, case: Path) -> None:
    """A feature of the image itself is a pixel, and a 1x1 convolution changes nothing about what is seen.

    pixels_seen(i) = {i} without layers, and pixels_seen(layers and a kernel of 1) = pixels_seen(layers)
    """
    equal(list(ops.pixels_seen([], case.size - 1, case.size)), [case.size - 1], "what a pixel sees")
    both = [list(ops.pixels_seen(layers, case.feature, case.size))
            for layers in ([*case.layers, ("down", 1, 1, 0, 1)], case.layers)]  # fmt: skip
    equal(both[0], both[1], "what is seen through a 1x1 convolution")


@law("pixels_seen", cases=paths)
def a_feature_that_there_is_not_sees_nothing(ops: Operations, case: Path) -> None:
    """A feature beyond the last of a map is an error, not a window beyond the border.

    pixels_seen(number of features) is refused
    """
    n = case.size
    for kind, k, s, p, d in case.layers:
        n = _made(kind, n, k, s, p, d)
    refuses(partial(ops.pixels_seen, case.layers, n, case.size), f"Feature {n} of {n}")
