"""Beside the numbers: in how many parts a CPU computes them, by which kernels a card does, and arrays of two devices."""

from __future__ import annotations

from unittest import mock

import numpy as np
import pytest

from minifcn import set_num_threads
from minifcn.arrays import channels, cross_entropy, elementwise, void
from minifcn.arrays.convolution import loops, matrix, winograd
from minifcn.arrays.convolution.sparse import SparseMatrix
from minifcn.arrays.pooling import average, maximum, unpooling
from minifcn.errors import ArgumentTypeError
from minifcn.geometry import Geometry
from minifcn.machine import spread
from minifcn.machine.backend import to_numpy
from tests.played_cupy.kernels import RawKernel

N, C, SIZE = 2, 3, (4, 5)
POOL = Geometry.of_pooling(SIZE, (2, 3), 1)  # windows overlap
SAME = Geometry.of_convolution(SIZE, 3, padding=1)

A = np.random.default_rng(0).standard_normal((N, C, *SIZE))
Y, PER_CHANNEL = np.ones((N, C, *POOL.output_size)), np.arange(1.0, C + 1)
LABELS, VALID, EACH = np.ones((N, *SIZE), np.int64), np.ones((N, *SIZE), bool), np.ones((N, *SIZE))
TAPS, WEIGHT = np.zeros(Y.shape, np.uint8), np.ones((C, C, 3, 3))

# What is called, its arrays, in how many parts a CPU does it if nothing fits the cache, and the kernels of a card.
WORK = {
    "moments": (channels.moments, (A,), 0, ["planes", "planes_together"]),
    "sums": (channels.sums, (A, A, PER_CHANNEL), N * C, ["channel_sums"]),
    "normalised": (channels.normalised, (A, *[PER_CHANNEL] * 3), 0, ["normalised"]),
    "affine": (channels.affine, (PER_CHANNEL, A, PER_CHANNEL), 1, ["channel_affine"]),
    "affine of two": (channels.affine, (PER_CHANNEL, *[A, PER_CHANNEL] * 2), N * C, ["channel_affine_of_two"]),
    "cross entropy": (cross_entropy.cross_entropy, (A, LABELS, VALID, EACH), N, ["cross_entropy"]),
    "its gradient": (
        cross_entropy.cross_entropy_gradient, (EACH, A, LABELS, VALID, EACH), N, ["cross_entropy_gradient"],
    ),
    "relu": (elementwise.relu, (A,), 1, []),
    "gate": (elementwise.gate, (A, A), A.size, ["gate"]),
    "scaled": (elementwise.scaled, (A, A), 1, []),
    "bias": (elementwise.add_bias, (A.copy(), PER_CHANNEL), 1, []),
    "labels": (lambda labels, factors: void.looked_at("a loss", labels, factors, 255), (LABELS, PER_CHANNEL), 0, ["labels"]),
    "max pooling": (lambda x: maximum.max_pool(x, POOL), (A,), N * C, ["max_pool"]),
    "maxima": (lambda x: maximum.maxima(x, POOL), (A,), N * C, ["maxima"]),
    "to the winners": (lambda y, taps: maximum.scatter_taps(y, taps, POOL), (Y, TAPS), N * C, ["scatter_taps"]),
    "from the winners": (lambda x, taps: maximum.gather_taps(x, taps, POOL), (A, TAPS), N * C, ["gather_taps"]),
    "averages": (lambda x: average.avg_pool(x, POOL), (A,), 0, ["avg_pool"]),
    "averages back": (lambda y: average.avg_pool_transposed(y, POOL), (Y,), 0, ["avg_pool_transposed"]),
}  # fmt: skip


@pytest.mark.parametrize("name", WORK)
def test_parts_are_small_where_there_are_temporaries(name):
    """As many as there are planes, images or numbers, if a byte is all that fits; one where nothing is read twice."""
    function, arrays, parts, _ = WORK[name]
    cut = []

    def noted(work, pieces):
        cut.append(len(pieces))
        real(work, pieces)

    real = spread.for_each
    set_num_threads(1)
    with mock.patch.object(spread, "working_bytes", lambda x: 1), mock.patch.object(spread, "for_each", noted):
        function(*(array.copy() for array in arrays))
    assert cut == ([parts] if parts else [])


@pytest.mark.parametrize("name", WORK)
def test_a_card_does_it_in_one_go(name, played):
    function, arrays, _, kernels = WORK[name]
    arrays = [played.asarray(array) for array in arrays]
    del RawKernel.launches[:]
    function(*arrays)
    assert RawKernel.launches == kernels


@pytest.mark.parametrize("images", [1, 2])
def test_a_card_finds_the_pixels_of_a_single_image_too(images, played):
    arrays = [array[:images] for array in (EACH, A, LABELS, VALID, EACH)]
    for function, given in (
        (cross_entropy.cross_entropy, arrays[1:]),
        (cross_entropy.cross_entropy_gradient, arrays),
    ):
        found = function(*map(played.asarray, given))
        np.testing.assert_allclose(to_numpy(found), function(*given), rtol=1e-12)


def test_a_product_has_the_dtype_of_both():
    x, factor = np.ones(3, np.float32), np.ones(3)
    assert elementwise.scaled(x, factor).dtype == elementwise.scaled(factor, x).dtype == np.float64
    assert elementwise.scaled(x, x).dtype == np.float32


OF_SEVERAL = {
    "sums": lambda a, b: channels.sums(a, b, a[0, :, 0, 0]),
    "gradient of cross entropy": lambda grad, x: cross_entropy.cross_entropy_gradient(
        grad[:, 0], x, *(np.ones((N, *SIZE), dtype) for dtype in (int, bool, float))
    ),
    "gate": elementwise.gate,
    "scaled": elementwise.scaled,
    "bias": lambda y, bias: elementwise.add_bias(y, bias[0, :, 0, 0]),
    "loops: output": lambda x, w: loops.to_output(x[:, :, :3, :3], w[:, :, :3, :3], Geometry.of_convolution((3, 3), 3)),
    "loops: input": lambda w, y: loops.to_input(w[:, :, :3, :3], y[:, :2], SAME),
    "loops: weight": lambda x, y: loops.to_weight(x, y, SAME),
    "matrix: weight": lambda x, y: matrix.to_weight(x, y, SAME),
    "winograd: weight": lambda x, y: winograd.to_weight(x, y, SAME),
    "sparse matrix": lambda w, x: SparseMatrix(w[:, :, :3, :3], SAME)._gather(x),
    "sparse matrix, transposed": lambda w, y: SparseMatrix(w[:, :, :3, :3], SAME)._scatter(y[:, :2]),
    "to the winners": lambda y, taps: maximum.scatter_taps(y, taps, Geometry.of_pooling(SIZE, 1)),
    "from the winners": lambda x, taps: maximum.gather_taps(x, taps, Geometry.of_pooling(SIZE, 1)),
    "unpooling": lambda y, indices: unpooling.unpool(y, indices, SIZE),
    "gathering": unpooling.gather_flat,
    "labels": lambda labels, factors: void._on_a_gpu("a loss", labels, factors, 255),
}


@pytest.mark.parametrize("name", OF_SEVERAL)
@pytest.mark.parametrize("first", ["cpu", "card"])
def test_arrays_of_two_devices_are_refused(name, first, played):
    """Said before anything is computed: nothing is copied behind your back."""
    arrays = np.zeros((N, C, *SIZE)), played.zeros((N, C, *SIZE))
    with pytest.raises(ArgumentTypeError, match="^the arrays live on different devices .*; move them to one with"):
        OF_SEVERAL[name](*(arrays if first == "cpu" else arrays[::-1]))
