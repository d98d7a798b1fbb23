"""Losses of labels against slow loops: void pixels, class weights, all reductions, logits that overflow."""

from __future__ import annotations

import math

import numpy as np
import pytest

import minifcn.functional as F
from minifcn import Tensor, grad
from minifcn.errors import ArgumentError, ArgumentTypeError
from tests.onto import close, equal, get, on

WEIGHT = np.array([0.5, 2.0, 3.0])


def slow(x, labels, weight, reduction, ignore):
    """(loss, gradient) by the definition, pixel by pixel, in Python numbers."""
    pixels = list(np.ndindex(*labels.shape))
    factor = {at: 0.0 if labels[at] == ignore else float(weight[labels[at]]) for at in pixels}
    total = math.fsum(factor.values()) if reduction == "mean" else 1.0
    total = total if total else 1.0
    loss, gradient = np.zeros(labels.shape), np.zeros(x.shape)
    for at in pixels:
        logits = [float(x[at[0], c, *at[1:]]) for c in range(x.shape[1])]
        largest = max(logits)
        log_sum = math.log(math.fsum(math.exp(v - largest) for v in logits))
        if factor[at]:
            loss[at] = factor[at] / total * (log_sum - (logits[labels[at]] - largest))
        for c, v in enumerate(logits):
            probability = math.exp(v - largest - log_sum)
            gradient[at[0], c, *at[1:]] = factor[at] / total * (probability - (c == labels[at]))
    return (loss if reduction == "none" else math.fsum(loss.ravel())), gradient


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("shape", [(2, 3, 4, 5), (6, 3), (2, 3, 7)])
@pytest.mark.parametrize("scale", [1.0, 1e4])
def test_against_a_slow_loop(reduction, weighted, shape, scale, xp):
    source = np.random.default_rng(0)
    x = on(xp, source.standard_normal(shape) * scale, requires_grad=True)
    labels = source.choice(np.array([0, 1, 2, 255], np.uint8), (shape[0], *shape[2:]))
    labels.ravel()[:2] = 255, 1
    found = F.cross_entropy(x, xp.asarray(labels), xp.asarray(WEIGHT) if weighted else None, reduction=reduction)
    loss, gradient = slow(get(x), labels, WEIGHT if weighted else np.ones(3), reduction, 255)
    close(found, loss, rtol=1e-12, atol=1e-14)
    found.sum().backward()
    close(x.grad, gradient, rtol=1e-11, atol=1e-14)


def test_void_pixels_do_not_count_in_the_mean(xp):
    x = on(xp, np.random.default_rng(2).standard_normal((1, 3, 2, 2)))
    labels = np.array([[[0, 255], [255, 2]]], np.uint8)
    seen = on(xp, np.stack([get(x)[0, :, 0, 0], get(x)[0, :, 1, 1]]))
    assert F.cross_entropy(x, xp.asarray(labels)).item() == pytest.approx(
        F.cross_entropy(seen, xp.asarray(np.array([0, 2]))).item(), rel=1e-14
    )


def test_weights_count_by_their_ratio_only(xp):
    x, labels = on(xp, np.random.default_rng(6).standard_normal((4, 3))), xp.asarray([2, 255, 0, 1])
    expected = F.cross_entropy(x, labels, xp.asarray(WEIGHT)).item()
    for scale in (1e-3, 1e3):
        assert F.cross_entropy(x, labels, xp.asarray(scale * WEIGHT)).item() == pytest.approx(expected, rel=1e-13)


def test_a_void_pixel_beside_a_single_class(xp):
    x = on(xp, np.ones((2, 1)), requires_grad=True)
    loss = F.cross_entropy(x, xp.asarray(np.array([0, 255])), reduction="none")
    equal(loss, [0, 0])


def test_an_empty_batch_and_classes_of_no_weight(xp):
    empty = on(xp, np.zeros((0, 3, 2, 2)), requires_grad=True)
    loss = F.cross_entropy(empty, xp.zeros((0, 2, 2), np.uint8))
    assert loss.item() == 0
    loss.backward()
    assert empty.grad.shape == (0, 3, 2, 2)
    x = on(xp, np.ones((2, 3)))
    assert F.cross_entropy(x, xp.asarray([1, 1]), xp.asarray([1.0, 0.0, 1.0])).item() == 0


