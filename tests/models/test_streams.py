"""The streams of an FCN: they add up to what it computes, bit for bit, and count as much as they are told to."""

from __future__ import annotations

import math

import numpy as np
import pytest

import minifcn.functional as F
from minifcn import no_grad
from minifcn.errors import ArgumentError, ArgumentTypeError
from tests.models.networks import ALIGNMENTS, STRIDES, drawn, image, narrow, run

UPSAMPLINGS = ("single", "staged")
NAMES = {
    32: ["score", "fused4", "fused3"],
    16: ["score", "pool4", "fused4", "fused3"],
    8: ["score", "pool4", "fused4", "pool3", "fused3"],
}


def streams_of(net, x, weights=None):
    with no_grad():
        return net.streams(x, weights)


@pytest.mark.parametrize("upsampling", UPSAMPLINGS)
@pytest.mark.parametrize("alignment", ALIGNMENTS)
@pytest.mark.parametrize("stride", STRIDES)
def test_the_last_stream_is_what_forward_enlarges(stride, alignment, upsampling):
    net, x = drawn(narrow(stride, alignment, upsampling=upsampling)).eval(), image(50, 83)
    for weights in (None, {"score": 0.5}):
        scores = streams_of(net, x, weights)
        assert list(scores) == NAMES[stride]
        assert all(score.shape[:2] == (1, 3) for score in scores.values())
        with no_grad():
            np.testing.assert_array_equal(net.upscore(scores["fused3"], x).numpy(), net(x, weights).numpy())


def test_the_streams_add_up(xp):
    """fused4 is the score, doubled and cropped, plus pool4; fused3 that, doubled and cropped, plus pool3."""
    from tests.onto import device_of, get

    net = drawn(narrow(8)).eval().to(device_of(xp))
    scores = streams_of(net, image(50, 83, xp=xp))
    for before, skip, after, step in (
        ("score", "pool4", "fused4", net.fuse_pool4), ("fused4", "pool3", "fused3", net.fuse_pool3)
    ):  # fmt: skip
        with no_grad():
            doubled = F.crop_like(step.up(scores[before]), scores[skip], step.alignment.first)
        assert scores[skip].shape == scores[after].shape
        np.testing.assert_array_equal(get(doubled + scores[skip]), get(scores[after]))
        assert np.ptp(get(scores[skip])) > 0


@pytest.mark.parametrize("stride", STRIDES)
def test_with_all_weights_1_every_bit_is_as_without(stride):
    net, x = drawn(narrow(stride)).eval(), image(50, 83)
    ones = {name: 1 for name in NAMES[stride] if not name.startswith("fused")}
    with no_grad():
        for weights in ({}, ones, dict.fromkeys(ones, 1.0), dict.fromkeys(ones, np.float32(1))):
            np.testing.assert_array_equal(net(x, stream_weights=weights).numpy(), run(net, x))


@pytest.mark.parametrize("alignment", ALIGNMENTS)
def test_with_skips_of_weight_0_the_finer_network_is_the_coarser_one(alignment):
    """Of the same weights, and all "staged": FCN-8s without pool3 is FCN-16s, and without pool4, too, FCN-32s."""
    fine = drawn(narrow(8, alignment, upsampling="staged")).eval()
    x = image(50, 83)
    for stride, weights in ((16, {"pool3": 0}), (32, {"pool4": 0, "pool3": 0.0})):
        coarse = narrow(stride, alignment, upsampling="staged").eval()
        coarse.load_state_dict(fine.state_dict(), strict=False)
        with no_grad():
            found = fine(x, weights).numpy()
        np.testing.assert_array_equal(found, run(coarse, x))
        assert not np.array_equal(found, run(fine, x))


def test_the_result_is_linear_in_every_weight():
    """One half of a stream is halfway between all of it and none of it."""
    net, x = drawn(narrow(8)).eval().to("float64"), image(40, 56).astype(np.float64)
    with no_grad():
        for name in ("score", "pool4", "pool3"):
            none, half, all_of_it, more = (net(x, {name: weight}).numpy() for weight in (0, 0.5, 1, -2))
            np.testing.assert_allclose(half, (none + all_of_it) / 2, rtol=1e-12, atol=1e-12)
            np.testing.assert_allclose(more, none - 2 * (all_of_it - none), rtol=1e-12, atol=1e-12)
            assert np.abs(all_of_it - none).max() > 1e-3
        alone = [net(x, {name: 1.0 * (name == only) for name in ("score", "pool4", "pool3")}).numpy()
                 for only in ("score", "pool4", "pool3")]  # fmt: skip
        np.testing.assert_allclose(sum(alone), net(x).numpy(), rtol=1e-12, atol=1e-12)


def test_streams_can_be_differentiated():
    net, x = drawn(narrow(8)).eval(), image(40, 56)
    scores = net.streams(x)
    (scores["pool3"].sum() + scores["score"].sum()).backward()
    assert net.fuse_pool3.skip.weight.grad is not None and net.score.weight.grad is not None
    assert net.fuse_pool4.skip.weight.grad is None


@pytest.mark.parametrize("call", ["forward", "streams"])
def test_unknown_streams_and_weights_that_are_no_numbers_are_refused(call):
    x = image(40, 56)
    for stride, weights, error, sentence in (
        (32, {"pool4": 1}, ArgumentError, "FCN: FCN-32s has no stream 'pool4'; name one of score."),
        (16, {"pool3": 1}, ArgumentError, "FCN: FCN-16s has no stream 'pool3'; name one of score, pool4."),
        (8, {"fused4": 1}, ArgumentError, "FCN: FCN-8s has no stream 'fused4'; name one of score, pool4, pool3."),
        (8, {"pool3": "1"}, ArgumentError, "FCN: the weight of stream 'pool3' must be a finite number, got '1'."),
        (8, {"pool3": True}, ArgumentError, "FCN: the weight of stream 'pool3' must be a finite number, got True."),
        (8, {"score": math.nan}, ArgumentError, "FCN: the weight of stream 'score' must be a finite number, got nan."),
        (
            8, [1, 1, 1], ArgumentTypeError,
            'FCN: stream_weights must be a dict of numbers by name, got list; write {"score": 0.5}.',
        ),
    ):  # fmt: skip
        with pytest.raises(error) as caught:
            getattr(narrow(stride), call)(x, weights)
        assert str(caught.value) == sentence
    with pytest.raises(ArgumentError, match=r"FCN: image must be \(N, 3, H, W\) with at least one pixel"):
        getattr(narrow(8), call)(x[:, :2])
