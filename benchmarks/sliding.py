"""`python -m benchmarks.sliding`: a classifier slid over an image, and the same as convolutions, at once.

The paper says it of AlexNet: 1.2 ms for the scores of one 227x227 image on its GPU, and 22 ms for the 10x10 scores of a
500x500 image, more than five times faster than 100 times 1.2 ms. Here for the three classifiers, in full width, with
random weights, as time does not depend on them. One classification and one map of scores are timed in turns; the
ratio is scores · (time of one) / (time of the map), in each pair. What was found is written to
`benchmarks/results/sliding.json` and `sliding.md`. It takes two minutes.
"""

from __future__ import annotations

import json
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.machine import machine
from minifcn import Tensor, no_grad
from minifcn.machine.threads import get_num_threads
from minifcn.models import classifier, image_size
from minifcn.nn import convolutionalise
from minifcn.weights import write_text_atomic

RESULTS = Path(__file__).parent / "results"
NAMES = ("alexnet", "vgg16", "googlenet")
IMAGE, PAIRS = 500, 5
PAPER = "The paper, of AlexNet on its GPU: 1.2 ms one image, 10x10 scores in 22 ms, so 5.5 times as long when slid."


def measured(name: str, width: float = 1.0, image: int = IMAGE, pairs: int = PAIRS) -> dict[str, Any]:
    generator, size = np.random.default_rng(0), image_size(name)
    alone = classifier(name, width=width, generator=generator).eval()
    together = convolutionalise(alone, 3, size)
    small, large = (Tensor(generator.standard_normal((1, 3, n, n)).astype(np.float32)) for n in (size, image))
    with no_grad():
        scores = together(large).shape[2:]
        alone(small)
        times = [(seconds(lambda: alone(small)), seconds(lambda: together(large))) for _ in range(pairs)]
    ratios = sorted(scores[0] * scores[1] * one / all_at_once for one, all_at_once in times)
    return {
        "scores": list(scores),
        "one": statistics.median(one for one, _ in times),
        "together": statistics.median(all_at_once for _, all_at_once in times),
        "ratio": statistics.median(ratios),
        "range": [ratios[0], ratios[-1]],
    }


def seconds(call: Callable[[], Any]) -> float:
    begin = time.perf_counter()
    call()
    return time.perf_counter() - begin


def table(found: dict[str, Any]) -> str:
    lines = [
        "# A classifier slid over an image, and at once",
        "",
        f"`python -m benchmarks.sliding` on {found['machine']['processor']}, {found['machine']['threads']} threads, an "
        f"image of {IMAGE}x{IMAGE}. A classifier that is slid over it takes the time of one image for every score.",
        "",
        f"| classifier | one image | scores | all at once | slid, it takes as many times as long (of {PAIRS} pairs) |",
        "|---|---:|---:|---:|---:|",
    ]
    for name, row in found["classifiers"].items():
        low, high = row["range"]
        lines.append(
            f"| {name}, {image_size(name)}x{image_size(name)} | {1000 * row['one']:.0f} ms | "
            f"{row['scores'][0]}x{row['scores'][1]} | {1000 * row['together']:.0f} ms | "
            f"{row['ratio']:.1f} ({low:.1f} to {high:.1f}) |"
        )
    return "\n".join([*lines, "", PAPER, ""])


def main() -> None:
    if len(sys.argv) > 1:
        sys.exit("usage: python -m benchmarks.sliding, without arguments")
    found: dict[str, Any] = {"machine": machine(get_num_threads()), "classifiers": {}}
    for name in NAMES:
        print(f"{name} ...", flush=True)
        found["classifiers"][name] = measured(name)
    write_text_atomic(RESULTS / "sliding.json", json.dumps(found, indent=1) + "\n")
    write_text_atomic(RESULTS / "sliding.md", table(found))
    print(table(found))


if __name__ == "__main__":
    main()