@pytest.mark.parametrize("dtype", [np.uint8, np.int8, np.int16, np.int32, np.int64, np.uint32])
def test_labels_of_every_whole_dtype(dtype, xp):
    x = on(xp, np.random.default_rng(3).standard_normal((3, 4)))
    labels = np.array([0, 3, 127], dtype)
    expected, _ = slow(get(x), labels, np.ones(4), "mean", 127)
    assert F.cross_entropy(x, xp.asarray(labels), ignore_index=127).item() == pytest.approx(expected, rel=1e-13)
    assert F.cross_entropy(x, on(xp, labels), ignore_index=127).item() == pytest.approx(expected, rel=1e-13)


def test_another_ignore_index(xp):
    x = on(xp, np.random.default_rng(4).standard_normal((2, 3)))
    labels = np.array([-100, 2])
    expected = F.cross_entropy(on(xp, get(x)[1:]), xp.asarray(labels[1:])).item()
    assert F.cross_entropy(x, xp.asarray(labels), ignore_index=-100).item() == expected
    only_class_two = F.cross_entropy(
        x, xp.asarray(np.array([0, 2])), ignore_index=0
    ).item()  # a class may be the ignored one
    assert only_class_two == expected


def test_void_pixels_add_exactly_nothing_at_any_order(monkeypatch, xp):
    """Whatever their scores, here with every image worked on by itself."""
    monkeypatch.setattr("minifcn.machine.spread.working_bytes", lambda _: 1)
    source = np.random.default_rng(7)
    scores, labels = source.standard_normal((3, 4, 2, 5)), source.integers(0, 4, (3, 2, 5))
    labels[1, 0, 2:] = 255
    scores[1, :, 0, 2:] = [[np.nan], [np.inf], [-np.inf], [1.0]]
    x, seen = on(xp, scores, requires_grad=True), on(xp, np.where(np.isfinite(scores), scores, 0), requires_grad=True)
    with np.errstate(all="raise"):
        found = [loss := F.cross_entropy(x, xp.asarray(labels)), *(once := grad(loss, [x], create_graph=True))]
        found += grad((once[0] ** 2).sum(), [x])
    expected = [loss := F.cross_entropy(seen, xp.asarray(labels)), *(once := grad(loss, [seen], create_graph=True))]
    expected += grad((once[0] ** 2).sum(), [seen])
    for one, other in zip(found, expected, strict=True):
        equal(one, other)
    for gradient in found[1:]:
        equal(get(gradient)[1, :, 0, 2:], 0)


def test_labels_and_operands_are_left_alone(xp):
    x, labels = np.random.default_rng(5).standard_normal((2, 3)), xp.asarray(np.array([255, 1], np.uint8))
    weight = on(xp, WEIGHT)
    loss = F.cross_entropy(on(xp, x, requires_grad=True), labels, weight)
    labels[:] = 0  # after the fact; the loss keeps what it was given
    loss.backward()
    equal(weight, WEIGHT)


# --- label smoothing ----------------------------------------------------------------------------------------------------


def log_softmax(x):
    low = x - x.max(1, keepdims=True)
    return low - np.log(np.exp(low).sum(1, keepdims=True))


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("scale", [1.0, 1e4])
def test_smoothing_asks_a_share_of_all_classes(reduction, weighted, scale, xp):
    source = np.random.default_rng(0)
    x, labels = source.standard_normal((2, 3, 4, 5)) * scale, source.choice([0, 1, 2, 255], (2, 4, 5))
    weight = WEIGHT if weighted else np.ones(3)
    costs, counted = -log_softmax(x) * weight[:, None, None], labels != 255
    own = np.take_along_axis(costs, np.where(counted, labels, 0)[:, None], 1)[:, 0]
    each = np.where(counted, 0.75 * own + 0.25 * costs.mean(1), 0)
    total = np.where(counted, weight[np.where(counted, labels, 0)], 0).sum()
    expected = {"none": each, "sum": each.sum(), "mean": each.sum() / total}[reduction]
    given = xp.asarray(labels), xp.asarray(WEIGHT) if weighted else None
    found = F.cross_entropy(on(xp, x), *given, reduction=reduction, label_smoothing=0.25)
    close(found, expected, rtol=1e-12)


