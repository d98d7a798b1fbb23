"""MyGrad, automatic differentiation for NumPy arrays: windows as a view, one tensordot, gradients window by window."""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.contender import Contender, Step
from benchmarks.ours import named
from benchmarks.works import ConvolutionJob, Job, Layer

NAME, INSTALL, PATCH = "MyGrad", "pip install mygrad", ""
NEEDS: tuple[str, ...] = ("mygrad",)


def load() -> Any:
    import mygrad
    import mygrad.nnet.layers

    return mygrad


def variants(job: Job) -> list[str]:
    return [NAME] if isinstance(job, ConvolutionJob) and not job.reading else []


def build(job: Job, variant: str, threads: int) -> Contender:
    if not isinstance(job, ConvolutionJob):
        raise TypeError(f"{variant} does convolutions, not {type(job).__name__}.")
    mygrad = load()
    conv = mygrad.nnet.layers.conv_nd

    def forward(layer: Layer) -> Step:
        x, w = mygrad.tensor(layer.x, constant=True), mygrad.tensor(layer.w, constant=True)

        def run(_: Any) -> Any:
            with mygrad.no_autodiff:
                return conv(x, w, stride=1, padding=1)

        return Step(run)

    def gradients(layer: Layer) -> Step:
        def before() -> Any:  # its graph is gone after one backward
            x, w = mygrad.tensor(layer.x), mygrad.tensor(layer.w)
            return x, w, conv(x, w, stride=1, padding=1)

        def run(given: Any) -> Any:
            x, w, y = given
            y.backward(layer.y)
            return x.grad, w.grad

        return Step(run, before)

    def arrays(made: list[Any]) -> dict[str, np.ndarray]:
        return named(job, made if job.gradients else [y.data for y in made])

    steps = [(gradients if job.gradients else forward)(layer) for layer in job.layers]
    return Contender(NAME, steps, arrays, (threads,))
