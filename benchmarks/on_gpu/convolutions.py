"""The 13 convolutions of VGG16: forward, and what their input and their weight receive, each by itself."""

from __future__ import annotations

from functools import cache, lru_cache
from typing import Any

import numpy as np

import minifcn
import minifcn.functional as F
from benchmarks.contender import Arrays
from benchmarks.on_gpu.precision import FP32
from benchmarks.on_gpu.side import OURS, THEIRS, Count, Side, in_turn, sets
from benchmarks.opponents.pytorch import CHANNELS_LAST
from benchmarks.works import VGG16, Layer
from minifcn import Tensor

FORWARD, INPUT, WEIGHT = "forward", "input", "weight"
RESULT = {FORWARD: "y", INPUT: "x", WEIGHT: "w"}
ON_CPU = 1  # images, up to which the float64 reference is made on the CPU


@lru_cache(maxsize=1)
def layers(images: int, tiny: bool) -> tuple[Layer, ...]:
    """Random numbers of the sizes of VGG16 at 224x224; in tiny sizes an eighth of the channels at 32x32."""
    generator, made = np.random.default_rng(0), []
    for name, C, O, halved in VGG16:
        C, O = (max(3, C // 8), O // 8) if tiny else (C, O)
        H = (32 if tiny else 224) >> halved
        shapes = (images, C, H, H), (O, C, 3, 3), (images, O, H, H)
        x, w, y = (generator.standard_normal(shape, np.float32) for shape in shapes)
        made.append(Layer(name, x, w * np.float32((2 / (9 * C)) ** 0.5), y))
    return tuple(made)


class Convolutions:
    """kind: FORWARD, INPUT or WEIGHT, as in the three contractions of the library."""

    def __init__(self, kind: str, images: int, tiny: bool) -> None:
        self.kind, self.images, self.tiny = kind, images, tiny
        self.parts = [name for name, *_ in VGG16]

    def limits(self, precision: str) -> dict[str, float]:
        """As in benchmarks/works.py. TF32 keeps 10 binary digits of each factor, which costs 3e-4 of a sum of products:
        what is beyond 5e-3 lost more than that."""
        return {"y": 1e-4, "x": 1e-4, "w": 1e-3} if precision == FP32 else dict.fromkeys("yxw", 5e-3)

    def counts(self) -> list[list[Count]]:
        return [[convolution(layer.x.shape, layer.w.shape, layer.y.shape)] for layer in self.data()]

    def data(self) -> tuple[Layer, ...]:
        return layers(self.images, self.tiny)

    def reference(self, device: Any) -> Arrays:
        return reference(self.kind, self.images, self.tiny, device)

    def named(self, made: list[Any]) -> Arrays:
        return {f"{RESULT[self.kind]} of {name}": array for name, array in zip(self.parts, made, strict=True)}

    def ours(self, device: Any) -> Side:
        def part(layer: Layer) -> Any:
            calls = [ours(self.kind, layer, device.place, np.float32) for _ in range(self.sets(layer, device))]
            return in_turn(calls)

        parts = [part(layer) for layer in self.data()]
        return Side("minifcn", parts, lambda made: self.named([value.data for value in made]), OURS)

    def theirs(self, device: Any, variant: str) -> Side:
        torch = device.torch
        order = torch.channels_last if variant == CHANNELS_LAST else torch.contiguous_format

        def call(layer: Layer) -> Any:
            x, w, y = (
                torch.from_numpy(values).to(device.their_place, copy=True).contiguous(memory_format=order)
                for values in (layer.x, layer.w, layer.y)
            )
            if self.kind == FORWARD:
                return lambda: torch.nn.functional.conv2d(x, w, padding=1)
            wanted = x if self.kind == INPUT else w
            wanted.requires_grad_()
            made = torch.nn.functional.conv2d(x, w, padding=1)
            return lambda: torch.autograd.grad(made, (wanted,), y, retain_graph=True)[0]

        parts = [in_turn([call(layer) for _ in range(self.sets(layer, device))]) for layer in self.data()]
        return Side(variant, parts, lambda made: self.named([device.xp.asarray(y.detach()) for y in made]), THEIRS)

    def sets(self, layer: Layer, device: Any) -> int:
        x, w, y = layer.x.nbytes, layer.w.nbytes, layer.y.nbytes
        return sets({FORWARD: x + w, INPUT: y + w, WEIGHT: x + y}[self.kind], device.cache)


def ours(kind: str, layer: Layer, place: str, dtype: Any) -> Any:
    """A call without arguments, of arrays of its own."""
    x, w, y = (
        Tensor(values, requires_grad=asked == kind, dtype=dtype, device=place)
        for asked, values in ((INPUT, layer.x), (WEIGHT, layer.w), ("", layer.y))
    )
    if kind == FORWARD:
        return lambda: F.conv2d(x, w, padding=1)
    made, wanted = F.conv2d(x, w, padding=1), x if kind == INPUT else w
    return lambda: minifcn.grad(made, (wanted,), y, retain_graph=True)[0]


@lru_cache(maxsize=1)
def reference(kind: str, images: int, tiny: bool, device: Any) -> Arrays:
    """By im2col in float64: on the CPU, or for many images, which would take it too long, where they are."""
    place = "cpu" if images <= ON_CPU else device.place
    found: Arrays = {}
    with minifcn.use_algorithm("im2col"):
        for layer in layers(images, tiny):
            made = ours(kind, layer, place, np.float64)()
            found[f"{RESULT[kind]} of {layer.name}"] = device.xp.asarray(made.data)
    return found


@cache
def convolution(x: tuple[int, ...], w: tuple[int, ...], y: tuple[int, ...]) -> Count:
    """Operations as a sum over taps, whatever the algorithm, and the bytes of its two operands and its result."""
    taps = w[1] * w[2] * w[3]
    return 2.0 * int(np.prod(y)) * taps, 4.0 * sum(int(np.prod(shape)) for shape in (x, w, y))
