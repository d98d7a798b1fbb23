"""The pieces of work, each in full and in a quick size, and the ratios opponent / ours that each should reach.

A work becomes a job: the arrays, drawn from a seed, and the float64 reference that every result is checked against.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from benchmarks.contender import Arrays
from minifcn.labels import VOID
from minifcn.models import FCN
from minifcn.nn import Dropout, init

# The columns of the table. What is asked of PyTorch without a format is asked of NCHW, in which it is used as it comes.
EAGER, BEST, ONNX, TAUGHT = "PyTorch NCHW", "PyTorch, best format", "onnxruntime", "DeZero, MyGrad"
# name, channels of x, channels of y, how often the image was halved before
VGG16 = (
    ("conv1_1", 3, 64, 0), ("conv1_2", 64, 64, 0), ("conv2_1", 64, 128, 1), ("conv2_2", 128, 128, 1),
    ("conv3_1", 128, 256, 2), ("conv3_2", 256, 256, 2), ("conv3_3", 256, 256, 2), ("conv4_1", 256, 512, 3),
    ("conv4_2", 512, 512, 3), ("conv4_3", 512, 512, 3), ("conv5_1", 512, 512, 4), ("conv5_2", 512, 512, 4),
    ("conv5_3", 512, 512, 4),
)  # fmt: skip


@dataclass(frozen=True)
class Layer:
    """A 3x3 convolution with padding 1: x (1, C, H, W), w (O, C, 3, 3), and y (1, O, H, W) to send backwards."""

    name: str
    x: np.ndarray
    w: np.ndarray
    y: np.ndarray


@dataclass(frozen=True)
class ConvolutionJob:
    """Convolutions one after the other, each with an input of its own.

    gradients: not the convolution, but what its input and its weight receive from y. `reading`: sizes for algorithms
    that were written to be read.
    """

    layers: list[Layer]
    gradients: bool = False
    reading: bool = False

    @property
    def parts(self) -> list[str]:
        return [layer.name for layer in self.layers]

    @property
    def limits(self) -> dict[str, float]:
        return {"y": 1e-4, "x": 1e-4, "w": 1e-3}

    def comparable(self, found: Arrays) -> Arrays:
        return found


@dataclass(frozen=True)
class NetworkJob:
    """FCN-8s (compact) on random images: scores in evaluation mode, or one step of training with random labels.

    Dropout is off, as every library would drop other elements. weights: whether all contenders must begin with the same
    ones; where only memory is measured, a second network to copy from would be in the way.
    """

    backbone: str
    classes: int
    shape: tuple[int, int, int]  # images, rows, columns
    width: float = 1.0
    optimizer: str = ""  # "sgd", "adamw", or "" for inference
    options: dict[str, float] = field(default_factory=dict)
    weights: bool = True

    @property
    def parts(self) -> list[str]:
        return ["step" if self.optimizer else "inference"]

    @property
    def limits(self) -> dict[str, float]:
        # The first step of AdamW is nearly lr·sign(g): where g is almost 0, rounding decides about the sign.
        return {"scores": 1e-4, "loss": 1e-4, "gradient": 2e-2, "update": 0.5}

    @cached_property
    def images(self) -> np.ndarray:
        N, H, W = self.shape
        return np.random.default_rng(1).standard_normal((N, 3, H, W), np.float32)

    @cached_property
    def labels(self) -> np.ndarray:
        generator = np.random.default_rng(2)
        labels = generator.integers(0, self.classes, self.shape, np.uint8)
        labels[generator.random(self.shape) < 0.1] = VOID
        return labels

    def network(self) -> FCN:
        """A new network, always with the same weights."""
        generator = np.random.default_rng(7)
        net = FCN(self.backbone, self.classes, width=self.width, generator=generator)
        fuses: list[Any] = [net.fuse_pool4, net.fuse_pool3]
        for score in (net.score, *(fuse.skip for fuse in fuses)):
            init.kaiming_normal_(score.weight, generator=generator)  # from 0 no gradient would reach the layers below
        for module in net.modules():
            if isinstance(module, Dropout):
                module.p = 0.0
        return net.train(bool(self.optimizer))

    def comparable(self, found: Arrays) -> Arrays:
        """How far each weight moved in place of the weight, which would hide the step behind its own size."""
        if not self.optimizer:
            return found
        start = {f"update of {name}": value.detach().numpy() for name, value in learned(self.network())}
        return {name: value - start[name] if name in start else value for name, value in found.items()}


Job = ConvolutionJob | NetworkJob


def learned(net: Any) -> list[tuple[str, Any]]:
    """What the optimiser changes: all but the bilinear upsampling."""
    return [(name, value) for name, value in net.named_parameters() if value.requires_grad]


@dataclass(frozen=True)
class Work:
    """targets: column of the table -> the ratio that is asked for. memory: peaks instead of seconds."""

    name: str
    title: str
    size: dict[bool, str]  # quick or not -> in words
    job: Callable[[bool], Job]
    targets: dict[str, float] = field(default_factory=dict)
    memory: bool = False


def convolutions(quick: bool, gradients: bool) -> ConvolutionJob:
    generator, layers = np.random.default_rng(0), []
    for name, C, O, halved in VGG16[1::3] if quick else VGG16:
        H = (56 if quick else 224) >> halved
        layers.append(layer(name, C, O, (H, H), generator))
    return ConvolutionJob(layers, gradients)


def layer(name: str, C: int, O: int, size: tuple[int, int], generator: np.random.Generator) -> Layer:
    x, w, y = (generator.standard_normal(shape, np.float32) for shape in ((1, C, *size), (O, C, 3, 3), (1, O, *size)))
    return Layer(name, x, w * np.float32((2 / (9 * C)) ** 0.5), y)


def reading(quick: bool) -> ConvolutionJob:
    return ConvolutionJob([layer("conv", 8, 8, (16, 20), np.random.default_rng(0))], reading=True)


def vgg16(quick: bool, optimizer: str = "", weights: bool = True) -> NetworkJob:
    shape, width = ((1, 66, 90), 0.125) if quick else ((1, 360, 480), 1.0)
    options = {"lr": 1e-4, "momentum": 0.9} if optimizer else {}
    return NetworkJob("vgg16", 21, shape, width, optimizer, options, weights)


def default_job(quick: bool, weights: bool = True) -> NetworkJob:
    """What `minifcn train` does without options."""
    shape = (2, 48, 64) if quick else (8, 96, 128)
    return NetworkJob("small", 8, shape, 1.0, "adamw", {"lr": 3e-3, "weight_decay": 1e-4}, weights)


VGG_SIZE = {True: "1x3x66x90, 1/8 of the channels", False: "1x3x360x480"}
JOB_SIZE = {True: "2x3x48x64", False: "8x3x96x128"}
VGG_STEP = "FCN-8s-VGG16 (compact) training step, SGD with momentum"
SMALL_STEP = "FCN-8s-small training step, AdamW (the default job)"
ONE = {EAGER: 1.0}

WORKS = {
    work.name: work
    for work in (
        Work(
            "convolutions",
            "VGG16 convolutions, forward",
            {True: "5 layers at 56x56", False: "13 layers at 224x224, batch 1"},
            lambda quick: convolutions(quick, gradients=False),
            {EAGER: 1.0, TAUGHT: 3.0},
        ),
        Work(
            "gradients",
            "VGG16 convolutions, gradients of input and weight",
            {True: "5 layers at 56x56", False: "13 layers at 224x224, batch 1"},
            lambda quick: convolutions(quick, gradients=True),
            {EAGER: 1.0, TAUGHT: 3.0},
        ),
        Work("inference", "FCN-8s-VGG16 (compact) inference", VGG_SIZE, vgg16, {EAGER: 1.6, ONNX: 1.0}),
        Work("training", VGG_STEP, VGG_SIZE, lambda quick: vgg16(quick, "sgd"), {EAGER: 1.5}),
        Work("default-job", SMALL_STEP, JOB_SIZE, default_job, {EAGER: 1.0, BEST: 0.8}),
        Work("reading", "one convolution, 8 to 8 channels, forward", dict.fromkeys((True, False), "16x20"), reading),
        Work(
            "memory-inference",
            "peak memory, FCN-8s-VGG16 inference",
            VGG_SIZE,
            lambda quick: vgg16(quick, weights=False),
            ONE,
            memory=True,
        ),
        Work(
            "memory-training",
            "peak memory, FCN-8s-VGG16 training step",
            VGG_SIZE,
            lambda quick: vgg16(quick, "sgd", weights=False),
            ONE,
            memory=True,
        ),
        Work(
            "memory-default-job",
            "peak memory, FCN-8s-small training step",
            JOB_SIZE,
            lambda quick: default_job(quick, weights=False),
            ONE,
            memory=True,
        ),
    )
}


OPTIMIZER = "the step of the optimizer"


def training_step(
    net: Any,
    optimizer: Any,
    cross_entropy: Any,
    images: Any,
    labels: Any,
    section: Callable[[str], AbstractContextManager[Any]] = lambda name: nullcontext(),
) -> Callable[[Any], float]:
    """One step on these images, which returns the loss: the same lines for us and for PyTorch, whose names we have.

    section: names a part of the step for whoever records it.
    """

    def train(_: Any) -> float:
        loss = cross_entropy(net(images), labels)
        optimizer.zero_grad()
        loss.backward()
        with section(OPTIMIZER):
            optimizer.step()
        return float(loss.item())

    return train
