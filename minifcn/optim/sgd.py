"""Stochastic gradient descent: plain, with momentum, with Nesterov's momentum."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from minifcn.errors import ArgumentError
from minifcn.machine.backend import Array, array_module
from minifcn.machine.kernels import Kernel, contiguous, run_on
from minifcn.optim.optimizer import Group, Optimizer, State, blocks
from minifcn.optim.settings import non_negative


class SGD(Optimizer):
    """g ← ∇L(w) + λ·w,   v ← μ·v + (1 − τ)·g,   w ← w − η·v   (Nesterov: w ← w − η·(g + μ·v))

    params         Parameters, or groups of them
    lr             η, the learning rate
    momentum       μ; 0 means that there is no v and the step is along g
    dampening      τ; the first step takes v = g all the same
    weight_decay   λ
    nesterov       look ahead along v; needs momentum > 0 and dampening 0

    Source: Sutskever et al. 2013, "On the importance of initialization and momentum in deep learning", in the form
    of PyTorch: η multiplies v when it is used, not when it is gathered (as in Caffe), which is the same while η stays.
    Raises ArgumentError for negative settings and for nesterov without momentum.

    >>> from minifcn.tensor import Parameter
    >>> w = Parameter([1.0, 2.0])
    >>> (w * w).sum().backward()
    >>> SGD([w], lr=0.25).step()
    >>> w.data.tolist()
    [0.5, 1.0]
    """

    remembers = ("momentum_buffer",)

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-3,
        momentum: float = 0.0,
        dampening: float = 0.0,
        weight_decay: float = 0.0,
        nesterov: bool = False,
    ) -> None:
        super().__init__(
            params, lr=lr, momentum=momentum, dampening=dampening, weight_decay=weight_decay, nesterov=nesterov
        )

    def check(self, group: Group) -> None:
        super().check(group)
        non_negative("SGD", group, "momentum")
        if group["nesterov"] and (group["momentum"] <= 0 or group["dampening"] != 0):
            raise ArgumentError(
                f"SGD: nesterov needs momentum > 0 and dampening 0, got momentum {group['momentum']} "
                f"and dampening {group['dampening']}."
            )

    def update(self, weight: Array, grad: Array, state: State, group: Group) -> None:
        lr, momentum, decay = group["lr"], group["momentum"], group["weight_decay"]
        if run_on(weight):
            self._on_gpu(weight, grad, state, group)
            return
        if not momentum:
            for w, g in blocks(weight, grad):
                w -= lr * (g + decay * w if decay else g)
            return
        fresh = 1.0 - group["dampening"]
        if "momentum_buffer" not in state:
            state["momentum_buffer"], fresh = array_module(weight).zeros_like(weight), 1.0
        for w, g, v in blocks(weight, grad, state["momentum_buffer"]):
            if decay:
                g = g + decay * w
            v *= momentum
            v += g if fresh == 1 else fresh * g
            w -= lr * (g + momentum * v if group["nesterov"] else v)

    def _on_gpu(self, weight: Array, grad: Array, state: State, group: Group) -> None:
        settings = (group[name] for name in ("lr", "momentum", "weight_decay"))
        (grad,), stop, fresh = contiguous(grad), self.stops(weight), 1.0 - group["dampening"]
        if not group["momentum"]:
            _SGD(weight.size, weight, grad, stop, group["lr"], group["weight_decay"])
            return
        if "momentum_buffer" not in state:
            state["momentum_buffer"], fresh = array_module(weight).zeros_like(weight), 1.0
        _SGD_MOMENTUM(
            weight.size, weight, state["momentum_buffer"], grad, stop, *settings, fresh, bool(group["nesterov"])
        )


_SGD = Kernel(
    "sgd",
    "T* w, const T* grad, const bool* stop, T lr, T decay",
    """
    // One thread for each weight; everything is read once and written once, side by side.
    if (*stop) return;
    w[i] -= lr * (grad[i] + decay * w[i]);""",
)

_SGD_MOMENTUM = Kernel(
    "sgd_momentum",
    "T* w, T* v, const T* grad, const bool* stop, T lr, T momentum, T decay, T fresh, Index nesterov",
    """
    // One thread for each weight; everything is read once and written once, side by side.
    if (*stop) return;
    const T g = grad[i] + decay * w[i];
    const T velocity = momentum * v[i] + fresh * g;
    v[i] = velocity;
    w[i] -= lr * (nesterov ? g + momentum * velocity : velocity);""",
)
