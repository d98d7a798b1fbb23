"""Stochastic gradient descent: plain, with momentum, with Nesterov's momentum."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from minifcn.backend import Array, array_module
from minifcn.errors import ArgumentError
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
