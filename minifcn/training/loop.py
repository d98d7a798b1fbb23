"""The training loop.

    for every epoch:
        for every batch:
            loss = cross_entropy(model(images), labels)
            loss.backward()
            optimizer.step()

The rest of this file is what a long run needs: it stops when asked to and can go on where it stopped, to the same bits,
and it stops by itself, before anything is overwritten, when a loss is no longer a number.
"""

from __future__ import annotations

import math
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from minifcn import functional as F
from minifcn.autograd import section, waiting
from minifcn.backend import array_module
from minifcn.data import Batch, DataLoader
from minifcn.errors import MinifcnError
from minifcn.models import FCN
from minifcn.nn import Dropout
from minifcn.tensor import as_tensor


class TrainingError(MinifcnError, ArithmeticError):
    """The loss or a weight is no longer a finite number."""


class Interrupted(MinifcnError, KeyboardInterrupt):
    """The user asked to stop; everything has been saved."""


@dataclass
class State:
    """How far a run has come: finished epochs, finished steps of the current one, and what was measured."""

    epoch: int = 0
    step: int = 0
    losses: list[float] = field(default_factory=list)  # of the current epoch, one per step
    history: list[dict[str, Any]] = field(default_factory=list)  # one entry per epoch
    best: float = -1.0


def train(
    model: FCN,
    loader: DataLoader,
    optimizer: Any,
    schedule: Any,
    *,
    epochs: int,
    seed: int = 0,
    state: State | None = None,
    class_weight: Any = None,
    after_step: Callable[[State, float, int], object] = lambda state, loss, images: None,
    after_epoch: Callable[[State], object] = lambda state: None,
    on_stop: Callable[[State], object] = lambda state: None,
    should_stop: Callable[[], bool] = lambda: False,
) -> State:
    """Train `model` from `state` to the end of epoch `epochs`.

    after_step gets the loss and the number of images; after_epoch and on_stop are the places to validate and to save.
    Every batch, shuffle and dropout mask depends on (seed, epoch, step) alone, so a resumed run repeats what an
    uninterrupted one would have done. Raises TrainingError and Interrupted.
    """
    state = State() if state is None else state
    while state.epoch < epochs:
        model.train()
        loader.set_epoch(state.epoch)
        for step, batch in enumerate(waiting("waiting for data", loader.batches(state.step)), state.step):
            reseed(model, seed, state.epoch, step)
            loss = train_step(model, optimizer, batch, class_weight, f"epoch {state.epoch + 1}, step {step + 1}")
            schedule.step()
            state.step = step + 1
            state.losses.append(loss)
            after_step(state, loss, len(batch.images))
            if should_stop():
                on_stop(state)
                raise Interrupted(f"stopped after epoch {state.epoch + 1}, step {state.step}.")
        state.history.append({"epoch": state.epoch + 1, "loss": float(np.mean(state.losses)), "losses": state.losses})
        state.epoch, state.step, state.losses = state.epoch + 1, 0, []
        after_epoch(state)
    return state


@np.errstate(over="ignore", invalid="ignore")  # what overflows is found in the loss, and said once
def train_step(model: FCN, optimizer: Any, batch: Batch, class_weight: Any, where: str) -> float:
    """One step of gradient descent; returns the loss, the mean over the labelled pixels of the batch."""
    device = next(iter(model.parameters())).device
    scores = model(as_tensor(batch.images, device=device))
    loss = F.cross_entropy(scores, as_tensor(batch.labels, device=device), class_weight)
    optimizer.zero_grad()
    loss.backward()
    value = float(loss.item())
    if not math.isfinite(value):
        raise TrainingError(
            f"the loss is {value} at {where} with learning rate {optimizer.param_groups[0]['lr']:.3g}; "
            f"{largest_gradient(model)}; lower the learning rate. No weights were overwritten."
        )
    with section("the step of the optimizer"):
        optimizer.step()
    return value


def largest_gradient(model: FCN) -> str:
    """The parameter with the largest gradient, in words."""
    worst, name_of_worst = -1.0, "no parameter"
    for name, parameter in model.named_parameters():
        if parameter.grad is None or not parameter.size:
            continue
        size = float(array_module(parameter.grad._array).abs(parameter.grad._array).max())
        if math.isnan(size):
            return f"the largest gradient is {size} in {name}"
        if size > worst:
            worst, name_of_worst = size, name
    return f"the largest gradient is {worst:.3g} in {name_of_worst}"


def reseed(model: FCN, seed: int, epoch: int, step: int) -> None:
    """Give every dropout layer the generator of this step, so that its mask can be made again after an interruption."""
    layers = [module for module in model.modules() if isinstance(module, Dropout)]
    for position, layer in enumerate(layers):
        layer.generator = np.random.default_rng((seed, epoch, step, position))


@contextmanager
def stop_on_interrupt() -> Iterator[Callable[[], bool]]:
    """Turns the first Ctrl-C into a question (`should_stop`), so that a step is never cut in two; a second one kills.

    Signals belong to the main thread; in another one nothing is changed and the answer is always no.
    """
    asked = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield asked.is_set
        return

    def handler(number: int, frame: object) -> None:
        if asked.is_set():
            raise KeyboardInterrupt
        asked.set()

    before = signal.signal(signal.SIGINT, handler)
    try:
        yield asked.is_set
    finally:
        signal.signal(signal.SIGINT, before)
