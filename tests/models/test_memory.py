"""Inference keeps two maps at a time, so its memory grows with the pixels and with nothing else."""

from __future__ import annotations

import tracemalloc

import numpy as np

from minifcn import Tensor, no_grad, set_num_threads
from minifcn.models import FCN

LIMIT = 2e9  # bytes for an image of 3000x4000
INTERPRETER = 0.2e9  # what Python, NumPy and BLAS take of them; tracemalloc does not see it


def peak_of_inference(net, H, W):
    tracemalloc.start()
    try:
        image = Tensor(np.zeros((1, 3, H, W), np.float32))
        with no_grad():
            assert net(image).shape == (1, 21, H, W)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_memory_grows_linearly_with_the_pixels_and_2_gb_hold_3000x4000():
    set_num_threads(2)
    net = FCN("small", 21, generator=np.random.default_rng(0)).eval()
    peak_of_inference(net, 32, 64)  # what is computed once and kept, such as winograd's matrices
    few, some, many = 300 * 400, 480 * 500, 600 * 800
    small, between, large = (peak_of_inference(net, *size) for size in ((300, 400), (480, 500), (600, 800)))
    slope = (large - small) / (many - few)
    fixed = small - slope * few
    # The blocks that are being computed do not grow with the image, and what does grows linearly.
    assert -1e6 < fixed < 12e6
    assert abs(between - (fixed + slope * some)) < 0.1 * between
    assert 3 < large / small < 4.2
    # Two maps of 16 channels and the image: 4·(16 + 16 + 3) = 140 bytes for each pixel.
    assert 130 < slope < 150
    assert fixed + slope * 3000 * 4000 < LIMIT - INTERPRETER
