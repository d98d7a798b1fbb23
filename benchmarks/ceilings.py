"""What the machine gives, by `python -m benchmarks.ceilings`: no library can be faster, and it explains ratios.

Products of matrices in GFLOP/s, copies in GB/s read and written, what a page of new memory and a second thread cost.
Every number is the median of many runs, made in turn, on two or more cores that should be idle.
"""

from __future__ import annotations

import argparse
import json
import mmap
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from benchmarks.machine import cores, machine
from minifcn.machine.threads import even_parts, for_each, set_num_threads

SIZE, PAGE, COPIED = 2048, 4096, 256 << 20
# The deepest kind of layer in VGG16: 512 to 512 channels at 28x28.
CHANNELS, SIDE = 512, 28
RUNS = 15


def seconds(run: Callable[[], object], inside: AbstractContextManager[Any] | None = None) -> float:
    with inside or nullcontext():
        run()
        found = []
        for _ in range(RUNS):
            begin = time.perf_counter()
            run()
            found.append(time.perf_counter() - begin)
    return median(found)


def products(threads: int) -> dict[str, float]:
    a = np.random.default_rng(0).standard_normal((SIZE, SIZE), np.float32)
    out = np.empty_like(a)
    work = 2 * SIZE**3 / 1e9
    counts = sorted({1, threads})
    made = {
        f"NumPy, a @ b of {SIZE}x{SIZE}, {n} thread{'s' if n > 1 else ''}": work
        / seconds(lambda: np.matmul(a, a, out=out), threadpool_limits(n, "blas"))
        for n in counts
    }
    try:
        import torch
    except ImportError:
        return made
    x, w = torch.randn(1, CHANNELS, SIDE, SIDE), torch.randn(CHANNELS, CHANNELS, 3, 3)
    b = torch.from_numpy(a)
    for n in counts:
        torch.set_num_threads(n)
        name = f"{n} thread{'s' if n > 1 else ''}"
        made[f"PyTorch, a @ b of {SIZE}x{SIZE}, {name}"] = work / seconds(lambda: b @ b)
        layer = 2 * 9 * CHANNELS**2 * SIDE**2 / 1e9
        made[f"PyTorch, 3x3 convolution of {CHANNELS} channels at {SIDE}x{SIDE}, {name}"] = layer / seconds(
            lambda: torch.conv2d(x, w, padding=1)
        )
    return made


def memory(threads: int) -> dict[str, float]:
    a, b = np.ones(COPIED, np.uint8), np.ones(COPIED, np.uint8)

    def speed(n: int) -> float:
        set_num_threads(n)
        parts = even_parts(COPIED, n)
        return 2 * COPIED / 1e9 / seconds(lambda: for_each(lambda part: np.copyto(b[part], a[part]), parts))

    return {f"copy of 256 MiB, {n} thread{'s' if n > 1 else ''}": speed(n) for n in sorted({1, threads})}


def costs(threads: int) -> dict[str, float]:
    def touch() -> None:
        with mmap.mmap(-1, COPIED // 16) as fresh:
            for place in range(0, len(fresh), PAGE):
                fresh[place] = 1

    def touch_again(kept: mmap.mmap) -> None:
        for place in range(0, len(kept), PAGE):
            kept[place] = 1

    pages = COPIED // 16 // PAGE
    with mmap.mmap(-1, COPIED // 16) as kept:
        page = (seconds(touch) - seconds(lambda: touch_again(kept))) / pages
    set_num_threads(max(2, threads))
    numbers = np.random.default_rng(0).standard_normal((2, 50_000))
    made = np.empty_like(numbers)

    def piece(half: int) -> None:
        np.sin(numbers[half], out=made[half])

    shared = seconds(lambda: for_each(piece, range(2))) - seconds(lambda: piece(0))
    return {"a page of new memory (4 KiB)": 1e6 * page, "a work shared by two threads, beyond half of it": 1e6 * shared}


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.ceilings", description=__doc__.partition("\n")[0])
    parser.add_argument("--out", type=Path, help="a JSON file for the numbers, too")
    options = parser.parse_args(arguments)
    threads = cores()
    # Products last: the threads of a BLAS spin for a while when they have nothing to do.
    found = {"µs": costs(threads), "GB/s": memory(threads), "GFLOP/s": products(threads)}
    for unit, values in found.items():
        for name, value in values.items():
            print(f"{value:8.1f} {unit:8} {name}")
    if options.out:
        options.out.parent.mkdir(parents=True, exist_ok=True)
        text = json.dumps({"machine": machine(threads), **found}, indent=1, ensure_ascii=False)
        options.out.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
