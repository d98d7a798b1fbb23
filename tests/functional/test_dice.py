"""The Dice loss against its definition, with sets: what is covered, void pixels, classes that are not there."""

from __future__ import annotations

import numpy as np
import pytest

import minifcn.functional as F
from minifcn import Tensor, grad
from minifcn.errors import ArgumentError, ArgumentTypeError
from tests.onto import close, equal, get, on

SURE = 60.0  # a score so far above the others that its probability is 1


def by_hand(x, labels, smooth=1.0, void=255):
    powers = np.exp(x - x.max(1, keepdims=True))
    p = np.moveaxis(powers / powers.sum(1, keepdims=True), 1, -1)[labels != void]
    g = np.eye(x.shape[1])[labels[labels != void]]
    return 1 - (2 * (p * g).sum(0) + smooth) / ((p**2).sum(0) + g.sum(0) + smooth)


def case(shape, void=0.0):
    source = np.random.default_rng(1)
    labels = source.integers(0, shape[1], (shape[0], *shape[2:]))
    return source.standard_normal(shape), np.where(source.random(labels.shape) < void, 255, labels).astype(np.uint8)


@pytest.mark.parametrize("shape", [(2, 3, 4, 5), (6, 2), (2, 4, 7), (2, 3, 2, 2, 2)])
@pytest.mark.parametrize("void", [0.0, 0.4])
@pytest.mark.parametrize("smooth", [1.0, 1e-5])
def test_against_the_formula(shape, void, smooth, xp):
    x, labels = case(shape, void)
    each = by_hand(x, labels, smooth)
    for reduction, expected in (("none", each), ("mean", each.mean()), ("sum", each.sum())):
        found = F.dice_loss(on(xp, x), xp.asarray(labels), smooth=smooth, reduction=reduction)
        close(found, expected, rtol=1e-12)


def test_of_two_sets_it_is_one_less_twice_what_they_share_by_what_they_have(xp):
    """Sure of 4 pixels of which 3 are in a truth of 5: 2·3/(4 + 5)."""
    predicted, truth = np.array([1, 1, 1, 1, 0, 0, 0, 0, 0]), np.array([0, 1, 1, 1, 1, 1, 0, 0, 0])
    x = np.eye(2)[predicted].T[None] * SURE
    found = F.dice_loss(on(xp, x), xp.asarray(truth[None]), smooth=1e-9, reduction="none")
    close(found, [1 - 2 * 3 / (5 + 4), 1 - 2 * 3 / (4 + 5)], rtol=1e-7)


def test_a_class_that_is_neither_there_nor_predicted_costs_nothing(xp):
    x, labels = np.zeros((1, 3, 2, 2)), np.array([[[0, 1], [1, 0]]])
    x[:, 2] = -SURE * 20
    assert get(F.dice_loss(on(xp, x), xp.asarray(labels), reduction="none"))[2] == 0


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_void_pixels_add_exactly_nothing_at_any_order(bad, xp):
    x, labels = case((2, 3, 2, 4), 0.4)
    wild = np.where((labels == 255)[:, None], bad, x)
    results = []
    for scores in (x, wild):
        leaf = on(xp, scores, requires_grad=True)
        loss = F.dice_loss(leaf, xp.asarray(labels))
        (first,) = grad(loss, leaf, create_graph=True)
        (second,) = grad((first * first).sum(), leaf)
        results.append([get(loss.detach()), get(first.detach()), get(second)])
    for one, other in zip(*results, strict=True):
        np.testing.assert_array_equal(one, other)
    for gradient in results[0][1:]:
        assert not np.moveaxis(gradient, 1, -1)[labels == 255].any()


def test_nothing_but_void_costs_nothing(xp):
    x = on(xp, np.ones((1, 2, 2, 2)), requires_grad=True)
    loss = F.dice_loss(x, xp.full((1, 2, 2), 255))
    assert loss.item() == 0
    loss.backward()
    equal(x.grad, np.zeros((1, 2, 2, 2)))
    assert F.dice_loss(on(xp, np.ones((0, 2, 3))), xp.zeros((0, 3), int)).item() == 0


def test_half_precision_is_added_up_in_single(xp):
    x, labels = on(xp, np.zeros((1, 2, 300, 300), np.float16)), xp.zeros((1, 300, 300), np.uint8)
    found = F.dice_loss(x, labels, reduction="none")
    assert found.dtype == np.float16
    close(found, [1 - 90001 / (22500 + 90001), 1 - 1 / 22501], rtol=1e-3)


def test_errors():
    x, labels = Tensor(np.zeros((2, 3))), np.array([0, 1])
    with pytest.raises(ArgumentError, match=r"^dice_loss: labels \[7\] at 1 pixels are outside \[0, 3\)"):
        F.dice_loss(x, np.array([0, 7]))
    with pytest.raises(ArgumentError, match=r"^dice_loss: smooth must be above 0, got 0; take a small number"):
        F.dice_loss(x, labels, smooth=0)
    with pytest.raises(ArgumentError, match=r"^dice_loss: target must have shape \(2,\)"):
        F.dice_loss(x, np.array([0]))
    with pytest.raises(ArgumentTypeError, match="^dice_loss: target must be an array of integer labels, got float64"):
        F.dice_loss(x, np.zeros(2))
    with pytest.raises(ArgumentError, match=r"^dice_loss: x must be \(N, C, ...\)"):
        F.dice_loss(Tensor(np.zeros(3)), labels)
