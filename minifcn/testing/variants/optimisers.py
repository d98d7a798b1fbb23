"""SGD, Adam and RMSprop computed in other ways than minifcn does."""

from __future__ import annotations

from fractions import Fraction
from math import sqrt
from typing import Any

import numpy as np

from minifcn.testing.version import variant


@variant("sgd")
def in_fractions(weight: Any, gradients: Any, lr: float, momentum: float = 0.0, dampening: float = 0.0,
                 weight_decay: float = 0.0, nesterov: bool = False) -> Any:  # fmt: skip
    """Element by element in exact fractions, rounded only for the result."""
    rate, mu, less, decay = (Fraction(number) for number in (lr, momentum, 1 - dampening, weight_decay))
    path = [np.zeros_like(weight, order="C") for _ in gradients]
    for at in np.ndindex(*weight.shape):
        w, buffer = Fraction(float(weight[at])), Fraction(0)
        for t, gradient in enumerate(gradients):
            g = Fraction(float(gradient[at])) + decay * w
            buffer = mu * buffer + (less * g if t and mu else g)
            w -= rate * (g + mu * buffer if nesterov else buffer)
            path[t][at] = float(w)
    return path


@variant("sgd")
def by_powers_of_a_matrix(weight: Any, gradients: Any, lr: float, momentum: float = 0.0, dampening: float = 0.0,
                          weight_decay: float = 0.0, nesterov: bool = False) -> Any:  # fmt: skip
    """Weight and buffer are one vector, and a step is a 2x2 matrix times it plus the gradient's share."""
    state, path = np.stack([weight, np.zeros_like(weight)]).astype(float), []
    for t, gradient in enumerate(gradients):
        less = 1 - dampening if t and momentum else 1.0
        # b ← μ·b + less·(g + λ·w), w ← w − lr·(b, or g + λ·w + μ·b)
        to_buffer = np.array([less * weight_decay, momentum])
        ahead = np.array([weight_decay, 0]) + momentum * to_buffer if nesterov else to_buffer
        own = 1 + momentum * less if nesterov else less
        matrix = np.stack([np.array([1, 0]) - lr * ahead, to_buffer])
        push = np.stack([-lr * own * gradient, less * gradient])
        state = np.tensordot(matrix, state, 1) + push
        path.append(state[0].astype(weight.dtype))
    return path


@variant("adam")
def element_by_element(weight: Any, gradients: Any, lr: float, betas: tuple[float, float] = (0.9, 0.999),
                       eps: float = 1e-8, weight_decay: float = 0.0) -> Any:  # fmt: skip
    """Element by element with Python's own numbers."""
    path = [np.zeros_like(weight, order="C") for _ in gradients]
    for at in np.ndindex(*weight.shape):
        w, m, v = float(weight[at]), 0.0, 0.0
        for t, gradient in enumerate(gradients):
            g = float(gradient[at]) + weight_decay * w
            m = betas[0] * m + (1 - betas[0]) * g
            v = betas[1] * v + (1 - betas[1]) * g * g
            w -= lr * (m / (1 - betas[0] ** (t + 1))) / (sqrt(v / (1 - betas[1] ** (t + 1))) + eps)
            path[t][at] = w
    return path


@variant("adam")
def as_weighted_means_of_the_past(weight: Any, gradients: Any, lr: float, betas: tuple[float, float] = (0.9, 0.999),
                                  eps: float = 1e-8, weight_decay: float = 0.0) -> Any:  # fmt: skip
    """Without running means: every step averages all gradients so far anew, an older one β times less for each step."""
    w, seen, path = weight.astype(float), [], []
    for gradient in gradients:
        seen.append(gradient + weight_decay * w)
        ages = np.arange(len(seen))[::-1]
        mean, square = (
            np.average(np.stack(values), 0, weights=float(beta) ** ages)
            for beta, values in ((betas[0], seen), (betas[1], [g * g for g in seen]))
        )
        w = w - lr * mean / (np.sqrt(square) + eps)
        path.append(w.astype(weight.dtype))
    return path


@variant("rmsprop")
def from_all_the_past(weight: Any, gradients: Any, lr: float, alpha: float = 0.99, eps: float = 1e-8,
                      weight_decay: float = 0.0, momentum: float = 0.0, centered: bool = False) -> Any:  # fmt: skip
    """Without running means and buffers: every step sums all gradients and all divided steps so far anew."""
    w, seen, divided, path = weight.astype(float), [], [], []
    for gradient in gradients:
        seen.append(gradient + weight_decay * w)
        ages = np.arange(len(seen))[::-1]
        shares = (1 - alpha) * np.array([float(alpha) ** int(age) for age in ages])
        square, mean = (np.tensordot(shares, np.stack(values), 1) for values in ([g * g for g in seen], seen))
        divided.append(seen[-1] / (np.sqrt(np.maximum(square - mean * mean, 0) if centered else square) + eps))
        kept = np.array([float(momentum) ** int(age) for age in ages])
        w = w - lr * np.tensordot(kept, np.stack(divided), 1)
        path.append(w.astype(weight.dtype))
    return path
