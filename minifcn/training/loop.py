"""The training loop.

    for every epoch:
        for every batch:
            loss = cross_entropy(model(images), labels)
            loss.backward()
            optimizer.step()

A step of the optimiser may take more than one batch, and the sum in place of the mean (`objective.py`); a part of the
network may stay as it is (`groups.py`). The rest of this file is what a long run needs: it stops when asked to and can
go on where it stopped, to the same bits, and it stops by itself, before anything is overwritten, when a loss is no
longer a number.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from minifcn import functional as F
from minifcn.data import Batch, DataLoader
from minifcn.errors import MinifcnError
from minifcn.machine.backend import Array, array_module, at_home, to_numpy
from minifcn.machine.processes import ALONE, ProcessGroup
from minifcn.machine.profiling import section, waiting
from minifcn.models import Network
from minifcn.nn import Dropout, Module, SyncBatchNorm
from minifcn.optim import LRScheduler, Optimizer
from minifcn.tensor import Tensor, as_tensor
from minifcn.training.feeding import on_device
from minifcn.training.objective import MEAN, WHOLE, Objective, Part, divide_gradients
from minifcn.training.parallel import add_gradients


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
    rates: list[float] = field(default_factory=list)  # the learning rate of each step of the current epoch


def train(
    model: Network,
    loader: DataLoader,
    optimizer: Optimizer,
    schedule: LRScheduler,
    *,
    epochs: int,
    seed: int = 0,
    state: State | None = None,
    class_weight: Tensor | None = None,
    objective: Objective = MEAN,
    resting: Sequence[Module] = (),
    after_step: Callable[[State, float, int], object] = lambda state, loss, images: None,
    after_epoch: Callable[[State], object] = lambda state: None,
    on_stop: Callable[[State], object] = lambda state: None,
    should_stop: Callable[[], bool] = lambda: False,
    look_every: float = 0.2,
    group: ProcessGroup = ALONE,
) -> State:
    """Train `model` from `state` to the end of epoch `epochs`.

    objective says what a step of the optimiser makes smaller; resting are modules that stay in eval mode. A step in the
    words of this loop is one batch, though the optimiser may move after several: the schedule counts batches, and the
    loss is always the mean over the labelled pixels of the batch.

    after_step gets the loss and the number of images; after_epoch and on_stop are the places to validate and to save.
    Every batch, shuffle and dropout mask depends on (seed, epoch, step) alone, so a resumed run repeats what an
    uninterrupted one would have done. Raises TrainingError and Interrupted.

    group: the processes that train this network together, all by this call: each has the same `model`, and a loader
    that gives its share of every batch (parallel.py). They stop after the same step, if one of them should.

    look_every: on a GPU losses are looked at, and after_step is called for each, when so many seconds have passed: to
    look at a number is to wait for it, and while the host waits it does not tell the GPU what to do next.
    """
    state = State() if state is None else state
    device = next(iter(model.parameters())).device
    read_at_once = device == "cpu" or group.size > 1

    def steps_of(batches: Iterator[Any]) -> None:
        unread, looked = Unread(optimizer), time.monotonic()
        parts = objective.parts(len(loader), class_weight, group)
        for step, (batch, images, labels) in enumerate(batches, state.step):
            reseed(model, seed, state.epoch, step, group.rank)
            where = f"epoch {state.epoch + 1}, step {step + 1}"
            moved = replace(batch, images=images, labels=labels)
            part = parts.take(step, batch.labels)
            loss = train_step(model, optimizer, moved, class_weight, where, part, wait=read_at_once, group=group)
            unread.add(loss, loader.images(step), where)
            state.rates.append(optimizer.param_groups[0]["lr"])
            schedule.step()
            state.step = step + 1
            if read_at_once or state.step == len(loader) or time.monotonic() - looked >= look_every:
                unread.read(model, state, after_step)
                looked = time.monotonic()
            if part.last and group.any(should_stop()):  # gradients of half a step are not saved
                unread.read(model, state, after_step)
                on_stop(state)
                raise Interrupted(f"stopped after epoch {state.epoch + 1}, step {state.step}.")

    try:
        while state.epoch < epochs:
            model.train()
            for module in resting:
                module.eval()
            loader.set_epoch(state.epoch)
            with closing(on_device(waiting("waiting for data", loader.batches(state.step)), device)) as batches:
                steps_of(batches)
            mean = float(np.mean(state.losses))
            made = {"epoch": state.epoch + 1, "loss": mean, "losses": state.losses, "learning_rates": state.rates}
            state.history.append(made)
            state.epoch, state.step, state.losses, state.rates = state.epoch + 1, 0, [], []
            after_epoch(state)
    finally:
        optimizer.found_inf = None
    return state


@np.errstate(over="ignore", invalid="ignore")  # what overflows is found in the loss, and said once
def train_step(
    model: Network,
    optimizer: Optimizer,
    batch: Batch,
    class_weight: Tensor | None,
    where: str,
    part: Part = WHOLE,
    *,
    wait: bool = True,
    group: ProcessGroup = ALONE,
) -> float | Array:
    """One step of gradient descent, or one `part` of it; returns the mean loss of the labelled pixels of the batch.

    A loss that is not finite raises TrainingError, and no weight is changed. With wait=False a GPU decides that itself:
    the loss is its array of one number, and from the first that is not finite on no step changes anything, until
    `optimizer.found_inf` is None again.

    In a group the batch is the share of this process, and the loss that of all; with one that is not finite all raise.
    """
    device = next(iter(model.parameters())).device
    if part.first:
        optimizer.zero_grad()
    loss = Tensor(0.0)
    # A share without images has nothing to say, but for what batch normalisation sums up over all processes.
    if group.size == 1 or len(batch) or any(isinstance(layer, SyncBatchNorm) for layer in model.modules()):
        scores = model(as_tensor(batch.images, device=device))
        loss = F.cross_entropy(scores, as_tensor(batch.labels, device=device), class_weight)
        (loss if part.factor == 1 else loss * part.factor).backward()
    value: float | Array
    if wait or device == "cpu":
        value = float(loss.item())
        if group.size > 1:
            value = float(group.all_reduce(np.array([value * part.share]))[0])
        if not math.isfinite(value):
            raise not_finite(value, where, optimizer, gradients_of(model))
    else:
        value = loss.detach().data
        with at_home(value):
            found = ~array_module(value).isfinite(value).reshape(1)
            optimizer.found_inf = found if optimizer.found_inf is None else optimizer.found_inf | found
    if part.last:
        add_gradients(optimizer, group)
        with section("the step of the optimizer"):
            divide_gradients(optimizer, part.divisor)
            optimizer.step()
    return value


def not_finite(loss: float, where: str, optimizer: Optimizer, more: str) -> TrainingError:
    return TrainingError(
        f"the loss is {loss} at {where} with learning rate {optimizer.param_groups[0]['lr']:.3g}; {more}; "
        f"lower the learning rate. No weights were overwritten."
    )


class Unread:
    """Losses of steps that nobody has looked at yet."""

    def __init__(self, optimizer: Optimizer) -> None:
        self.optimizer = optimizer
        self.steps: list[tuple[float | Array, int, str]] = []

    def add(self, loss: float | Array, images: int, where: str) -> None:
        self.steps.append((loss, images, where))

    def read(self, model: Network, state: State, after_step: Callable[[State, float, int], object]) -> None:
        """Put the losses into the state, in one transfer; TrainingError at the first that is not finite."""
        steps, self.steps = self.steps, []
        losses = [loss for loss, _, _ in steps]
        if losses and not isinstance(losses[0], float):
            with at_home(losses[0]):
                losses = to_numpy(array_module(losses[0]).stack(losses)).tolist()
        for number, (loss, (_, images, where)) in enumerate(zip(losses, steps, strict=True), 1):
            if not math.isfinite(loss):
                after = len(steps) - number  # they have written over its gradients
                more = f"the {after} steps after it changed nothing" if after else gradients_of(model)
                raise not_finite(float(loss), where, self.optimizer, more)
            state.losses.append(float(loss))
            after_step(state, float(loss), images)


def gradients_of(model: Network) -> str:
    """The largest gradient and the norm of all, in words."""
    squares = 0.0
    for parameter in model.parameters():
        if parameter.grad is not None:
            grad = parameter.grad._array
            with at_home(grad):
                squares += float((grad.astype(np.float64) ** 2).sum())
    return f"{largest_gradient(model)}, and the norm of the whole gradient is {math.sqrt(squares):.3g}"


def largest_gradient(model: Network) -> str:
    """The parameter with the largest gradient, in words."""
    worst, name_of_worst = -1.0, "no parameter"
    for name, parameter in model.named_parameters():
        if parameter.grad is None or not parameter.numel():
            continue
        grad = parameter.grad._array
        with at_home(grad):
            size = float(array_module(grad).abs(grad).max())
        if math.isnan(size):
            return f"the largest gradient is {size} in {name}"
        if size > worst:
            worst, name_of_worst = size, name
    return f"the largest gradient is {worst:.3g} in {name_of_worst}"


def reseed(model: Network, seed: int, epoch: int, step: int, rank: int = 0) -> None:
    """Give every dropout layer the generator of this step, so that its mask can be made again after an interruption.

    Each process of a group, by its rank, has masks of its own.
    """
    layers = [module for module in model.modules() if isinstance(module, Dropout)]
    for position, layer in enumerate(layers):
        layer.generator = np.random.default_rng((seed, epoch, step, position, *([rank] if rank else [])))
