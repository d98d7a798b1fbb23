"""The loop: it learns, repeats itself to the bit, goes on where it stopped, and stops before it breaks anything."""

from __future__ import annotations

import math
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from minifcn import functional as F
from minifcn import optim
from minifcn.errors import ArgumentError, MinifcnError
from minifcn.models import FCN
from minifcn.nn import Dropout
from minifcn.training import Interrupted, State, TrainingError, loop, train, train_step
from tests.onto import device_of, get, on
from tests.played_cupy import playing
from tests.played_cupy.arrays import synchronisations
from tests.training.tiny import Pictures, card, loader, same, weights

OPTIMIZERS = {
    "adamw": lambda p: optim.AdamW(p, 3e-3, weight_decay=1e-2),
    "sgd": lambda p: optim.SGD(p, 1e-2, 0.9, weight_decay=1e-3),
}
NETWORKS = {
    "small": card(),
    "dropout": card(backbone="vgg16", width=1 / 64),
}


@dataclass
class Setup:
    """A run of 5 pictures in batches of 2: three steps per epoch, the last with one picture."""

    network: str = "small"
    optimizer: str = "sgd"
    prefetch: bool = False
    xp: ModuleType = np

    def __post_init__(self) -> None:
        self.model: FCN = NETWORKS[self.network].build(np.random.default_rng(1)).to(device_of(self.xp))
        learned = [p for p in self.model.parameters() if p.requires_grad]
        self.optimizer_ = OPTIMIZERS[self.optimizer](learned)
        self.loader = loader(Pictures(5, (33, 41), grow=2), prefetch=self.prefetch)
        self.schedule = optim.PolynomialLR(self.optimizer_, 2 * len(self.loader), power=0.9)

    def train(self, epochs: int = 2, **options: object) -> State:
        return train(
            self.model, self.loader, self.optimizer_, self.schedule, epochs=epochs, seed=7, **options  # type: ignore[arg-type]
        )  # fmt: skip

    def go_on_from(self, other: Setup, state: State) -> None:
        self.model.load_state_dict(other.model.state_dict())
        self.optimizer_.load_state_dict(other.optimizer_.state_dict())
        self.schedule.last_epoch = state.epoch * len(self.loader) + state.step


def test_the_loss_starts_at_the_logarithm_of_the_classes_and_falls(xp: ModuleType) -> None:
    run = Setup(optimizer="adamw", xp=xp)
    state = run.train(2)
    assert state.history[0]["losses"][0] == pytest.approx(math.log(3), rel=1e-5)  # score layers start at zero
    assert [len(entry["losses"]) for entry in state.history] == [3, 3]
    assert state.history[1]["loss"] == pytest.approx(np.mean(state.history[1]["losses"]))
    assert state.history[1]["loss"] < state.history[0]["loss"]
    assert (state.epoch, state.step, state.losses) == (2, 0, [])


def test_one_step_is_what_it_says(xp: ModuleType) -> None:
    """The same update, written out: the gradient of the mean loss, and w ← w − η·(g + λ·w) at the first step."""
    run = Setup(xp=xp)
    batch = next(iter(run.loader))
    loss = F.cross_entropy(run.model.train()(on(xp, batch.images)), on(xp, batch.labels))
    loss.backward()
    expected = {
        name: (get(p) - np.float32(1e-2) * (get(p.grad) + np.float32(1e-3) * get(p)))
        for name, p in run.model.named_parameters()
        if p.requires_grad
    }
    other = Setup(xp=xp)
    assert train_step(other.model.train(), other.optimizer_, batch, None, "here") == loss.item()
    found = weights(other.model)
    for name, weight in expected.items():
        np.testing.assert_allclose(found[name], weight, rtol=1e-6, atol=1e-9, err_msg=name)
    assert any(not np.array_equal(found[name], weights(run.model)[name]) for name in expected)


def test_class_weights_reach_the_loss(xp: ModuleType) -> None:
    """With weight on one class alone, the loss is the mean of -log p over its pixels."""
    run = Setup(xp=xp)
    batch = next(iter(run.loader))
    run.model.score.bias.data = [0, 1, -1]
    scores = get(run.model.train()(on(xp, batch.images))).astype(np.float64)
    surprise = np.log(np.exp(scores).sum(axis=1)) - scores[:, 2]
    other = Setup(xp=xp)
    other.model.score.bias.data = [0, 1, -1]
    sky_only = on(xp, np.array([0, 0, 1], np.float32))
    loss = train_step(other.model.train(), other.optimizer_, batch, sky_only, "here")
    assert loss == pytest.approx(surprise[batch.labels == 2].mean(), rel=1e-5)
    assert loss > 1.5 > math.log(3)


