"""What is limited by memory: poolings, the loss, batch normalisation with ReLU; forward and backward apart."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

import minifcn
import minifcn.functional as F
from benchmarks.contender import Arrays
from benchmarks.on_gpu.side import OURS, THEIRS, Count, Side, in_turn, sets
from benchmarks.opponents.pytorch import CHANNELS_LAST
from minifcn import Tensor
from minifcn.labels import VOID


@dataclass(frozen=True)
class Elementwise:
    """y = operation(*operands); backward: what all operands receive from a random gradient of y.

    shape     of x, the first operand; further operands have one number per channel
    extra     how many of those there are
    ours      (Tensors, labels) -> Tensor;  theirs: (torch, tensors, labels) -> tensor
    labels    whether there are labels, one per pixel
    backward  bytes to be read and written at least on the way back, from the sizes of x and of y in bytes
    """

    shape: tuple[int, int, int, int]
    ours_is: Callable[[list[Any], Any], Any]
    theirs_is: Callable[[Any, list[Any], Any], Any]
    backward: Callable[[int, int], int]
    extra: int = 0
    has_labels: bool = False

    parts = ["forward", "backward"]  # noqa: RUF012 (never changed)

    def limits(self, precision: str) -> dict[str, float]:
        """Sums of up to 700,000 numbers in float32, in an order of the library's own."""
        return {"y": 1e-5, "x": 1e-5, "parameter": 1e-4}

    @cached_property
    def data(self) -> tuple[list[np.ndarray], np.ndarray, np.ndarray]:
        """The operands, the labels, and what y receives."""
        generator = np.random.default_rng(5)
        N, C, H, W = self.shape
        x = generator.standard_normal(self.shape, np.float32)
        channels = [generator.standard_normal(C, np.float32) + np.float32(2) for _ in range(self.extra)]
        labels = generator.integers(0, C, (N, H, W), np.uint8)
        labels[generator.random((N, H, W)) < 0.1] = VOID
        with minifcn.no_grad():
            y = self.ours_is([Tensor(values[:1]) if values.ndim == 4 else Tensor(values) for values in (x, *channels)],
                             labels[:1])  # fmt: skip
        size = y.shape if y.ndim == 0 else (N, *y.shape[1:])
        return [x, *channels], labels, np.asarray(generator.standard_normal(size, np.float32), np.float32)

    def counts(self) -> list[list[Count]]:
        (x, *_), labels, y = self.data
        pixels = labels.nbytes if self.has_labels else 0
        return [
            [(0.0, float(x.nbytes + y.nbytes + pixels))],
            [(0.0, float(self.backward(x.nbytes, y.nbytes) + pixels))],
        ]

    def reference(self, device: Any) -> Arrays:
        found = self.our_side("cpu", np.float64, 1).results()
        return {name: device.xp.asarray(array) for name, array in found.items()}

    def sets(self, device: Any) -> int:
        return sets(self.data[0][0].nbytes, device.cache)

    def ours(self, device: Any) -> Side:
        return self.our_side(device.place, np.float32, self.sets(device))

    def our_side(self, place: str, dtype: Any, count: int) -> Side:
        given, labels, y = self.data

        def calls() -> tuple[Any, Any]:
            operands = [Tensor(values, requires_grad=True, dtype=dtype, device=place) for values in given]
            cotangent, pixels = Tensor(y, dtype=dtype, device=place), Tensor(labels, device=place)
            made = self.ours_is(operands, pixels)
            return (
                lambda: self.ours_is(operands, pixels),
                lambda: minifcn.grad(made, operands, cotangent, retain_graph=True),
            )

        forward, backward = zip(*(calls() for _ in range(count)), strict=True)
        return Side(
            "minifcn",
            [in_turn(forward), in_turn(backward)],
            lambda made: named([made[0].data, *(gradient.data for gradient in made[1])]),
            OURS,
        )

    def theirs(self, device: Any, variant: str) -> Side:
        torch, (given, labels, y) = device.torch, self.data
        order = torch.channels_last if variant == CHANNELS_LAST else torch.contiguous_format

        def there(values: np.ndarray) -> Any:
            made = torch.from_numpy(values).to(device.their_place, copy=True)
            return made.contiguous(memory_format=order) if made.ndim == 4 else made

        def calls() -> tuple[Any, Any]:
            operands = [there(values).requires_grad_() for values in given]
            cotangent, pixels = there(y), there(labels.astype(np.int64))
            made = self.theirs_is(torch, operands, pixels)
            return (
                lambda: self.theirs_is(torch, operands, pixels),
                lambda: torch.autograd.grad(made, operands, cotangent, retain_graph=True),
            )

        forward, backward = zip(*(calls() for _ in range(self.sets(device))), strict=True)
        return Side(
            variant,
            [in_turn(forward), in_turn(backward)],
            lambda made: named([device.xp.asarray(value.detach()) for value in (made[0], *made[1])]),
            THEIRS,
        )


def named(values: list[Any]) -> Arrays:
    """y, the gradient of x, and those of what has one number per channel."""
    y, x, *others = values
    return {"y": y, "x": x, **{f"parameter {number}": value for number, value in enumerate(others)}}


def max_pool(shape: tuple[int, int, int, int], kernel: int) -> Elementwise:
    return Elementwise(
        shape,
        lambda given, _: F.max_pool2d(given[0], kernel, 2),
        lambda torch, given, _: torch.nn.functional.max_pool2d(given[0], kernel, 2),
        lambda x, y: y + y // 4 + x,  # who won takes a byte per result
    )


def avg_pool(shape: tuple[int, int, int, int]) -> Elementwise:
    return Elementwise(
        shape,
        lambda given, _: F.avg_pool2d(given[0], 2),
        lambda torch, given, _: torch.nn.functional.avg_pool2d(given[0], 2),
        lambda x, y: y + x,
    )


def cross_entropy(shape: tuple[int, int, int, int]) -> Elementwise:
    return Elementwise(
        shape,
        lambda given, labels: F.cross_entropy(given[0], labels),
        lambda torch, given, labels: torch.nn.functional.cross_entropy(given[0], labels, ignore_index=VOID),
        lambda x, y: 2 * x,
        has_labels=True,
    )


def batch_norm(shape: tuple[int, int, int, int]) -> Elementwise:
    """Training mode: the statistics are those of the batch. x must be read twice, as they must be known first."""

    def ours(given: list[Any], _: Any) -> Any:
        x, weight, bias = given
        return F.relu(F.batch_norm(x, None, None, weight, bias, True))

    def theirs(torch: Any, given: list[Any], _: Any) -> Any:
        x, weight, bias = given
        return torch.nn.functional.relu_(torch.nn.functional.batch_norm(x, None, None, weight, bias, True))

    return Elementwise(shape, ours, theirs, lambda x, y: 3 * x + y, extra=2)
