"""The same tiny network, trained by every algorithm: whatever computes the convolutions, the same weights come out."""

from __future__ import annotations

from unittest import mock

import numpy as np
import pytest

import minifcn.functional as F
from minifcn import Tensor, use_algorithm
from minifcn.arrays.convolution import matrix, winograd
from tests.onto import get, on


def trained(steps, taps=2, xp=np):
    """(weights, losses) of conv, ReLU, max pooling, transposed convolution and cross entropy, after `steps` of SGD.

    The kernel of the convolution is 3 x taps.
    """
    source = np.random.default_rng(0)
    x = on(xp, source.standard_normal((3, 2, 7, 9)))
    labels = xp.asarray(source.choice(np.array([0, 1, 2, 255], np.uint8), (3, 7, 9)))
    shapes = {"w": (4, 2, 3, taps), "b": (4,), "v": (4, 3, 3, 2), "c": (3,)}
    weights = {name: on(xp, 0.3 * source.standard_normal(shape), requires_grad=True) for name, shape in shapes.items()}
    losses = []
    for _ in range(steps):
        features = F.relu(F.conv2d(x, weights["w"], weights["b"], padding=1))  # (3, 4, 7, 10), or 9 with 3 taps
        pooled = F.max_pool2d(features, (2, 2), ceil_mode=True)  # (3, 4, 4, 5)
        score = F.conv_transpose2d(pooled, weights["v"], weights["c"], 2, (1, 0), output_size=(7, 10))
        loss = F.cross_entropy(F.crop(score, (7, 9)), labels, xp.asarray([0.5, 1.0, 2.0]))
        loss.backward()
        losses.append(loss.item())
        for name, weight in weights.items():
            weights[name] = Tensor(weight.data - 0.5 * weight.grad.data, requires_grad=True)
    return {name: get(weight) for name, weight in weights.items()}, losses


@pytest.mark.parametrize("algorithm, steps", [("matrix", 20), ("sparse matrix", 20), ("loops", 2)])
def test_same_weights_as_im2col(algorithm, steps, xp):
    with use_algorithm("im2col"):
        expected, losses = trained(steps)
    limit = -1 if algorithm == "sparse matrix" else matrix.DENSE_LIMIT_BYTES
    with mock.patch.object(matrix, "DENSE_LIMIT_BYTES", limit), use_algorithm(algorithm.split()[-1]):
        found, _ = trained(steps, xp=xp)
    assert losses[-1] < losses[0] * (0.8 if steps == 20 else 1)  # it learns, so the weights have really moved
    for name, weight in expected.items():
        np.testing.assert_allclose(found[name], weight, rtol=1e-9, atol=0, err_msg=name)


@pytest.mark.parametrize("m", [2, 4])
def test_same_weights_by_winograd(m, xp):
    """Not to the last bits, and the errors of a step are those of the next weights; still the same training."""
    with use_algorithm("im2col"):
        expected, losses = trained(20, taps=3)
    tiles = mock.patch.object(winograd, "tile", lambda geometry, images: m)
    watched = mock.patch.object(winograd, "to_output", side_effect=winograd.to_output)
    with tiles, use_algorithm("winograd"), watched as computed:
        found, _ = trained(20, taps=3, xp=xp)
    assert computed.call_count >= 20
    assert losses[-1] < 0.8 * losses[0]
    for name, weight in expected.items():
        np.testing.assert_allclose(found[name], weight, rtol=1e-8, atol=1e-10, err_msg=name)


def test_the_same_bits_every_time(xp):
    first, second = trained(5, xp=xp), trained(5, xp=xp)
    assert first[1] == second[1]
    for name, weight in first[0].items():
        np.testing.assert_array_equal(second[0][name], weight)
