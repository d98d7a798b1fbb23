"""The three contractions and their shorthands, as the tests of the algorithms use them."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from unittest import mock

import numpy as np
import pytest

from minifcn.arrays import convolution
from minifcn.arrays.convolution import blocks as blocks_of_windows
from minifcn.arrays.convolution import matrix, rows, strips, winograd
from minifcn.arrays.convolution.winograd import blocks as blocks_of_tiles
from minifcn.geometry import Geometry
from minifcn.machine import limits, memory
from minifcn.machine.memory import empty_cache, owns
from minifcn.machine.threads import for_each, set_num_threads
from tests.strategies import whole_numbers

CONTRACTIONS = ("to_output", "to_input", "to_weight")


def pair_for(contraction, x, w, y):
    return {"to_output": (x, w), "to_input": (w, y), "to_weight": (x, y)}[contraction]


def dense_only():
    return mock.patch.object(matrix, "DENSE_LIMIT_BYTES", 1 << 40)


def sparse_only():
    return mock.patch.object(matrix, "DENSE_LIMIT_BYTES", -1)


@contextmanager
def blocks_of(size, algorithm=None) -> Iterator[None]:
    """Blocks of so many bytes, of windows or, for winograd, of tiles, for rows of lines, however few these are."""
    cut = {winograd: blocks_of_tiles, rows: strips}.get(algorithm, blocks_of_windows)
    with ExitStack() as patched:
        patched.enter_context(mock.patch.object(cut, "working_bytes", lambda array: size))
        for least in {"LEAST_TILES", "LEAST_COLUMNS"} & set(vars(cut)):
            patched.enter_context(mock.patch.object(cut, least, 1))
        yield


def fresh_memory(threads):
    """So many threads, none of which keeps memory of earlier calls: nothing hides what the next one takes."""
    set_num_threads(threads + 1)
    set_num_threads(threads)
    for_each(abs, range(2 * threads))  # what Python keeps of the helpers' beginning is theirs, not the next call's
    empty_cache()


def extra_memory(module, contraction, pair, geometry):
    """The bytes that a contraction takes at most beside its operands and its result, and what is kept to spare."""
    tracemalloc.start()
    try:
        with mock.patch.object(memory, "SPARE", 0):
            result = getattr(module, contraction)(*pair, geometry)
        return tracemalloc.get_traced_memory()[1] - result.nbytes
    finally:
        tracemalloc.stop()


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


@contextmanager
def shared(threads) -> Iterator[None]:
    """So many threads share all work, however little it is; the test's end puts their number back."""
    set_num_threads(threads)
    with mock.patch.object(limits, "WORTH_SHARING", 0):
        yield


def weight_by_definition(x, y, geometry):
    """w[o, c, k, l] = Σ x[n, c, i·s + k·d − p, ...] · y[n, o, i, ...]: for each tap a sum over maps, of one group."""
    (ph, pw), (sh, sw), (dh, dw), (OH, OW) = geometry.padding, geometry.stride, geometry.dilation, geometry.output_size
    x = np.pad(x, ((0, 0), (0, 0), (ph, ph), (pw, pw)))
    w = np.zeros((y.shape[1], x.shape[1], *geometry.kernel_size), x.dtype)
    for k, l in np.ndindex(geometry.kernel_size):
        seen = x[:, :, k * dh :: sh, l * dw :: sw][:, :, :OH, :OW]
        w[:, :, k, l] = np.tensordot(y, seen, ((0, 2, 3), (0, 2, 3)))
    return w


def check_own_weight(module, geometry, C, O, images, dtype=np.float64):
    """What `to_weight` makes of several images is right, and memory that nothing else shows or fills."""
    source = np.random.default_rng(images)
    x = whole_numbers(source, (images, C, *geometry.input_size), dtype)
    y = whole_numbers(source, (images, O, *geometry.output_size), dtype)
    found, G = module.to_weight(x, y, geometry), geometry.groups
    groups = zip(np.split(x, G, 1), np.split(y, G, 1), strict=True)
    expected = np.concatenate([weight_by_definition(*group, geometry) for group in groups])
    np.testing.assert_array_equal(np.rint(found) if module is winograd else found, expected)
    assert owns(found)
    before = found.copy()
    again = module.to_weight(x, y, geometry)
    module.to_weight(x + 1, y, geometry)
    np.testing.assert_array_equal(found, before, err_msg="the next result is written somewhere else")
    np.testing.assert_array_equal(again, found, err_msg="and is the same to the last bit")


every_algorithm = pytest.mark.parametrize("algorithm", ["loops", "matrix", "im2col"])

SEED = np.array([[[[0.0, 1.0], [2.0, 3.0]]]])
