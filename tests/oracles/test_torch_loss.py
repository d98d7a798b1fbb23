"""Softmax, its logarithm and the losses against PyTorch's, void pixels and weights included."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

import minifcn.functional as F
from minifcn import Tensor
from tests.oracles.peers import close, compare, dtypes, generators, peer

torch = peer("torch")
TF = torch.nn.functional


@st.composite
def scores(draw: Any) -> tuple[np.ndarray, np.random.Generator]:
    """(N, C, H, W) from 1 class up, moderate or so large that a careless exponential overflows."""
    generator = draw(generators())
    shape = draw(st.tuples(st.integers(1, 3), st.integers(1, 6), st.integers(1, 4), st.integers(1, 5)))
    x = generator.standard_normal(shape) * draw(st.sampled_from([1.0, 3.0, 300.0]))
    return x.astype(draw(dtypes())), generator


def judged(x: np.ndarray) -> Any:
    # Between exp and log the error of x itself counts: an ulp of 1000 is a thousand ulps of a probability.
    return close(8 * x.shape[1], 9.0 * max(1.0, float(np.abs(x).max())))


@pytest.mark.parametrize("name", ["softmax", "log_softmax"])
@given(scores(), st.integers(-4, 3))
def test_softmax(name: str, drawn: Any, dim: int) -> None:
    x, generator = drawn
    ours, theirs = getattr(F, name), getattr(TF, name)
    compare(lambda x: ours(x, dim), lambda x: theirs(x, dim), [x], close(8 * x.shape[dim], 9 * 300.0), generator)


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@given(scores(), st.booleans(), st.sampled_from([255, 255, -100, 0]), st.sampled_from([0.0, 0.2, 0.7]))
def test_cross_entropy(reduction: str, drawn: Any, weighted: bool, void: int, share: float) -> None:
    x, generator = drawn
    N, C, *size = x.shape
    target = generator.integers(0, C, (N, *size))
    target[generator.random(target.shape) < share] = void
    assume(reduction != "mean" or (target != void).any())  # the mean of nothing is 0 here and NaN in PyTorch
    weight = generator.integers(1, 5, C).astype(x.dtype) / 4 if weighted else None
    compare(
        lambda x: F.cross_entropy(x, target, weight, ignore_index=void, reduction=reduction),
        lambda x: TF.cross_entropy(
            x,
            torch.tensor(target),
            None if weight is None else torch.tensor(weight),
            ignore_index=void,
            reduction=reduction,
        ),
        [x],
        close(8 * C * target.size, 9.0 * max(1.0, float(np.abs(x).max()))),
        generator,
    )


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@given(scores(), st.booleans(), st.sampled_from([0.0, 0.3]), st.sampled_from([0.125, 0.5, 1.0]))
def test_label_smoothing(reduction: str, drawn: Any, weighted: bool, share: float, smoothing: float) -> None:
    x, generator = drawn
    N, C, *size = x.shape
    target = generator.integers(0, C, (N, *size))
    target[generator.random(target.shape) < share] = 255
    assume(reduction != "mean" or (target != 255).any())
    weight = generator.integers(1, 5, C).astype(x.dtype) / 4 if weighted else None
    options: dict[str, Any] = {"ignore_index": 255, "reduction": reduction, "label_smoothing": smoothing}
    theirs = torch.tensor(target), None if weight is None else torch.tensor(weight)
    compare(
        lambda x: F.cross_entropy(x, target, weight, **options),
        lambda x: TF.cross_entropy(x, *theirs, **options),
        [x],
        close(8 * C * target.size, 9.0 * C * max(1.0, float(np.abs(x).max()))),
        generator,
    )


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@given(scores(), st.booleans(), st.sampled_from([255, -100, 0]), st.sampled_from([0.0, 0.2, 0.7]), st.booleans())
def test_nll_loss(reduction: str, drawn: Any, weighted: bool, void: int, share: float, pixels: bool) -> None:
    x, generator = drawn
    x = x if pixels else x[:, :, 0, 0]
    N, C, *size = x.shape
    target = generator.integers(0, C, (N, *size))
    target[generator.random(target.shape) < share] = void
    assume(reduction != "mean" or (target != void).any())
    weight = generator.integers(1, 5, C).astype(x.dtype) / 4 if weighted else None
    theirs = torch.tensor(target), None if weight is None else torch.tensor(weight)
    compare(
        lambda x: F.nll_loss(x, target, weight, ignore_index=void, reduction=reduction),
        lambda x: TF.nll_loss(x, *theirs, ignore_index=void, reduction=reduction),
        [x],
        close(8 * target.size, 9.0 * max(1.0, float(np.abs(x).max()))),
        generator,
    )


@pytest.mark.parametrize("name", ["mse_loss", "l1_loss"])
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@given(scores())
def test_losses_of_numbers(name: str, reduction: str, drawn: Any) -> None:
    x, generator = drawn
    target = generator.standard_normal(x.shape).astype(x.dtype)
    largest = float(np.abs(x).max()) + 4
    compare(
        lambda x, target: getattr(F, name)(x, target, reduction=reduction),
        lambda x, target: getattr(TF, name)(x, target, reduction=reduction),
        [x, target],
        close(8 * x.size, 9.0 * largest**2),
        generator,
    )


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@given(scores(), st.booleans(), st.booleans(), st.booleans())
def test_binary_cross_entropy(reduction: str, drawn: Any, hard: bool, weighted: bool, by_channel: bool) -> None:
    """PyTorch adds up its two parts in another form, with two numbers as large as x that nearly cancel."""
    x, generator = drawn
    target = generator.random(x.shape).astype(x.dtype)
    target = np.round(target) if hard else target
    weight = generator.random(x.shape[3]).astype(x.dtype) if weighted else None
    positive = generator.uniform(0.5, 3, (x.shape[1], 1, 1)).astype(x.dtype) if by_channel else None
    compare(
        lambda x, t: F.binary_cross_entropy_with_logits(x, t, weight, reduction=reduction, pos_weight=positive),
        lambda x, t: TF.binary_cross_entropy_with_logits(
            x,
            t,
            None if weight is None else torch.tensor(weight),
            reduction=reduction,
            pos_weight=None if positive is None else torch.tensor(positive),
        ),
        [x, target],
        close(16 * x.size, 27.0 * max(1.0, float(np.abs(x).max()))),
        generator,
    )


@given(scores(), st.sampled_from([0.0, 0.3]), st.sampled_from([1.0, 1e-3]), st.sampled_from(["mean", "sum", "none"]))
def test_dice_against_its_formula_in_pytorch(drawn: Any, share: float, smooth: float, reduction: str) -> None:
    """PyTorch has no Dice loss; written out there, its own differentiation is the oracle."""
    x, generator = drawn
    x = np.clip(x, -9, 9)
    N, C, *size = x.shape
    target = generator.integers(0, C, (N, *size))
    target[generator.random(target.shape) < share] = 255

    def theirs(x: Any) -> Any:
        counted = torch.tensor(target != 255)[:, None]
        p = torch.softmax(x, 1) * counted
        g = torch.movedim(TF.one_hot(torch.tensor(np.where(target == 255, 0, target)), C), -1, 1) * counted
        axes = (0, 2, 3)
        each = 1 - (2 * (p * g).sum(axes) + smooth) / ((p * p).sum(axes) + (g * g).sum(axes) + smooth)
        return each if reduction == "none" else getattr(each, reduction)()

    compare(
        lambda x: F.dice_loss(x, target, smooth=smooth, reduction=reduction),
        theirs,
        [x],
        close(8 * x.size, 9.0),
        generator,
        first=close(16 * x.size, 90.0),
        second=close(64 * x.size, 900.0 / smooth),
    )


@given(st.integers(1, 5), generators(), st.booleans())
def test_one_hot(C: int, generator: np.random.Generator, told: bool) -> None:
    labels = generator.integers(0, C, (2, 3, 4))
    expected = TF.one_hot(torch.tensor(labels), C if told else -1).numpy()
    found = F.one_hot(Tensor(labels), C if told else -1).numpy()
    assert found.dtype == expected.dtype
    np.testing.assert_array_equal(found, expected)


def test_the_mean_of_nothing_but_void_is_the_one_difference() -> None:
    x, void = np.ones((1, 2, 2, 2)), np.full((1, 2, 2), 255)
    assert F.cross_entropy(Tensor(x), void).item() == 0
    assert torch.isnan(TF.cross_entropy(torch.tensor(x), torch.tensor(void), ignore_index=255))


@given(st.integers(1, 5), st.integers(1, 7), generators())
def test_without_pixels_as_in_classification(N: int, C: int, generator: np.random.Generator) -> None:
    x, target = generator.standard_normal((N, C)), generator.integers(0, C, N).astype(np.uint8)
    theirs = torch.tensor(target.astype(np.int64))
    compare(lambda x: F.cross_entropy(x, target), lambda x: TF.cross_entropy(x, theirs), [x], judged(x), generator)