def test_without_smoothing_it_is_the_plain_loss_and_void_stays_void(xp):
    source = np.random.default_rng(1)
    scores, labels = source.standard_normal((2, 3, 2, 4)), source.choice([0, 1, 2, 255], (2, 2, 4))
    plain, labels = F.cross_entropy(on(xp, scores), xp.asarray(labels)).item(), xp.asarray(labels)
    assert F.cross_entropy(on(xp, scores), labels, label_smoothing=0.0).item() == plain
    results = []
    for filling in (0.0, np.nan):
        x = on(xp, np.where(get(labels)[:, None] == 255, filling, scores), requires_grad=True)
        loss = F.cross_entropy(x, labels, label_smoothing=0.5)
        (first,) = grad(loss, x, create_graph=True)
        (second,) = grad((first * first).sum(), x)
        results.append((get(loss.detach()), get(first.detach()), get(second)))
    for one, other in zip(*results, strict=True):
        equal(one, other)
    assert not np.moveaxis(results[1][1], 1, -1)[get(labels) == 255].any()
    x = on(xp, np.ones((1, 3)), requires_grad=True)
    loss = F.cross_entropy(x, xp.asarray([255]), label_smoothing=0.5)
    loss.backward()
    assert loss.item() == 0 and not get(x.grad).any()


# --- the second half ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("shape", [(2, 3, 4, 5), (6, 3), (2, 3, 7)])
def test_nll_loss_picks_what_stands_at_the_labels(reduction, weighted, shape, xp):
    source = np.random.default_rng(2)
    logs = source.integers(-9, 1, shape).astype(float)
    labels = source.choice(np.array([0, 1, 2, 255], np.uint8), (shape[0], *shape[2:]))
    labels.ravel()[:2] = 255, 1
    x, weight = on(xp, logs, requires_grad=True), WEIGHT if weighted else np.ones(3)
    found = F.nll_loss(x, xp.asarray(labels), xp.asarray(WEIGHT) if weighted else None, reduction=reduction)
    factor = {at: 0.0 if labels[at] == 255 else weight[labels[at]] for at in np.ndindex(*labels.shape)}
    total = sum(factor.values()) if reduction == "mean" else 1.0
    loss, gradient = np.zeros(labels.shape), np.zeros(shape)
    for at, share in factor.items():
        if share:
            place = (at[0], labels[at], *at[1:])
            loss[at], gradient[place] = -logs[place] * share / total, -share / total
    close(found, loss if reduction == "none" else loss.sum(), rtol=1e-14)
    found.sum().backward()
    close(x.grad, gradient, rtol=1e-14)


def test_what_stands_at_void_pixels_is_not_looked_at_and_receives_nothing(xp):
    x = on(xp, [[np.nan, -np.inf], [-1.0, -2.0], [np.inf, np.nan]], requires_grad=True, dtype=np.float64)
    loss = F.nll_loss(x, xp.asarray([255, 1, 255]))
    assert loss.item() == 2
    (first,) = grad(loss, x)
    equal(first, [[0, 0], [0, -1], [0, 0]])
    each = F.nll_loss(x, xp.asarray([255, 1, 255]), reduction="none")
    (first,) = grad(each, x, on(xp, [np.inf, 1.0, np.nan], dtype=np.float64))  # what comes back does not matter either
    equal(first, [[0, 0], [0, -1], [0, 0]])


