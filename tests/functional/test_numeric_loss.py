"""Losses of numbers against their formulas in Python's numbers, one by one, and what they refuse."""

from __future__ import annotations

import math

import numpy as np
import pytest

import minifcn.functional as F
from minifcn import Tensor
from minifcn.errors import ArgumentError, ArgumentTypeError
from tests.onto import close, equal, get, on

SHAPE = (2, 3, 4)
LOSSES = {"mse_loss": lambda x, t: (x - t) ** 2, "l1_loss": lambda x, t: abs(x - t)}


def drawn(seed):
    return np.random.default_rng(seed).integers(-9, 10, SHAPE).astype(float)


@pytest.mark.parametrize("name", LOSSES)
def test_errors_of_numbers(name, xp):
    x, target = drawn(0), drawn(1)
    each = np.vectorize(LOSSES[name])(x, target)
    loss = getattr(F, name)
    equal(loss(on(xp, x), on(xp, target), reduction="none"), each)
    assert loss(on(xp, x), on(xp, target), reduction="sum").item() == each.sum()
    assert loss(on(xp, x), on(xp, target)).item() == pytest.approx(each.mean(), rel=1e-15)
    assert loss(on(xp, x), xp.asarray(target)).item() == pytest.approx(each.mean(), rel=1e-15)  # a bare array


def test_both_sides_receive_opposite_gradients(xp):
    for loss, slope in ((F.mse_loss, lambda d: 2 * d), (F.l1_loss, np.sign)):
        x, target = on(xp, drawn(2), requires_grad=True), on(xp, drawn(3), requires_grad=True)
        loss(x, target, reduction="sum").backward()
        equal(x.grad, slope(drawn(2) - drawn(3)))
        equal(target.grad, -get(x.grad))


def surprise(score, truth, pos_weight=1.0):
    def softplus(v):
        return max(v, 0) + math.log1p(math.exp(-abs(v)))

    return pos_weight * truth * softplus(-score) + (1 - truth) * softplus(score)


def test_binary_cross_entropy(xp):
    source = np.random.default_rng(4)
    x, t = source.standard_normal(SHAPE) * 5, source.random(SHAPE)
    pos_weight, weight = source.random((3, 1)) * 3, source.random(4)
    each = np.vectorize(surprise)(x, t, np.broadcast_to(pos_weight, SHAPE)) * weight
    options = {"weight": on(xp, weight), "pos_weight": on(xp, pos_weight)}
    loss = F.binary_cross_entropy_with_logits
    close(loss(on(xp, x), on(xp, t), reduction="none", **options), each, rtol=1e-13)
    assert loss(on(xp, x), on(xp, t), **options).item() == pytest.approx(each.mean(), rel=1e-13)
    assert loss(on(xp, x), on(xp, t), reduction="sum", **options).item() == pytest.approx(each.sum(), rel=1e-13)
    numbers = loss(on(xp, x), on(xp, t), 2.0, reduction="sum", pos_weight=3).item()
    assert numbers == pytest.approx(2 * np.vectorize(surprise)(x, t, 3.0).sum(), rel=1e-13)


def test_sure_scores_cost_nothing_or_their_distance_and_keep_small_costs(xp):
    x = np.array([1e4, -1e4, 1e4, -1e4, 40.0, -40.0])
    t = np.array([1.0, 0.0, 0.0, 1.0, 1.0, 0.0])
    scores = on(xp, x, requires_grad=True)
    each = F.binary_cross_entropy_with_logits(scores, on(xp, t), reduction="none")
    close(each, [0, 0, 1e4, 1e4, math.exp(-40), math.exp(-40)], rtol=1e-15)
    each.sum().backward()
    close(scores.grad, [0, 0, 1, -1, 0, 0], atol=1e-15)


def test_of_nothing_the_mean_is_nothing(xp):
    x = on(xp, np.ones((0, 3)), requires_grad=True)
    for loss in (F.mse_loss, F.l1_loss, F.binary_cross_entropy_with_logits):
        assert loss(x, on(xp, np.ones((0, 3)))).item() == 0


def test_half_precision_is_squared_and_added_up_in_single(xp):
    x, zero = on(xp, np.full(4096, 300, np.float16)), on(xp, np.zeros(4096, np.float16))
    assert F.mse_loss(x, zero).item() == np.inf  # 90000 is beyond float16
    ones = on(xp, np.ones(4096, np.float16))
    assert F.mse_loss(ones, zero).item() == F.l1_loss(ones, zero).item() == 1
    assert F.l1_loss(x, zero, reduction="none").dtype == np.float16
    weighted = F.binary_cross_entropy_with_logits(zero, ones, zero + 2, pos_weight=ones)
    assert weighted.item() == pytest.approx(2 * math.log(2), rel=1e-3) and weighted.dtype == np.float16


@pytest.mark.parametrize("name", [*LOSSES, "binary_cross_entropy_with_logits"])
def test_errors(name):
    loss, x = getattr(F, name), Tensor(np.zeros((4, 1)))
    with pytest.raises(
        ArgumentError, match=rf"^{name}: target must have the shape of x, \(4, 1\), got \(4,\); reshape"
    ):
        loss(x, Tensor(np.zeros(4)))
    with pytest.raises(ArgumentTypeError, match=rf"^{name}: x and target have different dtypes, float64 and float32"):
        loss(x, Tensor(np.zeros((4, 1), np.float32)))
    with pytest.raises(ArgumentTypeError, match=rf"^{name}: x must be floating point, got int64"):
        loss(Tensor(np.zeros(3, int)), Tensor(np.zeros(3, int)))
    with pytest.raises(ArgumentTypeError, match=rf"^{name}: cannot combine a Tensor with list"):
        loss(x, [[0.0]] * 4)
    with pytest.raises(ArgumentError, match=rf'^{name}: reduction \'average\' is unknown; use "mean", "sum" or "none"'):
        loss(x, x, reduction="average")


@pytest.mark.parametrize("wrong", [255.0, -0.5, np.nan])
def test_targets_that_are_no_probabilities_are_named(wrong, xp):
    """On a GPU when the next number comes from there."""
    target = on(xp, np.array([0.0, wrong, 1.0]))
    with pytest.raises(
        ArgumentError, match=f"^binary_cross_entropy_with_logits: target must lie .* got {wrong:g}; divide"
    ):
        F.binary_cross_entropy_with_logits(on(xp, np.zeros(3)), target).item()


def test_factors_that_do_not_fit():
    x = Tensor(np.zeros((2, 3)))
    for argument in ("weight", "pos_weight"):
        for shape in ((2,), (1, 2, 3), (3, 3)):
            with pytest.raises(
                ArgumentError, match=rf"{argument} of shape .* does not broadcast to that of x, \(2, 3\)"
            ):
                F.binary_cross_entropy_with_logits(x, x, **{argument: np.ones(shape)})
        with pytest.raises(ArgumentTypeError, match="cannot combine a Tensor with str"):
            F.binary_cross_entropy_with_logits(x, x, **{argument: "balanced"})


def test_factors_are_converted_as_those_of_classes_are(xp):
    x, t = on(xp, np.ones((2, 3), np.float32)), on(xp, np.ones((2, 3), np.float32))
    expected = F.binary_cross_entropy_with_logits(x, t, 2.0, pos_weight=3.0).item()
    for weight in (np.full(3, 2), np.full(3, 2.0), np.full(3, 2, np.float16)):
        for made in (xp.asarray(weight), on(xp, weight)):
            found = F.binary_cross_entropy_with_logits(x, t, made, pos_weight=xp.asarray(np.array(3)))
            assert found.dtype == np.float32 and found.item() == expected
