"""minifcn's side, and the float64 reference, which is the same steps with im2col in float64."""

from __future__ import annotations

from typing import Any

import numpy as np

import minifcn
import minifcn.functional as F
from benchmarks.contender import Arrays, Contender, Step
from benchmarks.works import ConvolutionJob, Job, Layer, NetworkJob, learned, training_step
from minifcn import Tensor, optim
from minifcn.machine.profiling import section

OPTIMIZERS = {"sgd": optim.SGD, "adamw": optim.AdamW}


def build(job: Job, threads: int, dtype: Any = np.float32) -> Contender:
    steps, arrays = convolutions(job, dtype) if isinstance(job, ConvolutionJob) else network(job, dtype)
    return Contender("minifcn", steps, arrays, tuple(sorted({1, threads})), minifcn.set_num_threads)


def reference(job: Job, threads: int) -> Arrays:
    """What every contender should find."""
    contender = build(job, threads, np.float64)
    contender.use(threads)
    with minifcn.use_algorithm("im2col"):
        return job.comparable(contender.arrays([step.run(step.before()) for step in contender.steps]))


def convolutions(job: ConvolutionJob, dtype: Any) -> tuple[list[Step], Any]:
    def forward(layer: Layer) -> Step:
        x, w = Tensor(layer.x.astype(dtype)), Tensor(layer.w.astype(dtype))
        return Step(lambda _: F.conv2d(x, w, padding=1))

    def gradients(layer: Layer) -> Step:
        x, w = (Tensor(values.astype(dtype), requires_grad=True) for values in (layer.x, layer.w))
        cotangent = Tensor(layer.y.astype(dtype))
        return Step(lambda y: minifcn.grad(y, (x, w), cotangent), lambda: F.conv2d(x, w, padding=1))

    def arrays(made: list[Any]) -> Arrays:
        if not job.gradients:
            return named(job, [y.numpy() for y in made])
        return named(job, [tuple(value.numpy() for value in pair) for pair in made])

    return [(gradients if job.gradients else forward)(layer) for layer in job.layers], arrays


def named(job: ConvolutionJob, results: list[Any]) -> Arrays:
    """The results of all layers by name: y of each, or (x, w) of each."""
    if not job.gradients:
        return {f"y of {layer.name}": y for layer, y in zip(job.layers, results, strict=True)}
    found: Arrays = {}
    for layer, (x, w) in zip(job.layers, results, strict=True):
        found |= {f"x of {layer.name}": x, f"w of {layer.name}": w}
    return found


def network(job: NetworkJob, dtype: Any) -> tuple[list[Step], Any]:
    net = job.network()
    if dtype != np.float32:
        net.to(dtype)
    images = Tensor(job.images.astype(dtype))

    def infer(_: Any) -> Any:
        with minifcn.no_grad():
            return net(images)

    if not job.optimizer:
        return [Step(infer)], lambda made: {"scores": made[0].numpy()}
    optimizer = OPTIMIZERS[job.optimizer]([value for _, value in learned(net)], **job.options)

    def arrays(made: list[Any]) -> Arrays:
        found = {"loss": np.array(made[0])}
        for name, value in learned(net):
            found |= {f"gradient of {name}": value.grad.numpy(), f"update of {name}": value.detach().numpy()}
        return found

    return [Step(training_step(net, optimizer, F.cross_entropy, images, job.labels, section))], arrays
