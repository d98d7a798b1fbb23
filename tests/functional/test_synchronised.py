"""Sums over processes, and batch normalisation that is made of them: one group of shards is the whole."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minifcn import Tensor, grad
from minifcn import functional as F
from minifcn.errors import ArgumentError
from minifcn.functional.synchronised import AllSum, sync_batch_norm
from minifcn.machine.processes import ALONE, ProcessGroup
from tests.parallel.group import in_threads


def drawn(*key: int, shape: tuple[int, ...] = (2, 3)) -> np.ndarray:
    return np.random.default_rng(key).integers(-9, 10, shape).astype(np.float64)


@given(st.integers(1, 5), st.integers(0, 99))
def test_a_sum_over_processes_is_its_own_transpose(size: int, seed: int) -> None:
    """⟨Σ x, y⟩ summed over the processes is ⟨x, Σ y⟩ summed over them, exactly; and so at the second order."""
    xs, ys, zs = ([drawn(seed, which, rank) for rank in range(size)] for which in range(3))

    def inner(group: ProcessGroup) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        x = Tensor(xs[group.rank], requires_grad=True)
        y = Tensor(ys[group.rank], requires_grad=True)
        total = AllSum(group)(x)
        (back,) = grad(total, x, y, create_graph=True)  # Σ y, which depends on the y of all
        (again,) = grad(back, y, Tensor(zs[group.rank]))
        return total.data, back.data, again.data

    for total, back, again in in_threads(size, inner):
        assert np.array_equal(total, sum(xs)) and np.array_equal(back, sum(ys)) and np.array_equal(again, sum(zs))


@pytest.mark.parametrize("size", [1, 2, 3, 5])
@pytest.mark.parametrize("affine", [True, False])
def test_batch_norm_of_all_shards_is_that_of_the_whole(size: int, affine: bool) -> None:
    """Values, running statistics, and the gradients of x, weight and bias, of 4 images: of 5 processes one has none."""
    N, C = 4, 3
    rng = np.random.default_rng(size)
    X, G = rng.standard_normal((2, N, C, 5, 6)) * 3 + 7
    numbers: list[Any] = [rng.standard_normal(C) for _ in range(2)] if affine else [None, None]

    def tensors(x: np.ndarray) -> list[Any]:
        return [Tensor(v.copy(), requires_grad=True) if v is not None else None for v in (x, *numbers)]

    def normalised(group: ProcessGroup) -> tuple[np.ndarray, ...]:
        mine = slice(group.rank, None, group.size)
        x, weight, bias = tensors(X[mine])
        running = Tensor(np.zeros(C)), Tensor(np.ones(C))
        y = sync_batch_norm(x, *running, weight, bias, 0.25, 1e-3, group)
        y.backward(Tensor(G[mine]))
        learned = [group.all_reduce(v.grad.data) for v in (weight, bias) if v is not None]
        return y.data, x.grad.data, running[0].data, running[1].data, *learned

    x, weight, bias = tensors(X)
    running = Tensor(np.zeros(C)), Tensor(np.ones(C))
    y = F.batch_norm(x, *running, weight, bias, True, 0.25, 1e-3)
    y.backward(Tensor(G))
    same = [running[0].data, running[1].data, *(v.grad.data for v in (weight, bias) if v is not None)]
    for rank, (part, back, *others) in enumerate(in_threads(size, normalised)):
        np.testing.assert_allclose(part, y.data[rank::size], rtol=1e-10, atol=1e-10)
        np.testing.assert_allclose(back, x.grad.data[rank::size], rtol=1e-10, atol=1e-10)
        for mine, whole in zip(others, same, strict=True):
            np.testing.assert_allclose(mine, whole, rtol=1e-10, atol=1e-10)


def test_its_second_derivative_is_that_of_the_whole() -> None:
    X, G, H = np.random.default_rng(1).standard_normal((3, 4, 2, 3, 3))

    def twice(norm: Any, x: np.ndarray, g: np.ndarray, h: np.ndarray) -> np.ndarray:
        x_, g_ = Tensor(x.copy(), requires_grad=True), Tensor(g.copy(), requires_grad=True)
        (first,) = grad(norm(x_), x_, g_, create_graph=True)
        (second,) = grad(first, x_, Tensor(h))
        return second.data

    whole = twice(lambda x: F.batch_norm(x, None, None, training=True), X, G, H)
    parts = in_threads(
        2,
        lambda group: twice(
            lambda x: sync_batch_norm(x, None, None, group=group), *(v[group.rank :: 2] for v in (X, G, H))
        ),
    )
    for rank, part in enumerate(parts):
        np.testing.assert_allclose(part, whole[rank::2], rtol=1e-9, atol=1e-9)


def test_what_is_refused() -> None:
    with pytest.raises(ArgumentError, match="sync_batch_norm: x must be .N, C, H, W. or .N, C., got shape"):
        sync_batch_norm(Tensor(np.zeros((2, 3, 4))), None, None)
    with pytest.raises(ArgumentError, match="at least two values per channel, the 1 processes have 1 together"):
        sync_batch_norm(Tensor(np.zeros((1, 3))), None, None, group=ALONE)
    assert (
        in_threads(2, lambda group: sync_batch_norm(Tensor(np.zeros((1, 3))), None, None, group=group).shape)
        == [(1, 3)] * 2
    ), "two processes have two values"
