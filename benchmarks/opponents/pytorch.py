"""PyTorch, eager, in both memory formats, each with one thread and with all."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from benchmarks.contender import Arrays, Contender, Step
from benchmarks.opponents.fcn_in_torch import fcn
from benchmarks.ours import named
from benchmarks.works import EAGER, ConvolutionJob, Job, Layer, NetworkJob, learned, training_step

NAME, INSTALL, PATCH = "PyTorch", "pip install torch==2.13.0", ""
NEEDS: tuple[str, ...] = ("torch",)
CHANNELS_LAST = "PyTorch channels_last"


def load() -> Any:
    import torch

    return torch


def variants(job: Job) -> list[str]:
    return [] if isinstance(job, ConvolutionJob) and job.reading else [EAGER, CHANNELS_LAST]


def build(job: Job, variant: str, threads: int) -> Contender:
    torch = load()
    order = torch.channels_last if variant == CHANNELS_LAST else torch.contiguous_format
    steps, arrays = convolutions(job, order) if isinstance(job, ConvolutionJob) else network(job, order)
    return Contender(variant, steps, arrays, tuple(sorted({1, threads})), torch.set_num_threads)


def convolutions(job: ConvolutionJob, order: Any) -> tuple[list[Step], Any]:
    torch = load()

    def forward(layer: Layer) -> Step:
        x, w = (torch.tensor(values).contiguous(memory_format=order) for values in (layer.x, layer.w))
        return Step(lambda _: torch.nn.functional.conv2d(x, w, padding=1))

    def gradients(layer: Layer) -> Step:
        x, w, y = (torch.tensor(values).contiguous(memory_format=order) for values in (layer.x, layer.w, layer.y))
        x.requires_grad_()
        w.requires_grad_()
        return Step(
            lambda made: torch.autograd.grad(made, (x, w), y), lambda: torch.nn.functional.conv2d(x, w, padding=1)
        )

    def arrays(made: list[Any]) -> Arrays:
        if not job.gradients:
            return named(job, [y.numpy() for y in made])
        return named(job, [tuple(value.numpy() for value in pair) for pair in made])

    return [(gradients if job.gradients else forward)(layer) for layer in job.layers], arrays


def network(job: NetworkJob, order: Any) -> tuple[list[Step], Any]:
    torch = load()
    net = fcn(job.backbone, job.classes, job.width)
    if job.weights:
        with torch.no_grad():
            for theirs, (_, ours) in zip(net.parameters(), learned(job.network()), strict=True):
                theirs.copy_(torch.tensor(ours.detach().numpy()))
    net = net.to(memory_format=order).train(bool(job.optimizer))
    images = torch.tensor(job.images).contiguous(memory_format=order)

    def infer(_: Any) -> Any:
        with torch.inference_mode():
            return net(images)

    if not job.optimizer:
        return [Step(infer)], lambda made: {"scores": made[0].numpy()}
    labels = torch.tensor(job.labels.astype(np.int64))
    kind = {"sgd": torch.optim.SGD, "adamw": torch.optim.AdamW}[job.optimizer]
    optimizer = kind(net.parameters(), **job.options)

    loss = partial(torch.nn.functional.cross_entropy, ignore_index=255)

    def arrays(made: list[Any]) -> Arrays:
        found = {"loss": np.array(made[0])}
        for value, (name, _) in zip(net.parameters(), learned(job.network()), strict=True):
            found[f"gradient of {name}"] = value.grad.numpy().copy()
            found[f"update of {name}"] = value.detach().numpy().copy()
        return found

    return [Step(training_step(net, optimizer, loss, images, labels))], arrays
