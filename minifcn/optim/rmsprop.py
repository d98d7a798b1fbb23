"""RMSprop: every weight's step is divided by how large its gradients have lately been."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from minifcn.errors import ArgumentError
from minifcn.machine.backend import Array, array_module
from minifcn.machine.kernels import Kernel, contiguous, run_on
from minifcn.optim.optimizer import Group, Optimizer, State, blocks
from minifcn.optim.settings import non_negative


class RMSprop(Optimizer):
    """g ← ∇L(w) + λ·w,   v ← α·v + (1 − α)·g²,   b ← μ·b + g / (√v + ε),   w ← w − η·b

    params         Parameters, or groups of them
    lr             η, the learning rate
    alpha          α: how much of the running mean of g² is kept
    eps            ε
    weight_decay   λ
    momentum       μ; 0 means that there is no b and the step is along g / (√v + ε)
    centered       divide by √(v − m²) + ε instead, the spread of the gradients around m ← α·m + (1 − α)·g

    Other than in Adam nothing undoes that v begins at 0, so the first steps are long: η / √(1 − α), ten times η.
    Source: Tieleman and Hinton 2012, Coursera lecture 6.5; centered: Graves 2013, section 4.2; in the form of PyTorch.
    Raises ArgumentError for negative settings and for alpha outside [0, 1].

    >>> from minifcn.tensor import Parameter
    >>> w = Parameter([1.0, 2.0])
    >>> (w * w).sum().backward()
    >>> RMSprop([w], lr=0.25, alpha=0.75).step()
    >>> w.data.tolist()
    [0.5, 1.5]
    """

    remembers = ("square_avg",)
    may_remember = ("grad_avg", "momentum_buffer")

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-2,
        alpha: float = 0.99,
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        momentum: float = 0.0,
        centered: bool = False,
    ) -> None:
        super().__init__(
            params, lr=lr, alpha=alpha, eps=eps, weight_decay=weight_decay, momentum=momentum, centered=centered
        )

    def check(self, group: Group) -> None:
        super().check(group)
        non_negative("RMSprop", group, "eps", "momentum")
        if not 0 <= group["alpha"] <= 1:
            raise ArgumentError(f"RMSprop: alpha must be between 0 and 1, got {group['alpha']}.")

    def update(self, weight: Array, grad: Array, state: State, group: Group) -> None:
        xp = array_module(weight)
        lr, alpha, eps, decay, momentum = (group[key] for key in ("lr", "alpha", "eps", "weight_decay", "momentum"))
        names = ["square_avg"] + ["grad_avg"] * group["centered"] + ["momentum_buffer"] * (momentum > 0)
        for name in names:
            if name not in state:
                state[name] = xp.zeros_like(weight)
        square = state["square_avg"]
        # What is not remembered is not touched either: something stands in its place.
        other = xp.empty(0, weight.dtype) if run_on(weight) else square
        mean, buffer = (state[name] if name in names else other for name in self.may_remember)
        if run_on(weight):
            _RMSPROP(
                weight.size, weight, square, mean, buffer, *contiguous(grad), self.stops(weight),
                lr, alpha, 1 - alpha, eps, decay, momentum, bool(group["centered"]), momentum > 0,
            )  # fmt: skip
            return
        for w, g, v, m, b in blocks(weight, grad, square, mean, buffer):
            if decay:
                g = g + decay * w
            v *= alpha
            v += (1 - alpha) * g * g
            divisor = v
            if group["centered"]:
                m += (1 - alpha) * (g - m)
                divisor = xp.maximum(v - m * m, 0)  # rounding may leave less than nothing
            step = g / (xp.sqrt(divisor) + eps)
            if momentum:
                b *= momentum
                b += step
                step = b
            w -= lr * step


_RMSPROP = Kernel(
    "rmsprop",
    """T* w, T* v, T* m, T* b, const T* grad, const bool* stop,
    T lr, T alpha, T rest, T eps, T decay, T momentum, Index centered, Index gathers""",
    """
    // One thread for each weight; everything is read once and written once, side by side.
    if (*stop) return;
    const T g = grad[i] + decay * w[i], square = alpha * v[i] + rest * g * g;
    const T mean = centered ? m[i] + rest * (g - m[i]) : T(0), spread = square - mean * mean;
    const T step = g / (sqrt(spread < T(0) ? T(0) : spread) + eps);
    const T moved = gathers ? momentum * b[i] + step : step;
    v[i] = square;
    if (centered) m[i] = mean;
    if (gathers) b[i] = moved;
    w[i] -= lr * moved;""",
)
