"""DeZero, another library from scratch on NumPy: im2col over the whole image."""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.contender import Contender, Step
from benchmarks.ours import named
from benchmarks.works import ConvolutionJob, Job, Layer

NAME, INSTALL = "DeZero", "pip install dezero"
NEEDS: tuple[str, ...] = ("dezero",)
GONE = "int"
PATCH = f"numpy.{GONE}, gone since NumPy 1.24, is put back while it is imported"


def load() -> Any:
    patched = not hasattr(np, GONE)
    if patched:
        setattr(np, GONE, int)
    try:
        import dezero
        import dezero.functions_conv
    finally:
        if patched:
            delattr(np, GONE)
    return dezero


def variants(job: Job) -> list[str]:
    return [NAME] if isinstance(job, ConvolutionJob) and not job.reading else []


def build(job: Job, variant: str, threads: int) -> Contender:
    if not isinstance(job, ConvolutionJob):
        raise TypeError(f"{variant} does convolutions, not {type(job).__name__}.")
    dezero = load()
    conv = dezero.functions_conv.conv2d

    def forward(layer: Layer) -> Step:
        x, w = dezero.Variable(layer.x), dezero.Variable(layer.w)

        def run(_: Any) -> Any:
            with dezero.no_grad():
                return conv(x, w, None, 1, 1)

        return Step(run)

    def gradients(layer: Layer) -> Step:
        def before() -> Any:
            x, w = dezero.Variable(layer.x), dezero.Variable(layer.w)
            y = conv(x, w, None, 1, 1)
            y.grad = dezero.Variable(layer.y)
            return x, w, y

        def run(given: Any) -> Any:
            x, w, y = given
            y.backward()
            return x.grad, w.grad

        return Step(run, before)

    def arrays(made: list[Any]) -> dict[str, np.ndarray]:
        return named(job, [tuple(one.data for one in pair) if job.gradients else pair.data for pair in made])

    steps = [(gradients if job.gradients else forward)(layer) for layer in job.layers]
    return Contender(NAME, steps, arrays, (threads,))
