"""Adam and AdamW: every weight moves by about the learning rate, whatever the size of its gradient."""

from __future__ import annotations

from collections.abc import Iterable
from math import sqrt
from typing import Any, ClassVar

from minifcn.errors import ArgumentError
from minifcn.machine.backend import Array, array_module
from minifcn.machine.kernels import Kernel, contiguous, run_on
from minifcn.optim.optimizer import Group, Optimizer, State, blocks
from minifcn.optim.settings import non_negative


class Adam(Optimizer):
    """m ← β₁·m + (1 − β₁)·g,   v ← β₂·v + (1 − β₂)·g²,   w ← w − η · (m / (1 − β₁ᵗ)) / (√(v / (1 − β₂ᵗ)) + ε)

    params         Parameters, or groups of them
    lr             η, the learning rate
    betas          (β₁, β₂): how much of the running means of g and of g² is kept
    eps            ε
    weight_decay   λ; g ← ∇L(w) + λ·w before all else (a penalty in the loss; see AdamW for the other way)

    t counts this parameter's steps from 1; dividing by 1 − βᵗ undoes that m and v begin at 0.
    Source: Kingma and Ba 2015, algorithm 1.
    Raises ArgumentError for negative settings and for betas outside [0, 1).

    >>> from minifcn.tensor import Parameter
    >>> w = Parameter([1.0, 2.0])
    >>> (w * w).sum().backward()
    >>> Adam([w], lr=0.25).step()
    >>> w.data.tolist()
    [0.75, 1.75]
    """

    remembers = ("step", "exp_avg", "exp_avg_sq")
    decoupled: ClassVar[bool] = False

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
    ) -> None:
        super().__init__(params, lr=lr, betas=betas, eps=eps, weight_decay=weight_decay)

    def check(self, group: Group) -> None:
        super().check(group)
        non_negative(self._name, group, "eps")
        for index, beta in enumerate(group["betas"]):
            if not 0 <= beta < 1:
                raise ArgumentError(f"{self._name}: betas[{index}] must be at least 0 and below 1, got {beta}.")

    def update(self, weight: Array, grad: Array, state: State, group: Group) -> None:
        xp = array_module(weight)
        lr, (beta1, beta2), eps, decay = group["lr"], group["betas"], group["eps"], group["weight_decay"]
        if not state:
            state |= {"step": 0, "exp_avg": xp.zeros_like(weight), "exp_avg_sq": xp.zeros_like(weight)}
        state["step"] += 1
        # The corrections are numbers, taken out of the arrays: η/(1 − β₁ᵗ) and √(1 − β₂ᵗ).
        rate, root = lr / (1 - beta1 ** state["step"]), sqrt(1 - beta2 ** state["step"])
        if run_on(weight):
            pull = lr * decay if self.decoupled else decay
            _ADAM(
                weight.size, weight, state["exp_avg"], state["exp_avg_sq"], *contiguous(grad), self.stops(weight),
                rate, beta2, 1 - beta1, 1 - beta2, root, eps, pull, self.decoupled,
            )  # fmt: skip
            return
        for w, g, m, v in blocks(weight, grad, state["exp_avg"], state["exp_avg_sq"]):
            if decay and self.decoupled:
                w *= 1 - lr * decay
            elif decay:
                g = g + decay * w
            m += (1 - beta1) * (g - m)
            v *= beta2
            v += (1 - beta2) * g * g
            denominator = xp.sqrt(v)
            denominator /= root
            denominator += eps
            w -= rate * m / denominator


_ADAM = Kernel(
    "adam",
    """T* w, T* m, T* v, const T* grad, const bool* stop,
    T rate, T beta2, T rest1, T rest2, T root, T eps, T pull, Index decoupled""",
    """
    // One thread for each weight; everything is read once and written once, side by side.
    if (*stop) return;
    const T kept = decoupled ? w[i] - pull * w[i] : w[i], g = decoupled ? grad[i] : grad[i] + pull * w[i];
    const T mean = m[i] + rest1 * (g - m[i]), square = beta2 * v[i] + rest2 * g * g;
    m[i] = mean;
    v[i] = square;
    w[i] = kept - rate * mean / (sqrt(square) / root + eps);""",
)


class AdamW(Adam):
    """Adam with decoupled weight decay: w ← w − η·λ·w first, and λ leaves g, m and v alone.

    Arguments and errors as for `Adam`; weight_decay is 0.01 unless given.
    Source: Loshchilov and Hutter 2019, algorithm 2 with the learning rate as the schedule multiplier.

    >>> from minifcn.tensor import Parameter
    >>> w = Parameter([1.0, 2.0])
    >>> (w * w).sum().backward()
    >>> AdamW([w], lr=0.25, weight_decay=1.0).step()
    >>> w.data.tolist()
    [0.5, 1.25]
    """

    decoupled = True

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 1e-2,
    ) -> None:
        super().__init__(params, lr, betas, eps, weight_decay)
