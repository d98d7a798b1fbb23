"""What the GPU gives to whatever runs on it: copies, products of matrices, launches. Random numbers, never zeros."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from statistics import median
from typing import Any

import numpy as np

from benchmarks.on_gpu.precision import FP32, TF32, precision
from benchmarks.on_gpu.side import OURS, THEIRS
from minifcn.machine.product import product

RUNS = 7
LIBRARY = "minifcn"  # cuBLAS, called by it
# (full, tiny): numbers to copy, the side of the matrices, launches, and the side of those that tell the rounding
COPIED, SIDE, LAUNCHES, SMALL = (1 << 30, 1 << 18), (8192, 128), (2000, 50), (1024, 64)

Record = dict[str, Any]


def measured(device: Any, tiny: bool) -> Record:
    """{"TB/s": {library: ...}, "TFLOP/s": {precision: {library: ...}}, "us": {library: ...}, "errors": ...}."""
    xp, torch = device.xp, device.torch
    found: Record = {
        "TB/s": {}, "TFLOP/s": {FP32: {}, TF32: {}}, "us": {}, "us_wall": {}, "errors": {FP32: {}, TF32: {}},
        "problems": [],
    }  # fmt: skip
    generator = np.random.default_rng(3)

    def best(whose: str, run: Callable[[int], Any], count: int) -> float:
        device.timed(whose, run, 2)
        return median(device.timed(whose, run, count)[0] for _ in range(RUNS))

    def launches(whose: str, run: Callable[[int], Any]) -> tuple[float, float]:
        device.timed(whose, run, LAUNCHES[tiny])
        samples = [device.timed(whose, run, LAUNCHES[tiny]) for _ in range(RUNS)]
        return 1e6 * median(by_event for by_event, _ in samples), 1e6 * median(wall for _, wall in samples)

    def attempt(what: str, measure: Callable[[], Any]) -> None:
        """One that fails must not take the others with it."""
        try:
            measure()
        except Exception as error:
            found["problems"].append(f"{what}: {type(error).__name__}: {error}")
        device.release()

    def copies() -> None:
        piece = xp.asarray(generator.standard_normal(COPIED[tiny] // 64, np.float32))
        a = xp.tile(piece, 64)
        b = xp.empty_like(a)
        found["TB/s"]["CuPy"] = 2 * a.nbytes / 1e12 / best(OURS, lambda _: xp.copyto(b, a), 3)

    def their_copies() -> None:
        piece = torch.from_numpy(generator.standard_normal(COPIED[tiny] // 64, np.float32)).to(device.their_place)
        a = piece.repeat(64)
        b = torch.empty_like(a)
        found["TB/s"]["PyTorch"] = 8 * a.numel() / 1e12 / best(THEIRS, lambda _: b.copy_(a), 3)

    def products(name: str) -> None:
        n = SIDE[tiny]
        a, b = (xp.asarray(generator.standard_normal((n, n), np.float32)) for _ in range(2))
        out = xp.empty_like(a)
        with precision(name, torch):
            # cuBLAS called by minifcn, as CuPy's own matmul knows nothing of minifcn's precision.
            seconds = best(OURS, lambda _: product(a, b, out=out), 3)
            found["TFLOP/s"][name][LIBRARY] = 2 * n**3 / 1e12 / seconds
            c, d = values()
            made = product(xp.asarray(c), xp.asarray(d))
            found["errors"][name][LIBRARY] = rounding(made.astype(np.float64), xp.asarray(exact(c, d)))

    def their_products(name: str) -> None:
        n = SIDE[tiny]
        a, b = (
            torch.from_numpy(generator.standard_normal((n, n), np.float32)).to(device.their_place) for _ in range(2)
        )
        out = torch.empty_like(a)
        with precision(name, torch):
            seconds = best(THEIRS, lambda _: torch.matmul(a, b, out=out), 3)
            found["TFLOP/s"][name]["PyTorch"] = 2 * n**3 / 1e12 / seconds
            c, d = values()
            made = torch.matmul(*(torch.from_numpy(one).to(device.their_place) for one in (c, d)))
            found["errors"][name]["PyTorch"] = rounding(made.double().cpu().numpy(), exact(c, d))

    def values() -> tuple[np.ndarray, np.ndarray]:
        again = np.random.default_rng(4)
        return tuple(again.standard_normal((SMALL[tiny],) * 2, np.float32) for _ in range(2))  # type: ignore[return-value]

    def tiny_kernels() -> None:
        one, two = xp.ones(1, np.float32), xp.ones(1, np.float32)
        found["us"]["CuPy"], found["us_wall"]["CuPy"] = launches(OURS, lambda _: xp.add(one, one, out=two))

    def their_tiny_kernels() -> None:
        one, two = (torch.ones(1, device=device.their_place) for _ in range(2))
        found["us"]["PyTorch"], found["us_wall"]["PyTorch"] = launches(THEIRS, lambda _: torch.add(one, one, out=two))

    attempt("copy, CuPy", copies)
    for name in (FP32, TF32):
        attempt(f"product in {name}, {LIBRARY}", partial(products, name))
    attempt("launches, CuPy", tiny_kernels)
    if torch is not None:
        attempt("copy, PyTorch", their_copies)
        for name in (FP32, TF32):
            attempt(f"product in {name}, PyTorch", partial(their_products, name))
        attempt("launches, PyTorch", their_tiny_kernels)
    return found


def exact(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return a.astype(np.float64) @ b.astype(np.float64)


def rounding(found: Any, expected: Any) -> float:
    """‖found − expected‖ / ‖expected‖: near 1e-7 in float32 and 3e-4 in TF32, so it tells which one it was."""
    return float(((found - expected) ** 2).sum() ** 0.5 / (expected**2).sum() ** 0.5)


def of(found: Record, name: str) -> tuple[float, float] | None:
    """The ceilings for works in that precision: operations and bytes per second, the better of both libraries."""
    products, copies = found["TFLOP/s"][name].values(), found["TB/s"].values()
    return (max(products) * 1e12, max(copies) * 1e12) if products and copies else None


def lines(found: Record) -> list[str]:
    shown = [f"copy {value:.2f} TB/s ({library})" for library, value in found["TB/s"].items()]
    for name, values in found["TFLOP/s"].items():
        shown += [
            f"product in {name} {value:.1f} TFLOP/s ({library}; error {found['errors'][name].get(library, 0):.0e})"
            for library, value in values.items()
        ]
    shown += [f"launch {value:.1f} us ({library})" for library, value in found["us"].items()]
    return [*shown, *found["problems"]]
