"""What is written to be read: minifcn's loops and explicit matrix on a tiny size, and im2col over the whole image.

The whole-image im2col is the one of most textbooks: all columns at once, one product. It is here to show what the
blocks of minifcn's own are good for.
"""

from __future__ import annotations

from typing import Any

import numpy as np

import minifcn
import minifcn.functional as F
from benchmarks.contender import Contender, Step
from benchmarks.ours import named
from benchmarks.works import ConvolutionJob, Job, Layer

NAME, INSTALL, PATCH = "teaching baselines", "part of this repository", ""
NEEDS: tuple[str, ...] = ()
NAIVE = "im2col, whole image"


def load() -> Any:
    return minifcn


def variants(job: Job) -> list[str]:
    if not isinstance(job, ConvolutionJob):
        return []
    return ["loops", "matrix", NAIVE] if job.reading else [NAIVE]


def build(job: Job, variant: str, threads: int) -> Contender:
    if not isinstance(job, ConvolutionJob):
        raise TypeError(f"{variant} does convolutions, not {type(job).__name__}.")
    make = naive(job) if variant == NAIVE else by_algorithm(variant)
    steps = [make(layer) for layer in job.layers]
    return Contender(variant, steps, lambda made: named(job, made), (threads,), minifcn.set_num_threads)


def by_algorithm(name: str) -> Any:
    def step(layer: Layer) -> Step:
        x, w = minifcn.Tensor(layer.x), minifcn.Tensor(layer.w)

        def run(_: Any) -> np.ndarray:
            with minifcn.use_algorithm(name):
                return F.conv2d(x, w, padding=1).numpy()

        return Step(run)

    return step


def naive(job: ConvolutionJob) -> Any:
    def gradients(layer: Layer) -> tuple[np.ndarray, np.ndarray]:
        O, C = layer.w.shape[:2]
        H, W = layer.x.shape[2:]
        y = layer.y.reshape(O, H * W)
        weight = y @ columns(layer.x).T  # (O, H·W) @ (H·W, C·9)
        stamps = (layer.w.reshape(O, C * 9).T @ y).reshape(C, 3, 3, H, W)
        padded = np.zeros((C, H + 2, W + 2), np.float32)
        for k in range(3):
            for l in range(3):
                padded[:, k : k + H, l : l + W] += stamps[:, k, l]
        return padded[None, :, 1:-1, 1:-1], weight.reshape(layer.w.shape)

    def forward(layer: Layer) -> np.ndarray:
        return (layer.w.reshape(len(layer.w), -1) @ columns(layer.x)).reshape(layer.y.shape)

    function = gradients if job.gradients else forward
    return lambda layer: Step(lambda _: function(layer))


def columns(x: np.ndarray) -> np.ndarray:
    """x (1, C, H, W) -> (C·9, H·W), padding 1."""
    _, C, H, W = x.shape
    padded = np.pad(x[0], ((0, 0), (1, 1), (1, 1)))
    made = np.empty((C, 3, 3, H, W), x.dtype)
    for k in range(3):
        for l in range(3):
            made[:, k, l] = padded[:, k : k + H, l : l + W]
    return made.reshape(C * 9, H * W)
