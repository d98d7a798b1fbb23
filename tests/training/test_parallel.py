"""The gradient of a batch is the sum of those of its shares: exactly in whole numbers, and so is a whole training."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minifcn import Tensor, nn, optim
from minifcn import functional as F
from minifcn.data import Batch, DataLoader
from minifcn.machine.processes import ALONE, ProcessGroup
from minifcn.optim import PolynomialLR
from minifcn.training import Interrupted, Objective, State, evaluate, train
from minifcn.training.objective import REDUCTIONS
from minifcn.training.parallel import add_gradients, share_statistics, share_weights
from tests.parallel.group import in_threads
from tests.training.tiny import Pictures, card, same, weights


@given(st.integers(1, 5), st.integers(0, 6), st.integers(0, 99))
@settings(max_examples=25)
def test_the_sum_of_the_gradients_of_shards_is_the_gradient_of_the_whole(size: int, images: int, seed: int) -> None:
    """Of a sum over the pixels of two layers, in whole numbers: to the last bit. Shards may be empty."""
    rng = np.random.default_rng(seed)
    first, second = (rng.integers(-3, 4, shape).astype(np.float64) for shape in ((2, 1, 3, 3), (3, 2, 2, 2)))
    X, Y = (rng.integers(-3, 4, (images, C, *side)).astype(np.float64) for C, side in ((1, (5, 6)), (3, (2, 3))))

    def gradients(group: ProcessGroup) -> list[np.ndarray]:
        parameters = [nn.Parameter(first.copy()), nn.Parameter(second.copy()), nn.Parameter(np.zeros(3))]
        mine = slice(group.rank, None, group.size)
        scores = F.conv2d(F.relu(F.conv2d(Tensor(X[mine]), parameters[0])), parameters[1])
        (scores * Tensor(Y[mine])).sum().backward()
        add_gradients(optim.SGD(parameters, 0.1), group)
        assert parameters[2].grad is None, "nobody has one"
        return [p.grad.data for p in parameters[:2] if p.grad is not None]

    whole = gradients(ALONE)
    for parts in in_threads(size, gradients):
        assert all(np.array_equal(*pair) for pair in zip(parts, whole, strict=True))


def test_one_that_only_some_have_is_summed_of_those() -> None:
    def gradients(group: ProcessGroup) -> list[Any]:
        parameters = [nn.Parameter(np.ones(2, kind)) for kind in (np.float64, np.float32, np.float64)]
        for n, parameter in enumerate(parameters[: group.rank + 1]):
            parameter.grad = Tensor(np.full(2, 10.0 * n + group.rank, parameter.dtype))
        add_gradients(optim.SGD(parameters, 0.1), group)
        return [None if p.grad is None else (p.grad.data.tolist(), p.grad.dtype) for p in parameters]

    assert in_threads(2, gradients) == [[([1.0, 1.0], np.float64), ([11.0, 11.0], np.float32), None]] * 2


def test_gradients_on_cards_are_summed_and_stay_there(played: ModuleType) -> None:
    """On the double of CuPy; of the second parameter process 1 has none."""

    def gradients(group: ProcessGroup) -> list[tuple[str, list[float]]]:
        layer = nn.Linear(2, 1)
        layer.to(group.device("cuda"))
        share_weights(layer, group)  # type: ignore[arg-type]
        parameters = list(layer.parameters())
        for parameter in parameters[: 2 - group.rank]:
            parameter.grad = Tensor(np.full(parameter.shape, 3 + group.rank, np.float32), device=parameter.device)
        add_gradients(optim.SGD(parameters, 0.1), group)
        return [(p.grad.device, p.grad.numpy().ravel().tolist()) for p in parameters if p.grad is not None]

    first, second = in_threads(2, gradients)
    assert first == [("cuda:0", [7.0, 7.0]), ("cuda:0", [3.0])]
    assert second == [("cuda:1", [7.0, 7.0]), ("cuda:1", [3.0])]


def trained(group: ProcessGroup, sync: bool, stop_in: int | None = None, **settings_: Any) -> tuple[Any, State]:
    """Two epochs of 5 pictures, 3 to a batch: the second batch has 2, so of 3 processes one has none."""
    objective, weighted = settings_.get("objective", Objective()), settings_.get("weighted", False)
    model = card().build(np.random.default_rng(4 if group.rank == 0 else 5)).to(np.float64)
    rng = np.random.default_rng(6)
    for name, value in model.named_parameters():
        if name.endswith("score.weight") or "skip" in name:
            value.data[...] = rng.standard_normal(value.shape)
    for layer in model.modules():
        if isinstance(layer, nn.Dropout):
            layer.p = 0.0  # each process has masks of its own
    share_weights(model, group)
    if sync:
        nn.SyncBatchNorm.convert_sync_batchnorm(model, group)
    optimizer = optim.SGD(model.parameters(), 1e-3 if objective.reduction == "mean" else 1e-6, 0.9)
    loader = Wide(Pictures(5), 3, shuffle=True, seed=3, rank=group.rank, num_replicas=group.size)
    loss_weight = Tensor([1.0, 0.5, 4.0]) if weighted else None
    state, steps = State(), []
    train(
        model, loader, optimizer, PolynomialLR(optimizer, 4, 0.9), epochs=2, state=state, class_weight=loss_weight,
        objective=objective, group=group, after_step=lambda state, loss, images: steps.append(images),
        should_stop=lambda: group.rank == stop_in and state.step == 1,
    )  # fmt: skip
    assert steps == [3, 2, 3, 2], "images of all processes together"
    return model, state


class Wide(DataLoader):
    """In float64, so that rounding does not hide what is wrong."""

    def batches(self, first: int = 0) -> Iterator[Batch]:
        return (replace(batch, images=batch.images.astype(np.float64)) for batch in super().batches(first))


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("accumulate", [1, 2])
@pytest.mark.parametrize("weighted", [False, True])
def test_a_training_in_three_processes_is_that_in_one(reduction: str, accumulate: int, weighted: bool) -> None:
    """With the batch norm of all; equal but for rounding, and equal to the bit among the three."""
    how = {"objective": Objective(reduction, accumulate), "weighted": weighted}
    model, state = trained(ALONE, False, **how)
    results = in_threads(3, lambda group: trained(group, True, **how))
    first = weights(results[0][0])
    before = weights(card().build(np.random.default_rng(4)))
    for name, value in weights(model).items():
        np.testing.assert_allclose(first[name], value, rtol=1e-7, atol=1e-9, err_msg=name)
    moved = max(abs(first[name] - before[name]).max() for name, _ in model.named_parameters() if "score" not in name)
    assert moved > 1e-4, "it has learnt something"
    for other, of_other in results:
        assert same(weights(other), first)
        np.testing.assert_allclose(of_other.history[1]["losses"], state.history[1]["losses"], rtol=1e-9)


def test_without_it_the_weights_are_alike_in_all_and_the_statistics_are_shared_by_process_zero() -> None:
    def run(group: ProcessGroup) -> tuple[Any, Any, Any]:
        model, _ = trained(group, False)
        own = weights(model)
        share_statistics(model, group)
        return {n: own[n] for n, _ in model.named_parameters()}, own, weights(model)

    learned, own, shared = zip(*in_threads(2, run), strict=True)
    assert same(learned[0], learned[1]) and not same(own[0], own[1])
    assert same(shared[0], own[0]) and same(shared[1], own[0])


@pytest.mark.parametrize("rank", [0, 1])
def test_all_stop_after_the_same_step(rank: int) -> None:
    def run(group: ProcessGroup) -> str:
        with pytest.raises(Interrupted) as caught:
            trained(group, False, stop_in=rank)
        return str(caught.value)

    assert in_threads(2, run) == ["stopped after epoch 1, step 1."] * 2


def test_masks_differ_between_processes_and_are_those_of_a_process_alone_in_the_first() -> None:
    from minifcn.training.loop import reseed

    def drawn(rank: int, step: int) -> float:
        layer = nn.Dropout()
        reseed(layer, 1, 2, step, rank)  # type: ignore[arg-type]
        assert layer.generator is not None
        return float(layer.generator.random())

    assert drawn(0, 3) == np.random.default_rng((1, 2, 3, 0)).random()
    assert len({drawn(rank, step) for rank in range(4) for step in range(3)}) == 12
    assert drawn(2, 1) == drawn(2, 1)


@pytest.mark.parametrize("size", [2, 4])
def test_shared_out_the_measure_is_the_same(size: int) -> None:
    model = card().build(np.random.default_rng(1)).eval()
    for name, value in model.named_parameters():
        if "score" in name:
            value.data[...] = np.random.default_rng(2).standard_normal(value.shape)
    whole = evaluate(model, Pictures(3)).hist
    assert whole.sum() and np.count_nonzero(whole.sum(0)) > 1
    for part in in_threads(size, lambda group: evaluate(model_of(model), Pictures(3), group=group).hist):
        assert np.array_equal(part, whole)


def model_of(model: Any) -> Any:
    made = card().build(np.random.default_rng(0))
    made.load_state_dict(model.state_dict())
    return made


def test_a_measure_that_one_wants_to_stop_is_stopped_in_all() -> None:
    def run(group: ProcessGroup) -> bool:
        def report(images: int) -> None:
            if group.rank == 1:
                raise Interrupted

        with pytest.raises(Interrupted):
            evaluate(card().build(np.random.default_rng(0)), Pictures(4), report, group)
        return True

    assert in_threads(3, run) == [True] * 3
