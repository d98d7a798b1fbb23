"""Integers: there is nothing to round, so the GPU must give the very numbers that the CPU gives in float64.

Small integers are exact in TF32, too. Only Winograd's algorithm divides, so where `auto` may take it, the result is
allowed a rounding.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

import minifcn
import minifcn.functional as F
from benchmarks.checking import error
from benchmarks.on_gpu.precision import FP32, TF32, precision
from minifcn import Tensor

ROUNDED = {FP32: 1e-4, TF32: 5e-3}

Call = Callable[[Any, Any], Any]


@dataclass(frozen=True)
class Case:
    """run(x, w) with integers of these shapes; w may be missing."""

    name: str
    run: Call
    x: tuple[int, ...]
    w: tuple[int, ...] = ()
    winograd: bool = False  # whether `auto` may take it
    multiple: int = 1  # of which all numbers are: means of 4 or 9 of them are integers, too


def convolution(name: str, x: tuple[int, ...], w: tuple[int, ...], winograd: bool = False, **options: Any) -> Case:
    return Case(f"convolution, {name}", lambda a, b: F.conv2d(a, b, **options), x, w, winograd)


def transposed(name: str, x: tuple[int, ...], w: tuple[int, ...], **options: Any) -> Case:
    return Case(f"transposed convolution, {name}", lambda a, b: F.conv_transpose2d(a, b, **options), x, w)


CONVOLUTIONS = (
    convolution("3x3", (2, 5, 19, 23), (7, 5, 3, 3), winograd=True, padding=1),
    convolution("3x3 of 64 channels", (2, 64, 45, 41), (72, 64, 3, 3), winograd=True, padding=1),
    convolution("3x3 of 3 channels", (1, 3, 61, 83), (64, 3, 3, 3), winograd=True, padding=1),
    convolution("1x1", (3, 40, 13, 17), (21, 40, 1, 1)),
    convolution("7x7", (2, 12, 9, 11), (16, 12, 7, 7), padding=3),
    convolution("5x3, stride 2x3", (2, 6, 22, 27), (4, 6, 5, 3), stride=(2, 3), padding=(2, 1)),
    convolution("3x3, dilation 2", (2, 6, 17, 21), (5, 6, 3, 3), padding=2, dilation=2),
    convolution("3x3, stride 2, 2 groups", (2, 8, 15, 18), (6, 4, 3, 3), stride=2, padding=1, groups=2),
    transposed("4x4, stride 2, by class", (2, 21, 9, 12), (21, 1, 4, 4), stride=2, groups=21),
    transposed("16x16, stride 8, by class", (1, 21, 7, 9), (21, 1, 16, 16), stride=8, groups=21),
)
POOLINGS = (
    Case("max pooling 2x2", lambda x, _: F.max_pool2d(x, 2, ceil_mode=True), (2, 5, 21, 27)),
    Case("max pooling 3x3, stride 2", lambda x, _: F.max_pool2d(x, 3, 2, 1), (2, 5, 20, 27)),
    Case("average pooling 2x2", lambda x, _: F.avg_pool2d(x, 2), (2, 5, 20, 26), multiple=4),
    Case("average pooling 3x3, stride 2", lambda x, _: F.avg_pool2d(x, 3, 2, 1), (2, 5, 20, 27), multiple=9),
)


def checks(device: Any, say: Callable[[str], object], cases: tuple[Case, ...] = CONVOLUTIONS + POOLINGS) -> list[Any]:
    """Every case, forward and all gradients: {"name", "precision", "algorithm", "problem"}; "" if it is right."""
    found = []
    for case in cases:
        algorithms = ("auto", "im2col") if case.w else ("auto",)
        for name in (FP32, TF32) if case.w else (FP32,):
            for algorithm in algorithms:
                problem = ""
                try:
                    with precision(name, device.torch), minifcn.use_algorithm(algorithm):
                        limit = ROUNDED[name] if case.winograd and algorithm == "auto" else 0.0
                        problem = compared(case, device, limit)
                except Exception as failure:
                    problem = f"failed: {type(failure).__name__}: {failure}"
                found.append({"name": case.name, "precision": name, "algorithm": algorithm, "problem": problem})
                if problem:
                    say(f"  {case.name}, {name}, {algorithm}: {problem}")
    return found


def compared(case: Case, device: Any, limit: float) -> str:
    """What differs from the CPU's float64, or ""."""
    with minifcn.use_algorithm("im2col"):
        expected = results(case, "cpu", np.float64)
    with device.poisoned():
        found = results(case, device.place, np.float32)
    for name, right in expected.items():
        off = error(found[name], device.xp.asarray(right))
        if not off <= limit:
            return f"{name} is off by {off:.2g}, allowed {limit:.0e}" if limit else f"{name} differs, by {off:.2g}"
    return ""


def results(case: Case, place: str, dtype: Any) -> dict[str, Any]:
    generator = np.random.default_rng(11)

    def integers(shape: tuple[int, ...]) -> Any:
        return generator.integers(-4, 5, shape).astype(dtype) * dtype(case.multiple)

    operands = [Tensor(integers(shape), requires_grad=True, device=place) for shape in (case.x, case.w) if shape]
    y = case.run(*operands, *[None] * (2 - len(operands)))
    gradients = minifcn.grad(y, operands, Tensor(integers(y.shape), device=place))
    return {"y": y.data, **dict(zip(("gradient of x", "gradient of w"), (g.data for g in gradients), strict=False))}
