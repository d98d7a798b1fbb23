"""What is measured on a GPU, the cheap and the important first, and the ratio theirs / ours that each should reach."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from benchmarks.on_gpu import elementwise
from benchmarks.on_gpu.convolutions import FORWARD, INPUT, WEIGHT, Convolutions
from benchmarks.on_gpu.networks import Network
from benchmarks.on_gpu.precision import FP32, TF32
from benchmarks.works import BEST, NetworkJob
from benchmarks.works import default_job as small_job

ASKED = {FP32: 1.0, TF32: 0.6}
IN_WORDS = {FP32: "", TF32: ", TF32"}


@dataclass(frozen=True)
class GpuWork:
    """Has what benchmarks.works.Work has. size: tiny or not -> in words. seconds: what it takes at most, all told."""

    name: str
    title: str
    size: dict[bool, str]
    make: Callable[[bool], Any]
    seconds: float
    targets: dict[str, float] = field(default_factory=dict)
    precision: str = FP32
    memory: bool = False


@lru_cache(maxsize=1)  # the next works are often made of the same network
def network(kind: str, tiny: bool) -> Network:
    if kind == "default-job":
        return Network(small_job(tiny))
    shape = {"inference": (1, 500, 500), "training": (4, 360, 480)}[kind]
    if tiny:
        shape = (1, 66, 90)
    optimizer, options = ("sgd", {"lr": 1e-4, "momentum": 0.9}) if kind == "training" else ("", {})
    return Network(NetworkJob("vgg16", 21, shape, 0.125 if tiny else 1.0, optimizer, options))


TITLES = {
    "default-job": "FCN-8s-small training step, AdamW (the default job)",
    "inference": "FCN-8s-VGG16 inference",
    "training": "FCN-8s-VGG16 training step, SGD with momentum",
    FORWARD: "VGG16 convolutions, forward",
    INPUT: "VGG16 convolutions, gradient of the input",
    WEIGHT: "VGG16 convolutions, gradient of the weight",
}
SIZES = {
    "default-job": {True: "2x3x48x64", False: "8x3x96x128"},
    "inference": {True: "1x3x66x90, thin", False: "1x3x500x500"},
    "training": {True: "1x3x66x90, thin", False: "4x3x360x480"},
}


def of_network(kind: str, precision: str, seconds: float) -> GpuWork:
    name = kind if precision == FP32 else f"{kind}-{precision}"
    asked = {BEST: ASKED[precision]}
    return GpuWork(
        name,
        TITLES[kind] + IN_WORDS[precision],
        SIZES[kind],
        lambda tiny: network(kind, tiny),
        seconds,
        asked,
        precision,
    )


def of_memory(kind: str, seconds: float) -> GpuWork:
    return GpuWork(
        f"memory-{kind}", f"peak memory, {TITLES[kind]}", SIZES[kind], lambda tiny: network(kind, tiny), seconds,
        {BEST: 1.0}, memory=True,
    )  # fmt: skip


def of_convolutions(kind: str, images: int, precision: str, seconds: float) -> GpuWork:
    name = f"{kind}-{images}" + ("" if precision == FP32 else f"-{precision}")
    size = {
        True: f"13 thin layers at 32x32, batch {min(images, 2)}",
        False: f"13 layers at 224x224, batch {images}",
    }
    return GpuWork(
        name,
        TITLES[kind] + IN_WORDS[precision],
        size,
        lambda tiny: Convolutions(kind, min(images, 2) if tiny else images, tiny),
        seconds,
        {BEST: ASKED[precision]},
        precision,
    )


def of_elements(name: str, title: str, make: Callable[..., Any], shape: tuple[int, ...], *more: Any) -> GpuWork:
    tiny_shape = (2, min(shape[1], 8), 24, 32)
    words = {True: "x".join(map(str, tiny_shape)), False: "x".join(map(str, shape))}
    return GpuWork(
        name, f"{title}, forward and backward", words, lambda tiny: make(tiny_shape if tiny else shape, *more), 12.0
    )


LARGE, HALF = (4, 64, 360, 480), (8, 64, 180, 240)

WORKS = {
    work.name: work
    for work in (
        of_network("default-job", FP32, 25),
        of_network("inference", FP32, 30),
        of_network("inference", TF32, 20),
        of_memory("inference", 10),
        of_network("training", FP32, 40),
        of_network("training", TF32, 30),
        of_memory("training", 15),
        *(
            of_convolutions(kind, 1, precision, 20)
            for kind in (FORWARD, INPUT, WEIGHT)
            for precision in (FP32, TF32)
        ),
        of_elements("max-pool-2", "max pooling 2x2", elementwise.max_pool, LARGE, 2),
        of_elements("cross-entropy", "softmax cross-entropy", elementwise.cross_entropy, (4, 21, 360, 480)),
        of_elements("batch-norm", "batch normalisation and ReLU", elementwise.batch_norm, HALF),
        of_elements("max-pool-3", "max pooling 3x3, stride 2", elementwise.max_pool, LARGE, 3),
        of_elements("avg-pool", "average pooling 2x2", elementwise.avg_pool, LARGE),
        of_memory("default-job", 10),
        *(
            of_convolutions(kind, 16, precision, 30)
            for kind in (FORWARD, INPUT, WEIGHT)
            for precision in (FP32, TF32)
        ),
    )
}  # fmt: skip
