"""Inference keeps two maps at a time, so its memory grows with the pixels and with nothing else but the blocks."""

from __future__ import annotations

import tracemalloc
from contextlib import ExitStack
from unittest import mock

import numpy as np
import pytest

from minifcn import Tensor, no_grad
from minifcn.arrays.convolution import algorithms, im2col, rows, winograd
from minifcn.arrays.convolution.choice import choose
from minifcn.arrays.convolution.explanation import WORKSPACES
from minifcn.geometry import Geometry
from minifcn.machine import memory
from minifcn.models import FCN
from tests.arrays.convolution.contractions import blocks_of, fresh_memory

LIMIT = 2e9  # bytes for an image of 3000x4000
INTERPRETER = 0.2e9  # what Python, NumPy and BLAS take of them; tracemalloc does not see it
PER_PIXEL = 4 * (16 + 16 + 3)  # bytes: two maps of 16 channels and the image
THREADS = 2


@pytest.fixture(scope="module")
def net():
    made = FCN("small", 21, generator=np.random.default_rng(0)).eval()
    peak_of_inference(made, 32, 64)  # what is computed once and kept, such as winograd's matrices
    return made


def peak_of_inference(net, H, W):
    """Without what may be kept to spare."""
    fresh_memory(THREADS)
    tracemalloc.start()
    try:
        image = Tensor(np.zeros((1, 3, H, W), np.float32))
        with no_grad(), mock.patch.object(memory, "SPARE", 0):
            assert net(image).shape == (1, 21, H, W)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def layers_of(net, H, W):
    """(geometry, channels that go in, channels that come out) of all that is convolved."""
    found = []

    def noted(geometry, given, others):
        found.append((geometry, given.shape[1], others))
        return algorithm_for(geometry, given, others)

    algorithm_for = algorithms.algorithm_for
    with mock.patch.object(algorithms, "algorithm_for", noted), no_grad():
        net(Tensor(np.zeros((1, 3, H, W), np.float32)))
    assert len(found) > 10
    return found


def kept_blocks(layers, factor=1):
    """All that blocks take at most, for an image so many times as high and wide: what an algorithm needs is kept."""
    needed: dict[str, int] = {}
    for g, C, O in layers:
        size = [side * factor for side in g.input_size]
        geometry = Geometry.of_convolution(size, g.kernel_size, g.stride, g.padding, g.dilation, g.groups)
        name, _ = choose(geometry, 1, C, O)
        needed[name] = max(needed.get(name, 0), WORKSPACES[name](geometry, 1, C, O, 4, THREADS))
    assert {"pointwise", "rows", "winograd"} <= set(needed)
    return sum(needed.values())


def test_two_maps_live_at_a_time_and_nothing_else_grows(net):
    """With blocks so small that they do not count, and none of them kept."""
    sizes = ((300, 400), (480, 500), (600, 800))
    with ExitStack() as small, mock.patch.object(memory, "SCRATCH", -1):
        for algorithm in (im2col, rows, winograd):
            small.enter_context(blocks_of(1 << 17, algorithm))
        peaks = [peak_of_inference(net, *size) for size in sizes]
    for (H, W), peak in zip(sizes, peaks, strict=True):
        assert 0 < peak - PER_PIXEL * H * W < 2e6
    few, many = (H * W for H, W in (sizes[0], sizes[-1]))
    assert 135 < (peaks[-1] - peaks[0]) / (many - few) < 145


def test_beside_the_maps_there_are_the_blocks_and_2_gb_hold_3000x4000(net):
    for H, W in ((300, 400), (600, 800)):
        layers = layers_of(net, H, W)
        beside = peak_of_inference(net, H, W) - PER_PIXEL * H * W
        assert kept_blocks(layers) / 4 < beside < kept_blocks(layers)
    needed = PER_PIXEL * 3000 * 4000 + kept_blocks(layers, 5) + memory.SPARE  # 5 times 600x800
    assert needed < LIMIT - INTERPRETER
