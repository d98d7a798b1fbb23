"""Learning-rate schedules: η(t) in closed form, so a training is resumed by setting `last_epoch`.

t counts calls of `step`, whatever the caller takes for an epoch: a pass over the data, or one iteration.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from math import cos, pi

from minifcn.arguments import integer, number
from minifcn.errors import ArgumentTypeError
from minifcn.optim.optimizer import Optimizer


class LRScheduler(ABC):
    """Sets `lr` of every group to η(t), where η₀ is the group's lr when its first schedule was made.

    η₀ is kept in the group as "initial_lr", and saved with the optimiser. Call `optimizer.step()`, then
    `schedule.step()`; the constructor sets η(0) already.
    """

    def __init__(self, optimizer: Optimizer) -> None:
        if not isinstance(optimizer, Optimizer):
            raise ArgumentTypeError(f"{self._name}: optimizer must be an Optimizer, got {type(optimizer).__name__}.")
        self.optimizer = optimizer
        self.last_epoch = 0

    @abstractmethod
    def lr_at(self, epoch: int, base_lr: float) -> float:
        """η(t) for t = epoch and η₀ = base_lr."""

    @property
    def last_epoch(self) -> int:
        """t. Setting it sets the learning rates too."""
        return self._last_epoch

    @last_epoch.setter
    def last_epoch(self, epoch: int) -> None:
        self._last_epoch = integer(epoch, f"{self._name}: last_epoch", 0)
        for group in self.optimizer.param_groups:
            group.setdefault("initial_lr", group["lr"])
            group["lr"] = self.lr_at(self._last_epoch, group["initial_lr"])

    @property
    def base_lrs(self) -> list[float]:
        """η₀ of every group."""
        return [group["initial_lr"] for group in self.optimizer.param_groups]

    def step(self) -> None:
        """t ← t + 1."""
        self.last_epoch += 1

    def get_last_lr(self) -> list[float]:
        """The learning rate of every group as it is now."""
        return [group["lr"] for group in self.optimizer.param_groups]

    def __repr__(self) -> str:
        """StepLR(step_size=30, gamma=0.1, last_epoch=2, lr=[0.5]): the settings, t, and the rates of the groups."""
        settings = {key: value for key, value in vars(self).items() if key not in ("optimizer", "_last_epoch")}
        shown = settings | {"last_epoch": self.last_epoch, "lr": self.get_last_lr()}
        return f"{self._name}({', '.join(f'{key}={value}' for key, value in shown.items())})"

    @property
    def _name(self) -> str:
        return type(self).__name__


class StepLR(LRScheduler):
    """η(t) = η₀ · γ^⌊t / step_size⌋: a factor `gamma` every `step_size` steps.

    Raises ArgumentError for step_size < 1.
    """

    def __init__(self, optimizer: Optimizer, step_size: int, gamma: float = 0.1) -> None:
        self.step_size = integer(step_size, "StepLR: step_size", 1)
        self.gamma = number(gamma, "StepLR: gamma")
        super().__init__(optimizer)

    def lr_at(self, epoch: int, base_lr: float) -> float:
        return base_lr * self.gamma ** (epoch // self.step_size)


class PolynomialLR(LRScheduler):
    """η(t) = η₀ · (1 − min(t, T) / T)^power with T = total_iters; "poly", as segmentation networks are often trained.

    Source: Chen et al. 2018, DeepLab, section 4.1 (power 0.9). Raises ArgumentError for T < 1 or power < 0.
    """

    def __init__(self, optimizer: Optimizer, total_iters: int = 5, power: float = 1.0) -> None:
        self.total_iters = integer(total_iters, "PolynomialLR: total_iters", 1)
        self.power = number(power, "PolynomialLR: power", 0)
        super().__init__(optimizer)

    def lr_at(self, epoch: int, base_lr: float) -> float:
        left: float = 1 - min(epoch, self.total_iters) / self.total_iters
        return base_lr * float(left**self.power)


class CosineAnnealingLR(LRScheduler):
    """η(t) = η_min + (η₀ − η_min) · (1 + cos(π · t / T_max)) / 2; after T_max it rises again, as in PyTorch.

    Source: Loshchilov and Hutter 2017, equation 5, one period. Raises ArgumentError for T_max < 1 or eta_min < 0.
    """

    def __init__(self, optimizer: Optimizer, T_max: int, eta_min: float = 0.0) -> None:
        self.T_max = integer(T_max, "CosineAnnealingLR: T_max", 1)
        self.eta_min = number(eta_min, "CosineAnnealingLR: eta_min", 0)
        super().__init__(optimizer)

    def lr_at(self, epoch: int, base_lr: float) -> float:
        return self.eta_min + (base_lr - self.eta_min) * (1 + cos(pi * epoch / self.T_max)) / 2


class LinearWarmup(LRScheduler):
    """η(t) = η_after(t) · min(1, (t + 1) / T): the rates of another schedule, reached in T = total_iters equal parts.

    after: the schedule to warm up, which is then stepped no more by itself. Its t is not shifted.
    Source: Goyal et al. 2017, section 2.2. Raises ArgumentError for T < 1.
    """

    def __init__(self, after: LRScheduler, total_iters: int = 5) -> None:
        if not isinstance(after, LRScheduler):
            raise ArgumentTypeError(f"LinearWarmup: after must be a schedule, got {type(after).__name__}.")
        self.after = after
        self.total_iters = integer(total_iters, "LinearWarmup: total_iters", 1)
        super().__init__(after.optimizer)

    def lr_at(self, epoch: int, base_lr: float) -> float:
        return self.after.lr_at(epoch, base_lr) * min(1.0, (epoch + 1) / self.total_iters)
