"""Normalisations against PyTorch's, running statistics included."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import assume, given
from hypothesis import strategies as st

import minifcn.functional as F
from minifcn import Tensor, nn
from tests.oracles.peers import close, compare, dtypes, generators, peer
from tests.strategies import distinct

torch = peer("torch")
TF = torch.nn.functional


@st.composite
def batches(draw: Any) -> tuple[np.ndarray, np.random.Generator]:
    """(N, C, H, W) or (N, C), at least two values per channel, no two equal: a variance of about 1, never near 0."""
    generator, dtype = draw(generators()), draw(dtypes())
    N, C, *size = draw(st.tuples(st.integers(1, 3), st.integers(1, 4), st.integers(1, 4), st.integers(1, 5)))
    shape = (N, C, *size) if N * size[0] * size[1] > 1 else (2, C, *size)
    if draw(st.integers(0, 3)) == 0:
        shape = (max(2, N), C)
    x = distinct(generator, shape, 1.0)
    return (x / np.abs(x).max() * 2).astype(dtype), generator


def affine(generator: np.random.Generator, x: np.ndarray) -> list[np.ndarray]:
    """Weight and bias."""
    return [generator.standard_normal(x.shape[1]).astype(x.dtype) for _ in range(2)]


def statistics(generator: np.random.Generator, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    C = x.shape[1]
    return generator.standard_normal(C).astype(x.dtype), generator.uniform(0.5, 2.0, C).astype(x.dtype)


@given(batches(), st.sampled_from([0.1, 0.0, 1.0, 0.37]), st.sampled_from([1e-5, 1e-3, 0.5]), st.booleans())
def test_batch_norm_in_training(drawn: Any, momentum: float, eps: float, plain: bool) -> None:
    x, generator = drawn
    operands = [x] if plain else [x, *affine(generator, x)]
    mean, var = statistics(generator, x)
    ours, theirs = [Tensor(mean), Tensor(var)], [torch.tensor(mean), torch.tensor(var)]
    count = x.size // x.shape[1]
    # 1/σ enters a gradient of order k to the power k + 1, twice, since the centred values come with it.
    spread = x.reshape(*x.shape[:2], -1).var(axis=(0, 2)).min() + eps
    compare(
        lambda x, *affine: F.batch_norm(x, None, None, *affine, training=True, eps=eps),
        lambda x, *affine: TF.batch_norm(x, None, None, *affine, training=True, eps=eps),
        operands,
        close(count + 8, 9.0 / np.sqrt(spread)),
        generator,
        first=close(count + 8, 100.0 / spread),
        second=close(8 * count + 8, 1000.0 / spread**2),
    )
    for _ in range(3):
        F.batch_norm(Tensor(x), *ours, training=True, momentum=momentum, eps=eps)
        TF.batch_norm(torch.tensor(x), *theirs, training=True, momentum=momentum, eps=eps)
    for name, found, expected in zip(("running mean", "running variance"), ours, theirs, strict=True):
        close(count + 8, 4.0)(found.numpy(), expected.numpy(), name)


@given(batches(), st.sampled_from([1e-5, 1e-3, 0.5]))
def test_batch_norm_in_evaluation(drawn: Any, eps: float) -> None:
    """Here the running statistics are fixed numbers, and everything is one multiplication and one addition."""
    x, generator = drawn
    mean, var = statistics(generator, x)
    ours, theirs = [Tensor(mean), Tensor(var)], [torch.tensor(mean), torch.tensor(var)]
    compare(
        lambda x, weight, bias: F.batch_norm(x, *ours, weight, bias, eps=eps),
        lambda x, weight, bias: TF.batch_norm(x, *theirs, weight, bias, eps=eps),
        [x, *affine(generator, x)],
        close(x.size // x.shape[1] + 8, 30.0),
        generator,
    )


def test_batch_norm_layers_walk_together_from_training_into_evaluation() -> None:
    generator = np.random.default_rng(0)
    ours, theirs = nn.BatchNorm2d(3, momentum=0.2), torch.nn.BatchNorm2d(3, momentum=0.2)
    for _ in range(5):
        x = (generator.standard_normal((2, 3, 4, 5)) * 3 + 1).astype(np.float32)
        close(48, 5.0)(ours(Tensor(x)).detach().numpy(), theirs(torch.tensor(x)).detach().numpy(), "y in training")
    close(48, 5.0)(
        ours.eval()(Tensor(x)).detach().numpy(), theirs.eval()(torch.tensor(x)).detach().numpy(), "y in evaluation"
    )


def test_batch_norm_layers_without_momentum_average_all_batches_alike() -> None:
    generator = np.random.default_rng(0)
    ours, theirs = nn.BatchNorm2d(3, momentum=None), torch.nn.BatchNorm2d(3, momentum=None)
    for count in range(1, 5):
        x = (generator.standard_normal((2, 3, 4, 5)) * 3 + 1).astype(np.float32)
        close(48, 5.0)(ours(Tensor(x)).detach().numpy(), theirs(torch.tensor(x)).detach().numpy(), "y in training")
        close(48, 5.0)(ours.running_mean.numpy(), theirs.running_mean.numpy(), "the running mean")
        close(48, 9.0)(ours.running_var.numpy(), theirs.running_var.numpy(), "the running variance")
        assert int(ours.num_batches_tracked) == int(theirs.num_batches_tracked) == count


@given(batches(), st.sampled_from(["one", "two", "all"]), st.sampled_from([1e-5, 1e-3, 0.5]), st.booleans())
def test_group_norm(drawn: Any, which: str, eps: float, plain: bool) -> None:
    """From all channels together, which is layer normalisation of images, to each by itself."""
    x, generator = drawn
    N, C = x.shape[:2]
    groups = {"one": 1, "two": 2 if C % 2 == 0 else 1, "all": C}[which]
    assume(x.size // (N * groups) > 1)
    operands = [x] if plain else [x, *affine(generator, x)]
    count, spread = x.size // (N * groups), x.reshape(N * groups, -1).var(axis=1).min() + eps
    compare(
        lambda x, *affine: F.group_norm(x, groups, *affine, eps=eps),
        lambda x, *affine: TF.group_norm(x, groups, *affine, eps=eps),
        operands,
        close(count + 8, 9.0 / np.sqrt(spread)),
        generator,
        first=close(x.size + 8, 100.0 / spread),
        second=close(8 * x.size + 8, 1000.0 / spread**2),
    )


@given(batches(), st.integers(1, 3), st.sampled_from([1e-5, 1e-3, 0.5]), st.integers(0, 2))
def test_layer_norm(drawn: Any, last: int, eps: float, given_too: int) -> None:
    """Over the last dimensions; without, with a weight, with a weight and a bias."""
    x, generator = drawn
    shape = x.shape[max(1, x.ndim - last) :]
    rows = x.reshape(-1, int(np.prod(shape)))
    assume(rows.shape[1] > 1)
    operands = [x, *(generator.standard_normal(shape).astype(x.dtype) for _ in range(given_too))]
    spread = rows.var(axis=1).min() + eps
    compare(
        lambda x, *affine: F.layer_norm(x, shape, *affine, eps=eps),
        lambda x, *affine: TF.layer_norm(x, shape, *affine, eps=eps),
        operands,
        close(rows.shape[1] + 8, 9.0 / np.sqrt(spread)),
        generator,
        first=close(x.size + 8, 100.0 / spread),
        second=close(8 * x.size + 8, 1000.0 / spread**2),
    )


@given(
    batches().filter(lambda drawn: drawn[0].ndim == 4),
    st.integers(1, 6),
    st.sampled_from([1e-4, 0.3, 2.0]),
    st.sampled_from([0.75, 0.5, 1.3]),
    st.sampled_from([1.0, 2.0]),
)
def test_local_response_norm(drawn: Any, size: int, alpha: float, beta: float, k: float) -> None:
    """Windows of even size lean to the same side, and windows larger than the channels are cut at both ends."""
    x, generator = drawn
    settings = size, alpha, beta, k
    compare(
        lambda x: F.local_response_norm(x, *settings),
        lambda x: TF.local_response_norm(x, *settings),
        [x],
        close(8 * size, 9.0),
        generator,
        second=close(8 * size**2, 1000.0),
    )
