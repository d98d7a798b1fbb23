"""The three contractions and their shorthands, as the tests of the algorithms use them."""

from __future__ import annotations

from unittest import mock

import numpy as np
import pytest

from minifcn.arrays import convolution, im2col, matrix
from minifcn.geometry import Geometry

CONTRACTIONS = ("to_output", "to_input", "to_weight")


def pair_for(contraction, x, w, y):
    return {"to_output": (x, w), "to_input": (w, y), "to_weight": (x, y)}[contraction]


def dense_only():
    return mock.patch.object(matrix, "DENSE_LIMIT_BYTES", 1 << 40)


def sparse_only():
    return mock.patch.object(matrix, "DENSE_LIMIT_BYTES", -1)


def blocks_of(size, algorithm=im2col):
    return mock.patch.object(algorithm, "working_bytes", lambda array: size)


def output(x, w, stride=1, padding=0, dilation=1, groups=1, algorithm="im2col"):
    geometry = Geometry.of_convolution(x.shape[2:], w.shape[2:], stride, padding, dilation, groups)
    with convolution.use_algorithm(algorithm):
        return convolution.to_output(x, w, geometry)


def transposed(y, w, stride=1, padding=0, output_padding=0, groups=1, dilation=1, algorithm="im2col"):
    geometry = Geometry.of_transposed_convolution(
        y.shape[2:], w.shape[2:], stride, padding, output_padding, groups, dilation
    )
    with convolution.use_algorithm(algorithm):
        return convolution.to_input(w, y, geometry)


every_algorithm = pytest.mark.parametrize("algorithm", ["loops", "matrix", "im2col"])

SEED = np.array([[[[0.0, 1.0], [2.0, 3.0]]]])