def test_both_halves_make_the_whole(xp):
    source = np.random.default_rng(3)
    labels, results = xp.asarray(source.choice([0, 1, 2, 255], (2, 4, 5))), []
    scores = source.standard_normal((2, 3, 4, 5)) * 10
    for loss in (F.cross_entropy, lambda x, *given: F.nll_loss(F.log_softmax(x, 1), *given)):
        x = on(xp, scores, requires_grad=True)
        value = loss(x, labels, xp.asarray(WEIGHT))
        value.backward()
        results.append((value.item(), get(x.grad)))
    close(*(value for value, _ in results), rtol=1e-13)
    close(*(gradient for _, gradient in results), rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("loss", [F.cross_entropy, F.nll_loss])
def test_weights_below_zero_are_refused_wherever_they_are(loss, xp):
    """On a GPU when the next number comes from there."""
    with pytest.raises(
        ArgumentError, match=f"^{loss.__name__}: weight must be finite and at least 0, got -2 for class 1"
    ):
        loss(on(xp, np.zeros((2, 3))), xp.asarray([0, 1]), xp.asarray([1.0, -2.0, -1.0])).item()


def test_nll_errors_name_nll():
    x = Tensor(np.zeros((2, 3)))
    with pytest.raises(ArgumentError, match=r"^nll_loss: labels \[3\] at 1 pixels are outside \[0, 3\)"):
        F.nll_loss(x, np.array([0, 3]))
    with pytest.raises(
        ArgumentError, match=r"^nll_loss: weight must have shape \(3,\), one factor per class, got \(2,\)"
    ):
        F.nll_loss(x, np.array([0, 1]), np.ones(2))
    with pytest.raises(ArgumentTypeError, match="^nll_loss: target must be an array of integer labels, got list"):
        F.nll_loss(x, [0, 1])


def test_label_errors_name_the_values():
    x = Tensor(np.zeros((1, 3, 2, 3)))
    with pytest.raises(
        ArgumentError,
        match=r"labels \[3, 254\] at 3 pixels are outside \[0, 3\) and not ignore_index 255; fix the labels",
    ):
        F.cross_entropy(x, np.array([[[0, 254, 255], [3, 3, 2]]], np.uint8))
    with pytest.raises(ArgumentError, match=r"labels \[-1\] at 1 pixels are outside \[0, 3\)"):
        F.cross_entropy(x, np.array([[[0, -1, 255], [1, 1, 2]]]))
    for target, kind in (
        (np.zeros((1, 2, 3)), "float64"),
        (np.zeros((1, 2, 3), bool), "bool"),
        ([[[0, 0, 0], [0, 0, 0]]], "list"),
        (None, "NoneType"),
    ):
        with pytest.raises(
            ArgumentTypeError, match=f"target must be an array of integer labels, got {kind}; use uint8"
        ):
            F.cross_entropy(x, target)
    with pytest.raises(ArgumentError, match=r"labels \[10, 11, 12, 13, 14, 15, 16, 17\] at 9 pixels are outside"):
        F.cross_entropy(Tensor(np.zeros((9, 3))), np.arange(10, 19))
    with pytest.raises(
        ArgumentError, match=r"target must have shape \(1, 2, 3\) for x of shape \(1, 3, 2, 3\), got \(1, 3, 2\)"
    ):
        F.cross_entropy(x, np.zeros((1, 3, 2), np.uint8))


def test_option_errors():
    x, labels = Tensor(np.zeros((2, 3))), np.array([0, 1])
    with pytest.raises(ArgumentError, match='reduction \'average\' is unknown; use "mean", "sum" or "none"'):
        F.cross_entropy(x, labels, reduction="average")
    for weight, shown in (
        (np.ones(2), r"\(2,\)"),
        (np.ones((1, 3)), r"\(1, 3\)"),
        (1.0, "1.0"),
        ([1.0, 0.5, 1.0], r"\[1.0, 0.5, 1.0\]"),
    ):
        with pytest.raises(
            ArgumentError, match=rf"weight must have shape \(3,\), one factor per class, got {shown}\.$"
        ):
            F.cross_entropy(x, labels, weight)
    for shape in ((3,), (2, 0), ()):
        with pytest.raises(ArgumentError, match=r"x must be \(N, C, ...\) with at least one class, got shape"):
            F.cross_entropy(Tensor(np.zeros(shape)), labels)
    with pytest.raises(ArgumentTypeError, match="cross_entropy: x must be floating point, got int64"):
        F.cross_entropy(Tensor(np.zeros((2, 3), np.int64)), labels)
