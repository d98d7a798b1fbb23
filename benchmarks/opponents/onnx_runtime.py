"""onnxruntime, the engine for inference: convolutions and networks as ONNX graphs, all optimisations on."""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.contender import Contender, Step
from benchmarks.opponents.onnx_graph import of_convolution, of_fcn
from benchmarks.ours import named
from benchmarks.works import ConvolutionJob, Job, NetworkJob

NAME, INSTALL, PATCH = "onnxruntime", "pip install onnxruntime onnx", ""
NEEDS: tuple[str, ...] = ("onnxruntime", "onnx")


def load() -> Any:
    import onnxruntime

    return onnxruntime


def variants(job: Job) -> list[str]:
    if isinstance(job, NetworkJob):
        return [NAME] if not job.optimizer and job.backbone == "vgg16" else []
    return [NAME] if not job.gradients and not job.reading else []


def build(job: Job, variant: str, threads: int) -> Contender:
    ort = load()
    settings = ort.SessionOptions()
    settings.intra_op_num_threads, settings.inter_op_num_threads = threads, 1
    settings.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_ALL

    def step(model: Any, x: np.ndarray) -> Step:
        session = ort.InferenceSession(model.SerializeToString(), settings, providers=["CPUExecutionProvider"])
        return Step(lambda _: session.run(None, {"x": x})[0])

    if isinstance(job, ConvolutionJob):
        steps = [step(of_convolution(layer.x.shape, layer.w), layer.x) for layer in job.layers]
        return Contender(NAME, steps, lambda made: named(job, made), (threads,))
    model = of_fcn(job.network(), job.images.shape)
    return Contender(NAME, [step(model, job.images)], lambda made: {"scores": made[0]}, (threads,))
