"""Softmax, its logarithm and the cross entropy against PyTorch's, void pixels and class weights included."""

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


def test_the_mean_of_nothing_but_void_is_the_one_difference() -> None:
    x, void = np.ones((1, 2, 2, 2)), np.full((1, 2, 2), 255)
    assert F.cross_entropy(Tensor(x), void).item() == 0
    assert torch.isnan(TF.cross_entropy(torch.tensor(x), torch.tensor(void), ignore_index=255))


@given(st.integers(1, 5), st.integers(1, 7), generators())
def test_without_pixels_as_in_classification(N: int, C: int, generator: np.random.Generator) -> None:
    x, target = generator.standard_normal((N, C)), generator.integers(0, C, N).astype(np.uint8)
    theirs = torch.tensor(target.astype(np.int64))
    compare(lambda x: F.cross_entropy(x, target), lambda x: TF.cross_entropy(x, theirs), [x], judged(x), generator)