@pytest.mark.case(58)
def test_the_same_seed_gives_the_same_bits_and_another_seed_others(xp: ModuleType) -> None:
    runs = [Setup("dropout", xp=xp), Setup("dropout", prefetch=True, xp=xp)]
    states = [run.train() for run in runs]
    assert same(weights(runs[0].model), weights(runs[1].model))
    assert states[0].history == states[1].history
    other = Setup("dropout", xp=xp)
    train(other.model, other.loader, other.optimizer_, other.schedule, epochs=2, seed=8)
    assert not same(weights(runs[0].model), weights(other.model))  # the dropout masks differ, the batches do not


@pytest.mark.parametrize(
    ("network", "optimizer", "steps"),
    [("small", "adamw", 1), ("small", "adamw", 3), ("small", "sgd", 5), ("dropout", "adamw", 2), ("dropout", "sgd", 4)],
)
def test_what_was_stopped_goes_on_to_the_same_bits(network: str, optimizer: str, steps: int, xp: ModuleType) -> None:
    whole = Setup(network, optimizer, xp=xp)
    expected = whole.train()
    stopped, done, saved = Setup(network, optimizer, xp=xp), [], []
    with pytest.raises(Interrupted, match=rf"stopped after epoch {(steps - 1) // 3 + 1}, step {(steps - 1) % 3 + 1}\."):
        stopped.train(
            after_step=lambda state, loss, images: done.append((loss, images)),
            should_stop=lambda: len(done) == steps,
            on_stop=lambda state: saved.append(State(**vars(state))),
            look_every=0.0,
        )
    (state,) = saved
    assert (state.epoch, state.step, len(state.losses)) == ((steps - 1) // 3, (steps - 1) % 3 + 1, (steps - 1) % 3 + 1)
    assert [images for _, images in done] == [2, 2, 1, 2, 2, 1][:steps]

    resumed = Setup(network, optimizer, xp=xp)
    assert not same(weights(resumed.model), weights(whole.model))
    resumed.go_on_from(stopped, state)
    found = resumed.train(state=state)
    assert same(weights(resumed.model), weights(whole.model))
    assert found.history == expected.history


def test_dropout_masks_depend_on_seed_epoch_step_and_layer_alone() -> None:
    model = NETWORKS["dropout"].build(np.random.default_rng(0))
    layers = [module for module in model.modules() if isinstance(module, Dropout)]
    assert len(layers) == 2

    def masks(*where: int) -> list[list[float]]:
        loop.reseed(model, *where)
        return [layer.generator.random(4).tolist() for layer in layers]

    seen = [masks(*where) for where in ((0, 0, 0), (1, 0, 0), (0, 1, 0), (0, 0, 1))]
    assert len({value for pair in seen for mask in pair for value in mask}) == 4 * 2 * 4
    assert masks(0, 1, 0) == seen[2]


def test_after_epoch_sees_every_epoch_and_the_network_trains_after_it() -> None:
    run, seen = Setup(), []

    def after_epoch(state: State) -> None:
        seen.append((state.epoch, state.step, len(state.history)))
        run.model.eval()  # as validation leaves it, if it forgot

    run.train(after_epoch=after_epoch, after_step=lambda *_: seen.append(run.model.training))
    assert seen == [True] * 3 + [(1, 0, 1)] + [True] * 3 + [(2, 0, 2)]


def test_a_run_that_is_finished_is_left_alone() -> None:
    run = Setup()
    before = weights(run.model)
    state = run.train(2, state=State(epoch=2))
    assert state.epoch == 2
    assert same(weights(run.model), before)


def test_an_overflow_stops_with_step_rate_and_gradient(xp: ModuleType) -> None:
    run = Setup(optimizer="sgd", xp=xp)
    run.optimizer_.param_groups[0]["lr"] = run.optimizer_.param_groups[0]["initial_lr"] = 1e30
    with pytest.raises(TrainingError) as caught:
        run.train(2)
    text = str(caught.value)
    assert text.startswith("the loss is nan at epoch 1, step ")
    assert "with learning rate " in text and "e+2" in text
    assert "the largest gradient is nan in " in text
    assert text.endswith("lower the learning rate. No weights were overwritten.")
    assert isinstance(caught.value, MinifcnError)


def test_the_step_that_fails_moves_no_weight(monkeypatch: pytest.MonkeyPatch) -> None:
    run = Setup()
    run.train(1)
    before = weights(run.model)
    true_loss = F.cross_entropy
    monkeypatch.setattr(loop.F, "cross_entropy", lambda *given: true_loss(*given) * float("inf"))
    with pytest.raises(
        TrainingError, match=r"the loss is inf at epoch 2, step 1 with learning rate 0\.00\d+; the largest"
    ):
        run.train(2, state=State(epoch=1))
    parameters = dict(run.model.named_parameters())
    after = weights(run.model)
    assert all(before[name].tobytes() == after[name].tobytes() for name in parameters)


# --- on a GPU nobody waits --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("optimizer", ["adamw", "sgd"])
def test_losses_of_a_gpu_are_looked_at_together_and_are_the_same(optimizer: str) -> None:
    with playing() as cupy:
        seen: list[tuple[int, float, int]] = []
        at_once = Setup(optimizer=optimizer, xp=cupy).train(look_every=0.0)
        late = Setup(optimizer=optimizer, xp=cupy).train(
            look_every=1e9, after_step=lambda state, loss, images: seen.append((state.step, loss, images))
        )
    assert late.history == at_once.history
    assert [loss for _, loss, _ in seen] == late.history[0]["losses"] + late.history[1]["losses"]
    assert [(step, images) for step, _, images in seen] == 2 * [(3, 2), (3, 2), (3, 1)]  # at the end of each epoch


def test_between_two_looks_the_host_never_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not for a loss, not for labels, not in the optimiser: only, in feeding.py, for memory that was copied long ago."""
    with playing() as cupy:
        run = Setup(optimizer="adamw", xp=cupy)
        waited: list[list[str]] = []
        true_step = loop.train_step

        def step(*given: Any, **options: Any) -> Any:
            del synchronisations[:]
            loss = true_step(*given, **options)
            waited.append(list(synchronisations))
            return loss

        monkeypatch.setattr(loop, "train_step", step)
        run.train(look_every=1e9)
    assert waited == 6 * [[]]


@pytest.mark.parametrize("optimizer", ["adamw", "sgd"])
@pytest.mark.parametrize(
    "wrong, look_every, more", [(1, 1e9, "the 2 steps after it changed nothing"), (1, 0.0, "the largest")]
)
def test_a_gpu_stops_changing_weights_by_itself(
    optimizer: str, wrong: int, look_every: float, more: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From the first loss that is no number on, long before somebody looks at it."""
    with playing() as cupy:
        run, before = Setup(optimizer=optimizer, xp=cupy), {}
        true_loss, calls = F.cross_entropy, []

        def cross_entropy(*given: Any) -> Any:
            calls.append(None)
            if len(calls) == wrong:
                before.update(weights(run.model))
                return true_loss(*given) * float("nan")
            return true_loss(*given)

        monkeypatch.setattr(loop.F, "cross_entropy", cross_entropy)
        with pytest.raises(TrainingError, match=rf"the loss is nan at epoch 1, step {wrong} with .*{more}"):
            run.train(look_every=look_every)
        after = weights(run.model)
        assert run.optimizer_.found_inf is None
        parameters = dict(run.model.named_parameters())
    assert all(before[name].tobytes() == after[name].tobytes() for name in parameters)


def test_wrong_labels_are_named_before_the_loss_is_called_no_number() -> None:
    with playing() as cupy:
        run = Setup(xp=cupy)
        batch = next(iter(run.loader))
        batch.labels[0, 0, 0] = 77
        before = weights(run.model)
        with pytest.raises(ArgumentError, match=r"labels as large as 77 at 1 pixels are outside \[0, 3\)"):
            train_step(run.model.train(), run.optimizer_, batch, None, "here")
        train_step(run.model, run.optimizer_, batch, None, "here", wait=False)
        after = weights_without_looking(run.model)
        parameters = dict(run.model.named_parameters())
    assert all(before[name].tobytes() == after[name].tobytes() for name in parameters)


def weights_without_looking(model: FCN) -> dict[str, np.ndarray]:
    """Through the double, as reading from the device would raise what was found there."""
    return {name: parameter.data.values.copy() for name, parameter in model.named_parameters()}


def test_the_largest_gradient_is_named(xp: ModuleType) -> None:
    run = Setup(xp=xp)
    assert loop.largest_gradient(run.model) == "the largest gradient is -1 in no parameter"
    for name, parameter in run.model.named_parameters():
        parameter.grad = on(xp, np.full(parameter.shape, -2.5 if name == "score.bias" else 0.5, np.float32))
    assert loop.largest_gradient(run.model) == "the largest gradient is 2.5 in score.bias"
