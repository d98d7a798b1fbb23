"""JAX: every layer compiled by XLA, which takes all threads of the process."""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.contender import Contender, Step
from benchmarks.ours import named
from benchmarks.works import ConvolutionJob, Job, Layer

NAME, INSTALL, PATCH = "JAX", "pip install jax", ""
NEEDS: tuple[str, ...] = ("jax", "jaxlib")
VARIANT = "JAX jit"


def load() -> Any:
    import jax

    return jax


def variants(job: Job) -> list[str]:
    return [VARIANT] if isinstance(job, ConvolutionJob) and not job.reading else []


def build(job: Job, variant: str, threads: int) -> Contender:
    if not isinstance(job, ConvolutionJob):
        raise TypeError(f"{variant} does convolutions, not {type(job).__name__}.")
    jax = load()

    def conv(x: Any, w: Any) -> Any:
        return jax.lax.conv_general_dilated(x, w, (1, 1), [(1, 1), (1, 1)])

    # The convolution itself does not enter its gradients, so the compiler drops it.
    forward, gradients = jax.jit(conv), jax.jit(lambda x, w, y: jax.vjp(conv, x, w)[1](y))

    def step(layer: Layer) -> Step:
        x, w, y = (jax.device_put(values) for values in (layer.x, layer.w, layer.y))
        if job.gradients:
            return Step(lambda _: jax.block_until_ready(gradients(x, w, y)))
        return Step(lambda _: jax.block_until_ready(forward(x, w)))

    def arrays(made: list[Any]) -> dict[str, np.ndarray]:
        return named(job, [tuple(map(np.asarray, one)) if job.gradients else np.asarray(one) for one in made])

    return Contender(VARIANT, [step(layer) for layer in job.layers], arrays, (threads,))
